package keys

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogatory/rogatory/node/store/disk"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

func unitKeys(unit string) (UnitKey, error) {
	return UnitKey(sha256.Sum256([]byte("key of " + unit))), nil
}

// openFile opens the keys in a folder; taken is what contents have.
func openFile(t *testing.T, path string, taken map[string]uint64) *File {
	t.Helper()
	db, err := disk.Open(path, Grow)
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteIdentity(db, &storev1.Identity{Country: "RS"}, Buckets); err != nil {
		t.Fatal(err)
	}
	f := New(db, Options{UnitKeys: unitKeys, Logger: slog.New(slog.DiscardHandler), Step: func(string) {}})
	if err := f.Start(taken); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestKeysOfABatchThatIsForgottenAreTakenAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.db")
	f := openFile(t, path, nil)
	take := func(b *Taker, unit string) uint64 {
		t.Helper()
		key, err := b.Key(unit)
		if err != nil {
			t.Fatal(err)
		}
		return key.ID()
	}
	b := f.Taker()
	first := take(b, "police")
	if next := take(b, "police"); next <= first {
		t.Errorf("key %d after key %d", next, first)
	}
	b = f.Taker() // the one before is forgotten
	if again := take(b, "police"); again != first {
		t.Errorf("key %d is taken, %d was given back", again, first)
	}
	taken := maps.Collect(b.Last())
	if taken["police"] != first || len(taken) != 1 {
		t.Errorf("the last that were taken: %v", taken)
	}
	b.Settle()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = openFile(t, path, taken)
	b = f.Taker()
	for range 10 * poolFirst { // several pools
		if id := take(b, "police"); id <= first {
			t.Fatalf("key %d comes twice", id)
		}
		if id := take(b, "fiu"); id <= first {
			t.Fatalf("key %d comes twice", id)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAContentOpensForItsUnitUntilItsKeyIsDestroyed(t *testing.T) {
	f := openFile(t, filepath.Join(t.TempDir(), "keys.db"), nil)
	key, err := f.Taker().Key("police")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := key.Seal([]byte("a question"))
	if err != nil {
		t.Fatal(err)
	}
	reads := func(unit string) {
		t.Helper()
		now, err := f.Still()
		if err != nil {
			t.Fatal(err)
		}
		owner, key, ok, err := now.Key(key.ID())
		if err := errors.Join(err, now.End()); err != nil || !ok || owner != unit {
			t.Fatalf("the key is wrapped for %q: %t, %v", owner, ok, err)
		}
		if b, err := key.Open(sealed); err != nil || string(b) != "a question" {
			t.Errorf("%q, %v", b, err)
		}
	}
	reads("police")
	for range 2 {
		if err := f.Change(nil, map[uint64]string{key.ID(): "fiu"}); err != nil {
			t.Fatal(err)
		}
		reads("fiu")
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := key.Open(sealed); !errors.Is(err, ErrKey) {
		t.Errorf("another ciphertext: %v", err)
	}
	for range 2 {
		if err := f.Change([]uint64{key.ID()}, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Key(key.ID()); !errors.Is(err, ErrKey) {
			t.Errorf("a key that was destroyed: %v", err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestKeysPrintAsKeys(t *testing.T) {
	key := UnitKey(sha256.Sum256([]byte("a key")))
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("a key", "key", key, "pool", Key{1, key})
	fmt.Fprintf(&b, "%v %+v %#v %s %x %d %q %v %+v", key, key, key, key, key, key, key, &Key{1, key}, []Key{{1, key}})
	for _, trace := range []string{fmt.Sprintf("%x", key[:4]), fmt.Sprintf("%d", key[:4]), fmt.Sprint(key[0], key[1])} {
		if strings.Contains(b.String(), strings.Trim(trace, "[]")) {
			t.Errorf("%q shows in %q", trace, b.String())
		}
	}
}
