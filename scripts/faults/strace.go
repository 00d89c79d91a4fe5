package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A job is one fault at one call.
type job struct {
	part, call, fault string
	when              int // the first call is 1
}

// usable reports why strace cannot be used.
func usable(ctx context.Context) error {
	path, err := exec.LookPath("strace")
	if err != nil {
		return errors.New("strace is not installed (apt-get install strace)")
	}
	if out, err := exec.CommandContext(ctx, path, "-e", "trace=none", "true").CombinedOutput(); err != nil {
		return fmt.Errorf("strace may not trace here: %s", strings.TrimSpace(string(out)))
	}
	return nil
}

var traced = regexp.MustCompile(`(?m)^(?:\d+ +)?([a-z0-9_]+)\(`)

// count runs a part without faults and returns how often it makes each call.
func count(ctx context.Context, part string) (map[string]int, error) {
	dir, err := os.MkdirTemp("", "faults")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	report := filepath.Join(dir, "strace")
	told, err := play(ctx, dir, part, "-o", report, "-e", "trace="+strings.Join(calls, ","))
	if err != nil {
		return nil, err
	}
	if !told.finished {
		return nil, errors.New("the process did not finish without faults either")
	}
	if err := compare(ctx, dir, told); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(report)
	if err != nil {
		return nil, err
	}
	counted := map[string]int{}
	for _, m := range traced.FindAllStringSubmatch(string(b), -1) {
		counted[m[1]]++
	}
	return counted, nil
}

// run plays the part with the fault and compares what it was told with what is there.
func (j job) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "faults")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	told, err := play(ctx, dir, j.part, "-o", filepath.Join(dir, "strace"), "-e", "trace="+j.call,
		"-e", fmt.Sprintf("inject=%s:%s:when=%d", j.call, j.fault, j.when))
	if err != nil {
		return err
	}
	return compare(ctx, dir, told)
}

// patience is how long one process may take.
const patience = time.Minute

// play runs a process in dir with strace on the thread of the part, and returns what the process was told.
func play(ctx context.Context, dir, part string, strace ...string) (*story, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{self}
	if part == partOpen {
		args = append(append([]string{"strace"}, strace...), self) // the first thread, from its beginning
	}
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Env = append(os.Environ(), childDir+"="+dir)
	// strace alone would leave the process behind.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	told := &story{}
	lines := bufio.NewScanner(out)
	var tracer *exec.Cmd
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 2 && fields[0] == part && fields[0] != partOpen:
			if tracer, err = attach(ctx, fields[1], strace); err != nil {
				return nil, errors.Join(err, c.Process.Kill(), c.Wait())
			}
		case lines.Text() == lineReady:
			_, _ = io.WriteString(in, "go\n") // it fails when the process was killed, which shows below
		default:
			told.hear(fields)
		}
	}
	err = c.Wait() // killed, or stopped by an error: that is what is being tried
	if tracer != nil {
		_ = tracer.Wait() // it ends with what it traces
	}
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("the process hangs: %w", ctx.Err())
	}
	return told, nil
}

// attach starts strace on a thread and returns when it has it.
func attach(ctx context.Context, tid string, strace []string) (*exec.Cmd, error) {
	n, err := strconv.Atoi(tid)
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, "strace", append(strace, "-p", tid)...)
	said, err := c.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "attached") {
			go func() { _, _ = io.Copy(io.Discard, said) }() // until it ends
			return c, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("strace did not attach to thread %d", n), c.Process.Signal(syscall.SIGKILL), c.Wait())
}
