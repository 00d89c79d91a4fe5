package post

import (
	"testing"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A number that no leaf can hold is refused for good: it must not come again for ever.
func TestANumberBeyondWhatALeafHoldsIsRefusedForGood(t *testing.T) {
	for _, seq := range []uint64{translog.MaxInt + 1, 1 << 63, 1<<64 - 1} {
		bubble(t, func(t *testing.T, w *world) {
			rs, bg := w.pair()
			v := w.members["XX"].turn()
			e := v.forge(bg, forgery{raw: func(b []byte) []byte {
				m := &rogatoryv1.Message{}
				must(t, envelope.StrictUnmarshal(b, m, 1<<20))
				name := envelope.Name{1}
				m.Seq, m.Prev = seq, name[:]
				b, err := envelope.Marshal(m)
				must(t, err)
				return b
			}})
			v.mail("BG", e)
			got := v.answers("BG")
			if leaves := w.receipts(bg, got); len(leaves) != 1 {
				t.Errorf("seq %d: %d receipts, advice %v", seq, len(leaves), got.Advice)
			}
			served(t, rs, bg, 0)
		}, "RS", "BG", "XX")
	}
}
