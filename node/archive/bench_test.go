package archive

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
)

// benchSize is how many entries the archives of benchmarks have.
const benchSize = 64 * TileWidth

// full is an entry as a node's log mostly has them: a message with statement, signature and docket.
func full(i int64) Entry {
	return Entry{Index: i, Leaf: fmt.Appendf(bytes.Repeat([]byte{'x'}, 500), "%d", i), Sides: []Record{
		{"docket", make([]byte, 300)}, {"message", make([]byte, 160)}, {"root-at", []byte{0}}, {"signature", make([]byte, 300)}, {"statement", make([]byte, 400)},
	}}
}

func BenchmarkWriter(b *testing.B) {
	for b.Loop() {
		w, err := Create(filepath.Join(b.TempDir(), "archive"), Info{Country: "RS", Log: testLog})
		if err != nil {
			b.Fatal(err)
		}
		for i := range int64(benchSize) {
			if err := w.Add(full(i)); err != nil {
				b.Fatal(err)
			}
		}
		g := newRig(b)
		info, cp := w.head(g)
		if err := w.Finish(info, cp, g.signer.Verifier()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(benchSize*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkTile(b *testing.B) {
	g := newRig(b)
	for _, name := range []string{"folder", "a.zip"} {
		path := filepath.Join(b.TempDir(), name)
		w, err := Create(path, Info{Country: "RS", Log: testLog})
		if err != nil {
			b.Fatal(err)
		}
		for i := range int64(benchSize) {
			if err := w.Add(full(i)); err != nil {
				b.Fatal(err)
			}
		}
		info, cp := w.head(g)
		if err := w.Finish(info, cp, g.signer.Verifier()); err != nil {
			b.Fatal(err)
		}
		r, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []Entry
			for n := int64(0); b.Loop(); n++ {
				if dst, err = r.Tile(n%r.Tiles(), dst); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(TileWidth*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
