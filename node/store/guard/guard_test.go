package guard

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/disk"
	"github.com/rogatory/rogatory/node/store/leaves"
)

const origin = "rogatory.example/RS/log/1"

func TestEveryDamageOfTheGuardIsNoticedOrLeavesTheOtherSlot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "head")
	g, err := Open(path, origin)
	if err != nil {
		t.Fatal(err)
	}
	heads := []leaves.Head{{Size: 1, Root: translog.Hash{1}}, {Size: 2, Root: translog.Hash{2}}, {Size: 3, Root: translog.Hash{3}}}
	for _, h := range heads {
		if err := g.Write(origin, h, nil, func() {}); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		for bit := range 8 {
			whole[at] ^= 1 << bit
			slot, err := parse(whole, origin)
			whole[at] ^= 1 << bit
			want := heads[2]
			if at < slotSize { // the third write went to the first slot
				want = heads[1]
			}
			if err != nil || slot.head != want {
				t.Fatalf("byte %d, bit %d: %+v, %v", at, bit, slot, err)
			}
		}
	}
	if err := os.WriteFile(path, []byte(fmt.Sprintf("%8192d", 7)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, origin); !errors.Is(err, ErrDamaged) {
		t.Errorf("a foreign file: %v", err)
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, "rogatory.example/BG/log/1"); !errors.Is(err, disk.ErrForeign) {
		t.Errorf("another log: %v", err)
	}
}

func FuzzParseGuard(f *testing.F) {
	path := filepath.Join(f.TempDir(), "head")
	g, err := Open(path, origin)
	if err != nil {
		f.Fatal(err)
	}
	for i := range 2 {
		if err := g.Write(origin, leaves.Head{Size: int64(i), Root: translog.Hash{byte(i)}}, &leaves.Head{}, func() {}); err != nil {
			f.Fatal(err)
		}
	}
	if err := g.Close(); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(make([]byte, 2*slotSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = append(b, make([]byte, 2*slotSize)...)[:2*slotSize]
		s, err := parse(b, origin)
		if s.head.Size < 0 || err != nil && s.counter != 0 || s.counter == 0 && s != (slot{}) {
			t.Errorf("%+v, %v", s, err)
		}
	})
}
