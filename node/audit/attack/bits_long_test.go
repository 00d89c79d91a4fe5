//go:build long

package attack_test

import (
	"path/filepath"
	"testing"
)

// TestBitsAllOverALargeExportCount flips every bit of each 499th byte of an export with all that ordinary days bring. ROGATORY_SEED says from which byte
// on: 499 in a row flip every bit.
func TestBitsAllOverALargeExportCount(t *testing.T) {
	s := newScene(t)
	f := &flipper{a: s.anchor, path: s.w.ArchiveOf(s.rs, s.h, filepath.Join(s.in, "RS"))}
	f.all(t, 499, int(seed(t)%499))
}
