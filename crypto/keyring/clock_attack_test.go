package keyring

import (
	"path/filepath"
	"testing"
	"time"
)

// A clock that was days ahead for a while has made keys of days that no manifest may name. When it is right again they go, and the keys of the
// days between are those of before.
func TestKeysThatAClockMadeTooEarlyAreDestroyed(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s, err := NewRing(now, time.Hour).OpenSealing(filepath.Join(t.TempDir(), SealingFile))
	if err != nil {
		t.Fatal(err)
	}
	ensure := func(at time.Time) (added, destroyed []Day) {
		t.Helper()
		if added, destroyed, err = s.EnsureDays(at); err != nil {
			t.Fatal(err)
		}
		return added, destroyed
	}
	ensure(now)
	before := s.All()
	early, _ := ensure(now.Add(48 * time.Hour))
	_, destroyed := ensure(now)
	if len(early) != 2 || len(destroyed) != 2 || early[0] != destroyed[0] || early[1] != destroyed[1] {
		t.Errorf("made %v, destroyed %v", early, destroyed)
	}
	after := s.All()
	if len(after) != len(before) {
		t.Fatalf("%d keys, before %d", len(after), len(before))
	}
	for i := range after {
		if after[i].KID() != before[i].KID() {
			t.Errorf("another key of %s", after[i].Day())
		}
	}
}
