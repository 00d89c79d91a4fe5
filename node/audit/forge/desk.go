package forge

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// because says what stands behind a step, for its leaf.
type because struct {
	assertion *rogatoryv1.Assertion
	commit    translog.Hash      // to the message's docket; zero: to the local one
	local     *rogatoryv1.Docket // nil: one that only names the case
	kept      []byte             // the docket of a draft, with its salt
	decision  federation.Decision
	policy    translog.Hash
	manifest  int64
	unit      string
}

// Step applies an event to a case of the country and writes a leaf for each change, as a node does. It is for honest steps; what no node does
// is put into the log with Append.
func (c *Country) step(token string, e exchange.Event, alone bool, why because) {
	c.w.T.Helper()
	next, changes, err := exchange.Apply(c.Cases[token], e, c.w.rules().Alike(alone))
	if err != nil {
		c.w.T.Fatalf("forge: %s, case %s: %v", c.Code, token, err)
	}
	c.Cases[token] = next
	for i, ch := range changes {
		reason := because{}
		if i == 0 {
			reason = why
		} else if m, ok := next.Message(ch.Msg); ok {
			reason.commit = c.entryAt(int64(m.Index)).Body.(*translog.Msg).DocketCommit
		}
		c.caseLeaf(token, ch, e.Draft, next.Due(), reason)
	}
}

func (c *Country) caseLeaf(token string, ch exchange.Change, draft exchange.Name, due int64, why because) {
	c.w.T.Helper()
	leaf := &translog.Case{
		Case: token, Event: string(ch.Step), FromState: string(ch.From), ToState: string(ch.To), Of: translog.Hash(ch.Msg),
		Docket: why.commit, Due: due, Unit: why.unit,
	}
	if leaf.ToState == "" {
		leaf.ToState = "new"
	}
	switch {
	case !leaf.Of.IsZero():
	case draft != exchange.Name{}:
		leaf.Of = translog.Hash(draft)
	default:
		leaf.Of = translog.Hash(ch.Of)
	}
	if why.decision.Rule != "" {
		leaf.Rule, leaf.Policy, leaf.Manifest, leaf.Decision = why.decision.Rule, why.policy, why.manifest, "ask-officer"
		switch why.decision.Verdict {
		case rogatoryv1.Verdict_VERDICT_ANSWER:
			leaf.Decision = "answer"
		case rogatoryv1.Verdict_VERDICT_REFUSE:
			leaf.Decision = "refuse"
		}
	}
	docket := why.kept
	if leaf.Docket.IsZero() {
		local := why.local
		if local == nil {
			local = &rogatoryv1.Docket{CaseToken: token}
		}
		p := c.w.part(local)
		leaf.Docket = envelope.Commit(p.Salt, envelope.Docket, p.Bytes)
		docket = slices.Concat(p.Salt[:], p.Bytes)
	}
	var assertion []byte
	if why.assertion != nil {
		var err error
		leaf.Assertion, err = federation.AssertionDigest(why.assertion)
		c.w.must(err)
		assertion, err = envelope.Marshal(why.assertion)
		c.w.must(err)
	}
	e := c.Log.Entries[c.Log.Append(c.w.Now, leaf)]
	if docket != nil {
		e.put("docket", docket)
	}
	if assertion != nil {
		e.put("assertion", assertion)
	}
}

// part is a message with a salt.
func (w *World) part(m proto.Message) envelope.Part {
	w.T.Helper()
	b, err := envelope.Marshal(m)
	w.must(err)
	w.nonces++
	return envelope.Part{Bytes: b, Salt: envelope.Salt(w.secret("salt", w.nonces))}
}

func (c *Country) event(kind exchange.EventKind, who string) exchange.Event {
	e := exchange.Event{Kind: kind, At: c.w.Now, Index: uint64(c.base + c.Log.Size()), Actor: who, Who: exchange.Officer}
	if who == Machine {
		e.Who = exchange.Agency
	}
	return e
}

func (c *Country) local(token, who string) *rogatoryv1.Docket {
	return &rogatoryv1.Docket{CaseToken: token, FromUnit: Unit, Actor: who, ActorKind: kindOf(who)}
}

func kindOf(who string) rogatoryv1.ActorKind {
	if who == Machine {
		return rogatoryv1.ActorKind_ACTOR_KIND_AGENCY
	}
	return rogatoryv1.ActorKind_ACTOR_KIND_OFFICER
}

// NewToken returns a case's name that nobody has had.
func (w *World) NewToken(country string) string {
	w.cases++
	return fmt.Sprintf("%s-%d-%06d", country, w.time().Year(), w.cases)
}

// Register takes a received case up without sending anything.
func (w *World) Register(country, token, who string) {
	w.T.Helper()
	c := w.Country(country)
	w.tick()
	a := c.Sign(who, &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_REGISTER, CaseToken: token, Actor: who})
	c.step(token, c.event(exchange.EventRegister, who), false, because{assertion: a, local: c.local(token, who)})
}

// Consult has an officer read a case, for a reason.
func (w *World) Consult(country, token, who, reason string) {
	w.T.Helper()
	c := w.Country(country)
	w.tick()
	a := c.Sign(who, &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: token, Actor: who, Reason: reason})
	digest, err := federation.AssertionDigest(a)
	w.must(err)
	b, err := envelope.Marshal(a)
	w.must(err)
	op := &translog.Op{Verb: translog.Consult, Who: who, Why: reason, Basis: "eu-2023-977", Case: token, Assertion: digest}
	for _, m := range c.Cases[token].Messages {
		op.Of = append(op.Of, translog.Hash(m.Name))
	}
	op.Of = op.Of[:min(len(op.Of), 64)]
	sortHashes(op.Of)
	op.OfCount = int64(len(op.Of))
	c.Log.Entries[c.Log.Append(w.Now, op)].put("assertion", b)
}

// State writes a `state` leaf over the cases that changed since the last.
func (w *World) State(country string) {
	w.T.Helper()
	c := w.Country(country)
	var before translog.Hash
	from := 0
	for _, i := range c.Log.Find("state") {
		before, from = c.Log.Entries[i].Body.(*translog.State).State, i+1
	}
	tokens := map[string]bool{}
	for _, i := range c.Log.Find("case") {
		if i >= from {
			tokens[c.Log.Entries[i].Body.(*translog.Case).Case] = true
		}
	}
	c.noteState(before, slices.Sorted(mapsKeys(tokens)))
}

// noteState writes a `state` leaf over some cases.
func (c *Country) noteState(before translog.Hash, tokens []string) {
	c.w.T.Helper()
	var changed []exchange.Changed
	for _, t := range tokens {
		k := c.Cases[t]
		body := k.Encode()
		one := exchange.Changed{Token: t, Hash: exchange.HashEncoded(body), Body: body}
		if c.Expired[t] {
			one.Body = nil
		}
		changed = append(changed, one)
	}
	exchange.SortChanged(changed)
	c.w.tick()
	i := c.Log.Append(c.w.Now, &translog.State{
		Size: c.Log.Size(), State: exchange.FoldState(before, changed), Snapshot: exchange.SnapshotDigest(changed),
	})
	c.Log.Entries[i].put("snapshot", exchange.EncodeSnapshot(changed))
}

// entryAt returns the entry at a place.
func (c *Country) entryAt(place int64) *Entry {
	if place >= c.base {
		return c.Log.Entries[place-c.base]
	}
	for i, h := range c.Closed {
		if place < c.sizes[i] {
			return h.Entries[place]
		}
		place -= c.sizes[i]
	}
	return nil
}
