package proto_test

import (
	"bytes"
	stdhpke "crypto/hpke"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/envelope/chunked"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// An envelopeVector is an envelope with all that it is made of, in the order in which it is made. Its keys stand in keys.json.
type envelopeVector struct {
	About string `json:"about"`
	Lane  string `json:"lane"`
	From  string `json:"from"`
	To    string `json:"to"`
	// NowMS is a time at which the recipient takes it.
	NowMS         uint64   `json:"now_ms"`
	Docket        hexBytes `json:"docket"`
	DocketSalt    hexBytes `json:"docket_salt"`
	DocketCommit  hexBytes `json:"docket_commit"`
	Content       hexBytes `json:"content"`
	ContentSalt   hexBytes `json:"content_salt"`
	ContentCommit hexBytes `json:"content_commit"`
	Message       hexBytes `json:"message"`
	Name          hexBytes `json:"name"`
	Inner         hexBytes `json:"inner"`
	Sealing       hexBytes `json:"sealing"`
	SH            hexBytes `json:"sh"`
	CEK           hexBytes `json:"cek"`
	CT            hexBytes `json:"ct"`
	Info          hexBytes `json:"info"`
	Wrap          hexBytes `json:"wrap"`
	Statement     hexBytes `json:"statement"`
	Stmt          hexBytes `json:"stmt"`
	// Leaves of all statements that were signed together, and the index of this one.
	Leaves    []hexBytes `json:"leaves"`
	Index     int        `json:"index"`
	Root      hexBytes   `json:"root"`
	Path      []hexBytes `json:"path"`
	Signed    hexBytes   `json:"signed"`
	Signature hexBytes   `json:"signature"`
	// Sig is the digest of the BatchSignature's bytes.
	Sig      hexBytes `json:"sig"`
	Envelope hexBytes `json:"envelope"`
}

// sent returns the seals of the vectors' story: a request and a reminder from RS to HU, one message from RS to BG, and a part of a call.
func sent(t *testing.T, w *world) (durable []*seal, online *seal) {
	t.Helper()
	dockets := readVector[[]docketVector](t, "docket")
	request, reminder := dockets[0], dockets[len(dockets)-1]
	hu := w.manifest(t, "HU")
	version, digest := hu.Version(), hu.Digest()
	message := func(to string, seq uint64, prev []byte, d docketVector, n int) *seal {
		s := &seal{
			w: w, from: "RS", to: w.members[to], docket: d.Docket, content: d.Content,
			docketSalt: seed(fmt.Sprint("docket salt ", n)), contentSalt: seed(fmt.Sprint("content salt ", n)), cek: seed(fmt.Sprint("content-encryption key ", n)),
		}
		s.compose(t)
		s.fields.Seq, s.fields.Prev = seq, prev
		s.message = encode(t, s.fields)
		if to == "HU" {
			s.sealing.ManifestVersion, s.sealing.ManifestDigest = version, digest[:]
		}
		return s.send(t)
	}
	zero := bytes.Repeat([]byte{0}, 32)
	first := message("HU", 1, zero, request, 1)
	durable = []*seal{first, message("HU", 2, labelled("rogatory/v1/message\x00", first.message), reminder, 2), message("BG", 1, zero, reminder, 3)}
	parts := readVector[partVectors](t, "part")
	online = &seal{w: w, from: "RS", to: w.members["HU"], lane: "online", docket: parts.Sealed.Docket, content: parts.Sealed.Content}
	online.compose(t)
	online.sealing.ManifestVersion, online.sealing.ManifestDigest = version, digest[:]
	return durable, online.send(t)
}

func makeEnvelopes(t *testing.T, w *world) []envelopeVector {
	durable, online := sent(t, w)
	vector := func(about string, s *seal, i int, all ...*seal) envelopeVector {
		var statements [][]byte
		v := envelopeVector{About: about, Index: i}
		for _, a := range all {
			statements = append(statements, a.statementBytes)
			v.Leaves = append(v.Leaves, leafHash(a.statementBytes))
		}
		sig := batch(t, s.signer(), statements...)[i]
		v.Lane, v.From, v.To, v.NowMS = s.lane, s.from, s.to.code, ms(noon.Add(2*time.Second))
		v.Docket, v.DocketSalt, v.DocketCommit = s.docket, s.docketSalt, s.fields.DocketCommit
		v.Content, v.ContentSalt, v.ContentCommit = s.content, s.contentSalt, s.fields.ContentCommit
		v.Message, v.Name, v.Inner = s.message, labelled("rogatory/v1/message\x00", s.message), s.inner
		v.Sealing, v.SH, v.CEK, v.CT, v.Info, v.Wrap = s.sealingBytes, s.sh, s.cek, s.ct, s.info, s.wrap
		v.Statement, v.Stmt = s.statementBytes, labelled("rogatory/v1/statement\x00", s.statementBytes)
		var leaves [][]byte
		for _, l := range v.Leaves {
			leaves = append(leaves, l)
		}
		v.Root = merkle(leaves)
		for _, p := range sig.Path {
			v.Path = append(v.Path, p)
		}
		v.Signed, v.Signature = batchSigned(len(leaves), v.Root), sig.RootSignature
		v.Sig = labelled("rogatory/v1/signature\x00", encode(t, sig))
		v.Envelope = encode(t, &rogatoryv1.Envelope{Statement: s.statementBytes, Sig: sig, Wrap: s.wrap, Ct: s.ct})
		return v
	}
	return []envelopeVector{
		vector("a request, signed alone", durable[0], 0, durable[0]),
		vector("a reminder, the second of three that were signed together", durable[1], 1, durable...),
		vector("the third of them, to another country: its leaf rises without a sibling", durable[2], 2, durable...),
		vector("a part of a call", online, 0, online),
	}
}

func checkEnvelopes(t *testing.T, w *world, all []envelopeVector) {
	for _, v := range all {
		t.Run(v.About, func(t *testing.T) {
			from, to := w.members[v.From].identity.Public(), w.members[v.To].today
			opened, err := open(w, v.Envelope, v.From, v.To, v.Lane, time.UnixMilli(int64(v.NowMS)))
			if err != nil {
				t.Fatal(err)
			}
			same(t, "docket", opened.Docket.Bytes, v.Docket)
			same(t, "content", opened.Content.Bytes, v.Content)
			same(t, "docket salt", opened.Docket.Salt[:], v.DocketSalt)
			same(t, "content salt", opened.Content.Salt[:], v.ContentSalt)
			same(t, "message", opened.MessageBytes, v.Message)
			same(t, "name", opened.Name[:], v.Name)

			// The same once more by README.md, step by step.
			same(t, "docket commitment", commit("docket", v.DocketSalt, v.Docket), v.DocketCommit)
			same(t, "content commitment", commit("content", v.ContentSalt, v.Content), v.ContentCommit)
			same(t, "name", labelled("rogatory/v1/message\x00", v.Message), v.Name)
			same(t, "inner", pack(v.Lane, v.DocketSalt, v.ContentSalt, v.Docket, v.Content), v.Inner)
			same(t, "sh", labelled("rogatory/v1/sealing\x00", v.Sealing), v.SH)
			kid := to.KID()
			same(t, "info", bytes.Join([][]byte{[]byte("rogatory/v1/wrap\x00"), v.SH, u16(len(v.To)), []byte(v.To), kid[:]}, nil), v.Info)
			private, err := stdhpke.MLKEM768X25519().NewPrivateKey(seed(fmt.Sprintf("%s sealing %s", v.To, w.today)))
			if err != nil {
				t.Fatal(err)
			}
			cek, err := stdhpke.Open(private, stdhpke.HKDFSHA256(), stdhpke.AES256GCM(), v.Info, v.Wrap)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "content-encryption key", cek, v.CEK)
			inner, err := chunked.Open(cek, v.SH, v.CT)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "decrypted inner", inner, v.Inner)
			same(t, "stmt", labelled("rogatory/v1/statement\x00", v.Statement), v.Stmt)
			var leaves, hashes [][]byte
			for _, l := range v.Leaves {
				leaves = append(leaves, l)
			}
			for _, h := range v.Path {
				hashes = append(hashes, h)
			}
			same(t, "leaf", leafHash(v.Statement), v.Leaves[v.Index])
			same(t, "root", merkle(leaves), v.Root)
			same(t, "path", bytes.Join(path(leaves, v.Index), nil), bytes.Join(hashes, nil))
			same(t, "signed bytes", batchSigned(len(leaves), v.Root), v.Signed)
			if err := from.Verify(v.Signed, v.Signature); err != nil {
				t.Error(err)
			}
			sig := &rogatoryv1.BatchSignature{RootSignature: v.Signature, TreeSize: uint64(len(leaves)), Index: uint64(v.Index), Path: hashes}
			same(t, "sig", labelled("rogatory/v1/signature\x00", encode(t, sig)), v.Sig)
			same(t, "envelope", encode(t, &rogatoryv1.Envelope{Statement: v.Statement, Sig: sig, Wrap: v.Wrap, Ct: v.CT}), v.Envelope)
		})
	}
}

// A refusedVector is an envelope that its recipient must refuse, and where.
type refusedVector struct {
	About string `json:"about"`
	Lane  string `json:"lane"`
	From  string `json:"from"`
	To    string `json:"to"`
	NowMS uint64 `json:"now_ms"`
	// Reason and class as crypto/README.md tells them.
	Reason   string   `json:"reason"`
	Class    string   `json:"class"`
	Envelope hexBytes `json:"envelope"`
}

func makeRefused(t *testing.T, w *world) []refusedVector {
	var out []refusedVector
	now := noon
	add := func(about string, reason envelope.Reason, class envelope.Class, b []byte) {
		out = append(out, refusedVector{about, "durable", "RS", "HU", ms(now), string(reason), class.String(), b})
	}
	fresh := func() *seal {
		s := &seal{w: w, from: "RS", to: w.members["HU"], docket: []byte("docket"), content: []byte("content")}
		s.compose(t)
		return s
	}
	good := fresh().send(t).envelope(t)
	add("a byte behind the end", envelope.ReasonOuter, envelope.NotAuthentic, append(bytes.Clone(good), 0))
	s := fresh().send(t)
	e := &rogatoryv1.Envelope{Statement: s.statementBytes, Sig: batch(t, s.signer(), s.statementBytes)[0], Wrap: s.wrap, Ct: s.ct}
	other := func(edit func(*rogatoryv1.Envelope)) []byte {
		c := proto.CloneOf(e)
		edit(c)
		return encode(t, c)
	}
	add("a path that a batch of one does not have", envelope.ReasonPath, envelope.NotAuthentic,
		other(func(c *rogatoryv1.Envelope) { c.Sig.Path = [][]byte{make([]byte, 32)} }))
	add("the ML-DSA half changed", envelope.ReasonSignature, envelope.NotAuthentic, other(func(c *rogatoryv1.Envelope) { c.Sig.RootSignature[0] ^= 1 }))
	add("the Ed25519 half changed", envelope.ReasonSignature, envelope.NotAuthentic, other(func(c *rogatoryv1.Envelope) { c.Sig.RootSignature[3309] ^= 1 }))
	add("the ciphertext changed", envelope.ReasonDigest, envelope.NotAuthentic, other(func(c *rogatoryv1.Envelope) { c.Ct[len(c.Ct)-1] ^= 1 }))
	add("the wrapped key changed", envelope.ReasonDigest, envelope.NotAuthentic, other(func(c *rogatoryv1.Envelope) { c.Wrap[0] ^= 1 }))
	edited := func(edit func(*seal)) []byte {
		s := fresh()
		edit(s)
		return s.send(t).envelope(t)
	}
	add("another suite", envelope.ReasonSuite, envelope.NotUnderstood, edited(func(s *seal) { s.sealing.Suite = 2 }))
	add("a Message with a field that is not known: parked", envelope.ReasonMessage, envelope.NotUnderstood,
		edited(func(s *seal) { s.message = append(s.message, 0x78, 1) }))
	add("a Message with a field out of order", envelope.ReasonMessage, envelope.Refused,
		edited(func(s *seal) { s.message = append(s.message, 0x18, 1) }))
	add("a Message to BG in a sealing for HU", envelope.ReasonAddress, envelope.NotAuthentic,
		edited(func(s *seal) { s.fields.To = "BG"; s.message = encode(t, s.fields) }))
	add("an online Message on the durable lane", envelope.ReasonAddress, envelope.NotAuthentic, edited(func(s *seal) {
		s.fields.Epoch, s.fields.Seq, s.fields.Prev, s.fields.Nonce = 0, 0, nil, make([]byte, 16)
		s.message = encode(t, s.fields)
	}))
	add("a life of 17 days and a millisecond", envelope.ReasonClock, envelope.Retryable, edited(func(s *seal) { s.sealing.ExpiresMs++ }))
	add("sealed more than 120 s ahead", envelope.ReasonClock, envelope.Retryable, edited(func(s *seal) {
		s.sealing.SealedMs += 120_001
		s.sealing.ExpiresMs += 120_001
	}))
	add("for a key that the recipient does not have", envelope.ReasonKeyGone, envelope.Retryable, edited(func(s *seal) { s.sealing.ToKid = make([]byte, 8) }))
	add("commitments to something else", envelope.ReasonCommitment, envelope.Refused, edited(func(s *seal) {
		s.inner = pack("durable", s.docketSalt, s.contentSalt, s.docket, []byte("content?"))
	}))
	s = fresh().send(t)
	s.info[len(s.info)-1] ^= 1
	public, err := stdhpke.MLKEM768X25519().NewPublicKey(s.to.today.Public().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if s.wrap, err = stdhpke.Seal(public, stdhpke.HKDFSHA256(), stdhpke.AES256GCM(), s.info, s.cek); err != nil {
		t.Fatal(err)
	}
	s.statement.WrapDigest = labelled("rogatory/v1/wrapped\x00", s.wrap)
	s.statementBytes = encode(t, s.statement)
	add("a key wrapped for another purpose", envelope.ReasonUnwrap, envelope.NotAuthentic, s.envelope(t))
	s = fresh().send(t)
	if s.ct, err = chunked.Seal(s.cek, nil, s.inner); err != nil {
		t.Fatal(err)
	}
	s.statement.CtDigest = labelled("rogatory/v1/ciphertext\x00", s.ct)
	s.statementBytes = encode(t, s.statement)
	add("a ciphertext that is not bound to its sealing", envelope.ReasonDecrypt, envelope.NotAuthentic, s.envelope(t))
	now = noon.Add(17*24*time.Hour + 120*time.Second + time.Millisecond)
	add("expired for more than 120 s", envelope.ReasonClock, envelope.Retryable, good)
	return out
}

func checkRefused(t *testing.T, w *world, all []refusedVector) {
	if len(all) < 15 {
		t.Errorf("%d vectors", len(all))
	}
	for _, v := range all {
		_, err := open(w, v.Envelope, v.From, v.To, v.Lane, time.UnixMilli(int64(v.NowMS)))
		var class envelope.Class
		for class = envelope.NotAuthentic; class.String() != v.Class && class < envelope.Refused; class++ {
		}
		wantRefusal(t, v.About, err, envelope.Reason(v.Reason), class)
	}
}
