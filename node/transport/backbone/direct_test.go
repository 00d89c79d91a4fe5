package backbone_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/backbone"
)

func TestWhatIsSentPassesTheMailboxByAndWhatIsPublishedStillComes(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{})
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
	r := newRig(t, backbone.StreamOptions{})
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
