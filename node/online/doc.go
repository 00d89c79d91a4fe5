// Package online is the online lane of a node: the short calls that nodes make of each other, how they are sealed, and what a node
// does with them by itself. It answers and asks PeerService (Ping, Head, Manifest, Attachment), publishes our manifest and learns
// those of the others, has the peers confirm our head after each start, and fetches the attachments of messages that arrived.
//
// # A sealed part
//
// Package transport gives each part of a call to [Sealer]. A part becomes an online message of package envelope: a fresh nonce, a
// docket that says nothing but the method, signed by our identity key, encrypted to the peer's sealing key of the day, living 30
// seconds. Its content is
//
//	to_boot    16 bytes: the recipient's boot as far as the sender knows it, else zeros
//	from_boot  16 bytes: the sender's own
//	payload    the part
//
// A boot is 16 random bytes that a process draws when it starts.
//
// # Replays
//
// What was opened once is never opened again while it lives: nonces are remembered until the sealing's expiry and the clocks' skew are over,
// in memory, at most so many for each peer; a peer that has used up its share is told to wait.
//
// Memory does not outlive the process, so the first part of a call, which alone makes a node do something, must name the boot of the
// process that opens it. What was sealed for the process before names another boot and is refused, whatever the clocks say; what names this
// one was sealed after it had started, when nonces were already remembered. The refusal is sealed like every answer and carries the boot
// in force, so the caller learns it and calls again: one more round trip after a restart, and nobody is deaf for the minutes that clocks may
// differ. Later parts and answers need no boot: the transport binds them to the random name of a running call.
// The docket of a refusal has no method, for the callee has not read it.
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
// Each of these, found at the start or at any time after, stops the node: [RollbackError].
//
//	a checkpoint of ours that our log does not contain
//	a number of a message of ours that our store has not given out, with the statement that carried it
//	a cosignature of ours over a head of a peer's log that our store does not know to be cosigned
//	a published manifest of ours, newer than what our store had at the start, that it never had
//
// For all four are committed before anybody else learns of them, and all four bear our signature. A number that a peer only claims stops nothing: it
// closes the way to that peer alone (Doubt), until it shows a number that was given out. An older copy of data folder and guard of which nobody outside has anything newer cannot be noticed.
//
// # After a rollback
//
// A node whose log was closed and continued by the next one has its peers give back what was lost: Recover and Resend, see recover.go for the one side
// and giveback.go for the other, and node/README.md for the whole. Nothing of a peer is taken, and no message to it gets a number, before it has answered.
//
// # What grows the log
//
// Recover is an `op` leaf for each 64 messages that go back to their sender; Resend is none, for what is sent again gets its `rcpt` leaves.
//
// Ping, Head, Consistency and Manifest never do, else two nodes would log each other's rounds for ever. Cosign is a `wit` leaf for each new round
// head of a peer, which by itself makes none due: see package witness. A member's new manifest is one `dir` leaf, committed before
// the manifest is used, a few at once and then one a minute, the newest, and 4 MiB of them a day; a stranger's statement is none. Our own is a `dir` leaf, with a `key` leaf
// for each sealing key that it is the first to publish or the first to lack. Each call of Attachment is an `op` leaf, committed before the first
// byte leaves; a peer makes so many calls at once and then one in some seconds. A message whose attachments are all here gets a `whole` leaf.
package online
