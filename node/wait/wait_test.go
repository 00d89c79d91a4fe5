package wait

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestAWaitEndsByTimeByASignOrWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begin := time.Now()
		if !For(ctx, time.Minute, nil) || time.Since(begin) != time.Minute {
			t.Errorf("waited %s", time.Since(begin))
		}
		bell := NewBell()
		bell.Ring()
		bell.Ring()
		begin = time.Now()
		if !For(ctx, time.Minute, nil, bell) || time.Since(begin) != 0 {
			t.Errorf("waited %s although the bell has rung", time.Since(begin))
		}
		if !For(ctx, time.Minute, bell) || time.Since(begin) != time.Minute {
			t.Error("two rings are two")
		}
		cancel()
		if For(ctx, time.Minute) {
			t.Error("waited on")
		}
	})
}

func TestJitterSpreadsByATenth(t *testing.T) {
	for range 1000 {
		if d := Jitter(time.Minute); d < 54*time.Second || d > 66*time.Second {
			t.Fatal(d)
		}
	}
}
