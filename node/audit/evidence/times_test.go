package evidence_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/timestamp"
	"github.com/rogatory/rogatory/crypto/timestamp/authority"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/evidence"
)

// rootsOf returns an authority's root, also as a file.
func rootsOf(t *testing.T, a *authority.Authority) (*timestamp.Roots, string) {
	t.Helper()
	roots, err := timestamp.ReadRoots(a.Roots())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(path, a.Roots(), 0o600); err != nil {
		t.Fatal(err)
	}
	return roots, path
}

// trusting returns an anchor that believes roots about time; nobody for nil.
func (c *court) trusting(t *testing.T, roots *timestamp.Roots) *audit.Anchor {
	t.Helper()
	a, err := audit.NewAnchor([][]byte{c.Trusted()})
	if err != nil {
		t.Fatal(err)
	}
	if roots != nil {
		a.TrustTime(roots)
	}
	return a
}

func TestEvidenceHoldsTheFirstTimeTokenOverItsLeaves(t *testing.T) {
	has(t, "openssl", "sh", "python3")
	c := newCourt(t)
	tsa, stranger := c.Authority("Example TSA"), c.Authority("Another TSA")
	roots, file := rootsOf(t, tsa)
	other, otherFile := rootsOf(t, stranger)
	before := c.make(t, "RS", "BG", evidence.Options{Msg: translog.Hash(c.q.Name)})
	if slices.ContainsFunc(names(t, before), func(n string) bool { return strings.HasPrefix(n, "times/") }) {
		t.Error("a token out of nothing")
	}
	c.Stamp("RS", tsa) // over a head behind the cosigned one
	c.Sleep(time.Hour)
	c.Stamp("RS", tsa)
	b := c.make(t, "RS", "BG", evidence.Options{Msg: translog.Hash(c.q.Name)})
	if again := c.make(t, "RS", "BG", evidence.Options{Msg: translog.Hash(c.q.Name)}); !bytes.Equal(b, again) {
		t.Error("the same exports give other bytes")
	}
	files := filesOf(t, b)
	first := c.Country("RS").Log.Entries[c.Country("RS").Log.Find("time")[0]]
	if files["times/RS.tst"] != string(first.Sides["token"]) || files["times/RS.path"] == "" || files["times/BG.tst"] != "" {
		t.Errorf("not the first token of RS alone: %v", names(t, b))
	}
	if !strings.Contains(files["report.txt"], "CN=Example TSA") {
		t.Error("the report does not tell of the token")
	}
	for name, x := range map[string]struct {
		roots *timestamp.Roots
		want  audit.Status
	}{"nobody": {nil, audit.OK}, "the authority": {roots, audit.OK}, "another": {other, audit.Findings}} {
		if res, err := evidence.Check(b, c.trusting(t, x.roots)); err != nil || res.Status != x.want {
			t.Errorf("who trusts %s: %v, %v", name, res.Findings, err)
		}
	}
	folder, directory := unzipped(t, b), trusted(t, c)
	for _, x := range []struct {
		environment []string
		status      int
		says        string
	}{
		{nil, 0, "--  times/RS.tst: no certificates"},
		{[]string{"TSA=" + file}, 0, "OK  times/RS.tst: what stands below leaf "},
		{[]string{"TSA=" + otherFile}, 1, "FAIL  times/RS.tst"},
	} {
		out, status := verifyScript(t, folder, x.environment, directory)
		if status != x.status || !strings.Contains(out, x.says) || !strings.Contains(out, "over a head of this log of") {
			t.Errorf("%v: exit %d\n%s", x.environment, status, out)
		}
	}
	for _, name := range []string{"times/RS.head", "times/RS.path"} { // check.py ties the head to the log
		path := filepath.Join(folder, name)
		honest, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Replace(honest, []byte("A"), []byte("B"), 1)
		if bytes.Equal(bad, honest) {
			bad = honest[:len(honest)-20]
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, status := verifyScript(t, folder, nil, directory); status != 1 {
			t.Errorf("%s is another: exit %d\n%s", name, status, out)
		}
		if err := os.WriteFile(path, honest, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestATokenBeforeTheCosignedHeadIsTiedToItToo(t *testing.T) {
	has(t, "python3")
	c := newCourt(t)
	tsa := c.Authority("Example TSA")
	roots, _ := rootsOf(t, tsa)
	m := c.Ask("RS", "GR")
	c.Stamp("RS", tsa)
	c.Sleep(time.Minute)
	c.Round()
	b := c.make(t, "RS", "", evidence.Options{Msg: translog.Hash(m.Name)})
	if res, err := evidence.Check(b, c.trusting(t, roots)); err != nil || res.Status != audit.OK || filesOf(t, b)["times/RS.tst"] == "" {
		t.Errorf("%v, %v", res, err)
	}
	out, status := verifyScript(t, unzipped(t, b), nil, trusted(t, c))
	if status != 0 || !strings.Contains(out, "over a head of this log of") {
		t.Errorf("exit %d\n%s", status, out)
	}
}

func TestATokenThatTheMakerDoesNotTrustStaysOutside(t *testing.T) {
	c := newCourt(t)
	tsa := c.Authority("Example TSA")
	roots, _ := rootsOf(t, tsa)
	c.Stamp("RS", c.Authority("Another TSA"))
	c.Stamp("RS", tsa)
	r, err := archive.Open(c.Archive("RS", filepath.Join(t.TempDir(), "RS")))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, res, err := evidence.Make(context.Background(), c.trusting(t, roots), r, nil, evidence.Options{Msg: translog.Hash(c.q.Name)})
	if err != nil {
		t.Fatal(err, res)
	}
	second := c.Country("RS").Log.Entries[c.Country("RS").Log.Find("time")[1]]
	if filesOf(t, b)["times/RS.tst"] != string(second.Sides["token"]) {
		t.Error("not the token of the authority that is trusted")
	}
}

// Bytes of what stands under times/, one of eleven: they count.
func TestNoByteOfATimeTokenInEvidenceCanBeAnother(t *testing.T) {
	c := newCourt(t)
	tsa := c.Authority("Example TSA")
	roots, _ := rootsOf(t, tsa)
	c.Stamp("RS", tsa)
	b := c.make(t, "RS", "", evidence.Options{Msg: translog.Hash(c.q.Name), Small: true})
	a := c.trusting(t, roots)
	for _, name := range []string{"times/RS.tst", "times/RS.head", "times/RS.path"} {
		content := filesOf(t, b)[name]
		if content == "" {
			t.Fatalf("no %s", name)
		}
		from := bytes.LastIndex(b, []byte(content))
		for i := 0; i < len(content); i += 11 {
			bad := bytes.Clone(b)
			bad[from+i] ^= 1 << (i % 8)
			if res, err := evidence.Check(bad, a); err == nil && res.Status == audit.OK {
				t.Fatalf("byte %d of %s", i, name)
			}
		}
	}
}

func names(t *testing.T, b []byte) []string {
	t.Helper()
	var list []string
	for name := range filesOf(t, b) {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}
