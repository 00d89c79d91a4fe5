package exchange_test

import (
	"testing"

	"github.com/rogatory/rogatory/node/exchange"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func BenchmarkApplyReply(b *testing.B) {
	p, q := begun(b)
	d := reply(rogatoryv1.Outcome_OUTCOME_PROVIDED, true)
	d.Of = q[:]
	e := exchange.Event{Kind: exchange.EventArrived, Msg: exchange.Name{'r'}, Docket: docket(d), From: "BG", To: "RS", Who: exchange.Peer, At: p.now, Sent: p.now}
	c := *p.sides["RS"]
	b.Run("apply", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := exchange.Apply(c, e, p.rules); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Encode()
		}
	})
	b.Run("decode", func(b *testing.B) {
		enc := c.Encode()
		b.SetBytes(int64(len(enc)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := exchange.Decode(enc); err != nil {
				b.Fatal(err)
			}
		}
	})
}
