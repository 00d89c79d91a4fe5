package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rogatory/rogatory/node/store/disk"
)

// A Draft is a folder that is being written beside the one whose name it gets when it is whole.
type Draft struct {
	dir, name string
	folders   []string
	sums      map[string]string
}

// Begin begins a folder of that name, which must be empty or not exist, or returns [ErrNotEmpty]. The draft's own name begins with prefix.
func Begin(name, prefix string) (*Draft, error) {
	switch has, err := os.ReadDir(name); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case len(has) > 0:
		return nil, fmt.Errorf("%s: %w", name, ErrNotEmpty)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", disk.ErrWrite, err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(name), prefix)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", disk.ErrWrite, err)
	}
	return &Draft{dir: dir, name: name, sums: make(map[string]string)}, nil
}

// Dir is where the draft lies.
func (d *Draft) Dir() string { return d.dir }

// Folder makes a folder in the draft.
func (d *Draft) Folder(name string) error {
	d.folders = append(d.folders, name)
	return os.Mkdir(filepath.Join(d.dir, name), 0o700)
}

// File writes a new file and flushes it.
func (d *Draft) File(ctx context.Context, name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(filepath.Join(d.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	sum := sha256.New()
	if err = write(&ctxWriter{ctx, io.MultiWriter(f, sum)}); err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	d.sums[name] = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// A ctxWriter ends a long copy when its context ends.
type ctxWriter struct {
	ctx context.Context
	w   io.Writer
}

func (w *ctxWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}

// Say writes what the draft says of itself as a backup made at that time: info, and its files.
func (d *Draft) Say(ctx context.Context, info Info, made time.Time) (Info, error) {
	info.Format, info.MadeMS, info.KeysUntilMS, info.Files = format, made.UnixMilli(), made.Add(KeysAge).UnixMilli(), d.sums
	b, err := json.MarshalIndent(info, "", "\t")
	if err != nil {
		return Info{}, err
	}
	d.sums = make(map[string]string)
	return info, d.File(ctx, infoName, func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}

// Copy copies the files of the backup in a folder into the draft: those of these names, and those in the draft's folders. Errors wrap [ErrDamaged], or
// [disk.ErrForeign] when the backup names another.
func (d *Draft) Copy(ctx context.Context, from string, info Info, names ...string) error {
	for name, want := range info.Files {
		if !fs.ValidPath(filepath.ToSlash(name)) || !slices.Contains(names, name) && !slices.Contains(d.folders, filepath.Dir(name)) {
			return fmt.Errorf("backup names file %q: %w", name, disk.ErrForeign)
		}
		if err := d.File(ctx, name, func(w io.Writer) error {
			f, err := os.Open(filepath.Join(from, name))
			if err != nil {
				return err
			}
			_, err = io.Copy(w, f)
			return errors.Join(err, f.Close())
		}); err != nil {
			return err
		}
		if d.sums[name] != want {
			return fmt.Errorf("%s %w", name, ErrDamaged)
		}
	}
	return nil
}

// Settle gives the draft its name.
func (d *Draft) Settle() error {
	for _, name := range d.folders {
		if err := disk.SyncDir(filepath.Join(d.dir, name)); err != nil {
			return err
		}
	}
	if err := disk.SyncDir(d.dir); err != nil {
		return err
	}
	if err := os.Remove(d.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(d.dir, d.name); err != nil {
		return err
	}
	return disk.SyncDir(filepath.Dir(d.name))
}

// Discard removes the draft, unless it has settled.
func (d *Draft) Discard() error { return os.RemoveAll(d.dir) }
