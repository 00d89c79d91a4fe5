package post

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/federation/founding"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/receipt"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/memory"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// world is a few members on a backbone in memory.
type world struct {
	t       testing.TB
	net     *memory.Backbone
	dir     *federation.Directory
	members map[string]*member
}

// member is one country: what survives a restart, and what runs, if it does.
type member struct {
	*founding.Member
	w       *world
	code    string
	folder  string
	ring    *keyring.Ring
	sealing *keyring.SealingKeys
	log     *translog.LogSigner
	book    *peers.Book
	order   store.Order // of writing database and guard

	store  *store.Store
	port   *memory.Port
	office *Office
	desk   *desk
	stop   func() error
}

// desk is a Desk that keeps what happened in the cases: each case's body has a line for each effect. Its knobs choose what it
// answers.
type desk struct {
	mu    sync.Mutex
	judge func(*Arrival) (reject string, err error)
	fail  func(Delivery) error
}

func (d *desk) Admit(tx *store.Tx, a *Arrival) (Admission, error) {
	d.mu.Lock()
	judge := d.judge
	d.mu.Unlock()
	if judge != nil {
		if reject, err := judge(a); reject != "" || err != nil {
			return Admission{Reject: reject}, err
		}
	}
	token := a.Docket.GetCaseToken()
	return Admission{CaseToken: token, Unit: "police", Record: func(tx *store.Tx) error {
		return note(tx, token, "arrived %s %d", a.Name, a.Index)
	}}, nil
}

func (d *desk) Delivered(tx *store.Tx, r Delivery) error {
	d.mu.Lock()
	fail := d.fail
	d.mu.Unlock()
	if fail != nil {
		if err := fail(r); err != nil {
			return err
		}
	}
	return note(tx, r.CaseToken, "delivered %s at %d%s", r.Name, r.At, r.Reject)
}

func (d *desk) set(judge func(*Arrival) (string, error), fail func(Delivery) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.judge, d.fail = judge, fail
}

// note adds a line to a case.
func note(tx *store.Tx, token, format string, args ...any) error {
	_, body, err := tx.Case(token)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	body = append(bytes.Clone(body), fmt.Sprintf(format+"\n", args...)...)
	return tx.PutCase(&storev1.CaseSummary{Token: token, Unit: "police", State: "known"}, body)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newWorld makes members that share a directory and know one another's manifests; none runs.
func newWorld(t testing.TB, codes ...string) *world {
	t.Helper()
	w := &world{t: t, net: memory.New(memory.Options{Seed: 1}, codes...), members: map[string]*member{}}
	dir, founders := founding.New(t, codes...)
	w.dir = dir
	for code, f := range founders {
		m := &member{Member: f, w: w, code: code, folder: t.TempDir(), ring: f.Ring, log: f.Log, desk: &desk{}, book: peers.New(code, dir)}
		var err error
		m.sealing, err = m.ring.OpenSealing(filepath.Join(m.folder, "sealing"))
		must(t, err)
		w.members[code] = m
	}
	for _, m := range w.members {
		m.publish()
	}
	return w
}

// publish makes a manifest and tells everybody.
func (m *member) publish() {
	m.w.t.Helper()
	now := time.Now()
	_, _, err := m.sealing.EnsureDays(now)
	must(m.w.t, err)
	signed := m.Manifest(m.w.t, m.book.Manifest(m.code), 0, m.sealing)
	for _, o := range m.w.members {
		if _, err := o.book.Learn(signed, m.code, now); err != nil {
			m.w.t.Fatal(err)
		}
	}
}

// open opens the member's store.
func (m *member) open(step func(string)) {
	m.w.t.Helper()
	s, err := store.Open(store.Options{
		Dir: filepath.Join(m.folder, "data"), GuardPath: filepath.Join(m.folder, "guard", "head"),
		Country: m.code, Origin: m.log.Verifier().Origin(), Epoch: 1, Step: step, Order: m.order,
		UnitKeys: func(unit string) (store.UnitKey, error) {
			key, ok := m.ring.UnitKey(unit)
			if !ok {
				return store.UnitKey{}, errors.New("no such unit")
			}
			return store.UnitKey(key.Bytes()), nil
		},
	})
	must(m.w.t, err)
	m.store = s
	m.port = m.w.net.Port(m.code)
}

// start runs the member's office, cleared, until halt.
func (m *member) start(change ...func(*Config)) {
	m.w.t.Helper()
	cfg := Config{
		Country: m.code, Peers: m.book, Identity: m.ring.Identity, Sealing: m.sealing, Log: m.log, Desk: m.desk,
		Logger: slog.New(slog.DiscardHandler),
	}
	if os.Getenv("ROGATORY_TEST_LOG") != "" {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", m.code)
	}
	for _, f := range change {
		f(&cfg)
	}
	m.open(cfg.Step)
	cfg.Store, cfg.Net = m.store, m.port
	m.office = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.office.Run(ctx) }()
	m.office.Clear()
	for peer := range m.office.lanes {
		m.office.Confirm(peer)
	}
	m.stop = func() error {
		cancel()
		return <-done
	}
}

// halt stops the office, if it runs, checks the store and closes it.
func (m *member) halt() {
	m.w.t.Helper()
	if m.store == nil {
		return
	}
	if m.stop != nil {
		if err := m.stop(); err != nil {
			m.w.t.Errorf("%s stopped with: %v", m.code, err)
		}
		m.stop = nil
	}
	must(m.w.t, m.port.Close())
	if err := m.store.Check(context.Background()); err != nil {
		m.w.t.Errorf("store of %s: %v", m.code, err)
	}
	must(m.w.t, m.store.Close())
	m.store = nil
}

// bubble runs a test with members in a bubble of synctest; all are halted and checked at its end.
func bubble(t *testing.T, f func(t *testing.T, w *world), codes ...string) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(36 * time.Hour) // to noon: days end when a test says so
		w := newWorld(t, codes...)
		defer func() {
			for _, m := range w.members {
				m.halt()
			}
			time.Sleep(time.Second) // what is still on its way ends too, as a bubble wants
		}()
		f(t, w)
	})
}

// pair starts RS and BG.
func (w *world) pair() (rs, bg *member) {
	rs, bg = w.members["RS"], w.members["BG"]
	rs.start()
	bg.start()
	return rs, bg
}

func part(b []byte) envelope.Part { return envelope.Part{Bytes: b, Salt: envelope.NewSalt()} }

// docket returns a docket of a case.
func docket(t testing.TB, token string) envelope.Part {
	b, err := envelope.Marshal(&rogatoryv1.Docket{CaseToken: token})
	must(t, err)
	return part(b)
}

func content(t testing.TB, text string) envelope.Part {
	b, err := envelope.Marshal(&rogatoryv1.Content{Language: text})
	must(t, err)
	return part(b)
}

// outgoing returns a message of a case, with its content.
func (m *member) outgoing(to, token, text string) Outgoing {
	return Outgoing{To: to, Docket: docket(m.w.t, token), Content: content(m.w.t, text), CaseToken: token, Unit: "police"}
}

// opens returns what a caller writes who opens cases with the messages.
func opens(tokens ...string) func(*store.Tx, []Sent) error {
	return func(tx *store.Tx, sent []Sent) error {
		for i, token := range tokens {
			if err := note(tx, token, "sent %s", sent[i].Name); err != nil {
				return err
			}
		}
		return nil
	}
}

// send submits one message.
func (m *member) send(to, token string) Sent {
	m.w.t.Helper()
	sent, err := m.office.Submit(context.Background(), []Outgoing{m.outgoing(to, token, "content of "+token)}, opens(token))
	must(m.w.t, err)
	return sent[0]
}

// story returns the lines of a case; none when there is no such case.
func (m *member) story(token string) []string {
	m.w.t.Helper()
	var body []byte
	err := m.store.View(func(r *store.Reader) (err error) {
		_, body, err = r.Case(token)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	must(m.w.t, err)
	var lines []string
	for _, line := range bytes.Split(bytes.TrimSpace(body), []byte("\n")) {
		lines = append(lines, string(line))
	}
	return lines
}

// leaves returns the entries of the log from an index on.
func (m *member) leaves(from int64) []translog.Entry {
	m.w.t.Helper()
	var list []translog.Entry
	must(m.w.t, m.store.View(func(r *store.Reader) error {
		var bad error
		r.Leaves(from, func(_ int64, raw []byte) bool {
			leaf, err := translog.ParseLeaf(raw)
			bad = errors.Join(bad, err)
			list = append(list, leaf.Entry)
			return true
		})
		return bad
	}))
	return list
}

func (m *member) size() int64 { return int64(len(m.leaves(0))) }

// kinds returns the kinds of the leaves from an index on.
func (m *member) kinds(from int64) (list []string) {
	for _, e := range m.leaves(from) {
		list = append(list, e.Kind())
	}
	return list
}

// waiting returns how many messages wait in the store's outbox, and fails when the office thinks otherwise.
func (m *member) waiting(to string) int {
	m.w.t.Helper()
	n := 0
	must(m.w.t, m.store.View(func(r *store.Reader) error {
		_, waiting := r.OutboxPeers()
		n = waiting[to]
		return nil
	}))
	if m.office != nil && m.stop != nil {
		if b := m.office.lanes[to].queue.Len(); b != n {
			m.w.t.Errorf("%d messages wait in the store of %s and %d in memory", n, m.code, b)
		}
	}
	return n
}

// parked returns what is parked.
func (m *member) parked() (list []*storev1.Parked) {
	m.w.t.Helper()
	must(m.w.t, m.store.View(func(r *store.Reader) error {
		return r.EachParked(func(p *storev1.Parked) bool { list = append(list, p); return true })
	}))
	return list
}

func (m *member) forks() (list []*storev1.ForkProof) {
	m.w.t.Helper()
	must(m.w.t, m.store.View(func(r *store.Reader) error {
		return r.EachForkProof(func(p *storev1.ForkProof) bool { list = append(list, p); return true })
	}))
	return list
}

// villain is a member with all of its own keys that follows no protocol: it has a store to make a log with, and no office.
type villain struct {
	*member
	seq  map[string]uint64
	prev map[string]envelope.Name
}

func (m *member) turn() *villain {
	m.w.t.Helper()
	m.open(nil)
	return &villain{member: m, seq: map[string]uint64{}, prev: map[string]envelope.Name{}}
}

// forgery is what a villain may choose; zero values are those of an honest sender.
type forgery struct {
	message  func(*rogatoryv1.Message)
	raw      func([]byte) []byte // changes the Message's bytes
	sealing  func([]byte) []byte // changes the Sealing's bytes
	envelope func(*rogatoryv1.Envelope)
	docket   []byte
	content  []byte
	key      *keyring.Identity
	to       *member // whose key seals
	now      time.Time
	life     time.Duration
	same     bool // takes the number of the message before
}

// forge seals and signs a message as the forgery says, else an ordinary one.
func (v *villain) forge(to *member, f forgery) []byte {
	t := v.w.t
	t.Helper()
	if f.docket == nil {
		f.docket = docket(t, v.code+"-case").Bytes
	}
	if f.content == nil {
		f.content = content(t, "hello").Bytes
	}
	if f.key == nil {
		f.key = v.ring.Identity()
	}
	if f.to == nil {
		f.to = to
	}
	if f.now.IsZero() {
		f.now = time.Now()
	}
	d, c := part(f.docket), part(f.content)
	seq := v.seq[to.code] + 1
	if f.same {
		seq--
	}
	dc, cc := envelope.Commit(d.Salt, envelope.Docket, d.Bytes), envelope.Commit(c.Salt, envelope.Content, c.Bytes)
	prev := v.prev[to.code]
	msg := &rogatoryv1.Message{
		From: v.code, To: to.code, Epoch: 1, Seq: seq, Prev: prev[:],
		DocketCommit: dc[:], ContentCommit: cc[:], SubmittedMs: uint64(f.now.UnixMilli()),
	}
	if seq == 1 {
		msg.Prev = make([]byte, 32)
	}
	if f.message != nil {
		f.message(msg)
	}
	raw, err := envelope.Marshal(msg)
	must(t, err)
	day, err := f.to.book.Manifest(f.to.code).SealingKeyFor(f.now)
	must(t, err)
	own := f.to.book.Manifest(f.to.code)
	sealed, err := envelope.Seal(envelope.Attempt{
		Message: raw, Docket: d, Content: c, Key: day, From: f.key.KID(),
		ManifestVersion: own.Version(), ManifestDigest: own.Digest(), Now: f.now, Life: f.life,
	})
	must(t, err)
	if f.sealing != nil || f.raw != nil {
		st := &rogatoryv1.Statement{}
		must(t, envelope.StrictUnmarshal(sealed.Statement, st, 1<<20))
		if f.raw != nil {
			s := &rogatoryv1.Sealing{}
			must(t, envelope.StrictUnmarshal(st.Sealing, s, 1<<20))
			s.Message = f.raw(s.Message)
			st.Sealing, err = envelope.Marshal(s)
			must(t, err)
		}
		if f.sealing != nil {
			st.Sealing = f.sealing(st.Sealing)
		}
		sealed.Statement, err = envelope.Marshal(st)
		must(t, err)
	}
	signed, err := envelope.SignBatch(f.key, []*envelope.Sealed{sealed})
	must(t, err)
	e := signed[0].Envelope
	if f.envelope != nil {
		env := &rogatoryv1.Envelope{}
		must(t, envelope.StrictUnmarshal(e, env, 1<<20))
		f.envelope(env)
		e, err = envelope.Marshal(env)
		must(t, err)
	}
	return e
}

// honest sends an ordinary message and counts it.
func (v *villain) honest(to *member) []byte {
	e := v.forge(to, forgery{})
	v.sent(to, e)
	return e
}

// sent counts a message that takes its number.
func (v *villain) sent(to *member, e []byte) {
	v.w.t.Helper()
	o, err := envelope.Parse(e, len(e))
	must(v.w.t, err)
	v.seq[to.code], v.prev[to.code] = o.Message().GetSeq(), o.Name()
}

// frame puts a frame into a mailbox.
func (v *villain) frame(to string, f *rogatoryv1.Frame) {
	v.w.t.Helper()
	b, err := envelope.Marshal(f)
	must(v.w.t, err)
	v.bytes(to, b)
}

func (v *villain) bytes(to string, b []byte) {
	v.w.t.Helper()
	must(v.w.t, v.port.Publish(context.Background(), to, b))
	synctest.Wait()
}

func (v *villain) mail(to string, envelopes ...[]byte) {
	v.w.t.Helper()
	v.frame(to, &rogatoryv1.Frame{Envelopes: envelopes})
}

// answers returns what a member has sent to the villain since the last time, one frame for all.
func (v *villain) answers(from string) *rogatoryv1.Frame {
	v.w.t.Helper()
	all := &rogatoryv1.Frame{}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		frames, err := v.port.Receive(ctx, from, 16<<20)
		cancel()
		if err != nil {
			return all
		}
		for _, raw := range frames {
			f := &rogatoryv1.Frame{}
			must(v.w.t, envelope.StrictUnmarshal(raw.Data, f, transport.MaxFrame))
			all.Envelopes = append(all.Envelopes, f.Envelopes...)
			all.Receipts = append(all.Receipts, f.Receipts...)
			all.Advice = append(all.Advice, f.Advice...)
			must(v.w.t, raw.Ack())
		}
	}
}

// receipts returns the leaves of all receipts in a frame, checked.
func (w *world) receipts(from *member, f *rogatoryv1.Frame) (list []translog.Leaf) {
	w.t.Helper()
	for _, rs := range f.GetReceipts() {
		cp, err := translog.ParseCheckpoint(rs.GetCheckpoint(), from.log.Verifier())
		must(w.t, err)
		for _, r := range rs.GetReceipts() {
			leaf, _, _, err := receipt.Verify(r, cp)
			must(w.t, err)
			list = append(list, leaf)
		}
	}
	return list
}

// unknownField appends a field that no message of this version has.
func unknownField(b []byte) []byte {
	return protowire.AppendVarint(protowire.AppendTag(bytes.Clone(b), 5000, protowire.VarintType), 7)
}

// prove appends leaves to the villain's log and returns the receipts that they are.
func (v *villain) prove(entries ...translog.Entry) *rogatoryv1.Receipts {
	t := v.w.t
	t.Helper()
	var indices []int64
	_, err := v.store.Update(context.Background(), func(tx *store.Tx) error {
		indices = nil
		for _, e := range entries {
			index, err := tx.Append(e)
			if err != nil {
				return err
			}
			indices = append(indices, index)
			if m, ok := e.(*translog.Msg); ok { // a store that passes its check
				if err := tx.PutMessage(index, &storev1.LoggedMessage{Peer: m.From, Msg: m.Msg[:]}); err != nil {
					return err
				}
				if err := tx.PutSeen(m.From, uint32(m.Epoch), uint64(m.Seq), &storev1.Seen{Msg: m.Msg[:], LeafIndex: uint64(index)}); err != nil && !errors.Is(err, store.ErrExists) {
					return err
				}
			}
		}
		return nil
	})
	must(t, err)
	head, err := v.store.Guard(context.Background())
	must(t, err)
	note, err := translog.SignCheckpoint(translog.Checkpoint{Origin: v.log.Verifier().Origin(), Size: head.Size, Root: head.Root}, v.log)
	must(t, err)
	out := &rogatoryv1.Receipts{Checkpoint: note}
	must(t, v.store.View(func(r *store.Reader) error {
		for _, index := range indices {
			leaf, err := r.Leaf(index)
			if err != nil {
				return err
			}
			proof, err := r.Inclusion(index, head.Size)
			if err != nil {
				return err
			}
			one := &rogatoryv1.Receipt{Leaf: bytes.Clone(leaf), Index: uint64(index)}
			for _, h := range proof {
				one.Hashes = append(one.Hashes, h[:])
			}
			out.Receipts = append(out.Receipts, one)
		}
		return nil
	}))
	return out
}

func digest(s string) translog.Hash { return sha256.Sum256([]byte(s)) }

// arrival returns the leaf that an honest recipient has of a message.
func arrival(from *member, sent Sent) *translog.Msg {
	m := *from.leaves(sent.Index)[0].(*translog.Msg)
	m.Dir, m.Stmt, m.Sig, m.ManifestVersion, m.DirectoryVersion = translog.In, digest("stmt"), digest("sig"), 1, 1
	return &m
}
