package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// childDir, in the environment, makes this program the process that writes there.
const childDir = "ROGATORY_FAULTS_DIR"

// The parts of the store that write, by the thread that does it.
const (
	partOpen  = "open"
	partWrite = "write"
	partErase = "erase"
)

var parts = []string{partOpen, partWrite, partErase}

// lineReady says that all threads are named and that the process waits for a line.
const lineReady = "ready"

// contents is how many contents the process writes; every second one it erases.
const contents = 4

func init() { runtime.LockOSThread() } // main stays on the first thread

func options(dir string) store.Options {
	return store.Options{
		Dir: filepath.Join(dir, "data"), GuardPath: filepath.Join(dir, "guard", "head"),
		Country: "RS", Origin: "rogatory.example/RS/log/1", Epoch: 1,
		UnitKeys: func(string) (store.UnitKey, error) { return store.UnitKey(sha256.Sum256([]byte("unit"))), nil },
	}
}

func content(i int) []byte { return bytes.Repeat([]byte("content "+strconv.Itoa(i)+" "), 700) }

// threads keeps each part of the store on a thread of its own, once it has been seen there.
type threads struct {
	mu  sync.Mutex
	tid map[string]int
}

func (t *threads) step(point string) {
	part := map[string]string{store.StepRan: partWrite, store.StepNoted: partErase}[point]
	if part == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tid[part] == 0 {
		runtime.LockOSThread()
		t.tid[part] = unix.Gettid()
	}
}

// child opens the store, names its threads, waits, then writes and erases, and says after each step what it was told.
func child(dir string, stdin io.Reader, stdout io.Writer) int {
	t := &threads{tid: map[string]int{}}
	opts := options(dir)
	opts.Step = t.step
	s, err := store.Open(opts)
	if err != nil {
		return 1
	}
	say := func(format string, args ...any) {
		if _, err := fmt.Fprintf(stdout, format+"\n", args...); err != nil {
			os.Exit(1) // nobody would learn of it: that is no acknowledgement
		}
	}
	w := &worker{s: s, say: say}
	// One of each, so that all threads are seen.
	if w.put(0) != nil || w.erase(0) != nil {
		return 1
	}
	t.mu.Lock()
	for part, tid := range t.tid {
		say("%s %d", part, tid)
	}
	t.mu.Unlock()
	say(lineReady)
	if _, err := bufio.NewReader(stdin).ReadString('\n'); err != nil {
		return 1
	}
	for i := 1; i <= contents; i++ {
		if err := w.put(i); err != nil {
			if err = w.put(i); err != nil { // tried again, as a caller would
				break
			}
		}
		if i%2 == 0 && w.erase(i) != nil {
			break
		}
	}
	if s.Close() != nil {
		return 1
	}
	say("end")
	return 0
}

// A worker writes and says so.
type worker struct {
	s   *store.Store
	say func(string, ...any)
	ids [contents + 1]uint64
}

// put writes a content with its leaf.
func (w *worker) put(i int) error {
	var id uint64
	unit := "unit-" + strconv.Itoa(i) // a new one, so that keys are made ahead each time
	c, err := w.s.Update(context.Background(), func(tx *store.Tx) (err error) {
		if id, err = tx.PutContent(unit, content(i)); err != nil {
			return err
		}
		if err := tx.PutDraft(&storev1.Draft{Id: "draft-" + strconv.Itoa(i), Unit: unit, Actor: "officer-1", State: "pending", ContentId: id}); err != nil {
			return err
		}
		_, err = tx.Append(&translog.Op{
			Basis: "test", Of: []translog.Hash{sha256.Sum256([]byte{byte(i)})}, OfCount: 1, Verb: translog.Collect, Who: "officer-1", Why: "test",
		})
		return err
	})
	if err != nil {
		return err
	}
	w.ids[i] = id
	w.say("put %d %d %d", i, id, c.Size)
	return nil
}

// erase writes a tombstone and destroys the content.
func (w *worker) erase(i int) error {
	c, err := w.s.Update(context.Background(), func(tx *store.Tx) error {
		if err := tx.DeleteDraft("draft-" + strconv.Itoa(i)); err != nil {
			return err
		}
		if err := tx.EraseContent(w.ids[i]); err != nil {
			return err
		}
		_, err := tx.Append(&translog.Erase{
			Basis: "test", By: "officer-1", Of: []translog.Hash{sha256.Sum256([]byte{byte(i)})}, OfCount: 1, What: []string{"content"},
		})
		return err
	})
	if err != nil && !errors.Is(err, store.ErrChore) { // its chore is done at the next start
		return err
	}
	w.say("erased %d %d %d", i, w.ids[i], c.Size)
	return nil
}
