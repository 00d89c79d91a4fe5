// Package seal protects the calls that nodes make of each other: it seals and opens their parts for package transport ([Sealer]), and makes a call
// again that a restarted peer has refused unread ([Dial]).
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
package seal
