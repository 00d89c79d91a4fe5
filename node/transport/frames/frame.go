// Package frames is the form of a call on the wire: parts, each a step of the call and sealed as a whole, and the frames in which sealed parts travel.
// It decides nothing and waits for nothing; package call does.
package frames

import (
	"encoding/binary"
	"fmt"

	"github.com/rogatory/rogatory/node/transport"
)

// HeaderLen is how many bytes of a frame of the online lane stand before its body:
//
//	version  1 byte, 1
//	kind     1 byte
//	call     16 bytes, random, chosen by the caller
//	seq      4 bytes big endian; the frame's number in this direction for chunks, 0 otherwise
//	body     chunk: 1 byte or more of a sealed part; credit: 8 bytes; reset: 1 byte; mail: a frame of the durable lane
//
// Mail belongs to no call: its call is zeros.
//
// Nothing here is authentic. What matters is repeated inside the sealed part.
const HeaderLen = 1 + 1 + 16 + 4

const frameVersion = 1

// A Kind says what the body of a frame is.
type Kind byte

// The kinds.
const (
	ChunkMore Kind = 1 // a chunk, the part goes on in the next
	ChunkPart Kind = 2 // a chunk that ends a part
	ChunkLast Kind = 3 // a chunk that ends a part, the last in this direction
	Credit    Kind = 4 // body: how many chunk bytes the receiver of this frame may have sent in total
	Reset     Kind = 5 // body: why the call is over for the sender of this frame
	Mail      Kind = 6 // body: a frame of the durable lane that passes the mailbox by
)

// IsChunk reports whether the body is a chunk of a part.
func (k Kind) IsChunk() bool { return k >= ChunkMore && k <= ChunkLast }

// A Reason says why a call ended without a sealed status.
type Reason byte

// The reasons.
const (
	Cancelled Reason = 1 // the caller gave up, or the callee stops
	Busy      Reason = 2 // over the callee's limits; try later
	Refused   Reason = 3 // not understood or not authentic
)

// A CallID names a call: random, chosen by the caller.
type CallID [16]byte

// Header is what stands in a frame before its body.
type Header struct {
	Kind Kind
	Call CallID
	Seq  uint32
}

// Append appends the frame of header h and body to b.
func Append(b []byte, h Header, body []byte) []byte {
	b = append(b, frameVersion, byte(h.Kind))
	b = append(b, h.Call[:]...)
	b = binary.BigEndian.AppendUint32(b, h.Seq)
	return append(b, body...)
}

// Parse splits a frame into header and body; body aliases b.
func Parse(b []byte) (h Header, body []byte, err error) {
	if len(b) <= HeaderLen {
		return h, nil, fmt.Errorf("%d bytes: %w", len(b), ErrFrame)
	}
	if b[0] != frameVersion {
		return h, nil, fmt.Errorf("version %d: %w", b[0], ErrFrame)
	}
	h.Kind = Kind(b[1])
	copy(h.Call[:], b[2:18])
	h.Seq = binary.BigEndian.Uint32(b[18:HeaderLen])
	body = b[HeaderLen:]
	switch {
	case h.Kind.IsChunk():
		return h, body, nil
	case h.Seq != 0:
		return h, nil, fmt.Errorf("number on a frame that has none: %w", ErrFrame)
	case h.Kind == Credit && len(body) == 8:
		return h, body, nil
	case h.Kind == Mail && len(body) <= transport.MaxDirect && h.Call == CallID{}:
		return h, body, nil
	case h.Kind == Reset && len(body) == 1 && body[0] >= 1 && body[0] <= 3:
		return h, body, nil
	}
	return h, nil, fmt.Errorf("kind %d with %d bytes: %w", h.Kind, len(body), ErrFrame)
}
