package keyring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

func openSealing(t *testing.T, r *Ring, path string) *SealingKeys {
	t.Helper()
	s, err := r.OpenSealing(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ensure(t *testing.T, s *SealingKeys, now time.Time) (added, destroyed []Day) {
	t.Helper()
	added, destroyed, err := s.EnsureDays(now)
	if err != nil {
		t.Fatal(err)
	}
	return added, destroyed
}

func TestADaysKeyLivesFromTwoWeeksBeforeToThreeDaysAfter(t *testing.T) {
	r := NewRing(start, time.Hour)
	path := filepath.Join(t.TempDir(), SealingFile)
	s := openSealing(t, r, path)
	today := DayOf(start)
	added, destroyed := ensure(t, s, start)
	if len(added) != 15 || added[0] != today || added[14] != today+14 || destroyed != nil {
		t.Fatalf("first: %v, %v", added, destroyed)
	}
	if added, destroyed = ensure(t, s, start.Add(time.Hour)); added != nil || destroyed != nil {
		t.Fatalf("an hour later: %v, %v", added, destroyed)
	}
	kid := s.All()[0].KID()

	// Over the days, each is made 14 days ahead and destroyed 72 hours after its end, to the moment.
	for d := today + 1; d < today+20; d++ {
		now := d.Start()
		added, destroyed = ensure(t, s, now.Add(-time.Millisecond))
		if added != nil || destroyed != nil {
			t.Fatalf("before %s: %v, %v", d, added, destroyed)
		}
		added, destroyed = ensure(t, s, now)
		var want []Day
		if d >= today+4 {
			want = []Day{d - 4}
		}
		if !slices.Equal(added, []Day{d + 14}) || !slices.Equal(destroyed, want) {
			t.Fatalf("%s: %v, %v", d, added, destroyed)
		}
		if (s.Key(kid) != nil) != (d < today+4) {
			t.Fatalf("%s: the key of %s is wrongly here or gone", d, today)
		}
	}
}

func TestSealingKeysComeBackWithoutThePassphrase(t *testing.T) {
	dir := t.TempDir()
	ringPath, path := filepath.Join(dir, RingFile), filepath.Join(dir, SealingFile)
	if err := CreateRing(ringPath, NewRing(start, time.Hour), testLock()); err != nil {
		t.Fatal(err)
	}
	r, err := OpenRing(ringPath, testLock())
	if err != nil {
		t.Fatal(err)
	}
	s := openSealing(t, r, path)
	ensure(t, s, start)
	again := openSealing(t, r, path)
	if !slices.EqualFunc(s.All(), again.All(), func(a, b *SealingKey) bool {
		return a.Day() == b.Day() && a.KID() == b.KID() && a.seed.Equal(b.seed)
	}) {
		t.Error("other keys come back")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range s.All() {
		if bytes.Contains(b, k.seed.b()[:]) || bytes.Contains(b, []byte(encodeSecret(k.seed))) {
			t.Fatal("a seed stands in the file as it is")
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	if _, err := NewRing(start, time.Hour).OpenSealing(path); !errors.Is(err, ErrForeign) || Hint(err) == "" {
		t.Errorf("another ring: %v", err)
	}
	for i := range b {
		changed := bytes.Clone(b)
		changed[i] ^= 1
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if i%17 != 0 && i > 40 {
			continue
		}
		if _, err := r.OpenSealing(path); !errors.Is(err, ErrForeign) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := r.OpenSealing(path); !errors.Is(err, ErrExposed) {
		t.Errorf("open to others: %v", err)
	}
}

// The keys of memory and file never part: what could not be written has not happened.
func TestADayThatCannotBeWrittenIsNotAdded(t *testing.T) {
	r := NewRing(start, time.Hour)
	dir := filepath.Join(t.TempDir(), "sub")
	s := openSealing(t, r, filepath.Join(dir, SealingFile))
	if _, _, err := s.EnsureDays(start); err == nil {
		t.Fatal("written into no folder")
	}
	if len(s.All()) != 0 {
		t.Error("keys that are in no file are used")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if added, _ := ensure(t, s, start); len(added) != 15 {
		t.Errorf("%d days", len(added))
	}
}

func TestANodeThatSleptMakesOnlyComingDays(t *testing.T) {
	s := openSealing(t, NewRing(start, time.Hour), filepath.Join(t.TempDir(), SealingFile))
	ensure(t, s, start)
	later := start.Add(30 * 24 * time.Hour)
	added, destroyed := ensure(t, s, later)
	if len(added) != 15 || added[0] != DayOf(later) || len(destroyed) != 15 {
		t.Errorf("%d added from %v, %d destroyed", len(added), added[0], len(destroyed))
	}
}

func TestDestroyedMeansTheSeedIsOverwritten(t *testing.T) {
	s := openSealing(t, NewRing(start, time.Hour), filepath.Join(t.TempDir(), SealingFile))
	ensure(t, s, start)
	k := s.All()[0]
	ensure(t, s, k.Day().End().Add(KeepAfter))
	if !bytes.Equal(k.seed.Bytes(), make([]byte, 32)) {
		t.Error("the seed is still in memory")
	}
}

// The transport opens envelopes while the day turns.
func TestKeysAreReadWhileDaysTurn(t *testing.T) {
	s := openSealing(t, NewRing(start, time.Hour), filepath.Join(t.TempDir(), SealingFile))
	ensure(t, s, start)
	kid := s.All()[14].KID() // lives through all of it
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if s.Key(kid) == nil || len(s.All()) < 15 {
					t.Error("a living key is gone for a moment")
					return
				}
			}
		})
	}
	for d := range 10 {
		ensure(t, s, start.AddDate(0, 0, d))
	}
	close(done)
	wg.Wait()
}

func TestWeakSealingKeysAreRefused(t *testing.T) {
	k, err := NewSealingKey(1, GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	good := k.Public().Bytes()
	got, err := ParseSealingPublicKey(good)
	if err != nil || got.KID() != k.KID() {
		t.Fatal(err)
	}
	low := bytes.Clone(good)
	clear(low[x25519Offset:])
	high := bytes.Clone(good)
	high[len(high)-1] |= 0x80
	notReduced := bytes.Clone(good)
	notReduced[0], notReduced[1] = 0xff, 0xff
	for name, b := range map[string][]byte{
		"low order": low, "top bit": high, "ML-KEM not reduced": notReduced, "cut short": good[:len(good)-1], "nothing": nil,
	} {
		if _, err := ParseSealingPublicKey(b); !errors.Is(err, ErrPublicKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDaysAreUTC(t *testing.T) {
	zone := time.FixedZone("ahead", 10*3600)
	if d := DayOf(time.Date(2026, 11, 24, 9, 0, 0, 0, zone)); d.String() != "2026-11-23" {
		t.Error(d)
	}
	d := DayOf(start)
	if !d.Start().Equal(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)) || d.End().Sub(d.Start()) != 24*time.Hour {
		t.Errorf("%v to %v", d.Start(), d.End())
	}
}
