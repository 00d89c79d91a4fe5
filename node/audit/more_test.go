package audit_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// clean wants no finding at all.
func clean(t *testing.T, what string, res *audit.Result) {
	t.Helper()
	if len(res.Findings) > 0 || res.Status != audit.OK {
		dump(t, res)
		t.Errorf("%s: %s", what, res.Line())
	}
}

func TestDocketsMayGoBehindATombstone(t *testing.T) {
	w := honest(t)
	token := w.Country("RS").Log.Find("op")
	leaf := w.Country("RS").Log.Entries[token[0]].Body.(*translog.Op)
	w.EndTerm("RS", leaf.Case)
	w.Round()
	clean(t, "tombstone", verify(t, w, w.Archive("RS", t.TempDir()+"/RS"), 2))
	h := w.Country("RS").Log.Copy()
	h.Delete(h.Find("erase")...)
	h.Resign()
	if res := verify(t, w, w.ArchiveOf(w.Country("RS"), h, t.TempDir()+"/RS"), 2); !has(res, audit.CodeMissing) {
		t.Error("dockets without a tombstone were not missed")
	}
}

func TestLogAfterARecoveryIsClean(t *testing.T) {
	w := honest(t)
	w.Round()
	w.Recover("RS", w.Country("RS").Log.Size())
	w.Reply(w.Ask("RS", "BG"))
	w.Reply(w.Ask("GR", "RS"))
	w.Round()
	rs := w.Country("RS")
	clean(t, "log/2", verify(t, w, w.Archive("RS", t.TempDir()+"/RS"), 2))
	clean(t, "log/1", verify(t, w, w.ArchiveOf(rs, rs.Closed[0], t.TempDir()+"/RS"), 2))
	clean(t, "a peer", verify(t, w, w.Archive("BG", t.TempDir()+"/BG"), 2))

	h := rs.Log.Copy()
	h.Alter(0, func(e *forge.Entry) { e.Sides["endorsement"][100] ^= 1 })
	h.Resign()
	if res := verify(t, w, w.ArchiveOf(rs, h, t.TempDir()+"/RS.zip"), 2); !has(res, audit.CodeLeafSig) {
		t.Error("a genesis that nobody endorsed was not found")
	}
}

func TestLimitedArchiveIsVerifiedAsFarAsItGoes(t *testing.T) {
	w := honest(t)
	rs := w.Country("RS")
	token := rs.Log.Entries[rs.Log.Find("case")[0]].Body.(*translog.Case).Case
	keep := func(i int64) bool {
		return i == 0 || slices.Contains([]string{"dir", "actor", "policy", "msg", "rcpt", "cos"}, rs.Log.Entries[i].Body.Kind())
	}
	path := w.Limited("RS", token, t.TempDir()+"/RS", keep)
	res := verify(t, w, path, 2)
	if res.Status == audit.Findings || res.Assurance < audit.A2 {
		dump(t, res)
		t.Error(res.Line())
	}
	alone := w.Limited("RS", token, t.TempDir()+"/RS", func(i int64) bool { return rs.Log.Entries[i].Body.Kind() == "msg" })
	if res := verify(t, w, alone, 2); res.Status == audit.Findings {
		dump(t, res)
		t.Error(res.Line())
	}
}

func TestBatchedMessagesAndManyDays(t *testing.T) {
	w := forge.New(t, "BG", "GR", "HU", "RS")
	for day := range 3 {
		var drafts []*forge.Message
		for i := range 12 {
			d := forge.Request(1)
			d.CaseToken = w.NewToken("RS")
			drafts = append(drafts, w.Draft("RS", []string{"BG", "GR", "HU"}[i%3], d, forge.First))
		}
		w.Submit(forge.Second, drafts...)
		w.Reseal(drafts[day])
		slices.Reverse(drafts) // they arrive in another order than they were sent
		for _, to := range []string{"BG", "GR", "HU"} {
			theirs := slices.DeleteFunc(slices.Clone(drafts), func(m *forge.Message) bool { return m.To != to })
			w.Deliver(theirs...)
			w.Receipt(theirs...)
		}
		w.Round()
		w.Sleep(26 * time.Hour)
	}
	w.Country("BG").Rotate(time.Hour)
	w.Sleep(26 * time.Hour)
	w.Reply(w.Ask("BG", "RS"))
	w.Round()
	for _, c := range w.Countries() {
		clean(t, c.Code, verify(t, w, w.Archive(c.Code, t.TempDir()+"/"+c.Code+".zip"), 2))
	}
}

func TestKeyThatWasRetiredSignsNothing(t *testing.T) {
	w := forge.New(t, "BG", "RS")
	bg := w.Country("BG")
	old := bg.Identities[0]
	w.Ask("BG", "RS")
	bg.Rotate(time.Minute)
	w.Sleep(2 * time.Hour)
	was := bg.Identities
	bg.Identities = append(bg.Identities[:0:0], old) // whoever stole the old key signs with it
	w.Ask("BG", "RS")
	bg.Identities = was
	if res := verify(t, w, w.Archive("RS", t.TempDir()+"/RS"), 2); !has(res, audit.CodeKey) {
		dump(t, res)
		t.Error("a message signed with a retired key was not found")
	}
}

func TestForkProofsInAnExportAreJudged(t *testing.T) {
	w := honest(t)
	bg, rs := w.Country("BG"), w.Country("RS")
	lie := bg.Log.Copy()
	lie.Alter(len(lie.Entries)-1, func(e *forge.Entry) { e.At++ })
	lie.Rebuild()
	rs.Log.PutFork("log", translog.FormatHeads(bg.Log.Note(), lie.Note(), nil))
	res := verify(t, w, w.Archive("RS", t.TempDir()+"/RS"), 2)
	if i := slices.IndexFunc(res.Findings, func(f audit.Finding) bool { return f.Code == audit.CodeFork }); i < 0 || res.Findings[i].Log != bg.Origin() {
		dump(t, res)
		t.Error("the fork of BG was not found")
	}
	rs.Log.PutFork("log", translog.FormatHeads(bg.Log.Note(), bg.Log.Note(), nil))
	if res := verify(t, w, w.Archive("RS", t.TempDir()+"/RS"), 2); !has(res, audit.CodeCanon) {
		t.Error("a proof that proves nothing was taken")
	}
}

func TestEveryCodeIsExplained(t *testing.T) {
	for _, c := range audit.Codes() {
		e, ok := audit.Explain(c)
		if !ok || e.Title == "" || e.Meaning == "" || e.Suspect == "" || e.Do == "" {
			t.Errorf("%s is not explained: %+v", c, e)
		}
	}
	for _, c := range []audit.Code{
		"E-ROOT", "E-LEAFSIG", "E-SEQ", "E-PREV", "E-DUP", "E-TIME", "E-RCPT-MISSING", "E-RCPT-OTHER", "E-HEAD", "E-ROLLBACK", "E-FORK",
		"E-ABSENT-PEER", "E-ABSENT-OWN", "E-DIFF", "E-STATE", "E-TRANS", "E-RIGHT", "E-DEADLINE", "E-MISSING", "E-KEY", "E-CANON", "E-EXTRA",
		"E-SCHEMA", "W-UNRECEIPTED", "W-SKEW", "W-UNWITNESSED",
	} {
		if _, ok := audit.Explain(c); !ok {
			t.Errorf("%s is not there", c)
		}
	}
}

func TestWarningsDoNotSpoilAResult(t *testing.T) {
	for _, c := range []struct {
		codes []audit.Code
		want  audit.Status
	}{
		{nil, audit.OK},
		{[]audit.Code{audit.CodeUnreceipted, audit.CodeSkew}, audit.OK},
		{[]audit.Code{audit.CodeUnreceipted, audit.CodeUnwitnessed}, audit.Incomplete},
		{[]audit.Code{audit.CodeUnwitnessed, audit.CodeSeq}, audit.Findings},
	} {
		var list []audit.Finding
		for _, code := range c.codes {
			list = append(list, audit.Finding{Code: code})
		}
		if got := audit.Judge(list); got != c.want {
			t.Errorf("%v: %s, want %s", c.codes, got, c.want)
		}
	}
	if s := fmt.Sprint(audit.NoAssurance, audit.A3); s != "- A3" {
		t.Error(s)
	}
}

// An operator signs a message anew and the whole history with it. Honest witnesses refuse the head; if all of them colluded, the peer's receipt
// would still be for what was sent.
func TestHistorySignedAnewIsFoundEvenIfAllWitnessesCollude(t *testing.T) {
	w := honest(t)
	rs := w.Country("RS")
	h := rs.Log.Copy()
	i := h.Find("msg", isMsg(translog.Out))[0]
	w.Reissue(rs, h, i, func(m *rogatoryv1.Message) { m.SubmittedMs++ })
	h.Resign()
	if pairs := w.Show(h, "BG", "GR"); len(pairs) > 0 {
		t.Fatalf("%d witnesses cosigned two histories", len(pairs))
	}
	res := verify(t, w, w.ArchiveOf(rs, h, t.TempDir()+"/RS.zip"), 2)
	if !has(res, audit.CodeUnwitnessed) || !has(res, audit.CodeRcptOther) {
		dump(t, res)
		t.Error("without witnesses it was not found")
	}
	w.Cosign(h, w.Collude(h, "BG", "GR"))
	res = verify(t, w, w.ArchiveOf(rs, h, t.TempDir()+"/RS.zip"), 2)
	if has(res, audit.CodeUnwitnessed) || !has(res, audit.CodeRcptOther) {
		dump(t, res)
		t.Error("with witnesses who collude it was not found")
	}
}

// After a rollback peers give back what the log had lost; elsewhere first_at excuses nothing.
func TestOnlyARecoveryGivesMessagesBack(t *testing.T) {
	w := honest(t)
	rs := w.Country("RS")
	lost := rs.Log.Find("msg", isMsg(translog.Out))[1]
	w.Recover("RS", rs.Log.Size())
	back := rs.Closed[0].Entries[lost].Clone()
	m, err := envelope.ParseMessage(back.Sides["message"])
	if err != nil {
		t.Fatal(err)
	}
	l := back.Body.(*translog.Msg)
	l.FirstAt, l.ManifestVersion = int64(m.GetSubmittedMs()), int64(rs.Manifest.Version())
	i := rs.Log.Append(w.Now, l)
	rs.Log.Entries[i].Sides = back.Sides
	w.Round()
	res := verify(t, w, w.Archive("RS", t.TempDir()+"/RS.zip"), 2)
	if res.Status != audit.OK || has(res, audit.CodeSeq, audit.CodeTime) {
		dump(t, res)
		t.Errorf("given back: %s", res.Line())
	}

	h := rs.Closed[0].Copy()
	out := h.Find("msg", isMsg(translog.Out))
	h.Alter(out[1], func(e *forge.Entry) { e.Body.(*translog.Msg).FirstAt = int64(m.GetSubmittedMs()) })
	h.Delete(out[0]) // the gap that it should hide
	h.Resign()
	if res := verify(t, w, w.ArchiveOf(rs, h, t.TempDir()+"/RS.zip"), 2); !has(res, audit.CodeTime) {
		dump(t, res)
		t.Error("first_at in a log that follows none was taken")
	}
}
