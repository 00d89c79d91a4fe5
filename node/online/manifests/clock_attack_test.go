package manifests

import (
	"testing"
	"time"
)

// A manifest that was made while our clock was ahead is no good to peers: it is made anew as soon as the clock is right, not when the time that it
// names has come.
func TestManifestFromTheFutureIsMadeAnew(t *testing.T) {
	made := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	if rest := untilRenewal(made, made.Add(-48*time.Hour)); rest > 0 {
		t.Errorf("a manifest of two days ahead is kept for %v", rest)
	}
	if rest := untilRenewal(made, made.Add(-time.Second)); rest <= 0 {
		t.Error("a manifest of a second ahead is made anew")
	}
}
