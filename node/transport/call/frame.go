package call

import (
	"encoding/binary"
	"fmt"

	"github.com/rogatory/rogatory/node/transport"
)

// A frame of the online lane:
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
const headerLen = 1 + 1 + 16 + 4

const frameVersion = 1

type frameKind byte

const (
	chunkMore  frameKind = 1 // a chunk, the part goes on in the next
	chunkPart  frameKind = 2 // a chunk that ends a part
	chunkLast  frameKind = 3 // a chunk that ends a part, the last in this direction
	kindCredit frameKind = 4 // body: how many chunk bytes the receiver of this frame may have sent in total
	kindReset  frameKind = 5 // body: why the call is over for the sender of this frame
	kindMail   frameKind = 6 // body: a frame of the durable lane that passes the mailbox by
)

func (k frameKind) isChunk() bool { return k >= chunkMore && k <= chunkLast }

// A resetReason says why a call ended without a sealed status.
type resetReason byte

const (
	resetCancelled resetReason = 1 // the caller gave up, or the callee stops
	resetBusy      resetReason = 2 // over the callee's limits; try later
	resetRefused   resetReason = 3 // not understood or not authentic
)

type callID [16]byte

type frameHeader struct {
	kind frameKind
	call callID
	seq  uint32
}

// appendFrame appends the frame of header h and body to b.
func appendFrame(b []byte, h frameHeader, body []byte) []byte {
	b = append(b, frameVersion, byte(h.kind))
	b = append(b, h.call[:]...)
	b = binary.BigEndian.AppendUint32(b, h.seq)
	return append(b, body...)
}

// parseFrame splits a frame into header and body; body aliases b.
func parseFrame(b []byte) (h frameHeader, body []byte, err error) {
	if len(b) <= headerLen {
		return h, nil, fmt.Errorf("%d bytes: %w", len(b), ErrFrame)
	}
	if b[0] != frameVersion {
		return h, nil, fmt.Errorf("version %d: %w", b[0], ErrFrame)
	}
	h.kind = frameKind(b[1])
	copy(h.call[:], b[2:18])
	h.seq = binary.BigEndian.Uint32(b[18:headerLen])
	body = b[headerLen:]
	switch {
	case h.kind.isChunk():
		return h, body, nil
	case h.seq != 0:
		return h, nil, fmt.Errorf("number on a frame that has none: %w", ErrFrame)
	case h.kind == kindCredit && len(body) == 8:
		return h, body, nil
	case h.kind == kindMail && len(body) <= transport.MaxDirect && h.call == callID{}:
		return h, body, nil
	case h.kind == kindReset && len(body) == 1 && body[0] >= 1 && body[0] <= 3:
		return h, body, nil
	}
	return h, nil, fmt.Errorf("kind %d with %d bytes: %w", h.kind, len(body), ErrFrame)
}
