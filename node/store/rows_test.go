package store

import (
	"errors"
	"testing"

	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

func TestARowThatBreaksARuleIsRefused(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	msg := make([]byte, 32)
	for what, test := range map[string]struct {
		change func(*Tx) error
		want   error
	}{
		"a gap in the outbox":   {func(tx *Tx) error { return tx.PutOutbox(&storev1.OutboxEntry{To: "BG", Epoch: 1, Seq: 2, Msg: msg}) }, ErrInvalid},
		"a name with a zero":    {func(tx *Tx) error { _, err := tx.PutContent("a\x00b", nil); return err }, ErrInvalid},
		"no unit":               {func(tx *Tx) error { _, err := tx.PutContent("", nil); return err }, ErrInvalid},
		"a large content":       {func(tx *Tx) error { _, err := tx.PutContent("police", make([]byte, MaxContent+1)); return err }, ErrTooLarge},
		"a large side record":   {func(tx *Tx) error { return tx.PutSide(0, "list", make([]byte, MaxSide+1)) }, ErrTooLarge},
		"a message of no case":  {func(tx *Tx) error { return tx.PutMessage(0, &storev1.LoggedMessage{CaseToken: "none"}) }, ErrNotFound},
		"seen without sequence": {func(tx *Tx) error { return tx.PutSeen("BG", 1, 0, &storev1.Seen{Msg: msg}) }, ErrInvalid},
		"a receipt of nothing":  {func(tx *Tx) error { return tx.Receipted("BG", 1, 1, 0, nil) }, ErrNotFound},
		"a retry of nothing":    {func(tx *Tx) error { return tx.UpdateOutbox(&storev1.OutboxEntry{To: "BG", Epoch: 1, Seq: 1}) }, ErrNotFound},
		"erasing nothing":       {func(tx *Tx) error { return tx.EraseContent(1 << 40) }, ErrNotFound},
		"a short nonce":         {func(tx *Tx) error { return tx.UseNonce(make([]byte, 8), 1) }, ErrInvalid},
		"two manifests of one version": {func(tx *Tx) error {
			if err := tx.PutManifest("BG", &storev1.LatestManifest{Version: 3, Digest: msg}, []byte("one")); err != nil {
				return err
			}
			other := name("other")
			return tx.PutManifest("BG", &storev1.LatestManifest{Version: 3, Digest: other[:]}, []byte("two"))
		}, ErrExists},
		"two heads of one size": {func(tx *Tx) error {
			if err := tx.PutPeerHead("log", &storev1.PeerHead{Size: 5, Root: msg}); err != nil {
				return err
			}
			other := name("other")
			return tx.PutPeerHead("log", &storev1.PeerHead{Size: 5, Root: other[:]})
		}, ErrExists},
		"two directories of one version": {func(tx *Tx) error {
			if err := tx.PutDirectory(1, []byte("one")); err != nil {
				return err
			}
			return tx.PutDirectory(1, []byte("two"))
		}, ErrExists},
		"a submission twice": {func(tx *Tx) error {
			if err := tx.PutSubmission("police", "key", &storev1.Submission{}); err != nil {
				return err
			}
			return tx.PutSubmission("police", "key", &storev1.Submission{})
		}, ErrExists},
	} {
		if _, err := s.Update(t.Context(), test.change); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
}

func TestSmallNounsAreReadAsTheyWereWritten(t *testing.T) {
	opts := testOptions(t.TempDir())
	s := openStore(t, opts)
	envelope := make([]byte, 180_000)
	envelope[120_000] = 7
	digest := name("manifest")
	var parked uint64
	update(t, s, func(tx *Tx) (err error) {
		index, err := tx.Append(opEntry(0))
		if err != nil {
			return err
		}
		if parked, err = tx.Park(&storev1.Parked{Peer: "BG", Envelope: envelope}); err != nil {
			return err
		}
		return errors.Join(
			tx.PutSide(index, "assertion", []byte("side")),
			tx.PutCheckpoint(1, []byte("note")),
			tx.PutOfficer("officer-1", &storev1.OfficerRow{Enrolment: []byte("enrolment")}),
			tx.PutManifest("BG", &storev1.LatestManifest{Version: 2, Digest: digest[:]}, []byte("manifest")),
			tx.PutDirectory(1, []byte("first")), tx.PutDirectory(2, []byte("second")),
			tx.PutPeerHead("rogatory.example/BG/log/1", &storev1.PeerHead{Size: 9, Root: digest[:]}),
			tx.PutForkProof(&storev1.ForkProof{Peer: "BG", Kind: "seq"}),
			tx.PutSubmission("police", "key", &storev1.Submission{CaseTokens: []string{"case-1"}, AtMs: 5}))
	})
	closeStore(t, s)
	s = openStore(t, opts)
	view(t, s, func(r *Reader) error {
		if p, err := r.ParkedEnvelope(parked); err != nil || string(p.Envelope) != string(envelope) || p.Peer != "BG" {
			t.Errorf("parked: %v", err)
		}
		if b, err := r.Side(0, "assertion"); err != nil || string(b) != "side" {
			t.Errorf("side record: %q, %v", b, err)
		}
		if size, note, err := r.Checkpoint(); err != nil || size != 1 || string(note) != "note" {
			t.Errorf("checkpoint: %d %q, %v", size, note, err)
		}
		if err := r.EachOfficer(func(who string, o *storev1.OfficerRow) bool {
			if who != "officer-1" || string(o.Enrolment) != "enrolment" {
				t.Errorf("officer %s: %v", who, o)
			}
			return true
		}); err != nil {
			t.Error(err)
		}
		if l, b, err := r.LatestManifest("BG"); err != nil || l.Version != 2 || string(b) != "manifest" {
			t.Errorf("manifest: %v %q, %v", l, b, err)
		}
		if v, b, err := r.Directory(0); err != nil || v != 2 || string(b) != "second" {
			t.Errorf("directory: %d %q, %v", v, b, err)
		}
		if v, b, err := r.Directory(1); err != nil || v != 1 || string(b) != "first" {
			t.Errorf("directory: %d %q, %v", v, b, err)
		}
		if h, ok, err := r.PeerHead("rogatory.example/BG/log/1"); err != nil || !ok || h.Size != 9 {
			t.Errorf("peer head: %v, %v", h, err)
		}
		if sub, ok, err := r.Submission("police", "key"); err != nil || !ok || sub.CaseTokens[0] != "case-1" {
			t.Errorf("submission: %v, %v", sub, err)
		}
		if _, ok, _ := r.Submission("fiu", "key"); ok {
			t.Error("another unit sees the submission")
		}
		return nil
	})
	update(t, s, func(tx *Tx) error {
		if n, err := tx.ForgetSubmissions(6, 10); err != nil || n != 1 {
			t.Errorf("forgot %d submissions, %v", n, err)
		}
		return tx.Unpark(parked)
	})
	view(t, s, func(r *Reader) error {
		if _, err := r.ParkedEnvelope(parked); !errors.Is(err, ErrNotFound) {
			t.Errorf("released envelope: %v", err)
		}
		return nil
	})
}

func TestANonceIsKeptADayLongerThanItMust(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	nonce := make([]byte, 16)
	const expires = 1_000_000
	forget := func(now uint64, want int) {
		t.Helper()
		update(t, s, func(tx *Tx) error {
			n, err := tx.ForgetNonces(now, 10)
			if n != want {
				t.Errorf("forgot %d nonces at %d, want %d", n, now, want)
			}
			return err
		})
	}
	update(t, s, func(tx *Tx) error { return tx.UseNonce(nonce, expires) })
	// The clock jumps ahead, what has expired is forgotten, and the clock is set right again.
	forget(expires+uint64(nonceKeep.Milliseconds()), 0)
	if _, err := s.Update(t.Context(), func(tx *Tx) error { return tx.UseNonce(nonce, expires) }); !errors.Is(err, ErrExists) {
		t.Errorf("using it again: %v", err)
	}
	forget(expires+uint64(nonceKeep.Milliseconds())+1, 1)
}
