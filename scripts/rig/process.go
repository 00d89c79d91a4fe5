package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Process is a child that was started.
type Process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ready chan struct{}
	done  chan struct{} // closed when it has ended
	err   error         // of Wait; valid after done
}

// What a child prints on its standard output, one word and its arguments a line.
const (
	sayReady   = "ready"
	saySettled = "settled" // docket commitment, in hexadecimal
)

// start runs this program as a child. lines, if not nil, takes what the child says besides being ready, from one goroutine.
func (c *Cluster) start(name string, lines func(word, rest string), args ...string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(c.Dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &Process{name: name, cmd: exec.Command(self, append([]string{ChildArg}, args...)...), ready: make(chan struct{}), done: make(chan struct{})}
	p.cmd.Stderr = log
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.read(out, lines)
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *Process) read(out io.Reader, lines func(word, rest string)) {
	var once sync.Once
	in := bufio.NewReaderSize(out, 64<<10)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch {
		case word == sayReady:
			once.Do(func() { close(p.ready) })
		case lines != nil:
			lines(word, rest)
		}
	}
}

// PID returns the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done returns a channel that is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Killed reports whether a process that has ended was ended by SIGKILL.
func (p *Process) Killed() bool {
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// Ready waits until the process says that it serves.
func (p *Process) Ready(ctx context.Context) error {
	select {
	case <-p.ready:
		return nil
	case <-p.done:
		return p.ended()
	case <-ctx.Done():
		return fmt.Errorf("waiting for %s: %w", p.name, ctx.Err())
	}
}

func (p *Process) ended() error {
	return fmt.Errorf("%s has ended (%v); see %s.log", p.name, p.cmd.ProcessState, p.name)
}

// Kill ends the process by SIGKILL and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stopWait is how long a process may take to end by itself.
const stopWait = 30 * time.Second

// Stop ends the process by SIGTERM. An exit status other than 0 is an error.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
	case <-time.After(stopWait):
		p.Kill()
		return fmt.Errorf("%s did not stop within %s after SIGTERM", p.name, stopWait)
	}
	if p.err != nil {
		return p.ended()
	}
	return nil
}

// tell sends a command to a child's standard input. An error means that it has ended.
func (p *Process) tell(words ...string) error {
	_, err := io.WriteString(p.stdin, strings.Join(words, " ")+"\n")
	return err
}

// Arm has a running node kill itself at the n-th time from now that it comes to a step.
func (p *Process) Arm(point string, n int) error { return p.tell("arm", strconv.Itoa(n), point) }

// Profile writes a CPU profile of the child into a file, until StopProfile.
func (p *Process) Profile(file string) error { return p.tell("profile", file) }

// StopProfile ends Profile. The file is complete when the process has answered its next call or ended.
func (p *Process) StopProfile() error { return p.tell("profile-end") }

// StartBroker starts the broker and waits until it serves.
func (c *Cluster) StartBroker(ctx context.Context) error {
	p, err := c.start("broker", nil, "broker", "--dir", filepath.Join(c.Dir, hubFolder), "--port", strconv.Itoa(c.port),
		"--countries", strings.Join(c.Countries, ","))
	if err != nil {
		return err
	}
	c.Broker = p
	return p.Ready(ctx)
}

// NodeOptions say how a node is started.
type NodeOptions struct {
	// CrashAt is a step at which the node kills itself, the CrashNth time; empty for none.
	CrashAt  string
	CrashNth int
	// Settled, when set, is called with the docket commitment of each message of this node whose receipt is checked and committed, in
	// hexadecimal, from one goroutine.
	Settled func(docketCommit string)
}

// Start starts the member's node. It does not wait until it serves: see Process.Ready.
func (m *Member) Start(o NodeOptions) error {
	args := []string{"node", "--config", m.Config.File}
	if o.CrashAt != "" {
		args = append(args, "--crash-at", o.CrashAt, "--crash-nth", strconv.Itoa(max(o.CrashNth, 1)))
	}
	var lines func(word, rest string)
	if o.Settled != nil {
		args = append(args, "--settled")
		lines = func(word, rest string) {
			if word == saySettled {
				o.Settled(rest)
			}
		}
	}
	var err error
	m.Node, err = m.cluster.start(m.Country, lines, args...)
	return err
}

// Close kills what still runs.
func (c *Cluster) Close() {
	for _, m := range c.members {
		if m.Node != nil {
			m.Node.Kill()
		}
	}
	if c.Broker != nil {
		c.Broker.Kill()
	}
}
