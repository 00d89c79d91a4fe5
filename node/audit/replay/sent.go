package replay

import (
	"hash/maphash"

	"github.com/rogatory/rogatory/crypto/translog"
)

// sent is what stays known of a message.
type sent struct {
	token    string
	from, to string
	hour     uint32 // how long the node had provably run when it came, in beats; 0 for those of a log before
	after    bool   // it was submitted after the log began, which goes on from another
}

// sentMessages are all messages by name. There are a great many in a log: it is a table of its own because a map of the same takes half as much memory
// again, and the collector need not look into it.
type sentMessages struct {
	slots  []uint32 // place of a message plus one; a power of two of them
	blocks [][]sentMessage
	count  int

	tokens []string
	token  map[string]uint32 // places in tokens
	ways   [][2]string       // from, to
	way    map[[2]string]uint32
}

// A sentMessage is what is kept of one, in 44 bytes.
type sentMessage struct {
	name       translog.Hash
	token, way uint32
	when       uint32 // its hour, twice, and one more if it came after
}

// sentBlock is how many messages stand in a block. Blocks are never moved.
const sentBlock = 1 << 10

func (m *sentMessages) at(i uint32) *sentMessage { return &m.blocks[i/sentBlock][i%sentBlock] }

// slot returns where the message with a name is noted, or is to be.
func (m *sentMessages) slot(name *translog.Hash) int {
	mask := len(m.slots) - 1
	for i := int(maphash.Bytes(seed, name[:])) & mask; ; i = (i + 1) & mask {
		if at := m.slots[i]; at == 0 || m.at(at-1).name == *name {
			return i
		}
	}
}

// put notes a message, in the place of what was known of it.
func (m *sentMessages) put(name translog.Hash, s sent) {
	if 4*m.count >= 3*len(m.slots) {
		m.slots = make([]uint32, max(1<<10, 2*len(m.slots)))
		for i := range uint32(m.count) {
			m.slots[m.slot(&m.at(i).name)] = i + 1
		}
	}
	if m.token == nil {
		m.token, m.way = map[string]uint32{}, map[[2]string]uint32{}
	}
	x := sentMessage{name: name, token: place(&m.tokens, m.token, s.token), way: place(&m.ways, m.way, [2]string{s.from, s.to}), when: s.hour << 1}
	if s.after {
		x.when++
	}
	at := &m.slots[m.slot(&name)]
	if *at != 0 {
		*m.at(*at - 1) = x
		return
	}
	if m.count%sentBlock == 0 {
		m.blocks = append(m.blocks, make([]sentMessage, 0, sentBlock))
	}
	last := &m.blocks[len(m.blocks)-1]
	*last = append(*last, x)
	m.count++
	*at = uint32(m.count)
}

// place returns where a value stands in a list of all, each once.
func place[T comparable](list *[]T, at map[T]uint32, v T) uint32 {
	i, ok := at[v]
	if !ok {
		i = uint32(len(*list))
		at[v], *list = i, append(*list, v)
	}
	return i
}

func (m *sentMessages) get(name translog.Hash) (sent, bool) {
	if m.count == 0 {
		return sent{}, false
	}
	at := m.slots[m.slot(&name)]
	if at == 0 {
		return sent{}, false
	}
	x := m.at(at - 1)
	way := m.ways[x.way]
	return sent{token: m.tokens[x.token], from: way[0], to: way[1], hour: x.when >> 1, after: x.when&1 == 1}, true
}
