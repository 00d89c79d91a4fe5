package replay_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/audit/replay"
	"github.com/rogatory/rogatory/node/exchange"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const day = 24 * time.Hour

// A desk is what people did in the log of RS, lawfully.
type desk struct {
	t *testing.T
	w *forge.World
	c *forge.Country
	h *forge.History // to lie in

	erased      *forge.Message // a case that lived from its request to the end of the term of its dockets
	item        *forge.Message // of which one message was erased, after a hold was lifted
	kept        *forge.Message // on hold to the end
	handed      *forge.Message // handed to another unit and given to an officer before
	shown       *forge.Message // whose attachment its recipient has fetched
	notice      *forge.Message
	alone       *forge.Message // on danger to life, ratified in time
	approved    *forge.Message
	closed      *forge.Message // of which all messages were erased one by one, after it was closed; on hold for a while
	erasedEarly *forge.Message // erased by the sender
	reviewed    *forge.Message // reviewed and erased; its dockets are there

	again int // how often somebody has signed anew
}

// acts is a history in which each act that replay judges is done as it must be.
func acts(t *testing.T) *desk {
	t.Helper()
	w := forge.New(t, "BG", "GR", "RS")
	d := &desk{t: t, w: w, c: w.Country("RS")}
	w.Round()

	d.erased = w.Ask("RS", "BG")
	w.Reply(d.erased)

	d.reviewed = w.Ask("RS", "GR")
	w.Reply(d.reviewed)
	d.item = w.Ask("BG", "RS")
	w.Register("RS", d.item.Docket.GetCaseToken(), forge.First)
	w.Reply(d.item)
	w.Hold("RS", d.item.Docket.GetCaseToken(), true)
	w.Consult("RS", d.item.Docket.GetCaseToken(), forge.First, "court")
	w.Hold("RS", d.item.Docket.GetCaseToken(), false)
	w.EraseItem("RS", d.item)

	d.closed = w.Ask("BG", "RS")
	closed := d.closed.Docket.GetCaseToken()
	w.EraseItem("RS", w.Reply(d.closed))
	w.EraseItem("RS", d.closed)
	d.erasedEarly = w.Ask("RS", "GR")
	w.EraseItem("RS", d.erasedEarly)

	d.kept = w.Ask("GR", "RS")
	w.Hold("RS", d.kept.Docket.GetCaseToken(), true)

	d.handed = w.Ask("GR", "RS")
	w.Assign("RS", d.handed.Docket.GetCaseToken(), forge.First, forge.Second)
	w.Forward("RS", d.handed.Docket.GetCaseToken(), forge.Second, "navy")

	d.shown = w.Ask("RS", "GR")
	w.Fetch(d.shown)
	d.notice = w.Notify("RS", "GR")
	w.Deliver(d.notice)
	w.Receipt(d.notice)
	d.alone = d.breakGlass()
	w.Sleep(3 * time.Hour)
	w.Ratify(d.alone, forge.Second)
	d.approved = w.Ask("RS", "BG")

	w.Sleep(91 * day)
	token := d.erased.Docket.GetCaseToken()
	w.Close("RS", token)
	w.Close("RS", closed)
	w.Hold("RS", closed, true)
	w.Hold("RS", closed, false)
	w.Sleep(184 * day)
	w.Review("RS", token)
	w.EraseCase("RS", token)
	w.Close("RS", d.reviewed.Docket.GetCaseToken())
	w.Sleep(184 * day)
	w.Review("RS", d.reviewed.Docket.GetCaseToken())
	w.EraseCase("RS", d.reviewed.Docket.GetCaseToken())
	w.State("RS")
	w.Sleep(3 * 366 * day)
	w.Expire("RS", token)
	w.Expire("RS", closed)
	w.Ask("RS", "BG")
	w.State("RS")
	w.Round()
	return d
}

// breakGlass sends a request on danger to life, by one officer.
func (d *desk) breakGlass() *forge.Message {
	q := forge.Request(rogatoryv1.Urgency_URGENCY_THREAT_LIFE)
	q.CaseToken, q.BreakGlass = d.w.NewToken("RS"), true
	m := d.w.Alone("RS", "BG", q, forge.First)
	d.w.Submit("", m)
	d.w.Deliver(m)
	d.w.Receipt(m)
	return m
}

// at finds the step of a case; the index of the first.
func (d *desk) at(m *forge.Message, event string) int {
	d.t.Helper()
	list := d.h.Find("case", func(e translog.Entry) bool {
		k := e.(*translog.Case)
		return k.Case == m.Docket.GetCaseToken() && k.Event == event
	})
	if len(list) == 0 {
		d.t.Fatalf("no %s", event)
	}
	return list[0]
}

// op finds a line of the statutory log about a case.
func (d *desk) op(m *forge.Message, verb string) int {
	d.t.Helper()
	list := d.h.Find("op", func(e translog.Entry) bool {
		k := e.(*translog.Op)
		return k.Case == m.Docket.GetCaseToken() && k.Verb == verb
	})
	if len(list) == 0 {
		d.t.Fatalf("no %s", verb)
	}
	return list[0]
}

func (d *desk) tomb(what string) int {
	d.t.Helper()
	list := d.h.Find("erase", func(e translog.Entry) bool { return slices.Contains(e.(*translog.Erase).What, what) })
	if len(list) == 0 {
		d.t.Fatalf("no tombstone of %s", what)
	}
	return list[0]
}

// sign has an officer sign another act in the place of the one behind a leaf, as of the time of that leaf.
func (d *desk) sign(i int, who string, change func(*rogatoryv1.Act)) {
	d.t.Helper()
	d.h.Alter(i, func(e *forge.Entry) {
		_, x := act(d.t, e)
		x.Actor, x.AtMs = who, uint64(e.At)
		change(x)
		d.again++
		behind(d.t, e, signedWith(d.t, d.c, who, x, fmt.Appendf(nil, "another nonce%03d", d.again)))
	})
}

// unsign takes the assertion away.
func (d *desk) unsign(i int) {
	d.h.Alter(i, func(e *forge.Entry) {
		delete(e.Sides, "assertion")
		switch k := e.Body.(type) {
		case *translog.Case:
			k.Assertion = translog.Hash{}
		case *translog.Op:
			k.Assertion = translog.Hash{}
		}
	})
}

// blank puts a leaf that says nothing into the place of others, so that all that follows stays where it was.
func (d *desk) blank(indexes ...int) {
	for _, i := range indexes {
		d.h.Entries[i] = &forge.Entry{At: d.h.Entries[i].At, Body: &translog.Node{Event: translog.NodeStart, Program: "x"}}
	}
}

// signBoth puts one act behind two leaves.
func (d *desk) signBoth(i, j int, who string, change func(*rogatoryv1.Act)) {
	d.sign(i, who, change)
	a, _ := act(d.t, d.h.Entries[i])
	d.h.Alter(j, func(e *forge.Entry) { behind(d.t, e, a) })
}

// early lets a leaf, and what stands before it since, be so much earlier.
func (d *desk) early(i int, by time.Duration) {
	at := d.h.Entries[i].At - by.Milliseconds()
	d.h.Alter(i, func(e *forge.Entry) { e.At = at })
	for i--; d.h.Entries[i].At > at; i-- {
		d.h.Alter(i, func(e *forge.Entry) { e.At = at })
	}
}

// resend has an officer send a message with another docket, which has no receipt.
func (d *desk) resend(m *forge.Message, change func(*rogatoryv1.Docket)) {
	d.t.Helper()
	i := d.h.Find("msg", func(e translog.Entry) bool { return e.(*translog.Msg).Msg == translog.Hash(m.Name) })[0]
	received := d.at(m, "received")
	d.blank(received-1, received)
	b := d.h.Entries[i].Sides["docket"]
	x := proto.CloneOf(m.Docket)
	change(x)
	raw := mustMarshal(d.t, x)
	commit := envelope.Commit(envelope.Salt(b[:32]), envelope.Docket, raw)
	d.w.Reissue(d.c, d.h, i, func(p *rogatoryv1.Message) { p.DocketCommit = commit[:] })
	d.h.Alter(i, func(e *forge.Entry) { e.Sides["docket"] = append(slices.Clone(b[:32]), raw...) })
	d.alter(i+1, func(k *translog.Case) { k.Docket = commit })
	d.sign(i+1, m.Docket.GetActor(), func(a *rogatoryv1.Act) { a.Targets[0].DocketCommit = commit[:] })
}

// insert puts in a leaf, and lets those that say where they stand say it again.
func (d *desk) insert(i int, e *forge.Entry) {
	d.h.Insert(i, e)
	for _, j := range d.h.Find("state") {
		d.h.Alter(j, func(e *forge.Entry) { e.Body.(*translog.State).Size = int64(j) })
	}
}

// holdInstead has an officer put the case on hold, in the place of another leaf.
func (d *desk) holdInstead(m *forge.Message, i int) {
	hold := d.h.Entries[d.at(d.kept, "hold")].Clone()
	k := hold.Body.(*translog.Case)
	state := d.h.Entries[d.at(m, "review")].Body.(*translog.Case).ToState
	k.Case, k.FromState, k.ToState, k.Due = m.Docket.GetCaseToken(), state, state, 0
	hold.At = d.h.Entries[i].At
	d.insert(i+1, hold)
	d.docket(i+1, func(x *rogatoryv1.Docket) { x.CaseToken = k.Case })
	d.sign(i+1, forge.First, func(x *rogatoryv1.Act) { x.CaseToken = k.Case })
}

// step writes the local docket of a step anew, as its drafter may be somebody else now.
func (d *desk) docket(i int, change func(*rogatoryv1.Docket)) {
	d.h.Alter(i, func(e *forge.Entry) { redocket(d.t, e, change) })
}

func (d *desk) alter(i int, change func(*translog.Case)) {
	d.h.Alter(i, func(e *forge.Entry) { change(e.Body.(*translog.Case)) })
}

// codes are those of a list of findings, each once, in order.
func codes(list []audit.Finding) string {
	set := map[string]bool{}
	for _, f := range list {
		set[string(f.Code)] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(set)), " ")
}

// audited replays what RS shows, and reports the codes of what was found.
func (d *desk) audited(path string) (string, *replay.Result) {
	d.t.Helper()
	d.h.Resign()
	d.w.ArchiveOf(d.c, d.h, path)
	one, two := run(d.t, d.w, path, replay.Options{Workers: 1}), run(d.t, d.w, path, replay.Options{Workers: 2})
	if !slices.Equal(one.Findings, two.Findings) || one.State != two.State {
		d.t.Errorf("two workers find something else than one:\n%v\n%v", one.Findings, two.Findings)
	}
	return codes(one.Findings), one
}

// TestWhatPeopleDoIsLawfulOrFound has one lawful history, in which nothing is found, and in each case one thing in it that the law does not allow.
func TestWhatPeopleDoIsLawfulOrFound(t *testing.T) {
	base := acts(t)
	path := base.w.Archive("RS", filepath.Join(t.TempDir(), "RS"))
	if res := run(t, base.w, path, replay.Options{Verify: true}); len(res.Findings) != 0 || len(res.Flags) != 0 {
		t.Fatalf("found in the lawful history: %v, %v", res.Findings, res.Flags)
	}
	lies := []struct {
		name, finds string
		tell        func(d *desk)
	}{
		// Legal hold.
		{"a message erased while its case is on hold", "E-RIGHT E-STATE", func(d *desk) { d.blank(d.at(d.item, "release")) }},
		{"a hold lifted by nobody", "E-RIGHT E-STATE", func(d *desk) { d.unsign(d.at(d.item, "release")) }},
		{"a hold lifted by somebody without the right", "E-RIGHT", func(d *desk) {
			i := d.at(d.item, "release")
			d.docket(i, func(x *rogatoryv1.Docket) { x.Actor = forge.Clerk })
			d.sign(i, forge.Clerk, func(*rogatoryv1.Act) {})
		}},
		{"a case put on hold by somebody without the right", "E-RIGHT", func(d *desk) {
			i := d.at(d.kept, "hold")
			d.docket(i, func(x *rogatoryv1.Docket) { x.Actor = forge.Clerk })
			d.sign(i, forge.Clerk, func(*rogatoryv1.Act) {})
		}},
		{"a hold of another case", "E-RIGHT", func(d *desk) {
			d.sign(d.at(d.kept, "hold"), forge.First, func(x *rogatoryv1.Act) { x.CaseToken = d.item.Docket.GetCaseToken() })
		}},
		{"a case that is reviewed, erased while it is on hold", "E-RIGHT E-STATE", func(d *desk) { d.holdInstead(d.reviewed, d.at(d.reviewed, "propose-erase")-1) }},
		{"a case put on hold between two people who erase it", "E-RIGHT E-STATE", func(d *desk) { d.holdInstead(d.reviewed, d.at(d.reviewed, "propose-erase")) }},
		{"dockets destroyed while their case is on hold", "E-RIGHT", func(d *desk) { d.blank(d.at(d.closed, "release")) }},

		// Erasure.
		{"a message erased by one person", "E-RIGHT E-STATE", func(d *desk) {
			for i := d.at(d.item, "erase-item"); i < d.at(d.item, "erase-item")+2; i++ {
				d.sign(i, forge.First, func(*rogatoryv1.Act) {})
			}
			d.docket(d.at(d.item, "erase-item"), func(x *rogatoryv1.Docket) { x.Actor = forge.First })
		}},
		{"a message erased that nobody has proposed to erase", "E-RIGHT E-STATE", func(d *desk) { d.blank(d.at(d.item, "propose-erase-item")) }},
		{"a case erased by one person", "E-RIGHT E-STATE", func(d *desk) {
			i := d.at(d.reviewed, "erase")
			d.docket(i, func(x *rogatoryv1.Docket) { x.Actor = forge.First })
			d.sign(i, forge.First, func(*rogatoryv1.Act) {})
			d.sign(i+1, forge.First, func(*rogatoryv1.Act) {})
		}},
		{"a case erased that nobody has proposed to erase", "E-RIGHT E-STATE", func(d *desk) { d.blank(d.at(d.reviewed, "propose-erase")) }},
		{"a case erased before it was reviewed", "E-STATE E-TRANS", func(d *desk) { d.blank(d.at(d.reviewed, "review")) }},
		{"a case reviewed before its time", "E-DEADLINE", func(d *desk) { d.early(d.at(d.reviewed, "review"), 10*day) }},
		{"a case erased by somebody without the right", "E-MISSING E-RIGHT", func(d *desk) {
			i := d.at(d.reviewed, "erase")
			d.docket(i, func(x *rogatoryv1.Docket) { x.Actor = forge.Clerk })
			d.sign(i, forge.Clerk, func(*rogatoryv1.Act) {})
			d.sign(i+1, forge.Clerk, func(*rogatoryv1.Act) {})
		}},
		{"a message erased for which another one was signed", "E-MISSING E-RIGHT", func(d *desk) {
			i := d.at(d.item, "erase-item")
			other := d.handed.Name
			d.sign(i, forge.Second, func(x *rogatoryv1.Act) { x.Subject = other[:] })
		}},
		{"a case erased for which a message was signed", "E-MISSING E-RIGHT", func(d *desk) {
			i, other := d.at(d.reviewed, "erase"), d.reviewed.Name
			d.sign(i, forge.Second, func(x *rogatoryv1.Act) { x.Subject = other[:] })
		}},
		{"a message erased before its recipient has receipted it", "E-DEADLINE E-RIGHT E-STATE", func(d *desk) { d.blank(d.at(d.erasedEarly, "received"), d.at(d.erasedEarly, "received")-1) }},
		{"a step that erases without its tombstone", "E-MISSING", func(d *desk) { d.blank(d.tomb("content")) }},
		{"a tombstone over a message of another case", "E-MISSING E-RIGHT", func(d *desk) {
			d.h.Alter(d.tomb("content"), func(e *forge.Entry) {
				e.Body.(*translog.Erase).Of[0] = translog.Hash(d.reviewed.Name)
			})
		}},
		{"a tombstone over a message that is not here", "E-MISSING E-RIGHT", func(d *desk) {
			d.h.Alter(d.tomb("content"), func(e *forge.Entry) { e.Body.(*translog.Erase).Of[0][0] ^= 1 })
		}},
		{"a tombstone that leaves out a message of the case that was erased", "E-MISSING", func(d *desk) {
			i := d.at(d.reviewed, "erase") + 1
			d.h.Alter(i, func(e *forge.Entry) {
				k := e.Body.(*translog.Erase)
				k.Of, k.OfCount = k.Of[1:], k.OfCount-1
			})
		}},
		{"a tombstone whose step is another one", "E-MISSING E-RIGHT", func(d *desk) {
			d.h.Alter(d.tomb("content"), func(e *forge.Entry) { e.Body.(*translog.Erase).Assertion[3] ^= 1 })
		}},
		{"erased as after a restored backup, which nobody has restored", "E-MISSING E-RIGHT", func(d *desk) {
			d.h.Alter(d.tomb("content"), func(e *forge.Entry) {
				k := e.Body.(*translog.Erase)
				k.By, k.Basis, k.Assertion = "restore", "restore", translog.Hash{}
				delete(e.Sides, "assertion")
			})
		}},

		// Terms of dockets.
		{"dockets destroyed a year before the end of their term", "E-RIGHT", func(d *desk) { d.early(d.tomb("docket"), 366*day) }},
		{"dockets destroyed two years before the end of their term, and nothing left to say when it began", "E-RIGHT W-UNKNOWN", func(d *desk) {
			for _, i := range d.h.Find("state") {
				d.blank(i)
			}
			d.early(d.tomb("docket"), 2*366*day)
		}},
		{"dockets destroyed in their term, and no later state of their case", "W-UNKNOWN", func(d *desk) {
			for _, i := range d.h.Find("state") {
				d.blank(i)
			}
		}},
		{"dockets destroyed and another case in the snapshot", "E-STATE W-UNKNOWN", func(d *desk) {
			d.h.Alter(d.h.Find("state")[0], func(e *forge.Entry) {
				list, err := exchange.ParseSnapshot(e.Sides["snapshot"])
				if err != nil {
					d.t.Fatal(err)
				}
				for i := range list {
					if list[i].Body == nil {
						list[i].Hash[0] ^= 1
					}
				}
				e.Sides["snapshot"] = exchange.EncodeSnapshot(list)
			})
		}},
		{"a local docket destroyed without a tombstone", "E-MISSING", func(d *desk) {
			d.h.Alter(d.at(d.handed, "forward"), func(e *forge.Entry) { delete(e.Sides, "docket") })
		}},

		// What is seen of a case whose dockets are gone.
		{"a case erased by one person, and its dockets destroyed since", "E-RIGHT", func(d *desk) {
			i := d.at(d.erased, "erase")
			d.signBoth(i, i+1, forge.First, func(*rogatoryv1.Act) {})
		}},
		{"a case erased by nobody, and its dockets destroyed since", "E-RIGHT", func(d *desk) { d.unsign(d.at(d.erased, "erase")) }},
		{"a case erased that nobody has proposed to erase, and its dockets destroyed since", "E-RIGHT", func(d *desk) { d.blank(d.at(d.erased, "propose-erase")) }},
		{"a hold lifted by somebody without the right, and the dockets destroyed since", "E-RIGHT", func(d *desk) {
			d.sign(d.at(d.closed, "release"), forge.Clerk, func(*rogatoryv1.Act) {})
		}},

		{"a case erased on hold, and its dockets destroyed since", "E-RIGHT E-STATE", func(d *desk) { d.holdInstead(d.erased, d.at(d.erased, "propose-erase")-1) }},
		{"a message taken out of the log, and its docket destroyed since", "E-RIGHT E-TRANS", func(d *desk) {
			d.blank(d.h.Find("msg", func(e translog.Entry) bool { return e.(*translog.Msg).Msg == translog.Hash(d.erased.Name) })[0])
		}},
		{"a receipt taken out of the log, and the dockets destroyed since", "E-RCPT-MISSING", func(d *desk) { d.blank(d.at(d.erased, "received") - 1) }},
		{"a step of no kind, and its docket destroyed since", "E-RIGHT E-TRANS", func(d *desk) {
			d.alter(d.at(d.erased, "propose-erase"), func(k *translog.Case) { k.Event = "read" })
		}},
		{"a step taken out of the log, and its docket destroyed since", "E-STATE", func(d *desk) { d.blank(d.at(d.erased, "close")) }},

		// Danger to life.
		{"sent alone where there is no danger to life", "E-RIGHT E-STATE E-TRANS", func(d *desk) {
			d.resend(d.alone, func(x *rogatoryv1.Docket) { x.Urgency = rogatoryv1.Urgency_URGENCY_NORMAL })
		}},
		{"sent alone, and not called danger to life", "E-RIGHT E-STATE E-TRANS", func(d *desk) {
			d.resend(d.alone, func(x *rogatoryv1.Docket) { x.BreakGlass = false })
		}},
		{"sent by one officer in the name of another", "E-DEADLINE E-RIGHT E-STATE", func(d *desk) {
			d.resend(d.alone, func(x *rogatoryv1.Docket) { x.Actor = forge.Second })
		}},
		{"ratified by the sender", "E-RIGHT E-STATE", func(d *desk) {
			i := d.at(d.alone, "ratify")
			d.docket(i, func(x *rogatoryv1.Docket) { x.Actor = forge.First })
			d.sign(i, forge.First, func(*rogatoryv1.Act) {})
		}},
		{"ratified for another message", "E-RIGHT", func(d *desk) {
			other := d.handed.Name
			d.sign(d.at(d.alone, "ratify"), forge.Second, func(x *rogatoryv1.Act) { x.Subject = other[:] })
		}},
		{"ratified twice", "E-STATE E-TRANS", func(d *desk) {
			i := d.at(d.alone, "ratify")
			d.insert(i+1, d.h.Entries[i].Clone())
			d.sign(i+1, forge.Second, func(*rogatoryv1.Act) {})
		}},

		// Handing over, disclosing, reading.
		{"handed over without a line in the statutory log", "E-RIGHT", func(d *desk) { d.blank(d.op(d.handed, translog.Transfer)) }},
		{"handed over without justification", "E-RIGHT", func(d *desk) { d.unsign(d.op(d.handed, translog.Transfer)) }},
		{"a line of handing over without its step", "E-RIGHT E-STATE", func(d *desk) { d.blank(d.at(d.handed, "forward")) }},
		{"handed over by nobody", "E-RIGHT E-STATE", func(d *desk) { d.unsign(d.at(d.handed, "forward")) }},
		{"handed over by somebody without the right", "E-RIGHT", func(d *desk) {
			i := d.at(d.handed, "forward")
			d.docket(i, func(x *rogatoryv1.Docket) { x.Actor = forge.Clerk })
			d.signBoth(i, i+1, forge.Clerk, func(*rogatoryv1.Act) {})
			d.h.Alter(i+1, func(e *forge.Entry) { e.Body.(*translog.Op).Who = forge.Clerk })
		}},
		{"handed to another unit than was signed", "E-RIGHT E-STATE", func(d *desk) {
			d.docket(d.at(d.handed, "forward"), func(x *rogatoryv1.Docket) { x.ToUnit = "army" })
		}},
		{"a line of handing over that names another unit", "E-RIGHT", func(d *desk) {
			d.h.Alter(d.op(d.handed, translog.Transfer), func(e *forge.Entry) { e.Body.(*translog.Op).Recipient = "RS/army" })
		}},
		{"a line of the statutory log in another's name", "E-RIGHT", func(d *desk) {
			d.h.Alter(d.op(d.handed, translog.Transfer), func(e *forge.Entry) { e.Body.(*translog.Op).Who = forge.First })
		}},
		{"given to another officer than was signed", "E-RIGHT", func(d *desk) {
			d.docket(d.at(d.handed, "assign"), func(x *rogatoryv1.Docket) { x.Actor = forge.Clerk })
		}},
		{"acted in by a unit that has handed the case over", "E-RIGHT E-STATE", func(d *desk) {
			i := d.at(d.handed, "assign")
			d.h.Swap(i, i+1)
			d.h.Swap(i+1, i+2)
		}},
		{"an attachment disclosed to a country that the message did not go to", "E-RIGHT", func(d *desk) {
			d.h.Alter(d.op(d.shown, translog.Disclose), func(e *forge.Entry) { e.Body.(*translog.Op).Recipient = "BG" })
		}},
		{"an attachment disclosed under another case", "E-RIGHT", func(d *desk) {
			d.h.Alter(d.op(d.shown, translog.Disclose), func(e *forge.Entry) { e.Body.(*translog.Op).Case = d.item.Docket.GetCaseToken() })
		}},
		{"an attachment disclosed by a person without justification", "E-RIGHT", func(d *desk) {
			d.h.Alter(d.op(d.shown, translog.Disclose), func(e *forge.Entry) { e.Body.(*translog.Op).Who = forge.First })
		}},
		{"a message disclosed as after a recovery to a country that did not send it", "E-RIGHT", func(d *desk) {
			d.h.Alter(d.op(d.shown, translog.Disclose), func(e *forge.Entry) {
				k := e.Body.(*translog.Op)
				k.Why, k.Case, k.Recipient = "recovery", "", "BG"
			})
		}},
		{"a notice that nobody has released", "E-RIGHT", func(d *desk) { d.blank(d.op(d.notice, translog.Disclose)) }},
		{"a notice released without justification", "E-RIGHT", func(d *desk) { d.unsign(d.op(d.notice, translog.Disclose)) }},
		{"a notice released by somebody without the right", "E-RIGHT", func(d *desk) {
			i := d.op(d.notice, translog.Disclose)
			d.sign(i, forge.Clerk, func(*rogatoryv1.Act) {})
			d.h.Alter(i, func(e *forge.Entry) { e.Body.(*translog.Op).Who = forge.Clerk })
		}},
		{"a notice approved by its drafter", "E-RIGHT", func(d *desk) {
			i := d.op(d.notice, translog.Disclose)
			d.sign(i, forge.First, func(*rogatoryv1.Act) {})
			d.h.Alter(i, func(e *forge.Entry) { e.Body.(*translog.Op).Who = forge.First })
		}},
		{"a notice released by one person", "E-RIGHT", func(d *desk) {
			i := d.op(d.notice, translog.Disclose)
			d.sign(i, forge.First, func(x *rogatoryv1.Act) { x.Verb = rogatoryv1.Verb_VERB_SEND })
			d.h.Alter(i, func(e *forge.Entry) { e.Body.(*translog.Op).Who = forge.First })
		}},
		{"a notice released by another than its docket names", "E-RIGHT", func(d *desk) {
			d.sign(d.op(d.notice, translog.Disclose), forge.Second, func(x *rogatoryv1.Act) { x.Verb = rogatoryv1.Verb_VERB_SEND })
		}},
		{"a notice for which another message was signed", "E-RIGHT", func(d *desk) {
			d.sign(d.op(d.notice, translog.Disclose), forge.Second, func(x *rogatoryv1.Act) { x.Targets[0].DocketCommit[0] ^= 1 })
		}},
		{"a notice released twice", "E-RIGHT E-STATE", func(d *desk) {
			i := d.op(d.notice, translog.Disclose)
			d.insert(i+1, d.h.Entries[i].Clone())
			d.sign(i+1, forge.Second, func(*rogatoryv1.Act) {})
		}},
		{"a notice disclosed to another country", "E-RIGHT", func(d *desk) {
			d.h.Alter(d.op(d.notice, translog.Disclose), func(e *forge.Entry) { e.Body.(*translog.Op).Recipient = "BG" })
		}},
		{"a reading without justification", "E-RIGHT", func(d *desk) { d.unsign(d.op(d.item, translog.Consult)) }},
		{"a reading of another case than was signed", "E-RIGHT", func(d *desk) {
			d.h.Alter(d.op(d.item, translog.Consult), func(e *forge.Entry) { e.Body.(*translog.Op).Case = d.kept.Docket.GetCaseToken() })
		}},
		{"a reading for which something else was signed", "E-RIGHT", func(d *desk) {
			i := d.op(d.item, translog.Consult)
			d.sign(i, forge.First, func(x *rogatoryv1.Act) { x.Verb = rogatoryv1.Verb_VERB_HOLD })
		}},
		{"a reading in the name of somebody who is on no register", "E-RIGHT", func(d *desk) {
			d.h.Alter(d.op(d.item, translog.Consult), func(e *forge.Entry) {
				_, x := act(d.t, e)
				behind(d.t, e, d.w.Country("BG").Sign(forge.First, x))
			})
		}},
	}
	for _, l := range lies {
		t.Run(l.name, func(t *testing.T) {
			d := *base
			d.t, d.h = t, base.c.Log.Copy()
			l.tell(&d)
			got, res := d.audited(filepath.Join(t.TempDir(), "RS"))
			if got != l.finds {
				for _, f := range res.Findings {
					t.Log(f)
				}
				t.Errorf("wanted %s, found %s", l.finds, got)
			}
		})
	}
}
