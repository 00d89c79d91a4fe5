package replay

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
)

func TestWhatWasPutOfAMessageIsWhatStaysKnown(t *testing.T) {
	name := func(i int) (h translog.Hash) {
		binary.BigEndian.PutUint32(h[28:], uint32(i))
		return h
	}
	what := func(i int) sent {
		return sent{token: fmt.Sprint("RS-", i/4), from: [2]string{"RS", "BG"}[i%2], to: [3]string{"BG", "", "GR"}[i%3], hour: uint32(i), after: i%5 == 0}
	}
	var m sentMessages
	if _, ok := m.get(name(0)); ok {
		t.Error("something is known of nothing")
	}
	const n = 10_000
	for i := range n {
		m.put(name(i), sent{token: "other"})
	}
	for i := range n {
		m.put(name(i), what(i))
	}
	for i := range n {
		if got, ok := m.get(name(i)); !ok || got != what(i) {
			t.Fatalf("%d: %+v, %t", i, got, ok)
		}
	}
	if _, ok := m.get(name(n)); ok || m.count != n {
		t.Errorf("%d messages are known", m.count)
	}
}
