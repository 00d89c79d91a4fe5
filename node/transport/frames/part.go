package frames

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/transport"
)

// A Part is what gets sealed: one step of a call. All integers are big endian.
//
//	label      "rogatory/v1/call" and a zero byte
//	direction  1 byte: 1 request, 2 reply
//	call       16 bytes
//	seq        4 bytes, the part's number in this direction, from 0
//	has        1 byte: bit 0 head, bit 1 message, bit 2 end
//	head       request: method (2 bytes length), timeout in ms (4 bytes), metadata; reply: metadata
//	end        request: nothing; reply: google.rpc.Status (4 bytes length, 0 bytes for OK), metadata
//	message    the rest: the protobuf encoding of the message
//
// Metadata is a count (2 bytes) and as many keys (2 bytes length) with one value each (4 bytes length); keys ascend, a key
// with several values stands several times. The head is in the first part and only there; nothing follows an end.
type Part struct {
	Direction Direction
	Call      CallID
	Seq       uint32
	Head      bool
	HasMsg    bool
	End       bool

	Method   string        // head of a request
	Timeout  time.Duration // head of a request, whole milliseconds
	Header   metadata.MD   // head
	Status   []byte        // end of a reply
	Trailer  metadata.MD   // end of a reply
	Contents []byte        // message
}

// A Direction says who sends a part.
type Direction byte

// The directions.
const (
	ToCallee Direction = 1
	ToCaller Direction = 2
)

const (
	partLabel = "rogatory/v1/call\x00"

	hasHead    = 1
	hasMessage = 2
	hasEnd     = 4

	maxMethod   = 256
	maxMetadata = 64 << 10 // bytes of keys and values of one metadata
	maxPairs    = 256
	maxStatus   = 256 << 10
)

// Marshal encodes p, or fails when a limit is exceeded.
func (p *Part) Marshal() ([]byte, error) {
	if len(p.Contents) > transport.MaxMessage {
		return nil, fmt.Errorf("message of %d bytes: %w", len(p.Contents), transport.ErrTooLarge)
	}
	b := make([]byte, 0, 128+len(p.Status)+len(p.Contents))
	b = append(b, partLabel...)
	b = append(b, byte(p.Direction))
	b = append(b, p.Call[:]...)
	b = binary.BigEndian.AppendUint32(b, p.Seq)
	var has byte
	if p.Head {
		has |= hasHead
	}
	if p.HasMsg {
		has |= hasMessage
	}
	if p.End {
		has |= hasEnd
	}
	b = append(b, has)
	var err error
	if p.Head {
		if p.Direction == ToCallee {
			if len(p.Method) > maxMethod {
				return nil, fmt.Errorf("method name: %w", transport.ErrTooLarge)
			}
			b = binary.BigEndian.AppendUint16(b, uint16(len(p.Method)))
			b = append(b, p.Method...)
			b = binary.BigEndian.AppendUint32(b, uint32(min(max(p.Timeout.Milliseconds(), 1), math.MaxUint32)))
		}
		if b, err = appendMetadata(b, p.Header); err != nil {
			return nil, err
		}
	}
	if p.End && p.Direction == ToCaller {
		if len(p.Status) > maxStatus {
			return nil, fmt.Errorf("status: %w", transport.ErrTooLarge)
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(p.Status)))
		b = append(b, p.Status...)
		if b, err = appendMetadata(b, p.Trailer); err != nil {
			return nil, err
		}
	}
	return append(b, p.Contents...), nil
}

func appendMetadata(b []byte, md metadata.MD) ([]byte, error) {
	pairs, size := 0, 0
	for k, vs := range md {
		if !validKey(k) {
			return nil, fmt.Errorf("metadata key: %w", ErrPart)
		}
		for _, v := range vs {
			pairs++
			size += len(k) + len(v)
		}
	}
	if pairs > maxPairs || size > maxMetadata {
		return nil, fmt.Errorf("metadata: %w", transport.ErrTooLarge)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(pairs))
	for _, k := range slices.Sorted(maps.Keys(md)) {
		for _, v := range md[k] {
			b = binary.BigEndian.AppendUint16(b, uint16(len(k)))
			b = append(b, k...)
			b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
			b = append(b, v...)
		}
	}
	return b, nil
}

// ParsePart reads what marshal wrote and nothing else. The result aliases b.
func ParsePart(b []byte) (*Part, error) {
	r := reader{b: b}
	p := &Part{}
	if string(r.take(len(partLabel))) != partLabel {
		return nil, fmt.Errorf("label: %w", ErrPart)
	}
	p.Direction = Direction(r.u8())
	copy(p.Call[:], r.take(len(p.Call)))
	p.Seq = r.u32()
	has := r.u8()
	if r.bad || p.Direction != ToCallee && p.Direction != ToCaller || has == 0 || has > hasHead|hasMessage|hasEnd {
		return nil, fmt.Errorf("direction or contents: %w", ErrPart)
	}
	p.Head, p.HasMsg, p.End = has&hasHead != 0, has&hasMessage != 0, has&hasEnd != 0
	if p.Head != (p.Seq == 0) {
		return nil, fmt.Errorf("head not first: %w", ErrPart)
	}
	if p.Head {
		if p.Direction == ToCallee {
			p.Method = string(r.take(r.upTo(int(r.u16()), maxMethod)))
			p.Timeout = time.Duration(r.u32()) * time.Millisecond
			if p.Timeout == 0 {
				return nil, fmt.Errorf("timeout: %w", ErrPart)
			}
		}
		p.Header = r.metadata()
	}
	if p.End && p.Direction == ToCaller {
		p.Status = r.take(r.upTo(int(r.u32()), maxStatus))
		p.Trailer = r.metadata()
	}
	if r.bad {
		return nil, fmt.Errorf("cut short or over a limit: %w", ErrPart)
	}
	if !p.HasMsg && len(r.b) != 0 {
		return nil, fmt.Errorf("trailing bytes: %w", ErrPart)
	}
	if len(r.b) > transport.MaxMessage {
		return nil, fmt.Errorf("message: %w", transport.ErrTooLarge)
	}
	if p.HasMsg {
		p.Contents = r.b
	}
	return p, nil
}

// A reader takes fields off b. After the first that does not fit, bad is set and all else is empty.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return nil
	}
	f := r.b[:n:n]
	r.b = r.b[n:]
	return f
}

func (r *reader) u8() byte {
	if f := r.take(1); f != nil {
		return f[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if f := r.take(2); f != nil {
		return binary.BigEndian.Uint16(f)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if f := r.take(4); f != nil {
		return binary.BigEndian.Uint32(f)
	}
	return 0
}

func (r *reader) upTo(n, limit int) int {
	if n > limit {
		r.bad = true
		return 0
	}
	return n
}

func (r *reader) metadata() metadata.MD {
	pairs := r.upTo(int(r.u16()), maxPairs)
	if pairs == 0 {
		return nil
	}
	md := metadata.MD{}
	size, last := 0, ""
	for range pairs {
		k := string(r.take(r.upTo(int(r.u16()), maxMetadata)))
		v := string(r.take(r.upTo(int(r.u32()), maxMetadata)))
		size += len(k) + len(v)
		if r.bad || size > maxMetadata || !validKey(k) || k < last {
			r.bad = true
			return nil
		}
		md[k] = append(md[k], v)
		last = k
	}
	return md
}

// validKey accepts the key alphabet of gRPC's metadata.
func validKey(k string) bool {
	for i := range len(k) {
		c := k[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return k != ""
}

// EncodeStatus returns nothing for OK. A status too large to carry loses its details, then its end.
func EncodeStatus(st *status.Status) []byte {
	if st.Code() == codes.OK {
		return nil
	}
	pb := st.Proto()
	if st.Code() > codes.Unauthenticated {
		pb.Code = int32(codes.Unknown)
	}
	if b, err := proto.Marshal(pb); err == nil && len(b) <= maxStatus {
		return b
	}
	pb.Details = nil
	pb.Message = strings.ToValidUTF8(pb.Message[:min(len(pb.Message), 1024)], "")
	b, err := proto.Marshal(pb)
	if err != nil {
		return []byte{0x08, byte(codes.Unknown)} // field 1: the code alone
	}
	return b
}

// DecodeStatus reads what encodeStatus wrote.
func DecodeStatus(b []byte) (*status.Status, error) {
	if len(b) == 0 {
		return status.New(codes.OK, ""), nil
	}
	var st statuspb.Status
	if err := proto.Unmarshal(b, &st); err != nil {
		return nil, fmt.Errorf("status: %w", ErrPart)
	}
	if st.Code <= 0 || st.Code > int32(codes.Unauthenticated) {
		return nil, fmt.Errorf("status code: %w", ErrPart)
	}
	return status.FromProto(&st), nil
}
