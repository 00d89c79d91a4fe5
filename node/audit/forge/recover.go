package forge

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
)

// Recover closes a country's log behind its first size leaves, as after a backup was restored, and opens the next one as a recovery does: its
// genesis names the head of the log before, and the identity key endorses it. Cases stay as they were.
func (w *World) Recover(country string, size int64) {
	w.T.Helper()
	w.tick()
	c := w.Country(country)
	old := c.Log
	root, err := translog.Root(size, old)
	w.must(err)
	c.Closed = append(c.Closed, old)
	c.Epoch, c.base, c.sizes = c.Epoch+1, c.base+size, append(c.sizes, size)
	signer, err := translog.NewLogSigner(federation.Origin(Federation, country, uint64(c.Epoch)), w.secret(country, "log ed"), w.secret(country, "log pq"))
	w.must(err)
	var closed []string
	for _, h := range c.Closed {
		closed = append(closed, h.Signer.Verifier().Origin())
	}
	c.Witness, err = translog.NewWitnessSigner(c.Witness.Verifier().Name(), signer.Verifier().Origin(),
		w.secret(country, "witness ed"), w.secret(country, "witness pq"), closed...)
	w.must(err)
	c.Log, c.tails = &History{T: w.T, Signer: signer}, map[string]*tail{}
	g := c.genesis()
	g.PrevLog, g.PrevRoot, g.PrevSize = old.Signer.Verifier().Origin(), root, size
	c.Log.Append(w.Now, g)
	endorsement, err := federation.EndorseGenesis(c.Log.Leaf(0), c.Identities[0].Key)
	w.must(err)
	c.Log.Entries[0].put("endorsement", endorsement)
	report := fmt.Appendf(nil, `{"base":%d,"closed_size":%d}`, c.base, size)
	i := c.Log.Append(w.Now, &translog.Node{Event: translog.NodeRecover, Program: program, Digest: sha256.Sum256(report)})
	c.Log.Entries[i].put("report", report)
	// The opening: who was enrolled, and how all cases stand.
	for _, i := range old.Find("actor") {
		e := old.Entries[i].Clone()
		c.Log.Entries[c.Log.Append(w.Now, e.Body)].put("enrolment", e.Sides["enrolment"])
	}
	if len(c.Cases) > 0 {
		c.noteState(translog.Hash{}, slices.Sorted(mapsKeys(c.Cases)))
	}
	c.notePolicy()
	c.publish()
}

// EndTerm destroys the dockets of a case, behind a tombstone, as when their term has ended: those of its messages and steps. Nothing moves the case any
// more. The snapshots beside the `state` leaves go on saying how it stood; Expire takes it out of them, too.
func (w *World) EndTerm(country, token string) {
	w.T.Helper()
	w.tick()
	c := w.Country(country)
	var of []translog.Hash
	var gone []int
	for i, e := range c.Log.Entries {
		if e.Sides["docket"] == nil {
			continue
		}
		switch l := e.Body.(type) {
		case *translog.Msg:
			for _, m := range c.Cases[token].Messages {
				if translog.Hash(m.Name) == l.Msg {
					of, gone = append(of, l.Msg), append(gone, i)
				}
			}
		case *translog.Case:
			if l.Case == token {
				of, gone = append(of, l.Docket), append(gone, i)
			}
		}
	}
	sortHashes(of)
	leaf := &translog.Erase{Basis: "docket-term.3-years", By: "docket-term", What: []string{"docket"}, Of: of, OfCount: int64(len(of))}
	var list []byte
	if len(of) > 64 {
		for _, h := range of {
			list = append(list, h[:]...)
		}
		leaf.Of, leaf.OfDigest = nil, sha256.Sum256(list)
	}
	i := c.Log.Append(w.Now, leaf)
	if list != nil {
		c.Log.Entries[i].put("of", list)
	}
	for _, i := range gone {
		delete(c.Log.Entries[i].Sides, "docket")
	}
	c.Expired[token] = true
}

// Expire destroys all that the dockets of a case said, as a node does when their term has ended: EndTerm, and of the snapshots that have the case its hash
// remains.
func (w *World) Expire(country, token string) {
	w.T.Helper()
	w.EndTerm(country, token)
	c := w.Country(country)
	for _, i := range c.Log.Find("state") {
		list, err := exchange.ParseSnapshot(c.Log.Entries[i].Sides["snapshot"])
		w.must(err)
		for j := range list {
			if list[j].Token == token {
				list[j].Body = nil
			}
		}
		c.Log.Entries[i].put("snapshot", exchange.EncodeSnapshot(list))
	}
}

// GiveBack writes a message of the lost time, which its recipient gave back, into the log that a recovery opened: with its receipt, and with the step that it
// made, of whose approval nothing is left.
func (w *World) GiveBack(m *Message) {
	w.T.Helper()
	w.tick()
	c, to := w.Country(m.From), w.Country(m.To)
	leaf := m.leaf(translog.Out, w.directory(), c.Manifest)
	leaf.FirstAt = m.submitted
	m.Out = c.Log.Append(w.Now, leaf)
	m.beside(c.Log.Entries[m.Out])
	c.step(m.Docket.GetCaseToken(), exchange.Event{
		Kind: exchange.EventSent, At: m.submitted, Index: uint64(c.base + m.Out), Msg: exchange.Name(m.Name), Sent: m.submitted, From: m.From, To: m.To,
		Docket: m.Docket, Actor: m.Drafter, Who: exchange.Officer,
	}, true, because{commit: m.docketCommit()})
	if to.Log.Size() <= m.In {
		w.T.Fatalf("forge: the recipient does not have the message")
	}
	w.Receipt(m)
}

// EraseAgain erases once more what was erased in the lost time: the leaves of the people who did so are gone.
func (w *World) EraseAgain(country string, messages ...*Message) {
	w.T.Helper()
	w.tick()
	leaf := &translog.Erase{Basis: "restore", By: "restore", What: []string{"content"}, OfCount: int64(len(messages))}
	for _, m := range messages {
		leaf.Of = append(leaf.Of, translog.Hash(m.Name))
	}
	sortHashes(leaf.Of)
	w.Country(country).Log.Append(w.Now, leaf)
}
