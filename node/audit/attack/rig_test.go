package attack_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/audit/reconcile"
	"github.com/rogatory/rogatory/node/audit/replay"
)

// The auditor's commands.
const (
	verify     = "verify"
	replays    = "replay"
	reconciles = "reconcile"
	check      = "check"
)

// A found is a finding with the command that made it.
type found struct {
	command string
	audit.Finding
}

func (f found) String() string { return f.command + ": " + f.Finding.String() }

// An auditor holds a directory and some archives.
type auditor struct {
	t      testing.TB
	anchor *audit.Anchor
}

func newAuditor(t testing.TB, trusted ...[]byte) *auditor {
	t.Helper()
	a, err := audit.NewAnchor(trusted)
	if err != nil {
		t.Fatal(err)
	}
	return &auditor{t, a}
}

func (a *auditor) from(command string, list []audit.Finding) (out []found) {
	for _, f := range list {
		out = append(out, found{command, f})
	}
	return out
}

func (a *auditor) open(path string) (*archive.Reader, []found) {
	a.t.Helper()
	r, err := archive.Open(path)
	if err == nil {
		return r, nil
	}
	f, ok := audit.OpenFinding(err)
	if !ok {
		a.t.Fatal(err)
	}
	return nil, a.from(verify, []audit.Finding{f})
}

// one verifies and replays an archive.
func (a *auditor) one(path string) []found {
	a.t.Helper()
	r, list := a.open(path)
	if r == nil {
		return list
	}
	defer r.Close()
	res, err := audit.Verify(context.Background(), r, a.anchor, audit.Options{Workers: 1})
	if err != nil {
		a.t.Fatalf("verify: %v", err)
	}
	list = a.from(verify, res.Findings)
	if r.Info().Limited() {
		return list
	}
	again, err := replay.Run(context.Background(), r, replay.Options{Anchor: a.anchor, Workers: 1})
	if err != nil {
		a.t.Fatalf("replay: %v", err)
	}
	return append(list, a.from(replays, again.Findings)...)
}

// both reconciles two archives.
func (a *auditor) both(x, y string) []found {
	a.t.Helper()
	rx, list := a.open(x)
	ry, more := a.open(y)
	if rx == nil || ry == nil {
		return append(list, more...)
	}
	defer rx.Close()
	defer ry.Close()
	res, err := reconcile.Run(context.Background(), rx, ry, reconcile.Options{Anchor: a.anchor, Workers: 1})
	if err != nil {
		a.t.Fatalf("reconcile: %v", err)
	}
	return a.from(reconciles, res.Findings)
}

// dir is a folder for archives, in memory where the system has room for them there.
func dir(t testing.TB) string {
	t.Helper()
	in := memory()
	if in == "" {
		return t.TempDir()
	}
	d, err := os.MkdirTemp(in, "rogatory-attack-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(d) })
	return d
}

// seed is that of this run: ROGATORY_SEED, or 1.
func seed(t testing.TB) uint64 {
	t.Helper()
	s := os.Getenv("ROGATORY_SEED")
	if s == "" {
		return 1
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("ROGATORY_SEED: %v", err)
	}
	return n
}

// chance is the randomness of one world.
func chance(seed uint64, what string, n int) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", what, n)
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// shared runs n pieces of work on all cores.
func shared(n int, work func(i int)) {
	var running sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for i := range next {
				work(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	running.Wait()
}

// logs writes the archives of all logs of a world, also of those that are closed, by country: the newest last.
func logs(w *forge.World, in string) map[string][]string {
	out := map[string][]string{}
	for _, c := range w.Countries() {
		for i, h := range append(slices.Clone(c.Closed), c.Log) {
			out[c.Code] = append(out[c.Code], w.ArchiveOf(c, h, filepath.Join(in, fmt.Sprintf("%s-%d.zip", c.Code, i+1))))
		}
	}
	return out
}
