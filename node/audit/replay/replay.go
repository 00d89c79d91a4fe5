package replay

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

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
	// Signatures has every statement's signature checked as well, with whatever key of the sender the archive's manifests name.
	Signatures bool
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
	At    int64
	Flags []Flag
	saved *Saved
}

// Saved returns the state at the end, from which another replay can go on.
func (r *Result) Saved() *Saved { return r.saved }

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
	type slot struct {
		n    int64
		done chan *tile
	}
	ahead := 2 * c.o.Workers
	todo, order, stop := make(chan slot, ahead), make(chan slot, ahead), make(chan struct{})
	g.Go(func() error {
		defer close(todo)
		defer close(order)
		for n := int64(0); n*archive.TileWidth < c.size; n++ {
			s := slot{n, make(chan *tile, 1)}
			for _, to := range []chan slot{order, todo} {
				select {
				case to <- s:
				case <-stop:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		return nil
	})
	for range c.o.Workers {
		g.Go(func() error {
			for s := range todo {
				t, err := c.parser.make(s.n, c.size)
				if err != nil {
					return err
				}
				s.done <- t
			}
			return nil
		})
	}
	for _, f := range c.folders {
		g.Go(func() error { return f.run(ctx) })
	}
	g.Go(func() error {
		defer c.close()
		defer close(stop)
		for s := range order {
			select {
			case t := <-s.done:
				if more, err := c.take(ctx, t); err != nil || !more {
					return errors.Join(err, c.finish(ctx))
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return c.finish(ctx)
	})
	return g.Wait()
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
	out.Findings, out.Left = rep.list, rep.left
	out.Status = audit.Judge(rep.list)
	out.Root = c.root()
	out.Assurance = audit.NoAssurance
	out.saved = c.save()
	out.Cases = int64(len(out.saved.Cases))
	var now []exchange.Changed
	for _, f := range c.folders {
		for _, k := range f.cases {
			if k.dirty {
				now = append(now, k.changed())
			}
			for _, b := range k.flagged(c.last) {
				out.Flags = append(out.Flags, b)
			}
		}
	}
	exchange.SortChanged(now)
	out.State = translog.Hash(exchange.FoldState(c.own, now))
	slices.SortFunc(out.Flags, func(a, b Flag) int { return compareFlags(&a, &b) })
	return out, nil
}
