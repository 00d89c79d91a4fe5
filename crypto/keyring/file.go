package keyring

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"

	"filippo.io/age"
)

// DefaultWorkFactor is the base-2 logarithm of scrypt's work: about a second and 256 MiB.
const DefaultWorkFactor = 18

// maxWorkFactor bounds what a tampered file can make us spend: 15 seconds and 4 GiB.
const maxWorkFactor = 22

// Lock says how a key file is protected. The zero Lock protects nothing and opens nothing: it is refused.
type Lock struct {
	redacted
	passphrase hidden[string]
	plain      bool
	workFactor int
}

// WithPassphrase returns a lock that encrypts the file with age's scrypt recipient.
func WithPassphrase(passphrase string) Lock { return Lock{passphrase: hide(passphrase)} }

// Plain returns a lock that leaves the file unencrypted: for tests, or where the disk is encrypted and nobody can type a passphrase.
func Plain() Lock { return Lock{plain: true} }

// Work returns the lock with another scrypt work factor, 1 to 22, for files that it writes. Tests use a low one.
func (l Lock) Work(logN int) Lock {
	l.workFactor = logN
	return l
}

const ageMagic = "age-encryption.org/v1\n"

// lock returns the file's bytes for the plain text.
func (l Lock) lock(plain []byte) ([]byte, error) {
	switch {
	case l.plain && l.passphrase == nil:
		return plain, nil
	case l.passphrase == nil || l.passphrase() == "":
		return nil, ErrLock
	}
	recipient, err := age.NewScryptRecipient(l.passphrase())
	if err != nil {
		return nil, err
	}
	work := l.workFactor
	if work == 0 {
		work = DefaultWorkFactor
	}
	if work < 1 || work > maxWorkFactor {
		return nil, fmt.Errorf("scrypt work factor %d is not between 1 and %d", work, maxWorkFactor)
	}
	recipient.SetWorkFactor(work)
	var b bytes.Buffer
	w, err := age.Encrypt(&b, recipient)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// unlock returns the plain text of a file's bytes. A plain file never passes for a locked one: somebody could have put it there.
func (l Lock) unlock(b []byte, max int) ([]byte, error) {
	locked := bytes.HasPrefix(b, []byte(ageMagic))
	switch {
	case l.passphrase == nil && !l.plain:
		return nil, ErrLock
	case l.passphrase == nil && locked:
		return nil, ErrPassphraseNeeded
	case l.passphrase == nil:
		return b, nil
	case l.passphrase() == "":
		return nil, ErrPassphraseNeeded
	case !locked:
		return nil, ErrPlain
	}
	identity, err := age.NewScryptIdentity(l.passphrase())
	if err != nil {
		return nil, err
	}
	identity.SetMaxWorkFactor(maxWorkFactor)
	r, err := age.Decrypt(bytes.NewReader(b), identity)
	// scrypt took 256 MiB for a second: a node that idles under 60 gives them back now, not over the next minutes.
	debug.FreeOSMemory()
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, ErrPassphrase
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, int64(max)+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if len(plain) > max {
		return nil, fmt.Errorf("%w: too long", ErrFormat)
	}
	return plain, nil
}

// readPrivate reads a regular file of at most max bytes that nobody but its owner may read or write.
func readPrivate(path string, max int64) ([]byte, error) {
	// Stat before opening: opening a pipe would wait for its writer.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, ErrNotRegular)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %04o: %w", path, mode, ErrExposed)
	}
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > max {
		return nil, fmt.Errorf("%s: %w: too long", path, ErrFormat)
	}
	return b, nil
}

// writeTemp writes b, durably, to a new file of mode 0600 in path's folder and returns its name.
func writeTemp(path string, b []byte) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(b); err != nil {
		return "", err
	}
	if err = f.Sync(); err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// replaceFile puts b at path. A crash leaves the old file or the new one, at worst with a temporary one beside it.
func replaceFile(path string, b []byte) error {
	tmp, err := writeTemp(path, b)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return syncDir(filepath.Dir(path))
}

// createFile puts b at path, or returns ErrExists if anything is there.
func createFile(path string, b []byte) error {
	tmp, err := writeTemp(path, b)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	// Link, not rename: a rename would replace what somebody else put there meanwhile.
	if err := os.Link(tmp, path); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", path, ErrExists)
	} else if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

var encoding = base64.RawURLEncoding.Strict()

func encodeSecret(s Secret) string { return encoding.EncodeToString(s.b()[:]) }

func decodeSecret(text string) (Secret, error) {
	b, err := encoding.DecodeString(text)
	if err != nil {
		return Secret{}, fmt.Errorf("%w: seed", ErrFormat)
	}
	defer clear(b)
	s, err := NewSecret(b)
	if err != nil {
		return Secret{}, fmt.Errorf("%w: seed", ErrFormat)
	}
	return s, nil
}
