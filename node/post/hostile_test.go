package post

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
	"google.golang.org/protobuf/proto"
)

// served fails when one of the honest is not served any more.
func served(t *testing.T, rs, bg *member, n int) {
	t.Helper()
	token := fmt.Sprint("RS-after-", n)
	rs.send("BG", token)
	synctest.Wait()
	if len(bg.story(token)) != 1 || rs.waiting("BG") != 0 {
		t.Errorf("an honest member is not served after it")
	}
}

// A member with all of its own keys sends what it should not. Whatever it is, the log grows by what is authentic only, and others are
// served.
func TestEnvelopesThatAreNotTaken(t *testing.T) {
	stranger := keyring.GenerateIdentity()
	cases := []struct {
		name   string
		make   func(v *villain, bg, rs *member) []byte
		advice rogatoryv1.AdviceCode // what the sender is told; none for unspecified
		stray  string                // counted as
		code   string                // refused for good with this code
		parked bool
	}{
		{name: "oversize", stray: "size", make: func(v *villain, bg, rs *member) []byte {
			return bytes.Repeat([]byte{1}, envelope.MaxEnvelope+1)
		}},
		{name: "truncated", stray: "outer", make: func(v *villain, bg, rs *member) []byte {
			e := v.forge(bg, forgery{})
			return e[:len(e)/2]
		}},
		{name: "empty", stray: "outer", make: func(v *villain, bg, rs *member) []byte { return []byte{} }},
		{name: "trailing byte", stray: "outer", make: func(v *villain, bg, rs *member) []byte { return append(v.forge(bg, forgery{}), 0) }},
		{name: "ciphertext cut", stray: "digest", advice: rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{envelope: func(e *rogatoryv1.Envelope) { e.Ct = e.Ct[:len(e.Ct)-1] }})
		}},
		{name: "ciphertext changed", stray: "digest", advice: rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{envelope: func(e *rogatoryv1.Envelope) { e.Ct[0] ^= 1 }})
		}},
		{name: "forged signature", stray: "signature", advice: rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{envelope: func(e *rogatoryv1.Envelope) { e.Sig.RootSignature[100] ^= 1 }})
		}},
		{name: "another place in the batch", stray: "path", advice: rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{envelope: func(e *rogatoryv1.Envelope) { e.Sig.Index = 3 }})
		}},
		{name: "a stranger's key", advice: rogatoryv1.AdviceCode_ADVICE_CODE_MANIFEST_UNKNOWN, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{key: stranger})
		}},
		{name: "another member's message", advice: rogatoryv1.AdviceCode_ADVICE_CODE_MANIFEST_UNKNOWN, make: func(v *villain, bg, rs *member) []byte {
			other := &villain{member: rs, seq: map[string]uint64{"BG": 99}, prev: map[string]envelope.Name{"BG": {1}}}
			return other.forge(bg, forgery{})
		}},
		{name: "in another member's name", stray: "sender", advice: rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{message: func(m *rogatoryv1.Message) { m.From = "RS" }})
		}},
		{name: "for another recipient", stray: "address", advice: rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(rs, forgery{})
		}},
		{name: "of the online lane", stray: "address", advice: rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{life: time.Second, message: func(m *rogatoryv1.Message) {
				m.Epoch, m.Seq, m.Prev, m.Nonce = 0, 0, nil, make([]byte, 16)
			}})
		}},
		{name: "sealed for another", advice: rogatoryv1.AdviceCode_ADVICE_CODE_KEY_GONE, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{to: rs})
		}},
		{name: "expired", advice: rogatoryv1.AdviceCode_ADVICE_CODE_CLOCK, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{now: time.Now().Add(-time.Hour), life: time.Minute})
		}},
		{name: "from the future", advice: rogatoryv1.AdviceCode_ADVICE_CODE_CLOCK, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{now: time.Now().Add(envelope.Skew + time.Minute)})
		}},
		{name: "unknown suite", parked: true, advice: rogatoryv1.AdviceCode_ADVICE_CODE_PARKED, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{sealing: func(b []byte) []byte {
				s := &rogatoryv1.Sealing{}
				must(v.w.t, envelope.StrictUnmarshal(b, s, 1<<20))
				s.Suite = 77
				b, err := envelope.Marshal(s)
				must(v.w.t, err)
				return b
			}})
		}},
		{name: "unknown field in Sealing", parked: true, advice: rogatoryv1.AdviceCode_ADVICE_CODE_PARKED, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{sealing: unknownField})
		}},
		{name: "unknown field in Message", parked: true, advice: rogatoryv1.AdviceCode_ADVICE_CODE_PARKED, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{raw: unknownField})
		}},
		{name: "unknown field in Docket", parked: true, advice: rogatoryv1.AdviceCode_ADVICE_CODE_PARKED, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{docket: unknownField(docket(v.w.t, "XX-unknown").Bytes)})
		}},
		{name: "unknown field in Content", parked: true, advice: rogatoryv1.AdviceCode_ADVICE_CODE_PARKED, make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{content: unknownField(content(v.w.t, "hello").Bytes)})
		}},
		{name: "malformed docket", code: "malformed", make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{docket: []byte{0xff, 0xff}})
		}},
		{name: "docket beyond the limit", code: "malformed", make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{docket: make([]byte, maxDocket+1)})
		}},
		{name: "malformed content beside an unknown docket", code: "malformed", make: func(v *villain, bg, rs *member) []byte {
			return v.forge(bg, forgery{docket: unknownField(docket(v.w.t, "XX-unknown").Bytes), content: []byte{8}})
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				rs, bg := w.pair()
				v := w.members["XX"].turn()
				v.mail("BG", v.honest(bg))
				v.answers("BG")
				from := bg.size()
				e := c.make(v, bg, rs)
				for range 3 { // the first answer is that to all
					v.mail("BG", e)
				}
				grown := bg.kinds(from)
				switch {
				case c.code != "":
					if r, ok := bg.leaves(from)[0].(*translog.Rej); len(grown) != 1 || !ok || r.Code != c.code || r.From != "XX" {
						t.Errorf("leaves are %v", grown)
					}
				case len(grown) != 0:
					t.Errorf("the log has grown by %v", grown)
				}
				got := v.answers("BG")
				if c.advice != 0 && (len(got.Advice) == 0 || got.Advice[0].Code != c.advice) || c.advice == 0 && len(got.Advice) != 0 {
					t.Errorf("advice is %v", got.Advice)
				}
				if leaves := w.receipts(bg, got); (len(leaves) > 0) != (c.code != "") {
					t.Errorf("%d receipts", len(leaves))
				}
				if n := len(bg.parked()); n != map[bool]int{true: 1}[c.parked] {
					t.Errorf("%d are parked", n)
				}
				strays := maps.Clone(bg.office.strays.counts)
				if c.stray != "" && strays[c.stray] != 3 || c.stray == "" && len(strays) != 0 {
					t.Errorf("strays are %v", strays)
				}
				served(t, rs, bg, 0)
				// The villain itself is served when it behaves; a refusal has used up its number.
				if c.code != "" {
					v.sent(bg, e)
				}
				v.mail("BG", v.honest(bg))
				if leaves := w.receipts(bg, v.answers("BG")); len(leaves) != 1 {
					t.Errorf("%d receipts when it behaves", len(leaves))
				}
				// Once an hour the counts become one leaf.
				from = bg.size()
				time.Sleep(3 * time.Hour)
				if grown := bg.kinds(from); c.stray != "" && fmt.Sprint(grown) != "[stray]" || c.stray == "" && len(grown) != 0 {
					t.Errorf("after hours the log has grown by %v", grown)
				}
			}, "RS", "BG", "XX")
		})
	}
}

func TestARetiredKeyCannotBeBackdated(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		v := w.members["XX"].turn()
		old := v.ring.Identity()
		before := time.Now()
		time.Sleep(time.Minute)
		must(t, v.ring.RotateIdentity("XX", time.Now(), time.Minute, 1000*time.Hour))
		v.publish()
		time.Sleep(time.Hour)
		v.mail("BG", v.forge(bg, forgery{key: old, now: before}))
		got := v.answers("BG")
		if len(got.Advice) != 1 || got.Advice[0].Code != rogatoryv1.AdviceCode_ADVICE_CODE_MANIFEST_UNKNOWN || bg.size() != 0 {
			t.Errorf("answer %v, %d leaves", got.Advice, bg.size())
		}
		v.mail("BG", v.honest(bg))
		if bg.size() != 1 {
			t.Error("the new key's message was not taken")
		}
		served(t, rs, bg, 0)
	}, "RS", "BG", "XX")
}

func TestFramesThatAreNotFrames(t *testing.T) {
	many := &rogatoryv1.Frame{}
	for range 500_000 {
		many.Envelopes = append(many.Envelopes, nil)
	}
	crowd, err := proto.Marshal(many)
	must(t, err)
	bundles := &rogatoryv1.Frame{}
	for range 100_000 {
		bundles.Receipts = append(bundles.Receipts, &rogatoryv1.Receipts{})
	}
	receipts, err := proto.Marshal(bundles)
	must(t, err)
	advice := &rogatoryv1.Frame{}
	for range 20_000 {
		advice.Advice = append(advice.Advice, &rogatoryv1.Advice{Msg: make([]byte, 32), Code: rogatoryv1.AdviceCode_ADVICE_CODE_BUSY, RetryAfterMs: 1 << 63})
	}
	advices, err := envelope.Marshal(advice)
	must(t, err)
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		v := w.members["XX"].turn()
		for _, b := range [][]byte{{0}, {0xff}, bytes.Repeat([]byte("garbage"), 100), unknownField(nil), crowd, receipts, advices} {
			v.bytes("BG", b)
		}
		if bg.size() != 0 || bg.office.Inauthentic.Load() != 7 {
			t.Errorf("%d leaves, %d counted", bg.size(), bg.office.Inauthentic.Load())
		}
		if got := v.answers("BG"); len(got.Advice)+len(got.Receipts) != 0 {
			t.Error("garbage was answered")
		}
		served(t, rs, bg, 0)
	}, "RS", "BG", "XX")
}

func TestAReplayedEnvelopeIsAnsweredWithTheSameReceiptForEver(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		v := w.members["XX"].turn()
		e := v.honest(bg)
		var first []byte
		for i := range 5 {
			v.mail("BG", e)
			got := v.answers("BG")
			if len(got.Receipts) != 1 || len(got.Receipts[0].Receipts) != 1 {
				t.Fatalf("replay %d was answered with %d receipts", i, len(got.Receipts))
			}
			leaf := got.Receipts[0].Receipts[0].Leaf
			if first == nil {
				first = leaf
			}
			if !bytes.Equal(first, leaf) {
				t.Error("not the same receipt")
			}
			bg.publish()
			v.publish()
			time.Sleep(48 * time.Hour) // beyond the sealing's life
		}
		if got := bg.story("XX-case"); len(got) != 1 {
			t.Errorf("effects %q", got)
		}
		bg.halt() // a restart forgets nothing
		bg.start()
		v.mail("BG", e)
		if leaves := w.receipts(bg, v.answers("BG")); len(leaves) != 1 || len(bg.story("XX-case")) != 1 {
			t.Error("not the same after a restart")
		}
		served(t, rs, bg, 0)
	}, "RS", "BG", "XX")
}

func TestTwoMessagesWithOneNumberAreAForkThatIsKeptAsProof(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		v := w.members["XX"].turn()
		v.mail("BG", v.honest(bg))
		v.answers("BG")
		from := bg.size()
		v.mail("BG", v.forge(bg, forgery{same: true}))
		got := v.answers("BG")
		if len(got.Advice) != 1 || got.Advice[0].Code != rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC || len(got.Receipts) != 0 {
			t.Errorf("answer %v", got)
		}
		forks := bg.forks()
		if len(forks) != 1 || forks[0].GetPeer() != "XX" || forks[0].GetKind() != ForkSequence {
			t.Fatalf("forks are %v", forks)
		}
		// The proof stands by itself: two statements, both signed.
		f := &rogatoryv1.Frame{}
		must(t, envelope.StrictUnmarshal(forks[0].GetProof(), f, 1<<20))
		names := map[envelope.Name]bool{}
		for _, e := range f.Envelopes {
			o, err := envelope.Parse(e, 1<<20)
			must(t, err)
			must(t, o.VerifySignature(&envelope.Verifier{}, "XX", v.ring.Identity().Public()))
			names[o.Name()] = true
		}
		if len(names) != 2 {
			t.Error("the proof is not of two messages")
		}
		for range 3 {
			var many [][]byte
			for range 10 {
				many = append(many, v.forge(bg, forgery{same: true}))
			}
			v.mail("BG", many...)
		}
		if n := len(bg.forks()); n != maxForks {
			t.Errorf("%d proofs are kept", n)
		}
		if bg.size() != from {
			t.Error("a fork has made the log grow")
		}
		// Both at once.
		a := v.forge(bg, forgery{})
		b := v.forge(bg, forgery{})
		v.mail("BG", a, b)
		got = v.answers("BG")
		if bg.size() != from+1 || len(w.receipts(bg, got)) != 1 {
			t.Errorf("%d leaves, answer %v", bg.size()-from, got)
		}
		served(t, rs, bg, 0)
	}, "RS", "BG", "XX")
}

func TestReceiptsThatAreLiesEmptyNoOutbox(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs := w.members["RS"]
		rs.start()
		bg := w.members["BG"]
		bg.start()
		v := w.members["XX"].turn()
		sent := rs.send("XX", "RS-1")
		second := rs.send("XX", "RS-2")
		bgSent := rs.send("BG", "RS-BG")
		synctest.Wait()
		from := rs.size()
		truth := arrival(rs, sent)
		change := func(f func(*translog.Msg)) *rogatoryv1.Receipts {
			m := *truth
			f(&m)
			return v.prove(&m)
		}
		bgLeaf := rs.leaves(bgSent.Index)[0].(*translog.Msg)
		broken := func(f func(*rogatoryv1.Receipts)) *rogatoryv1.Receipts {
			rs := v.prove(&translog.Rej{Code: "unit", From: "RS", Msg: translog.Hash(sent.Name)})
			f(rs)
			return rs
		}
		lies := map[string]*rogatoryv1.Receipts{
			"checkpoint of another log": func() *rogatoryv1.Receipts {
				note, _, err := bg.office.Checkpoint(1)
				must(t, err)
				return &rogatoryv1.Receipts{Checkpoint: note}
			}(),
			"no checkpoint":         {Checkpoint: []byte("nothing")},
			"checkpoint changed":    broken(func(r *rogatoryv1.Receipts) { r.Checkpoint[30] ^= 1 }),
			"another content":       change(func(m *translog.Msg) { m.ContentCommit = digest("other"); m.Seq = 901 }),
			"another docket":        change(func(m *translog.Msg) { m.DocketCommit = digest("other") }),
			"another number":        change(func(m *translog.Msg) { m.Seq = 900 }),
			"another before it":     change(func(m *translog.Msg) { m.Seq, m.Prev = 2, digest("other") }),
			"never sent":            v.prove(&translog.Rej{Code: "unit", From: "RS", Msg: digest("never")}),
			"rejected for another":  v.prove(&translog.Rej{Code: "unit", From: "BG", Msg: translog.Hash(sent.Name)}),
			"another's message":     v.prove(&translog.Rej{Code: "unit", From: "RS", Msg: bgLeaf.Msg}),
			"acknowledges nothing":  v.prove(&translog.Node{Event: translog.NodeStart, Program: "villain"}),
			"leaf changed":          broken(func(r *rogatoryv1.Receipts) { r.Receipts[0].Leaf[5] ^= 1 }),
			"index changed":         broken(func(r *rogatoryv1.Receipts) { r.Receipts[0].Index++ }),
			"index beyond a number": broken(func(r *rogatoryv1.Receipts) { r.Receipts[0].Index = 1 << 63 }),
			"hash cut": broken(func(r *rogatoryv1.Receipts) {
				r.Receipts[0].Hashes = append(r.Receipts[0].Hashes, []byte{1})
			}),
			"too many hashes": broken(func(r *rogatoryv1.Receipts) {
				for range 100 {
					r.Receipts[0].Hashes = append(r.Receipts[0].Hashes, make([]byte, 32))
				}
			}),
			"too many receipts": broken(func(r *rogatoryv1.Receipts) {
				for range maxReceipts {
					r.Receipts = append(r.Receipts, r.Receipts[0])
				}
			}),
			"no leaf": broken(func(r *rogatoryv1.Receipts) { r.Receipts[0].Leaf = nil }),
		}
		for _, name := range slices.Sorted(maps.Keys(lies)) {
			v.frame("RS", &rogatoryv1.Frame{Receipts: []*rogatoryv1.Receipts{lies[name]}})
			if n := rs.waiting("XX"); n != 2 || rs.size() != from {
				t.Fatalf("%s: %d wait, log has grown by %v", name, n, rs.kinds(from))
			}
		}
		if len(rs.forks()) != 0 {
			t.Error("a fork without two heads")
		}
		// Advice for a message never sent does nothing.
		v.frame("RS", &rogatoryv1.Frame{Advice: []*rogatoryv1.Advice{
			{Msg: make([]byte, 32), Code: rogatoryv1.AdviceCode_ADVICE_CODE_KEY_GONE}, {Msg: []byte{1}, Code: rogatoryv1.AdviceCode_ADVICE_CODE_BUSY},
			{Msg: bgLeaf.Msg[:], Code: rogatoryv1.AdviceCode_ADVICE_CODE_KEY_GONE},
		}})
		if rs.size() != from {
			t.Error("advice has made the log grow")
		}
		// The truth empties it, twice with one effect.
		truth2 := *truth
		real := v.prove(&truth2, &translog.Rej{Code: "unit", From: "RS", Msg: translog.Hash(second.Name)})
		v.frame("RS", &rogatoryv1.Frame{Receipts: []*rogatoryv1.Receipts{real, real}})
		v.frame("RS", &rogatoryv1.Frame{Receipts: []*rogatoryv1.Receipts{real}})
		if n := rs.waiting("XX"); n != 0 || fmt.Sprint(rs.kinds(from)) != "[rcpt rcpt]" {
			t.Errorf("%d wait, leaves %v", n, rs.kinds(from))
		}
		if got := rs.story("RS-1"); len(got) != 2 {
			t.Errorf("RS says %q", got)
		}
		served(t, rs, bg, 0)
		v.store.Close()
		v.store = nil // its log is full of lies, which no check would pass
	}, "RS", "BG", "XX")
}

// A peer that shows two heads of one size is caught, however often it does so.
func TestTwoHeadsOfOneSizeAreKeptAsProof(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs := w.members["RS"]
		rs.start()
		v := w.members["XX"].turn()
		twin := &member{w: w, code: "XX", folder: t.TempDir(), ring: v.ring, log: v.log}
		twin.open(nil)
		v.port = twin.port
		other := &villain{member: twin}
		for i := range 12 {
			a, b := rs.send("XX", fmt.Sprint("RS-a", i)), rs.send("XX", fmt.Sprint("RS-b", i))
			ra := v.prove(&translog.Rej{Code: "unit", From: "RS", Msg: translog.Hash(a.Name)})
			rb := other.prove(&translog.Rej{Code: "unit", From: "RS", Msg: translog.Hash(b.Name)})
			v.frame("RS", &rogatoryv1.Frame{Receipts: []*rogatoryv1.Receipts{ra, rb}})
			v.answers("RS")
		}
		if n := len(rs.forks()); n == 0 || n > maxForks {
			t.Errorf("%d proofs", n)
		}
		if rs.waiting("XX") != 0 {
			t.Error("the receipts themselves were good")
		}
		must(t, twin.store.Close())
	}, "RS", "XX")
}
