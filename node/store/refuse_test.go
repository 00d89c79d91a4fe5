package store

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/store/guard"
	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// childDir, when set, makes this test program the other process: it does childRole in that folder.
const (
	childDir  = "ROGATORY_STORE_TEST_DIR"
	childRole = "ROGATORY_STORE_TEST_ROLE"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(os.Getenv(childRole), dir))
	}
	_ = flag.Set("rapid.checks", "12") // each opens files; the command line may say otherwise
	os.Exit(m.Run())
}

func child(role, dir string) int {
	switch role {
	case "hold":
		return childHold(dir)
	case "full":
		return childFull(dir)
	case "work":
		return childWork(dir)
	}
	return 2
}

func childCommand(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childRole+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// childHold opens the store, says so, and waits for the end of its input.
func childHold(dir string) int {
	s, err := Open(testOptions(dir))
	if err != nil {
		return 1
	}
	_, _ = os.Stdout.WriteString("open\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if s.Close() != nil {
		return 1
	}
	return 0
}

func TestASecondProcessIsToldAtOnceThatTheStoreIsInUse(t *testing.T) {
	dir := t.TempDir()
	cmd := childCommand(t, "hold", dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	begin := time.Now()
	_, err = Open(testOptions(dir))
	if took := time.Since(begin); !errors.Is(err, ErrLocked) || Hint(err) == "" || took > time.Second {
		t.Errorf("after %v: %v", took, err)
	}
	if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	openStore(t, testOptions(dir))
}

func TestWhatIsNotThisNodesStoreIsRefused(t *testing.T) {
	write := func(name string, b []byte) func(*testing.T, *Options) {
		return func(t *testing.T, o *Options) {
			if err := os.WriteFile(filepath.Join(o.Dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(*testing.T, *Options) {
		return func(t *testing.T, o *Options) {
			if err := os.Remove(filepath.Join(o.Dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		change func(*testing.T, *Options)
		want   error
	}{
		"another country":  {func(_ *testing.T, o *Options) { o.Country = "BG" }, ErrForeign},
		"another log":      {func(_ *testing.T, o *Options) { o.Origin = "rogatory.example/RS/log/2" }, ErrForeign},
		"another epoch":    {func(_ *testing.T, o *Options) { o.Epoch = 2 }, ErrForeign},
		"text as main.db":  {write(mainName, []byte(strings.Repeat("no database\n", 1000))), ErrForeign},
		"short main.db":    {write(mainName, []byte("x")), ErrForeign},
		"text as keys.db":  {write(keysName, []byte(strings.Repeat("no database\n", 1000))), ErrForeign},
		"empty main.db":    {write(mainName, nil), ErrForeign},
		"main.db is gone":  {remove(mainName), ErrForeign},
		"keys.db is gone":  {remove(keysName), ErrKeysMissing},
		"keys.db is empty": {write(keysName, nil), ErrKeysMissing},
		"keys.db of another store": {func(t *testing.T, o *Options) {
			other := testOptions(t.TempDir())
			closeStore(t, openStore(t, other))
			b, err := os.ReadFile(filepath.Join(other.Dir, keysName))
			if err != nil {
				t.Fatal(err)
			}
			write(keysName, b)(t, o)
		}, ErrForeign},
		"another program's database": {func(t *testing.T, o *Options) {
			remove(mainName)(t, o)
			editFile(t, filepath.Join(o.Dir, mainName), func(b *bbolt.Tx) error {
				_, err := b.CreateBucket([]byte("theirs"))
				return err
			})
		}, ErrForeign},
		"a later format": {func(t *testing.T, o *Options) {
			editFile(t, filepath.Join(o.Dir, mainName), func(b *bbolt.Tx) error {
				var id storev1.Identity
				if _, err := rows.Read(b.Bucket(bucketIdentity), bucketIdentity, &id); err != nil {
					return err
				}
				id.Schema = schema + 1
				v, err := proto.Marshal(&id)
				if err != nil {
					return err
				}
				return b.Bucket(bucketIdentity).Put(bucketIdentity, v)
			})
		}, ErrSchema},
		"a damaged guard": {func(t *testing.T, o *Options) {
			if err := os.WriteFile(o.GuardPath, []byte(strings.Repeat("guard", 2000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ErrGuard},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := testOptions(t.TempDir())
			s := openStore(t, opts)
			update(t, s, func(tx *Tx) error { _, err := tx.PutContent("police", []byte("x")); return err })
			closeStore(t, s)
			test.change(t, &opts)
			s, err := Open(opts)
			if !errors.Is(err, test.want) || Hint(err) == "" {
				t.Errorf("got %v, hint %q", err, Hint(err))
			}
			if s != nil {
				t.Error(s.Close())
			}
		})
	}
}

func editFile(t *testing.T, path string, edit func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(edit), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestNobodyElseMayReadTheFiles(t *testing.T) {
	dir := t.TempDir()
	opts := testOptions(dir)
	s := openStore(t, opts)
	var id uint64
	update(t, s, func(tx *Tx) (err error) { id, err = tx.PutContent("police", []byte("x")); return err })
	update(t, s, func(tx *Tx) error { return tx.EraseContent(id) })
	if _, err := s.Backup(t.Context(), filepath.Join(dir, "backup")); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{opts.Dir, filepath.Dir(opts.GuardPath), filepath.Join(dir, "backup")} {
		if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %v", path, info.Mode())
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// childFull writes until the disk is full, which a limit on the size of files plays, and goes on when there is space again.
func childFull(dir string) int {
	fail := func(args ...any) int {
		_, _ = fmt.Fprintln(os.Stderr, args...)
		return 1
	}
	s, err := Open(testOptions(dir))
	if err != nil {
		return fail(err)
	}
	const limit = 2 << 20
	var space syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &space); err != nil {
		return fail(err)
	}
	none := syscall.Rlimit{Cur: limit, Max: space.Max}
	ctx := testContext()
	done, failed := 0, 0
	send := func() error {
		_, err := s.Update(ctx, func(tx *Tx) error {
			_, err := submit(tx, "BG", name(done, failed).String(), "police", make([]byte, 30000))
			return err
		})
		return err
	}
	for range 3 {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &none); err != nil {
			return fail(err)
		}
		for err = nil; err == nil; done++ {
			if err = send(); done > 500 {
				return fail("the disk is never full")
			}
		}
		done--
		if !errors.Is(err, ErrDisk) || errors.Is(err, ErrBroken) || Hint(err) == "" {
			return fail("full disk:", err)
		}
		for range 4 { // again: it may fit into pages that have become free, or else has no effect
			failed++
			switch err := send(); {
			case err == nil:
				done++
			case !errors.Is(err, ErrDisk):
				return fail("full disk again:", err)
			}
		}
		if int(s.Head().Size) != done {
			return fail("something of a failed transaction is there")
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &space); err != nil {
			return fail(err)
		}
		for range 5 {
			if err := send(); err != nil {
				return fail("space again:", err)
			}
			done++
		}
		none.Cur += 2 << 20
		if err := s.Check(ctx); err != nil {
			return fail("check:", err)
		}
	}
	if err := s.Close(); err != nil {
		return fail(err)
	}
	return 0
}

func TestAFullDiskLosesNothingAndIsRecoveredFrom(t *testing.T) {
	dir := t.TempDir()
	if err := childCommand(t, "full", dir).Run(); err != nil {
		t.Fatal(err)
	}
	openStore(t, testOptions(dir))
}

func TestAGuardThatCannotBeWrittenHoldsTheHeadBack(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	update(t, s, func(tx *Tx) error { _, err := tx.Append(opEntry(0)); return err })
	full, err := guard.Open("/dev/full", testOptions("").Origin)
	if err != nil {
		t.Fatal(err)
	}
	good := s.guard
	swap := func(g *guard.Guard) {
		// within the loop that owns the guard
		update := func(tx *Tx) error { s.guard = g; return nil }
		if _, err := s.Update(t.Context(), update); err != nil && !errors.Is(err, ErrUnguarded) {
			t.Fatal(err)
		}
	}
	swap(full)
	commit, err := s.Update(t.Context(), func(tx *Tx) error { _, err := tx.Append(opEntry(1)); return err })
	if !errors.Is(err, ErrUnguarded) || !errors.Is(err, ErrDisk) || commit.Size != 2 || commit.First != 1 {
		t.Errorf("commit %+v, %v", commit, err)
	}
	if s.Head().Size != 1 {
		t.Errorf("a head of %d may be signed", s.Head().Size)
	}
	swap(good)
	for deadline := time.Now().Add(10 * time.Second); s.Head().Size != 2; {
		if time.Now().After(deadline) {
			t.Fatal("the guard is never written")
		}
		if _, err := s.Guard(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := full.Close(); err != nil {
		t.Fatal(err)
	}
}
