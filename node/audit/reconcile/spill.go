package reconcile

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
)

const (
	// spillSize is how many bytes of records a spill keeps in memory before it sorts them and writes them to its file.
	spillSize = 4 << 20
	// Runs are merged with buffers of mergeSize bytes together, of leastMerge to mostMerge each.
	mergeSize, leastMerge, mostMerge = 4 << 20, 4 << 10, 256 << 10
)

// errSpilled says that what was read back from a spill is not what was written.
var errSpilled = errors.New("temporary file does not hold what was written")

// A spill is a list of records that is given back in their order as bytes, however long it is. What does not fit in memory lies in sorted runs in a
// temporary file that has no name any more, where the system allows that. The zero spill is empty and ready.
type spill struct {
	limit int // 0: spillSize
	buf   []byte
	spans []span
	file  *os.File
	named bool // the file still has its name
	end   int64
	runs  []int64 // where each run ends
}

// A span is a record in buf. Its first bytes as a number settle most comparisons.
type span struct {
	head      uint64
	at, until uint32
}

// add adds a record, which is copied.
func (s *spill) add(record []byte) error {
	if s.limit == 0 {
		s.limit = spillSize
	}
	if len(s.buf) > 0 && len(s.buf)+len(record) > s.limit {
		if err := s.write(); err != nil {
			return fmt.Errorf("writing a temporary file: %w", err)
		}
	}
	var head [8]byte
	copy(head[:], record)
	at := len(s.buf)
	s.buf = append(s.buf, record...)
	s.spans = append(s.spans, span{binary.BigEndian.Uint64(head[:]), uint32(at), uint32(len(s.buf))})
	return nil
}

func (s *spill) sort() {
	slices.SortFunc(s.spans, func(a, b span) int {
		if a.head != b.head {
			return cmp.Compare(a.head, b.head)
		}
		return bytes.Compare(s.buf[a.at:a.until], s.buf[b.at:b.until])
	})
}

// write makes a run of what is in memory.
func (s *spill) write() error {
	if s.file == nil {
		f, err := os.CreateTemp("", "rogatory-reconcile-*")
		if err != nil {
			return err
		}
		s.file, s.named = f, os.Remove(f.Name()) != nil
	}
	s.sort()
	w := bufio.NewWriterSize(io.NewOffsetWriter(s.file, s.end), 64<<10)
	for _, x := range s.spans {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], x.until-x.at)
		if _, err := w.Write(n[:]); err != nil {
			return err
		}
		if _, err := w.Write(s.buf[x.at:x.until]); err != nil {
			return err
		}
		s.end += int64(len(n)) + int64(x.until-x.at)
	}
	s.buf, s.spans, s.runs = s.buf[:0], s.spans[:0], append(s.runs, s.end)
	return w.Flush()
}

// rest lets the memory go until more is added or it is gone through. What never needed a file stays where it is.
func (s *spill) rest() error {
	if s.file == nil {
		return nil
	}
	err := s.write()
	if s.buf, s.spans = nil, nil; err != nil {
		return fmt.Errorf("writing a temporary file: %w", err)
	}
	return nil
}

// close removes the file and forgets the records.
func (s *spill) close() error {
	s.buf, s.spans, s.runs = nil, nil, nil
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if s.named {
		err = errors.Join(err, os.Remove(s.file.Name()))
	}
	s.file = nil
	return err
}

// A merge goes through the records of a spill in order. Until it is at its end nothing is to be added.
type merge struct {
	s    *spill
	next int    // of the records in memory
	runs []*run // a heap, the smallest record on top
	err  error
	on   bool // the top was given out
}

type run struct {
	r      *bufio.Reader
	left   int64 // bytes
	record []byte
}

// merge begins at the first record.
func (s *spill) merge() *merge {
	s.sort()
	m := &merge{s: s}
	at := int64(0)
	for _, until := range s.runs {
		size := min(max(leastMerge, mergeSize/len(s.runs)), mostMerge)
		r := &run{r: bufio.NewReaderSize(io.NewSectionReader(s.file, at, until-at), size), left: until - at}
		if at = until; m.read(r) {
			m.runs = append(m.runs, r)
		}
	}
	for i := len(m.runs)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
	return m
}

// read takes a run's next record.
func (m *merge) read(r *run) bool {
	if r.left == 0 || m.err != nil {
		return false
	}
	var n [4]byte
	if _, m.err = io.ReadFull(r.r, n[:]); m.err != nil {
		return false
	}
	size := int64(binary.BigEndian.Uint32(n[:]))
	if r.left -= int64(len(n)) + size; r.left < 0 {
		m.err = errSpilled
		return false
	}
	r.record = slices.Grow(r.record[:0], int(size))[:size]
	_, m.err = io.ReadFull(r.r, r.record)
	return m.err == nil
}

func (m *merge) sink(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(m.runs); c++ {
			if bytes.Compare(m.runs[c].record, m.runs[least].record) < 0 {
				least = c
			}
		}
		if least == i {
			return
		}
		m.runs[i], m.runs[least] = m.runs[least], m.runs[i]
		i = least
	}
}

// record returns the next record, which is good until the next call, and nil at the end or when fail tells of an error.
func (m *merge) record() []byte {
	if m.on {
		m.on = false
		if top := m.runs[0]; !m.read(top) {
			last := len(m.runs) - 1
			m.runs[0], m.runs = m.runs[last], m.runs[:last]
		}
		m.sink(0)
	}
	if m.err != nil {
		return nil
	}
	var own []byte
	if m.next < len(m.s.spans) {
		x := m.s.spans[m.next]
		own = m.s.buf[x.at:x.until]
	}
	if len(m.runs) > 0 && (own == nil || bytes.Compare(m.runs[0].record, own) < 0) {
		m.on = true
		return m.runs[0].record
	}
	m.next++
	return own
}

// fail returns what went wrong.
func (m *merge) fail() error {
	if m.err != nil {
		return fmt.Errorf("reading a temporary file: %w", m.err)
	}
	return nil
}

// each calls do with every record, in order.
func (s *spill) each(do func(f fields) error) error {
	m := s.merge()
	for b := m.record(); b != nil; b = m.record() {
		if err := do(fields{b}); err != nil {
			return err
		}
	}
	return m.fail()
}

// fields takes a record apart. What is not there is zero: records are as they were written.
type fields struct{ b []byte }

func (f *fields) bytes(n int) []byte {
	n = min(n, len(f.b))
	b := f.b[:n]
	f.b = f.b[n:]
	return b
}

func (f *fields) hash() (h translog.Hash) {
	copy(h[:], f.bytes(len(h)))
	return h
}

func (f *fields) int() int64 {
	var b [8]byte
	copy(b[:], f.bytes(len(b)))
	return int64(binary.BigEndian.Uint64(b[:]))
}

func (f *fields) byte() byte {
	var b [1]byte
	copy(b[:], f.bytes(1))
	return b[0]
}

func (f *fields) flag() bool { return f.byte() == 1 }

func (f *fields) text() string { return string(f.bytes(int(f.int()))) }

// A maker puts a record together.
type maker struct{ b []byte }

func (p *maker) begin() *maker { p.b = p.b[:0]; return p }

func (p *maker) hash(list ...*translog.Hash) *maker {
	for _, h := range list {
		p.b = append(p.b, h[:]...)
	}
	return p
}

func (p *maker) int(list ...int64) *maker {
	for _, v := range list {
		p.b = binary.BigEndian.AppendUint64(p.b, uint64(v))
	}
	return p
}

func (p *maker) byte(v byte) *maker { p.b = append(p.b, v); return p }

func (p *maker) flag(list ...bool) *maker {
	for _, v := range list {
		if v {
			p.b = append(p.b, 1)
		} else {
			p.b = append(p.b, 0)
		}
	}
	return p
}

func (p *maker) text(list ...string) *maker {
	for _, s := range list {
		p.b = append(p.int(int64(len(s))).b, s...)
	}
	return p
}
