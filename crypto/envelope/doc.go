// Package envelope seals messages for one recipient, signs them in batches, and opens them: the only place that touches HPKE and
// batch signatures. It is pure: it reads no clock, no file and no network, and it holds no state but a cache of verified roots.
//
// Sending is Seal, then SignBatch. Receiving is Parse, then the methods of Opening in their order: VerifySignature, Check, Decrypt. Each
// refuses with an *Error that says at which check, and whether to answer, retry, park or drop. Between Check and Decrypt the caller asks
// whether it has seen the message.
//
// The formats are those of rogatory/v1/message.proto and crypto/README.md.
package envelope
