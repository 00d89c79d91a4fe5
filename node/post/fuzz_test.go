package post

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/transport"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Whatever a peer puts into a frame, nothing panics and nothing that it has not signed makes the log grow.
func FuzzFrameFromPeer(f *testing.F) {
	w := newWorld(f, "RS", "BG")
	bg := w.members["BG"]
	bg.open(nil)
	o := New(Config{
		Country: "BG", Store: bg.store, Net: bg.port, Peers: bg.book, Identity: bg.ring.Identity, Sealing: bg.sealing, Log: bg.log, Desk: bg.desk,
		Logger: slog.New(slog.DiscardHandler),
	})
	o.Clear()
	for peer := range o.lanes {
		o.Confirm(peer)
	}
	bg.office = o
	f.Cleanup(func() { bg.halt() })
	v := w.members["RS"].turn()
	f.Cleanup(func() { must(f, v.store.Close()) })
	// What is signed for BG was taken before: it is known by the time its variants come.
	good := v.honest(bg)
	l := o.lanes["RS"]
	take := func(t testing.TB, b []byte) {
		if len(b) == 0 || len(b) > transport.MaxFrame {
			return // the backbone does not carry it
		}
		ctx := context.Background()
		must(t, v.port.Publish(ctx, "BG", b))
		frames, err := bg.port.Receive(ctx, "RS", receiveBytes)
		must(t, err)
		must(t, l.take(ctx, frames))
	}
	marshal := func(m *rogatoryv1.Frame) []byte {
		b, err := envelope.Marshal(m)
		must(f, err)
		return b
	}
	take(f, marshal(&rogatoryv1.Frame{Envelopes: [][]byte{good}}))
	size := bg.size()
	if size != 1 {
		f.Fatalf("%d leaves", size)
	}
	name := envelope.Name{1}
	f.Add([]byte{})
	f.Add(marshal(&rogatoryv1.Frame{Envelopes: [][]byte{good}}))
	f.Add(marshal(&rogatoryv1.Frame{Envelopes: [][]byte{good[:40], {}, good[40:]}}))
	f.Add(marshal(&rogatoryv1.Frame{Envelopes: [][]byte{v.forge(bg, forgery{now: time.Now().Add(time.Hour)})}}))
	f.Add(marshal(&rogatoryv1.Frame{Receipts: []*rogatoryv1.Receipts{v.prove(&translog.Rej{Code: "unit", From: "BG", Msg: translog.Hash(name)})}}))
	f.Add(marshal(&rogatoryv1.Frame{Advice: []*rogatoryv1.Advice{{Msg: name[:], Code: rogatoryv1.AdviceCode_ADVICE_CODE_BUSY, RetryAfterMs: 1}}}))
	f.Add(unknownField(marshal(&rogatoryv1.Frame{Envelopes: [][]byte{good}})))
	f.Fuzz(func(t *testing.T, b []byte) {
		take(t, b)
		if n := bg.store.Head().Size; n != size {
			t.Errorf("%d leaves", n)
		}
		l.mu.Lock()
		l.answers, l.advice = nil, nil
		l.mu.Unlock()
	})
}
