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

	"go.etcd.io/bbolt"

	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// The journals of erasures lie beside the head guard, outside the folder and its backups: one record for each erased content, so that restoring a backup
// that is older than an erasure erases again; and one for each message whose content was erased, by its name, so that it stays erased when a peer gives it
// back to a store that has never heard of it.
//
//	u64be content || the first 8 bytes of SHA-256(context || u64be content || origin)
//	name          || the first 8 bytes of SHA-256(context || name || origin)
const (
	journalName    = ".erased"
	namesName      = ".erased-messages"
	nameSize       = sha256.Size
	journalSum     = 8
	contextJournal = "rogatory/v1/store/erased\x00"
)

// journalLine is a record of either journal.
func journalLine(key []byte, origin string) []byte {
	sum := sha256.Sum256(slices.Concat([]byte(contextJournal), key, []byte(origin)))
	return append(bytes.Clone(key), sum[:journalSum]...)
}

// noteErasures appends to the journals what of the chores they do not have.
func (s *Store) noteErasures(chores map[uint64]*storev1.Chore) error {
	var ids, names [][]byte
	for id, chore := range chores {
		if !chore.Erase {
			continue
		}
		ids = append(ids, u64(id))
		if len(chore.Msg) == nameSize {
			names = append(names, chore.Msg)
		}
	}
	if err := s.noteIn(s.opts.GuardPath+journalName, ids, 8); err != nil {
		return err
	}
	return s.noteIn(s.opts.GuardPath+namesName, names, nameSize)
}

// noteIn appends to one journal the keys that it does not have.
func (s *Store) noteIn(path string, keys [][]byte, size int) error {
	if len(keys) == 0 {
		return nil
	}
	noted, whole, err := readRecords(path, s.opts.Origin, size)
	if err != nil {
		return err
	}
	var lines []byte
	for _, key := range keys {
		if !noted[string(key)] {
			lines = append(lines, journalLine(key, s.opts.Origin)...)
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
	records, whole, err := readRecords(path, origin, 8)
	erased = make(map[uint64]bool, len(records))
	for key := range records {
		erased[binary.BigEndian.Uint64([]byte(key))] = true
	}
	return erased, whole, err
}

func readRecords(path, origin string, size int) (keys map[string]bool, whole int64, err error) {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	keys = make(map[string]bool)
	for record := size + journalSum; len(b) >= record; b = b[record:] {
		if !bytes.Equal(b[:record], journalLine(b[:size], origin)) {
			break
		}
		keys[string(b[:size])] = true
		whole += int64(record)
	}
	return keys, whole, nil
}

// ErasedMessages returns the names of the messages whose contents were ever erased here, whatever the store that is open has heard of: what a peer gives
// back under one of them is not to be kept.
func (s *Store) ErasedMessages() (map[[32]byte]bool, error) {
	records, _, err := readRecords(s.opts.GuardPath+namesName, s.opts.Origin, nameSize)
	names := make(map[[32]byte]bool, len(records))
	for key := range records {
		names[[32]byte([]byte(key))] = true
	}
	return names, err
}

// rowTombs is there after a restored store was made to erase again: the leaves that said so are not in its log.
var rowTombs = []byte("tombstones")

// oweTombs notes that messages may be without content and without tombstone.
func oweTombs(b *bbolt.Tx) error { return b.Bucket(bucketIdentity).Put(rowTombs, []byte{1}) }

// TombsOwed reports whether a restored store was made to erase again and nobody has said so in its log yet.
func (r *Reader) TombsOwed() bool { return r.b.Bucket(bucketIdentity).Get(rowTombs) != nil }

// TombsPaid notes that every message without content has its tombstone.
func (t *Tx) TombsPaid() error { return t.delete(bucketIdentity, rowTombs) }
