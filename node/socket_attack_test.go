package node

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/rogatory/rogatory/configs"
)

// Whoever else lives on the machine finds no moment at which the socket is open to them, whatever the process's umask is.
func TestSocketIsItsOwnersFromTheFirstMoment(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir, err := os.MkdirTemp("", "rog") // short: the path of a socket has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	n := &node{cfg: &configs.Node{Socket: filepath.Join(dir, "s")}}
	var done atomic.Bool
	open := make(chan os.FileMode, 1)
	go func() {
		var worst os.FileMode
		for !done.Load() {
			if info, err := os.Lstat(n.cfg.Socket); err == nil {
				worst |= info.Mode().Perm() & 0o077
			}
		}
		open <- worst
	}()
	for range 300 {
		l, err := n.listenSocket()
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	done.Store(true)
	if worst := <-open; worst != 0 {
		t.Errorf("for a moment others could use the socket: %v", worst)
	}
}
