package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/rules"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/lint"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A ledger is one country's log while it is made: leaves go into its archive as soon as their tile is full, and of the past it keeps what
// comes later needs, hashes and cases.
type ledger struct {
	c     *forge.Country
	out   *archive.Writer
	rules rules.Rules
	dir   *federation.Directory

	tile   []archive.Entry
	edge   translog.Edge
	stored []tlog.Hash
	at     int64

	cases   map[string]exchange.Case
	dirty   map[string]bool // since the last state leaf
	state   translog.Hash
	arrived []int64 // times, for the count of the last hour
	salts   *rand.ChaCha8
}

// beside are the records of a leaf, by name.
type beside map[string][]byte

// newLedger begins an archive with what the country's log holds by now, and with a policy by which one officer sends alone.
func newLedger(w *forge.World, c *forge.Country, path string) (*ledger, error) {
	l := &ledger{c: c, dir: w.Directories[0], cases: map[string]exchange.Case{}, dirty: map[string]bool{}, at: w.Now}
	l.salts = rand.NewChaCha8(sha256.Sum256([]byte("salts of " + c.Code)))
	law, err := rules.Of(l.dir.Proto())
	if err != nil {
		return nil, err
	}
	l.rules = law.Alike(true)
	if l.out, err = archive.Create(path, archive.Info{Format: archive.Format, Country: c.Code, Log: c.Origin()}); err != nil {
		return nil, err
	}
	for i, e := range c.Log.Entries {
		if err := l.put(c.Log.Leaf(int64(i)), e.Sides); err != nil {
			return nil, err
		}
	}
	house := rules.House{Units: []rules.HouseUnit{{Name: forge.Unit}}}
	policy := house.Encode()
	_, err = l.append(l.at, &translog.Policy{Name: rules.HousePolicy, Version: l.size(), Digest: rules.PolicyDigest(policy)}, beside{"policy": policy})
	return l, err
}

func (l *ledger) size() int64 { return l.edge.Size() }

// ReadHashes makes a ledger a tlog.HashReader.
func (l *ledger) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(l.stored)) {
			return nil, fmt.Errorf("hash %d of %d", x, len(l.stored))
		}
		out[i] = l.stored[x]
	}
	return out, nil
}

// append adds a leaf and returns its bytes.
func (l *ledger) append(at int64, body translog.Entry, sides beside) ([]byte, error) {
	l.at = max(l.at, at)
	leaf, err := translog.Marshal(l.at, l.size(), body)
	if err != nil {
		return nil, err
	}
	return leaf, l.put(leaf, sides)
}

func (l *ledger) put(leaf []byte, sides beside) error {
	stored, err := l.edge.Append(nil, translog.LeafHash(leaf))
	if err != nil {
		return err
	}
	for _, h := range stored {
		l.stored = append(l.stored, tlog.Hash(h))
	}
	e := archive.Entry{Index: l.size() - 1, Leaf: leaf}
	for name, b := range sides {
		e.Sides = append(e.Sides, archive.Record{Name: name, Bytes: b})
	}
	if l.tile = append(l.tile, e); len(l.tile) == archive.TileWidth {
		return l.flush()
	}
	return nil
}

// flush writes the tile. A root's signature that an earlier leaf of it has is left out, as exports do.
func (l *ledger) flush() error {
	roots := map[string]byte{}
	for i := range l.tile {
		e := &l.tile[i]
		for k := range e.Sides {
			if e.Sides[k].Name != "signature" {
				continue
			}
			own, root := splitRoot(e.Sides[k].Bytes)
			if at, ok := roots[string(root)]; ok {
				e.Sides[k].Bytes = own
				e.Sides = append(e.Sides, archive.Record{Name: "root-at", Bytes: []byte{at}})
			} else {
				roots[string(root)] = byte(i)
			}
			break
		}
		slices.SortFunc(e.Sides, func(a, b archive.Record) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
		if err := l.out.Add(*e); err != nil {
			return err
		}
	}
	l.tile = l.tile[:0]
	return nil
}

// splitRoot cuts the root's signature off a BatchSignature.
func splitRoot(b []byte) (own, root []byte) {
	_, _, n := protowire.ConsumeTag(b)
	if n < 0 {
		return b, nil
	}
	size := protowire.ConsumeFieldValue(1, protowire.BytesType, b[n:])
	if size < 0 {
		return b, nil
	}
	return b[n+size:], b[:n+size]
}

// finish ends the archive.
func (l *ledger) finish(w *forge.World) error {
	if err := l.flush(); err != nil {
		return err
	}
	for _, d := range w.Directories {
		if err := l.out.PutDirectory(d.Version(), d.Signed()); err != nil {
			return err
		}
	}
	for _, signed := range l.c.Manifests {
		m := new(rogatoryv1.SignedManifest)
		if err := envelope.StrictUnmarshal(signed, m, len(signed)); err != nil {
			return err
		}
		if err := l.out.PutManifest(sha256.Sum256(m.GetManifest()), signed); err != nil {
			return err
		}
	}
	head := l.head()
	note, err := translog.SignCheckpoint(head, l.c.Log.Signer)
	if err != nil {
		return err
	}
	info := archive.Info{Format: archive.Format, Country: l.c.Code, Log: head.Origin, Size: head.Size, Root: head.Root}
	return l.out.Finish(info, note, l.c.Log.Signer.Verifier())
}

func (l *ledger) head() translog.Checkpoint {
	return translog.Checkpoint{Origin: l.c.Origin(), Size: l.size(), Root: l.edge.Root()}
}

// step makes a step of a case and its leaf.
func (l *ledger) step(at int64, token string, e exchange.Event, leaf translog.Case, sides beside) error {
	next, changes, err := exchange.Apply(l.cases[token], e, l.rules)
	if err != nil {
		return fmt.Errorf("%s, case %s: %w", l.c.Code, token, err)
	}
	if len(changes) != 1 {
		return fmt.Errorf("%s, case %s: %d changes", l.c.Code, token, len(changes))
	}
	l.cases[token], l.dirty[token] = next, true
	ch := changes[0]
	leaf.Case, leaf.Event, leaf.FromState, leaf.ToState, leaf.Due = token, string(ch.Step), string(ch.From), string(ch.To), next.Due()
	if leaf.ToState == "" {
		leaf.ToState = "new"
	}
	if leaf.Of = translog.Hash(ch.Msg); leaf.Of.IsZero() {
		leaf.Of = translog.Hash(ch.Of)
	}
	if leaf.Docket.IsZero() {
		var salt envelope.Salt
		_, _ = l.salts.Read(salt[:])
		local, err := envelope.Marshal(&rogatoryv1.Docket{CaseToken: token})
		if err != nil {
			return err
		}
		leaf.Docket, sides = envelope.Commit(salt, envelope.Docket, local), beside{"docket": slices.Concat(salt[:], local)}
	}
	_, err = l.append(at, &leaf, sides)
	return err
}

// send logs a message that goes out.
func (l *ledger) send(at int64, p *parcel) error {
	p.out = l.size()
	if _, err := l.append(at, p.leaf(translog.Out), p.beside()); err != nil {
		return err
	}
	return l.step(at, p.docket.GetCaseToken(), exchange.Event{
		Kind: exchange.EventSent, At: l.at, Index: uint64(p.out), Actor: forge.First, Who: exchange.Officer, Msg: exchange.Name(p.name),
		Sent: p.submitted, From: p.from, To: p.to, Docket: p.docket,
	}, translog.Case{Docket: p.docketCommit, Assertion: p.assertionDigest}, beside{"assertion": p.assertion})
}

// arrive logs a message that comes in, with the decision about it.
func (l *ledger) arrive(at int64, p *parcel, manifests map[string]*federation.Manifest) error {
	sender, own := manifests[p.from], manifests[p.to]
	l.at = max(l.at, at)
	hour := len(l.arrived)
	for ; hour > 0 && l.arrived[hour-1] >= l.at-3600_000; hour-- {
	}
	l.arrived = l.arrived[hour:]
	why := translog.Case{Docket: p.docketCommit, Unit: forge.Unit}
	if lint.MethodOf(p.docket.GetKind()) == lint.MethodAsk && len(p.docket.GetOf()) == 0 {
		policy := l.dir.Policy()
		d := policy.Decide(federation.Question{
			Docket: p.docket, From: p.from, To: p.to, Fresh: l.at-sender.Made().UnixMilli() <= federation.ManifestLife.Milliseconds(),
			Services: own.Services(forge.Unit), Capacity: own.Capacity(), Hour: uint32(len(l.arrived)),
		})
		why.Rule, why.Policy, why.Manifest, why.Decision = d.Rule, policy.Digest(), int64(own.Version()), "ask-officer"
		switch d.Verdict {
		case rogatoryv1.Verdict_VERDICT_ANSWER:
			why.Decision = "answer"
		case rogatoryv1.Verdict_VERDICT_REFUSE:
			why.Decision = "refuse"
		}
	}
	l.arrived = append(l.arrived, l.at)
	p.in = l.size()
	var err error
	if p.arrived, err = l.append(at, p.leaf(translog.In), p.beside()); err != nil {
		return err
	}
	return l.step(at, p.docket.GetCaseToken(), exchange.Event{
		Kind: exchange.EventArrived, At: l.at, Index: uint64(p.in), Msg: exchange.Name(p.name), From: p.from, To: p.to,
		Sent: p.submitted, Docket: p.docket, Who: exchange.Peer,
	}, why, nil)
}

// receipts logs the peer's receipts of messages, all behind one head of its log.
func (l *ledger) receipts(at int64, parcels []*parcel, peer *ledger) error {
	head := peer.head()
	note, err := translog.SignCheckpoint(head, peer.c.Log.Signer)
	if err != nil {
		return err
	}
	for i, p := range parcels {
		leaf, err := translog.ParseLeaf(p.arrived)
		if err != nil {
			return err
		}
		proof, err := translog.ProveInclusion(head.Size, p.in, peer)
		if err != nil {
			return err
		}
		path := make([]byte, 0, len(proof)*translog.HashSize)
		for _, h := range proof {
			path = append(path, h[:]...)
		}
		sides := beside{"leaf": p.arrived, "path": path}
		if i == 0 {
			sides["checkpoint"] = note
		}
		if _, err := l.append(at, translog.RcptOf(leaf, p.name, head, p.out), sides); err != nil {
			return err
		}
		if err := l.step(at, p.docket.GetCaseToken(), exchange.Event{
			Kind: exchange.EventReceived, At: min(leaf.At, l.at), Index: uint64(l.size()), Of: exchange.Name(p.name), Who: exchange.Peer,
		}, translog.Case{}, nil); err != nil {
			return err
		}
		p.arrived = nil
	}
	return nil
}

// noteState writes a `state` leaf over the cases that changed since the last.
func (l *ledger) noteState(at int64) error {
	changed := make([]exchange.Changed, 0, len(l.dirty))
	for token := range l.dirty {
		k := l.cases[token]
		body := k.Encode()
		changed = append(changed, exchange.Changed{Token: token, Hash: exchange.HashEncoded(body), Body: body})
	}
	clear(l.dirty)
	exchange.SortChanged(changed)
	l.state = exchange.FoldState(l.state, changed)
	_, err := l.append(at, &translog.State{Size: l.size(), State: l.state, Snapshot: exchange.SnapshotDigest(changed)},
		beside{"snapshot": exchange.EncodeSnapshot(changed)})
	return err
}
