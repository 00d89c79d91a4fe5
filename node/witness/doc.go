// Package witness is what makes every member a witness of every other one's log (C2SP tlog-witness, tlog-cosignature): a log that shows
// two histories is found, and nobody has to trust its operator.
//
// # A round
//
//	ask       if anything but `wit` and `cos` leaves was logged since the last round head: one checkpoint, the round head, goes to all peers,
//	          each with a consistency proof from the size that it cosigned last. Whoever has not cosigned is asked again, round by round; who does not answer less and less, until it is heard of
//	cosign    a peer's round head: both signatures of the log, the proof, or at the first head the genesis leaf that the directory names;
//	          ONE transaction: `wit` leaf and the head as cosigned; then the head guard; then the two signature lines leave the house
//	collect   when the quorum of the other members is there, and a moment for the rest has passed: ONE transaction: `cos` leaf with the
//	          cosigned checkpoint beside it. What comes later is added to the kept head and makes no leaf
//	prove     heads that came otherwise, with receipts, manifests, exchanges of heads and as gossip of third members, are only seen.
//	          Every round the log has to show that all of them and the cosigned ones are heads of one tree
//
// # What never happens
//
// Two roots of one size are never cosigned, nor a smaller size after a larger one: the store refuses it, in the transaction. A crash before the
// commit has told nobody of the signature; a crash after it finds the lines in the store, and whoever asks again for that head gets the same
// ones. A node whose data folder was rolled back is shown its own cosignature of a larger head by the log that holds it: [RollbackError].
// While a node is uncleared it cosigns nothing.
//
// Rounds start no storm: `wit` and `cos` make no round head due, so nodes that have nothing to log fall silent, and a head costs each peer one leaf.
//
// # A fork
//
// Two heads of one size, or a consistency proof that leads to another past, stop the cosigning of that log, and so does a log that answers
// [strikes] demands in a row without a proof that verifies. The proof is kept (store.ForkLog, ForkTree, ForkUnproven), the operator is told once, and only
// an operator's word takes it up again. A log that does not answer at all is not cosigned until it does.
package witness
