// Package names keeps the register that turns a pseudonym into an officer's name: a file of its own, outside the node's data and its backups, that
// two people open together and neither alone.
//
// The file is age in age: the outer layer under the first person's passphrase, the inner one under the second's (scrypt both). Whatever is
// read or changed takes both. Each entry has a term of its own, after which it goes with the next change or by [Book.Expire]; an entry can be
// erased at any time. A file that is replaced is overwritten first. No node reads it; pseudonyms in logs stay pseudonyms.
package names

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"time"

	"filippo.io/age"
)

// Errors.
var (
	// ErrSame says that one passphrase was given twice.
	ErrSame = errors.New("the two passphrases are the same: two people open the register")
	// ErrPassphrase says that one of the passphrases is wrong.
	ErrPassphrase = errors.New("a passphrase is wrong")
	// ErrFormat says that the file is no register of names.
	ErrFormat = errors.New("not a register of names")
	// ErrUnknown says that the register does not hold the pseudonym.
	ErrUnknown = errors.New("the register does not hold this pseudonym")
	// ErrTaken says that the pseudonym stands in the register already.
	ErrTaken = errors.New("the register holds this pseudonym already")
	// ErrEntry says that an entry is not well-formed.
	ErrEntry = errors.New("entry is not well-formed")
	// ErrExposed says that others may read the file.
	ErrExposed = errors.New("others may read the file")
)

// Bounds.
const (
	maxFile   = 8 << 20 // bytes
	maxWork   = 22
	maxName   = 200 // bytes
	format    = "rogatory-names-1"
	fileMode  = 0o600
	newSuffix = ".new"
)

// Entry is who somebody is.
type Entry struct {
	Pseudonym string `json:"pseudonym"`
	Name      string `json:"name"`
	// Until is the last day of the entry's term, YYYY-MM-DD.
	Until string `json:"until"`
}

// A Lock holds both passphrases. Its zero value opens nothing.
type Lock struct {
	first, second func() string
	work          int
}

// NewLock returns the lock of two people, or [ErrSame].
func NewLock(first, second string) (Lock, error) {
	if first == "" || second == "" {
		return Lock{}, fmt.Errorf("an empty passphrase: %w", ErrPassphrase)
	}
	if first == second {
		return Lock{}, ErrSame
	}
	return Lock{first: func() string { return first }, second: func() string { return second }}, nil
}

// Work returns the lock with another scrypt work factor, for tests.
func (l Lock) Work(logN int) Lock {
	l.work = logN
	return l
}

// Format prints "[key]", whatever is asked for.
func (l Lock) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[key]") }

// A Book is an open register.
type Book struct {
	path    string
	entries []Entry // by pseudonym
}

type file struct {
	Format  string  `json:"format"`
	Entries []Entry `json:"entries"`
}

// New makes an empty register. It overwrites nothing.
func New(path string, l Lock) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%s: %w", path, fs.ErrExist))
	}
	return (&Book{path: path}).Save(l)
}

// Open opens a register.
func Open(path string, l Lock) (*Book, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return nil, fmt.Errorf("%s: %w", path, ErrFormat)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s has mode %04o: %w", path, info.Mode().Perm(), ErrExposed)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	plain, err := l.open(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	entries, err := parse(plain)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Book{path, entries}, nil
}

// parse reads the plain text strictly.
func parse(plain []byte) ([]Entry, error) {
	var f file
	d := json.NewDecoder(bytes.NewReader(plain))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil || d.More() || f.Format != format {
		return nil, errors.Join(ErrFormat, err)
	}
	for i, e := range f.Entries {
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("%w: entry %d: %w", ErrFormat, i, err)
		}
		if i > 0 && f.Entries[i-1].Pseudonym >= e.Pseudonym {
			return nil, fmt.Errorf("%w: entries are not in order", ErrFormat)
		}
	}
	return f.Entries, nil
}

var pseudonym = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

func (e Entry) check() error {
	if !pseudonym.MatchString(e.Pseudonym) {
		return fmt.Errorf("pseudonym: %w", ErrEntry)
	}
	if e.Name == "" || len(e.Name) > maxName {
		return fmt.Errorf("a name of %d bytes, from 1 to %d: %w", len(e.Name), maxName, ErrEntry)
	}
	if day, err := time.Parse(time.DateOnly, e.Until); err != nil || day.Format(time.DateOnly) != e.Until {
		return fmt.Errorf("a term until %q, not a day: %w", e.Until, ErrEntry)
	}
	return nil
}

func (b *Book) find(pseudonym string) (int, bool) {
	return slices.BinarySearchFunc(b.entries, pseudonym, func(e Entry, p string) int { return cmp.Compare(e.Pseudonym, p) })
}

// Put adds an entry.
func (b *Book) Put(e Entry) error {
	if err := e.check(); err != nil {
		return err
	}
	i, ok := b.find(e.Pseudonym)
	if ok {
		return ErrTaken
	}
	b.entries = slices.Insert(b.entries, i, e)
	return nil
}

// Get returns who a pseudonym is, unless the entry's term has ended.
func (b *Book) Get(pseudonym string, now time.Time) (Entry, error) {
	i, ok := b.find(pseudonym)
	if !ok || b.entries[i].ended(now) {
		return Entry{}, ErrUnknown
	}
	return b.entries[i], nil
}

func (e Entry) ended(now time.Time) bool { return now.UTC().Format(time.DateOnly) > e.Until }

// Erase takes an entry out.
func (b *Book) Erase(pseudonym string) error {
	i, ok := b.find(pseudonym)
	if !ok {
		return ErrUnknown
	}
	b.entries = slices.Delete(b.entries, i, i+1)
	return nil
}

// Expire takes out the entries whose term has ended and returns how many.
func (b *Book) Expire(now time.Time) int {
	before := len(b.entries)
	b.entries = slices.DeleteFunc(b.entries, func(e Entry) bool { return e.ended(now) })
	return before - len(b.entries)
}

// Terms returns the pseudonyms with their terms, without names.
func (b *Book) Terms() []Entry {
	out := slices.Clone(b.entries)
	for i := range out {
		out[i].Name = ""
	}
	return out
}

// Save writes the register in place of what was there, which is overwritten.
func (b *Book) Save(l Lock) error {
	entries := b.entries
	if entries == nil {
		entries = []Entry{}
	}
	plain, err := json.Marshal(file{format, entries})
	if err != nil {
		return err
	}
	sealed, err := l.seal(plain)
	if err != nil {
		return err
	}
	if len(sealed) > maxFile {
		return fmt.Errorf("a register of %d bytes: %w", len(sealed), ErrEntry)
	}
	f, err := os.OpenFile(b.path+newSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(sealed)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(b.path+newSuffix))
	}
	old, err := os.OpenFile(b.path, os.O_WRONLY, 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, os.Remove(b.path+newSuffix))
	}
	if err := os.Rename(b.path+newSuffix, b.path); err != nil {
		return err
	}
	return errors.Join(overwrite(old), syncDir(filepath.Dir(b.path)))
}

// overwrite writes zeros over a file that has lost its name; what was erased from the register is not to be read from it.
func overwrite(f *os.File) error {
	if f == nil {
		return nil
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, info.Size()), 0)
	}
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// seal encrypts for the second person, then for the first.
func (l Lock) seal(plain []byte) ([]byte, error) {
	if l.first == nil {
		return nil, ErrPassphrase
	}
	for _, passphrase := range []func() string{l.second, l.first} {
		r, err := age.NewScryptRecipient(passphrase())
		if err != nil {
			return nil, err
		}
		if l.work != 0 {
			r.SetWorkFactor(l.work)
		}
		var b bytes.Buffer
		w, err := age.Encrypt(&b, r)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(plain); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		plain = b.Bytes()
	}
	return plain, nil
}

// open decrypts with the first person's passphrase, then with the second's.
func (l Lock) open(b []byte) ([]byte, error) {
	if l.first == nil {
		return nil, ErrPassphrase
	}
	defer debug.FreeOSMemory() // scrypt takes 256 MiB twice
	for _, passphrase := range []func() string{l.first, l.second} {
		id, err := age.NewScryptIdentity(passphrase())
		if err != nil {
			return nil, err
		}
		id.SetMaxWorkFactor(maxWork)
		r, err := age.Decrypt(bytes.NewReader(b), id)
		var none *age.NoIdentityMatchError
		switch {
		case errors.As(err, &none):
			return nil, ErrPassphrase
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		if b, err = io.ReadAll(io.LimitReader(r, maxFile)); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
	}
	return b, nil
}
