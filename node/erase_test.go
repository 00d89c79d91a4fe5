package node_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
	"google.golang.org/protobuf/proto"
)

// on is one act about a message.
func (p *person) on(verb rogatoryv1.Verb, token string, msg []byte, reason string) error {
	r, err := p.prepare(&nodev1.PrepareRequest{Verb: verb, CaseToken: token, Subject: msg, Reason: reason})
	if err == nil {
		_, err = p.commit(r)
	}
	return err
}

// of returns a message of the case as a person sees it.
func (k *talk) of(p *person, msg []byte) *nodev1.CaseMessage {
	k.Helper()
	shown, err := p.show(k.token)
	must(k.T, err)
	for _, m := range shown.GetMessages() {
		if bytes.Equal(m.GetMsg(), msg) {
			return m
		}
	}
	k.Fatalf("%s holds no message %x", k.token, msg)
	return nil
}

// lying names the files below a folder in which one of the secrets lies.
func lying(t *testing.T, dir string, secrets ...[]byte) (names []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if slices.ContainsFunc(secrets, func(s []byte) bool { return bytes.Contains(b, s) }) {
			names = append(names, e.Name())
		}
		return err
	}))
	return names
}

// wrapped returns the key of a message's content as the stopped node's keys.db has it.
func (c *country) wrapped(msg []byte) (key []byte) {
	c.f.t.Helper()
	var id uint64
	s := c.open()
	must(c.f.t, errors.Join(s.View(func(r *store.Reader) error {
		return r.EachMessage(0, func(_ int64, m *storev1.LoggedMessage) bool {
			if bytes.Equal(m.GetMsg(), msg) {
				id = m.GetContentId()
			}
			return id == 0
		})
	}), s.Close()))
	db, err := bbolt.Open(filepath.Join(c.load().Data, "keys.db"), 0o600, &bbolt.Options{ReadOnly: true})
	must(c.f.t, err)
	must(c.f.t, errors.Join(db.View(func(tx *bbolt.Tx) error {
		var row storev1.DataKey
		err := proto.Unmarshal(tx.Bucket([]byte("keys")).Get(binary.BigEndian.AppendUint64(nil, id)), &row)
		key = row.GetWrapped()
		return err
	}), db.Close()))
	if len(key) != 60 {
		c.f.t.Fatalf("a wrapped key of %d bytes", len(key))
	}
	return key
}

// restored puts a backup into a new folder and does not open it.
func (c *country) restored(backup string) (folder string) {
	c.f.t.Helper()
	ring, err := keyring.OpenRing(filepath.Join(c.dir, setup.RingFolder, keyring.RingFile), keyring.Plain())
	must(c.f.t, err)
	opts := node.StoreOptions(c.load(), ring)
	opts.Dir = filepath.Join(c.dir, "restored")
	_, err = store.Restore(context.Background(), backup, opts)
	must(c.f.t, err)
	return opts.Dir
}

// A reply is erased by its provider, whose notice has it erased by the recipient: keys, plaintext and attachments are gone from both nodes' files and from
// a backup that is restored, each side has its tombstone, and the receipt says so.
func TestErasureReachesTheRecipientAndLeavesNothingButTombstones(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		secret := noise(5000)
		listed, err := k.bg.attach(secret)
		must(t, err)
		k.ask("police-request-normal.json")
		k.say(k.bg, "police-reply.json", func(f *rogatoryv1.RequestFile) { f.Content.Attachments = []*rogatoryv1.Attachment{listed} })
		k.agree("answered")
		within(t, time.Minute, "the attachment", func() bool { return blobs(t, k.rs.inside) == 1 })
		reply := k.message(k.rs, rogatoryv1.Kind_KIND_REPLY)
		k.end()
		keys := [][]byte{k.f.node["RS"].wrapped(reply), k.f.node["BG"].wrapped(reply)}
		k.rs.inside, k.bg.inside = k.f.node["RS"].run(slow), k.f.node["BG"].run(slow)
		for _, p := range []*person{k.rs, k.bg} {
			p.clearedIn(time.Minute)
			_, err := p.op.Backup(context.Background(), &nodev1.BackupRequest{Folder: filepath.Join(p.dir, "backup")})
			must(t, err)
		}
		bg2 := k.bg.inside.founder(2)

		// At the provider: two people, and not while the case is under legal hold.
		erase := func(p *person, msg []byte) error { return p.on(rogatoryv1.Verb_VERB_ERASE, k.token, msg, "unlawful") }
		refused(t, "erasing what is not in the case", erase(k.bg, make([]byte, 31)), "request")
		refused(t, "erasing what is not in the case", erase(k.bg, bytes.Repeat([]byte{7}, 32)), "message")
		must(t, erase(k.bg, reply))
		refused(t, "erasing alone", erase(k.bg, reply), "transition-four-eyes")
		if row := k.bg.list()[k.token]; !slices.Contains(row.GetFlags(), "erasure-proposed") {
			t.Errorf("flags: %v", row.GetFlags())
		}
		must(t, k.bg.on(rogatoryv1.Verb_VERB_HOLD, k.token, nil, "court-order"))
		refused(t, "erasing under legal hold", erase(bg2, reply), "transition-legal-hold")
		must(t, bg2.on(rogatoryv1.Verb_VERB_RELEASE, k.token, nil, "order-lifted"))
		must(t, erase(bg2, reply))
		if m := k.of(k.bg, reply); m.GetStatus() != "erased" || m.GetTombstone().GetBy() != "bg-founder-2" || m.GetTombstone().GetGround() != "unlawful" ||
			!slices.Equal(m.GetTombstone().GetWhat(), []string{"attachments", "content"}) || m.GetContent() != nil {
			t.Errorf("at the provider: %v", m)
		}
		if blobs(t, k.bg.inside) != 0 {
			t.Error("the provider has the attachment")
		}

		// The notice: its recipient may not say done before it is, agrees by one person, and says so.
		k.say(k.bg, "correction-notice.json", func(f *rogatoryv1.RequestFile) {
			c := f.Content.GetCorrection()
			c.Kind, c.Corrected, c.Items = rogatoryv1.CorrectionKind_CORRECTION_KIND_ERASE, nil, []*rogatoryv1.ItemRef{{Msg: reply}}
		})
		within(t, time.Minute, "the notice", func() bool { return k.count(k.rs) == 3 })
		if row := k.rs.list()[k.token]; !slices.Contains(row.GetFlags(), "erasure-asked") {
			t.Errorf("flags: %v", row.GetFlags())
		}
		receipt := func(kind rogatoryv1.CorrectionKind) error {
			f := example(t, "correction-receipt.json")
			f.CaseToken, f.Content.GetCorrectionReceipt().Items[0].Msg, f.Content.GetCorrectionReceipt().Kind = k.token, reply, kind
			_, err := k.rs.hand(f)
			return err
		}
		refused(t, "a receipt of what was not done", receipt(rogatoryv1.CorrectionKind_CORRECTION_KIND_DONE), "not-erased")
		notice := k.message(k.rs, rogatoryv1.Kind_KIND_CORRECTION)
		if m := k.of(k.rs, notice); m.GetCorrection() != "noticed" {
			t.Errorf("the notice is %q", m.GetCorrection())
		}
		must(t, receipt(rogatoryv1.CorrectionKind_CORRECTION_KIND_DISPUTED))
		must(t, erase(k.rs, reply)) // the dispute is given up
		must(t, receipt(rogatoryv1.CorrectionKind_CORRECTION_KIND_DONE))
		within(t, time.Minute, "the receipt", func() bool { return k.of(k.bg, notice).GetCorrection() == "receipted" })
		within(t, time.Minute, "the receipt's receipt", func() bool { return k.of(k.rs, notice).GetCorrection() == "receipted" })
		if m := k.of(k.rs, reply); m.GetStatus() != "erased" || m.GetTombstone().GetBy() != "rs-founder-1" || blobs(t, k.rs.inside) != 0 {
			t.Errorf("at the recipient: %v", m)
		}
		shown, err := k.bg.show(k.token)
		must(t, err)
		var acts []string
		for _, a := range shown.GetActs() {
			acts = append(acts, a.GetEvent()+" "+a.GetBy()+" "+a.GetReason())
		}
		if want := []string{"propose-erase-item bg-founder-1 unlawful", "hold bg-founder-1 court-order", "release bg-founder-2 order-lifted",
			"erase-item bg-founder-2 unlawful"}; !slices.Equal(acts, want) {
			t.Errorf("acts: %q", acts)
		}
		k.end()

		for i, p := range []*person{k.rs, k.bg} {
			words := [][]byte{keys[i], []byte("found at an invented lay-by near"), []byte("PRIMER PREVOZ"), secret[:64]}
			if names := lying(t, p.load().Data, words...); names != nil {
				t.Errorf("%s: something of it is left in %v", p.code, names)
			}
			folder := p.restored(filepath.Join(p.dir, "backup"))
			if names := lying(t, folder, words...); names != nil {
				t.Errorf("%s: restored, something of it is left in %v", p.code, names)
			}
			if files, err := os.ReadDir(filepath.Join(folder, "blobs")); err != nil || len(files) != 0 {
				t.Errorf("%s: restored, %d attachments are left: %v", p.code, len(files), err)
			}
			tombs := entries[*translog.Erase](p.country)
			if len(tombs) != 1 || tombs[0].OfCount != 1 || !slices.Contains(tombs[0].Of, translog.Hash(reply)) || tombs[0].Assertion.IsZero() {
				t.Errorf("%s: tombstones %+v", p.code, tombs)
			}
		}
	})
}

func TestReviewedCaseIsKeptUnderHoldAndReviewedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		k.ask("police-request-normal.json")
		k.say(k.bg, "police-reply.json", nil)
		k.agree("answered")
		refused(t, "keeping what is not reviewed", k.rs.on(rogatoryv1.Verb_VERB_KEEP, k.token, nil, "trial"), "transition-illegal")
		refused(t, "keeping for no reason", k.rs.on(rogatoryv1.Verb_VERB_KEEP, k.token, nil, ""), "request")
		reader := k.rs.inside.agency("rs-reader")
		refused(t, "holding without the right", reader.on(rogatoryv1.Verb_VERB_HOLD, k.token, nil, "trial"), "right")
		k.rest(91 * 24 * time.Hour)
		k.rest(184 * 24 * time.Hour)
		state := func() string { return k.rs.list()[k.token].GetState() }
		must(t, k.rs.on(rogatoryv1.Verb_VERB_ERASE, k.token, nil, "review"))
		must(t, k.rs.inside.founder(2).on(rogatoryv1.Verb_VERB_KEEP, k.token, nil, "trial"))
		if row := k.rs.list()[k.token]; row.GetState() != "kept" || slices.Contains(row.GetFlags(), "erasure-proposed") {
			t.Errorf("the case is %v", row)
		}
		must(t, k.rs.on(rogatoryv1.Verb_VERB_HOLD, k.token, nil, "court-order"))
		if row := k.rs.list()[k.token]; !slices.Contains(row.GetFlags(), "legal-hold") {
			t.Errorf("flags: %v", row.GetFlags())
		}
		k.rest(184 * 24 * time.Hour)
		if state() != "under-review" {
			t.Errorf("half a year later it is %s", state())
		}
		refused(t, "proposing to erase under legal hold", k.rs.on(rogatoryv1.Verb_VERB_ERASE, k.token, nil, "review"), "transition-legal-hold")
		reply := k.message(k.rs, rogatoryv1.Kind_KIND_REPLY)
		refused(t, "proposing to erase a message under legal hold", k.rs.on(rogatoryv1.Verb_VERB_ERASE, k.token, reply, "review"), "transition-legal-hold")
		must(t, k.rs.on(rogatoryv1.Verb_VERB_RELEASE, k.token, nil, "order-lifted"))
		must(t, k.rs.on(rogatoryv1.Verb_VERB_ERASE, k.token, reply, "review"))
		must(t, k.rs.inside.founder(2).on(rogatoryv1.Verb_VERB_KEEP, k.token, reply, "trial"))
		refused(t, "approving what was given up", k.rs.inside.founder(2).on(rogatoryv1.Verb_VERB_KEEP, k.token, reply, "trial"), "transition-illegal")
		k.end()
	})
}

func TestRestrictedMessageIsWithheldFromWhoDoesNotSayWhy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		k.ask("police-request-normal.json")
		k.say(k.bg, "police-reply.json", nil)
		k.agree("answered")
		reply := k.message(k.rs, rogatoryv1.Kind_KIND_REPLY)
		k.say(k.bg, "correction-notice.json", func(f *rogatoryv1.RequestFile) {
			c := f.Content.GetCorrection()
			c.Kind, c.Corrected, c.Items = rogatoryv1.CorrectionKind_CORRECTION_KIND_RESTRICT, nil, []*rogatoryv1.ItemRef{{Msg: reply}}
		})
		within(t, time.Minute, "the notice", func() bool { return k.count(k.rs) == 3 })
		k.say(k.rs, "correction-receipt.json", func(f *rogatoryv1.RequestFile) { f.Content.GetCorrectionReceipt().Items[0].Msg = reply })
		if m := k.of(k.rs, reply); m.GetStatus() != "withheld" || m.GetContent() != nil || m.GetDocket() == nil {
			t.Errorf("restricted: %v", m.GetStatus())
		}
		a := k.rs.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: k.token, Reason: "restricted"}, time.Now())
		shown, err := k.rs.desk.Show(context.Background(), &nodev1.ShowRequest{Assertion: a})
		must(t, err)
		if m := shown.GetMessages()[1]; m.GetStatus() != "present" || m.GetContent() == nil {
			t.Errorf("with the reason said: %v", m.GetStatus())
		}
		if m := k.of(k.bg, reply); m.GetStatus() != "present" {
			t.Errorf("at its provider: %v", m.GetStatus())
		}
		k.end()
	})
}

// Three years after a case was erased its dockets go, with their salts and those of its steps; the log still verifies, the listing says so, and nothing moves
// the case any more.
func TestDocketsGoThreeYearsAfterTheErasure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federateBy(t, func(d *rogatoryv1.Directory) {
			d.ValidUntilMs = uint64(time.Now().AddDate(4, 11, 0).UnixMilli())
		}, "RS", "BG")
		rs, bg := f.node["RS"].run(slow), f.node["BG"].run(slow)
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		k := &talk{T: t, f: f, rs: rs.founder(1), bg: bg.founder(1)}
		k.ask("police-request-normal.json")
		k.say(k.bg, "police-reply.json", nil)
		k.agree("answered")
		must(t, k.rs.do(rogatoryv1.Verb_VERB_ASSIGN, k.token, "rs-founder-2"))
		other := k.token
		k.ask("police-request-urgent.json") // stays open
		k.token, other = other, k.token
		k.rest(91 * 24 * time.Hour)
		k.rest(184 * 24 * time.Hour)
		must(t, k.rs.do(rogatoryv1.Verb_VERB_ERASE, k.token, "review"))
		must(t, k.rs.inside.founder(2).do(rogatoryv1.Verb_VERB_ERASE, k.token, "review"))
		k.end()
		for _, code := range []string{"RS", "BG"} { // identity keys live for three years and are rotated in time
			path := filepath.Join(f.node[code].dir, setup.RingFolder, keyring.RingFile)
			ring, err := keyring.OpenRing(path, keyring.Plain())
			must(t, errors.Join(err, ring.RotateIdentity(code, time.Now(), 30*24*time.Hour, 4*365*24*time.Hour), keyring.SaveRing(path, ring, keyring.Plain())))
		}
		k.rs.inside, k.bg.inside = f.node["RS"].run(slow), f.node["BG"].run(slow)
		time.Sleep(time.Minute)
		k.rest(3*365*24*time.Hour - 24*time.Hour)
		if row := k.rs.list()[k.token]; len(row.GetFlags()) != 0 {
			t.Errorf("a day before: %v", row)
		}
		k.rest(3 * 24 * time.Hour)
		within(t, 2*time.Hour, "the end of the term", func() bool { return slices.Contains(k.rs.list()[k.token].GetFlags(), "docket-term-ended") })
		if row := k.rs.list()[k.token]; row.GetState() != "erased" || row.GetKind() != "request" || row.GetPeer() != "BG" {
			t.Errorf("the listing: %v", row)
		}
		shown, err := k.rs.show(k.token)
		must(t, err)
		for _, m := range shown.GetMessages() {
			if m.GetStatus() != "erased" || m.GetDocket() != nil || m.GetTombstone() == nil {
				t.Errorf("a message: %v", m)
			}
		}
		refused(t, "an act in it", k.rs.do(rogatoryv1.Verb_VERB_ASSIGN, k.token, "rs-founder-1"), "docket-term-ended")
		k.end()
		c := k.f.node["RS"]
		hash := [32]byte{}
		s := c.open()
		must(t, errors.Join(s.View(func(r *store.Reader) error {
			summary, body, err := r.Case(k.token)
			if err != nil || len(body) != 0 || summary.GetDocketExpiredMs() == 0 || len(summary.GetCaseHash()) != 32 {
				t.Errorf("what is left of the case: %v, %d bytes, %v", summary, len(body), err)
			}
			hash = [32]byte(summary.GetCaseHash())
			var local, kept int
			r.Leaves(0, func(index int64, raw []byte) bool {
				leaf, err := translog.ParseLeaf(raw)
				must(t, err)
				if e, ok := leaf.Entry.(*translog.Case); ok {
					switch _, err := r.Side(index, "docket"); {
					case e.Case == k.token && err == nil:
						local++
					case e.Case == other && err == nil:
						kept++
					}
				}
				return true
			})
			if local != 0 || kept == 0 {
				t.Errorf("%d dockets of its steps are left, %d of another case's", local, kept)
			}
			return r.EachMessage(0, func(_ int64, m *storev1.LoggedMessage) bool {
				if gone := len(m.GetDocket()) == 0 && len(m.GetDocketSalt()) == 0; gone != (m.GetCaseToken() == k.token) {
					t.Errorf("a docket of %s: gone %t", m.GetCaseToken(), gone)
				}
				return true
			})
		}), s.Close()))
		if hash == (exchange.Case{}).Hash() {
			t.Error("the hash is of no case")
		}
		var what [][]string
		for _, e := range entries[*translog.Erase](c) {
			what = append(what, e.What)
			if e.By == "docket-term" && (e.Basis != "docket-term.3-years" || e.OfCount < 4 || !e.Assertion.IsZero()) {
				t.Errorf("tombstone %+v", e)
			}
		}
		if len(what) != 2 || !slices.Equal(what[0], []string{"content"}) || !slices.Equal(what[1], []string{"docket"}) {
			t.Errorf("tombstones of %v", what)
		}
	})
}

// supervisor enrols somebody who may supervise and nothing else.
func (in *inside) supervisor(name string, units ...string) *person {
	in.f.t.Helper()
	p := &person{inside: in, who: name, key: keyring.GenerateOfficer()}
	in.put(federation.NewOfficer(name, p.key.Public(), units, []rogatoryv1.Right{rogatoryv1.Right_RIGHT_SUPERVISE}, false))
	return p
}

// search asks for a person.
func (p *person) search(ground string, identifiers ...string) (*nodev1.HoldingsResponse, error) {
	salt := [32]byte(noise(32))
	subject, err := federation.SearchSubject(salt, identifiers)
	must(p.f.t, err)
	a := p.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_SUPERVISE, Subject: subject[:], Reason: ground}, time.Now())
	return p.desk.Holdings(context.Background(), &nodev1.HoldingsRequest{Assertion: a, Identifiers: identifiers, Salt: salt[:]})
}

func TestSupervisorLearnsWhoConsultedAPersonAndNothingOfOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		k.ask("police-request-normal.json")
		k.say(k.bg, "police-reply.json", nil)
		k.agree("answered")
		_, err := k.rs.show(k.token)
		must(t, err)
		s := k.rs.inside.supervisor("rs-supervisor", "police")
		out, err := s.search("subject-request", "TESTKO PRIMEROVIĆ")
		must(t, err)
		if len(out.GetHoldings()) != 1 {
			t.Fatalf("%d messages: %v", len(out.GetHoldings()), out)
		}
		h := out.GetHoldings()[0]
		if h.GetCaseToken() != k.token || h.GetFrom() != "RS/police" || !slices.Equal(h.GetTo(), []string{"BG/police"}) || h.GetStatus() != "present" || len(h.GetRecords()) == 0 {
			t.Errorf("holding: %v", h)
		}
		whole, err := proto.Marshal(out)
		must(t, err)
		for _, other := range []string{"Примеров\"", "1985-02-02", "brought persons to the border"} {
			if bytes.Contains(whole, []byte(other)) {
				t.Errorf("it tells of others: %s", other)
			}
		}
		if !bytes.Contains(whole, []byte("0101990710008")) {
			t.Error("it does not tell the person's own number")
		}
		var who []string
		for _, c := range out.GetConsultations() {
			who = append(who, c.GetVerb()+" "+c.GetWho()+" "+c.GetWhy())
		}
		for _, want := range []string{"consult rs-founder-1 case-work", "consult rs-supervisor subject-request"} {
			if !slices.Contains(who, want) {
				t.Errorf("no %q in %q", want, who)
			}
		}
		// The same by number, without its spaces; nobody by another name; nothing in another unit; nothing without the right.
		if again, err := s.search("subject-request", "010199 0710008"); err != nil || len(again.GetHoldings()) != 1 {
			t.Errorf("by number: %v %v", again, err)
		}
		if nobody, err := s.search("subject-request", "Nikola Nepostojeći"); err != nil || len(nobody.GetHoldings())+len(nobody.GetConsultations()) != 0 {
			t.Errorf("nobody: %v %v", nobody, err)
		}
		if other, err := k.rs.inside.supervisor("rs-supervisor-2", "fiu").search("subject-request", "Testko Primerović"); err != nil || len(other.GetHoldings()) != 0 {
			t.Errorf("of another unit: %v %v", other, err)
		}
		_, err = k.rs.search("subject-request", "Testko Primerović")
		refused(t, "supervising without the right", err, "right")
		salt := [32]byte{1}
		subject, err := federation.SearchSubject(salt, []string{"Testko Primerović"})
		must(t, err)
		a := s.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_SUPERVISE, Subject: subject[:], Reason: "subject-request"}, time.Now())
		_, err = s.desk.Holdings(context.Background(), &nodev1.HoldingsRequest{Assertion: a, Identifiers: []string{"somebody else"}, Salt: salt[:]})
		refused(t, "searching for another than was signed", err, "other-act")
		// A case, without a word of its contents.
		a = s.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_SUPERVISE, CaseToken: k.token, Reason: "inspection"}, time.Now())
		lines, err := s.desk.Consultations(context.Background(), &nodev1.ConsultationsRequest{Assertion: a})
		must(t, err)
		if len(lines.GetConsultations()) < 3 {
			t.Errorf("consultations of the case: %v", lines)
		}
		_, err = s.desk.Consultations(context.Background(), &nodev1.ConsultationsRequest{Assertion: a})
		refused(t, "the same search twice", err, "used")
		_, err = s.show(k.token)
		refused(t, "a supervisor reading a case", err, "right")
		k.end()
		// The log does not tell whom it was about.
		if names := lying(t, filepath.Join(k.rs.dir), []byte("Testko"), []byte("TESTKO"), []byte("Nepostoje")); names != nil {
			t.Errorf("the person's name lies in %v", names)
		}
	})
}

// RS loses hours in which it received a reply and sent a request, and erased both. What its peer gives back and sends again stays erased.
func TestWhatWasErasedInTheLostTimeStaysErased(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		token := rs.mustAsk("BG")
		settled(t, []*inside{rs, bg})
		backup := filepath.Join(f.dir, "backup")
		_, err := rs.op.Backup(context.Background(), &nodev1.BackupRequest{Folder: backup})
		must(t, err)
		time.Sleep(time.Hour)
		bg.reply(token)
		settled(t, []*inside{rs, bg})
		lost := rs.mustAsk("BG")
		settled(t, []*inside{rs, bg})
		first, second := rs.founder(1), rs.founder(2)
		erase := func(token string, n int) (msg []byte) {
			shown, err := first.show(token)
			must(t, err)
			msg = shown.GetMessages()[n].GetMsg()
			must(t, first.on(rogatoryv1.Verb_VERB_ERASE, token, msg, "unlawful"))
			must(t, second.on(rogatoryv1.Verb_VERB_ERASE, token, msg, "unlawful"))
			return msg
		}
		gone := [][]byte{erase(token, 1), erase(lost, 0)}
		time.Sleep(time.Hour)
		rs.halt()
		rs.restore(backup)
		if _, _, err := rs.recover(); err != nil {
			t.Fatal(err)
		}
		rs = f.node["RS"].run()
		within(t, 30*time.Minute, "end of the recovery", func() bool { return rs.state().GetRecovery() == nodev1.RecoveryState_RECOVERY_STATE_DONE })
		settled(t, []*inside{rs, bg})
		time.Sleep(2 * time.Minute)
		first = first.at(rs)
		for i, token := range []string{token, lost} {
			k := &talk{T: t, f: f, rs: first, token: token}
			if m := k.of(first, gone[i]); m.GetStatus() != "erased" || m.GetTombstone().GetBy() != "restore" {
				t.Errorf("%d: %s, %v", i, m.GetStatus(), m.GetTombstone())
			}
		}
		rs.halt()
		bg.halt()
		if names := lying(t, rs.load().Data, []byte("found at an invented lay-by near")); names != nil {
			t.Errorf("what was erased lies in %v", names)
		}
	})
}
