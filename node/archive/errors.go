package archive

import (
	"errors"
	"fmt"
)

// Codes of findings, as the auditor's other packages use them.
const (
	CodeCanon   = "E-CANON"   // bytes that are not in the one canonical form
	CodeExtra   = "E-EXTRA"   // something that has no place in an archive
	CodeMissing = "E-MISSING" // a file that an archive of this size must have
	CodeSchema  = "E-SCHEMA"  // a format that this program does not know
)

// A FormatError says which file of an archive is not as it must be.
type FormatError struct {
	Code  string // one of the Code constants
	Path  string // in the archive, with slashes; empty for the archive as a whole
	Index int64  // of the first leaf that it concerns; -1 for none
	Err   error
}

func (e *FormatError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s: %v", e.Code, e.Err)
	}
	return fmt.Sprintf("%s: %s: %v", e.Code, e.Path, e.Err)
}

func (e *FormatError) Unwrap() error { return e.Err }

// Errors of reading. They stand in a [FormatError], but for ErrNoArchive.
var (
	// ErrNoArchive says that there is no archive at a path: archive.json is not there.
	ErrNoArchive = errors.New("no archive here")
	// ErrForm says that bytes are not in the one form that they may have.
	ErrForm = errors.New("not in canonical form")
	// ErrTooLarge says that a file is larger than its limit.
	ErrTooLarge = errors.New("larger than its limit")
	// ErrNoPlace says that a name, a link or a folder has no place in an archive.
	ErrNoPlace = errors.New("has no place in an archive")
	// ErrMissing says that a file of the archive is not there.
	ErrMissing = errors.New("is missing")
	// ErrUnknown says that the archive's format is newer than this program knows.
	ErrUnknown = errors.New("unknown format")
	// ErrRange says that an index, a tile or a size is outside the archive.
	ErrRange = errors.New("out of range")
)

// Errors of writing.
var (
	// ErrInvalid says that what was given to a Writer does not fit: an order, a bound, a name.
	ErrInvalid = errors.New("invalid argument")
	// ErrOther says that the folder holds something else than an archive of this log, which is never overwritten.
	ErrOther = errors.New("holds something else than an archive of this log")
	// ErrExists says that the file is there already, or an archive that cannot be continued: a limited one.
	ErrExists = errors.New("is there already")
	// ErrHistory says that the log is no continuation of the archive: it is shorter, or another leaf stands in it.
	ErrHistory = errors.New("the log is no continuation of the archive")
	// ErrBusy says that another program writes this archive.
	ErrBusy = errors.New("another program writes this archive")
)
