package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// An oracle does in memory what the store does on the disk.
type oracle struct {
	leaves   int64
	cases    map[string]*storev1.CaseSummary
	outbox   map[string][]*storev1.OutboxEntry
	next     map[string]uint64
	seen     map[uint64]bool
	contents map[uint64]string
	units    map[uint64]string
	erased   map[uint64]bool
	drafts   map[string]string
	nonces   map[usedNonce]bool
	numbers  uint64
}

type usedNonce struct {
	nonce   string
	expires uint64
}

var errOnPurpose = errors.New("failed on purpose")

func TestRandomHistoriesEndAsTheOracleSays(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			r.Fatal(err)
		}
		opts := testOptions(dir)
		s, err := Open(opts)
		if err != nil {
			r.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				r.Error(err)
			}
		}()
		o := &oracle{
			cases: make(map[string]*storev1.CaseSummary), outbox: make(map[string][]*storev1.OutboxEntry),
			next: make(map[string]uint64), seen: make(map[uint64]bool), contents: make(map[uint64]string),
			units: make(map[uint64]string), erased: make(map[uint64]bool), drafts: make(map[string]string), nonces: make(map[usedNonce]bool),
		}
		peers := rapid.SampledFrom([]string{"BG", "HU", "BGX"})
		units := rapid.SampledFrom([]string{"police", "fiu", "pol"})
		tokens := rapid.Custom(func(r *rapid.T) string { return fmt.Sprint("case-", rapid.IntRange(0, 8).Draw(r, "case")) })
		// do commits change, or has it fail when it is done and then expects nothing of it.
		do := func(r *rapid.T, change func(*Tx) error) bool {
			fail := rapid.IntRange(0, 9).Draw(r, "fails") == 0
			_, err := s.Update(context.Background(), func(tx *Tx) error {
				if err := change(tx); err != nil {
					return err
				}
				if fail {
					return errOnPurpose
				}
				return nil
			})
			if fail != errors.Is(err, errOnPurpose) || !fail && err != nil {
				r.Fatal(err)
			}
			return !fail
		}
		anyContent := func(r *rapid.T) uint64 {
			if len(o.contents) == 0 {
				r.Skip("no content")
			}
			return rapid.SampledFrom(slices.Sorted(maps.Keys(o.contents))).Draw(r, "content")
		}
		r.Repeat(map[string]func(*rapid.T){
			"submit": func(r *rapid.T) {
				to, token, unit := peers.Draw(r, "to"), tokens.Draw(r, "token"), units.Draw(r, "unit")
				const small, few, large = 2000, 8 * 2000, 60 << 10 // where package rows begins another piece, and 28 bytes are added to a content
				content := make([]byte, rapid.SampledFrom([]int{0, 1, small - 28, 4096, few - 28, few, large - 28, large, 3*large + 5}).Draw(r, "length"))
				var e *storev1.OutboxEntry
				if do(r, func(tx *Tx) (err error) { e, err = submit(tx, to, token, unit, content); return err }) {
					o.next[to]++
					if e.Seq != o.next[to] || int64(e.LeafIndex) != o.leaves {
						r.Errorf("message %d at leaf %d, want %d at %d", e.Seq, e.LeafIndex, o.next[to], o.leaves)
					}
					o.cases[token] = &storev1.CaseSummary{
						Token: token, Unit: unit, State: "sent", Peer: to, Side: "asking", UpdatedMs: uint64(o.leaves), WakeMs: uint64(1000 + o.leaves),
					}
					o.leaves++
					o.outbox[to] = append(o.outbox[to], e)
					o.contents[e.ContentId], o.units[e.ContentId] = string(content), unit
				}
			},
			"receive": func(r *rapid.T) {
				seq, token, unit := rapid.Uint64Range(1, 12).Draw(r, "seq"), tokens.Draw(r, "token"), units.Draw(r, "unit")
				if o.seen[seq] {
					if _, err := s.Update(context.Background(), func(tx *Tx) error { return receive(tx, "BG", 1, seq, token, unit, nil) }); !errors.Is(err, ErrExists) {
						r.Errorf("a second arrival: %v", err)
					}
					return
				}
				if do(r, func(tx *Tx) error { return receive(tx, "BG", 1, seq, token, unit, []byte("x")) }) {
					o.seen[seq] = true
					o.cases[token] = &storev1.CaseSummary{Token: token, Unit: unit, State: "received", Peer: "BG", Side: "answering", UpdatedMs: uint64(o.leaves)}
					o.leaves++
				}
			},
			"receipt": func(r *rapid.T) {
				to := peers.Draw(r, "to")
				if len(o.outbox[to]) == 0 {
					r.Skip("nothing waits")
				}
				i := rapid.IntRange(0, len(o.outbox[to])-1).Draw(r, "which")
				if do(r, func(tx *Tx) error { return receipt(tx, o.outbox[to][i]) }) {
					o.outbox[to] = slices.Delete(o.outbox[to], i, i+1)
					o.leaves++
				}
			},
			"retry": func(r *rapid.T) {
				to := peers.Draw(r, "to")
				if len(o.outbox[to]) == 0 {
					r.Skip("nothing waits")
				}
				i := rapid.IntRange(0, len(o.outbox[to])-1).Draw(r, "which")
				e := proto.CloneOf(o.outbox[to][i])
				e.Attempts++
				if do(r, func(tx *Tx) error { return tx.UpdateOutbox(e) }) {
					o.outbox[to][i] = e
				}
			},
			"erase": func(r *rapid.T) {
				id := anyContent(r)
				if do(r, func(tx *Tx) error { return tx.EraseContent(id) }) {
					o.erased[id] = true
				}
			},
			"transfer": func(r *rapid.T) {
				id, unit := anyContent(r), units.Draw(r, "unit")
				if o.erased[id] {
					if _, err := s.Update(context.Background(), func(tx *Tx) error { return tx.TransferContent(id, unit) }); !errors.Is(err, ErrErased) {
						r.Errorf("transferring what is erased: %v", err)
					}
					return
				}
				if do(r, func(tx *Tx) error { return tx.TransferContent(id, unit) }) {
					o.units[id] = unit
				}
			},
			"draft": func(r *rapid.T) {
				id, body := rapid.SampledFrom([]string{"a", "b"}).Draw(r, "id"), rapid.StringMatching(`[a-z]{0,5}`).Draw(r, "body")
				if body == "" {
					if do(r, func(tx *Tx) error { return tx.DeleteDraft(id) }) {
						delete(o.drafts, id)
					}
				} else if do(r, func(tx *Tx) error { return tx.PutDraft(&storev1.Draft{Id: id, Unit: "police", Body: []byte(body)}) }) {
					o.drafts[id] = body
				}
			},
			"nonce": func(r *rapid.T) {
				nonce := fmt.Sprintf("%016d", rapid.IntRange(0, 5).Draw(r, "nonce"))
				expires := rapid.Uint64Range(1, 20).Draw(r, "hours") * uint64(time.Hour.Milliseconds())
				used := usedNonce{nonce, expires}
				if o.nonces[used] {
					if _, err := s.Update(context.Background(), func(tx *Tx) error { return tx.UseNonce([]byte(nonce), expires) }); !errors.Is(err, ErrExists) {
						r.Errorf("a nonce used twice: %v", err)
					}
				} else if do(r, func(tx *Tx) error { return tx.UseNonce([]byte(nonce), expires) }) {
					o.nonces[used] = true
				}
			},
			"forget": func(r *rapid.T) {
				now := rapid.Uint64Range(1, 48).Draw(r, "hours") * uint64(time.Hour.Milliseconds())
				if do(r, func(tx *Tx) error { _, err := tx.ForgetNonces(now, 100); return err }) {
					maps.DeleteFunc(o.nonces, func(n usedNonce, _ bool) bool { return n.expires+uint64(24*time.Hour.Milliseconds()) < now })
				}
			},
			"number": func(r *rapid.T) {
				var n uint64
				if do(r, func(tx *Tx) (err error) { n, err = tx.CaseNumber(2026); return err }) {
					if n <= o.numbers {
						r.Errorf("number %d after %d", n, o.numbers)
					}
					o.numbers = n
				}
			},
			"reopen": func(r *rapid.T) {
				if err := s.Close(); err != nil {
					r.Fatal(err)
				}
				if s, err = Open(opts); err != nil {
					r.Fatal(err)
				}
			},
			"": func(r *rapid.T) {
				if err := s.Check(context.Background()); err != nil {
					r.Fatal(err)
				}
				if err := s.View(func(v *Reader) error { return o.compare(v) }); err != nil {
					r.Fatal(err)
				}
			},
		})
	})
}

// compare returns what the store says otherwise than the oracle.
func (o *oracle) compare(r *Reader) error {
	var errs []error
	differ := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if r.Size() != o.leaves {
		differ("%d leaves, want %d", r.Size(), o.leaves)
	}
	for _, unit := range []string{"police", "fiu", "pol"} {
		var want []*storev1.CaseSummary
		for _, c := range o.cases {
			if c.Unit == unit {
				want = append(want, c)
			}
		}
		slices.SortFunc(want, func(a, b *storev1.CaseSummary) int { return int(int64(b.UpdatedMs) - int64(a.UpdatedMs)) })
		var got []*storev1.CaseSummary
		for before := []byte(nil); ; {
			page, err := r.Cases(unit, CaseFilter{Limit: 2, Before: before})
			if err != nil {
				return err
			}
			got = append(got, page.Cases...)
			if before = page.Next; before == nil {
				break
			}
		}
		if !slices.EqualFunc(got, want, func(a, b *storev1.CaseSummary) bool { return proto.Equal(a, b) }) {
			differ("cases of %s are %v, want %v", unit, got, want)
		}
	}
	wake := 0
	for token, want := range o.cases {
		got, _, err := r.Case(token)
		if err != nil || !proto.Equal(got, want) {
			differ("case %v, %v, want %v", got, err, want)
		}
		if want.WakeMs != 0 {
			wake++
		}
	}
	if due, _ := r.CasesToWake(1<<62, 1000); len(due) != wake {
		differ("%d cases wake, want %d", len(due), wake)
	}
	for _, to := range []string{"BG", "HU", "BGX"} {
		got, err := r.Outbox(to, 0, 0, 1000)
		if err != nil || !slices.EqualFunc(got, o.outbox[to], func(a, b *storev1.OutboxEntry) bool { return proto.Equal(a, b) }) {
			differ("outbox to %s is %v, %v, want %v", to, got, err, o.outbox[to])
		}
	}
	var gaps []uint64
	largest := uint64(0)
	for seq := range o.seen {
		largest = max(largest, seq)
	}
	for seq := uint64(1); seq < largest; seq++ {
		if !o.seen[seq] {
			gaps = append(gaps, seq)
		}
	}
	if got, err := r.Gaps("BG", 1, 100); err != nil || !slices.Equal(got, gaps) {
		differ("gaps are %v, %v, want %v", got, err, gaps)
	}
	for id, want := range o.contents {
		got, err := r.Content(id)
		if o.erased[id] {
			if !errors.Is(err, ErrErased) {
				differ("erased content %d: %v", id, err)
			}
		} else if err != nil || string(got) != want {
			differ("content %d has %d bytes, %v", id, len(got), err)
		}
		if head, err := r.ContentHead(id); err != nil || head.Unit != o.units[id] {
			differ("content %d is of %v, %v", id, head, err)
		}
	}
	drafts := make(map[string]string)
	if err := r.EachDraft(func(d *storev1.Draft) bool { drafts[d.Id] = string(d.Body); return true }); err != nil || !maps.Equal(drafts, o.drafts) {
		differ("drafts are %v, %v, want %v", drafts, err, o.drafts)
	}
	return errors.Join(errs...)
}
