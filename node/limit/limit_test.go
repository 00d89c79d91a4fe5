package limit

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/envelope"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestAPeerCallsABurstAtOnceAndThenOneEverySoOften(t *testing.T) {
	r := Rate{Burst: 3, Every: time.Second}
	for range 3 {
		if err := r.Allow("RS", noon); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Allow("RS", noon); status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "1s") {
		t.Errorf("the fourth: %v", err)
	}
	if err := r.Allow("BG", noon); err != nil {
		t.Errorf("another peer pays for it: %v", err)
	}
	if wait := r.Take("RS", noon.Add(time.Second)); wait != 0 {
		t.Errorf("a second later: %s more", wait)
	}
	if wait := r.TakeN("RS", 3, noon.Add(3*time.Second)); wait != time.Second {
		t.Errorf("three, with room for two: %s", wait)
	}
}

func TestStreamsOfAPeerAreBoundedUntilOneEnds(t *testing.T) {
	s := Slots{Max: 2}
	for range 2 {
		if err := s.Take("RS"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Take("RS"); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("the third: %v", err)
	}
	s.Give("RS")
	if err := s.Take("RS"); err != nil {
		t.Error(err)
	}
}

func TestATenthOfAnHoursMessagesMayComeAtOnce(t *testing.T) {
	q := Messages(1000)
	if n := q.Room(noon); n != 100 {
		t.Errorf("room for %d", n)
	}
	q.Take(100)
	if n, wait := q.Room(noon), q.Wait(1); n != 0 || wait != 3600*time.Millisecond {
		t.Errorf("room for %d, the next in %s", n, wait)
	}
	if n := q.Room(noon.Add(time.Hour)); n != 100 {
		t.Errorf("an hour later room for %d", n)
	}
	small := Bytes(1)
	if n := small.Room(noon); n < 4*envelope.MaxEnvelope {
		t.Errorf("room for %d bytes: not four of the largest envelopes", n)
	}
	none := Messages(0)
	none.Take(1 << 40)
	if none.Room(noon) < 1<<40 || none.Wait(1) != 0 {
		t.Error("without a limit there is one")
	}
}

func TestARefusalIsSaidOnceAndThenCounted(t *testing.T) {
	var r Refusals
	var out bytes.Buffer
	for i := range 5 {
		if first := r.First("malformed"); first != (i == 0) {
			t.Errorf("time %d: %v", i, first)
		}
	}
	r.First("fork")
	r.End(slog.New(slog.NewTextHandler(&out, nil)), "RS")
	if lines := strings.Count(out.String(), "\n"); lines != 1 || !strings.Contains(out.String(), "reason=malformed times=5") {
		t.Errorf("said %q", out.String())
	}
	if !r.First("malformed") {
		t.Error("the next hour is silent")
	}
}
