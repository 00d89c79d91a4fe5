package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	"github.com/rogatory/rogatory/scripts/rig"
)

const (
	round      = 500 * time.Millisecond // of the nodes: heads and manifests
	hitWait    = 45 * time.Second       // how long a step may take to be reached
	clearWait  = 60 * time.Second       // how long a node may take to be cleared by its peer
	drainWait  = 2 * time.Minute        // how long the last messages may take to be receipted
	nudge      = time.Second            // after which more requests go out, when a step is not reached
	brokerAway = 700 * time.Millisecond
)

// A killing is one round: who is killed where.
type killing struct {
	country string // empty: the broker
	point   string
	nth     int
	// atStart: the node is killed there while it recovers from another kill, at before.
	atStart bool
	before  string
	also    bool // the broker too, at the same time
}

// erasing are the steps that are only taken when something is erased.
var erasing = []string{store.StepNoted, store.StepKeysChanged, store.StepCompacted, store.StepReplaced}

// plan draws the rounds: every step in each country, some steps during recovery, the broker.
func plan(countries []string, r *rand.Rand) []killing {
	var first, rest []killing
	for i, point := range slices.Concat(store.Steps, post.Steps()) {
		for k := range 2 {
			one := killing{country: countries[(i+k)%len(countries)], point: point, nth: 1 + r.IntN(3)}
			switch {
			case point == store.StepFilled:
				one.nth = 1
				first = append(first, one) // the pools are empty only once
				continue
			case point == post.StepResealed:
				// Only what waits in the outbox at a start is sealed anew.
				one.atStart, one.before, one.nth = true, post.StepSubmitted, 1
			case slices.Contains(erasing, point):
				one.nth = 1
			}
			rest = append(rest, one)
		}
	}
	for i, point := range []string{store.StepRan, store.StepCommitted, store.StepGuardTorn, store.StepGuarded, store.StepKeysChanged, store.StepReplaced} {
		one := killing{country: countries[i%len(countries)], point: point, nth: 1, atStart: true, before: post.StepTaken}
		if slices.Contains(erasing, point) {
			one.before = store.StepNoted
		}
		rest = append(rest, one)
	}
	for i := range 4 {
		rest = append(rest, killing{point: brokerPoint, also: i%2 == 1, country: countries[i/2%len(countries)]})
	}
	r.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	return append(first, rest...)
}

// game is a run.
type game struct {
	cluster *rig.Cluster
	clients *clients
	report  *Report
	out     io.Writer
	quota   int // requests of each country in a round
	left    int // requests that are still to be released, by one country
}

func play(ctx context.Context, report *Report, dir string, requests int, out io.Writer) error {
	r := rand.New(rand.NewPCG(report.Seed, 1))
	cluster, err := rig.New(rig.Options{Dir: dir, Countries: []string{"RS", "BG"}, Round: round})
	if err != nil {
		return err
	}
	defer cluster.Close()
	rounds := plan(cluster.Countries, r)
	g := &game{
		cluster: cluster, clients: newClients(cluster, rand.New(rand.NewPCG(report.Seed, 2))), report: report, out: out,
		left: (requests + 1) / 2, quota: max(requests/2/(len(rounds)+1), 1),
	}
	if err := g.open(ctx); err != nil {
		return err
	}
	g.clients.run(ctx)
	for i, k := range rounds {
		began := time.Now()
		what, err := g.kill(ctx, k)
		if err != nil {
			return fmt.Errorf("round %d, %s: %w", i+1, k, err)
		}
		fmt.Fprintf(out, "%3d/%d  %-44s %s, %.1f s\n", i+1, len(rounds), k, what, time.Since(began).Seconds())
	}
	if err := g.drain(ctx); err != nil {
		return err
	}
	return g.judge(ctx)
}

func (k killing) String() string {
	switch {
	case k.point == brokerPoint && k.also:
		return "broker and " + k.country
	case k.point == brokerPoint:
		return "broker"
	case k.atStart:
		return fmt.Sprintf("%s %s, then at its start %s", k.country, k.before, k.point)
	}
	return fmt.Sprintf("%s %s, time %d", k.country, k.point, k.nth)
}

// open starts everything and puts the agencies on the registers.
func (g *game) open(ctx context.Context) error {
	if err := g.cluster.StartBroker(ctx); err != nil {
		return err
	}
	for _, country := range g.cluster.Countries {
		m := g.cluster.Member(country)
		if err := m.Start(rig.NodeOptions{}); err != nil {
			return err
		}
		if err := m.Node.Ready(ctx); err != nil {
			return err
		}
		if err := m.EnrolAgency(ctx); err != nil {
			return err
		}
	}
	return g.awaitCleared(ctx)
}

func (g *game) awaitCleared(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, clearWait)
	defer cancel()
	for _, country := range g.cluster.Countries {
		if err := g.cluster.Member(country).AwaitCleared(ctx); err != nil {
			return err
		}
	}
	return nil
}

// send releases requests of both countries, as long as there are some; asked tells that a step waits for them.
func (g *game) send(n int, asked bool) {
	if !asked {
		n = min(n, g.left)
	}
	g.left -= min(n, g.left)
	g.clients.release(n)
}

// kill plays one round and leaves everything running again.
func (g *game) kill(ctx context.Context, k killing) (string, error) {
	m := g.cluster.Member(k.country)
	if k.point == brokerPoint {
		return g.killBroker(ctx, k)
	}
	if k.atStart {
		if what, err := g.killAt(ctx, m, k.before, 1); what != "" || err != nil {
			return what, err
		}
		if err := m.Start(rig.NodeOptions{CrashAt: k.point, CrashNth: k.nth}); err != nil {
			return "", err
		}
		if what, err := g.awaitKill(ctx, m, k.point); what != "" || err != nil {
			return what, err
		}
	} else if what, err := g.killAt(ctx, m, k.point, k.nth); what != "" || err != nil {
		return what, err
	}
	return g.revive(ctx, m)
}

// revive starts a node that was killed.
func (g *game) revive(ctx context.Context, m *rig.Member) (string, error) {
	began := time.Now()
	if err := m.Start(rig.NodeOptions{}); err != nil {
		return "", err
	}
	if err := m.Node.Ready(ctx); err != nil {
		return "", err
	}
	served := time.Since(began)
	if err := g.awaitCleared(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("killed; served after %.2f s, cleared after %.2f s", served.Seconds(), time.Since(began).Seconds()), nil
}

// killAt arms a running node and sends requests until it is dead. A text says that it was not reached, and the node runs on.
func (g *game) killAt(ctx context.Context, m *rig.Member, point string, nth int) (string, error) {
	if err := m.Node.Arm(point, nth); err != nil {
		return "", err
	}
	if slices.Contains(erasing, point) {
		go func() {
			if err := g.clients.decline(ctx, m, g.other(m.Country)); err != nil {
				g.clients.fail(err)
			}
		}()
	}
	g.send(g.quota, false)
	return g.awaitKill(ctx, m, point)
}

func (g *game) other(country string) string {
	return g.cluster.Countries[1-slices.Index(g.cluster.Countries, country)]
}

func (g *game) awaitKill(ctx context.Context, m *rig.Member, point string) (string, error) {
	late := time.NewTimer(hitWait)
	defer late.Stop()
	more := time.NewTicker(nudge)
	defer more.Stop()
	for {
		select {
		case <-m.Node.Done():
			if !m.Node.Killed() {
				return "", fmt.Errorf("%s ended otherwise than by SIGKILL: see %s.log", m.Country, m.Country)
			}
			g.report.Points[point]++
			g.report.Kills++
			return "", nil
		case <-more.C:
			g.send(2, true)
		case <-late.C:
			// Armed still, it would die later where nobody expects it.
			if err := m.Node.Arm("-", 1); err != nil {
				return "", err
			}
			return "NOT REACHED", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// killBroker kills the broker while messages are on their way, and perhaps a node with it.
func (g *game) killBroker(ctx context.Context, k killing) (string, error) {
	g.send(g.quota, false)
	time.Sleep(50 * time.Millisecond)
	g.cluster.Broker.Kill()
	g.report.Points[brokerPoint]++
	g.report.Kills++
	m := g.cluster.Member(k.country)
	if k.also {
		m.Node.Kill()
		g.report.Points["a node, at any moment"]++
		g.report.Kills++
	}
	g.send(1, false)
	time.Sleep(brokerAway)
	began := time.Now()
	if err := g.cluster.StartBroker(ctx); err != nil {
		return "", err
	}
	if k.also {
		return g.revive(ctx, m)
	}
	if err := g.awaitCleared(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("killed; connected after %.2f s", time.Since(began).Seconds()), nil
}

// drain sends what is left and waits until every message has its receipt. Then it stops everything.
func (g *game) drain(ctx context.Context) error {
	began := time.Now()
	g.send(g.left, false)
	g.clients.finish()
	if errs := g.clients.errs; len(errs) > 0 {
		for _, err := range errs {
			g.report.Findings = append(g.report.Findings, "client: "+err.Error())
		}
	}
	wait, cancel := context.WithTimeout(ctx, drainWait)
	defer cancel()
	for _, country := range g.cluster.Countries {
		if err := g.cluster.Member(country).Await(wait, func(s *nodev1.StatusResponse) bool { return s.GetOutbox()+s.GetHeld() == 0 }); err != nil {
			g.report.Findings = append(g.report.Findings, err.Error())
		}
	}
	fmt.Fprintf(g.out, "drained in %.1f s\n", time.Since(began).Seconds())
	var errs []error
	for _, country := range g.cluster.Countries {
		errs = append(errs, g.cluster.Member(country).Node.Stop())
	}
	return errors.Join(append(errs, g.cluster.Broker.Stop())...)
}
