package audit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"maps"

	"github.com/rogatory/rogatory/node/archive"
)

// formatFinding returns the finding that an error of reading is; false for one of the disk.
func formatFinding(err error) (Finding, bool) {
	var f *archive.FormatError
	if !errors.As(err, &f) {
		return Finding{}, false
	}
	detail := f.Err.Error()
	if f.Path != "" {
		detail = fmt.Sprintf("%s: %v", f.Path, f.Err)
	}
	return Finding{Code: Code(f.Code), Index: f.Index, Detail: detail}, true
}

// OpenFinding returns the finding that an error of [archive.Open] is; false where the archive could not be read at all.
func OpenFinding(err error) (Finding, bool) { return formatFinding(err) }

// sum is SHA-256.
func sum(b []byte) [32]byte { return sha256.Sum256(b) }

func keysOf[K comparable, V any](m map[K]V) iter.Seq[K] { return maps.Keys(m) }
