package proto_test

import (
	"bytes"
	stdhpke "crypto/hpke"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/envelope/chunked"
	"github.com/rogatory/rogatory/crypto/keyring"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A seal makes an envelope as README.md tells, without the package that nodes make theirs with, and with the standard library's HPKE. Each
// value may be set to something else than compose or send would choose.
type seal struct {
	w    *world
	from string
	to   *country
	lane string

	docketSalt, contentSalt []byte
	docket, content         []byte
	fields                  *rogatoryv1.Message
	message                 []byte
	cek                     []byte

	inner   []byte
	sealing *rogatoryv1.Sealing
	// made by send
	sealingBytes, sh, info, ct, wrap []byte
	statement                        *rogatoryv1.Statement
	statementBytes                   []byte
}

func (s *seal) signer() *keyring.Identity { return s.w.members[s.from].identity }

func (s *seal) docketPart() envelope.Part {
	return envelope.Part{Bytes: s.docket, Salt: envelope.Salt(s.docketSalt)}
}

func (s *seal) contentPart() envelope.Part {
	return envelope.Part{Bytes: s.content, Salt: envelope.Salt(s.contentSalt)}
}

// compose fills what is not set, up to the inner part.
func (s *seal) compose(t *testing.T) {
	t.Helper()
	if s.docketSalt == nil {
		s.docketSalt = seed("docket salt")
	}
	if s.contentSalt == nil {
		s.contentSalt = seed("content salt")
	}
	if s.cek == nil {
		s.cek = seed("content-encryption key")
	}
	if s.lane == "" {
		s.lane = "durable"
	}
	s.fields = &rogatoryv1.Message{
		From: s.from, To: s.to.code, DocketCommit: commit("docket", s.docketSalt, s.docket),
		ContentCommit: commit("content", s.contentSalt, s.content), SubmittedMs: ms(noon),
	}
	life := 17 * 24 * time.Hour
	if s.lane == "online" {
		s.fields.Nonce, life = seed("nonce")[:16], 30*time.Second
	} else {
		s.fields.Epoch, s.fields.Seq, s.fields.Prev = 1, 1, make([]byte, 32)
	}
	s.message = encode(t, s.fields)
	kid, from := s.to.today.KID(), s.signer().KID()
	digest := sha256.Sum256([]byte("no manifest"))
	s.sealing = &rogatoryv1.Sealing{
		Suite: 1, FromKid: from[:], ToKid: kid[:], SealedMs: ms(noon), ExpiresMs: ms(noon.Add(life)), ManifestVersion: 1, ManifestDigest: digest[:],
	}
	if n := 72 + len(s.docket) + len(s.content); bucket(n, 0) != 0 {
		s.inner = pack(s.lane, s.docketSalt, s.contentSalt, s.docket, s.content)
	}
}

// send encrypts; sign makes the envelope.
func (s *seal) send(t *testing.T) *seal {
	t.Helper()
	if s.sealing.Message == nil {
		s.sealing.Message = s.message
	}
	s.sealingBytes = encode(t, s.sealing)
	s.sealUp(t)
	return s
}

// sealUp encrypts for the bytes of a sealing.
func (s *seal) sealUp(t *testing.T) {
	t.Helper()
	s.sh = labelled("rogatory/v1/sealing\x00", s.sealingBytes)
	var err error
	if s.ct, err = chunked.Seal(s.cek, s.sh, s.inner); err != nil {
		t.Fatal(err)
	}
	s.info = bytes.Join([][]byte{[]byte("rogatory/v1/wrap\x00"), s.sh, u16(len(s.to.code)), []byte(s.to.code), s.sealing.ToKid}, nil)
	public, err := stdhpke.MLKEM768X25519().NewPublicKey(s.to.today.Public().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if s.wrap, err = stdhpke.Seal(public, stdhpke.HKDFSHA256(), stdhpke.AES256GCM(), s.info, s.cek); err != nil {
		t.Fatal(err)
	}
	s.statement = &rogatoryv1.Statement{
		Sealing: s.sealingBytes, CtDigest: labelled("rogatory/v1/ciphertext\x00", s.ct), CtLen: uint64(len(s.ct)),
		WrapDigest: labelled("rogatory/v1/wrapped\x00", s.wrap),
	}
	s.statementBytes = encode(t, s.statement)
}

// pae is DSSE's pre-authentication encoding.
func pae(payloadType string, b []byte) []byte {
	return append(fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(payloadType), payloadType, len(b)), b...)
}

const (
	statementType = "application/vnd.rogatory.statement.v1+protobuf"
	batchType     = "application/vnd.rogatory.batch.v1"
)

func sum(parts ...[]byte) []byte {
	h := sha256.Sum256(bytes.Join(parts, nil))
	return h[:]
}

func leafHash(statement []byte) []byte { return sum([]byte{0}, pae(statementType, statement)) }

// merkle is RFC 6962's root.
func merkle(leaves [][]byte) []byte {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := split(len(leaves))
	return sum([]byte{1}, merkle(leaves[:k]), merkle(leaves[k:]))
}

// split is the largest power of two below n.
func split(n int) int {
	k := 1
	for 2*k < n {
		k *= 2
	}
	return k
}

// path is RFC 6962's audit path of leaf i.
func path(leaves [][]byte, i int) [][]byte {
	if len(leaves) == 1 {
		return nil
	}
	k := split(len(leaves))
	if i < k {
		return append(path(leaves[:k], i), merkle(leaves[k:]))
	}
	return append(path(leaves[k:], i-k), merkle(leaves[:k]))
}

func batchSigned(size int, root []byte) []byte {
	return pae(batchType, append(u64(uint64(size)), root...))
}

// batch signs statements together and returns their signatures.
func batch(t *testing.T, key *keyring.Identity, statements ...[]byte) []*rogatoryv1.BatchSignature {
	t.Helper()
	var leaves [][]byte
	for _, s := range statements {
		leaves = append(leaves, leafHash(s))
	}
	signature, err := key.Sign(batchSigned(len(leaves), merkle(leaves)))
	if err != nil {
		t.Fatal(err)
	}
	var out []*rogatoryv1.BatchSignature
	for i := range leaves {
		out = append(out, &rogatoryv1.BatchSignature{RootSignature: signature, TreeSize: uint64(len(leaves)), Index: uint64(i), Path: path(leaves, i)})
	}
	return out
}

// envelope signs the statement alone.
func (s *seal) envelope(t *testing.T) []byte {
	t.Helper()
	return encode(t, &rogatoryv1.Envelope{Statement: s.statementBytes, Sig: batch(t, s.signer(), s.statementBytes)[0], Wrap: s.wrap, Ct: s.ct})
}

func (s *seal) open(t *testing.T, w *world) (*envelope.Opened, error) {
	t.Helper()
	return open(w, s.envelope(t), s.from, s.to.code, s.lane, noon)
}

// open takes an envelope through the checks of a recipient.
func open(w *world, b []byte, from, to, lane string, now time.Time) (*envelope.Opened, error) {
	o, err := envelope.Parse(b, envelope.MaxEnvelope)
	if err != nil {
		return nil, err
	}
	if err := o.VerifySignature(new(envelope.Verifier), from, w.members[from].identity.Public()); err != nil {
		return nil, err
	}
	r := envelope.Recipient{Country: to, Now: now}
	if lane == "online" {
		r.Lane = envelope.Online
	}
	if err := o.Check(r); err != nil {
		return nil, err
	}
	return o.Decrypt(w.members[to].today)
}

func wantRefusal(t *testing.T, about string, err error, reason envelope.Reason, class envelope.Class) {
	t.Helper()
	var e *envelope.Error
	if !errors.As(err, &e) || e.Reason != reason || e.Class != class {
		t.Errorf("%s: %v, want a refusal at %s, %s", about, err, reason, class)
	}
}
