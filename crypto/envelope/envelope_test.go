package envelope

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"

	"github.com/rogatory/rogatory/crypto/keyring"
)

// pair is a sender and a recipient, with fixed keys and times, so that a fuzzer's findings hold in its next run.
type pair struct {
	now      time.Time
	identity *keyring.Identity
	sealing  *keyring.SealingKey
}

func fixedSecret(n byte) keyring.Secret {
	s, err := keyring.NewSecret(bytes.Repeat([]byte{n}, keyring.SecretSize))
	if err != nil {
		panic(err)
	}
	return s
}

var newPair = sync.OnceValue(func() pair {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	sealing, err := keyring.NewSealingKey(keyring.DayOf(now), fixedSecret(1))
	if err != nil {
		panic(err)
	}
	identity, err := keyring.NewIdentity(fixedSecret(2), fixedSecret(3))
	if err != nil {
		panic(err)
	}
	return pair{now, identity, sealing}
})

func (p pair) recipient(lane Lane) Recipient {
	return Recipient{Country: "BG", Lane: lane, Now: p.now.Add(time.Second)}
}

// attempt returns a sealing of a message with these parts, changed by edit.
func (p pair) attempt(t testing.TB, lane Lane, docket, content []byte, edit func(*rogatoryv1.Message)) Attempt {
	t.Helper()
	a := Attempt{
		Docket:  Part{docket, NewSalt()},
		Content: Part{content, NewSalt()},
		Key:     p.sealing.Public(), From: p.identity.KID(),
		ManifestVersion: 7, ManifestDigest: [32]byte{1, 2, 3},
		Now: p.now,
	}
	dc, cc := Commit(a.Docket.Salt, Docket, docket), Commit(a.Content.Salt, Content, content)
	m := &rogatoryv1.Message{From: "RS", To: "BG", DocketCommit: dc[:], ContentCommit: cc[:], SubmittedMs: uint64(p.now.UnixMilli())}
	if lane == Online {
		m.Nonce = bytes.Repeat([]byte{5}, 16)
	} else {
		m.Epoch, m.Seq, m.Prev = 1, 2, bytes.Repeat([]byte{9}, 32)
	}
	if edit != nil {
		edit(m)
	}
	var err error
	if a.Message, err = Marshal(m); err != nil {
		t.Fatal(err)
	}
	return a
}

func (p pair) sign(t testing.TB, sealed ...*Sealed) []Signed {
	t.Helper()
	out, err := SignBatch(p.identity, sealed)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (p pair) seal(t testing.TB, a Attempt) *Sealed {
	t.Helper()
	s, err := Seal(a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open takes an envelope through all checks.
func (p pair) open(v *Verifier, b []byte, r Recipient) (*Opened, error) {
	o, err := Parse(b, MaxEnvelope)
	if err != nil {
		return nil, err
	}
	if err := o.VerifySignature(v, "RS", p.identity.Public()); err != nil {
		return nil, err
	}
	if err := o.Check(r); err != nil {
		return nil, err
	}
	return o.Decrypt(p.sealing)
}

func refusal(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("not a refusal: %v", err)
	}
	return e
}

func TestWhatIsSealedIsOpened(t *testing.T) {
	p := newPair()
	for _, lane := range []Lane{Durable, Online} {
		for _, n := range []int{0, 1, 900, 4096, 16384, 70000, 900_000} {
			docket, content := []byte("docket"), bytes.Repeat([]byte("c"), n)
			a := p.attempt(t, lane, docket, content, nil)
			s := p.seal(t, a)
			signed := p.sign(t, s)[0]
			if len(signed.Envelope) > MaxEnvelope {
				t.Errorf("%d bytes: envelope of %d bytes", n, len(signed.Envelope))
			}
			got, err := p.open(new(Verifier), signed.Envelope, p.recipient(lane))
			if err != nil {
				t.Fatalf("%d bytes on lane %d: %v", n, lane, err)
			}
			if !bytes.Equal(got.Docket.Bytes, docket) || !bytes.Equal(got.Content.Bytes, content) ||
				got.Docket.Salt != a.Docket.Salt || got.Content.Salt != a.Content.Salt ||
				!bytes.Equal(got.MessageBytes, a.Message) || got.Name != MessageName(a.Message) {
				t.Errorf("%d bytes on lane %d: something else came out", n, lane)
			}
		}
	}
}

func TestContentThatExceedsAnEnvelopeIsNotSealed(t *testing.T) {
	p := newPair()
	for _, lane := range []Lane{Durable, Online} {
		if _, err := Seal(p.attempt(t, lane, nil, make([]byte, MaxInner), nil)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("lane %d: %v", lane, err)
		}
	}
}

// An outsider learns nothing from two attempts but that they carry one message.
func TestSealingAgainKeepsTheNameAndNothingElse(t *testing.T) {
	p := newPair()
	a := p.attempt(t, Durable, []byte("d"), []byte("c"), nil)
	first := p.seal(t, a)
	a.Now = a.Now.Add(96 * time.Hour)
	second := p.seal(t, a)
	if bytes.Equal(first.Ct, second.Ct) || bytes.Equal(first.Wrap, second.Wrap) || first.Hash == second.Hash {
		t.Error("two sealings share something")
	}
	for i, s := range p.sign(t, first, second) {
		o, err := Parse(s.Envelope, MaxEnvelope)
		if err != nil {
			t.Fatal(err)
		}
		if o.Name() != MessageName(a.Message) {
			t.Errorf("sealing %d has another name", i)
		}
	}
}

func TestSealRefusesWhatARecipientWould(t *testing.T) {
	p := newPair()
	good := p.attempt(t, Durable, []byte("d"), []byte("c"), nil)
	online := p.attempt(t, Online, []byte("d"), []byte("c"), nil)
	for name, tc := range map[string]struct {
		edit func() Attempt
		want error
	}{
		"another docket":  {func() Attempt { a := good; a.Docket.Bytes = []byte("e"); return a }, ErrCommitment},
		"another content": {func() Attempt { a := good; a.Content.Bytes = []byte("e"); return a }, ErrCommitment},
		"another salt":    {func() Attempt { a := good; a.Content.Salt[0] ^= 1; return a }, ErrCommitment},
		"parts swapped":   {func() Attempt { a := good; a.Docket, a.Content = a.Content, a.Docket; return a }, ErrCommitment},
		"a long life":     {func() Attempt { a := good; a.Life = MaxLife + 1; return a }, ErrLife},
		"a long online life": {func() Attempt {
			a := online
			a.Life = OnlineLife + time.Second
			return a
		}, ErrLife},
		"a negative life":  {func() Attempt { a := good; a.Life = -1; return a }, ErrLife},
		"a broken message": {func() Attempt { a := good; a.Message = a.Message[:20]; return a }, ErrMessage},
	} {
		if _, err := Seal(tc.edit()); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// editEnvelope decodes an envelope loosely, changes it and encodes it again.
func editEnvelope(t *testing.T, b []byte, edit func(*rogatoryv1.Envelope)) []byte {
	t.Helper()
	e := new(rogatoryv1.Envelope)
	if err := proto.Unmarshal(b, e); err != nil {
		t.Fatal(err)
	}
	edit(e)
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEachCheckRefusesWhatItIsFor(t *testing.T) {
	p := newPair()
	two := p.sign(t,
		p.seal(t, p.attempt(t, Durable, []byte("d"), []byte("c"), nil)),
		p.seal(t, p.attempt(t, Durable, []byte("d"), []byte("other"), nil)))
	good, other := two[0].Envelope, two[1].Envelope
	otherEnvelope := new(rogatoryv1.Envelope)
	if err := proto.Unmarshal(other, otherEnvelope); err != nil {
		t.Fatal(err)
	}
	here := p.recipient(Durable)
	stranger := keyring.GenerateIdentity().Public()
	otherDay, err := keyring.NewSealingKey(1, keyring.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	type way struct {
		envelope []byte
		max      int
		from     string
		key      *keyring.PublicKey
		to       Recipient
		sealing  *keyring.SealingKey
	}
	for name, tc := range map[string]struct {
		change func(*way)
		reason Reason
		class  Class
		advice rogatoryv1.AdviceCode
	}{
		"too large":                     {func(w *way) { w.max = len(good) - 1 }, ReasonSize, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC},
		"cut short":                     {func(w *way) { w.envelope = good[:len(good)-1] }, ReasonOuter, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC},
		"one byte more":                 {func(w *way) { w.envelope = append(bytes.Clone(good), 0) }, ReasonOuter, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC},
		"empty":                         {func(w *way) { w.envelope = nil }, ReasonOuter, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC},
		"unknown key":                   {func(w *way) { w.key = nil }, ReasonSender, Retryable, rogatoryv1.AdviceCode_ADVICE_CODE_MANIFEST_UNKNOWN},
		"another's key":                 {func(w *way) { w.key = stranger }, ReasonSender, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC},
		"delivered for another country": {func(w *way) { w.from = "HU" }, ReasonSender, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC},
		"path too short": {func(w *way) {
			w.envelope = editEnvelope(t, good, func(e *rogatoryv1.Envelope) { e.Sig.Path = nil })
		}, ReasonPath, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC},
		"index beyond the batch": {func(w *way) {
			w.envelope = editEnvelope(t, good, func(e *rogatoryv1.Envelope) { e.Sig.Index = 2 })
		}, ReasonPath, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC},
		"another place in the batch": {func(w *way) {
			w.envelope = editEnvelope(t, good, func(e *rogatoryv1.Envelope) { e.Sig.Index = 1 })
		}, ReasonSignature, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC},
		"another's statement": {func(w *way) {
			w.envelope = editEnvelope(t, good, func(e *rogatoryv1.Envelope) { e.Statement = otherEnvelope.Statement })
		}, ReasonSignature, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC},
		"half a signature": {func(w *way) {
			w.envelope = editEnvelope(t, good, func(e *rogatoryv1.Envelope) { e.Sig.RootSignature = e.Sig.RootSignature[:3309] })
		}, ReasonSignature, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC},
		"not for us":        {func(w *way) { w.to.Country = "HU" }, ReasonAddress, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC},
		"on the other lane": {func(w *way) { w.to.Lane = Online }, ReasonAddress, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC},
		"our clock is slow": {func(w *way) { w.to.Now = p.now.Add(-Skew - time.Second) }, ReasonClock, Retryable, rogatoryv1.AdviceCode_ADVICE_CODE_CLOCK},
		"expired":           {func(w *way) { w.to.Now = p.now.Add(MaxLife + Skew + time.Second) }, ReasonClock, Retryable, rogatoryv1.AdviceCode_ADVICE_CODE_CLOCK},
		"day key destroyed": {func(w *way) { w.sealing = nil }, ReasonKeyGone, Retryable, rogatoryv1.AdviceCode_ADVICE_CODE_KEY_GONE},
		"another day's key": {func(w *way) { w.sealing = otherDay }, ReasonKeyGone, Retryable, rogatoryv1.AdviceCode_ADVICE_CODE_KEY_GONE},
		"another ciphertext": {func(w *way) {
			w.envelope = editEnvelope(t, good, func(e *rogatoryv1.Envelope) { e.Ct = otherEnvelope.Ct })
		}, ReasonDigest, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC},
		"another wrapped key": {func(w *way) {
			w.envelope = editEnvelope(t, good, func(e *rogatoryv1.Envelope) { e.Wrap = otherEnvelope.Wrap })
		}, ReasonDigest, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC},
	} {
		t.Run(name, func(t *testing.T) {
			w := way{good, MaxEnvelope, "RS", p.identity.Public(), here, p.sealing}
			tc.change(&w)
			o, err := Parse(w.envelope, w.max)
			if err == nil {
				err = o.VerifySignature(new(Verifier), w.from, w.key)
			}
			if err == nil {
				err = o.Check(w.to)
			}
			if err == nil {
				_, err = o.Decrypt(w.sealing)
			}
			e := refusal(t, err)
			if e.Reason != tc.reason || e.Class != tc.class || e.Advice != tc.advice {
				t.Errorf("%v, class %v, advice %v", e, e.Class, e.Advice)
			}
			if o == nil {
				return
			}
			// Closed: no later check can be reached.
			if _, err := o.Decrypt(p.sealing); !errors.Is(err, ErrOrder) {
				t.Errorf("decrypting after a refusal: %v", err)
			}
		})
	}
}

func TestChecksCannotBeSkipped(t *testing.T) {
	p := newPair()
	b := p.sign(t, p.seal(t, p.attempt(t, Durable, nil, nil, nil)))[0].Envelope
	o, err := Parse(b, MaxEnvelope)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Decrypt(p.sealing); !errors.Is(err, ErrOrder) {
		t.Errorf("decrypting first: %v", err)
	}
	if err := o.Check(p.recipient(Durable)); !errors.Is(err, ErrOrder) {
		t.Errorf("checking first: %v", err)
	}
	if err := o.VerifySignature(new(Verifier), "RS", p.identity.Public()); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Decrypt(p.sealing); !errors.Is(err, ErrOrder) {
		t.Errorf("decrypting unchecked: %v", err)
	}
}

// signRaw signs a statement whatever it says, as a member could that runs other software.
func (p pair) signRaw(t *testing.T, statement, wrap, ct []byte) []byte {
	t.Helper()
	return p.sign(t, &Sealed{Statement: statement, Wrap: wrap, Ct: ct, From: p.identity.KID()})[0].Envelope
}

func TestAuthenticButNotUnderstoodIsParkedAndWrongForGoodIsRefused(t *testing.T) {
	p := newPair()
	for name, tc := range map[string]struct {
		message func([]byte) []byte
		sealing func(*rogatoryv1.Sealing)
		raw     func([]byte) []byte
		reason  Reason
		class   Class
	}{
		"unknown field in the message":  {message: func(b []byte) []byte { return append(b, 0x78, 1) }, reason: ReasonMessage, class: NotUnderstood},
		"unknown field in the sealing":  {raw: func(b []byte) []byte { return append(b, 0x78, 1) }, reason: ReasonSealing, class: NotUnderstood},
		"unknown suite":                 {sealing: func(s *rogatoryv1.Sealing) { s.Suite = 2 }, reason: ReasonSuite, class: NotUnderstood},
		"second spelling of a message":  {message: func(b []byte) []byte { return append(b, 0x20, 0) }, reason: ReasonMessage, class: Refused},
		"message to its own sender":     {message: func(b []byte) []byte { return bytes.Replace(b, []byte("BG"), []byte("RS"), 1) }, reason: ReasonMessage, class: Refused},
		"life beyond the lane's":        {sealing: func(s *rogatoryv1.Sealing) { s.ExpiresMs += 1 }, reason: ReasonClock, class: Retryable},
		"expires before it was sealed":  {sealing: func(s *rogatoryv1.Sealing) { s.ExpiresMs = s.SealedMs }, reason: ReasonClock, class: Retryable},
		"a time that would overflow":    {sealing: func(s *rogatoryv1.Sealing) { s.SealedMs = 1 << 63; s.ExpiresMs = 1<<63 + 5 }, reason: ReasonClock, class: Retryable},
		"no sender's key is named":      {sealing: func(s *rogatoryv1.Sealing) { s.FromKid = nil }, reason: ReasonOuter, class: NotAuthentic},
		"wrapped for another sealing":   {sealing: func(s *rogatoryv1.Sealing) { s.ManifestVersion++ }, reason: ReasonUnwrap, class: NotAuthentic},
		"another message under the key": {message: func(b []byte) []byte { return bytes.Replace(b, []byte("\x20\x02"), []byte("\x20\x03"), 1) }, reason: ReasonUnwrap, class: NotAuthentic},
	} {
		t.Run(name, func(t *testing.T) {
			a := p.attempt(t, Durable, []byte("d"), []byte("c"), nil)
			s := p.seal(t, a)
			st := new(rogatoryv1.Statement)
			if err := proto.Unmarshal(s.Statement, st); err != nil {
				t.Fatal(err)
			}
			se := new(rogatoryv1.Sealing)
			if err := proto.Unmarshal(st.Sealing, se); err != nil {
				t.Fatal(err)
			}
			if tc.message != nil {
				se.Message = tc.message(se.Message)
			}
			if tc.sealing != nil {
				tc.sealing(se)
			}
			var err error
			if st.Sealing, err = proto.Marshal(se); err != nil {
				t.Fatal(err)
			}
			if tc.raw != nil {
				st.Sealing = tc.raw(st.Sealing)
			}
			statement, err := proto.Marshal(st)
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.open(new(Verifier), p.signRaw(t, statement, s.Wrap, s.Ct), p.recipient(Durable))
			if e := refusal(t, err); e.Reason != tc.reason || e.Class != tc.class {
				t.Errorf("%v, class %v", e, e.Class)
			}
		})
	}
}

func TestBatchOfEverySizeVerifiesAtEveryPlace(t *testing.T) {
	p := newPair()
	s := p.seal(t, p.attempt(t, Durable, nil, nil, nil))
	st := new(rogatoryv1.Statement)
	if err := proto.Unmarshal(s.Statement, st); err != nil {
		t.Fatal(err)
	}
	var sealed []*Sealed
	for i := range MaxBatch {
		st.CtLen = uint64(i + 1)
		b, err := Marshal(st)
		if err != nil {
			t.Fatal(err)
		}
		sealed = append(sealed, &Sealed{Statement: b, From: p.identity.KID(), Wrap: []byte{1}, Ct: []byte{1}})
	}
	for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 32, 33, 100, 255, 256} {
		var v Verifier
		for i, signed := range p.sign(t, sealed[:n]...) {
			if err := v.VerifyStatement(p.identity.Public(), sealed[i].Statement, signed.Signature); err != nil {
				t.Fatalf("%d of %d: %v", i, n, err)
			}
			if n > 1 {
				if err := v.VerifyStatement(p.identity.Public(), sealed[(i+1)%n].Statement, signed.Signature); err == nil {
					t.Fatalf("%d of %d: the neighbour's statement passes", i, n)
				}
			}
		}
		if len(v.young) != 1 {
			t.Errorf("%d statements took %d checks of a signature", n, len(v.young))
		}
	}
	for _, batch := range [][]*Sealed{nil, append(sealed, sealed[0])} {
		if _, err := SignBatch(p.identity, batch); !errors.Is(err, ErrBatch) {
			t.Errorf("batch of %d: %v", len(batch), err)
		}
	}
	if _, err := SignBatch(keyring.GenerateIdentity(), sealed[:1]); !errors.Is(err, ErrBatch) {
		t.Errorf("another key's statement: %v", err)
	}
}

func TestVerifierRemembersOnlyWhatVerified(t *testing.T) {
	p := newPair()
	s := p.seal(t, p.attempt(t, Durable, nil, nil, nil))
	signed := p.sign(t, s)[0]
	var v Verifier
	other := keyring.GenerateIdentity().Public()
	for range 2 {
		if v.VerifyStatement(other, s.Statement, signed.Signature) == nil {
			t.Fatal("another key's signature passes")
		}
	}
	if err := v.VerifyStatement(p.identity.Public(), s.Statement, signed.Signature); err != nil {
		t.Fatal(err)
	}
	if v.VerifyStatement(other, s.Statement, signed.Signature) == nil {
		t.Error("a remembered root passes for another key")
	}
	for _, at := range []int{3, 100, 3300, 3375} {
		b := bytes.Clone(signed.Signature)
		b[at] ^= 1
		if v.VerifyStatement(p.identity.Public(), s.Statement, b) == nil {
			t.Errorf("a remembered root passes with another signature, at byte %d", at)
		}
	}
	for i := range 3 * verifierRoots {
		v.learn(&signedBy{key: node{byte(i), byte(i >> 8), 1}}, nil)
	}
	if n := len(v.young) + len(v.old); n > 2*verifierRoots {
		t.Errorf("the cache grew to %d", n)
	}
}

func TestASignatureIsCutAsTheLibraryReadsIt(t *testing.T) {
	p := newPair()
	s := p.seal(t, p.attempt(t, Durable, nil, nil, nil))
	for _, n := range []int{1, 2, 5, 256} {
		sealed := make([]*Sealed, n)
		for i := range sealed {
			sealed[i] = s
		}
		for _, signed := range p.sign(t, sealed...) {
			want := new(rogatoryv1.BatchSignature)
			if err := StrictUnmarshal(signed.Signature, want, maxSignature); err != nil {
				t.Fatal(err)
			}
			root, size, index, path := cutSignature(signed.Signature, nil)
			if !bytes.Equal(root, want.GetRootSignature()) || size != want.GetTreeSize() || index != want.GetIndex() ||
				!slices.EqualFunc(path, want.GetPath(), bytes.Equal) {
				t.Fatalf("of %d: %d bytes, %d, %d, %d hashes", n, len(root), size, index, len(path))
			}
		}
	}
	if root, size, index, path := cutSignature(nil, nil); root != nil || size != 0 || index != 0 || path != nil {
		t.Error("an empty one has fields")
	}
}

func TestASignatureIsHashedAsOneHoweverItIsCut(t *testing.T) {
	b := make([]byte, 3700)
	for i := range b {
		b[i] = byte(i * i)
	}
	for _, at := range []int{0, 1, 41, 42, 43, 64, 3376, 3700} {
		begun := BeginSignature(b[:at])
		for range 2 {
			if begun.Hash(b[at:]) != SignatureHash(b) {
				t.Errorf("cut at %d", at)
			}
		}
	}
}

func TestACommitmentIsAnHMACHoweverLongItsText(t *testing.T) {
	for _, n := range []int{0, 1, 31, 55, 56, 64, shortCommit - 1, shortCommit, shortCommit + 1, 5000} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i)
		}
		salt := NewSalt()
		for kind, context := range map[Kind]string{Docket: contextDocket, Content: contextContent} {
			h := hmac.New(sha256.New, salt[:])
			h.Write([]byte(context))
			h.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
			h.Write(b)
			if got := Commit(salt, kind, b); !bytes.Equal(got[:], h.Sum(nil)) {
				t.Errorf("%d bytes of kind %d", n, kind)
			}
		}
	}
}

func TestNamesAndClassesRead(t *testing.T) {
	n := MessageName([]byte("m"))
	if got, err := ParseName(n.String()); err != nil || got != n {
		t.Errorf("%v, %v", got, err)
	}
	for _, s := range []string{"", n.String() + "A", n.String()[:42], n.String()[:42] + "\n", n.String()[:42] + "/"} {
		if _, err := ParseName(s); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", s, err)
		}
	}
	for c := NotAuthentic; c <= Refused+1; c++ {
		if c.String() == "" {
			t.Errorf("class %d has no name", int(c))
		}
	}
	if s := fmt.Sprintf("%v %+v %#v %x", NewSalt(), Part{Salt: NewSalt()}, NewSalt(), NewSalt()); !bytes.Contains([]byte(s), []byte("[key] [part] [key] [key]")) {
		t.Errorf("secrets print as %s", s)
	}
}
