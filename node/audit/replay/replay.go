package replay

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/exchange"
)

// Errors of a replay's own input. What is wrong with a log is a finding.
var (
	// ErrLimited says that the archive holds only some of the leaves.
	ErrLimited = errors.New("a limited archive cannot be replayed")
	// ErrSaved says that a saved state is malformed, of another log, or not of this past of it.
	ErrSaved = errors.New("saved state does not belong to this log")
)

// Options say how a log is replayed.
type Options struct {
	// Anchor is what the auditor trusts.
	Anchor *audit.Anchor
	// Workers parse and fold; 0 means one a core. The result is the same for any number.
	Workers int
	// Verify has the integrity of the whole archive checked in the same pass, as [audit.Verify] does: what stands in the Result of that stands in this one too.
	Verify bool
	// Size stops after so many leaves; 0 means all. Until stops before the first leaf that is later (ms since 1970); 0 means never.
	Size, Until int64
	// From goes on from a saved state.
	From *Saved
	// Progress, when set, is called with the number of leaves done.
	Progress func(done int64)
}

// Flag is a message that one officer sent alone on danger to life and that nobody ratified in time.
type Flag struct {
	Case string `json:"case"`
	Msg  string `json:"msg"`
	By   string `json:"by"`
	At   int64  `json:"at"`
	// RatifyBy is when a second person had to ratify; RatifiedAt when one did, too late, 0 for not at all.
	RatifyBy   int64 `json:"ratify_by"`
	RatifiedAt int64 `json:"ratified_at"`
}

// Result is what a replay comes to.
type Result struct {
	audit.Result
	// Cases is how many there are, Steps how many were made.
	Cases, Steps int64
	// At is the time of the last leaf.
	At     int64
	Flags  []Flag
	course *course
}

// Saved returns the state at the end, from which another replay can go on.
func (r *Result) Saved() *Saved { return r.course.save(r.Root) }

// EachCase calls do, in no order, with every case whose state at the end is known, until it returns an error. It holds no more than one case decoded that
// the replay did not.
func (r *Result) EachCase(do func(token string, c *exchange.Case) error) error {
	for _, f := range r.course.folders {
		for token, k := range f.cases {
			if k.lost {
				continue
			}
			c := k.c
			if c == nil {
				read, err := exchange.Decode(k.enc)
				if err != nil {
					continue
				}
				c = &read
			}
			if err := do(token, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxFindings bounds the findings that a result lists: the first ones.
const maxFindings = 10_000

// report collects findings and keeps the first of them.
type report struct {
	log  string
	list []audit.Finding
	left int
}

func (p *report) note(code audit.Code, index int64, detail, wanted, found string) {
	p.list = append(p.list, audit.Finding{Code: code, Log: p.log, Index: index, Detail: detail, Wanted: wanted, Found: found})
	if len(p.list) >= 2*maxFindings {
		p.trim()
	}
}

func (p *report) trim() {
	p.list = audit.Sort(p.list)
	if len(p.list) > maxFindings {
		p.left += len(p.list) - maxFindings
		p.list = p.list[:maxFindings]
	}
}

// Run replays an archive. An error means that it could not be read, or that ctx has ended.
func Run(ctx context.Context, r *archive.Reader, o Options) (*Result, error) {
	if r.Info().Limited() {
		return nil, ErrLimited
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	chain, found, err := audit.ReadChain(r, o.Anchor)
	if err != nil {
		return nil, err
	}
	size := r.Info().Size
	if o.Size > 0 {
		size = min(size, o.Size)
	}
	c := newCourse(r, chain, &o, size)
	c.report.list = append(c.report.list, found...)
	if err := c.begin(); err != nil {
		return nil, err
	}
	if err := c.run(ctx); err != nil {
		return nil, fmt.Errorf("replaying %s: %w", r.Info().Log, err)
	}
	return c.result()
}

// run drives the three stages: parsers read tiles in any order, the course takes them in theirs, folders make the steps of their cases.
func (c *course) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	w := newWindow(2 * c.o.Workers)
	defer context.AfterFunc(ctx, w.close)()
	tiles := (c.size + archive.TileWidth - 1) / archive.TileWidth
	if c.o.Verify {
		g.Go(func() error { return c.verify(ctx, w, tiles) })
	} else {
		var next atomic.Int64
		for range c.o.Workers {
			g.Go(func() error {
				var buf archive.Buffer
				for {
					n := next.Add(1) - 1
					if n >= tiles {
						return nil
					}
					t, err := c.parser.make(n, c.size, &buf)
					if err != nil {
						return err
					}
					if !w.put(n, t) {
						return nil
					}
				}
			})
		}
	}
	for _, f := range c.folders {
		g.Go(func() error { return f.run(ctx) })
	}
	g.Go(func() error {
		defer c.close()
		defer w.close()
		for range tiles {
			t := w.take()
			if t == nil {
				return ctx.Err()
			}
			if more, err := c.take(ctx, t); err != nil || !more {
				return errors.Join(err, c.finish(ctx))
			}
		}
		return c.finish(ctx)
	})
	return g.Wait()
}

// verify has the archive verified, and takes the tiles that are to be replayed from there. Where the replay ends early the rest is verified all the same.
func (c *course) verify(ctx context.Context, w *window, tiles int64) error {
	var err error
	c.verified, err = audit.Verify(ctx, c.r, c.o.Anchor, audit.Options{
		Workers: c.o.Workers,
		Also: func(n int64, entries []archive.Entry, reads []audit.Read) {
			if n < tiles && w.open() {
				w.put(n, c.parser.read(n, c.size, entries, reads))
			}
		},
	})
	return err
}

func (c *course) result() (*Result, error) {
	out := &Result{At: c.last}
	out.Log, out.Size = c.report.log, c.done
	rep := c.report
	for _, f := range c.folders {
		rep.list = append(rep.list, f.report.list...)
		rep.left += f.report.left
		out.Steps += f.steps
	}
	rep.trim()
	out.Root = c.root()
	out.Assurance = audit.NoAssurance
	status := audit.OK
	if v := c.verified; v != nil {
		rep.list = append(rep.list, v.Findings...)
		rep.left += v.Left
		rep.trim()
		out.Assurance, out.Witnessed, out.Timed, status = v.Assurance, v.Witnessed, v.Timed, v.Status
	}
	out.Findings, out.Left = rep.list, rep.left
	if out.Status = audit.Judge(rep.list); status == audit.Findings || out.Status == audit.OK {
		out.Status = status
	}
	out.course = c
	var now []exchange.Changed
	for _, f := range c.folders {
		out.Cases += int64(len(f.cases))
		for _, k := range f.dirty {
			now = append(now, k.changed())
		}
		for _, k := range f.cases {
			out.Flags = append(out.Flags, k.flagged(c.last)...)
		}
	}
	exchange.SortChanged(now)
	out.State = translog.Hash(exchange.FoldState(c.own, now))
	slices.SortFunc(out.Flags, func(a, b Flag) int { return compareFlags(&a, &b) })
	return out, nil
}
