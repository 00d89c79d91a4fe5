package store

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// killAt, in the environment of the other process, is the step at which it kills itself, and at which hit.
const killAt = "ROGATORY_STORE_TEST_KILL"

// childWork sends and erases with several writers and says what it has been told, until it kills itself.
func childWork(dir string) int {
	step, nth, _ := strings.Cut(os.Getenv(killAt), "@")
	left, err := strconv.ParseInt(nth, 10, 64)
	if err != nil {
		return 2
	}
	var hits atomic.Int64
	opts := testOptions(dir)
	opts.Step = func(point string) {
		if point == step && hits.Add(1) == left {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	}
	s, err := Open(opts)
	if err != nil {
		return 1
	}
	var wg sync.WaitGroup
	var out sync.Mutex
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format, args...)
	}
	for w := range 3 {
		wg.Go(func() {
			for i := range 200 {
				token := fmt.Sprintf("case-%s-%d-%d", nth, w, i)
				var id uint64
				if _, err := s.Update(testContext(), func(tx *Tx) error {
					e, err := submit(tx, "BG", token, "police", []byte("content of "+token))
					if err == nil {
						id = e.ContentId
					}
					return err
				}); err != nil {
					return
				}
				say("sent %s %d\n", token, id)
				if i%5 == 4 {
					if _, err := s.Update(testContext(), func(tx *Tx) error { return tx.EraseContent(id) }); err != nil {
						return
					}
					say("erased %s %d\n", token, id)
				}
			}
		})
	}
	wg.Wait()
	return 3 // never killed
}

func TestWhatACallerWasToldIsThereAfterAKillAtAnyStep(t *testing.T) {
	for _, step := range Steps {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			told := make(map[string]uint64)   // token -> content
			erased := make(map[uint64]string) // content -> token
			for _, hit := range []int{1, 2, 4} {
				cmd := childCommand(t, "work", dir)
				cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%s@%d", killAt, step, hit))
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				lines := bufio.NewScanner(out)
				for lines.Scan() {
					var what, token string
					var id uint64
					if _, err := fmt.Sscan(lines.Text(), &what, &token, &id); err != nil {
						t.Fatal(err)
					}
					if told[token] = id; what == "erased" {
						erased[id] = token
					}
				}
				_ = cmd.Wait()
				if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
					t.Fatalf("hit %d: %v", hit, cmd.ProcessState)
				}
				s := openStore(t, testOptions(dir))
				view(t, s, func(r *Reader) error {
					waiting, err := r.Outbox("BG", 0, 0, 1<<20)
					if err != nil || len(waiting) < len(told) {
						t.Errorf("hit %d: %d messages wait, %d were sent, %v", hit, len(waiting), len(told), err)
					}
					for token, id := range told {
						if _, _, err := r.Case(token); err != nil {
							t.Errorf("hit %d: %v", hit, err)
						}
						b, err := r.Content(id)
						if erased[id] != "" {
							if !errors.Is(err, ErrErased) {
								t.Errorf("hit %d: erased content %d: %v", hit, id, err)
							}
						} else if err == nil && string(b) != "content of "+token || err != nil && !errors.Is(err, ErrErased) {
							t.Errorf("hit %d: content %d: %q, %v", hit, id, b, err)
						}
					}
					return nil
				})
				closeStore(t, s)
			}
		})
	}
}
