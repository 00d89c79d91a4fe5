package desk

import (
	"fmt"
	"syscall"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/node/desk/refusal"
)

// Room returns an error unless so many bytes fit into the data folder besides what limits.disk_free keeps free.
func (d *Desk) Room(more int64) error { return d.room(more) }

// room returns ErrNoSpace unless so many bytes fit into the data folder besides what limits.disk_free keeps free. What has begun goes on:
// receipts are taken and readings are logged; only what is new is refused.
func (d *Desk) room(more int64) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(d.cfg.Node.Data, &fs); err != nil {
		return fmt.Errorf("looking at the disk: %w", err)
	}
	free, keep := int64(fs.Bavail)*int64(fs.Bsize), int64(d.cfg.Node.Limits.DiskFree)
	if free-more < keep {
		return fmt.Errorf("%s are free in the data folder, limits.disk_free is %s: %w", configs.Size(free), configs.Size(keep), refusal.ErrNoSpace)
	}
	return nil
}
