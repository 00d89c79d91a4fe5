package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A tally is what the stopped stores say, and nothing else.
type tally struct {
	// Nodes whose store was read and is consistent in itself.
	Nodes int `json:"nodes"`
	// Requests that were sent: `out` leaves whose docket is a request, one for each recipient.
	Requests int `json:"requests"`
	// Answered requests: the asker's log holds a final reply that refuses nothing.
	Answered int `json:"answered"`
	// Refused requests: the asker's log holds a final reply that refuses all or a part on a coded ground.
	Refused int `json:"refused"`
	// Messages are `msg` leaves of direction out.
	Messages int `json:"messages"`
	// Receipts are `rcpt` leaves by which a message is known to have arrived; those for attachments that came after it are not counted.
	Receipts int `json:"receipts"`
	// Duplicates are messages that the recipient's log holds more than once.
	Duplicates int `json:"duplicates"`
	// Lost are messages that the recipient's log does not hold, or that the sender's log has no receipt of.
	Lost int `json:"lost"`
	// Cosigned is the smallest number of cosignatures, over all countries, that the newest round head carries; 0 where none covers all that is logged
	// but cosignatures and the stop.
	Cosigned int `json:"cosigned"`
	// Seconds from the last start of the node that started first to the last leaf of any log.
	Seconds float64 `json:"seconds"`
}

// A count is one node's part of a tally.
type count struct {
	country                                               string
	leaves                                                int64
	requests, sent, received, receipts, answers, cosigned int
}

// errForeignLeaf means that a log holds a message without its side record.
var errForeignLeaf = errors.New("message of the log is not in the store")

// recount opens every store of a stopped cluster, has it check itself, and counts its leaves.
func recount(ctx context.Context, c *cluster) (tally, []count, error) {
	b := &books{
		out: map[translog.Hash]string{}, taken: map[string]map[translog.Hash]int{}, receipted: map[string]map[translog.Hash]bool{},
		replied: map[string]rogatoryv1.Outcome{},
	}
	var counts []count
	for _, m := range c.members {
		n, err := b.read(ctx, m)
		if err != nil {
			return tally{}, nil, fmt.Errorf("counting in the store of %s: %w", m.country, err)
		}
		counts = append(counts, n)
	}
	return b.sum(counts), counts, nil
}

// books are all logs, brought together.
type books struct {
	out       map[translog.Hash]string          // name of a sent message: "RS BG", from and to
	taken     map[string]map[translog.Hash]int  // by country: how often its log holds a message of others, accepted or refused for good
	receipted map[string]map[translog.Hash]bool // by country: its messages with receipt
	asked     []string                          // tokens of requests, as the askers' logs have them
	replied   map[string]rogatoryv1.Outcome     // by token: outcome of the last final reply in the asker's log
	started   int64                             // of the node that started first, ms
	ended     int64                             // last leaf, ms
}

func (b *books) read(ctx context.Context, m *member) (count, error) {
	n := count{country: m.country}
	ring, err := keyring.OpenRing(m.cfg.RingFile(), keyring.Plain())
	if err != nil {
		return n, err
	}
	s, err := store.Open(node.StoreOptions(m.cfg, ring))
	if err != nil {
		return n, err
	}
	err = s.Check(ctx)
	if err == nil {
		err = s.View(func(r *store.Reader) error {
			if err := b.walk(r, &n); err != nil {
				return err
			}
			n.cosigned, err = cosigned(r, m)
			return err
		})
	}
	return n, errors.Join(err, s.Close())
}

// walk reads every leaf of a log.
func (b *books) walk(r *store.Reader, n *count) error {
	b.taken[n.country], b.receipted[n.country] = map[translog.Hash]int{}, map[translog.Hash]bool{}
	var err error
	var started int64
	r.Leaves(0, func(index int64, raw []byte) bool {
		var leaf translog.Leaf
		if leaf, err = translog.ParseLeaf(raw); err != nil {
			return false
		}
		n.leaves++
		b.ended = max(b.ended, leaf.At)
		switch e := leaf.Entry.(type) {
		case *translog.Node:
			if e.Event == translog.NodeStart {
				started = leaf.At
			}
		case *translog.Msg:
			err = b.message(r, n, index, e)
		case *translog.Rej:
			b.taken[n.country][e.Msg]++
		case *translog.Rcpt:
			if !e.Whole {
				n.receipts++
				b.receipted[n.country][e.Of] = true
			}
		}
		return err == nil
	})
	if b.started == 0 || started < b.started {
		b.started = started
	}
	return err
}

// message notes a message of a log; its docket says what it is.
func (b *books) message(r *store.Reader, n *count, index int64, e *translog.Msg) error {
	row, err := r.Message(index)
	if err != nil {
		return fmt.Errorf("leaf %d: %w: %w", index, errForeignLeaf, err)
	}
	docket := new(rogatoryv1.Docket)
	if err := proto.Unmarshal(row.GetDocket(), docket); err != nil {
		return fmt.Errorf("leaf %d: reading docket: %w", index, err)
	}
	kind := docket.GetKind()
	if e.Dir == translog.Out {
		n.sent++
		b.out[e.Msg] = e.From + " " + e.To
		switch kind {
		case rogatoryv1.Kind_KIND_REQUEST, rogatoryv1.Kind_KIND_FIU_REQUEST:
			n.requests++
			b.asked = append(b.asked, docket.GetCaseToken())
		case rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY:
			n.answers++
		}
		return nil
	}
	n.received++
	b.taken[n.country][e.Msg]++
	if (kind == rogatoryv1.Kind_KIND_REPLY || kind == rogatoryv1.Kind_KIND_FIU_REPLY) && docket.GetFinal() {
		b.replied[docket.GetCaseToken()] = docket.GetOutcome()
	}
	return nil
}

// sum holds every log against the others.
func (b *books) sum(counts []count) tally {
	t := tally{Nodes: len(counts), Requests: len(b.asked), Messages: len(b.out), Seconds: float64(b.ended-b.started) / 1000}
	for i, n := range counts {
		t.Receipts += n.receipts
		if i == 0 || n.cosigned < t.Cosigned {
			t.Cosigned = n.cosigned
		}
	}
	for name, route := range b.out {
		from, to, _ := strings.Cut(route, " ")
		times := b.taken[to][name]
		if times == 0 || !b.receipted[from][name] {
			t.Lost++
		}
		if times > 1 {
			t.Duplicates++
		}
	}
	for _, token := range b.asked {
		switch outcome, ok := b.replied[token]; {
		case !ok:
		case outcome == rogatoryv1.Outcome_OUTCOME_REFUSED || outcome == rogatoryv1.Outcome_OUTCOME_PARTLY_REFUSED:
			t.Refused++
		default:
			t.Answered++
		}
	}
	return t
}

// printTally prints a row for each node that has sent or received, and what all of it comes to.
func (p *printer) printTally(t tally, counts []count) {
	number := func(n int) string { return fmt.Sprint(n) }
	var rows [][]string
	quiet := 0
	for _, n := range counts {
		if n.sent+n.received == 0 {
			quiet++
			continue
		}
		rows = append(rows, []string{
			n.country, number(int(n.leaves)), number(n.sent), number(n.receipts), number(n.received), number(n.requests), number(n.answers),
		})
	}
	p.title("Recounted from the stopped stores")
	p.table([]string{"NODE", "LOG", "SENT", "RECEIPTS", "RECEIVED", "REQUESTS", "ANSWERS"}, rows)
	switch {
	case quiet == t.Nodes:
		p.printf("No node has sent or received anything.\n")
	case quiet > 0:
		p.printf("%s sent and received nothing.\n", several(quiet, "more node"))
	}
	verdict := p.paint(green, "nothing lost, nothing doubled")
	if t.Lost+t.Duplicates > 0 {
		verdict = p.paint(red, fmt.Sprintf("%d lost, %d doubled", t.Lost, t.Duplicates))
	}
	p.printf("Each country's newest round head is cosigned by %d others or more.\n", t.Cosigned)
	p.printf("%s: %d answered, %d refused in whole or part. %s, %s, %s. Every store passes its check.\n",
		several(t.Requests, "request"), t.Answered, t.Refused, several(t.Messages, "message"), several(t.Receipts, "receipt"), verdict)
}

// several is a number with its noun.
func several(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
