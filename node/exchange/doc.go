// Package exchange is what two countries do with one question: the states of a case, the events that move it, the clocks
// that limit it.
//
// Apply(case, event, rules) is a pure function. It reads no clock, zone, locale or file of the host, keeps nothing, and
// gives the same case for the same input on every machine: a node runs it inside the transaction that logs the event, and
// an auditor who trusts no operator runs it again over the log. Its inputs are the event's docket (codes and tokens,
// never content), the times in signed leaves, and the rules whose digests are logged.
//
// # How both sides come to the same state
//
// Messages travel out of order and cross. A case therefore keeps the set of messages of each round (a round begins with the
// request, a reopening, or a decision that upholds an objection), and what both sides share (State, Clock, consents,
// corrections) is a function of that set, never of the order of arrival. The state tables say who may make which step from
// which state; strictly for what one's own side does, leniently for what a peer did when it could not know better. A
// message that follows one that is not here yet waits in the case.
//
// A withdrawal and a final reply can cross. The answering log's order decides: a node that holds the withdrawal cannot send
// the reply (the step is illegal, and the auditor finds who did it all the same). So a final reply that exists was sent
// before the withdrawal came, and both sides end answered: the answering side when the withdrawal arrives late, the asking
// side when the reply arrives. Crossed tells that it happened.
//
// # Clocks
//
// Every time that starts or stops a clock is the recipient's signed receipt of the message that does; every time that ends
// one is the submission time its sender signed. Both sides hold both. Limits are rows of a table of package rules,
// zones and holidays come from package calendar.
//
// The package imports the generated messages, rules, calendar and the standard library only.
package exchange
