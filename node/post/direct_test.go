package post

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/node/post/outbox"
)

func TestALoneMessageThatIsLostGoesThroughTheMailboxASecondLater(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		w.net.Drop(1)
		rs.send("BG", "RS-1")
		synctest.Wait()
		w.net.Drop(0)
		time.Sleep(outbox.DirectWait - time.Millisecond)
		if bg.story("RS-1") != nil {
			t.Fatal("it was not lost")
		}
		w.net.Cut("RS", "BG") // only the mailbox keeps it
		time.Sleep(2 * time.Second)
		w.net.Heal("RS", "BG")
		time.Sleep(time.Second)
		if len(bg.story("RS-1")) != 1 || rs.waiting("BG") != 0 {
			t.Errorf("story %q, %d wait", bg.story("RS-1"), rs.waiting("BG"))
		}
	}, "RS", "BG")
}

func TestALoneReceiptThatIsLostGoesThroughTheMailboxTheNextTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		w.net.Delay("RS", "BG", 100*time.Millisecond)
		rs.send("BG", "RS-1")
		synctest.Wait()
		w.net.Drop(1)
		time.Sleep(outbox.DirectWait / 2)
		w.net.Drop(0)
		if bg.story("RS-1") == nil || rs.waiting("BG") != 1 {
			t.Fatal("the receipt was not lost")
		}
		time.Sleep(outbox.DirectWait)
		if rs.waiting("BG") != 0 || bg.size() != 1 || bg.office.Duplicates.Load() != 1 {
			t.Errorf("%d wait, %d leaves, %d duplicates", rs.waiting("BG"), bg.size(), bg.office.Duplicates.Load())
		}
	}, "RS", "BG")
}
