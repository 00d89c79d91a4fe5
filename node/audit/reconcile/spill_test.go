package reconcile

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// read returns all records of a spill, in its order.
func read(t *testing.T, s *spill) (list [][]byte) {
	t.Helper()
	if err := s.each(func(f fields) error {
		list = append(list, bytes.Clone(f.b))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestRecordsComeBackInOrderHoweverManyThereAre(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 100, 5000} {
		s := &spill{limit: 1000}
		var want [][]byte
		for range n {
			b := make([]byte, 1+random.IntN(40))
			for i := range b {
				b[i] = byte(random.IntN(3)) // many are equal, or begin alike
			}
			want = append(want, b)
			if err := s.add(b); err != nil {
				t.Fatal(err)
			}
		}
		slices.SortFunc(want, bytes.Compare)
		for range 2 {
			if got := read(t, s); !slices.EqualFunc(got, want, bytes.Equal) {
				t.Errorf("%d records: %d came back, or in another order", n, len(got))
			}
		}
		if err := s.rest(); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s); !slices.EqualFunc(got, want, bytes.Equal) || s.file != nil && s.buf != nil {
			t.Errorf("%d records: %d came back from the file, %d bytes in memory", n, len(got), len(s.buf))
		}
		if len(s.buf) > s.limit || n == 5000 && len(s.runs) < 50 {
			t.Errorf("%d bytes in memory, %d runs", len(s.buf), len(s.runs))
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}

func TestARecordLargerThanTheMemoryComesBack(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := &spill{limit: 10}
	for _, b := range []string{"b", "a long one that does not fit", "c"} {
		if err := s.add([]byte(b)); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, s); len(got) != 3 || string(got[0]) != "a long one that does not fit" || string(got[2]) != "c" {
		t.Errorf("%q", got)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

func TestNothingIsLeftOfTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s := &spill{limit: 1}
	for range 3 {
		if err := s.add([]byte("record")); err != nil {
			t.Fatal(err)
		}
	}
	if s.file == nil {
		t.Fatal("no file was written")
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
}

func TestATemporaryFileThatIsCutShortIsAnError(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := &spill{limit: 1}
	for range 10 {
		if err := s.add([]byte("record")); err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []int64{s.runs[3] + 5, s.runs[3] + 2, s.runs[3]} {
		if err := s.file.Truncate(size); err != nil {
			t.Fatal(err)
		}
		if err := s.each(func(fields) error { return nil }); err == nil {
			t.Errorf("read to the end of %d bytes", size)
		}
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

func TestAFolderThatTakesNoTemporaryFileIsAnError(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/none")
	s := &spill{limit: 1}
	if err := errors.Join(s.add([]byte("a")), s.add([]byte("b"))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestFieldsComeBackAsTheyWereMade(t *testing.T) {
	h := [32]byte{1, 2, 3}
	m := (&maker{}).begin()
	m.b = append(m.b, h[:]...)
	f := fields{m.byte(7).int(1, 1<<53).flag(true, false).text("", "text").b}
	if got := f.hash(); got != h {
		t.Error(got)
	}
	if b, i, j, yes, no, none, text := f.byte(), f.int(), f.int(), f.flag(), f.flag(), f.text(), f.text(); b != 7 || i != 1 || j != 1<<53 || !yes || no || none != "" || text != "text" || len(f.b) != 0 {
		t.Error(b, i, j, yes, no, none, text, f.b)
	}
}
