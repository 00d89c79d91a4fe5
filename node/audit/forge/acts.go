package forge

import (
	"slices"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/lint"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Restart stops and starts a country's node.
func (w *World) Restart(country string) {
	w.T.Helper()
	c := w.Country(country)
	w.tick()
	c.Log.Append(w.Now, &translog.Node{Event: translog.NodeStop, Program: program})
	w.tick()
	c.Log.Append(w.Now, &translog.Node{Event: translog.NodeStart, Program: program})
}

// EraseItem has two officers erase what a message says, in the country's own copy. Its receipt must be there, if it was sent.
func (w *World) EraseItem(country string, m *Message) {
	w.T.Helper()
	c, token := w.Country(country), m.Docket.GetCaseToken()
	var a *rogatoryv1.Assertion
	for _, x := range []struct {
		kind exchange.EventKind
		who  string
	}{{exchange.EventProposeEraseItem, First}, {exchange.EventEraseItem, Second}} {
		w.tick()
		a = c.Sign(x.who, &rogatoryv1.Act{
			Verb: rogatoryv1.Verb_VERB_ERASE, CaseToken: token, Actor: x.who, Subject: slices.Clone(m.Name[:]), Reason: "gdpr.17",
		})
		e := c.event(x.kind, x.who)
		e.Of = exchange.Name(m.Name)
		c.step(token, e, false, because{assertion: a, local: c.local(token, x.who)})
	}
	c.tombstone(&translog.Erase{Basis: "gdpr.17", By: Second, What: []string{"content"}, Of: []translog.Hash{translog.Hash(m.Name)}, OfCount: 1}, a)
}

func (c *Country) tombstone(leaf *translog.Erase, a *rogatoryv1.Assertion) {
	c.w.T.Helper()
	var err error
	leaf.Assertion, err = federation.AssertionDigest(a)
	c.w.must(err)
	b, err := envelope.Marshal(a)
	c.w.must(err)
	c.Log.Entries[c.Log.Append(c.w.Now, leaf)].put("assertion", b)
}

// Hold puts a case under legal hold, or releases it.
func (w *World) Hold(country, token string, on bool) {
	w.T.Helper()
	c := w.Country(country)
	w.tick()
	verb, kind := rogatoryv1.Verb_VERB_HOLD, exchange.EventHold
	if !on {
		verb, kind = rogatoryv1.Verb_VERB_RELEASE, exchange.EventRelease
	}
	a := c.Sign(First, &rogatoryv1.Act{Verb: verb, CaseToken: token, Actor: First, Reason: "court"})
	c.step(token, c.event(kind, First), false, because{assertion: a, local: c.local(token, First)})
}

// Close lets the clock close a case, 90 days after it has ended.
func (w *World) Close(country, token string) {
	w.T.Helper()
	w.byTimer(country, token, exchange.EventClose)
}

// Review lets the clock put a case under review, 183 days after it was closed.
func (w *World) Review(country, token string) {
	w.T.Helper()
	w.byTimer(country, token, exchange.EventReview)
}

func (w *World) byTimer(country, token string, kind exchange.EventKind) {
	w.T.Helper()
	w.tick()
	c := w.Country(country)
	e := c.event(kind, "")
	e.Who = exchange.Timer
	c.step(token, e, false, because{})
}

// EraseCase has two officers erase what all messages of a case say, which is under review.
func (w *World) EraseCase(country, token string) {
	w.T.Helper()
	c := w.Country(country)
	var a *rogatoryv1.Assertion
	for _, x := range []struct {
		kind exchange.EventKind
		who  string
	}{{exchange.EventProposeErase, First}, {exchange.EventErase, Second}} {
		w.tick()
		a = c.Sign(x.who, &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_ERASE, CaseToken: token, Actor: x.who, Reason: "review"})
		c.step(token, c.event(x.kind, x.who), false, because{assertion: a, local: c.local(token, x.who)})
	}
	leaf := &translog.Erase{Basis: "review", By: Second, What: []string{"content"}, Of: c.namesOf(token)}
	leaf.OfCount = int64(len(leaf.Of))
	c.tombstone(leaf, a)
}

// namesOf lists the messages of a case as a leaf has them.
func (c *Country) namesOf(token string) (names []translog.Hash) {
	for _, m := range c.Cases[token].Messages {
		names = append(names, translog.Hash(m.Name))
	}
	sortHashes(names)
	return names
}

// whole reports whether all of a case stands in the log that the country has now.
func (c *Country) whole(token string) bool {
	for _, h := range c.Closed {
		if len(h.Find("case", func(e translog.Entry) bool { return e.(*translog.Case).Case == token })) > 0 {
			return false
		}
	}
	return true
}

// Forward has an officer hand a case over to another unit, with a line in the statutory log.
func (w *World) Forward(country, token, who, unit string) {
	w.T.Helper()
	w.tick()
	c := w.Country(country)
	a := c.Sign(who, &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_TRANSFER, CaseToken: token, Actor: who, Reason: unit})
	e, local := c.event(exchange.EventForward, who), c.local(token, who)
	local.ToUnit, e.Docket = unit, local
	c.step(token, e, false, because{assertion: a, local: local})
	c.op(&translog.Op{Verb: translog.Transfer, Who: who, Why: unit, Case: token, Of: c.namesOf(token), Recipient: country + "/" + unit}, a)
}

// Assign gives a case to an officer.
func (w *World) Assign(country, token, who, to string) {
	w.T.Helper()
	w.tick()
	c := w.Country(country)
	a := c.Sign(who, &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_ASSIGN, CaseToken: token, Actor: who, Reason: to})
	e, local := c.event(exchange.EventAssign, who), c.local(token, to)
	e.Docket = local
	c.step(token, e, false, because{assertion: a, local: local})
}

// Fetch lets a peer read an attachment of a message that went to it: the node logs that it discloses it.
func (w *World) Fetch(m *Message) {
	w.T.Helper()
	w.tick()
	w.Country(m.From).op(&translog.Op{
		Verb: translog.Disclose, Who: "node", Why: "attachment", Case: m.Docket.GetCaseToken(), Of: []translog.Hash{translog.Hash(m.Name)}, Recipient: m.To,
	}, nil)
}

// op writes a line of the statutory log.
func (c *Country) op(leaf *translog.Op, a *rogatoryv1.Assertion) {
	c.w.T.Helper()
	leaf.Basis, leaf.OfCount = "eu-2023-977", int64(len(leaf.Of))
	if a == nil {
		c.Log.Append(c.w.Now, leaf)
		return
	}
	var err error
	leaf.Assertion, err = federation.AssertionDigest(a)
	c.w.must(err)
	b, err := envelope.Marshal(a)
	c.w.must(err)
	c.Log.Entries[c.Log.Append(c.w.Now, leaf)].put("assertion", b)
}

// Ratify has an officer confirm what another one has sent alone on danger to life.
func (w *World) Ratify(m *Message, who string) {
	w.T.Helper()
	w.tick()
	c, token := w.Country(m.From), m.Docket.GetCaseToken()
	a := c.Sign(who, &rogatoryv1.Act{
		Verb: rogatoryv1.Verb_VERB_RATIFY, CaseToken: token, Actor: who, Subject: slices.Clone(m.Name[:]), Targets: []*rogatoryv1.ActTarget{m.target()},
	})
	e := c.event(exchange.EventRatify, who)
	e.Of = exchange.Name(m.Name)
	c.step(token, e, false, because{assertion: a, local: c.local(token, who)})
}

// Notify sends a notice, which has no life: one drafts it and another releases it, as the statutory log says.
func (w *World) Notify(from, to string) *Message {
	w.T.Helper()
	w.tick()
	c := w.Country(from)
	m := w.compose(from, to, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_GOVERNANCE, CaseToken: w.NewToken(from)}, First)
	c.number(m)
	sealed := w.seal(c, m)
	signed, err := envelope.SignBatch(c.Identities[0].Key, []*envelope.Sealed{sealed})
	w.must(err)
	m.statement, m.signature = sealed.Statement, signed[0].Signature
	m.Out = c.Log.Append(w.Now, m.leaf(translog.Out, w.directory(), c.Manifest))
	m.beside(c.Log.Entries[m.Out])
	token := m.Docket.GetCaseToken()
	a := c.Sign(Second, &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_APPROVE, CaseToken: token, Actor: Second, Targets: []*rogatoryv1.ActTarget{m.target()}})
	c.op(&translog.Op{Verb: translog.Disclose, Who: Second, Why: "governance", Case: token, Of: []translog.Hash{translog.Hash(m.Name)}, Recipient: to}, a)
	return m
}

// May reports whether a country may send a docket in its case now, by the rules.
func (w *World) May(from, to string, d *rogatoryv1.Docket) bool {
	w.T.Helper()
	c := w.Country(from)
	d.Method = lint.MethodOf(d.GetKind())
	k := c.Cases[d.GetCaseToken()]
	if c.Expired[d.GetCaseToken()] {
		return false
	}
	if k.State == exchange.Received {
		e := c.event(exchange.EventRegister, First)
		next, _, err := exchange.Apply(k, e, c.w.rules())
		if err != nil {
			return false
		}
		k = next
	}
	e := c.event(exchange.EventSent, First)
	e.Msg, e.Sent, e.From, e.To, e.Docket = exchange.Name{1}, w.Now, from, to, d
	_, _, err := exchange.Apply(k, e, c.w.rules().Alike(true))
	return err == nil
}
