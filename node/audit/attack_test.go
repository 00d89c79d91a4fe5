package audit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// has reports whether a result has a finding of one of the codes.
func has(res *audit.Result, codes ...audit.Code) bool {
	return slices.ContainsFunc(res.Findings, func(f audit.Finding) bool { return slices.Contains(codes, f.Code) })
}

func dump(t testing.TB, res *audit.Result) {
	t.Helper()
	for _, f := range res.Findings {
		t.Log(f)
	}
}

func isMsg(dir string) func(translog.Entry) bool {
	return func(e translog.Entry) bool { return e.(*translog.Msg).Dir == dir }
}

// TestOperatorWithAllKeysIsFound takes the part of RS's operator, who alters the log and signs everything anew.
func TestOperatorWithAllKeysIsFound(t *testing.T) {
	w := honest(t)
	rs, bg := w.Country("RS"), w.Country("BG")
	for name, c := range map[string]struct {
		lie  func(h *forge.History)
		want audit.Code
	}{
		"a message sent is removed": {func(h *forge.History) { h.Delete(h.Find("msg", isMsg(translog.Out))[0]) }, audit.CodeRcptOther},
		"a message that arrived is removed with what follows from it": {func(h *forge.History) {
			h.Delete(h.Find("msg", isMsg(translog.In))[0])
		}, audit.CodeMissing},
		"a receipt is removed": {func(h *forge.History) { h.Delete(h.Find("rcpt")[0]) }, audit.CodeUnreceipted},
		"a receipt's leaf is deleted": {func(h *forge.History) {
			h.Alter(h.Find("rcpt")[0], func(e *forge.Entry) { delete(e.Sides, "leaf") })
		}, audit.CodeRcptMissing},
		"a receipt is altered": {func(h *forge.History) {
			h.Alter(h.Find("rcpt")[0], func(e *forge.Entry) { e.Body.(*translog.Rcpt).Index++ })
		}, audit.CodeRcptOther},
		"a receipt's head is deleted": {func(h *forge.History) {
			h.Alter(h.Find("rcpt")[0], func(e *forge.Entry) { delete(e.Sides, "checkpoint") })
		}, audit.CodeRcptMissing},
		"a docket vanishes without a tombstone": {func(h *forge.History) {
			h.Alter(h.Find("msg")[0], func(e *forge.Entry) { delete(e.Sides, "docket") })
		}, audit.CodeMissing},
		"a docket is altered": {func(h *forge.History) {
			h.Alter(h.Find("msg")[0], func(e *forge.Entry) { e.Sides["docket"][40] ^= 1 })
		}, audit.CodeLeafSig},
		"an assertion is deleted": {func(h *forge.History) {
			h.Alter(h.Find("op")[0], func(e *forge.Entry) { delete(e.Sides, "assertion") })
		}, audit.CodeMissing},
		"a record is added": {func(h *forge.History) {
			h.Alter(h.Find("node")[0], func(e *forge.Entry) { e.Sides["statement"] = []byte("x") })
		}, audit.CodeExtra},
		"a leaf is a day too early": {func(h *forge.History) {
			h.Alter(20, func(e *forge.Entry) { e.At -= 86_400_000 })
		}, audit.CodeTime},
		"two messages change places": {func(h *forge.History) {
			out := h.Find("msg", isMsg(translog.Out))
			h.Swap(out[0], out[len(out)-1])
		}, audit.CodeKey},
		"a message stands twice": {func(h *forge.History) {
			i := h.Find("msg", isMsg(translog.In))[0]
			h.Insert(i+1, h.Entries[i].Clone())
		}, audit.CodeDup},
		"the genesis is another country's": {func(h *forge.History) {
			h.Alter(0, func(e *forge.Entry) { e.Body.(*translog.Genesis).Country = "BG" })
		}, audit.CodeHead},
		"another directory is named": {func(h *forge.History) {
			h.Alter(h.Find("dir")[0], func(e *forge.Entry) { e.Body.(*translog.Dir).Digest[0] ^= 1 })
		}, audit.CodeKey},
		"a head is said to be cosigned": {func(h *forge.History) {
			h.Alter(h.Find("cos")[0], func(e *forge.Entry) { e.Body.(*translog.Cos).Count++ })
		}, audit.CodeSchema},
		"a leaf is not canonical": {func(h *forge.History) {
			h.Alter(5, func(e *forge.Entry) { e.Raw = []byte(`{"at":1, "i":5}`) })
		}, audit.CodeCanon},
		"a leaf has no schema": {func(h *forge.History) {
			h.Alter(5, func(e *forge.Entry) { e.Raw = fmt.Appendf(nil, `{"at":%d,"i":5,"k":"none","v":1}`, e.At) })
		}, audit.CodeSchema},
		"a witness goes back": {func(h *forge.History) {
			i := h.Find("wit")
			h.Alter(i[len(i)-1], func(e *forge.Entry) { e.Body.(*translog.Wit).Size = 1 })
		}, audit.CodeRollback},
		"an enrolment is altered": {func(h *forge.History) {
			h.Alter(h.Find("actor")[0], func(e *forge.Entry) { b := e.Sides["enrolment"]; b[len(b)-3] ^= 1 })
		}, audit.CodeLeafSig},
		"a snapshot is altered": {func(h *forge.History) {
			h.Alter(h.Find("state")[0], func(e *forge.Entry) { b := e.Sides["snapshot"]; b[len(b)-3] ^= 1 })
		}, audit.CodeLeafSig},
		"a message from BG is made up": {func(h *forge.History) {
			h.Append(w.Now, madeUp(t, w, bg, rs))
		}, audit.CodeMissing},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			h := rs.Log.Copy()
			if name == "a head is said to be cosigned" {
				// Such a leaf cannot even be written; the bytes are.
				i := h.Find("cos")[0]
				raw := strings.Replace(string(h.Leaf(int64(i))), `"count":2`, `"count":3`, 1)
				h.Alter(i, func(e *forge.Entry) { e.Raw = []byte(raw) })
			} else {
				c.lie(h)
			}
			h.Resign()
			res := verify(t, w, w.ArchiveOf(rs, h, t.TempDir()+"/RS.zip"), 2)
			if !has(res, c.want) {
				dump(t, res)
				t.Errorf("no %s", c.want)
			}
		})
	}
}

// madeUp is a message of BG that BG never signed.
func madeUp(t testing.TB, w *forge.World, from, to *forge.Country) *translog.Msg {
	t.Helper()
	m := &rogatoryv1.Message{
		From: from.Code, To: to.Code, Epoch: 1, Seq: 1, Prev: make([]byte, 32), SubmittedMs: uint64(w.Now),
		DocketCommit: slices.Repeat([]byte{1}, 32), ContentCommit: slices.Repeat([]byte{2}, 32),
	}
	b, err := envelope.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return &translog.Msg{
		Dir: translog.In, Msg: translog.Hash(envelope.MessageName(b)), From: from.Code, To: to.Code, Epoch: 1, Seq: 1,
		DocketCommit: translog.Hash(m.DocketCommit), ContentCommit: translog.Hash(m.ContentCommit), DirectoryVersion: 1,
		ManifestVersion: int64(to.Known[from.Code].Version()), Stmt: translog.Hash{1}, Sig: translog.Hash{1}, Size: 100,
	}
}

func TestResultIsTheSameForAnyNumberOfWorkers(t *testing.T) {
	w := honest(t)
	rs := w.Country("RS")
	for len(rs.Log.Entries) < 3*256+17 { // several tiles
		w.Reply(w.Ask("RS", "BG"))
	}
	h := rs.Log.Copy()
	for i := 50; i < len(h.Entries); i += 97 {
		h.Alter(i, func(e *forge.Entry) { e.At -= 5000 })
	}
	h.Resign()
	path := w.ArchiveOf(rs, h, t.TempDir()+"/RS.zip")
	want := verify(t, w, path, 1)
	if !has(want, audit.CodeTime) {
		t.Fatal("nothing was found")
	}
	for _, workers := range []int{2, 3, 8} {
		if got := verify(t, w, path, workers); fmt.Sprint(got.Findings) != fmt.Sprint(want.Findings) || got.Line() != want.Line() {
			t.Errorf("%d workers: %s, with one %s", workers, got.Line(), want.Line())
		}
	}
	if !slices.IsSortedFunc(want.Findings, audit.Compare) {
		t.Error("findings are out of order")
	}
}

func TestDirectoryOfTheOperatorIsNotTheAuditors(t *testing.T) {
	w, other := honest(t), forge.New(t, "BG", "GR", "RS")
	path := w.Archive("RS", t.TempDir()+"/RS")
	a, err := audit.NewAnchor([][]byte{other.Trusted()})
	if err != nil {
		t.Fatal(err)
	}
	res, err := audit.Verify(t.Context(), open(t, path), a, audit.Options{})
	if err != nil || !has(res, audit.CodeKey) || res.Status != audit.Findings {
		t.Fatalf("%v, %v", res, err)
	}
}

func TestDirectoryNewerThanTheAuditorsIsIncomplete(t *testing.T) {
	w := honest(t)
	held := w.Trusted()
	w.NextDirectory(w.Directories[0].Proto())
	w.Reply(w.Ask("RS", "BG"))
	w.Round()
	path := w.Archive("RS", t.TempDir()+"/RS")
	a, err := audit.NewAnchor([][]byte{held})
	if err != nil {
		t.Fatal(err)
	}
	res, err := audit.Verify(t.Context(), open(t, path), a, audit.Options{})
	if err != nil || res.Status != audit.Incomplete || !has(res, audit.CodeUnknown) {
		dump(t, res)
		t.Fatalf("%s, %v", res.Line(), err)
	}
	if res := verify(t, w, path, 2); res.Status != audit.OK {
		dump(t, res)
		t.Errorf("with the newest directory: %s", res.Line())
	}
}

// TestEveryBitOfAnExportCounts flips, in every file of an export, bits all over.
func TestEveryBitOfAnExportCounts(t *testing.T) {
	w := honest(t)
	path := w.Archive("RS", t.TempDir()+"/RS")
	step := 2999
	a := anchor(t, w)
	err := filepath.WalkDir(path, func(file string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for i := len(file) % step; i < len(b); i += step {
			b[i] ^= 1 << (i % 8)
			if err := os.WriteFile(file, b, 0o644); err != nil {
				return err
			}
			if !found(t, a, path) {
				t.Errorf("bit %d of byte %d of %s is not seen", i%8, i, strings.TrimPrefix(file, path))
			}
			b[i] ^= 1 << (i % 8)
		}
		return os.WriteFile(file, b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	if found(t, a, path) {
		t.Error("the export is not what it was")
	}
}

func found(t testing.TB, a *audit.Anchor, path string) bool {
	t.Helper()
	r, err := archive.Open(path)
	if err != nil {
		return true
	}
	defer r.Close()
	res, err := audit.Verify(t.Context(), r, a, audit.Options{})
	return err != nil || res.Status != audit.OK
}
