package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// The journal of erasures lies beside the head guard, outside the folder and its backups: one record for each erased
// content, so that restoring a backup that is older than an erasure erases again.
//
//	u64be content || the first 8 bytes of SHA-256(context || u64be content || origin)
const (
	journalName    = ".erased"
	journalRecord  = 16
	contextJournal = "rogatory/v1/store/erased\x00"
)

func journalLine(id uint64, origin string) []byte {
	line := binary.BigEndian.AppendUint64(nil, id)
	sum := sha256.Sum256(slices.Concat([]byte(contextJournal), line, []byte(origin)))
	return append(line, sum[:8]...)
}

// noteErasures appends to the journal what of the chores it does not have.
func (s *Store) noteErasures(chores map[uint64]*storev1.Chore) error {
	path := s.opts.GuardPath + journalName
	noted, whole, err := readJournal(path, s.opts.Origin)
	if err != nil {
		return err
	}
	var lines []byte
	for id, chore := range chores {
		if chore.Erase && !noted[id] {
			lines = append(lines, journalLine(id, s.opts.Origin)...)
		}
	}
	if lines == nil {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(lines, whole) // over what a crash has torn
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), syncDir(filepath.Dir(path)))
}

// readJournal returns the contents that were erased, and the length of the journal up to a torn end. There is no journal
// before the first erasure.
func readJournal(path, origin string) (erased map[uint64]bool, whole int64, err error) {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	erased = make(map[uint64]bool)
	for ; len(b) >= journalRecord; b = b[journalRecord:] {
		id := binary.BigEndian.Uint64(b)
		if !bytes.Equal(b[:journalRecord], journalLine(id, origin)) {
			break
		}
		erased[id] = true
		whole += journalRecord
	}
	return erased, whole, nil
}
