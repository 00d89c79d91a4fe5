// Package call makes and answers gRPC calls over frames that a backbone carries, may lose, repeat and reorder: unary and streaming, with deadlines,
// cancellation, status with details, and metadata. An [Endpoint] is one country's side; its backbone serves it by a [Line] and carries its frames on
// a [Wire].
//
// # On the wire
//
// A part (frames.Part) is a step of a call: head, message, end, or several of them at once; a unary call is one part
// each way. The part names its call, direction, number and, in the first, the method, and is sealed as a whole;
// so the backbone cannot move it elsewhere, reorder it, or cut a stream short unnoticed. The sealed part is split into frames
// no longer than the backbone's largest message. Frame headers are in clear and are not
// believed: whoever forges one can stop a call, which a backbone can always do by dropping it.
//
// Replaying a whole call is for the Sealer to refuse (it knows nonces and clocks). The transport itself only
// ignores repeated frames of calls it remembers.
package call
