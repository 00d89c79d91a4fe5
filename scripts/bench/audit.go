package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
)

// An AuditRow is one measurement of the auditor's programs, or of the log that they read.
type AuditRow struct {
	Bench     string  `json:"bench"`
	Entries   int64   `json:"entries"`
	Workers   int     `json:"workers"`
	Batched   bool    `json:"batched"`
	PerSecond float64 `json:"per_second"`
	Floor     float64 `json:"floor_per_second"` // signature checks and hashing alone; of append, commits alone
	RSS       float64 `json:"rss_mib"`
	// What follows tells more: CPU of the program, user and system, for an entry, and of the floor, which hold on a machine that others
	// use too; the two parts of the floor; and how many leaves an append commits at once.
	CPU        float64 `json:"cpu_us"`
	FloorCPU   float64 `json:"floor_cpu_us"`
	Hashing    float64 `json:"hashing_per_second,omitempty"`
	Signatures float64 `json:"signatures_per_second,omitempty"` // entries of which all signatures are checked and nothing else is done
	Batch      int     `json:"batch,omitempty"`
	Machine    string  `json:"machine"`
	Date       string  `json:"date"`
	Go         string  `json:"go"`
}

// auditConfig is what the flags say.
type auditConfig struct {
	entries int64
	workers []int
	kinds   []bool // batched
	only    map[string]bool
	json    bool
	dir     string
}

var auditBenches = []string{"append", "proof", "verify", "replay", "reconcile"}

// runAudit is `bench audit`.
func runAudit(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("bench audit", flag.ContinueOnError)
	f.SetOutput(stderr)
	c := auditConfig{only: map[string]bool{}}
	f.Int64Var(&c.entries, "entries", 1_000_000, "leaves of the log that is measured, at least")
	f.BoolVar(&c.json, "json", false, "a JSON object for each row")
	f.StringVar(&c.dir, "dir", "", "folder in which the logs that were made stay for the next time (default: made anew, and removed)")
	list := f.String("workers", "1,2", "how many cores the auditor's program uses")
	only := f.String("only", strings.Join(auditBenches, ","), "what is measured")
	kinds := f.String("kinds", "alone,batched", "whether messages are signed alone or in batches")
	if err := f.Parse(args); err != nil {
		return 2
	}
	for s := range strings.SplitSeq(*list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			fmt.Fprintf(stderr, "workers %q is not a number\n", s)
			return 2
		}
		c.workers = append(c.workers, n)
	}
	for s := range strings.SplitSeq(*only, ",") {
		if !slices.Contains(auditBenches, s) {
			fmt.Fprintf(stderr, "there is no measurement %q: %s\n", s, strings.Join(auditBenches, ", "))
			return 2
		}
		c.only[s] = true
	}
	for s := range strings.SplitSeq(*kinds, ",") {
		if s != "alone" && s != "batched" {
			fmt.Fprintf(stderr, "messages are signed alone or batched, not %q\n", s)
			return 2
		}
		c.kinds = append(c.kinds, s == "batched")
	}
	if c.entries < 4000 {
		fmt.Fprintln(stderr, "a log has at least 4000 entries here")
		return 2
	}
	keep := c.dir != ""
	if keep {
		if err := os.MkdirAll(c.dir, 0o755); err != nil {
			fmt.Fprintln(stderr, err)
			return 3
		}
	} else {
		var err error
		if c.dir, err = os.MkdirTemp("", "bench-"); err != nil {
			fmt.Fprintln(stderr, err)
			return 3
		}
		defer os.RemoveAll(c.dir)
	}
	if err := measureAudit(ctx, c, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 3
	}
	return 0
}

func measureAudit(ctx context.Context, c auditConfig, stdout, stderr io.Writer) error {
	where := machine()
	print := func(r *AuditRow) error {
		r.Machine, r.Date, r.Go = where, time.Now().UTC().Format(time.DateOnly), runtime.Version()
		return r.print(stdout, c.json)
	}
	if !c.json {
		fmt.Fprintf(stdout, "%s, %s, %s\n\n", where, time.Now().UTC().Format(time.DateOnly), runtime.Version())
		fmt.Fprintf(stdout, "%-10s %9s %8s %8s %9s %9s %7s %9s %9s %9s %7s %8s\n", "bench", "entries", "batched", "workers",
			"per s", "floor", "ratio", "hashing", "signature", "CPU µs", "ratio", "RSS MiB")
	}
	if c.only["append"] {
		for _, n := range []int{1, 16, 64, 256} {
			r, err := measureAppend(ctx, c.dir, n)
			if err == nil {
				err = print(r)
			}
			if err != nil {
				return fmt.Errorf("appending by %d: %w", n, err)
			}
		}
	}
	rest := c.only["proof"] || c.only["verify"] || c.only["replay"] || c.only["reconcile"]
	if !rest {
		return nil
	}
	program := filepath.Join(c.dir, "rogatory-audit")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/rogatory/rogatory/node/cmd/rogatory-audit")
	build.Stderr = stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the auditor's program: %w", err)
	}
	tell, clean := func(int64) {}, ""
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		clean = "\r\x1b[K"
		tell = func(done int64) { fmt.Fprintf(stderr, "%smaking a log: %d of %d entries", clean, done, c.entries) }
	}
	for _, batched := range c.kinds {
		began := time.Now()
		h, err := makeHistory(ctx, c.dir, c.entries, batched, tell)
		if err != nil {
			return fmt.Errorf("making a log: %w", err)
		}
		if took := time.Since(began); took > time.Second {
			fmt.Fprintf(stderr, "%sthe log was made in %s\n", clean, took.Round(time.Second))
		}
		if err := measureHistory(ctx, c, h, program, print); err != nil {
			return err
		}
	}
	return nil
}

// measureHistory measures what is done with one log.
func measureHistory(ctx context.Context, c auditConfig, h history, program string, print func(*AuditRow) error) error {
	r, err := archive.Open(h.log(auditee))
	if err != nil {
		return err
	}
	defer r.Close()
	size, _, err := sizeOf(h.log(sender))
	if err != nil {
		return err
	}
	if c.only["proof"] {
		row, err := measureProof(r)
		if err == nil {
			row.Batched = h.batched
			err = print(row)
		}
		if err != nil {
			return fmt.Errorf("measuring proofs: %w", err)
		}
	}
	sample, err := takeSample(r, h)
	if err != nil {
		return fmt.Errorf("measuring the floor: %w", err)
	}
	for _, bench := range []string{"verify", "replay", "reconcile"} {
		if !c.only[bench] {
			continue
		}
		args, entries := []string{bench, h.log(auditee)}, r.Info().Size
		if bench == "reconcile" {
			args, entries = append(args, h.log(sender)), entries+size
		}
		for _, workers := range c.workers {
			row := &AuditRow{Bench: bench, Entries: entries, Workers: workers, Batched: h.batched}
			before, err := sample.measure(ctx, workers, bench != "reconcile")
			if err != nil {
				return fmt.Errorf("measuring the floor: %w", err)
			}
			if err := row.program(ctx, program, append(args, "--directory", h.directory(), "--workers", strconv.Itoa(workers))); err != nil {
				return err
			}
			after, err := sample.measure(ctx, workers, bench != "reconcile")
			if err != nil {
				return fmt.Errorf("measuring the floor: %w", err)
			}
			row.floor(before, after)
			if err := print(row); err != nil {
				return err
			}
		}
	}
	return nil
}

func sizeOf(path string) (size int64, root translog.Hash, err error) {
	r, err := archive.Open(path)
	if err != nil {
		return 0, root, err
	}
	return r.Info().Size, r.Info().Root, r.Close()
}

// program runs the auditor's program on as many cores as workers.
func (r *AuditRow) program(ctx context.Context, path string, args []string) error {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(r.Workers))
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var err error
	for running := true; running; {
		select {
		case err = <-ended:
			running = false
		case <-time.After(memoryEvery):
			// What wait4 tells of memory counts this program's too, from which the other was forked.
			if mib, err := memoryPeak(cmd.Process.Pid); err == nil {
				r.RSS = max(r.RSS, mib)
			}
		}
	}
	took := time.Since(began)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	last := lines[len(lines)-1]
	if err != nil || !strings.HasPrefix(last, "RESULT ok ") {
		return fmt.Errorf("%s: %w: %s %s", r.Bench, errors.Join(err, errResult), last, errs.String())
	}
	r.PerSecond = float64(r.Entries) / took.Seconds()
	r.CPU = float64((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Microseconds()) / float64(r.Entries)
	return nil
}

// memoryEvery is how often the largest memory of the auditor's program is read.
const memoryEvery = 20 * time.Millisecond

var errResult = errors.New("an honest log is not found clean")

// floor takes what was measured before and after.
func (r *AuditRow) floor(before, after floors) {
	r.Hashing = (before.hashing + after.hashing) / 2
	r.Signatures = (before.signatures + after.signatures) / 2
	r.FloorCPU = (before.cpu + after.cpu) / 2
	if r.Floor = r.Hashing; r.Signatures > 0 {
		r.Floor = 1 / (1/r.Hashing + 1/r.Signatures)
	}
}

// print writes a row.
func (r *AuditRow) print(out io.Writer, asJSON bool) error {
	if asJSON {
		c := *r
		for _, v := range []*float64{&c.PerSecond, &c.Floor, &c.RSS, &c.CPU, &c.FloorCPU, &c.Hashing, &c.Signatures} {
			*v = float64(int64(*v*1000+0.5)) / 1000
		}
		return json.NewEncoder(out).Encode(c)
	}
	name := r.Bench
	if r.Batch > 0 {
		name += " " + strconv.Itoa(r.Batch)
	}
	_, err := fmt.Fprintf(out, "%-10s %9d %8v %8d %9.0f %9.0f %7.2f %9.0f %9.0f %9.2f %7.2f %8.1f\n", name, r.Entries, r.Batched, r.Workers,
		r.PerSecond, r.Floor, r.PerSecond/r.Floor, r.Hashing, r.Signatures, r.CPU, r.FloorCPU/r.CPU, r.RSS)
	return err
}

// measureProof makes and checks inclusion proofs of leaves all over the log.
func measureProof(r *archive.Reader) (*AuditRow, error) {
	info := r.Info()
	row := &AuditRow{Bench: "proof", Entries: info.Size, Workers: 1}
	random := rand.New(rand.NewPCG(1, 2))
	var proofs [][]translog.Hash
	var indexes []int64
	began, own := time.Now(), ownCPU()
	for time.Since(began) < floorTime {
		i := random.Int64N(info.Size)
		p, err := translog.ProveInclusion(info.Size, i, r.Hashes())
		if err != nil {
			return nil, err
		}
		proofs, indexes = append(proofs, p), append(indexes, i)
	}
	row.PerSecond = float64(len(proofs)) / time.Since(began).Seconds()
	row.CPU = float64((ownCPU() - own).Microseconds()) / float64(len(proofs))
	// The floor is the hashing of as many nodes: what checking a proof takes.
	leaves := make([]translog.Hash, len(indexes))
	for k, i := range indexes {
		h, err := r.Hashes().ReadHashes([]int64{translog.StoredIndex(i)})
		if err != nil {
			return nil, err
		}
		leaves[k] = translog.Hash(h[0])
	}
	began, own = time.Now(), ownCPU()
	for k, p := range proofs {
		if err := translog.CheckInclusion(p, info.Size, info.Root, indexes[k], leaves[k]); err != nil {
			return nil, err
		}
	}
	row.Floor = float64(len(proofs)) / time.Since(began).Seconds()
	row.FloorCPU = float64((ownCPU() - own).Microseconds()) / float64(len(proofs))
	var err error
	row.RSS, err = rss(os.Getpid())
	return row, err
}
