package forge

import (
	"slices"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/lint"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A Message is one message on its way from a draft to its receipt.
type Message struct {
	From, To string
	Docket   *rogatoryv1.Docket
	Drafter  string
	Name     envelope.Name
	// Out and In are the indexes of its leaves, -1 before there are.
	Out, In int64
	// Backdated is how long before its leaf it says that it was submitted, in milliseconds: a lie, unless 0.
	Backdated int64

	docket, content envelope.Part
	raw             []byte
	statement       []byte
	signature       []byte
	submitted       int64
	approver        string
	alone           bool
}

// notice reports whether it is a notice, which is in no case.
func (m *Message) notice() bool { return m.Docket.GetKind() == rogatoryv1.Kind_KIND_GOVERNANCE }

// Request is the docket of a plain request.
func Request(urgency rogatoryv1.Urgency) *rogatoryv1.Docket {
	return &rogatoryv1.Docket{
		Kind: rogatoryv1.Kind_KIND_REQUEST, Urgency: urgency, Regime: rogatoryv1.Regime_REGIME_EU_2023_977,
		Purpose: rogatoryv1.Purpose_PURPOSE_INVESTIGATION, Wants: []rogatoryv1.Want{rogatoryv1.Want_WANT_BANK},
	}
}

// Final is the docket of a final reply with an outcome.
func Final(outcome rogatoryv1.Outcome) *rogatoryv1.Docket {
	d := &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_REPLY, Final: true, Outcome: outcome}
	if outcome == rogatoryv1.Outcome_OUTCOME_REFUSED {
		d.Refusals = []*rogatoryv1.Refusal{{Item: rogatoryv1.Want_WANT_BANK, Ground: rogatoryv1.Ground_GROUND_NATIONAL_SECURITY}}
	}
	return d
}

// Ask sends a request in a new case, all the way to its receipt.
func (w *World) Ask(from, to string) *Message {
	w.T.Helper()
	d := Request(rogatoryv1.Urgency_URGENCY_NORMAL)
	d.CaseToken = w.NewToken(from)
	return w.Send(from, to, d)
}

// Reply sends the final reply to a request, all the way to its receipt.
func (w *World) Reply(q *Message) *Message {
	w.T.Helper()
	return w.Send(q.To, q.From, w.Follow(q, Final(rogatoryv1.Outcome_OUTCOME_NO_INFORMATION)))
}

// Follow makes a docket one that follows a message in its case.
func (w *World) Follow(q *Message, d *rogatoryv1.Docket) *rogatoryv1.Docket {
	d.CaseToken, d.Of = q.Docket.GetCaseToken(), slices.Clone(q.Name[:])
	return d
}

// Send drafts, approves, submits, delivers and receipts one message.
func (w *World) Send(from, to string, d *rogatoryv1.Docket) *Message {
	w.T.Helper()
	m := w.Draft(from, to, d, First)
	w.Submit(Second, m)
	w.Deliver(m)
	w.Receipt(m)
	return m
}

// Draft puts a message before an approver.
func (w *World) Draft(from, to string, d *rogatoryv1.Docket, drafter string) *Message {
	w.T.Helper()
	w.tick()
	c := w.Country(from)
	m := w.compose(from, to, d, drafter)
	a := c.Sign(drafter, &rogatoryv1.Act{
		Verb: rogatoryv1.Verb_VERB_DRAFT, CaseToken: d.GetCaseToken(), Actor: drafter, Targets: []*rogatoryv1.ActTarget{m.target()},
	})
	c.takeUp(d.GetCaseToken(), drafter, a)
	for _, kind := range []exchange.EventKind{exchange.EventDraft, exchange.EventSubmit} {
		e := c.event(kind, drafter)
		e.Draft, e.From, e.To = exchange.Name(m.docketCommit()), from, to
		why := because{assertion: a, commit: m.docketCommit()}
		if kind == exchange.EventDraft {
			e.Docket, why.kept = m.Docket, slices.Concat(m.docket.Salt[:], m.docket.Bytes)
		}
		c.step(d.GetCaseToken(), e, false, why)
	}
	return m
}

// Alone composes a message that one officer may send without a second. Submit sends it.
func (w *World) Alone(from, to string, d *rogatoryv1.Docket, who string) *Message {
	w.T.Helper()
	m := w.compose(from, to, d, who)
	m.alone = true
	return m
}

// takeUp registers a received request by whoever first answers it.
func (c *Country) takeUp(token, who string, a *rogatoryv1.Assertion) {
	c.w.T.Helper()
	k := c.Cases[token]
	if k.Kind == exchange.KindRequest && k.Side == exchange.Answering && k.State == exchange.Received {
		c.step(token, c.event(exchange.EventRegister, who), false, because{assertion: a, local: c.local(token, who)})
	}
}

func (w *World) compose(from, to string, d *rogatoryv1.Docket, drafter string) *Message {
	w.T.Helper()
	d.Method, d.FromUnit, d.Authority = lint.MethodOf(d.GetKind()), Unit, rogatoryv1.Authority_AUTHORITY_POLICE
	d.ToUnit, d.Actor, d.ActorKind = Unit, drafter, kindOf(drafter)
	m := &Message{From: from, To: to, Docket: d, Drafter: drafter, Out: -1, In: -1}
	m.docket = w.part(d)
	m.content = w.part(&rogatoryv1.Content{})
	return m
}

func (m *Message) docketCommit() translog.Hash {
	return envelope.Commit(m.docket.Salt, envelope.Docket, m.docket.Bytes)
}

func (m *Message) target() *rogatoryv1.ActTarget {
	d, c := m.docketCommit(), envelope.Commit(m.content.Salt, envelope.Content, m.content.Bytes)
	return &rogatoryv1.ActTarget{To: m.To, Unit: m.Docket.GetToUnit(), DocketCommit: d[:], ContentCommit: c[:]}
}

// Submit approves drafts of one country, or sends what one officer may send alone, under one batch signature.
func (w *World) Submit(approver string, messages ...*Message) {
	w.T.Helper()
	w.tick()
	c := w.Country(messages[0].From)
	var sealed []*envelope.Sealed
	for _, m := range messages {
		c.number(m)
		sealed = append(sealed, w.seal(c, m))
	}
	signed, err := envelope.SignBatch(c.Identities[0].Key, sealed)
	w.must(err)
	for i, m := range messages {
		m.statement, m.signature, m.approver = sealed[i].Statement, signed[i].Signature, approver
		w.submit(c, m)
	}
}

// number gives a message the next number to its recipient, and so its name.
func (c *Country) number(m *Message) {
	c.w.T.Helper()
	t := c.tails[m.To]
	if t == nil {
		t = &tail{}
		c.tails[m.To] = t
	}
	t.seq++
	target := m.target()
	m.submitted = c.w.Now - m.Backdated
	var err error
	m.raw, err = envelope.Marshal(&rogatoryv1.Message{
		From: m.From, To: m.To, Epoch: c.Epoch, Seq: t.seq, Prev: slices.Clone(t.prev[:]), SubmittedMs: uint64(m.submitted),
		DocketCommit: target.GetDocketCommit(), ContentCommit: target.GetContentCommit(),
	})
	c.w.must(err)
	m.Name = envelope.MessageName(m.raw)
	t.prev = m.Name
}

// seal makes one attempt to carry a message.
func (w *World) seal(c *Country, m *Message) *envelope.Sealed {
	w.T.Helper()
	to := c.Known[m.To]
	key, err := to.SealingKeyFor(w.time())
	w.must(err)
	s, err := envelope.Seal(envelope.Attempt{
		Message: m.raw, Docket: m.docket, Content: m.content, Key: key, From: c.Identities[0].Key.KID(),
		ManifestVersion: to.Version(), ManifestDigest: to.Digest(), Now: w.time(), Life: keyring.KeepAfter,
	})
	w.must(err)
	return s
}

func (w *World) submit(c *Country, m *Message) {
	w.T.Helper()
	m.Out = c.Log.Append(w.Now, m.leaf(translog.Out, w.directory(), c.Manifest))
	m.beside(c.Log.Entries[m.Out])
	token, who, verb := m.Docket.GetCaseToken(), m.approver, rogatoryv1.Verb_VERB_APPROVE
	if m.alone {
		who, verb = m.Drafter, rogatoryv1.Verb_VERB_SEND
	}
	a := c.Sign(who, &rogatoryv1.Act{Verb: verb, CaseToken: token, Actor: who, Targets: []*rogatoryv1.ActTarget{m.target()}})
	e := c.event(exchange.EventSent, who)
	if m.alone {
		c.takeUp(token, who, a)
	} else {
		approve := c.event(exchange.EventApprove, who)
		approve.Draft = exchange.Name(m.docketCommit())
		c.step(token, approve, false, because{assertion: a, local: c.local(token, who)})
		e.Draft = exchange.Name(m.docketCommit())
	}
	e.Index, e.Msg, e.Sent, e.From, e.To, e.Docket = uint64(c.base+m.Out), exchange.Name(m.Name), m.submitted, m.From, m.To, m.Docket
	c.step(token, e, m.alone, because{assertion: a, commit: m.docketCommit()})
}

// leaf is the msg leaf of either side.
func (m *Message) leaf(dir string, d *federation.Directory, sender *federation.Manifest) *translog.Msg {
	p, _ := envelope.ParseMessage(m.raw)
	return &translog.Msg{
		Dir: dir, Msg: translog.Hash(m.Name), From: m.From, To: m.To, Epoch: int64(p.GetEpoch()), Seq: int64(p.GetSeq()),
		Prev: translog.Hash(p.GetPrev()), DocketCommit: translog.Hash(p.GetDocketCommit()), ContentCommit: translog.Hash(p.GetContentCommit()),
		DirectoryVersion: int64(d.Version()), ManifestVersion: int64(sender.Version()),
		Stmt: envelope.StatementHash(m.statement), Sig: envelope.SignatureHash(m.signature),
		Size: int64(envelope.InnerSize(m.docket, m.content)),
	}
}

// beside puts the records of a message beside its leaf.
func (m *Message) beside(e *Entry) {
	e.put("message", m.raw)
	e.put("statement", m.statement)
	e.put("signature", m.signature)
	e.put("docket", slices.Concat(m.docket.Salt[:], m.docket.Bytes))
}

// Reseal logs another attempt of the sender to carry a message.
func (w *World) Reseal(m *Message) {
	w.T.Helper()
	w.tick()
	c := w.Country(m.From)
	s := w.seal(c, m)
	signed, err := envelope.SignBatch(c.Identities[0].Key, []*envelope.Sealed{s})
	w.must(err)
	i := c.Log.Append(w.Now, &translog.Reseal{Of: translog.Hash(m.Name), Stmt: s.Hash, Sig: signed[0].Hash})
	c.Log.Entries[i].put("statement", s.Statement)
	c.Log.Entries[i].put("signature", signed[0].Signature)
	m.statement, m.signature = s.Statement, signed[0].Signature
}

// Deliver lets messages arrive, each in its turn.
func (w *World) Deliver(messages ...*Message) {
	w.T.Helper()
	for _, m := range messages {
		w.tick()
		c := w.Country(m.To)
		why := because{commit: m.docketCommit(), unit: Unit}
		if lint.MethodOf(m.Docket.GetKind()) == lint.MethodAsk && len(m.Docket.GetOf()) == 0 {
			policy := w.directory().Policy()
			why.decision = policy.Decide(federation.Question{
				Docket: m.Docket, From: m.From, To: m.To, Fresh: !c.Known[m.From].Stale(w.time()),
				Services: c.Manifest.Services(Unit), Capacity: c.Manifest.Capacity(),
			})
			why.policy, why.manifest = policy.Digest(), int64(c.Manifest.Version())
		}
		m.In = c.Log.Append(w.Now, m.leaf(translog.In, w.directory(), c.Known[m.From]))
		m.beside(c.Log.Entries[m.In])
		c.arrived[m.Name.String()] = m.In
		if m.notice() {
			continue
		}
		c.step(m.Docket.GetCaseToken(), exchange.Event{
			Kind: exchange.EventArrived, At: w.Now, Index: uint64(c.base + m.In), Msg: exchange.Name(m.Name), From: m.From, To: m.To,
			Sent: m.submitted, Docket: m.Docket, Who: exchange.Peer,
		}, false, why)
	}
}

// Reject lets messages be refused for good by the recipient's node, with a code.
func (w *World) Reject(code string, messages ...*Message) {
	w.T.Helper()
	for _, m := range messages {
		w.tick()
		c := w.Country(m.To)
		m.In = c.Log.Append(w.Now, &translog.Rej{Code: code, From: m.From, Msg: translog.Hash(m.Name)})
	}
}

// Receipt brings the receipts of messages of one sender, all behind one head of their recipient.
func (w *World) Receipt(messages ...*Message) {
	w.T.Helper()
	w.tick()
	to := w.Country(messages[0].To)
	note, head := to.Log.Note(), to.Log.Head()
	for i, m := range messages {
		c := w.Country(m.From)
		raw := to.Log.Leaf(m.In)
		leaf, err := translog.ParseLeaf(raw)
		w.must(err)
		at := c.Log.Append(w.Now, translog.RcptOf(leaf, translog.Hash(m.Name), head, m.Out))
		e := c.Log.Entries[at]
		e.put("leaf", raw)
		path := []byte{}
		for _, h := range to.Log.Inclusion(m.In) {
			path = append(path, h[:]...)
		}
		e.put("path", path)
		if i == 0 {
			e.put("checkpoint", note)
		}
		if m.notice() {
			continue
		}
		event := exchange.Event{
			Kind: exchange.EventReceived, At: min(leaf.At, w.Now), Index: uint64(c.base + c.Log.Size()), Of: exchange.Name(m.Name), Who: exchange.Peer,
		}
		if leaf.Kind == "rej" {
			event.Kind = exchange.EventRejected
		}
		c.step(m.Docket.GetCaseToken(), event, false, because{})
	}
}
