package transport_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rogatory/rogatory/node/transport"
)

func TestWhatIsSentPassesTheMailboxByAndWhatIsPublishedStillComes(t *testing.T) {
	t.Parallel()
	r := newRig(t, transport.StreamOptions{})
	rs, bg := r.open("RS", transport.CallOptions{}), r.open("BG", transport.CallOptions{})
	ctx := within(t, 20*time.Second)
	// By turns, so that a request for the mailbox is open whenever something passes it by.
	for i := range 10 {
		send := rs.Send
		if i%3 == 2 {
			send = func(to string, frame []byte) error { return rs.Publish(ctx, to, frame) }
		}
		want := fmt.Sprintf("frame %d", i)
		if err := send("BG", []byte(want)); err != nil {
			t.Fatal(err)
		}
		f, err := receiveOne(ctx, bg, "RS")
		if err != nil || string(f.Data) != want {
			t.Fatalf("got %q, %v, want %q", f.Data, err, want)
		}
		if err := f.Ack(); err != nil {
			t.Error(err)
		}
	}
	if _, err := bg.Receive(within(t, 300*time.Millisecond), "RS", 1<<20); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want nothing more", err)
	}
}

func TestASentFrameComesUnderItsSendersName(t *testing.T) {
	t.Parallel()
	r := newRig(t, transport.StreamOptions{})
	rs, bg := r.open("RS", transport.CallOptions{}), r.open("BG", transport.CallOptions{})
	if err := rs.Send("BG", []byte("from RS")); err != nil {
		t.Fatal(err)
	}
	if _, err := bg.Receive(within(t, 300*time.Millisecond), "NO", 1<<20); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v as from NO", err)
	}
	if f, err := receiveOne(within(t, 10*time.Second), bg, "RS"); err != nil || string(f.Data) != "from RS" || f.Nak(time.Second) != nil {
		t.Errorf("got %q, %v", f.Data, err)
	}
}

func TestAFloodOfSentFramesIsBounded(t *testing.T) {
	t.Parallel()
	m := transport.NewMemory(transport.MemoryOptions{}, members...)
	rs, bg := m.Port("RS"), m.Port("BG")
	for range 1000 {
		if err := rs.Send("BG", make([]byte, transport.MaxDirect)); err != nil {
			t.Fatal(err)
		}
	}
	got := 0
	for ctx := within(t, 2*time.Second); ; {
		frames, err := bg.Receive(ctx, "RS", 1<<20)
		if err != nil {
			break
		}
		if len(frames) > 64 {
			t.Fatalf("%d frames were held", len(frames))
		}
		got += len(frames)
	}
	if got == 0 {
		t.Error("nothing came")
	}
}

func TestSendRefusesWhatNobodyWouldTake(t *testing.T) {
	t.Parallel()
	m := transport.NewMemory(transport.MemoryOptions{}, members...)
	rs := m.Port("RS")
	for _, c := range []struct {
		to    string
		frame []byte
		want  error
	}{
		{"BG", nil, transport.ErrEmpty},
		{"BG", bytes.Repeat([]byte{1}, transport.MaxDirect+1), transport.ErrTooLarge},
		{"RS", []byte{1}, transport.ErrCountry},
	} {
		if err := rs.Send(c.to, c.frame); !errors.Is(err, c.want) {
			t.Errorf("%d bytes to %s: %v, want %v", len(c.frame), c.to, err, c.want)
		}
	}
	m.Disconnect("RS")
	if err := rs.Send("BG", []byte{1}); !errors.Is(err, transport.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
