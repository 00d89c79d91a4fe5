package replay_test

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/audit/replay"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func open(t testing.TB, path string) *archive.Reader {
	t.Helper()
	r, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func run(t testing.TB, w *forge.World, path string, o replay.Options) *replay.Result {
	t.Helper()
	a, err := audit.NewAnchor([][]byte{w.Trusted()})
	if err != nil {
		t.Fatal(err)
	}
	o.Anchor = a
	res, err := replay.Run(context.Background(), open(t, path), o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// days is a history of three countries with what ordinary days bring, in the log of RS.
func days(t testing.TB) (w *forge.World, asked, answered *forge.Message) {
	t.Helper()
	w = forge.New(t, "BG", "GR", "RS")
	w.Round()
	asked = w.Ask("RS", "BG")
	w.Ask("RS", "GR")
	answered = w.Ask("GR", "RS")
	w.Consult("RS", asked.Docket.GetCaseToken(), forge.Clerk, "investigation")
	w.Reply(asked)
	w.Sleep(25 * time.Hour)
	w.Register("RS", answered.Docket.GetCaseToken(), forge.First)
	w.Reply(answered)
	w.State("RS")
	w.Ask("RS", "GR")
	w.Round()
	return w, asked, answered
}

func TestHonestHistoryComesOutAgain(t *testing.T) {
	w, asked, _ := days(t)
	path := w.Archive("RS", filepath.Join(t.TempDir(), "RS"))
	var first *replay.Result
	for _, workers := range []int{1, 2, 7} {
		res := run(t, w, path, replay.Options{Workers: workers, Verify: true})
		for _, f := range res.Findings {
			t.Error(f)
		}
		if first == nil {
			first = res
		}
		if res.State != first.State || res.State.IsZero() || res.Cases != 4 {
			t.Errorf("%d workers: state %s of %d cases, %s before", workers, res.State, res.Cases, first.State)
		}
	}
	saved := first.Saved()
	if c, ok := saved.Case(asked.Docket.GetCaseToken()); !ok || c.State != exchange.NoInformation {
		t.Errorf("the case that was asked is %q, %v", c.State, ok)
	}
	one, err := replay.MarshalSaved(saved)
	if err != nil {
		t.Fatal(err)
	}
	size := open(t, path).Info().Size
	for cut := int64(0); cut <= size; cut += 3 {
		half := run(t, w, path, replay.Options{Size: max(cut, 1), Workers: 2})
		if len(half.Findings) != 0 {
			t.Fatalf("up to %d: %v", cut, half.Findings)
		}
		b, err := replay.MarshalSaved(half.Saved())
		if err != nil {
			t.Fatal(err)
		}
		from, err := replay.ParseSaved(b)
		if err != nil {
			t.Fatal(err)
		}
		rest := run(t, w, path, replay.Options{From: from, Workers: 2, Verify: true})
		if again, _ := replay.MarshalSaved(rest.Saved()); !bytes.Equal(one, again) || rest.State != first.State || len(rest.Findings) != 0 {
			t.Fatalf("from a state saved at %d: another end; %v", cut, rest.Findings)
		}
	}
}

func TestPastStateIsThatOfItsTime(t *testing.T) {
	w, asked, _ := days(t)
	path := w.Archive("RS", filepath.Join(t.TempDir(), "RS"))
	log := w.Country("RS").Log
	reply := log.Find("case", func(e translog.Entry) bool { return e.(*translog.Case).Event == "arrived.reply.final" })[0]
	res := run(t, w, path, replay.Options{Until: log.Entries[reply].At})
	if c, ok := res.Saved().Case(asked.Docket.GetCaseToken()); !ok || c.State == exchange.NoInformation || res.At >= log.Entries[reply].At {
		t.Errorf("before the reply the case is %q", c.State)
	}
	res = run(t, w, path, replay.Options{Size: int64(reply) + 1})
	if c, ok := res.Saved().Case(asked.Docket.GetCaseToken()); !ok || c.State != exchange.NoInformation {
		t.Errorf("after the reply the case is %q", c.State)
	}
}

func event(name string) func(translog.Entry) bool {
	return func(e translog.Entry) bool { return e.(*translog.Case).Event == name }
}

// behind puts another assertion behind an entry.
func behind(t *testing.T, e *forge.Entry, a *rogatoryv1.Assertion) {
	t.Helper()
	digest, err := federation.AssertionDigest(a)
	if err != nil {
		t.Fatal(err)
	}
	b, err := envelope.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	e.Sides["assertion"] = b
	switch k := e.Body.(type) {
	case *translog.Case:
		k.Assertion = digest
	case *translog.Op:
		k.Assertion = digest
	}
}

// act returns the act behind an entry.
func act(t *testing.T, e *forge.Entry) (*rogatoryv1.Assertion, *rogatoryv1.Act) {
	t.Helper()
	a := new(rogatoryv1.Assertion)
	if err := envelope.StrictUnmarshal(e.Sides["assertion"], a, 1<<20); err != nil {
		t.Fatal(err)
	}
	x, err := federation.ParseAct(a.GetAct())
	if err != nil {
		t.Fatal(err)
	}
	return a, x
}

// redocket gives a local step another docket.
func redocket(t *testing.T, e *forge.Entry, change func(*rogatoryv1.Docket)) {
	t.Helper()
	b := e.Sides["docket"]
	d := new(rogatoryv1.Docket)
	if err := envelope.StrictUnmarshal(b[32:], d, 1<<20); err != nil {
		t.Fatal(err)
	}
	change(d)
	raw, err := envelope.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	e.Sides["docket"] = append(slices.Clone(b[:32]), raw...)
	e.Body.(*translog.Case).Docket = envelope.Commit(envelope.Salt(b[:32]), envelope.Docket, raw)
}

// Every lie is told by the operator, who holds all keys of the country but those of its officers, and signs the history anew.
func TestEachLieIsFound(t *testing.T) {
	type lie struct {
		name string
		code audit.Code
		tell func(t *testing.T, w *forge.World, c *forge.Country)
	}
	first := func(c *forge.Country, kind string, fit ...func(translog.Entry) bool) int {
		return c.Log.Find(kind, fit...)[0]
	}
	lies := []lie{
		{"a step that the state does not allow", audit.CodeTrans, func(t *testing.T, w *forge.World, c *forge.Country) {
			i := first(c, "case", event("register"))
			again := c.Log.Entries[i].Clone()
			_, x := act(t, again)
			behind(t, again, signedWith(t, c, forge.First, x, bytes.Repeat([]byte{7}, 16)))
			c.Log.Insert(i+1, again)
		}},
		{"another state after a step", audit.CodeState, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "case", event("arrived.reply.final")), func(e *forge.Entry) { e.Body.(*translog.Case).ToState = "answered" })
		}},
		{"another state before a step", audit.CodeState, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "case", event("arrived.reply.final")), func(e *forge.Entry) { e.Body.(*translog.Case).FromState = "sent" })
		}},
		{"a limit that was moved", audit.CodeDeadline, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "case", event("arrived.request")), func(e *forge.Entry) { e.Body.(*translog.Case).Due += 3_600_000 })
		}},
		{"a clock that was moved in a snapshot", audit.CodeDeadline, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "state"), func(e *forge.Entry) {
				list, err := exchange.ParseSnapshot(e.Sides["snapshot"])
				if err != nil {
					t.Fatal(err)
				}
				for i := range list {
					k, err := exchange.Decode(list[i].Body)
					if err != nil {
						t.Fatal(err)
					}
					k.Clock.Start += 60_000
					list[i].Body = k.Encode()
					list[i].Hash = k.Hash()
				}
				s := e.Body.(*translog.State)
				s.State, s.Snapshot = exchange.FoldState([32]byte{}, list), exchange.SnapshotDigest(list)
				e.Sides["snapshot"] = exchange.EncodeSnapshot(list)
			})
		}},
		{"another state of all cases", audit.CodeState, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "state"), func(e *forge.Entry) { e.Body.(*translog.State).State[3] ^= 1 })
		}},
		{"an approval by the drafter", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			i := first(c, "case", event("approve"))
			_, x := act(t, c.Log.Entries[i])
			x.Actor = forge.First
			a := c.Sign(forge.First, x)
			c.Log.Alter(i, func(e *forge.Entry) {
				redocket(t, e, func(d *rogatoryv1.Docket) { d.Actor = forge.First })
				behind(t, e, a)
			})
			c.Log.Alter(i+1, func(e *forge.Entry) { behind(t, e, a) })
		}},
		{"an approval without assertion", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "case", event("approve")), func(e *forge.Entry) {
				delete(e.Sides, "assertion")
				e.Body.(*translog.Case).Assertion = translog.Hash{}
			})
		}},
		{"a forged signature of an officer", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			i := first(c, "case", event("register"))
			c.Log.Alter(i, func(e *forge.Entry) {
				a, _ := act(t, e)
				a.Signature[5] ^= 1
				behind(t, e, a)
			})
		}},
		{"an assertion that was used before", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			i := first(c, "op")
			c.Log.Insert(i+1, c.Log.Entries[i].Clone())
		}},
		{"a nonce that was used before", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			_, used := act(t, c.Log.Entries[first(c, "op")])
			c.Log.Alter(first(c, "case", event("approve")), func(e *forge.Entry) {
				_, x := act(t, e)
				a := signedWith(t, c, forge.Second, x, used.GetNonce())
				behind(t, e, a)
			})
		}},
		{"an officer of no register", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "case", event("register")), func(e *forge.Entry) {
				_, x := act(t, e)
				behind(t, e, w.Country("BG").Sign(forge.First, x))
			})
		}},
		{"an act for something else", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "case", event("register")), func(e *forge.Entry) {
				behind(t, e, c.Sign(forge.First, &rogatoryv1.Act{
					Verb: rogatoryv1.Verb_VERB_REGISTER, CaseToken: "RS-2026-000999", Actor: forge.First,
				}))
			})
		}},
		{"an act of long ago", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			i := first(c, "case", event("register"))
			c.Log.Alter(i, func(e *forge.Entry) {
				_, x := act(t, e)
				b, err := federation.NewAct(x, [16]byte{9}, time.UnixMilli(e.At-3_600_000))
				if err != nil {
					t.Fatal(err)
				}
				a, err := federation.SignAct(b, c.Officers[forge.First])
				if err != nil {
					t.Fatal(err)
				}
				behind(t, e, a)
			})
		}},
		{"a unit that the officer is not in", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "case", event("register")), func(e *forge.Entry) {
				redocket(t, e, func(d *rogatoryv1.Docket) { d.FromUnit = "navy" })
			})
		}},
		{"a right that the officer does not have", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			i := first(c, "case", event("approve"))
			_, x := act(t, c.Log.Entries[i])
			x.Actor = forge.Clerk
			a := c.Sign(forge.Clerk, x)
			for _, at := range []int{i, i + 1} {
				c.Log.Alter(at, func(e *forge.Entry) { behind(t, e, a) })
			}
		}},
		{"a decision to answer that the rules do not give", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "case", event("arrived.request")), func(e *forge.Entry) { e.Body.(*translog.Case).Decision = "answer" })
		}},
		{"a rule that does not decide", audit.CodeState, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "case", event("arrived.request")), func(e *forge.Entry) { e.Body.(*translog.Case).Rule = "another" })
		}},
		{"no decision", audit.CodeState, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "case", event("arrived.request")), func(e *forge.Entry) {
				k := e.Body.(*translog.Case)
				k.Rule, k.Decision, k.Policy, k.Manifest = "", "", translog.Hash{}, 0
			})
		}},
		{"a policy that is not in force", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "case", event("arrived.request")), func(e *forge.Entry) { e.Body.(*translog.Case).Policy[0] ^= 1 })
		}},
		{"a reading without justification", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "op"), func(e *forge.Entry) {
				delete(e.Sides, "assertion")
				e.Body.(*translog.Op).Assertion = translog.Hash{}
			})
		}},
		{"a reading for another reason than was signed", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "op"), func(e *forge.Entry) { e.Body.(*translog.Op).Why = "curiosity" })
		}},
		{"a tombstone of nobody", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			of := c.Log.Entries[first(c, "msg")].Body.(*translog.Msg).Msg
			c.Log.Append(w.Now, &translog.Erase{Basis: "none", By: "operator", Of: []translog.Hash{of}, OfCount: 1, What: []string{"content"}})
		}},
		{"dockets destroyed before the end of their term", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			i := first(c, "msg")
			of := c.Log.Entries[i].Body.(*translog.Msg).Msg
			c.Log.Append(w.Now, &translog.Erase{Basis: "docket-term.3-years", By: "docket-term", Of: []translog.Hash{of}, OfCount: 1, What: []string{"docket"}})
		}},
		{"a docket destroyed without a tombstone", audit.CodeMissing, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "msg"), func(e *forge.Entry) { delete(e.Sides, "docket") })
		}},
		{"a receipt's step without the receipt", audit.CodeRcptMissing, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Delete(first(c, "rcpt"))
		}},
		{"a receipt that was hidden from its case", audit.CodeState, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Delete(first(c, "case", event("received")))
		}},
		{"a step without its message", audit.CodeTrans, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Delete(c.Log.Find("msg", func(e translog.Entry) bool { return e.(*translog.Msg).Dir == translog.In })[0])
		}},
		{"a message that was hidden from its case", audit.CodeState, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Delete(first(c, "case", event("arrived.reply.final")))
		}},
		{"a case that the clock closed before its time", audit.CodeDeadline, func(t *testing.T, w *forge.World, c *forge.Country) {
			i := first(c, "case", event("arrived.reply.final"))
			k := c.Log.Entries[i].Clone()
			b := append(make([]byte, 32), mustMarshal(t, &rogatoryv1.Docket{CaseToken: k.Body.(*translog.Case).Case})...)
			k.Sides = map[string][]byte{"docket": b}
			k.Body = &translog.Case{
				Case: k.Body.(*translog.Case).Case, Event: "close", FromState: "no-information", ToState: "closed",
				Docket: envelope.Commit(envelope.Salt(b[:32]), envelope.Docket, b[32:]),
			}
			c.Log.Insert(i+1, k)
		}},
		{"an enrolment that nobody signed", audit.CodeRight, func(t *testing.T, w *forge.World, c *forge.Country) {
			c.Log.Alter(first(c, "actor"), func(e *forge.Entry) {
				p := new(rogatoryv1.Enrolment)
				if err := envelope.StrictUnmarshal(e.Sides["enrolment"], p, 1<<20); err != nil {
					t.Fatal(err)
				}
				p.Assertions[0].Signature[0] ^= 1
				e.Sides["enrolment"] = mustMarshal(t, p)
			})
		}},
	}
	for _, l := range lies {
		t.Run(l.name, func(t *testing.T) {
			w, _, _ := days(t)
			c := w.Country("RS")
			l.tell(t, w, c)
			c.Log.Resign()
			path := w.Archive("RS", filepath.Join(t.TempDir(), "RS"))
			one, two := run(t, w, path, replay.Options{Workers: 1}), run(t, w, path, replay.Options{Workers: 2})
			if !slices.Equal(one.Findings, two.Findings) || one.State != two.State {
				t.Errorf("two workers find something else than one:\n%v\n%v", one.Findings, two.Findings)
			}
			if one.Status != audit.Findings || !slices.ContainsFunc(one.Findings, func(f audit.Finding) bool { return f.Code == l.code }) {
				t.Errorf("%s: wanted %s, found %v", one.Status, l.code, one.Findings)
			}
		})
	}
}

func mustMarshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := envelope.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// signedWith is an act signed with a nonce of the forger's choice: the officer is in it.
func signedWith(t *testing.T, c *forge.Country, who string, x *rogatoryv1.Act, nonce []byte) *rogatoryv1.Assertion {
	t.Helper()
	b, err := federation.NewAct(x, [16]byte(nonce), time.UnixMilli(int64(x.GetAtMs())))
	if err != nil {
		t.Fatal(err)
	}
	a, err := federation.SignAct(b, c.Officers[who])
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestDecisionsAreJudgedByTheManifestOfTheirTimeHoweverManyCome(t *testing.T) {
	w := forge.New(t, "GR", "RS")
	for range 80 { // more than are remembered
		w.Sleep(25 * time.Hour)
		w.Ask("GR", "RS")
	}
	w.Round()
	path := w.Archive("RS", filepath.Join(t.TempDir(), "RS"))
	for _, workers := range []int{1, 2} {
		if res := run(t, w, path, replay.Options{Workers: workers}); len(res.Findings) != 0 {
			t.Errorf("%d workers: %d findings, %v", workers, len(res.Findings), res.Findings[0])
		}
	}
}
