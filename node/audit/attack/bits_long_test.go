//go:build long

package attack_test

import (
	"path/filepath"
	"testing"
)

// TestBitsAllOverALargeExportCount flips every bit of each 499th byte of an export with all that ordinary days bring.
func TestBitsAllOverALargeExportCount(t *testing.T) {
	s := newScene(t)
	f := &flipper{a: s.anchor, path: s.w.ArchiveOf(s.rs, s.h, filepath.Join(s.in, "RS"))}
	f.all(t, 499)
}
