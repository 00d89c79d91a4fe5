package memory_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fullstorydev/grpchan/grpchantesting"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/memory"
)

func TestUnackedFrameComesAgainAfterAckWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memory.New(memory.Options{}, members...)
		rs, bg := m.Port("RS"), m.Port("BG")
		if err := rs.Publish(t.Context(), "BG", []byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := receiveOne(t.Context(), bg, "RS"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		bg = m.Port("BG") // the node restarts; its mailbox stays
		f, err := receiveOne(t.Context(), bg, "RS")
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != transport.AckWait {
			t.Errorf("came again after %v, want %v", d, transport.AckWait)
		}
		if err := f.Ack(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := bg.Receive(ctx, "RS", 1<<20); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want no frame", err)
		}
	})
}

func TestFramesWaitOutACut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memory.New(memory.Options{}, members...)
		rs, bg := m.Port("RS"), m.Port("BG")
		m.Cut("RS", "BG")
		if err := rs.Publish(t.Context(), "BG", []byte("x")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		go func() {
			time.Sleep(72 * time.Hour)
			m.Heal("RS", "BG")
		}()
		if _, err := receiveOne(t.Context(), bg, "RS"); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != 72*time.Hour {
			t.Errorf("arrived after %v", d)
		}
	})
}

func TestACountryWithoutBackboneFailsAtOnceAndHearsWhenItIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memory.New(memory.Options{}, members...)
		rs, bg := m.Port("RS"), m.Port("BG")
		received := make(chan error, 1)
		go func() {
			_, err := rs.Receive(t.Context(), "BG", 1<<20)
			received <- err
		}()
		synctest.Wait()
		changed := rs.Changed()
		m.Disconnect("RS")
		if err := <-received; !errors.Is(err, transport.ErrUnavailable) {
			t.Errorf("waiting Receive: %v", err)
		}
		<-changed
		if rs.Connected() {
			t.Error("still connected")
		}
		if err := rs.Publish(t.Context(), "BG", []byte("x")); !errors.Is(err, transport.ErrUnavailable) {
			t.Errorf("publish: %v", err)
		}
		if err := bg.Publish(t.Context(), "RS", []byte("x")); err != nil {
			t.Errorf("the other side: %v", err)
		}
		changed = rs.Changed()
		m.Connect("RS")
		<-changed
		if _, err := receiveOne(t.Context(), rs, "BG"); err != nil {
			t.Error(err)
		}
	})
}

func TestCallToACutOffPeerEndsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memory.New(memory.Options{Calls: inClear}, members...)
		rs := m.Port("RS")
		grpchantesting.RegisterTestServiceServer(rs, &grpchantesting.TestServer{})
		defer bubbleServe(rs)()
		client := grpchantesting.NewTestServiceClient(m.Port("BG").Dial("RS"))
		m.Cut("RS", "BG")
		start := time.Now()
		_, err := client.Unary(t.Context(), &grpchantesting.Message{})
		if status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
		if d := time.Since(start); d != 30*time.Second {
			t.Errorf("ended after %v, want the default of 30 s", d)
		}
		m.Heal("RS", "BG")
		m.Delay("RS", "BG", time.Second)
		start = time.Now()
		if _, err := client.Unary(t.Context(), &grpchantesting.Message{Payload: []byte("x")}); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("took %v, want a second each way", d)
		}
	})
}

func TestDroppedFramesAreLostThoughPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memory.New(memory.Options{Seed: 1}, members...)
		rs, bg := m.Port("RS"), m.Port("BG")
		m.Drop(1)
		if err := rs.Publish(t.Context(), "BG", []byte("lost")); err != nil {
			t.Fatal(err)
		}
		m.Drop(0)
		m.Duplicate(1)
		if err := rs.Publish(t.Context(), "BG", []byte("twice")); err != nil {
			t.Fatal(err)
		}
		frames, err := bg.Receive(t.Context(), "RS", 1<<20)
		if err != nil || len(frames) != 2 || string(frames[0].Data) != "twice" || string(frames[1].Data) != "twice" {
			t.Errorf("got %d frames, %v", len(frames), err)
		}
	})
}

func TestMemoryMailboxIsFullForOneSenderOnly(t *testing.T) {
	m := memory.New(memory.Options{FramesPerSender: 2}, members...)
	rs, no := m.Port("RS"), m.Port("NO")
	for range 2 {
		if err := rs.Publish(t.Context(), "BG", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := rs.Publish(t.Context(), "BG", []byte("x")); !errors.Is(err, transport.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if err := no.Publish(t.Context(), "BG", []byte("x")); err != nil {
		t.Errorf("another sender: %v", err)
	}
}

func TestMemoryStatementsShowTheCurrentOneAndUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memory.New(memory.Options{}, members...)
		rs, bg := m.Port("RS"), m.Port("BG")
		if err := rs.PutStatement(t.Context(), "manifest", []byte("1")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		seen := make(chan string, 4)
		done := make(chan error, 1)
		go func() {
			done <- bg.WatchStatements(ctx, "manifest", func(from string, b []byte) { seen <- from + string(b) })
		}()
		if s := <-seen; s != "RS1" {
			t.Errorf("got %q", s)
		}
		if err := rs.PutStatement(t.Context(), "manifest", []byte("2")); err != nil {
			t.Fatal(err)
		}
		if s := <-seen; s != "RS2" {
			t.Errorf("got %q", s)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
}
