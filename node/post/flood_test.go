package post

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func TestParkedEnvelopesAreBoundedReleasedAndDropped(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.members["RS"], w.members["BG"]
		rs.start()
		bg.start(func(c *Config) { c.ParkedMax = 3 })
		v := w.members["XX"].turn()
		strange := func() []byte {
			e := v.forge(bg, forgery{docket: unknownField(docket(t, "XX-unknown").Bytes)})
			v.sent(bg, e)
			return e
		}
		one, two := strange(), strange()
		v.mail("BG", one, one, two)
		v.mail("BG", strange(), strange(), strange())
		parked := bg.parked()
		if len(parked) != 3 {
			t.Fatalf("%d are parked", len(parked))
		}
		codes := map[rogatoryv1.AdviceCode]int{}
		for _, a := range v.answers("BG").Advice {
			codes[a.Code]++
		}
		if codes[rogatoryv1.AdviceCode_ADVICE_CODE_PARKED] != 4 || codes[rogatoryv1.AdviceCode_ADVICE_CODE_BUSY] != 2 {
			t.Errorf("advice: %v", codes)
		}
		bg.halt() // what is parked is known after a restart
		bg.start(func(c *Config) { c.ParkedMax = 3 })
		v.mail("BG", one)
		if n := len(bg.parked()); n != 3 {
			t.Fatalf("%d are parked after a restart", n)
		}
		v.answers("BG")

		ctx := context.Background()
		if _, err := bg.office.Unpark(ctx, parked[0].GetId(), false); !errors.Is(err, ErrStillNotUnderstood) {
			t.Errorf("releasing: %v", err)
		}
		if _, err := bg.office.Unpark(ctx, 99, true); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an unknown one: %v", err)
		}
		if _, err := bg.office.Unpark(ctx, parked[0].GetId(), true); err != nil {
			t.Errorf("dropping: %v", err)
		}
		synctest.Wait()
		leaves := w.receipts(bg, v.answers("BG"))
		if len(leaves) != 1 {
			t.Fatalf("%d receipts of a dropped one", len(leaves))
		}
		if r, ok := leaves[0].Entry.(*translog.Rej); !ok || r.Code != RejectDropped {
			t.Errorf("receipt is %v", leaves[0].Entry)
		}
		v.mail("BG", one) // answered with that receipt
		if leaves := w.receipts(bg, v.answers("BG")); len(leaves) != 1 || len(bg.parked()) != 2 {
			t.Errorf("%d receipts, %d parked", len(leaves), len(bg.parked()))
		}
		// A later version understands: the test puts an ordinary envelope in the place of a parked one.
		good := v.honest(bg)
		_, err := bg.store.Update(ctx, func(tx *store.Tx) error {
			if err := tx.Unpark(parked[1].GetId()); err != nil {
				return err
			}
			_, err := tx.Park(&storev1.Parked{Peer: "XX", Msg: parked[1].GetMsg(), Envelope: good, Reason: "not-understood", AtMs: 1})
			return err
		})
		must(t, err)
		all := bg.parked()
		token, err := bg.office.Unpark(ctx, all[len(all)-1].GetId(), false)
		if err != nil || token != "XX-case" {
			t.Errorf("releasing: %q, %v", token, err)
		}
		synctest.Wait()
		if leaves := w.receipts(bg, v.answers("BG")); len(leaves) != 1 || len(bg.story("XX-case")) != 1 {
			t.Error("a released one is not receipted")
		}
		// There is room again.
		v.mail("BG", strange())
		if n := len(bg.parked()); n != 2 {
			t.Errorf("%d are parked", n)
		}
		served(t, rs, bg, 0)
	}, "RS", "BG", "XX")
}

// What is parked is bounded in bytes for each peer, and takes none of the disk's last room; what does not fit stays with the peer.
func TestParkedEnvelopesAreBoundedInBytesAndLeaveRoomOnTheDisk(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.members["RS"], w.members["BG"]
		rs.start()
		v := w.members["XX"].turn()
		strange := func() []byte {
			e := v.forge(bg, forgery{docket: unknownField(docket(t, "XX-unknown").Bytes)})
			v.sent(bg, e)
			return e
		}
		first, second, third := strange(), strange(), strange()
		bound := int64(len(first) + len(second))
		full := false
		start := func() {
			bg.start(func(c *Config) {
				c.ParkedBytes = bound
				c.Room = func(n int64) error {
					if full || n <= 0 {
						return store.ErrDisk
					}
					return nil
				}
			})
		}
		start()
		told := func(want ...rogatoryv1.AdviceCode) {
			t.Helper()
			var codes []rogatoryv1.AdviceCode
			for _, a := range v.answers("BG").Advice {
				if codes = append(codes, a.Code); a.RetryAfterMs == 0 {
					t.Error("no time to come again")
				}
			}
			if !slices.Equal(codes, want) {
				t.Errorf("advice %v, not %v", codes, want)
			}
		}
		const parked, busy = rogatoryv1.AdviceCode_ADVICE_CODE_PARKED, rogatoryv1.AdviceCode_ADVICE_CODE_BUSY
		full = true
		v.mail("BG", first)
		told(busy)
		full = false
		v.mail("BG", first, second, third)
		told(parked, parked, busy)
		bg.halt()
		start()
		v.mail("BG", third, first)
		told(busy, parked)
		if n := len(bg.parked()); n != 2 {
			t.Fatalf("%d are parked", n)
		}
		if _, err := bg.office.Unpark(context.Background(), bg.parked()[0].GetId(), true); err != nil {
			t.Fatal(err)
		}
		v.answers("BG")
		v.mail("BG", third) // there is room again
		told(parked)
		served(t, rs, bg, 0)
	}, "RS", "BG", "XX")
}

// A refusal for good is kept with its proof: it takes none of the disk's last room either, and is made when there is some again.
func TestWhatIsRefusedForGoodLeavesRoomOnTheDisk(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.members["RS"], w.members["BG"]
		rs.start()
		var full atomic.Bool
		bg.start(func(c *Config) {
			c.Room = func(int64) error {
				if full.Load() {
					return store.ErrDisk
				}
				return nil
			}
		})
		v := w.members["XX"].turn()
		from := bg.size()
		full.Store(true)
		var sent [][]byte
		for i := range 20 {
			b := []byte{0xff}
			if i%2 == 0 {
				b = nil // the desk's to judge
			}
			e := v.forge(bg, forgery{docket: b})
			v.sent(bg, e)
			sent = append(sent, e)
		}
		v.mail("BG", sent...)
		for _, a := range v.answers("BG").Advice {
			if a.Code != rogatoryv1.AdviceCode_ADVICE_CODE_BUSY || a.RetryAfterMs < 60_000 {
				t.Errorf("advice %v", a)
			}
		}
		if grown := bg.size() - from; grown != 0 {
			t.Errorf("%d leaves were written on a full disk", grown)
		}
		full.Store(false)
		v.mail("BG", sent...)
		if n := len(w.receipts(bg, v.answers("BG"))); n != len(sent) {
			t.Errorf("%d of %d were answered when there was room", n, len(sent))
		}
		served(t, rs, bg, 0)
	}, "RS", "BG", "XX")
}

// A peer that keeps to the number of messages and makes each as large as can be is told to wait as well.
func TestAFloodOfBytesIsAnsweredWithATimeToComeAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.members["RS"], w.members["BG"]
		rs.start()
		bg.start(func(c *Config) { c.CapacityPerHour = 1000 }) // a hundred at once, some 4 MiB
		v := w.members["XX"].turn()
		large := content(t, strings.Repeat("x", 900<<10)).Bytes
		from := bg.size()
		told := 0
		for range 10 {
			e := v.forge(bg, forgery{content: large})
			v.sent(bg, e)
			v.mail("BG", e)
			for _, a := range v.answers("BG").Advice {
				if a.Code == rogatoryv1.AdviceCode_ADVICE_CODE_BUSY && a.RetryAfterMs > 0 {
					told++
				}
			}
		}
		if taken := int(bg.size() - from); taken < 3 || taken > 6 || taken+told != 10 {
			t.Errorf("%d were taken, %d told to come again", taken, told)
		}
		served(t, rs, bg, 0)
		time.Sleep(time.Hour)
		v.mail("BG", v.honest(bg))
		if leaves := w.receipts(bg, v.answers("BG")); len(leaves) != 1 {
			t.Error("the flood's own capacity has not come back")
		}
	}, "RS", "BG", "XX")
}

// shared is a buffer for several goroutines.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// Whatever a peer sends, of each thing that is wrong with it one line is written in an hour, and how often it was.
func TestAPeerDoesNotFillTheProcessLog(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		bg := w.members["BG"]
		var lines shared
		bg.start(func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&lines, nil)) })
		v := w.members["XX"].turn()
		for range 50 {
			forged := v.forge(bg, forgery{key: keyring.GenerateIdentity()})
			v.mail("BG", forged, []byte("no envelope"))
			v.answers("BG")
		}
		said := strings.Count(lines.String(), "envelope refused")
		if said == 0 || said > 3 {
			t.Errorf("%d lines for a hundred envelopes", said)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := lines.String(); !strings.Contains(s, "times=50") {
			t.Errorf("nobody is told how often it was: %s", s)
		}
		v.mail("BG", []byte("no envelope"))
		if again := strings.Count(lines.String(), "envelope refused"); again != said+1 {
			t.Errorf("%d lines in the next hour", again-said)
		}
	}, "BG", "XX")
}

// What a parked envelope's own Message does not say cannot use up a number; dropping it forgets it.
func TestAParkedEnvelopeWithoutANumberCanBeDropped(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		_, bg := w.pair()
		v := w.members["XX"].turn()
		v.mail("BG", v.forge(bg, forgery{raw: func(b []byte) []byte {
			m := &rogatoryv1.Message{}
			must(t, envelope.StrictUnmarshal(b, m, 1<<20))
			m.Seq = 0
			b, err := envelope.Marshal(m)
			must(t, err)
			return unknownField(b)
		}}))
		for _, p := range bg.parked() {
			if _, err := bg.office.Unpark(context.Background(), p.GetId(), true); err != nil {
				t.Error(err)
			}
		}
		if bg.size() != 0 || len(bg.parked()) != 0 {
			t.Errorf("%d leaves, %d parked", bg.size(), len(bg.parked()))
		}
	}, "RS", "BG", "XX")
}

// A member that floods is told when to come again; what it may send is a bound on what it makes the log grow by, refusals included.
func TestAFloodIsAnsweredWithATimeToComeAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.members["RS"], w.members["BG"]
		rs.start()
		bg.start(func(c *Config) { c.CapacityPerHour = 100 })
		v := w.members["XX"].turn()
		for i := range 4 {
			var many [][]byte
			for j := range 20 {
				f := forgery{}
				if j%2 == i%2 {
					f.docket = []byte{0xff}
				}
				e := v.forge(bg, f)
				v.sent(bg, e)
				many = append(many, e)
			}
			v.mail("BG", many...)
		}
		if n := bg.size(); n != 10 {
			t.Errorf("%d leaves of a tenth of the capacity", n)
		}
		got := v.answers("BG")
		busy := 0
		for _, a := range got.Advice {
			if a.Code == rogatoryv1.AdviceCode_ADVICE_CODE_BUSY && a.RetryAfterMs > 0 {
				busy++
			}
		}
		if busy != 70 {
			t.Errorf("%d were told to come again", busy)
		}
		served(t, rs, bg, 0)
		time.Sleep(time.Hour)
		v.mail("BG", v.honest(bg))
		if leaves := w.receipts(bg, v.answers("BG")); len(leaves) != 1 {
			t.Error("the flood's own capacity has not come back")
		}
	}, "RS", "BG", "XX")
}

// What was counted since the last hour is not forgotten when the node stops.
func TestStraysAreLoggedWhenTheNodeStops(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		_, bg := w.pair()
		v := w.members["XX"].turn()
		v.bytes("BG", []byte("garbage"))
		v.bytes("BG", []byte("garbage"))
		must(t, bg.stop())
		bg.stop = nil
		s, ok := bg.leaves(0)[0].(*translog.Stray)
		if !ok || len(s.Counts) != 1 || s.Counts[0] != (translog.Count{Code: "frame", N: 2}) {
			t.Errorf("leaves are %v", bg.kinds(0))
		}
	}, "RS", "BG", "XX")
}
