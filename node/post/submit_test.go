package post

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
)

// What cannot be sealed for anybody is refused at once, and concerns its caller only.
func TestWhatNobodyWouldTakeIsRefusedAtSubmit(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, _ := w.pair()
		ctx := context.Background()
		_, err := rs.office.Submit(ctx, []Outgoing{rs.outgoing("BG", "RS-1", strings.Repeat("x", envelope.MaxInner))}, opens("RS-1"))
		if !errors.Is(err, envelope.ErrTooLarge) {
			t.Errorf("a content beyond the limit: %v", err)
		}
		out := rs.outgoing("BG", "RS-1", "short")
		out.Docket = part(make([]byte, maxDocket+1))
		if _, err = rs.office.Submit(ctx, []Outgoing{out}, opens("RS-1")); !errors.Is(err, envelope.ErrTooLarge) {
			t.Errorf("a docket beyond the limit: %v", err)
		}
		if _, err = rs.office.Submit(ctx, []Outgoing{rs.outgoing("XX", "RS-1", "short")}, opens("RS-1")); !errors.Is(err, ErrStranger) {
			t.Errorf("a stranger: %v", err)
		}
		if _, err = rs.office.Submit(ctx, nil, opens()); !errors.Is(err, ErrBatchSize) {
			t.Errorf("no message: %v", err)
		}
		if rs.size() != 0 {
			t.Error("a leaf was left")
		}
	}, "RS", "BG")
}

// A node that stands still between numbering and commit, as a machine does that is suspended, numbers anew: limits go by what a message says.
func TestAMessageSaysTheTimeOfItsLeaf(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs := w.members["RS"]
		stands := true
		rs.start(func(c *Config) {
			c.Step = func(point string) {
				if point == StepSealed && stands {
					stands = false
					time.Sleep(3 * time.Hour)
				}
			}
		})
		sent, err := rs.office.Submit(context.Background(), []Outgoing{rs.outgoing("BG", "RS-1", "text")}, opens("RS-1"))
		must(t, err)
		if stands || sent[0].At-sent[0].Submitted > staleAfter.Milliseconds() {
			t.Errorf("submitted %d ms before its leaf", sent[0].At-sent[0].Submitted)
		}
	}, "RS", "BG")
}

func TestAFailingCallerConcernsNobodyElse(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		failed := errors.New("failed on purpose")
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				token := fmt.Sprint("RS-", i)
				out := []Outgoing{rs.outgoing("BG", token, "text")}
				if i%5 == 1 {
					out[0].Unit = "nobody" // whose content has no key
				}
				_, err := rs.office.Submit(context.Background(), out, func(tx *store.Tx, sent []Sent) error {
					if err := opens(token)(tx, sent); err != nil || i%5 != 0 {
						return err
					}
					return failed
				})
				switch i % 5 {
				case 0:
					if !errors.Is(err, failed) {
						t.Errorf("caller %d: %v", i, err)
					}
				case 1:
					if err == nil {
						t.Errorf("caller %d without a unit succeeded", i)
					}
				default:
					if err != nil {
						t.Errorf("caller %d: %v", i, err)
					}
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Second)
		next := int64(1)
		for _, e := range rs.leaves(0) {
			if m, ok := e.(*translog.Msg); ok {
				if m.Seq != next {
					t.Errorf("number %d after %d", m.Seq, next-1)
				}
				next++
			}
		}
		for i := range 60 {
			want := i%5 > 1
			if token := fmt.Sprint("RS-", i); (rs.story(token) != nil) != want || (bg.story(token) != nil) != want {
				t.Errorf("case %s: %q and %q", token, rs.story(token), bg.story(token))
			}
		}
	}, "RS", "BG")
}

func TestAFullOutboxRefusesForItsRecipientOnly(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs := w.members["RS"]
		rs.start(func(c *Config) { c.OutboxPerPeer = 5 })
		w.net.Disconnect("RS")
		var wg sync.WaitGroup
		var mu sync.Mutex
		full := 0
		for i := range 20 { // together: the bound holds within a batch
			wg.Go(func() {
				token := fmt.Sprint("RS-", i)
				_, err := rs.office.Submit(context.Background(), []Outgoing{rs.outgoing("BG", token, "text")}, opens(token))
				mu.Lock()
				defer mu.Unlock()
				if errors.Is(err, ErrOutboxFull) {
					full++
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if full != 15 || rs.waiting("BG") != 5 {
			t.Errorf("%d refused, %d wait", full, rs.waiting("BG"))
		}
		rs.send("HU", "RS-HU")
		bg := w.members["BG"]
		bg.start()
		w.net.Connect("RS")
		time.Sleep(time.Minute)
		rs.send("BG", "RS-later")
	}, "RS", "BG", "HU")
}

func TestSubmitAfterTheEndIsToldSo(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs := w.members["RS"]
		rs.start()
		must(t, rs.stop())
		rs.stop = nil
		for range 2000 { // more than the queue holds
			if _, err := rs.office.Submit(context.Background(), []Outgoing{rs.outgoing("BG", "RS-1", "text")}, opens("RS-1")); !errors.Is(err, ErrStopped) {
				t.Fatalf("got %v", err)
			}
		}
		if rs.size() != 0 {
			t.Error("something was committed")
		}
	}, "RS", "BG")
}

func TestSubmitBeforeClearingIsRefusedAndOneThatIsCancelledHasNoEffect(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs := w.members["RS"]
		rs.open(nil)
		o := New(Config{Country: "RS", Store: rs.store, Net: rs.port, Peers: rs.book, Identity: rs.ring.Identity, Sealing: rs.sealing, Log: rs.log, Desk: rs.desk})
		out := []Outgoing{rs.outgoing("BG", "RS-1", "text")}
		if _, err := o.Submit(context.Background(), out, opens("RS-1")); !errors.Is(err, ErrUncleared) {
			t.Errorf("before clearing: %v", err)
		}
		if _, _, err := o.Checkpoint(0); !errors.Is(err, ErrUncleared) {
			t.Errorf("checkpoint before clearing: %v", err)
		}
		o.Clear()
		o.Clear()
		if _, err := o.Submit(context.Background(), out, opens("RS-1")); !errors.Is(err, ErrUnconfirmed) {
			t.Errorf("before the recipient has shown what it has: %v", err)
		}
		o.Confirm("BG")
		o.Doubt("BG")
		if _, err := o.Submit(context.Background(), out, opens("RS-1")); !errors.Is(err, ErrUnconfirmed) || o.Open("BG") {
			t.Errorf("when the recipient's claim is doubted: %v", err)
		}
		o.Confirm("BG")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second) // nobody numbers yet
		defer cancel()
		if _, err := o.Submit(ctx, out, opens("RS-1")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v", err)
		}
		run, end := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- o.Run(run) }()
		synctest.Wait()
		end()
		must(t, <-done)
		if rs.size() != 0 {
			t.Error("a cancelled call had an effect")
		}
	}, "RS", "BG")
}

func TestManyCallersAtOnceOnBothSides(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		var wg sync.WaitGroup
		for i := range 40 {
			for _, m := range []*member{rs, bg} {
				wg.Go(func() {
					to := map[string]string{"RS": "BG", "BG": "RS"}[m.code]
					for j := range 5 {
						m.send(to, fmt.Sprintf("%s-%d-%d", m.code, i, j))
					}
				})
			}
		}
		wg.Wait()
		time.Sleep(time.Minute)
		if rs.waiting("BG")+bg.waiting("RS") != 0 {
			t.Error("messages wait")
		}
		for i := range 40 {
			for j := range 5 {
				if a, b := bg.story(fmt.Sprintf("RS-%d-%d", i, j)), rs.story(fmt.Sprintf("BG-%d-%d", i, j)); len(a) != 1 || len(b) != 1 {
					t.Fatalf("%q and %q", a, b)
				}
			}
		}
	}, "RS", "BG")
}
