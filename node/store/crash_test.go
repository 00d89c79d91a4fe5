package store

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogatory/rogatory/node/store/guard"
	"github.com/rogatory/rogatory/node/store/keys"
)

// copyTree copies a folder as a crash would leave it.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// guardAt returns the size of the log in a guard, and whether it is open.
func guardAt(t *testing.T, opts Options) (size int64, open bool) {
	t.Helper()
	g, err := guard.Open(opts.GuardPath, opts.Origin)
	if err != nil {
		t.Fatal(err)
	}
	_, head := g.Head()
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	return head.Size, g.Open()
}

// left is what a crash has left.
type left struct {
	message bool // the message is sent: case, leaf, outbox, content
	guarded bool // the guard on the disk knows its leaf
	erased  bool // the other content is erased for whoever reads
	key     bool // and yet its key is in the file
}

// What is there after a crash at each step, whether or not anybody has been told.
func TestACrashAtEachStepLeavesWhatTheTableSays(t *testing.T) {
	databaseFirst := map[string]left{
		StepFilled:      {false, false, false, true},
		StepRan:         {false, false, false, true},
		StepCommitted:   {true, false, true, true},
		StepGuardTorn:   {true, false, true, true},
		StepGuarded:     {true, true, true, true},
		StepNoted:       {true, true, true, true},
		StepKeysChanged: {true, true, true, false},
		StepCompacted:   {true, true, true, false},
		StepReplaced:    {true, true, true, false},
	}
	guardFirst := maps.Clone(databaseFirst)
	guardFirst[StepGuardTorn] = left{false, false, false, true}
	guardFirst[StepGuarded] = left{false, true, false, true}
	guardFirst[StepCommitted] = left{true, true, true, true}
	for _, step := range Steps {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			crashAt(t, step, DatabaseFirst, databaseFirst[step])
		})
		t.Run(step+", guard first", func(t *testing.T) {
			t.Parallel()
			crashAt(t, step, GuardFirst, guardFirst[step])
		})
	}
}

// crashAt copies what is there at a step of an update, and looks at what opening makes of it.
func crashAt(t *testing.T, step string, order Order, want left) {
	live, crashed := t.TempDir(), t.TempDir()
	opts := testOptions(live)
	opts.Order = order
	var armed atomic.Bool
	hit := 0
	opts.Step = func(point string) {
		if point == step && armed.CompareAndSwap(true, false) {
			hit++
			copyTree(t, live, crashed)
		}
	}
	s := openStore(t, opts)
	var old uint64
	update(t, s, func(tx *Tx) (err error) {
		if _, err = tx.Append(opEntry(0)); err != nil {
			return err
		}
		old, err = tx.PutContent("police", []byte("an older content"))
		return err
	})
	armed.Store(step == StepFilled)
	update(t, s, func(tx *Tx) error {
		if step != StepFilled { // not before: the guard of the update before may be closed at any time
			armed.Store(true)
		}
		if _, err := submit(tx, "BG", "case-1", "fiu", []byte("a question")); err != nil {
			return err
		}
		return tx.EraseContent(old)
	})
	if hit != 1 {
		t.Fatalf("step was hit %d times", hit)
	}
	closeStore(t, s)

	if size, _ := guardAt(t, testOptions(crashed)); (size == 2) != want.guarded {
		t.Errorf("guard is at %d", size)
	}
	f, err := openFolder(testOptions(crashed))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.keys.Key(old); (err == nil) != want.key {
		t.Errorf("key of the erased content: %v", err)
	}
	if err := f.closeFiles(); err != nil {
		t.Fatal(err)
	}
	recoverAndLook(t, crashed, old, want.message, want.erased, 1)
}

// recoverAndLook opens what a crash has left and looks at it; while it opens, it crashes at some
// of them once more.
func recoverAndLook(t *testing.T, dir string, old uint64, message, erased bool, depth int) {
	opts := testOptions(dir)
	var again []string
	opening := true
	opts.Step = func(point string) {
		if depth > 0 && opening && slices.Contains([]string{StepGuardTorn, StepKeysChanged, StepReplaced}, point) {
			again = append(again, t.TempDir())
			copyTree(t, dir, again[len(again)-1])
		}
	}
	s := openStore(t, opts)
	opening = false
	if s.Head() != s.head() {
		t.Errorf("after opening %+v is committed and %+v guarded", s.head(), s.Head())
	}
	if _, err := os.Stat(filepath.Join(opts.Dir, keysName+keys.NewName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a copy of keys.db is left: %v", err)
	}
	_, err := s.Content(old)
	if errors.Is(err, ErrErased) != erased || !erased && err != nil {
		t.Errorf("older content: %v", err)
	}
	if _, err := s.keys.Key(old); (err != nil) != erased {
		t.Errorf("key of the older content: %v", err)
	}
	view(t, s, func(r *Reader) error {
		if _, _, err := r.Case("case-1"); (err == nil) != message {
			t.Errorf("case: %v", err)
		}
		entries, err := r.Outbox("BG", 0, 0, 10)
		if err != nil || (len(entries) == 1) != message {
			t.Errorf("outbox: %d entries, %v", len(entries), err)
		}
		for _, e := range entries {
			if b, err := r.Content(e.ContentId); err != nil || string(b) != "a question" {
				t.Errorf("content: %q, %v", b, err)
			}
		}
		return nil
	})
	// Whoever was not told does it again.
	if !message {
		update(t, s, func(tx *Tx) error {
			_, err := submit(tx, "BG", "case-1", "fiu", []byte("a question"))
			return err
		})
	}
	closeStore(t, s)
	for _, dir := range again {
		recoverAndLook(t, dir, old, message, erased, depth-1)
	}
}

func TestADatabaseOlderThanTheGuardIsRefused(t *testing.T) {
	live, old := t.TempDir(), t.TempDir()
	opts := testOptions(live)
	s := openStore(t, opts)
	update(t, s, func(tx *Tx) error { _, err := tx.Append(opEntry(0)); return err })
	copyTree(t, filepath.Join(live, "data"), filepath.Join(old, "data"))
	commit := update(t, s, func(tx *Tx) error { _, err := tx.Append(opEntry(1)); return err })
	closeStore(t, s)

	restored := testOptions(old)
	restored.GuardPath = opts.GuardPath
	_, err := Open(restored)
	var proof *RollbackError
	if !errors.As(err, &proof) || !errors.Is(err, ErrRollback) || proof.Guard != (Head{Size: 2, Root: commit.Root}) || proof.Database.Size != 1 {
		t.Errorf("opening the older copy: %v", err)
	}
	if Hint(err) == "" {
		t.Error("nobody is told what to do")
	}

	// The same length with another history is no better.
	other := testOptions(t.TempDir())
	s = openStore(t, other)
	for i := range 3 {
		update(t, s, func(tx *Tx) error { _, err := tx.Append(opEntry(10 + i)); return err })
	}
	closeStore(t, s)
	other.GuardPath = opts.GuardPath
	if _, err := Open(other); !errors.As(err, &proof) || proof.Database.Size != 2 {
		t.Errorf("opening another history: %v", err)
	}
}

func TestAnOpenGuardForgivesOnlyTheTransactionThatWasCutOff(t *testing.T) {
	live, cut, older := t.TempDir(), t.TempDir(), t.TempDir()
	opts := testOptions(live)
	opts.Order = GuardFirst
	var armed atomic.Bool
	opts.Step = func(point string) {
		if point == StepGuarded && armed.CompareAndSwap(true, false) {
			copyTree(t, live, cut)
		}
	}
	s := openStore(t, opts)
	leaf := func(tx *Tx) error { _, err := tx.Append(opEntry(0)); return err }
	update(t, s, leaf)
	copyTree(t, filepath.Join(live, "data"), filepath.Join(older, "data"))
	update(t, s, leaf)
	update(t, s, func(tx *Tx) error { armed.Store(true); return leaf(tx) })
	closeStore(t, s)
	copyTree(t, filepath.Join(cut, "guard"), filepath.Join(older, "guard"))

	var proof *RollbackError
	if _, err := Open(testOptions(older)); !errors.As(err, &proof) || proof.Guard.Size != 3 || proof.Database.Size != 1 {
		t.Errorf("two transactions are missing: %v", err)
	}
	if lost, err := Look(testOptions(older), func(*Reader, Log) error { return nil }); err != nil || lost == nil {
		t.Errorf("looking, two transactions are missing: %v, %v", lost, err)
	}
	if lost, err := Look(testOptions(cut), func(*Reader, Log) error { return nil }); err != nil || lost != nil {
		t.Errorf("looking at what a crash has left: %v, %v", lost, err)
	}
	s = openStore(t, testOptions(cut))
	if s.Head().Size != 2 {
		t.Errorf("after the crash the log has %d leaves", s.Head().Size)
	}
	closeStore(t, s)
}

func TestAnOpenGuardIsClosedWithinAMoment(t *testing.T) {
	opts := testOptions(t.TempDir())
	s := openStore(t, opts)
	update(t, s, func(tx *Tx) error { _, err := tx.Append(opEntry(0)); return err })
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if size, open := guardAt(t, opts); size == 1 && !open {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the guard stays open")
		}
	}
}
