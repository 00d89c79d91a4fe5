package forge

import (
	"slices"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
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
	w.tick()
	c := w.Country(country)
	e := c.event(exchange.EventClose, "")
	e.Who = exchange.Timer
	c.step(token, e, false, because{})
}

// May reports whether a country may send a docket in its case now, by the rules.
func (w *World) May(from, to string, d *rogatoryv1.Docket) bool {
	w.T.Helper()
	c := w.Country(from)
	d.Method = exchange.MethodOf(d.GetKind())
	k := c.Cases[d.GetCaseToken()]
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
