package store

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkCommit measures whole steps of a node: a leaf alone, and a message of 4 KiB with case, leaf, side record, content
// and outbox, from the call to the guarded commit.
func BenchmarkCommit(b *testing.B) {
	content := make([]byte, 4096)
	for _, kind := range []struct {
		name   string
		change func(tx *Tx, n int64) error
	}{
		{"leaf", func(tx *Tx, n int64) error { _, err := tx.Append(opEntry(int(n))); return err }},
		{"message", func(tx *Tx, n int64) error {
			_, err := submit(tx, "BG", name("case", n).String(), "police", content)
			return err
		}},
	} {
		for _, writers := range []int{1, 16, 64, 256} {
			b.Run(fmt.Sprintf("%s/%d", kind.name, writers), func(b *testing.B) {
				s, err := Open(testOptions(b.TempDir()))
				if err != nil {
					b.Fatal(err)
				}
				var n atomic.Int64
				var wg sync.WaitGroup
				b.ResetTimer()
				for range writers {
					wg.Go(func() {
						for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
							if _, err := s.Update(b.Context(), func(tx *Tx) error { return kind.change(tx, i) }); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

func BenchmarkInclusion(b *testing.B) {
	s, err := Open(testOptions(b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	const leaves = 100_000
	for i := 0; i < leaves; i += 1000 {
		if _, err := s.Update(b.Context(), func(tx *Tx) error {
			for j := range 1000 {
				if _, err := tx.Append(opEntry(i + j)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	i := int64(0)
	for b.Loop() {
		if err := s.View(func(r *Reader) error { _, err := r.Inclusion(leaves-1-i%1000, leaves); return err }); err != nil {
			b.Fatal(err)
		}
		i++
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
