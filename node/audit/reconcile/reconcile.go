package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/replay"
)

// ErrOneCountry says that both archives are of one country.
var ErrOneCountry = errors.New("both logs are of one country")

// skew is how far two clocks may differ, in ms.
const skew = 120_000

// Options say how two logs are reconciled.
type Options struct {
	// Anchor is what the auditor trusts.
	Anchor *audit.Anchor
	// Workers of the replays; 0 means one a core.
	Workers int
	// Logs alone leaves the states of cases out, for which both logs are replayed.
	LogsAlone bool
	// Progress, when set, is called with the number of leaves done, of both.
	Progress func(done int64)
}

// A Divergence shows the first thing in which two logs differ, side by side: their leaves, empty for what is not there.
type Divergence struct {
	Finding audit.Finding `json:"finding"`
	A       string        `json:"a"`
	B       string        `json:"b"`
}

// Result is what two logs come to.
type Result struct {
	Status   audit.Status    `json:"status"`
	A        string          `json:"a"` // origins
	B        string          `json:"b"`
	Messages int64           `json:"messages"` // that both hold
	Heads    int64           `json:"heads"`    // that were held against the other's tree
	Cases    int64           `json:"cases"`    // whose states were compared
	Findings []audit.Finding `json:"-"`
	First    *Divergence     `json:"first,omitempty"`
}

// Line is the last line of a reconciliation.
func (r *Result) Line() string {
	return fmt.Sprintf("RESULT %s %s %s messages %d heads %d cases %d", r.Status, r.A, r.B, r.Messages, r.Heads, r.Cases)
}

// A side is one log, as far as it speaks of the other country.
type side struct {
	r      *archive.Reader
	info   archive.Info
	next   string // the other country's newest log behind that, as this log names it
	many   bool   // the country has other logs beside this one
	epoch  int64  // of the log: what was sent in another one stands in another log
	lastAt int64
	short  *shortage // that it ends too early: the first time

	sends *way // to the other side

	tile   []archive.Entry // read last
	buf    archive.Buffer
	rootOf int64
	rootIs translog.Hash
}

// A way is all that both logs say of what one country sends to the other, and of the heads that the sender holds of the recipient.
type way struct {
	number int
	// messages by name: of the sender's log what it sent, its attempts and receipts, of the recipient's what arrived or was refused.
	messages spill
	// heads of the recipient's log in the order of the sender's, and those that it cosigned by size.
	heads, cosigned spill
}

func (w *way) close() error {
	return errors.Join(w.messages.close(), w.heads.close(), w.cosigned.close())
}

// A shortage says that a log ends too early to say something. Of several the first counts, in the order of the judgements.
type shortage struct {
	at                    [4]int64
	detail, wanted, found string
}

// entry returns an entry. Receipts stand near one another, so that the tile read last mostly has the next one.
func (s *side) entry(index int64) (archive.Entry, error) {
	if n := index / archive.TileWidth; len(s.tile) == 0 || s.tile[0].Index != n*archive.TileWidth {
		var err error
		if s.tile, err = s.r.TileIn(n, &s.buf); err != nil {
			s.tile = s.tile[:0]
			return archive.Entry{}, err
		}
	}
	return s.tile[index%archive.TileWidth], nil
}

// root returns the root of the first leaves. All receipts of a bundle stand on one head.
func (s *side) root(size int64) (translog.Hash, error) {
	if s.rootOf != size {
		root, err := tlog.TreeHash(size, s.r.Hashes())
		if err != nil {
			return translog.Hash{}, err
		}
		s.rootOf, s.rootIs = size, translog.Hash(root)
	}
	return s.rootIs, nil
}

type reconciler struct {
	o     *Options
	a, b  *side
	chain *audit.Chain
	list  []audit.Finding
	out   Result
	done  int64
	make  maker
}

// Run reconciles two archives. An error means that one could not be read, that the temporary files could not be written, or that ctx has ended.
func Run(ctx context.Context, a, b *archive.Reader, o Options) (_ *Result, err error) {
	if a.Info().Country == b.Info().Country {
		return nil, ErrOneCountry
	}
	if a.Info().Limited() || b.Info().Limited() {
		return nil, replay.ErrLimited
	}
	chain, found, err := audit.ReadChain(a, o.Anchor)
	if err != nil {
		return nil, err
	}
	_, more, err := audit.ReadChain(b, o.Anchor)
	if err != nil {
		return nil, err
	}
	x := &reconciler{o: &o, chain: chain, list: append(found, more...)}
	x.a = &side{r: a, info: a.Info(), sends: &way{}}
	x.b = &side{r: b, info: b.Info(), sends: &way{number: 1}}
	defer func() { err = errors.Join(err, x.a.sends.close(), x.b.sends.close()) }()
	x.out.A, x.out.B = a.Info().Log, b.Info().Log
	if err := x.read(ctx, x.a, x.b); err != nil {
		return nil, err
	}
	if err := x.read(ctx, x.b, x.a); err != nil {
		return nil, err
	}
	if err := x.direction(ctx, x.a, x.b); err != nil {
		return nil, err
	}
	if err := x.direction(ctx, x.b, x.a); err != nil {
		return nil, err
	}
	x.shortages()
	if !o.LogsAlone {
		if err := x.states(ctx); err != nil {
			return nil, err
		}
	}
	x.out.Findings = audit.Sort(x.list)
	x.out.Status = audit.Judge(x.out.Findings)
	return &x.out, x.first()
}

// short notes that an export ends too early to say something. at is the place of the judgement among those of a way.
func (x *reconciler) short(s *side, w *way, at [3]int64, detail, wanted, found string) {
	place := [4]int64{int64(w.number), at[0], at[1], at[2]}
	if s.short == nil || compare(place, s.short.at) < 0 {
		s.short = &shortage{place, detail, wanted, found}
	}
}

func compare(a, b [4]int64) int {
	return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]), cmp.Compare(a[2], b[2]), cmp.Compare(a[3], b[3]))
}

// shortages says, once of each log, that it ends too early.
func (x *reconciler) shortages() {
	for _, s := range []*side{x.a, x.b} {
		if s.short == nil {
			continue
		}
		detail := s.short.detail
		if next := x.other(s).next; next != "" {
			detail = fmt.Sprintf("%s was closed, as after a rollback, and goes on as %s, in which to look for what was lost and came back: %s", s.info.Log, next, detail)
		}
		x.note(audit.CodeUnknown, s, -1, detail, s.short.wanted, s.short.found)
	}
}

func (x *reconciler) other(s *side) *side {
	if s == x.a {
		return x.b
	}
	return x.a
}

func (x *reconciler) note(code audit.Code, s *side, index int64, detail, wanted, found string) {
	x.list = append(x.list, audit.Finding{Code: code, Log: s.info.Log, Index: index, Detail: detail, Wanted: wanted, Found: found})
}

// first shows the first divergence, by the log of a.
func (x *reconciler) first() error {
	for _, f := range x.out.Findings {
		if f.Code[0] != 'E' {
			continue
		}
		d := &Divergence{Finding: f}
		own, other, text, back := x.a, x.b, &d.A, &d.B
		if f.Log == x.b.info.Log {
			own, other, text, back = x.b, x.a, &d.B, &d.A
		}
		if f.Index >= 0 {
			e, err := own.r.Entry(f.Index)
			if err == nil {
				*text = string(e.Leaf)
				if leaf, err := translog.ParseLeaf(e.Leaf); err == nil {
					if *back, err = other.counterpart(own, leaf); err != nil {
						return err
					}
				}
			}
		} else if name, err := translog.ParseHash(f.Wanted); err == nil {
			at, err := own.sends.find(name, arrived)
			if err != nil {
				return err
			}
			if at >= 0 {
				if e, err := other.r.Entry(at); err == nil {
					*back = string(e.Leaf)
				}
			}
		}
		x.out.First = d
		return nil
	}
	return nil
}

// counterpart returns the leaf that answers to another log's.
func (s *side) counterpart(of *side, leaf translog.Leaf) (string, error) {
	index := int64(-1)
	switch k := leaf.Entry.(type) {
	case *translog.Msg:
		for _, at := range []struct {
			w    *way
			what kind
		}{{of.sends, refused}, {s.sends, sent}, {of.sends, arrived}} {
			var err error
			if index, err = at.w.find(k.Msg, at.what); err != nil {
				return "", err
			}
			if index >= 0 {
				break
			}
		}
	case *translog.Rcpt:
		index = k.Index
	}
	if index < 0 || index >= s.info.Size {
		return "", nil
	}
	e, err := s.r.Entry(index)
	if err != nil {
		return "", nil // audit.Verify says what is the matter there
	}
	return string(e.Leaf), nil
}

// find returns where the first leaf of a kind about a message stands, -1 for nowhere.
func (w *way) find(name translog.Hash, what kind) (int64, error) {
	m := w.messages.merge()
	for b := m.record(); b != nil; b = m.record() {
		f := fields{b}
		if f.hash() == name && kind(f.byte()) == what {
			return f.int(), nil
		}
	}
	return -1, m.fail()
}
