package attachment

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// A member announces more attachments than the disk holds. They stop before the disk is so full that nobody's messages are taken any more, and a
// length that overflows does not look small.
func TestAttachmentsLeaveRoomForMessages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blob")
	var fs syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &fs); err != nil {
		t.Fatal(err)
	}
	p := New(Config{})
	if err := p.room(path, 1000); err != nil {
		t.Fatal(err)
	}
	if err := p.room(path, 1<<64-1); !errors.Is(err, ErrDisk) {
		t.Errorf("2^64-1 bytes: %v", err)
	}
	// Enough is free for messages, which leave this much free, and not for attachments.
	p = New(Config{DiskFree: int64(fs.Bavail * uint64(fs.Bsize) * 2 / 3)})
	if err := p.room(path, 1000); !errors.Is(err, ErrDisk) {
		t.Errorf("beside messages: %v", err)
	}
}
