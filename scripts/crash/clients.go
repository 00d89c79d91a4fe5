package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/node/client"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
	"github.com/rogatory/rogatory/scripts/rig"
)

const (
	workers = 4                // of one country's agency
	patient = 10 * time.Second // how long one call may take
	again   = 100 * time.Millisecond
)

// clients are the agencies and officers of both countries. What they remember is the oracle: no process that is killed has
// any part in it.
type clients struct {
	cluster *rig.Cluster
	jobs    map[string]chan struct{} // by country: a request to send
	wg      sync.WaitGroup
	pending atomic.Int64 // requests released and not answered
	retries atomic.Int64

	mu       sync.Mutex
	rand     *rand.Rand
	sent     []*rig.Submission
	declined []string // case tokens
	errs     []error
}

func newClients(c *rig.Cluster, r *rand.Rand) *clients {
	return &clients{cluster: c, jobs: map[string]chan struct{}{}, rand: r}
}

// run starts the agencies. They end when the jobs are closed.
func (c *clients) run(ctx context.Context) {
	for i, country := range c.cluster.Countries {
		jobs := make(chan struct{}, 10_000)
		c.jobs[country] = jobs
		to := c.cluster.Countries[(i+1)%len(c.cluster.Countries)]
		for range workers {
			c.wg.Go(func() {
				for range jobs {
					if err := c.request(ctx, c.cluster.Member(country), to); err != nil {
						c.fail(fmt.Errorf("request of %s: %w", country, err))
					}
					c.pending.Add(-1)
				}
			})
		}
	}
}

// release has each country send n requests.
func (c *clients) release(n int) {
	for _, jobs := range c.jobs {
		for range n {
			c.pending.Add(1)
			jobs <- struct{}{}
		}
	}
}

// finish waits until everything that was released is answered.
func (c *clients) finish() {
	for _, jobs := range c.jobs {
		close(jobs)
	}
	c.wg.Wait()
}

func (c *clients) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, err)
}

// content draws an invented request: most are short, one in twenty has up to 200 KiB.
func (c *clients) content(from string) *rogatoryv1.Content {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := 600 + c.rand.IntN(4<<10)
	switch n := c.rand.IntN(20); {
	case n == 0:
		size = 64<<10 + c.rand.IntN(136<<10)
	case n < 6:
		size = 4<<10 + c.rand.IntN(28<<10)
	}
	return rig.Request(from, size, c.rand)
}

// request sends one request: a token, then the act under one idempotency key until it is answered.
func (c *clients) request(ctx context.Context, m *rig.Member, to string) error {
	var tokens []string
	if err := c.until(ctx, m, m.Agency, func(ctx context.Context, cl *client.Client) error {
		resp, err := cl.Desk.Reserve(ctx, &nodev1.ReserveRequest{Count: 1})
		tokens = resp.GetCaseTokens()
		return err
	}); err != nil {
		return err
	}
	s, err := m.Compose(tokens[0], to, c.content(m.Country), time.Now())
	if err != nil {
		return err
	}
	// Remembered before the first attempt: whatever happens from here on, it must be done once.
	c.mu.Lock()
	c.sent = append(c.sent, s)
	c.mu.Unlock()
	return c.until(ctx, m, m.Agency, func(ctx context.Context, cl *client.Client) error {
		resp, err := cl.Desk.Commit(ctx, s.Request)
		if err == nil && (len(resp.GetCases()) != 1 || resp.GetCases()[0].GetCaseToken() != s.CaseToken) {
			return fmt.Errorf("answered with cases %v, not %s", resp.GetCases(), s.CaseToken)
		}
		return err
	})
}

// decline drafts a request and has another officer decline it twice: the second time discards it, which erases its content.
func (c *clients) decline(ctx context.Context, m *rig.Member, to string) error {
	file := &rogatoryv1.RequestFile{
		To: []string{to + "/" + rig.Unit}, FromUnit: rig.Unit, Regime: rogatoryv1.Regime_REGIME_EU_2023_977, Content: c.content(m.Country),
	}
	token, err := c.act(ctx, m, 0, client.Want{Verb: rogatoryv1.Verb_VERB_DRAFT, File: file})
	if err != nil {
		return fmt.Errorf("drafting in %s: %w", m.Country, err)
	}
	c.mu.Lock()
	c.declined = append(c.declined, token)
	c.mu.Unlock()
	for range 2 {
		if _, err := c.act(ctx, m, 1, client.Want{Verb: rogatoryv1.Verb_VERB_DECLINE, CaseToken: token}); err != nil {
			return fmt.Errorf("declining %s: %w", token, err)
		}
	}
	return nil
}

// act prepares an act, and commits that same act until it is answered.
func (c *clients) act(ctx context.Context, m *rig.Member, founder int, w client.Want) (token string, err error) {
	var p *client.Prepared
	if err := c.until(ctx, m, m.Founders[founder], func(ctx context.Context, cl *client.Client) error {
		p, err = cl.Prepare(ctx, w)
		return err
	}); err != nil {
		return "", err
	}
	return p.Act.GetCaseToken(), c.until(ctx, m, m.Founders[founder], func(ctx context.Context, cl *client.Client) error {
		_, err := cl.Commit(ctx, p)
		return err
	})
}

// until calls f until it is answered: by success, or by a refusal that trying again does not change.
func (c *clients) until(ctx context.Context, m *rig.Member, who *client.Officer, f func(context.Context, *client.Client) error) error {
	for attempt := 0; ; attempt++ {
		cl, err := m.Dial(who)
		if err != nil {
			return err
		}
		one, cancel := context.WithTimeout(ctx, patient)
		err = f(one, cl)
		cancel()
		_ = cl.Close()
		if err == nil || ctx.Err() != nil || !worthIt(err, attempt) {
			return err
		}
		c.retries.Add(1)
		time.Sleep(again)
	}
}

// used is how often an act may be answered "used": an attempt before may be on its way still, and the next one gets its result.
const used = 20

func worthIt(err error, attempt int) bool {
	code := status.Code(err)
	if code == codes.AlreadyExists {
		return attempt < used
	}
	return slices.Contains([]codes.Code{codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.ResourceExhausted}, code)
}
