package rig

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/transport/backbone"
	"github.com/rogatory/rogatory/node/transport/broker"
)

// Child is what a program does that was started as a child. It returns the exit status.
func Child(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := errors.New("a child is a broker or a node")
	if len(args) > 0 {
		switch args[0] {
		case "broker":
			err = runBroker(ctx, args[1:])
		case "node":
			err = runNode(ctx, args[1:])
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// saying is held while a line goes to the program that started this one.
var saying sync.Mutex

func sayLine(words ...string) {
	saying.Lock()
	defer saying.Unlock()
	_, _ = io.WriteString(os.Stdout, strings.Join(words, " ")+"\n")
}

// obey follows the lines on standard input. When that ends so does the process: whoever started it is gone.
func obey(do map[string]func(words []string)) {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		words := strings.SplitN(in.Text(), " ", 3)
		if f := do[words[0]]; f != nil {
			f(words[1:])
		}
	}
	die()
}

// die ends the process as a power cut would.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// profiling are the commands for profiles of a child.
var profiling = map[string]func(words []string){
	"profile": func(words []string) {
		out, err := os.Create(strings.Join(words, " "))
		if err == nil {
			err = pprof.StartCPUProfile(out)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "profiling:", err)
		}
	},
	"profile-end": func([]string) {
		pprof.StopCPUProfile()
		sayLine("profiled")
	},
}

func runBroker(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("broker", flag.ContinueOnError)
	dir := f.String("dir", "", "folder")
	port := f.Int("port", 0, "port")
	list := f.String("countries", "", "members")
	if err := f.Parse(args); err != nil {
		return err
	}
	go obey(profiling)
	authority, err := broker.OpenAuthority(*dir)
	if err != nil {
		return err
	}
	pair := func(name string) (tls.Certificate, error) {
		return tls.LoadX509KeyPair(filepath.Join(*dir, name+".pem"), filepath.Join(*dir, name+"-key.pem"))
	}
	cert, err := pair("server")
	if err != nil {
		return err
	}
	countries := strings.Split(*list, ",")
	b, err := broker.Start(broker.Options{
		Dir: filepath.Join(*dir, "jetstream"), Port: *port, Countries: countries, Certificate: cert, Roots: authority.Roots(),
	})
	if err != nil {
		return err
	}
	defer b.Shutdown()
	operatorCert, err := pair("operator")
	if err != nil {
		return err
	}
	operator, err := backbone.ClientTLS(operatorCert, authority.Roots())
	if err != nil {
		return err
	}
	if err := b.EnsureStreams(ctx, operator, countries, backbone.StreamOptions{}); err != nil {
		return err
	}
	sayLine(sayReady)
	<-ctx.Done()
	return nil
}

func runNode(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("node", flag.ContinueOnError)
	config := f.String("config", "", "configuration")
	crashAt := f.String("crash-at", "", "step at which the node kills itself")
	crashNth := f.Int("crash-nth", 1, "at which of its times")
	settled := f.Bool("settled", false, "tell of each message whose receipt is committed")
	if err := f.Parse(args); err != nil {
		return err
	}
	cfg, err := configs.Load(*config)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	t := &trap{taken: map[string]int{}}
	t.arm(*crashAt, *crashNth)
	o := node.Options{Lock: keyring.Plain(), Logger: log, Step: t.step, Ready: func() { sayLine(sayReady) }}
	if *settled {
		tap := &tap{}
		o.Net = tap.wrap(cfg, log)
		o.Step = func(point string) {
			t.step(point)
			tap.step(point)
		}
	}
	do := maps.Clone(profiling)
	do["arm"] = func(words []string) {
		n, err := strconv.Atoi(words[0])
		if err == nil && len(words) == 2 {
			t.arm(words[1], n)
		}
	}
	go obey(do)
	log.Info("start", "at", time.Now())
	debug.SetGCPercent(node.GCPercent)
	err = node.Run(ctx, cfg, o)
	log.Info("steps taken", "counts", t.counts())
	return err
}

// A trap kills the process at the n-th time that it comes to a step. It counts all steps besides.
type trap struct {
	mu    sync.Mutex
	point string
	left  int
	taken map[string]int
}

// counts says how often each step was taken.
func (t *trap) counts() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.taken)
}

func (t *trap) arm(point string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.point, t.left = point, n
}

func (t *trap) step(point string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken[point]++
	if point != t.point {
		return
	}
	if t.left--; t.left <= 0 {
		sayLine("hit", point)
		die()
	}
}
