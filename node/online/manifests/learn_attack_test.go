package manifests

import (
	"testing"
	"time"
)

// Manifests are kept for ever. A member that makes the largest that may be, as often as it may, fills no disk; one that makes ordinary ones is heard
// each time.
func TestAMembersManifestsAreBoundedInBytes(t *testing.T) {
	kept := func(size int, every time.Duration) (bytes, offers int) {
		var o learner
		o.init()
		begin := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
		for now := begin; now.Before(begin.Add(10 * 24 * time.Hour)); now = now.Add(every) {
			offers++
			o.offered["RS"] = make([]byte, size)
			due, wait := o.take(now)
			if len(due) == 0 && (wait <= 0 || wait > time.Hour) {
				t.Fatalf("the next look is in %s", wait)
			}
			bytes += len(due["RS"])
		}
		return bytes, offers
	}
	if n, _ := kept(200<<10, time.Minute); n > (learnKiB+10*learnKiBDaily)<<10 {
		t.Errorf("%d MiB in ten days", n>>20)
	}
	if n, offers := kept(25<<10, time.Hour); n != offers*(25<<10) {
		t.Errorf("of %d ordinary ones %d are looked at", offers, n/(25<<10))
	}
}
