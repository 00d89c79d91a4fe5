package keyring

import "errors"

// A failure is a sentinel with a hint: what happened, and what to do now.
type failure struct{ what, hint string }

func (f *failure) Error() string { return f.what }

// Hint says what a person can do about the error.
func (f *failure) Hint() string { return f.hint }

// Opening a file.
var (
	// ErrPassphrase means that the passphrase does not open the file.
	ErrPassphrase error = &failure{"wrong passphrase", "type the passphrase again; a lost passphrase cannot be recovered, restore the file and passphrase from the safe"}
	// ErrPassphraseNeeded means that the file is locked and no passphrase was given.
	ErrPassphraseNeeded error = &failure{"passphrase needed", "the file is encrypted: give its passphrase"}
	// ErrPlain means that the file is not encrypted although a passphrase was given.
	ErrPlain error = &failure{"key file is not encrypted", "it was made without a passphrase: say so explicitly, or save it again with one"}
	// ErrExposed means that others than the owner may read or write the file.
	ErrExposed error = &failure{"key file is open to others", "run chmod 600 on it; if others may have read it, replace the keys"}
	// ErrNotRegular means that the path is no regular file.
	ErrNotRegular error = &failure{"key file is not a regular file", "give the path of the file itself, not of a folder or device"}
	// ErrFormat means that the content is not what this version writes.
	ErrFormat error = &failure{"key file is damaged or of another version", "restore it from the backup, or open it with the version that wrote it"}
	// ErrForeign means that the file of sealing seeds does not belong to this ring.
	ErrForeign error = &failure{"sealing keys belong to another ring or are damaged", "move the file away; new keys are made and published, and peers seal anew"}
	// ErrExists means that a new key file would replace an old one.
	ErrExists error = &failure{"key file exists already", "choose another folder, or move the old file away if you are sure"}
	// ErrLock means that neither a passphrase was given nor a plain file asked for.
	ErrLock error = &failure{"no passphrase given", "give a passphrase, or ask explicitly for a file without one"}
)

// Reading somebody's key.
var (
	// ErrPublicKey means that a public key has the wrong length or form, is non-canonical, off the curve or of low order.
	ErrPublicKey = errors.New("public key is malformed or weak")
	// ErrSignature means that a signature does not verify.
	ErrSignature = errors.New("signature does not verify")
	// ErrSeed means that a seed is not 32 bytes long.
	ErrSeed = errors.New("seed is not 32 bytes long")
	// ErrUnit means that a unit's name is not 1 to 64 of [a-z0-9-], or is there already.
	ErrUnit = errors.New("unit name is malformed or taken")
)

// Hint returns the hint that err carries, or "".
func Hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
