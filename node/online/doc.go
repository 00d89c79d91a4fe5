// Package online is the online lane of a node: the short sealed calls that nodes make of each other, and what a node does with them by itself. A
// [Lane] answers and asks PeerService, has the peers confirm our head after each start, and exchanges heads with them ever after. What else goes over
// these calls has packages of its own, which the Lane puts together:
//
//	seal        how each part of a call is sealed, opened once and never again
//	manifests   ours is made and published, those of the others are learned
//	rollback    what peers show of ours proves that our store is older
//	recovery    what a node that has lost its last days has its peers give back
//	giveback    what it gives back to a peer that has
//	attachment  the ciphertexts of attachments, fetched and sent
//
// # A start
//
// The log's rule, in short: a node that starts does not know whether its store is the newest. Until a majority of the members of whom a manifest is
// known (any one, if these are fewer than three) has shown what it has of ours, or that it has nothing, the node is
// uncleared: it signs no checkpoint and neither sends nor takes on the durable lane. It answers Head and Manifest all the while, so that nodes
// which were all cut at once clear each other. A call of Head shows as much as its answer does, so either counts. Those who are
// there answer at once, so a node with its majority waits for the others for a moment, and for its own statement.
//
// What only one peer has seen of ours a majority does not know. So the office is told of each peer apart when its exchange has shown nothing unknown
// (Confirm), and gives no number to a message to one that was not. Peers that are away are asked on.
//
// What proves a rollback (package rollback), then or at any time after, stops the node. A number that a peer only claims stops nothing: it closes the
// way to that peer alone (Doubt), until it shows a number that was given out.
//
// # What grows the log
//
// Ping, Head, Consistency and Manifest never do, else two nodes would log each other's rounds for ever. Cosign is a `wit` leaf for each new round
// head of a peer, which by itself makes none due: see package witness. Attachment is an `op` leaf for each call, Recover one for each 64 messages
// that go back to their sender; Resend is none, for what is sent again gets its `rcpt` leaves. A peer makes so many such calls at once and then one
// in some seconds.
package online
