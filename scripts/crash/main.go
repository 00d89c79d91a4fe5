// Crash kills a federation at every step of its road and shows that nothing is lost or done twice.
//
//	go run ./scripts/crash [--seed N] [--requests 300] [--json] [--keep]
//
// Two nodes and a broker run as processes. Agencies of both countries send requests with contents through the nodes' sockets; each
// tries again with the same idempotency key until it has an answer. Meanwhile each named step of package store and of
// package post kills its node there, and the broker is killed from outside, all by SIGKILL and each at least twice.
// Drafts are declined besides, so that erasing is killed too. Then both nodes are stopped, and what the clients sent is held against
// both stores: one message out, one in, the same name, the same bytes, the receipt, and nothing else; and both stores pass Check.
//
// Exit status: 0 all is as it must be, 1 it is not, 2 usage, 3 could not find out.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/scripts/rig"
)

const (
	done = iota
	wrong
	usage
	unknown
)

// limit is how long the whole run may take.
const limit = 10 * time.Minute

func main() {
	if len(os.Args) > 1 && os.Args[1] == rig.ChildArg {
		os.Exit(rig.Child(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// Report is what a run found out.
type Report struct {
	Seed     uint64         `json:"seed"`
	Requests int            `json:"requests"`
	Retries  int            `json:"retries"`
	Declined int            `json:"declined"`
	Kills    int            `json:"kills"`
	Points   map[string]int `json:"points"` // how often each was killed at
	Seconds  float64        `json:"seconds"`
	Findings []string       `json:"findings"`
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("crash", flag.ContinueOnError)
	f.SetOutput(stderr)
	seed := f.Uint64("seed", 0, "of order, sizes and counts; 0 draws one")
	requests := f.Int("requests", 300, "how many to send at least")
	asJSON := f.Bool("json", false, "print one object")
	keep := f.Bool("keep", false, "keep the folder")
	if err := f.Parse(args); err != nil || f.NArg() > 0 {
		return usage
	}
	if *seed == 0 {
		*seed = rand.Uint64N(1_000_000) + 1
	}
	dir, err := os.MkdirTemp("", "crash-")
	if err != nil {
		fmt.Fprintln(stderr, err)
		return unknown
	}
	lines := stdout
	if *asJSON {
		lines = stderr
	}
	fmt.Fprintf(lines, "seed %d, folder %s\n", *seed, dir)
	report := &Report{Seed: *seed, Points: map[string]int{}}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = play(ctx, report, dir, *requests, lines)
	report.Seconds = time.Since(began).Round(100 * time.Millisecond).Seconds()
	for _, point := range points() {
		if n := report.Points[point]; n < 2 {
			report.Findings = append(report.Findings, fmt.Sprintf("killed at %q %d times, must be 2", point, n))
		}
	}
	if err == nil && len(report.Findings) == 0 && !*keep {
		_ = os.RemoveAll(dir)
	} else {
		fmt.Fprintf(lines, "the folder is kept: %s\n", dir)
	}
	if *asJSON {
		if err := json.NewEncoder(stdout).Encode(report); err != nil {
			return unknown
		}
	} else {
		printReport(stdout, report)
	}
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "crash:", err)
		return unknown
	case len(report.Findings) > 0:
		return wrong
	}
	return done
}

// brokerPoint stands for a kill of the broker.
const brokerPoint = "broker"

// points are all that must be killed at.
func points() []string { return append(slices.Concat(store.Steps, post.Steps()), brokerPoint) }

func printReport(w io.Writer, r *Report) {
	fmt.Fprintf(w, "\n%-24s %s\n", "point", "hits")
	for _, p := range points() {
		fmt.Fprintf(w, "%-24s %4d\n", p, r.Points[p])
	}
	for _, p := range slices.Sorted(maps.Keys(r.Points)) {
		if !slices.Contains(points(), p) {
			fmt.Fprintf(w, "%-24s %4d\n", p, r.Points[p])
		}
	}
	fmt.Fprintf(w, "\n%d requests, %d retries, %d drafts declined, %d kills, %.1f s\n", r.Requests, r.Retries, r.Declined, r.Kills, r.Seconds)
	if len(r.Findings) == 0 {
		fmt.Fprintln(w, "every request once on both sides, every receipt there, every byte equal, both stores consistent")
	}
	for _, finding := range r.Findings {
		fmt.Fprintln(w, "FINDING", finding)
	}
}
