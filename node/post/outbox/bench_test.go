package outbox

import (
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
)

// BenchmarkBacklog packs one frame after another out of a backlog of 100,000 messages, whose receipts come at once.
func BenchmarkBacklog(b *testing.B) {
	q := New()
	kid := keyring.KID{1}
	text := make([]byte, 6<<10)
	seq := uint64(0)
	fill := func() {
		for q.Len() < 100_000 {
			seq++
			q.Add(Place{1, seq}, envelope.Name{byte(seq), byte(seq >> 8), byte(seq >> 16), byte(seq >> 24)}, Sealed{text, kid, time.Now().Add(time.Hour)})
			q.cached = 0 // else what comes later is not kept
		}
	}
	fill()
	b.ReportAllocs()
	for b.Loop() {
		q.Pick()
		envelopes, _ := q.Pack(1 << 20)
		sent := make([]Place, len(envelopes))
		for i := range sent {
			sent[i] = q.hand[i].Place
		}
		q.Published(len(sent), false)
		for _, at := range sent {
			q.Drop(at)
		}
		q.Due()
		fill()
	}
}
