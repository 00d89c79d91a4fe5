package backbone_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/backbone"
)

func TestFramesArriveInOrderAndLeaveWhenAcked(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{})
	rs, bg := r.open("RS", transport.CallOptions{}), r.open("BG", transport.CallOptions{})
	ctx := within(t, 20*time.Second)
	for i := range 5 {
		if err := rs.Publish(ctx, "BG", fmt.Appendf(nil, "frame %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	var got []transport.Frame
	for len(got) < 5 {
		frames, err := bg.Receive(ctx, "RS", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, frames...)
	}
	for i, f := range got {
		if want := fmt.Sprintf("frame %d", i); string(f.Data) != want {
			t.Errorf("got %q, want %q", f.Data, want)
		}
		if err := f.Ack(); err != nil {
			t.Error(err)
		}
	}
	if _, err := bg.Receive(within(t, 300*time.Millisecond), "RS", 1<<20); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want no frame until the deadline", err)
	}
}

func TestReceiveWaitsForTheFirstFrame(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{})
	rs, bg := r.open("RS", transport.CallOptions{}), r.open("BG", transport.CallOptions{})
	ctx := within(t, 20*time.Second)
	got := make(chan error, 1)
	go func() {
		frames, err := bg.Receive(ctx, "RS", 1<<20)
		if err == nil && (len(frames) != 1 || string(frames[0].Data) != "late") {
			err = fmt.Errorf("got %d frames", len(frames))
		}
		got <- err
	}()
	if err := rs.Publish(ctx, "BG", []byte("late")); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}

func TestNakBringsTheFrameAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{})
	rs, bg := r.open("RS", transport.CallOptions{}), r.open("BG", transport.CallOptions{})
	ctx := within(t, 20*time.Second)
	if err := rs.Publish(ctx, "BG", []byte("again")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		frames, err := bg.Receive(ctx, "RS", 1<<20)
		if err != nil || len(frames) != 1 || string(frames[0].Data) != "again" {
			t.Fatalf("got %d frames, %v", len(frames), err)
		}
		if err := frames[0].Nak(50 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFloodMeetsItsLimitAndTakesNobodysRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{FramesPerSender: 3})
	rs, no := r.open("RS", transport.CallOptions{}), r.open("NO", transport.CallOptions{})
	ctx := within(t, 20*time.Second)
	for range 3 {
		if err := rs.Publish(ctx, "BG", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := rs.Publish(ctx, "BG", []byte("x")); !errors.Is(err, transport.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if err := no.Publish(ctx, "BG", []byte("x")); err != nil {
		t.Errorf("another sender: %v", err)
	}
}

func TestFrameLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{})
	rs, bg := r.open("RS", transport.CallOptions{}), r.open("BG", transport.CallOptions{})
	ctx := within(t, 20*time.Second)
	largest := bytes.Repeat([]byte{7}, transport.MaxFrame)
	if err := rs.Publish(ctx, "BG", largest); err != nil {
		t.Errorf("largest frame: %v", err)
	}
	frames, err := bg.Receive(ctx, "RS", 1)
	if err != nil || len(frames) != 1 || !bytes.Equal(frames[0].Data, largest) {
		t.Errorf("largest frame: got %d frames, %v", len(frames), err)
	}
	if err := rs.Publish(ctx, "BG", append(largest, 7)); !errors.Is(err, transport.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if err := rs.Publish(ctx, "BG", nil); !errors.Is(err, transport.ErrEmpty) {
		t.Errorf("got %v, want ErrEmpty", err)
	}
	for _, to := range []string{"", "bg", "B.", "*", ">", "BGR", "B\n"} {
		if err := rs.Publish(ctx, to, []byte("x")); !errors.Is(err, transport.ErrCountry) {
			t.Errorf("to %q: got %v, want ErrCountry", to, err)
		}
	}
}

func TestStatementsShowTheCurrentOneAndUpdates(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{})
	rs, bg := r.open("RS", transport.CallOptions{}), r.open("BG", transport.CallOptions{})
	ctx := within(t, 20*time.Second)
	for _, s := range []string{"RS 1", "RS 2"} {
		if err := rs.PutStatement(ctx, "manifest", []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	if err := bg.PutStatement(ctx, "manifest", []byte("BG 1")); err != nil {
		t.Fatal(err)
	}
	if err := bg.PutStatement(ctx, "directory", []byte("other kind")); err != nil {
		t.Fatal(err)
	}
	seen := make(chan string, 16)
	done := make(chan error, 1)
	go func() {
		done <- bg.WatchStatements(ctx, "manifest", func(from string, b []byte) { seen <- from + ": " + string(b) })
	}()
	expect := func(wants ...string) {
		t.Helper()
		left := map[string]bool{}
		for _, w := range wants {
			left[w] = true
		}
		for len(left) > 0 {
			select {
			case s := <-seen:
				if !left[s] {
					t.Errorf("unexpected %q", s)
				}
				delete(left, s)
			case err := <-done:
				t.Fatalf("ended: %v; missing %v", err, left)
			}
		}
	}
	expect("RS: RS 2", "BG: BG 1")
	if err := rs.PutStatement(ctx, "manifest", []byte("RS 3")); err != nil {
		t.Fatal(err)
	}
	expect("RS: RS 3")
}

func TestReceiveKeepsToItsBytesAndComesBackForTheRest(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{})
	rs, bg := r.open("RS", transport.CallOptions{}), r.open("BG", transport.CallOptions{})
	ctx := within(t, 20*time.Second)
	for i := range 8 {
		if err := rs.Publish(ctx, "BG", bytes.Repeat([]byte{byte(i)}, 900<<10)); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < 8; {
		frames, err := bg.Receive(ctx, "RS", 2<<20)
		if err != nil {
			t.Fatal(err)
		}
		// What one pull leaves behind comes before the next one asks, so that both may come together.
		if len(frames) > 4 {
			t.Errorf("%d frames of 900 KiB, asked for 2 MiB", len(frames))
		}
		for _, f := range frames {
			if f.Data[0] != byte(i) {
				t.Errorf("frame %d came as number %d", f.Data[0], i)
			}
			i++
			f.Ack()
		}
	}
}

func TestFramesInFlightAreBoundedAndAcksMakeRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{InFlight: 2})
	rs, bg := r.open("RS", transport.CallOptions{}), r.open("BG", transport.CallOptions{})
	ctx := within(t, 20*time.Second)
	for range 3 {
		if err := rs.Publish(ctx, "BG", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	var held []transport.Frame
	for len(held) < 2 {
		frames, err := bg.Receive(ctx, "RS", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, frames...)
	}
	if len(held) != 2 {
		t.Fatalf("%d frames in flight", len(held))
	}
	if _, err := bg.Receive(within(t, 300*time.Millisecond), "RS", 1<<20); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third in flight: %v", err)
	}
	start := time.Now()
	for _, f := range held {
		if err := f.Ack(); err != nil {
			t.Fatal(err)
		}
	}
	frames, err := bg.Receive(ctx, "RS", 1<<20)
	if err != nil || len(frames) != 1 {
		t.Fatalf("after the acks: %d frames, %v", len(frames), err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("the third came after %v", d)
	}
}

func TestOneSendersFramesWaitForNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{InFlight: 1})
	rs, no, bg := r.open("RS", transport.CallOptions{}), r.open("NO", transport.CallOptions{}), r.open("BG", transport.CallOptions{})
	ctx := within(t, 20*time.Second)
	for range 3 {
		if err := rs.Publish(ctx, "BG", []byte("bad")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := bg.Receive(ctx, "RS", 1<<20); err != nil { // never acked
		t.Fatal(err)
	}
	if err := no.Publish(ctx, "BG", []byte("good")); err != nil {
		t.Fatal(err)
	}
	if f, err := receiveOne(ctx, bg, "NO"); err != nil || string(f.Data) != "good" {
		t.Errorf("got %q, %v", f.Data, err)
	}
}

func TestFramesMeantForAReceiveThatWentAwayReachTheNext(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{InFlight: 4})
	rs, bg := r.open("RS", transport.CallOptions{}), r.open("BG", transport.CallOptions{})
	ctx := within(t, 20*time.Second)
	for range 20 {
		if _, err := bg.Receive(within(t, 5*time.Millisecond), "RS", 1<<20); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
	}
	for i := range 10 {
		if err := rs.Publish(ctx, "BG", []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	for i := 0; i < 10; {
		frames, err := bg.Receive(ctx, "RS", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range frames {
			if f.Data[0] != byte(i) {
				t.Errorf("frame %d came as number %d", f.Data[0], i)
			}
			i++
			f.Ack()
		}
	}
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("took %v", d)
	}
}
