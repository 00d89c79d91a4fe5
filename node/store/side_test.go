package store

import (
	"bytes"
	"fmt"
	"testing"
)

func TestSideRecordsOfARangeAreListedByIndexAndName(t *testing.T) {
	// One of them is longer than a value and stands in pieces.
	record := func(i int, name string) []byte {
		b := fmt.Append(nil, i, name)
		if name == "path" {
			b = bytes.Repeat(b, 20000)
		}
		return b
	}
	s := openStore(t, testOptions(t.TempDir()))
	update(t, s, func(tx *Tx) error {
		for i, names := range [][]string{{"docket"}, {"path", "checkpoint"}, {}, {"docket", "assertion"}, {"docket"}} {
			for _, name := range names {
				if err := tx.PutSide(int64(i), name, record(i, name)); err != nil {
					return err
				}
			}
			if _, err := submit(tx, "BG", fmt.Sprint("RS-", i), "police", []byte("hello")); err != nil {
				return err
			}
		}
		return nil
	})
	var got []string
	if err := s.View(func(r *Reader) error {
		r.Sides(1, 4, func(index int64, name string, b []byte) bool {
			if !bytes.Equal(b, record(int(index), name)) {
				t.Errorf("record %s of leaf %d has %d bytes", name, index, len(b))
			}
			got = append(got, fmt.Sprint(index, name))
			return true
		})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != "[1checkpoint 1path 3assertion 3docket]" {
		t.Errorf("listed %v", got)
	}
}
