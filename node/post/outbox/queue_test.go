package outbox

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
)

func name(i int) envelope.Name { return envelope.Name{byte(i), byte(i >> 8), byte(i >> 16)} }

// filled returns a queue of n sealed messages.
func filled(n int) *Queue {
	q := New()
	for i := range n {
		q.Add(Place{1, uint64(i + 1)}, name(i), Sealed{Envelope: []byte("envelope"), KID: keyring.KID{1}, Expires: time.Now().Add(time.Hour)})
	}
	return q
}

// publish publishes what may be published now and returns how much that is.
func publish(q *Queue) (n int) {
	for q.Pick(); q.Holding(); q.Pick() {
		envelopes, _ := q.Pack(1 << 20)
		q.Published(len(envelopes), false)
		n += len(envelopes)
	}
	return n
}

func TestNoMoreIsUnderWayThanAPeerTakes(t *testing.T) {
	q := filled(maxFlying + 10)
	if n := publish(q); n != maxFlying {
		t.Errorf("%d are under way", n)
	}
	for i := range 5 {
		if !q.Drop(Place{1, uint64(i + 1)}) {
			t.Error("nobody waits for the room")
		}
	}
	if n := publish(q); n != 5 {
		t.Errorf("%d follow five receipts", n)
	}
}

func TestReceiptsLeaveNothingBehind(t *testing.T) {
	q := filled(1000)
	publish(q)
	for i := range 1000 {
		q.Drop(Place{1, uint64(i + 1)})
	}
	q.Pick()
	if q.flying != 0 || q.cached != 0 || q.Len()+len(q.names)+len(q.again)+len(q.fresh)+len(q.hand) != 0 {
		t.Errorf("left behind: %d flying, %d bytes, %d names, %d to be sent again, %d in hand", q.flying, q.cached, len(q.names), len(q.again), len(q.hand))
	}
}

func TestWhatIsNotAnsweredIsPublishedLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := filled(1)
		times := 0
		for begin := time.Now(); time.Since(begin) < 24*time.Hour; time.Sleep(q.Due()) {
			times += publish(q)
		}
		if times < 25 || times > 40 {
			t.Errorf("published %d times in a day", times)
		}
	})
}

func TestAfterASilenceAllIsDueSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := filled(1)
		q.Hear(time.Now())
		for range 8 {
			publish(q)
			time.Sleep(q.Due())
		}
		publish(q)
		if due := q.Due(); due < time.Minute {
			t.Fatalf("due in %s", due)
		}
		if !q.Hear(time.Now()) {
			t.Fatal("has not been away")
		}
		if due := q.Due(); due > FirstRetry {
			t.Errorf("due in %s", due)
		}
		if q.Hear(time.Now()) {
			t.Error("away although just heard of")
		}
	})
}

func TestAdviceHoldsOnceForWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := filled(1)
		if _, ok := q.Advise(name(0), time.Minute, false); ok {
			t.Error("advice about what was not published is followed")
		}
		publish(q)
		due, ok := q.Advise(name(0), 2*time.Minute, true)
		if !ok || time.Until(due) != 2*time.Minute {
			t.Errorf("due in %s, %v", time.Until(due), ok)
		}
		if _, ok := q.Advise(name(0), time.Hour, false); ok {
			t.Error("advised twice")
		}
		time.Sleep(2 * time.Minute)
		q.Pick()
		if list := q.Unsealed(keyring.KID{1}); len(list) != 1 {
			t.Errorf("%d are sealed anew", len(list))
		}
	})
}

func TestOnlyTheFirstOfALullPassesTheMailboxBy(t *testing.T) {
	q := filled(2)
	q.Pick()
	if !q.Lone(2) {
		t.Error("not lone at first")
	}
	q.Published(1, true)
	if q.Lone(1) {
		t.Error("lone beside what is under way")
	}
	q.Drop(Place{1, 1})
	if !q.Lone(1) {
		t.Error("not lone after the receipt")
	}
}
