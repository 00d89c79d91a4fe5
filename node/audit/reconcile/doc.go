// Package reconcile holds two countries' exported logs against each other: what one sent, the other has received or refused; what one holds a
// receipt for, stands there in the other's log; every head that one holds of the other is one that the other's log had; and once all has
// arrived, both see the same state of a case.
//
// # Findings
//
//	a message that was receipted is not in the other log                                         E-ABSENT-PEER
//	a message of this country that the other holds is not in this log                            E-ABSENT-OWN
//	both hold a message and say different things of it                                           E-DIFF
//	a receipt's leaf is not the one that stands there in the other log                           E-RCPT-OTHER
//	a head that the other log never had; signed by its keeper                                    E-HEAD; E-FORK
//	a head larger than the other log, which has leaves that are younger                          E-ROLLBACK
//	the two see different states of a case, or different limits                                  E-STATE, E-DEADLINE
//	a message that is there and not yet receipted, or still under way                            W-UNRECEIPTED
//	an export ends too early to say, as that of a log does which was closed after a rollback:
//	what was lost stands in the next one, if it came back                                        W-UNKNOWN
//
// # Memory
//
// What the logs say of each other is sorted by message in temporary files, which have no name while they are used, and held together there: beside the
// findings, memory does not grow with the logs. The two replays run one after the other and keep what replay keeps of each case, and nothing of the first is
// left but a file when the second begins. [Options.LogsAlone] does without them.
//
// Integrity and lawfulness of each log are for packages audit and replay; nothing here is believed because it stands in both.
package reconcile
