package call

import (
	"testing"

	"github.com/rogatory/rogatory/node/transport/frames"
)

func FuzzInflowGivesOutWhatCameInOrder(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4})
	f.Add([]byte{4, 3, 2, 1, 0})
	f.Add([]byte{0, 0, 2, 2, 1, 1, 4, 3})
	f.Fuzz(func(t *testing.T, order []byte) {
		in := newInflow(&budget{limit: 1 << 20})
		came := map[uint32]bool{}
		for _, n := range order {
			seq := uint32(n % 64)
			if err := in.push(seq, chunk{frames.ChunkPart, []byte{byte(seq)}}); err != nil {
				t.Fatal(err)
			}
			came[seq] = true
		}
		for want := uint32(0); came[want]; want++ {
			sealed, _, _, ok, err := in.tryPart()
			if !ok || err != nil || len(sealed) != 1 || sealed[0] != byte(want) {
				t.Fatalf("part %d: %x %v %v", want, sealed, ok, err)
			}
		}
		if _, _, _, ok, _ := in.tryPart(); ok {
			t.Error("a part after a gap")
		}
		in.drop()
		if used := in.budget.used.Load(); used != 0 {
			t.Errorf("%d bytes still charged", used)
		}
	})
}
