package guard

import (
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestAJournalWithATornEndGoesOnBehindItsLastWholeRecord(t *testing.T) {
	e := ErasedBeside(filepath.Join(t.TempDir(), "head"), origin)
	if none, err := e.Contents(); err != nil || len(none) != 0 {
		t.Fatalf("before the first erasure: %v, %v", none, err)
	}
	name := [32]byte{9}
	if err := e.Note([]uint64{7, 8}, [][32]byte{name}); err != nil {
		t.Fatal(err)
	}
	file := e.path + contentsName
	if err := os.Truncate(file, 2*(contentSize+sumSize)-3); err != nil {
		t.Fatal(err)
	}
	if err := e.Note([]uint64{7, 9}, nil); err != nil {
		t.Fatal(err)
	}
	ids, err := e.Contents()
	if err != nil || !slices.Equal(slices.Sorted(maps.Keys(ids)), []uint64{7, 9}) {
		t.Errorf("contents %v, %v", ids, err)
	}
	if names, err := e.Messages(); err != nil || len(names) != 1 || !names[name] {
		t.Errorf("messages %v, %v", names, err)
	}
	if others, err := ErasedBeside(e.path, "rogatory.example/BG/log/1").Contents(); err != nil || len(others) != 0 {
		t.Errorf("another country reads %v, %v", others, err)
	}
}

func FuzzReadErased(f *testing.F) {
	e := ErasedBeside(filepath.Join(f.TempDir(), "head"), origin)
	two := slices.Concat(e.record(binary.BigEndian.AppendUint64(nil, 7)), e.record(binary.BigEndian.AppendUint64(nil, 8)))
	f.Add(two)
	f.Add(append(two[:contentSize+sumSize:contentSize+sumSize], 0, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := ErasedBeside(filepath.Join(t.TempDir(), "head"), origin)
		if err := os.WriteFile(e.path+contentsName, b, 0o600); err != nil {
			t.Fatal(err)
		}
		erased, whole, err := e.read(contentsName, contentSize)
		if err != nil || whole > int64(len(b)) || int64(len(erased))*(contentSize+sumSize) > whole {
			t.Errorf("%d erased in %d bytes, %v", len(erased), whole, err)
		}
	})
}
