package node_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/timestamp/authority"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/client"
)

// stamps returns the tokens in a log as it is exported now.
func stamps(t *testing.T, cl *client.Client) (all [][]byte) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "export")
	if _, err := cl.Export(context.Background(), dir, client.Export{}); err != nil {
		t.Fatal(err)
	}
	r, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := audit.Walk(context.Background(), r, audit.Filter{}, func(l *audit.Line) error {
		if _, ok := l.Leaf.Entry.(*translog.Time); ok {
			all = append(all, bytes.Clone(l.Entry.Side("token")))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestStampsThatAnAuditorWouldFindWrongAreRefused(t *testing.T) {
	f := federate(t, "RS", "BG")
	ctx := context.Background()
	rs, bg := f.node["RS"], f.node["BG"]
	rs.start()
	bg.start()
	rs.cleared()
	cl := rs.founder(1)
	tsa, err := authority.New(authority.Options{Name: "Example TSA", NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	head, err := cl.StampHead(ctx)
	if err != nil {
		t.Fatal(err)
	}
	token := func(imprint [sha256.Size]byte, at time.Time) []byte {
		t.Helper()
		b, err := tsa.Token(imprint, nil, at)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	other := head
	other.Root[0] ^= 1
	good := token(head.Imprint(), time.Now())
	flipped := bytes.Clone(good)
	flipped[len(flipped)-3] ^= 1
	for name, x := range map[string]struct {
		size  int64
		token []byte
		want  codes.Code
	}{
		"another root":           {head.Size, token(other.Imprint(), time.Now()), codes.FailedPrecondition},
		"another size":           {head.Size - 1, good, codes.FailedPrecondition},
		"beyond the log":         {head.Size + 1000, good, codes.FailedPrecondition},
		"beyond every log":       {-1, good, codes.FailedPrecondition},
		"ahead of the clock":     {head.Size, token(head.Imprint(), time.Now().Add(3*time.Minute)), codes.FailedPrecondition},
		"older than its leaves":  {head.Size, token(head.Imprint(), time.Now().Add(-time.Hour)), codes.FailedPrecondition},
		"a byte behind it":       {head.Size, append(bytes.Clone(good), 0), codes.InvalidArgument},
		"a bit flipped":          {head.Size, flipped, codes.InvalidArgument},
		"nothing":                {head.Size, nil, codes.InvalidArgument},
		"more than a token has":  {head.Size, make([]byte, 70_000), codes.InvalidArgument},
		"the head's own imprint": {head.Size, []byte(head.Text()), codes.InvalidArgument},
	} {
		if _, err := cl.Stamp(ctx, x.size, x.token); status.Code(err) != x.want {
			t.Errorf("%s: %v, want %s", name, err, x.want)
		}
	}
	if had := stamps(t, cl); len(had) > 0 {
		t.Fatalf("%d tokens were kept that were refused", len(had))
	}
	first, err := cl.Stamp(ctx, head.Size, good)
	if err != nil {
		t.Fatal(err)
	}
	again, err := cl.Stamp(ctx, head.Size, good)
	if err != nil || again.GetIndex() != first.GetIndex() || first.GetBy() != "CN=Example TSA" {
		t.Errorf("the same token again stands at %d, not at %d: %v", again.GetIndex(), first.GetIndex(), err)
	}
	rs.halt()
	rs.start()
	rs.cleared()
	if had := stamps(t, rs.founder(1)); len(had) != 1 || !bytes.Equal(had[0], good) {
		t.Errorf("%d tokens after a restart", len(had))
	}
	rs.halt()
	rs.check()
}
