package post

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/node/store"
)

// full makes one open file of this process refuse writes, as a full disk does, until the returned function is called: its descriptor
// stands for another one that is open for reading only.
func full(t *testing.T, path string) (free func()) {
	t.Helper()
	path, err := filepath.EvalSymlinks(path)
	must(t, err)
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("this system does not show its descriptors")
	}
	for _, entry := range fds {
		var fd int
		if _, err := fmt.Sscan(entry.Name(), &fd); err != nil {
			continue
		}
		if at, err := os.Readlink("/proc/self/fd/" + entry.Name()); err != nil || at != path {
			continue
		}
		good, err := syscall.Dup(fd)
		must(t, err)
		readOnly, err := os.Open(path)
		must(t, err)
		must(t, syscall.Dup3(int(readOnly.Fd()), fd, syscall.O_CLOEXEC))
		must(t, readOnly.Close())
		return func() {
			must(t, syscall.Dup3(good, fd, syscall.O_CLOEXEC))
			must(t, syscall.Close(good))
		}
	}
	t.Fatalf("%s is not open", path)
	return nil
}

func (m *member) guard() string { return filepath.Join(m.folder, "guard", "head") }
func (m *member) main() string  { return filepath.Join(m.folder, "data", "main.db") }

func TestNothingIsSentThatTheSendersGuardDoesNotKnow(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		free := full(t, rs.guard())
		rs.send("BG", "RS-1") // durable, so the caller is told
		time.Sleep(10 * time.Second)
		if bg.story("RS-1") != nil {
			t.Error("it was sent")
		}
		free()
		time.Sleep(10 * time.Second)
		if len(bg.story("RS-1")) != 1 || rs.waiting("BG") != 0 {
			t.Error("it was not sent when there was room again")
		}
	}, "RS", "BG")
}

func TestNoReceiptIsSentThatTheRecipientsGuardDoesNotKnow(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		free := full(t, bg.guard())
		rs.send("BG", "RS-1")
		time.Sleep(10 * time.Second)
		if len(bg.story("RS-1")) != 1 || rs.waiting("BG") != 1 {
			t.Errorf("BG says %q, %d wait", bg.story("RS-1"), rs.waiting("BG"))
		}
		free()
		time.Sleep(10 * time.Second)
		if len(bg.story("RS-1")) != 1 || rs.waiting("BG") != 0 {
			t.Error("no receipt when there was room again")
		}
	}, "RS", "BG")
}

func TestAFullDiskLosesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		free := full(t, bg.main())
		rs.send("BG", "RS-1")
		time.Sleep(time.Minute)
		if bg.story("RS-1") != nil {
			t.Fatal("the disk was not full")
		}
		free()
		time.Sleep(10 * time.Second)
		if len(bg.story("RS-1")) != 1 || rs.waiting("BG") != 0 {
			t.Errorf("BG says %q, %d wait", bg.story("RS-1"), rs.waiting("BG"))
		}

		free = full(t, rs.main())
		_, err := rs.office.Submit(context.Background(), []Outgoing{rs.outgoing("BG", "RS-2", "text")}, opens("RS-2"))
		if !errors.Is(err, store.ErrDisk) {
			t.Errorf("the sender is told %v", err)
		}
		free()
		synctest.Wait()
		rs.send("BG", "RS-2")
		time.Sleep(10 * time.Second)
		if len(bg.story("RS-2")) != 1 || rs.waiting("BG") != 0 {
			t.Error("nothing was sent when there was room again")
		}
	}, "RS", "BG")
}
