package audit

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
)

func nameOf(n int64) (h translog.Hash) {
	if n > 0 {
		binary.BigEndian.PutUint64(h[:], uint64(n))
	}
	return h
}

// Numbers may arrive in any order: whoever is told of a duplicate or of a wrong neighbour is told so by any of them.
func TestLaneKnowsDuplicatesAndNeighboursInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		l, seen := lane{}, map[int64]bool{}
		for range 60 {
			seq := r.Int64N(40) + 1
			dup, other := l.put(seq, nameOf(seq), nameOf(seq-1))
			if dup != seen[seq] || other {
				t.Fatalf("number %d: dup %t, other %t, seen %t", seq, dup, other, seen[seq])
			}
			seen[seq] = true
		}
		for i := range l.runs {
			if l.runs[i].lo > l.runs[i].hi || i > 0 && l.runs[i-1].hi >= l.runs[i].lo-1 {
				t.Fatalf("runs %v", l.runs)
			}
		}
	}
	for _, late := range []int64{1, 2, 3} { // one of three names another predecessor; it arrives last
		l := lane{}
		for seq := int64(1); seq <= 3; seq++ {
			if seq != late {
				l.put(seq, nameOf(seq), nameOf(seq-1))
			}
		}
		if _, other := l.put(late, nameOf(99), nameOf(98)); !other {
			t.Errorf("%d with another name and predecessor was taken", late)
		}
	}
}

func TestNamesFindsWhatWasAdded(t *testing.T) {
	n := newNames()
	for i := int64(1); i < 20_000; i++ {
		if n.find(nameOf(i)) != nil {
			t.Fatalf("%d is there before it was added", i)
		}
		n.add(message{name: nameOf(i), index: i})
	}
	for i := int64(1); i < 20_000; i++ {
		if m := n.find(nameOf(i)); m == nil || m.index != i {
			t.Fatalf("%d is not found", i)
		}
	}
}
