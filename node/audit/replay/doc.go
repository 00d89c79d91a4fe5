// Package replay folds an exported log once more by the rules that its node had to keep, so that every state, every deadline and every
// decision comes out again, and judges whether what was done was lawful. Whether the archive is what was signed is for [audit.Verify] to say.
//
// # What is folded
//
// Each `case` leaf is one step of exchange.Apply. Its event is put together from the leaf and what stands beside it: the message's leaf and
// docket for what was sent or arrived, the peer's receipt for what was received, the local docket and the assertion for what a person did.
// Nothing else goes in: no clock, no locale, no order of maps or goroutines. The register of officers, the directory and its calendars, the
// country's own policy and the manifests that say what is answered automatically are those which the log named before that leaf.
//
// # Findings
//
//	judgement                                                          code
//	step that the state does not allow, or by somebody else            E-TRANS
//	step without its message; a sent or arrived step of nobody         E-TRANS
//	message without its step; receipt without its step                 E-STATE
//	state, event or object of a step differs; state leaf differs       E-STATE
//	decision that does not follow, or that is missing                  E-STATE
//	decision to answer where the rules give none, or under a policy
//	that is not in force; reply alone that no rule lets answer         E-RIGHT
//	assertion missing, forged, reused, of another act or time, by
//	somebody not on the register, of another unit, without the right   E-RIGHT
//	approval or ratification by the drafter; sent without approval     E-RIGHT
//	reading, handing over or disclosing without justification; notice
//	that nobody released, or that one person did                       E-RIGHT
//	erasure without two people, or on hold; tombstone without its
//	step, or over what the step did not erase; dockets destroyed on
//	hold or before the end of their term                               E-RIGHT
//	erased again as after a recovery: in a first log, submitted after
//	the recovery, or hours after it was there again                    E-RIGHT
//	refusal by a rule that is not in force or does not refuse; at a
//	receipt, a peer's by a rule that does not decide                   E-RIGHT
//	step of an erasure without its tombstone, or one that leaves out
//	what was erased                                                    E-MISSING
//	limit differs from that in the leaf or in the state's snapshot     E-DEADLINE
//	`received` without the receipt                                     E-RCPT-MISSING
//	docket or record missing without a tombstone                       E-MISSING
//	log that goes on from another and does not begin with its cases    E-STATE
//	docket gone by a tombstone, and no snapshot after it; a case of
//	the log before in a log that says nothing of it                    W-UNKNOWN (INCOMPLETE)
//
// Of a case whose dockets went with their term, what leaves and assertions tell is judged: the README of package audit says what that is.
//
// A leaf that cannot be judged has no effect on its case, and replay goes on. What one officer sent alone on danger to life and nobody
// ratified in time is no finding about the log: it stands in [Result.Flags].
//
// # Behind a rollback
//
// The log that a recovery opened begins with the enrolments of the logs before and with all cases in `state` leaves: they are taken as they are, and
// folding goes on from there. What was decided or signed there behind these cases is not judged again. Given the [Saved] state of the log before, at the
// size and root that the genesis names, its cases must be those of the opening.
//
// # From a later point
//
// A [Saved] state, or the snapshots beside the `state` leaves, stand in for what came before them. The leaves before are still read, for
// registers, policies, nonces and numbers, but no step is made and no signature checked.
package replay
