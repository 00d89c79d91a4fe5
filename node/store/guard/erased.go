package guard

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/rogatory/rogatory/node/store/disk"
)

// Erased are the journals of erasures beside the head guard: one record for each erased content, so that restoring a backup
// that is older than an erasure erases again; and one for each message whose content was erased, by its name, so that it stays erased when a peer gives it
// back to a store that has never heard of it.
//
//	u64be content || the first 8 bytes of SHA-256(context || u64be content || origin)
//	name          || the first 8 bytes of SHA-256(context || name || origin)
type Erased struct {
	path, origin string // of the guard; of the country's first log
}

// ErasedBeside returns the journals beside the head guard at path. origin is that of the country's first log.
func ErasedBeside(path, origin string) Erased { return Erased{path, origin} }

const (
	contentsName = ".erased"
	messagesName = ".erased-messages"
	contentSize  = 8
	messageSize  = sha256.Size
	sumSize      = 8
	erasedNote   = "rogatory/v1/store/erased\x00"
)

// record is one of either journal.
func (e Erased) record(key []byte) []byte {
	sum := sha256.Sum256(slices.Concat([]byte(erasedNote), key, []byte(e.origin)))
	return append(bytes.Clone(key), sum[:sumSize]...)
}

// Note appends to the journals what they do not have of these contents and of these names of messages, and flushes them.
func (e Erased) Note(contents []uint64, messages [][32]byte) error {
	var ids, names [][]byte
	for _, id := range contents {
		ids = append(ids, binary.BigEndian.AppendUint64(nil, id))
	}
	for _, m := range messages {
		names = append(names, m[:])
	}
	if err := e.note(contentsName, ids, contentSize); err != nil {
		return err
	}
	return e.note(messagesName, names, messageSize)
}

func (e Erased) note(name string, keys [][]byte, size int) error {
	if len(keys) == 0 {
		return nil
	}
	noted, whole, err := e.read(name, size)
	if err != nil {
		return err
	}
	var records []byte
	for _, key := range keys {
		if !noted[string(key)] {
			records = append(records, e.record(key)...)
		}
	}
	if records == nil {
		return nil
	}
	f, err := os.OpenFile(e.path+name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(records, whole) // over what a crash has torn
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), disk.SyncDir(filepath.Dir(e.path)))
}

// read returns the keys of a journal and its length up to a torn end. There is no journal before the first erasure.
func (e Erased) read(name string, size int) (keys map[string]bool, whole int64, err error) {
	b, err := os.ReadFile(e.path + name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	keys = make(map[string]bool)
	for n := size + sumSize; len(b) >= n; b = b[n:] {
		if !bytes.Equal(b[:n], e.record(b[:size])) {
			break
		}
		keys[string(b[:size])] = true
		whole += int64(n)
	}
	return keys, whole, nil
}

// Contents returns the contents that were ever erased.
func (e Erased) Contents() (map[uint64]bool, error) {
	keys, _, err := e.read(contentsName, contentSize)
	ids := make(map[uint64]bool, len(keys))
	for key := range keys {
		ids[binary.BigEndian.Uint64([]byte(key))] = true
	}
	return ids, err
}

// Messages returns the names of the messages whose contents were ever erased.
func (e Erased) Messages() (map[[32]byte]bool, error) {
	keys, _, err := e.read(messagesName, messageSize)
	names := make(map[[32]byte]bool, len(keys))
	for key := range keys {
		names[[32]byte([]byte(key))] = true
	}
	return names, err
}
