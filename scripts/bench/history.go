package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/lint"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// What stands in the log that is measured, for each round of a minute: 2,000 leaves, of which half carry a statement of their own that
// somebody has signed: what arrived, and attempts to carry again what a peer that is away has not taken.
const (
	arrivals  = 700 // each a message and a step
	perCase   = 4   // messages of one case: a request and its reminders
	departs   = 40  // each a message, a step, a receipt and its step
	reseals   = 300
	readings  = 127 // of officers
	members   = 12
	roundMS   = 60_000
	batchSize = 250 // of statements under one signature, in a log of batches
)

// A history is a pair of archives that agree, of sender and recipient, and the directory that an auditor trusts.
type history struct {
	dir     string
	entries int64
	batched bool
}

func (h history) log(country string) string { return filepath.Join(h.dir, country) }
func (h history) directory() string         { return filepath.Join(h.dir, "directory") }

// auditee is the country whose log is measured; sender sends to it.
const auditee = recipient

// A parcel is one message, made and signed.
type parcel struct {
	from, to                   string
	docket                     *rogatoryv1.Docket
	docketBytes                []byte // salt and docket
	docketCommit, contentHash  translog.Hash
	raw, statement, signature  []byte
	name                       translog.Hash
	stmt, sig                  translog.Hash
	seq                        uint64
	prev                       translog.Hash
	submitted                  int64
	assertion                  []byte
	assertionDigest            translog.Hash
	directoryVersion, manifest int64
	attempt                    int // to carry it

	out, in int64
	arrived []byte // leaf of the recipient
}

func (p *parcel) leaf(dir string) *translog.Msg {
	return &translog.Msg{
		Dir: dir, Msg: p.name, From: p.from, To: p.to, Epoch: 1, Seq: int64(p.seq), Prev: p.prev, DocketCommit: p.docketCommit,
		ContentCommit: p.contentHash, DirectoryVersion: p.directoryVersion, ManifestVersion: p.manifest, Stmt: p.stmt, Sig: p.sig, Size: 4096,
	}
}

func (p *parcel) beside() beside {
	return beside{"message": p.raw, "statement": p.statement, "signature": p.signature, "docket": p.docketBytes}
}

// A writer makes a history.
type writer struct {
	world   *forge.World
	at      int64 // when the next round begins
	tails   map[string]*tail
	tokens  int
	batched bool
	salt    *saltSource
}

type tail struct {
	seq  uint64
	prev translog.Hash
}

// saltSource gives bytes that nobody guesses, in larger portions.
type saltSource struct {
	b [4096]byte
	n int
}

func (s *saltSource) take(n int) []byte {
	if s.n+n > len(s.b) || s.n == 0 {
		_, _ = rand.Read(s.b[:]) // never fails: crypto/rand stops the program instead
		s.n = 0
	}
	out := slices.Clone(s.b[s.n : s.n+n])
	s.n += n
	return out
}

// A round is what happens within a minute, signed.
type round struct {
	at      int64
	in, out []*parcel // of the auditee
	again   []*parcel // statements of out, made anew
	reading []*parcel // assertions of officers, without messages
	readWhy string
}

// makeHistory writes a history of about as many entries, unless the folder holds it.
func makeHistory(ctx context.Context, dir string, entries int64, batched bool, tell func(done int64)) (history, error) {
	kind := "alone"
	if batched {
		kind = "batched"
	}
	h := history{dir: filepath.Join(dir, fmt.Sprintf("history-%d-%s", entries, kind)), entries: entries, batched: batched}
	if _, err := os.Stat(h.directory()); err == nil { // written last
		return h, nil
	}
	if err := os.RemoveAll(h.dir); err != nil {
		return h, err
	}
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		return h, err
	}
	world, err := newWorld()
	if err != nil {
		return h, err
	}
	w := &writer{world: world, at: world.Now + roundMS, tails: map[string]*tail{}, batched: batched, salt: &saltSource{}}
	own, err := newLedger(world, world.Country(auditee), h.log(auditee))
	if err != nil {
		return h, err
	}
	peer, err := newLedger(world, world.Country(sender), h.log(sender))
	if err != nil {
		return h, err
	}
	g, ctx := errgroup.WithContext(ctx)
	rounds := make(chan *round, 1)
	g.Go(func() error {
		defer close(rounds)
		for n := own.size(); n < entries; n += 2*arrivals + 4*departs + reseals + readings + members + 1 {
			r, err := w.round()
			if err != nil {
				return err
			}
			select {
			case rounds <- r:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	g.Go(func() error {
		for r := range rounds {
			if err := w.write(own, peer, r); err != nil {
				return err
			}
			tell(own.size())
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return h, err
	}
	if err := own.finish(world); err != nil {
		return h, err
	}
	if err := peer.finish(world); err != nil {
		return h, err
	}
	return h, os.WriteFile(h.directory(), world.Trusted(), 0o644)
}

// newWorld founds the federation.
func newWorld() (*forge.World, error) {
	codes := []string{"AT", "BG", "CY", "CZ", "DE", "EE", "GR", "HU", "IE", "LT", "PL", "RS"}
	t := &failure{}
	made := make(chan *forge.World, 1)
	go func() {
		defer close(made)
		made <- forge.New(t, codes[:members]...)
	}()
	if w := <-made; w != nil {
		return w, nil
	}
	return nil, t.err
}

// failure takes the place of a test: what cannot be made ends the goroutine.
type failure struct{ err error }

func (f *failure) Helper() {}
func (f *failure) Fatalf(format string, args ...any) {
	f.err = fmt.Errorf(format, args...)
	runtime.Goexit()
}

// round makes and signs what happens in the next minute. Names follow one another; all else is made by all cores.
func (w *writer) round() (*round, error) {
	r := &round{at: w.at, readWhy: "investigation"}
	w.at += roundMS
	own, peer := w.world.Country(auditee), w.world.Country(sender)
	batch := func(from *forge.Country, to string, n int, at int64) ([]*parcel, error) {
		var list []*parcel
		var q *parcel
		for i := range n {
			d := forge.Request(rogatoryv1.Urgency_URGENCY_NORMAL)
			if i%perCase == 0 {
				w.tokens++
				d.CaseToken = fmt.Sprintf("%s-2026-%06d", from.Code, w.tokens)
			} else {
				d = &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_REMINDER, CaseToken: q.docket.GetCaseToken(), Of: slices.Clone(q.name[:])}
			}
			p, err := w.compose(from, to, d, at)
			if err != nil {
				return nil, err
			}
			if i%perCase == 0 {
				q = p
			}
			list = append(list, p)
		}
		return list, nil
	}
	var err error
	if r.in, err = batch(peer, own.Code, arrivals, r.at); err != nil {
		return nil, err
	}
	if r.out, err = batch(own, peer.Code, departs, r.at+10_000); err != nil {
		return nil, err
	}
	for i := range reseals {
		p := *r.out[i%departs]
		p.statement, p.attempt = nil, i
		r.again = append(r.again, &p)
	}
	for i := range readings {
		q := r.in[i*perCase]
		r.reading = append(r.reading, &parcel{docket: q.docket})
	}
	g := new(errgroup.Group)
	g.SetLimit(runtime.NumCPU())
	sign := func(c *forge.Country, list []*parcel, at int64, size int) {
		if w.batched {
			size = batchSize
		}
		for chunk := range slices.Chunk(list, size) {
			g.Go(func() error { return w.sign(c, chunk, at) })
		}
	}
	sign(peer, r.in, r.at, 1)
	sign(own, r.out, r.at+10_000, departs)
	sign(own, r.again, r.at+20_000, 1)
	nonces := make([][16]byte, len(r.in)+len(r.out)+len(r.reading))
	for i := range nonces {
		nonces[i] = [16]byte(w.salt.take(16))
	}
	assert := func(c *forge.Country, list []*parcel, at int64, nonces [][16]byte) {
		for i := range list {
			g.Go(func() error { return list[i].assert(c, at, nonces[i], r.readWhy) })
		}
	}
	assert(peer, r.in, r.at, nonces)
	assert(own, r.out, r.at+10_000, nonces[len(r.in):])
	assert(own, r.reading, r.at+40_000, nonces[len(r.in)+len(r.out):])
	return r, g.Wait()
}

// compose makes a message with its number and name.
func (w *writer) compose(from *forge.Country, to string, d *rogatoryv1.Docket, at int64) (*parcel, error) {
	d.Method, d.FromUnit, d.Authority = lint.MethodOf(d.GetKind()), forge.Unit, rogatoryv1.Authority_AUTHORITY_POLICE
	d.ToUnit, d.Actor, d.ActorKind = forge.Unit, forge.First, rogatoryv1.ActorKind_ACTOR_KIND_OFFICER
	b, err := envelope.Marshal(d)
	if err != nil {
		return nil, err
	}
	t := w.tails[from.Code]
	if t == nil {
		t = &tail{}
		w.tails[from.Code] = t
	}
	t.seq++
	salt := envelope.Salt(w.salt.take(32))
	p := &parcel{
		from: from.Code, to: to, docket: d, docketBytes: slices.Concat(salt[:], b), docketCommit: envelope.Commit(salt, envelope.Docket, b),
		contentHash: translog.Hash(w.salt.take(32)), seq: t.seq, prev: t.prev, submitted: at,
		directoryVersion: int64(w.world.Directories[0].Version()), manifest: int64(from.Manifest.Version()), out: -1, in: -1,
	}
	if p.raw, err = envelope.Marshal(&rogatoryv1.Message{
		From: p.from, To: p.to, Epoch: 1, Seq: p.seq, Prev: slices.Clone(t.prev[:]), SubmittedMs: uint64(at),
		DocketCommit: p.docketCommit[:], ContentCommit: p.contentHash[:],
	}); err != nil {
		return nil, err
	}
	p.name = translog.Hash(envelope.MessageName(p.raw))
	t.prev = p.name
	return p, nil
}

// sign makes statements of ciphertexts that nobody has, and one signature over them.
func (w *writer) sign(c *forge.Country, list []*parcel, at int64) error {
	key := c.Identities[0].Key
	kid := key.KID()
	batch := make([]*envelope.Sealed, len(list))
	for i, p := range list {
		to := c.Known[p.to]
		digest := to.Digest()
		made := sha256.Sum256(binary.BigEndian.AppendUint64(slices.Clone(p.name[:]), uint64(p.attempt)))
		sealing, err := envelope.Marshal(&rogatoryv1.Sealing{
			Suite: 1, Message: p.raw, FromKid: kid[:], ToKid: kid[:], SealedMs: uint64(at), ExpiresMs: uint64(at + 3600_000),
			ManifestVersion: to.Version(), ManifestDigest: digest[:],
		})
		if err != nil {
			return err
		}
		if p.statement, err = envelope.Marshal(&rogatoryv1.Statement{Sealing: sealing, CtDigest: made[:], CtLen: 4096, WrapDigest: digest[:]}); err != nil {
			return err
		}
		p.stmt = envelope.StatementHash(p.statement)
		batch[i] = &envelope.Sealed{Statement: p.statement, Hash: p.stmt, From: kid}
	}
	signed, err := envelope.SignBatch(key, batch)
	if err != nil {
		return err
	}
	for i, p := range list {
		p.signature, p.sig = signed[i].Signature, signed[i].Hash
	}
	return nil
}

// assert makes the officer's assertion: of sending, or of reading.
func (p *parcel) assert(c *forge.Country, at int64, nonce [16]byte, why string) error {
	draft := &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: p.docket.GetCaseToken(), Actor: forge.First, Reason: why}
	if p.raw != nil {
		draft.Verb, draft.Reason = rogatoryv1.Verb_VERB_SEND, ""
		draft.Targets = []*rogatoryv1.ActTarget{{To: p.to, Unit: forge.Unit, DocketCommit: p.docketCommit[:], ContentCommit: p.contentHash[:]}}
	}
	act, err := federation.NewAct(draft, nonce, time.UnixMilli(at))
	if err != nil {
		return err
	}
	a, err := federation.SignAct(act, c.Officers[forge.First])
	if err != nil {
		return err
	}
	if p.assertionDigest, err = federation.AssertionDigest(a); err != nil {
		return err
	}
	p.assertion, err = envelope.Marshal(a)
	return err
}

// write logs a round on both sides.
func (w *writer) write(own, peer *ledger, r *round) error {
	exchanged := func(from, to *ledger, list []*parcel, at int64, between func() error) error {
		for _, p := range list {
			if err := from.send(at, p); err != nil {
				return err
			}
		}
		if err := between(); err != nil {
			return err
		}
		for _, p := range list {
			if err := to.arrive(at+5_000, p, from.c.Known); err != nil {
				return err
			}
		}
		return from.receipts(at+6_000, list, to)
	}
	if err := exchanged(peer, own, r.in, r.at, func() error { return nil }); err != nil {
		return err
	}
	if err := exchanged(own, peer, r.out, r.at+10_000, func() error {
		for _, p := range r.again {
			if _, err := own.append(r.at+20_000, &translog.Reseal{Of: p.name, Stmt: p.stmt, Sig: p.sig},
				beside{"statement": p.statement, "signature": p.signature}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for _, p := range r.reading {
		op := &translog.Op{
			Verb: translog.Consult, Who: forge.First, Why: r.readWhy, Basis: "eu-2023-977", Case: p.docket.GetCaseToken(), Assertion: p.assertionDigest,
		}
		k := own.cases[op.Case]
		for _, m := range k.Messages {
			op.Of = append(op.Of, translog.Hash(m.Name))
		}
		slices.SortFunc(op.Of, func(a, b translog.Hash) int { return strings.Compare(string(a[:]), string(b[:])) })
		op.OfCount = int64(len(op.Of))
		if _, err := own.append(r.at+40_000, op, beside{"assertion": p.assertion}); err != nil {
			return err
		}
	}
	for _, l := range []*ledger{own, peer} {
		if err := l.noteState(r.at + 45_000); err != nil {
			return err
		}
	}
	return w.witness(own, peer, r.at+50_000)
}

// witness lets all members cosign both heads, and both cosign a head of everybody.
func (w *writer) witness(own, peer *ledger, at int64) error {
	heads := map[string]translog.Checkpoint{}
	for _, c := range w.world.Countries() {
		heads[c.Code] = translog.Checkpoint{Origin: c.Origin(), Size: at / roundMS, Root: sha256.Sum256(fmt.Append(nil, c.Code, at))}
	}
	heads[own.c.Code], heads[peer.c.Code] = own.head(), peer.head()
	for _, l := range []*ledger{own, peer} {
		for _, c := range w.world.Countries() {
			if h := heads[c.Code]; c != l.c {
				if _, err := l.append(at, &translog.Wit{Log: h.Origin, Root: h.Root, Size: h.Size, Time: at / 1000}, nil); err != nil {
					return err
				}
			}
		}
		if err := w.reached(l, heads[l.c.Code], at); err != nil {
			return err
		}
	}
	return nil
}

// reached logs that a quorum has cosigned a head.
func (w *writer) reached(l *ledger, head translog.Checkpoint, at int64) error {
	note, err := translog.SignCheckpoint(head, l.c.Log.Signer)
	if err != nil {
		return err
	}
	pairs := map[string][]byte{}
	for _, c := range w.world.Countries() {
		if c == l.c || len(pairs) == translog.Quorum(members-1) {
			continue
		}
		if pairs[c.Witness.Verifier().Name()], err = translog.Cosign(head, at/1000, c.Witness); err != nil {
			return err
		}
	}
	var witnesses []*translog.WitnessVerifier
	for _, c := range w.world.Countries() {
		witnesses = append(witnesses, c.Witness.Verifier())
	}
	var by []string
	var lines [][]byte
	for name, pair := range pairs {
		by, lines = append(by, name), append(lines, pair)
	}
	slices.Sort(by)
	export, err := translog.AddCosignatures(note, l.c.Log.Signer.Verifier(), witnesses, lines...)
	if err != nil {
		return err
	}
	_, err = l.append(at+1_000, &translog.Cos{By: by, Count: int64(len(by)), Digest: sha256.Sum256(export), Log: head.Origin, Root: head.Root, Size: head.Size},
		beside{"checkpoint": export})
	return err
}
