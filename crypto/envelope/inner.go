package envelope

import (
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/bits"
	"slices"
)

// Part is a docket or a content with the salt of its commitment. It prints as "[part]": what it holds never reaches a log.
type Part struct {
	Bytes []byte
	Salt  Salt
}

// String returns "[part]".
func (Part) String() string { return "[part]" }

// Format writes "[part]" for every verb.
func (Part) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[part]") }

// LogValue returns "[part]".
func (Part) LogValue() slog.Value { return slog.StringValue("[part]") }

// MarshalText returns "[part]", so that JSON prints it too.
func (Part) MarshalText() ([]byte, error) { return []byte("[part]"), nil }

// innerHeader is the length of two salts and two lengths.
const innerHeader = 32 + 32 + 4 + 4

// buckets are the lengths of the inner part on the online lane.
var buckets = []int{1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, MaxInner}

// padme returns the length to which n bytes are padded: Padmé (Nikitin et al., PETS 2019), at most 12 % more. It leaks O(log log n) bits.
func padme(n int) int {
	if n < 2 {
		return n
	}
	e := bits.Len(uint(n)) - 1
	s := bits.Len(uint(e))
	mask := 1<<(e-s) - 1
	return (n + mask) &^ mask
}

// paddedSize returns the length of an inner part of n bytes on its lane, or 0 if it is too long. Online it is a bucket not below least.
func paddedSize(lane Lane, n, least int) int {
	if lane == Durable {
		if n = padme(n); n > MaxInner {
			return 0
		}
		return n
	}
	i, _ := slices.BinarySearch(buckets, max(n, least))
	if i == len(buckets) {
		return 0
	}
	return buckets[i]
}

// packInner returns docket salt || content salt || u32be len(docket) || u32be len(content) || docket || content || zero padding.
func packInner(lane Lane, docket, content Part, least int) ([]byte, error) {
	n := innerHeader + len(docket.Bytes) + len(content.Bytes)
	size := paddedSize(lane, n, least)
	if size == 0 {
		return nil, fmt.Errorf("docket and content of %d bytes: %w", n, ErrTooLarge)
	}
	b := make([]byte, 0, size)
	b = append(b, docket.Salt[:]...)
	b = append(b, content.Salt[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(docket.Bytes)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(content.Bytes)))
	b = append(b, docket.Bytes...)
	b = append(b, content.Bytes...)
	return b[:size], nil
}

// unpackInner is the inverse of packInner. The parts share b's memory. ErrMalformed: lengths, padded length or padding are not what
// packInner writes.
func unpackInner(lane Lane, b []byte) (docket, content Part, err error) {
	if len(b) < innerHeader {
		return Part{}, Part{}, fmt.Errorf("%w: inner part is cut short", ErrMalformed)
	}
	d, c := uint64(binary.BigEndian.Uint32(b[64:])), uint64(binary.BigEndian.Uint32(b[68:]))
	if d+c > uint64(len(b)-innerHeader) {
		return Part{}, Part{}, fmt.Errorf("%w: inner lengths", ErrMalformed)
	}
	end := innerHeader + int(d+c)
	least := end
	if lane == Online {
		least = len(b) // any bucket that holds it
	}
	if paddedSize(lane, end, least) != len(b) {
		return Part{}, Part{}, fmt.Errorf("%w: padded length", ErrMalformed)
	}
	for _, x := range b[end:] {
		if x != 0 {
			return Part{}, Part{}, fmt.Errorf("%w: padding is not zero", ErrMalformed)
		}
	}
	mid := innerHeader + int(d)
	docket = Part{Bytes: b[innerHeader:mid:mid], Salt: Salt(b[:32])}
	content = Part{Bytes: b[mid:end:end], Salt: Salt(b[32:64])}
	return docket, content, nil
}

// InnerSize returns the padded length of a durable message's inner part, which leaves give as its size.
func InnerSize(docket, content Part) int {
	return padme(innerHeader + len(docket.Bytes) + len(content.Bytes))
}
