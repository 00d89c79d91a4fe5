package online

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/online/attachment"
	"github.com/rogatory/rogatory/node/store"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

var testMsg = translog.Hash{1, 2, 3}

const testCase = "RS-2026-000001"

// sends gives the node an attachment that a message of its own to a peer lists, and the peer the row that its desk makes of it. The id's first
// byte is n.
func (n *node) sends(to *node, msg translog.Hash, no byte, ciphertext []byte) []byte {
	n.r.t.Helper()
	id := make([]byte, 16)
	id[0] = no
	digest := sha256.Sum256(ciphertext)
	if err := os.WriteFile(n.store.BlobPath(id), ciphertext, 0o600); err != nil {
		n.r.t.Fatal(err)
	}
	put := func(at *node, a *storev1.Attachment) {
		if _, err := at.store.Update(context.Background(), func(tx *store.Tx) error { return tx.PutAttachment(a) }); err != nil {
			n.r.t.Fatal(err)
		}
	}
	row := func(peer string) *storev1.Attachment {
		return &storev1.Attachment{
			Id: id, Length: uint64(len(ciphertext)), Sha256: digest[:],
			Copies: []*storev1.AttachmentCopy{{Peer: peer, Msg: msg[:], CaseToken: testCase}},
		}
	}
	sent := row(to.country)
	sent.Outgoing, sent.Received, sent.Whole = true, sent.Length, true
	put(n, sent)
	put(to, row(n.country))
	return id
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// pair starts BG and RS and waits until both are cleared.
func pair(t *testing.T) (r *rig, bg, rs *node) {
	t.Helper()
	r = newRig(t, "BG", "GR", "RS")
	r.round = time.Minute
	r.start("BG", "RS")
	bg, rs = r.nodes["BG"], r.nodes["RS"]
	bg.cleared()
	rs.cleared()
	return r, bg, rs
}

func disclosures(n *node) (count int) {
	for _, op := range leaves[*translog.Op](n) {
		if op.Verb == translog.Disclose && op.Why == "attachment" && op.Case == testCase && op.Recipient != "" && op.Of[0] == testMsg {
			count++
		}
	}
	return count
}

func TestAttachmentsOfAMessageArriveAndAreReceiptedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, bg, rs := pair(t)
		defer r.stop()
		one, two := random(700<<10), random(100)
		first, second := rs.sends(bg, testMsg, 1, one), rs.sends(bg, testMsg, 2, two)
		for _, id := range [][]byte{first, second} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if err := bg.lane.Attachments().FetchNow(ctx, id); err != nil {
				t.Fatal(err)
			}
			cancel()
		}
		if got, err := os.ReadFile(bg.store.BlobPath(first)); err != nil || !bytes.Equal(got, one) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		index := <-bg.wholes
		list := leaves[*translog.Whole](bg)
		if len(list) != 1 || list[0].Msg != testMsg {
			t.Fatalf("whole leaves are %v", list)
		}
		if n := disclosures(rs); n != 2 {
			t.Errorf("%d disclosures logged for two calls", n)
		}
		// The receipt may die with the process: the leaf is told again, and is the same.
		bg.restart()
		bg.cleared()
		if again := <-bg.wholes; again != index {
			t.Errorf("leaf %d is told again as %d", index, again)
		}
		if err := bg.lane.Attachments().FetchNow(t.Context(), make([]byte, 16)); !errors.Is(err, attachment.ErrNoAttachment) {
			t.Error(err)
		}
	})
}

func TestAttachmentGoesOnWhereItWasCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, bg, rs := pair(t)
		defer r.stop()
		data := random(18 << 20)
		id := rs.sends(bg, testMsg, 1, data)
		// Cut in the middle of a stream: when the second step is in.
		received := func() (n uint64) {
			_ = bg.store.View(func(r *store.Reader) error {
				a, err := r.Attachment(id)
				n = a.GetReceived()
				return err
			})
			return n
		}
		r.net.Delay("BG", "RS", 50*time.Millisecond)
		bg.lane.Attachments().Pull()
		for received() == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		r.net.Cut("BG", "RS")
		time.Sleep(time.Minute)
		had := received()
		if had == 0 || had == uint64(len(data)) {
			t.Fatalf("%d bytes were in before the cut", had)
		}
		bg.restart()
		time.Sleep(time.Hour)
		if received() != had {
			t.Errorf("%d bytes while cut, %d before", received(), had)
		}
		// What has arrived is not asked for again: it is not even there any more.
		if err := os.WriteFile(rs.store.BlobPath(id), append(make([]byte, had), data[had:]...), 0o600); err != nil {
			t.Fatal(err)
		}
		r.net.Heal("BG", "RS")
		began := time.Now()
		bg.cleared()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := bg.lane.Attachments().FetchNow(ctx, id); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("took %s after the cut", took)
		}
		if got, err := os.ReadFile(bg.store.BlobPath(id)); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

func TestAttachmentThatIsNotTheOneNamedIsFetchedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, bg, rs := pair(t)
		defer r.stop()
		data := random(1000)
		id := rs.sends(bg, testMsg, 1, data)
		if err := os.WriteFile(rs.store.BlobPath(id), random(1000), 0o600); err != nil {
			t.Fatal(err)
		}
		bg.lane.Attachments().Pull()
		time.Sleep(10 * time.Second)
		if n := len(leaves[*translog.Whole](bg)); n != 0 {
			t.Fatal("taken for whole")
		}
		if err := os.WriteFile(rs.store.BlobPath(id), data, 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*5*time.Minute)
		defer cancel()
		if err := bg.lane.Attachments().FetchNow(ctx, id); err != nil {
			t.Error(err)
		}
	})
}

func TestAttachmentIsThereForItsRecipientAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, bg, rs := pair(t)
		defer r.stop()
		r.start("GR")
		gr := r.nodes["GR"]
		gr.cleared()
		time.Sleep(time.Minute) // until RS has learned what GR published when it was cleared
		id := rs.sends(bg, testMsg, 1, random(1000))
		ask := func(n *node, change func(*peerv1.AttachmentRequest)) error {
			q := &peerv1.AttachmentRequest{Msg: testMsg[:], Id: id, CaseToken: testCase}
			change(q)
			s, err := n.lane.client("RS").Attachment(t.Context(), q)
			if err == nil {
				_, err = s.Recv()
			}
			return err
		}
		size := rs.store.Head().Size
		for what, c := range map[string]struct {
			by     *node
			change func(*peerv1.AttachmentRequest)
			want   codes.Code
		}{
			"another country": {gr, func(*peerv1.AttachmentRequest) {}, codes.NotFound},
			"another message": {bg, func(q *peerv1.AttachmentRequest) { q.Msg = make([]byte, 32) }, codes.NotFound},
			"another case":    {bg, func(q *peerv1.AttachmentRequest) { q.CaseToken = "RS-2026-000002" }, codes.NotFound},
			"no case":         {bg, func(q *peerv1.AttachmentRequest) { q.CaseToken = "" }, codes.NotFound},
			"unknown id":      {bg, func(q *peerv1.AttachmentRequest) { q.Id = make([]byte, 16) }, codes.NotFound},
			"malformed id":    {bg, func(q *peerv1.AttachmentRequest) { q.Id = []byte("../../keys.db") }, codes.NotFound},
			"behind the end":  {bg, func(q *peerv1.AttachmentRequest) { q.Offset = 1000 }, codes.OutOfRange},
			"far behind it":   {bg, func(q *peerv1.AttachmentRequest) { q.Offset = 1 << 63 }, codes.OutOfRange},
		} {
			if err := ask(c.by, c.change); status.Code(err) != c.want {
				t.Errorf("%s: %v", what, err)
			}
		}
		if now := rs.store.Head().Size; now != size {
			t.Errorf("refusals have grown the log by %d", now-size)
		}
		if err := ask(bg, func(*peerv1.AttachmentRequest) {}); err != nil {
			t.Error(err)
		}
		if n := disclosures(rs); n != 1 {
			t.Errorf("%d disclosures logged", n)
		}
	})
}

func TestFloodOfCallsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "GR", "RS")
		defer r.stop()
		r.round, r.burst = time.Minute, 10
		r.start("BG", "RS")
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		bg.cleared()
		rs.cleared()
		id := rs.sends(bg, testMsg, 1, random(1000))
		bg.lane.Attachments().Pull()
		time.Sleep(time.Second)
		size := rs.store.Head().Size
		flood := func(call func() error) (busy int) {
			for range 30 {
				if status.Code(call()) == codes.ResourceExhausted {
					busy++
				}
			}
			return busy
		}
		busy := flood(func() error {
			s, err := bg.lane.client("RS").Attachment(t.Context(), &peerv1.AttachmentRequest{Msg: testMsg[:], Id: id, CaseToken: testCase})
			for err == nil {
				_, err = s.Recv()
			}
			return err
		})
		if grew := rs.store.Head().Size - size; grew > 10 || busy < 20 {
			t.Errorf("30 streams at once: %d refused, the log has grown by %d", busy, grew)
		}
		ping := func() error {
			_, err := bg.lane.client("RS").Ping(t.Context(), &peerv1.PingRequest{})
			return err
		}
		if busy := flood(ping); busy < 20 {
			t.Errorf("30 calls at once: %d refused", busy)
		}
		time.Sleep(10 * time.Second)
		if err := ping(); err != nil {
			t.Error("after a pause:", err)
		}
	})
}

func TestFullDiskStopsFetching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		r.free = 1 << 61
		r.start("BG", "RS")
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		bg.cleared()
		rs.cleared()
		id := rs.sends(bg, testMsg, 1, random(1000))
		bg.lane.Attachments().Pull()
		time.Sleep(time.Minute)
		if must(attachmentOf(bg, id))(t).GetReceived() != 0 {
			t.Error("it has come")
		}
		if n := disclosures(rs); n != 0 {
			t.Error("asked for it all the same")
		}
	})
}

func attachmentOf(n *node, id []byte) (a *storev1.Attachment, err error) {
	err = n.store.View(func(r *store.Reader) (err error) {
		a, err = r.Attachment(id)
		return err
	})
	return a, err
}
