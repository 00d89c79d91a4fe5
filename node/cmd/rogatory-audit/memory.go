package main

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How much memory the program takes before it collects more often, in bytes, and how often the bound is looked at. An audit allocates without end and
// keeps little: room saves a tenth of its time.
const (
	roomy       = 232 << 20
	enough      = 256 << 20 // nobody who audits a million leaves needs more; beyond it time counts
	boundEvery  = 250 * time.Millisecond
	collectRare = 400 // percent, as in GOGC
)

// boundMemory lets the collector wait while there is room. What a large log needs raises the bound: to a quarter
// more than is in use, and to twice as much where that is a great deal. Whoever sets
// GOGC or GOMEMLIMIT has it as they say. The goroutine ends with ctx.
func boundMemory(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(collectRare)
	debug.SetMemoryLimit(roomy)
	go func() {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		ticker := time.NewTicker(boundEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				metrics.Read(live)
				used := int64(min(live[0].Value.Uint64(), math.MaxInt64/4))
				bound := max(roomy, used+used/4)
				if bound > enough {
					bound = 2 * used
				}
				debug.SetMemoryLimit(bound)
			case <-ctx.Done():
				return
			}
		}
	}()
}
