package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/export"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// An exported log of a running node holds what ties every leaf, and continues when the node is stopped.
func TestTheLogOfARunningNodeIsExportedAndContinuedWhenItStops(t *testing.T) {
	f := federate(t, "RS", "BG")
	ctx := context.Background()
	rs, bg := f.node["RS"], f.node["BG"]
	rs.start()
	bg.start()
	rs.cleared()
	bg.cleared()
	drafter, approver := rs.founder(1), rs.founder(2)
	file := example(t, "police-request-normal.json")
	file.To, file.FromUnit = []string{"BG/police"}, "police"
	done, _, err := drafter.Send(ctx, file)
	if err != nil {
		t.Fatal(err)
	}
	token := done.GetCases()[0].GetCaseToken()
	if _, err := approver.Do(ctx, client.Want{Verb: rogatoryv1.Verb_VERB_APPROVE, CaseToken: token}); err != nil {
		t.Fatal(err)
	}
	f.inState(drafter, token, "received")
	f.until("every receipt", func() bool { return rs.status().GetOutbox() == 0 })

	dir := filepath.Join(t.TempDir(), "RS")
	first, err := drafter.Export(ctx, dir, client.Export{})
	if err != nil {
		t.Fatal(err)
	}
	tied(t, dir)
	info, err := drafter.Export(ctx, filepath.Join(t.TempDir(), "case.zip"), client.Export{Limits: archive.Info{Case: token}})
	if err != nil || !info.Limited() {
		t.Errorf("one case: %+v, %v", info, err)
	}
	if _, err := drafter.Export(ctx, filepath.Join(t.TempDir(), "x"), client.Export{Limits: archive.Info{Unit: "navy"}}); status.Code(err) != codes.NotFound {
		t.Errorf("a unit that is not there: %v", err)
	}
	if _, err := drafter.Export(ctx, filepath.Join(t.TempDir(), "x"), client.Export{Limits: archive.Info{Case: "RS-2026-999999"}}); status.Code(err) != codes.NotFound {
		t.Errorf("a case that is not there: %v", err)
	}

	rs.halt()
	s := rs.open()
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	r, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := r.Keys()
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	o := export.Options{Country: "RS", Keys: keys}
	w, err := archive.Create(dir, o.Info())
	if err != nil {
		t.Fatal(err)
	}
	last, err := export.Run(ctx, s, w, o)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	if head := s.Head(); last.Size != head.Size || last.Size <= first.Size {
		t.Errorf("%d leaves, then %d, and the log has %d", first.Size, last.Size, head.Size)
	}
	tied(t, dir)
	if leftovers, err := filepath.Glob(filepath.Join(dir, "*.new")); err != nil || len(leftovers) != 0 {
		t.Errorf("left over: %v, %v", leftovers, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "directories", "1")); err != nil {
		t.Error(err)
	}
}

// tied reads an archive and holds side records against the digests in their leaves.
func tied(t *testing.T, dir string) {
	t.Helper()
	r, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, e := range slices.Concat(r.Extra(), r.Missing()) {
		t.Error(e)
	}
	seen := map[string]int{}
	for n := range r.Tiles() {
		tile, err := r.Tile(n, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range tile {
			leaf, err := translog.ParseLeaf(e.Leaf)
			if err != nil {
				t.Fatal(err)
			}
			seen[leaf.Entry.Kind()]++
			if err := tie(tile, &e, leaf.Entry); err != nil {
				t.Errorf("leaf %d, a %s: %v", e.Index, leaf.Entry.Kind(), err)
			}
		}
	}
	for _, kind := range []string{"genesis", "dir", "msg", "rcpt", "case"} {
		if seen[kind] == 0 {
			t.Errorf("no %s among %v", kind, seen)
		}
	}
}

func tie(tile []archive.Entry, e *archive.Entry, leaf translog.Entry) error {
	switch leaf := leaf.(type) {
	case *translog.Msg:
		if name := envelope.MessageName(e.Side("message")); translog.Hash(name) != leaf.Msg {
			return fmt.Errorf("message is %s", name)
		}
		sig := e.Side("signature")
		if at := e.Side("root-at"); at != nil {
			other := tile[at[0]].Side("signature")
			_, _, tag := protowire.ConsumeTag(other)
			sig = append(bytes.Clone(other[:tag+protowire.ConsumeFieldValue(1, protowire.BytesType, other[tag:])]), sig...)
		}
		docket := e.Side("docket")
		if len(docket) < 32 || envelope.Commit(envelope.Salt(docket[:32]), envelope.Docket, docket[32:]) != [32]byte(leaf.DocketCommit) {
			return errors.New("docket")
		}
		if !leaf.Stmt.IsZero() && (envelope.StatementHash(e.Side("statement")) != [32]byte(leaf.Stmt) || envelope.SignatureHash(sig) != [32]byte(leaf.Sig)) {
			return errors.New("statement or signature")
		}
	case *translog.Rcpt:
		if e.Side("leaf") == nil || e.Side("path") == nil {
			return errors.New("no proof")
		}
	case *translog.Case:
		// A step that a message causes stands on that message's docket.
		docket := e.Side("docket")
		if docket != nil && (len(docket) < 32 || envelope.Commit(envelope.Salt(docket[:32]), envelope.Docket, docket[32:]) != [32]byte(leaf.Docket)) {
			return errors.New("docket")
		}
		if (e.Side("assertion") == nil) != leaf.Assertion.IsZero() {
			return errors.New("assertion")
		}
	}
	return nil
}
