package post

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogatory/rogatory/node/store"
)

// busyDesk files everything as a node does, one case a message.
type busyDesk struct{}

func (d *busyDesk) Admit(tx *store.Tx, a *Arrival) (Admission, error) {
	token := a.Docket.GetCaseToken()
	return Admission{CaseToken: token, Unit: "police", Record: func(tx *store.Tx) error { return note(tx, token, "arrived %d", a.Index) }}, nil
}

func (d *busyDesk) Delivered(tx *store.Tx, r Delivery) error {
	return note(tx, r.CaseToken, "delivered at %d", r.At)
}

// BenchmarkDelivery carries messages of 4 KiB between two offices in one process, with real stores on a backbone in memory: submitted,
// committed, carried, verified, decrypted, committed, receipted, committed. Each caller waits for the receipt of its message.
func BenchmarkDelivery(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			w := newWorld(b, "RS", "BG")
			rs, bg := w.members["RS"], w.members["BG"]
			var mu sync.Mutex
			waits := map[string]chan struct{}{}
			rs.start(func(c *Config) { c.Desk = &waitingDesk{mu: &mu, waits: waits} })
			bg.start(func(c *Config) { c.Desk = &busyDesk{} })
			text := fmt.Sprintf("%4096s", "text")
			body := content(b, text)
			var n atomic.Int64
			var wg sync.WaitGroup
			times := make([][]time.Duration, callers)
			b.ReportAllocs()
			b.ResetTimer()
			used := cpu()
			for caller := range callers {
				wg.Go(func() {
					for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
						token := fmt.Sprint("RS-", i)
						here := make(chan struct{})
						mu.Lock()
						waits[token] = here
						mu.Unlock()
						begin := time.Now()
						out := []Outgoing{{To: "BG", Docket: docket(b, token), Content: body, CaseToken: token, Unit: "police"}}
						if _, err := rs.office.Submit(context.Background(), out, opens(token)); err != nil {
							b.Error(err)
							return
						}
						<-here
						times[caller] = append(times[caller], time.Since(begin))
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric((cpu()-used).Seconds()*1e6/float64(b.N), "cpu-µs/op")
			all := slices.Sorted(slices.Values(slices.Concat(times...)))
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
			b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
			for _, m := range []*member{rs, bg} { // without Check, which takes its time
				must(b, m.stop())
				must(b, m.port.Close())
				must(b, m.store.Close())
			}
		})
	}
}

// waitingDesk is a busyDesk that tells a caller that the receipt of its message is there: after its transaction's functions have
// run, which is a moment before the commit.
type waitingDesk struct {
	busyDesk
	mu    *sync.Mutex
	waits map[string]chan struct{}
}

func (d *waitingDesk) Delivered(tx *store.Tx, r Delivery) error {
	if err := d.busyDesk.Delivered(tx, r); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if here := d.waits[r.CaseToken]; here != nil {
		close(here)
		delete(d.waits, r.CaseToken)
	}
	return nil
}

// cpu returns the time that the process has computed.
func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
