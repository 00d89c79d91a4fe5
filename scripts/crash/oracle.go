package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	"github.com/rogatory/rogatory/scripts/rig"
)

// A ledger is what a stopped store says of the messages, read once.
type ledger struct {
	country string
	in, out map[string][]*entry // by case token
	leaves  map[int64]translog.Entry
	rcpts   map[translog.Hash][]*translog.Rcpt
	heads   map[int64]translog.Hash // roots at the sizes that are asked for
	cases   map[string]int
	other   []string // what must not be there
}

// An entry is a message with its content.
type entry struct {
	index   int64
	row     *storev1.LoggedMessage
	content []byte
	leaf    *translog.Msg
}

// judge compares what the clients sent with both stores.
func (g *game) judge(ctx context.Context) error {
	ledgers := map[string]*ledger{}
	for _, country := range g.cluster.Countries {
		l, err := g.read(ctx, g.cluster.Member(country))
		if err != nil {
			return fmt.Errorf("reading the store of %s: %w", country, err)
		}
		ledgers[country] = l
	}
	j := &judge{report: g.report, ledgers: ledgers}
	known := map[string]bool{}
	for _, s := range g.clients.sent {
		known[s.CaseToken] = true
		j.once(s)
	}
	for _, token := range g.clients.declined {
		known[token] = true
	}
	for _, l := range ledgers {
		j.nothingElse(l, known, g.clients.declined)
	}
	g.report.Requests, g.report.Declined, g.report.Retries = len(g.clients.sent), len(g.clients.declined), int(g.clients.retries.Load())
	return nil
}

// read opens a store, checks it, and reads everything that concerns messages.
func (g *game) read(ctx context.Context, m *rig.Member) (l *ledger, err error) {
	s, err := m.OpenStore()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Check(ctx); err != nil {
		g.report.Findings = append(g.report.Findings, fmt.Sprintf("store of %s: %v", m.Country, err))
	}
	l = &ledger{
		country: m.Country, in: map[string][]*entry{}, out: map[string][]*entry{},
		leaves: map[int64]translog.Entry{}, rcpts: map[translog.Hash][]*translog.Rcpt{}, heads: map[int64]translog.Hash{}, cases: map[string]int{},
	}
	return l, s.View(func(r *store.Reader) error {
		var bad error
		r.Leaves(0, func(index int64, line []byte) bool {
			leaf, err := translog.ParseLeaf(line)
			if bad = err; bad != nil {
				return false
			}
			l.take(index, leaf.Entry)
			head, err := r.HeadAt(index + 1)
			l.heads[index+1] = head.Root
			bad = err
			return bad == nil
		})
		return errors.Join(bad, l.messages(r), l.rest(r))
	})
}

func (l *ledger) take(index int64, e translog.Entry) {
	l.leaves[index] = e
	switch e := e.(type) {
	case *translog.Rcpt:
		l.rcpts[e.Of] = append(l.rcpts[e.Of], e)
	case *translog.Rej:
		l.add("leaf %d refuses a message: %s", index, e.Code)
	case *translog.Stray:
		l.add("leaf %d counts what was not authentic: %v", index, e.Counts)
	}
}

func (l *ledger) add(format string, args ...any) {
	l.other = append(l.other, l.country+": "+fmt.Sprintf(format, args...))
}

func (l *ledger) messages(r *store.Reader) error {
	var bad error
	err := r.EachMessage(0, func(index int64, row *storev1.LoggedMessage) bool {
		e := &entry{index: index, row: row}
		e.leaf, _ = l.leaves[index].(*translog.Msg)
		kept, err := r.Content(row.GetContentId())
		if err != nil {
			bad = fmt.Errorf("content of leaf %d: %w", index, err)
			return false
		}
		part, err := post.SplitContent(kept)
		if bad = err; bad != nil {
			return false
		}
		e.content = bytes.Clone(part.Bytes)
		if e.leaf != nil && translog.Hash(envelope.Commit(part.Salt, envelope.Content, part.Bytes)) != e.leaf.ContentCommit {
			l.add("content of leaf %d does not have its commitment", index)
		}
		side := l.in
		if row.GetOutgoing() {
			side = l.out
		}
		side[row.GetCaseToken()] = append(side[row.GetCaseToken()], e)
		return true
	})
	return errors.Join(err, bad)
}

// rest reads what must be empty, and the cases.
func (l *ledger) rest(r *store.Reader) error {
	_, waiting := r.OutboxPeers()
	for peer, n := range waiting {
		l.add("%d messages to %s have no receipt", n, peer)
	}
	return errors.Join(
		r.EachParked(func(p *storev1.Parked) bool {
			l.add("an envelope of %s is parked: %s", p.GetPeer(), p.GetReason())
			return true
		}),
		r.EachDraft(func(d *storev1.Draft) bool { l.add("a draft of case %s is left", d.GetCaseToken()); return true }),
		r.EachForkProof(func(p *storev1.ForkProof) bool { l.add("a proof of a fork by %s", p.GetPeer()); return true }),
		r.EachCase(func(s *storev1.CaseSummary, _ []byte) bool { l.cases[s.GetToken()]++; return true }),
	)
}

type judge struct {
	report  *Report
	ledgers map[string]*ledger
}

func (j *judge) find(format string, args ...any) {
	j.report.Findings = append(j.report.Findings, fmt.Sprintf(format, args...))
}

// once checks that a submission has exactly one effect on each side.
func (j *judge) once(s *rig.Submission) {
	from, to := j.ledgers[s.From], j.ledgers[s.To]
	out, in := from.out[s.CaseToken], to.in[s.CaseToken]
	if len(out) != 1 || len(in) != 1 {
		j.find("%s left %s %d times and arrived in %s %d times", s.CaseToken, s.From, len(out), s.To, len(in))
		return
	}
	sent, arrived := out[0], in[0]
	j.bytesOf(s, s.From, sent)
	j.bytesOf(s, s.To, arrived)
	switch {
	case sent.leaf == nil || sent.leaf.Dir != translog.Out || arrived.leaf == nil || arrived.leaf.Dir != translog.In:
		j.find("%s: a side record without its leaf", s.CaseToken)
		return
	case !translog.SameMessage(sent.leaf, arrived.leaf):
		j.find("%s: the leaves speak of two messages", s.CaseToken)
	}
	j.receipt(s, sent, arrived)
	if from.cases[s.CaseToken] != 1 || to.cases[s.CaseToken] != 1 {
		j.find("%s: %d cases in %s, %d in %s", s.CaseToken, from.cases[s.CaseToken], s.From, to.cases[s.CaseToken], s.To)
	}
}

func (j *judge) bytesOf(s *rig.Submission, country string, e *entry) {
	if !bytes.Equal(e.content, s.Content) {
		j.find("%s: the content in %s differs from what was sent (%d bytes, %d)", s.CaseToken, country, len(e.content), len(s.Content))
	}
	if !bytes.Equal(e.row.GetDocket(), s.Docket) {
		j.find("%s: the docket in %s differs from what was sent", s.CaseToken, country)
	}
}

// receipt checks that the sender holds one receipt, and that it names the recipient's own leaf under the recipient's own root.
func (j *judge) receipt(s *rig.Submission, sent, arrived *entry) {
	rcpts := j.ledgers[s.From].rcpts[sent.leaf.Msg]
	if len(rcpts) != 1 {
		j.find("%s: %d receipts", s.CaseToken, len(rcpts))
		return
	}
	r := rcpts[0]
	switch {
	case r.Ref != sent.index:
		j.find("%s: the receipt refers to leaf %d, not %d", s.CaseToken, r.Ref, sent.index)
	case r.Index != arrived.index || r.Rej != "":
		j.find("%s: the receipt is for leaf %d of %s, the message is leaf %d", s.CaseToken, r.Index, s.To, arrived.index)
	case r.Root != j.ledgers[s.To].heads[r.Size]:
		j.find("%s: the receipt's root at size %d is not that of %s", s.CaseToken, r.Size, s.To)
	case sent.row.GetReceiptPlusOne() == 0:
		j.find("%s: the side record does not know its receipt", s.CaseToken)
	}
}

// nothingElse checks that a store holds no message and no case besides those that somebody asked for.
func (j *judge) nothingElse(l *ledger, known map[string]bool, declined []string) {
	for _, side := range []map[string][]*entry{l.in, l.out} {
		for token := range side {
			if !known[token] || slices.Contains(declined, token) {
				j.find("%s holds a message of case %s, which nobody sent", l.country, token)
			}
		}
	}
	for token := range l.cases {
		if !known[token] {
			j.find("%s holds case %s, which nobody opened", l.country, token)
		}
	}
	for _, what := range l.other {
		j.find("%s", what)
	}
}
