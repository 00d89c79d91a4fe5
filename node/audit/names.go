package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"

	"github.com/rogatory/rogatory/crypto/translog"
)

// A short is the first half of a hash, enough to tell honest things apart and more than anybody can make meet.
type short [16]byte

func shorten(h translog.Hash) short { return short(h[:16]) }

// What a name stands for.
const (
	sentMsg uint8 = iota + 1
	arrivedMsg
	rejectedMsg
)

// A message is what the ordered pass keeps of one: 88 bytes.
type message struct {
	name   translog.Hash
	fixed  short // of what the message fixes
	index  int64
	at     int64
	peer   uint16
	rcptOf uint16 // the peer's log that has receipted it, plus one
	what   uint8
	whole  bool
	docket bool // it is beside the leaf
}

// names finds messages by name. It is a table of its own because a map of the same takes twice the memory. Messages stand in blocks, which are never
// moved.
type names struct {
	seed   maphash.Seed
	blocks [][]message
	count  int
	slots  []uint32 // position plus one; a power of two of them
}

// blockSize is how many messages stand in a block.
const blockSize = 1 << 10

// at returns the message at a position.
func (n *names) at(i int) *message { return &n.blocks[i/blockSize][i%blockSize] }

func newNames() *names {
	return &names{seed: maphash.MakeSeed(), slots: make([]uint32, 1024)}
}

func (n *names) slot(name *translog.Hash) int {
	mask := len(n.slots) - 1
	for i := int(maphash.Bytes(n.seed, name[:])) & mask; ; i = (i + 1) & mask {
		if at := n.slots[i]; at == 0 || n.at(int(at-1)).name == *name {
			return i
		}
	}
}

// find returns the message with this name, nil when there is none.
func (n *names) find(name translog.Hash) *message {
	if at := n.slots[n.slot(&name)]; at != 0 {
		return n.at(int(at - 1))
	}
	return nil
}

// add adds a message whose name is new.
func (n *names) add(m message) {
	if 4*n.count >= 3*len(n.slots) {
		n.slots = make([]uint32, 2*len(n.slots))
		for i := range n.count {
			n.slots[n.slot(&n.at(i).name)] = uint32(i + 1)
		}
	}
	if n.count%blockSize == 0 {
		n.blocks = append(n.blocks, make([]message, 0, blockSize))
	}
	last := &n.blocks[len(n.blocks)-1]
	*last = append(*last, m)
	n.count++
	n.slots[n.slot(&m.name)] = uint32(n.count)
}

// fixedOf returns a digest of all that a message fixes, as [translog.SameMessage] compares it.
func fixedOf(m *translog.Msg) short {
	b := make([]byte, 0, 160)
	b = append(b, byte(len(m.From)))
	b = append(b, m.From...)
	b = append(b, byte(len(m.To)))
	b = append(b, m.To...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Epoch))
	b = binary.BigEndian.AppendUint64(b, uint64(m.Seq))
	b = append(b, m.Prev[:]...)
	b = append(b, m.DocketCommit[:]...)
	b = append(b, m.ContentCommit[:]...)
	return shorten(sha256.Sum256(b))
}

// A lane is the numbers of one sender to one recipient in one epoch, as runs without a gap. What arrives may arrive out of order.
type lane struct{ runs []run }

// A run is the numbers from lo to hi.
type run struct {
	lo, hi         int64
	before, newest translog.Hash // prev of lo, name of hi
}

// put adds a number. dup says that it is there; prev that a neighbour names another message.
func (l *lane) put(seq int64, name, prev translog.Hash) (dup, other bool) {
	i := len(l.runs)
	for i > 0 && l.runs[i-1].lo > seq {
		i--
	}
	// runs[i-1] begins at or before seq, runs[i] behind it.
	if i > 0 && seq <= l.runs[i-1].hi {
		return true, false
	}
	left := i > 0 && l.runs[i-1].hi == seq-1
	right := i < len(l.runs) && l.runs[i].lo == seq+1
	if left && l.runs[i-1].newest != prev || right && l.runs[i].before != name {
		other = true
	}
	switch {
	case left && right:
		l.runs[i-1].hi, l.runs[i-1].newest = l.runs[i].hi, l.runs[i].newest
		l.runs = append(l.runs[:i], l.runs[i+1:]...)
	case left:
		l.runs[i-1].hi, l.runs[i-1].newest = seq, name
	case right:
		l.runs[i].lo, l.runs[i].before = seq, prev
	default:
		l.runs = append(l.runs, run{})
		copy(l.runs[i+1:], l.runs[i:])
		l.runs[i] = run{seq, seq, prev, name}
	}
	return false, other
}

// last returns the largest number and its name.
func (l *lane) last() (int64, translog.Hash) {
	if len(l.runs) == 0 {
		return 0, translog.Hash{}
	}
	r := l.runs[len(l.runs)-1]
	return r.hi, r.newest
}

// heads remembers signed heads of peers' logs, as many as two receipts of one bundle can lie apart, in two generations.
type heads struct{ young, old map[head]translog.Hash }

type head struct {
	log  uint16
	size int64
}

const maxHeads = 1 << 16

func (h *heads) find(k head) (translog.Hash, bool) {
	if root, ok := h.young[k]; ok {
		return root, true
	}
	root, ok := h.old[k]
	return root, ok
}

func (h *heads) put(k head, root translog.Hash) {
	if h.young == nil || len(h.young) >= maxHeads {
		h.old, h.young = h.young, map[head]translog.Hash{}
	}
	h.young[k] = root
}
