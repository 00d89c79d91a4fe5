// Bench measures what two nodes and a broker do, each a process of its own, with every flush to the disk, TLS to the broker, log and
// head guard as in production.
//
//	go run ./scripts/bench exchange [--seconds 15] [--concurrency 1,16,64,256] [--size 4096] [--json] [--profile FOLDER]
//	go run ./scripts/bench idle     [--seconds 30] [--json]
//	go run ./scripts/bench audit    [--entries 1000000] [--workers 1,2] [--only append,proof,verify,replay,reconcile] [--dir FOLDER] [--json]
//
// exchange: an agency submits requests of one country to another by one call each. A delivery is submitted → committed → carried →
// verified, decrypted, committed → receipt checked and committed at the sender; the time is from the call to that commit. As many
// requests are under way as the concurrency says; each that is delivered makes room for the next. A node that is asked for more than it
// takes at once refuses and names a time; who is refused waits that long and submits the same again, and its delivery is timed from the
// call that was taken. Calls that were refused are counted.
//
// The figures of a row: deliveries a second; the 50th and 99th percentile of their times; CPU of the three processes, user and system,
// for a delivery; the floor of that, measured in the same run: cryptography alone, commits alone, backbone alone, of messages and
// batches of the same size; the larger node's memory; and by how much both stores have grown for a delivery.
//
// audit: a log is made, of whose entries half carry a signature of their own, or one of a batch; the auditor's program verifies it, replays it, and
// reconciles it with the log of the country that sent most of it. The floor is the signature checks and the hashing of the same entries alone, in the
// same run on as many cores. Making a million entries takes some minutes: with --dir they stay. append is the store with flush and guard; proof
// makes an inclusion proof, and its floor checks one.
//
// Exit status: 0 done, 2 usage, 3 could not measure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogatory/rogatory/scripts/rig"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == rig.ChildArg {
		os.Exit(rig.Child(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// config is what the flags say.
type config struct {
	length      time.Duration // of one measurement
	concurrency []int
	size        int // of a content, bytes
	json        bool
	profile     string // folder for CPU profiles; empty for none
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprintln(stderr, errUsage)
		return 2
	}
	if args[0] == "audit" {
		return runAudit(ctx, args[1:], stdout, stderr)
	}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	c := config{}
	seconds := f.Int("seconds", 15, "how long each row is measured")
	list := f.String("concurrency", "1,16,64,256", "how many requests are under way")
	f.IntVar(&c.size, "size", 4096, "bytes of a content")
	f.BoolVar(&c.json, "json", false, "a JSON object for each row")
	f.StringVar(&c.profile, "profile", "", "write CPU profiles of the three processes into this folder")
	keep := f.Bool("keep", false, "keep the folder")
	dir := f.String("dir", "", "parent of the folder with the stores (default: the system's for temporary files)")
	if err := f.Parse(args[1:]); err != nil {
		return 2
	}
	c.length = time.Duration(*seconds) * time.Second
	for _, s := range strings.Split(*list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			fmt.Fprintf(stderr, "concurrency %q is not a number\n", s)
			return 2
		}
		c.concurrency = append(c.concurrency, n)
	}
	if c.size < 700 || c.size > rig.MaxContent || *seconds < 1 {
		fmt.Fprintf(stderr, "sizes are from 700 to %d bytes, times at least a second\n", rig.MaxContent)
		return 2
	}
	folder, err := os.MkdirTemp(*dir, "bench-")
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 3
	}
	switch args[0] {
	case "exchange":
		err = deliveries(ctx, c, folder, stdout)
	case "idle":
		err = idle(ctx, c, folder, stdout)
	default:
		err = fmt.Errorf("no benchmark %q: %w", args[0], errUsage)
	}
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\nthe folder is kept: %s\n", err, folder)
		if errors.Is(err, errUsage) {
			return 2
		}
		return 3
	}
	if *keep {
		fmt.Fprintln(stderr, folder)
		return 0
	}
	_ = os.RemoveAll(folder)
	return 0
}

var errUsage = errors.New("bench exchange, bench idle, or bench audit")
