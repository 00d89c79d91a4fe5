package node_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/reconcile"
	"github.com/rogatory/rogatory/node/audit/replay"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/export"
	"github.com/rogatory/rogatory/node/online/recovery"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// calm runs a node that exchanges heads every hour: days pass sooner.
func (c *country) calm() *inside {
	return c.run(func(cfg *configs.Node) { cfg.Round = time.Hour })
}

// reply answers the request of a case, and takes it up before.
func (in *inside) reply(token string) {
	in.f.t.Helper()
	f := example(in.f.t, "police-reply.json")
	f.CaseToken = token
	if _, err := in.send(f); err != nil {
		in.f.t.Fatalf("%s replies in %s: %v", in.code, token, err)
	}
}

// rows are the cases of a node as a listing shows them.
func (in *inside) rows() map[string]*nodev1.CaseRow {
	in.f.t.Helper()
	list, err := in.desk.List(context.Background(), &nodev1.ListRequest{Assertion: in.sign(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_LIST})})
	must(in.f.t, err)
	rows := map[string]*nodev1.CaseRow{}
	for _, r := range list.GetCases() {
		rows[r.GetCaseToken()] = r
	}
	return rows
}

// kept is a message as the log of one side has it.
type kept struct {
	out      bool
	at       int64 // of its leaf, or first_at
	receipts int
	content  string
}

// messages returns the messages of a node that does not run, by name. A name that comes twice is an error.
func (c *country) messages() map[envelope.Name]kept {
	t := c.f.t
	t.Helper()
	found := map[envelope.Name]kept{}
	s := c.open()
	err := s.View(func(r *store.Reader) error {
		var bad error
		receipts := map[translog.Hash]int{}
		r.Leaves(0, func(_ int64, raw []byte) bool {
			leaf, err := translog.ParseLeaf(raw)
			bad = errors.Join(bad, err)
			if e, ok := leaf.Entry.(*translog.Rcpt); ok {
				receipts[e.Of]++
			}
			return true
		})
		return errors.Join(bad, r.EachMessage(0, func(index int64, m *storev1.LoggedMessage) bool {
			name := envelope.Name(m.GetMsg())
			if _, twice := found[name]; twice {
				t.Errorf("%s has message %s twice", c.code, name)
			}
			raw, err := r.Leaf(index)
			must(t, err)
			leaf, err := translog.ParseLeaf(raw)
			must(t, err)
			e := leaf.Entry.(*translog.Msg)
			one := kept{out: m.GetOutgoing(), at: leaf.At, receipts: receipts[e.Msg]}
			if e.FirstAt != 0 {
				one.at = e.FirstAt
			}
			content, err := r.Content(m.GetContentId())
			if err != nil {
				t.Errorf("content of %s at %s: %v", name, c.code, err)
			}
			one.content = string(content)
			found[name] = one
			return true
		}))
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return found
}

// restore puts a backup in the place of the data folder.
func (c *country) restore(backup string) {
	t := c.f.t
	t.Helper()
	must(t, os.RemoveAll(filepath.Join(c.dir, setup.DataFolder)))
	ring, err := keyring.OpenRing(filepath.Join(c.dir, setup.RingFolder, keyring.RingFile), keyring.Plain())
	must(t, err)
	_, err = store.Restore(context.Background(), backup, node.StoreOptions(c.load(), ring))
	must(t, err)
}

// recover recovers a node that does not run.
func (c *country) recover(change ...func(*node.RecoverOptions)) (*store.Recovered, *node.RecoverPlan, error) {
	opts := node.RecoverOptions{
		Options: node.Options{
			Lock: keyring.Plain(),
			Net:  func(o transport.CallOptions) (transport.Net, error) { return c.f.net.PortWith(c.code, o), nil },
		},
		Ground: "disk-failure", By: "operator",
	}
	for _, f := range change {
		f(&opts)
	}
	return node.Recover(context.Background(), c.load(), opts)
}

// report is what the last recovery of a node that does not run says.
func (c *country) report() *recovery.Report {
	c.f.t.Helper()
	r, err := node.RecoverReport(c.load(), keyring.Plain())
	must(c.f.t, err)
	return r
}

// wholeAgain compares a node's messages and cases with what they were before something was lost, and with those of its peers.
func wholeAgain(t *testing.T, rs *country, was, is map[envelope.Name]kept, peers ...*country) {
	t.Helper()
	for name, w := range was {
		i, ok := is[name]
		switch {
		case !ok:
			t.Errorf("message %s did not come back (out %v)", name, w.out)
		case i.out != w.out || i.content != w.content:
			t.Errorf("message %s came back as another", name)
		case !w.out && i.at != w.at:
			t.Errorf("message %s counts from %v, not from %v", name, time.UnixMilli(i.at), time.UnixMilli(w.at))
		case w.out && i.receipts != 1:
			t.Errorf("message %s has %d receipts", name, i.receipts)
		}
	}
	for _, peer := range peers {
		for name, m := range peer.messages() {
			if other, ok := is[name]; ok && other.out == m.out {
				t.Errorf("message %s went from both sides", name)
			}
		}
	}
}

// recovered waits for the end of a recovery.
func (in *inside) recovered() {
	in.f.t.Helper()
	within(in.f.t, 30*time.Minute, "end of the recovery of "+in.code, func() bool {
		return in.state().GetRecovery() == nodev1.RecoveryState_RECOVERY_STATE_DONE
	})
}

// destroy destroys the contents of a case at a node that does not run.
func destroy(t *testing.T, c *country, token string) {
	t.Helper()
	s := c.open()
	_, err := s.Update(context.Background(), func(tx *store.Tx) error {
		indices, err := tx.CaseMessages(token)
		if err != nil {
			return err
		}
		for _, index := range indices {
			m, err := tx.Message(index)
			if err != nil {
				return err
			}
			if err := tx.EraseContent(m.GetContentId()); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, errors.Join(err, s.Close()))
}

// archived exports a log of a node that does not run.
func (f *federationOf) archived(origin string) *archive.Reader {
	t := f.t
	t.Helper()
	c := f.node[strings.Split(origin, "/")[1]]
	ring, err := keyring.OpenRing(filepath.Join(c.dir, setup.RingFolder, keyring.RingFile), keyring.Plain())
	must(t, err)
	seeds := ring.Log()
	signer, err := translog.NewLogSigner(origin, seeds.Ed25519.Bytes(), seeds.MLDSA44.Bytes())
	must(t, err)
	o := export.Options{Country: c.code, Keys: signer.Verifier()}
	dir := filepath.Join(t.TempDir(), "export")
	w, err := archive.Create(dir, o.Info())
	must(t, err)
	s := c.open()
	_, err = export.Run(context.Background(), s, w, o)
	must(t, errors.Join(err, w.Close(), s.Close()))
	r, err := archive.Open(dir)
	must(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// audited verifies and replays a log of a node that does not run, behind the saved state of the log before, if any: nothing is found. What was logged
// last may wait for its round.
func (f *federationOf) audited(origin string, before *replay.Saved) (*archive.Reader, *replay.Result) {
	t := f.t
	t.Helper()
	r := f.archived(origin)
	anchor, err := audit.NewAnchor([][]byte{f.directory.Signed()})
	must(t, err)
	result, err := audit.Verify(context.Background(), r, anchor, audit.Options{})
	must(t, err)
	for _, found := range result.Findings {
		if found.Code != audit.CodeUnwitnessed {
			t.Errorf("verify of %s finds %v", origin, found)
		}
	}
	again, err := replay.Run(context.Background(), r, replay.Options{Anchor: anchor, From: before})
	must(t, err)
	for _, found := range again.Findings {
		t.Errorf("replay of %s finds %v", origin, found)
	}
	if again.Status != audit.OK {
		t.Errorf("replay of %s: %s", origin, again.Line())
	}
	return r, again
}

// reconciled holds two logs against each other.
func (f *federationOf) reconciled(a, b *archive.Reader) *reconcile.Result {
	f.t.Helper()
	anchor, err := audit.NewAnchor([][]byte{f.directory.Signed()})
	must(f.t, err)
	got, err := reconcile.Run(context.Background(), a, b, reconcile.Options{Anchor: anchor})
	must(f.t, err)
	return got
}
