package online

import (
	"testing"
	"testing/synctest"
	"time"
)

// A manifest that was made while our clock was ahead is no good to peers: it is made anew as soon as the clock is right, not when the time that it
// names has come.
func TestManifestFromTheFutureIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		r.start("BG", "RS")
		rs := r.nodes["RS"]
		rs.cleared()
		m := rs.book.Manifest("RS")
		if wait := untilRenewal(m, m.Made().Add(-48*time.Hour)); wait > 0 {
			t.Errorf("a manifest of two days ahead is kept for %v", wait)
		}
		if wait := untilRenewal(m, m.Made().Add(-time.Second)); wait <= 0 {
			t.Error("a manifest of a second ahead is made anew")
		}
	})
}
