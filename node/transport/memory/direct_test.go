package memory_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/memory"
)

func TestAFloodOfSentFramesIsBounded(t *testing.T) {
	t.Parallel()
	m := memory.New(memory.Options{}, members...)
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
	m := memory.New(memory.Options{}, members...)
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
