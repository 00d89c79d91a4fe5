package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
	"github.com/rogatory/rogatory/scripts/rig"
)

const (
	sender    = "RS"
	recipient = "BG"
	warmUp    = 2 * time.Second
	startWait = time.Minute
	drainWait = time.Minute
	block     = 1000 // case tokens reserved with one call
	perConn   = 128  // callers that share a connection
)

// A Row is one measurement.
type Row struct {
	Bench       string  `json:"bench"`
	Concurrency int     `json:"concurrency"`
	Size        int     `json:"size"`
	PerSecond   float64 `json:"per_second"`
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
	CPU         float64 `json:"cpu_ms"`
	Floor       float64 `json:"floor_cpu_ms"`
	RSS         float64 `json:"rss_mib"`
	Disk        int64   `json:"disk_bytes"`
	// What the floor and the CPU consist of.
	Crypto     float64 `json:"floor_crypto_ms"`
	Commits    float64 `json:"floor_commits_ms"`
	Backbone   float64 `json:"floor_backbone_ms"`
	SenderCPU  float64 `json:"cpu_sender_ms"`
	PeerCPU    float64 `json:"cpu_recipient_ms"`
	BrokerCPU  float64 `json:"cpu_broker_ms"`
	DriverCPU  float64 `json:"cpu_driver_ms"` // of the program that submits; not in CPU
	Deliveries int     `json:"deliveries"`
	Refused    int     `json:"refused"` // answered with a time to try again
	Machine    string  `json:"machine"`
	Date       string  `json:"date"`
	Go         string  `json:"go"`
}

// deliveries measures deliveries from one country to another.
func deliveries(ctx context.Context, c config, dir string, out io.Writer) error {
	where := machine()
	wait := newWaiters()
	cluster, err := open(ctx, dir, wait.settled)
	if err != nil {
		return err
	}
	defer cluster.Close()
	d, err := newDriver(ctx, cluster, wait, c)
	if err != nil {
		return err
	}
	defer d.close()
	var rows []*Row
	for _, n := range c.concurrency {
		// Up to the row's own warmth and rate; what it delivers is not counted.
		warm, err := d.measure(ctx, n, warmUp, "")
		if err != nil {
			return fmt.Errorf("warming up: %w", err)
		}
		rate := max(warm.PerSecond, 100)
		if err := d.prepare(ctx, int(1.5*rate*c.length.Seconds())); err != nil {
			return err
		}
		row, err := d.measure(ctx, n, c.length, c.profile)
		if err != nil {
			return fmt.Errorf("at concurrency %d: %w", n, err)
		}
		rows = append(rows, row)
	}
	if err := d.prove(ctx); err != nil {
		return err
	}
	for _, row := range rows {
		if err := floor(ctx, cluster, dir, row); err != nil {
			return fmt.Errorf("measuring the floor: %w", err)
		}
		row.Machine, row.Date, row.Go = where, time.Now().UTC().Format(time.DateOnly), runtime.Version()
	}
	return print(out, rows, c)
}

// open starts a broker and two nodes. settled, if set, is told of the sender's deliveries.
func open(ctx context.Context, dir string, settled func(string)) (*rig.Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	cluster, err := rig.New(rig.Options{Dir: dir, Countries: []string{sender, recipient}})
	if err != nil {
		return nil, err
	}
	if err := begin(ctx, cluster, settled); err != nil {
		cluster.Close()
		return nil, err
	}
	return cluster, nil
}

func begin(ctx context.Context, cluster *rig.Cluster, settled func(string)) error {
	if err := cluster.StartBroker(ctx); err != nil {
		return err
	}
	for _, country := range cluster.Countries {
		m := cluster.Member(country)
		o := rig.NodeOptions{}
		if country == sender {
			o.Settled = settled
		}
		if err := m.Start(o); err != nil {
			return err
		}
		if err := m.Node.Ready(ctx); err != nil {
			return err
		}
		if err := m.EnrolAgency(ctx); err != nil {
			return err
		}
	}
	for _, country := range cluster.Countries {
		if err := cluster.Member(country).AwaitCleared(ctx); err != nil {
			return err
		}
	}
	return nil
}

// waiters are those who wait for a delivery, by docket commitment.
type waiters struct {
	mu      sync.Mutex
	waiting map[string]chan time.Time
	total   int
}

func newWaiters() *waiters { return &waiters{waiting: map[string]chan time.Time{}} }

func (w *waiters) add(commit string) chan time.Time {
	done := make(chan time.Time, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting[commit] = done
	return done
}

func (w *waiters) drop(commit string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiting, commit)
}

func (w *waiters) settled(commit string) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if done := w.waiting[commit]; done != nil {
		delete(w.waiting, commit)
		w.total++
		done <- now
	}
}

// driver submits.
type driver struct {
	cluster *rig.Cluster
	from    *rig.Member
	wait    *waiters
	content *rogatoryv1.Content
	bytes   []byte // of content
	size    int
	conns   []*client.Client
	pids    []int // sender, recipient, broker

	mu    sync.Mutex
	ready []*rig.Submission // composed ahead
}

func newDriver(ctx context.Context, cluster *rig.Cluster, wait *waiters, c config) (*driver, error) {
	d := &driver{cluster: cluster, from: cluster.Member(sender), wait: wait, size: c.size}
	d.content = rig.Request(sender, c.size, rand.New(rand.NewPCG(1, 1)))
	var err error
	if d.bytes, err = envelope.Marshal(d.content); err != nil {
		return nil, err
	}
	for range slices.Max(c.concurrency)/perConn + 1 {
		cl, err := d.from.Dial(d.from.Agency)
		if err != nil {
			return nil, err
		}
		d.conns = append(d.conns, cl)
	}
	d.pids = []int{d.from.Node.PID(), cluster.Member(recipient).Node.PID(), cluster.Broker.PID()}
	return d, ctx.Err()
}

func (d *driver) close() {
	for _, cl := range d.conns {
		_ = cl.Close()
	}
}

// prepare composes submissions ahead: in earnest that is done on other machines.
func (d *driver) prepare(ctx context.Context, n int) error {
	for n > len(d.ready) {
		resp, err := d.conns[0].Desk.Reserve(ctx, &nodev1.ReserveRequest{Count: block})
		if wait, refused := refusal(err); refused {
			time.Sleep(wait)
			continue
		}
		if err != nil {
			return err
		}
		for _, token := range resp.GetCaseTokens() {
			s, err := d.from.Compose(token, recipient, d.content, time.Now())
			if err != nil {
				return err
			}
			// One content for all, once in memory; its salt and commitment are each one's own.
			s.Content, s.Request.Messages[0].Content = nil, d.bytes
			d.ready = append(d.ready, s)
		}
	}
	return nil
}

// next returns a submission that was composed ahead.
func (d *driver) next(ctx context.Context) (*rig.Submission, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.ready) == 0 {
		if err := d.prepare(ctx, block); err != nil {
			return nil, err
		}
	}
	s := d.ready[0]
	d.ready[0], d.ready = nil, d.ready[1:]
	return s, nil
}

// tally is what the callers of one measurement have counted.
type tally struct {
	mu      sync.Mutex
	times   []time.Duration // of deliveries that were made within the measurement
	refused int
	err     error
}

// measure runs n callers for a time.
func (d *driver) measure(ctx context.Context, n int, length time.Duration, profile string) (*Row, error) {
	t := &tally{}
	before, err := d.usage()
	if err != nil {
		return nil, err
	}
	if profile != "" {
		if err := d.profile(profile, n); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	end := began.Add(length)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := d.call(ctx, d.conns[i/perConn%len(d.conns)], end, t); err != nil {
				t.mu.Lock()
				t.err = errors.Join(t.err, err)
				t.mu.Unlock()
			}
		})
	}
	select {
	case <-time.After(time.Until(end)):
	case <-ctx.Done():
	}
	after, err := d.usage()
	if profile != "" {
		err = errors.Join(err, d.profileEnd())
	}
	wg.Wait()
	if err := errors.Join(err, t.err, ctx.Err()); err != nil {
		return nil, err
	}
	if len(t.times) == 0 {
		return nil, errors.New("nothing was delivered")
	}
	slices.Sort(t.times)
	count := float64(len(t.times))
	row := &Row{
		Bench: "exchange", Concurrency: n, Size: d.size, Deliveries: len(t.times), Refused: t.refused,
		PerSecond: count / length.Seconds(), P50: ms(t.times[len(t.times)/2]), P99: ms(t.times[len(t.times)*99/100]),
		SenderCPU: ms(after.cpu[0]-before.cpu[0]) / count, PeerCPU: ms(after.cpu[1]-before.cpu[1]) / count,
		BrokerCPU: ms(after.cpu[2]-before.cpu[2]) / count,
		Disk:      (after.disk - before.disk) / int64(len(t.times)),
	}
	row.CPU = row.SenderCPU + row.PeerCPU + row.BrokerCPU
	row.DriverCPU = ms(after.own-before.own) / count
	row.RSS, err = rss(d.pids[:2]...)
	return row, err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// refusalWait is how long a caller waits who is refused without being told a time.
const refusalWait = 100 * time.Millisecond

// refusal reports whether err is a refusal for lack of room, and how long to wait: the time that the node names, up to a half more, so that
// those who were refused together do not come back together.
func refusal(err error) (wait time.Duration, refused bool) {
	s := status.Convert(err)
	if s.Code() != codes.ResourceExhausted {
		return 0, false
	}
	wait = refusalWait
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			wait = max(info.GetRetryDelay().AsDuration(), time.Millisecond)
		}
	}
	return wait + rand.N(wait/2+1), true
}

// call submits one request after the other until end. One that is refused is submitted again.
func (d *driver) call(ctx context.Context, cl *client.Client, end time.Time, t *tally) error {
	var s *rig.Submission
	for time.Now().Before(end) && ctx.Err() == nil {
		if s == nil {
			var err error
			if s, err = d.next(ctx); err != nil {
				return err
			}
		}
		done := d.wait.add(s.DocketCommit)
		began := time.Now()
		if _, err := cl.Desk.Commit(ctx, s.Request); err != nil {
			d.wait.drop(s.DocketCommit)
			wait, refused := refusal(err)
			if !refused {
				return err
			}
			t.mu.Lock()
			t.refused++
			t.mu.Unlock()
			time.Sleep(min(wait, max(time.Until(end), 0)))
			continue
		}
		select {
		case at := <-done:
			if at.Before(end) {
				t.mu.Lock()
				t.times = append(t.times, at.Sub(began))
				t.mu.Unlock()
			}
		case <-time.After(drainWait):
			return fmt.Errorf("case %s: no receipt after %s", s.CaseToken, drainWait)
		case <-ctx.Done():
		}
		s = nil
	}
	return nil
}

// usage is what the processes have used so far.
type usage struct {
	cpu  [3]time.Duration
	own  time.Duration
	disk int64
}

func (d *driver) usage() (u usage, err error) {
	for i, pid := range d.pids {
		if u.cpu[i], err = cpuOf(pid); err != nil {
			return u, err
		}
	}
	u.own = ownCPU()
	u.disk, err = diskOf(d.from.Config.Data, d.cluster.Member(recipient).Config.Data)
	return u, err
}

func (d *driver) profile(dir string, n int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	name := func(who string) string { return filepath.Join(dir, fmt.Sprintf("%s-%d.pprof", who, n)) }
	return errors.Join(
		d.from.Node.Profile(name("sender")), d.cluster.Member(recipient).Node.Profile(name("recipient")), d.cluster.Broker.Profile(name("broker")))
}

func (d *driver) profileEnd() error {
	return errors.Join(d.from.Node.StopProfile(), d.cluster.Member(recipient).Node.StopProfile(), d.cluster.Broker.StopProfile())
}

// prove stops the nodes and counts the receipts in the sender's store: there must be as many as were counted here.
func (d *driver) prove(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, drainWait)
	defer cancel()
	if err := d.from.Await(wait, func(s *nodev1.StatusResponse) bool { return s.GetOutbox()+s.GetHeld() == 0 }); err != nil {
		return err
	}
	for _, country := range d.cluster.Countries {
		if err := d.cluster.Member(country).Node.Stop(); err != nil {
			return err
		}
	}
	s, err := d.from.OpenStore()
	if err != nil {
		return err
	}
	receipts := 0
	err = s.View(func(r *store.Reader) (err error) {
		r.Leaves(0, func(_ int64, line []byte) bool {
			var leaf translog.Leaf
			if leaf, err = translog.ParseLeaf(line); err != nil {
				return false
			}
			if rcpt, ok := leaf.Entry.(*translog.Rcpt); ok && rcpt.Rej == "" {
				receipts++
			}
			return true
		})
		return err
	})
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	d.wait.mu.Lock()
	defer d.wait.mu.Unlock()
	if receipts != d.wait.total {
		return fmt.Errorf("counted %d deliveries, the store has %d receipts", d.wait.total, receipts)
	}
	return nil
}

// print writes the rows.
func print(out io.Writer, rows []*Row, c config) error {
	if c.json {
		for _, row := range rows {
			if err := json.NewEncoder(out).Encode(row.rounded()); err != nil {
				return err
			}
		}
		return nil
	}
	fmt.Fprintf(out, "%s, %s, %s\n", rows[0].Machine, rows[0].Date, rows[0].Go)
	fmt.Fprintf(out, "%d bytes, %s a row; CPU in ms for a delivery\n\n", c.size, c.length)
	fmt.Fprintf(out, "%11s %9s %8s %8s %7s %7s %7s %7s %7s %7s %7s %7s %7s %8s %8s %8s\n",
		"concurrency", "per s", "p50 ms", "p99 ms", "cpu", "sender", "peer", "broker", "driver", "floor", "crypto", "commit", "nats", "RSS MiB", "disk B", "refused")
	for _, r := range rows {
		fmt.Fprintf(out, "%11d %9.0f %8.2f %8.2f %7.3f %7.3f %7.3f %7.3f %7.3f %7.3f %7.3f %7.3f %7.3f %8.1f %8d %8d\n",
			r.Concurrency, r.PerSecond, r.P50, r.P99, r.CPU, r.SenderCPU, r.PeerCPU, r.BrokerCPU, r.DriverCPU, r.Floor, r.Crypto, r.Commits, r.Backbone, r.RSS, r.Disk, r.Refused)
	}
	return nil
}

// rounded drops digits that the measurement does not have.
func (r *Row) rounded() Row {
	cut := func(v *float64) { *v = float64(int64(*v*1000+0.5)) / 1000 }
	c := *r
	for _, v := range []*float64{&c.PerSecond, &c.P50, &c.P99, &c.CPU, &c.Floor, &c.RSS, &c.Crypto, &c.Commits, &c.Backbone, &c.SenderCPU, &c.PeerCPU, &c.BrokerCPU, &c.DriverCPU} {
		cut(v)
	}
	return c
}
