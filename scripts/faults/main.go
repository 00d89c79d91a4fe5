// Command faults lets every system call of the write path fail once, with EIO, with ENOSPC and with SIGKILL, and looks whether what
// the store has acknowledged is there afterwards. strace injects the faults into a real process with real files:
//
//	go run ./scripts/faults [--long]
//
// The process (child.go) has one thread for each part of the store that writes: the one that opens, the one that commits, writes the
// guard and makes keys ahead, and the one that erases. For each of them a first run counts its calls; then each call fails
// in a run of its own. Exit status: 0 all held, 1 something was lost, 3 strace cannot be used here.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// calls are the system calls by which files change.
var calls = []string{"write", "pwrite64", "fsync", "fdatasync", "ftruncate", "fallocate", "rename", "renameat", "renameat2", "unlinkat", "linkat"}

// faults are what strace does to one call.
var faults = []string{"error=EIO", "error=ENOSPC", "signal=KILL"}

func main() {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir, os.Stdin, os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	flags.SetOutput(stderr)
	long := flags.Bool("long", false, "let every call fail, not every third of those that come often")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if err := usable(ctx); err != nil {
		fmt.Fprintf(stdout, "not checked: %v\n", err)
		return 3
	}
	status := 0
	for _, part := range parts {
		sum, err := examine(ctx, part, *long)
		fmt.Fprintf(stdout, "%-7s %4d faults in %4d calls (%s)\n", part, sum.runs, sum.calls, strings.Join(sum.kinds, ", "))
		if err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", part, err)
			status = 1
		}
	}
	if status == 0 {
		fmt.Fprintln(stdout, "what was acknowledged was there after each of them")
	}
	return status
}

// A summary says how much of a part was examined.
type summary struct {
	calls, runs int
	kinds       []string
}

// often is how many calls of one kind are let fail one by one; of more, every third.
const often = 24

// examine lets the calls of one part fail, each in a run of its own.
func examine(ctx context.Context, part string, long bool) (sum summary, err error) {
	counted, err := count(ctx, part)
	if err != nil {
		return sum, err
	}
	var jobs []job
	for _, call := range calls {
		n := counted[call]
		if n == 0 {
			continue
		}
		sum.calls += n
		sum.kinds = append(sum.kinds, fmt.Sprintf("%s %d", call, n))
		step := 1
		if n > often && !long {
			step = 3
		}
		for i, fault := range faults {
			for k := 1 + i%step; k <= n; k += step {
				jobs = append(jobs, job{part, call, fault, k})
			}
		}
	}
	if len(jobs) == 0 {
		return sum, errors.New("no call was seen: nothing is examined")
	}
	sum.runs = len(jobs)
	return sum, all(ctx, jobs)
}

// all runs the jobs, as many at once as there are processors, and returns what went wrong, at most a few.
func all(ctx context.Context, jobs []job) error {
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	next := make(chan job)
	for range runtime.NumCPU() {
		wg.Go(func() {
			for j := range next {
				if err := j.run(ctx); err != nil {
					mu.Lock()
					errs = append(errs, fmt.Errorf("%s %d, %s: %w", j.call, j.when, j.fault, err))
					mu.Unlock()
				}
			}
		})
	}
	for _, j := range jobs {
		if ctx.Err() != nil {
			break
		}
		next <- j
	}
	close(next)
	wg.Wait()
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(append(errs[:min(len(errs), 5)], ctx.Err())...)
}
