package seal

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/transport"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const (
	bootSize = 16
	// maxPayload is what a part may hold: an online message is at most one envelope.
	maxPayload = envelope.MaxInner - 1<<10
	maxDocket  = 1 << 10
)

// A boot names a process: random bytes, drawn at its start.
type boot [bootSize]byte

// Sealer protects the online lane: it implements [transport.Sealer] with signed and encrypted online messages. Its methods may be called by
// several goroutines.
type Sealer struct {
	country  string
	peers    *peers.Book
	identity func() *keyring.Identity
	keys     *keyring.SealingKeys
	boot     boot
	verifier envelope.Verifier
	pen      pen

	mu     sync.Mutex
	others map[string]*other
}

var _ transport.Sealer = (*Sealer)(nil)

// other is what is remembered of a peer.
type other struct {
	nonces nonces

	mu   sync.Mutex
	boot boot // of its process, as far as we know
}

// New returns the Sealer of one process. identity returns the key that signs now; keys are those of our days.
func New(book *peers.Book, identity func() *keyring.Identity, keys *keyring.SealingKeys) *Sealer {
	s := &Sealer{country: book.Country(), peers: book, identity: identity, keys: keys, others: map[string]*other{}}
	rand.Read(s.boot[:]) // never fails, see crypto/rand
	return s
}

// other returns what is remembered of a peer. Only members get here.
func (s *Sealer) other(peer string) *other {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.others[peer]
	if o == nil {
		o = &other{}
		s.others[peer] = o
	}
	return o
}

func (o *other) known() boot {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.boot
}

func (o *other) learn(b boot) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.boot = b
}

// Seal seals one part of a call for a peer. Errors are status errors: Unavailable when the peer has published no sealing key for today.
func (s *Sealer) Seal(ctx context.Context, peer, method string, payload []byte) ([]byte, error) {
	if len(payload) > maxPayload {
		return nil, fmt.Errorf("part of %d bytes: %w", len(payload), transport.ErrTooLarge)
	}
	now := time.Now()
	day, ok := s.peers.SealingKey(peer, now)
	if !ok {
		return nil, status.Errorf(codes.Unavailable, "no sealing key of %s for today is known", peer)
	}
	docket, err := part(&rogatoryv1.Docket{Method: method})
	if err != nil {
		return nil, err
	}
	to := s.other(peer).known()
	content := envelope.Part{Bytes: bytes.Join([][]byte{to[:], s.boot[:], payload}, nil), Salt: envelope.NewSalt()}
	docketCommit := envelope.Commit(docket.Salt, envelope.Docket, docket.Bytes)
	contentCommit := envelope.Commit(content.Salt, envelope.Content, content.Bytes)
	var fresh nonce
	rand.Read(fresh[:])
	message, err := envelope.Marshal(&rogatoryv1.Message{
		From: s.country, To: peer, DocketCommit: docketCommit[:], ContentCommit: contentCommit[:],
		SubmittedMs: uint64(now.UnixMilli()), Nonce: fresh[:],
	})
	if err != nil {
		return nil, err
	}
	key := s.identity()
	sealed, err := envelope.Seal(envelope.Attempt{
		Message: message, Docket: docket, Content: content, Key: day.Key, From: key.KID(),
		ManifestVersion: day.ManifestVersion, ManifestDigest: day.ManifestDigest, Now: now,
	})
	if err != nil {
		return nil, fmt.Errorf("sealing for %s: %w", peer, err)
	}
	return s.pen.sign(ctx, key, sealed)
}

func part(d *rogatoryv1.Docket) (envelope.Part, error) {
	b, err := envelope.Marshal(d)
	return envelope.Part{Bytes: b, Salt: envelope.NewSalt()}, err
}

// Open opens one part of a call that came from a peer. What a peer may be told is a status error: Unavailable means that the same call may
// succeed when it is sealed anew. Every other error says that the part is not authentic, or was opened before.
func (s *Sealer) Open(_ context.Context, peer, method string, sealed []byte) ([]byte, error) {
	now := time.Now()
	o, err := envelope.Parse(sealed, envelope.MaxEnvelope)
	if err != nil {
		return nil, err
	}
	if err := o.VerifySignature(&s.verifier, peer, s.peers.Identity(peer, o.FromKID(), now)); err != nil {
		return nil, refusal(err)
	}
	// Started stays zero: boots keep out what was sealed before the start.
	if err := o.Check(envelope.Recipient{Country: s.country, Lane: envelope.Online, Now: now}); err != nil {
		return nil, refusal(err)
	}
	opened, err := o.Decrypt(s.keys.Key(o.ToKID()))
	if err != nil {
		return nil, refusal(err)
	}
	// Not before: else a copy with a broken ciphertext would use up the nonce of the true one.
	other := s.other(peer)
	switch other.nonces.add(nonce(o.Message().GetNonce()), time.UnixMilli(int64(o.Sealing().GetExpiresMs())), now) {
	case nonceSeen:
		return nil, ErrReplayed
	case nonceNoRoom:
		return nil, status.Errorf(codes.ResourceExhausted, "%s has too many calls of %s to remember: wait half a minute", s.country, peer)
	}
	docket := new(rogatoryv1.Docket)
	if err := envelope.StrictUnmarshal(opened.Docket.Bytes, docket, maxDocket); err != nil {
		return nil, fmt.Errorf("%w: docket: %w", ErrPart, err)
	}
	b := opened.Content.Bytes
	if len(b) < 2*bootSize {
		return nil, fmt.Errorf("%w: boots are cut short", ErrPart)
	}
	to, payload := boot(b[:bootSize]), b[2*bootSize:]
	other.learn(boot(b[bootSize : 2*bootSize]))
	switch {
	case method == "": // the first part of a call
		if to != s.boot {
			return nil, restarted(s.country)
		}
	case docket.GetMethod() != method && docket.GetMethod() != "": // a refusal names none
		return nil, ErrMethod
	}
	return payload, nil
}

// refusal returns what a peer is told of an envelope that was refused. What is not authentic is told nothing.
func refusal(err error) error {
	var e *envelope.Error
	if !errors.As(err, &e) || e.Class == envelope.NotAuthentic {
		return err
	}
	say := func(code codes.Code, text string) error { return status.Error(code, text+" ("+string(e.Reason)+")") }
	switch {
	case e.Class == envelope.NotUnderstood:
		return say(codes.Unimplemented, "call is of a form that this version does not know")
	case e.Class == envelope.Refused:
		return say(codes.InvalidArgument, "call is malformed")
	case e.Reason == envelope.ReasonSender:
		return say(codes.Unavailable, "the key that signed is in no manifest known here: publish it and call again")
	case e.Reason == envelope.ReasonClock:
		return say(codes.Unavailable, "sealed outside the time in which it may be opened: compare the clocks and call again")
	case e.Reason == envelope.ReasonKeyGone:
		return say(codes.Unavailable, "sealed with a key that is not here: fetch the newest manifest and call again")
	}
	return say(codes.Unavailable, "call cannot be opened now: call again")
}

const (
	domain          = "rogatory"
	reasonRestarted = "RESTARTED"
)

// restarted tells a caller to call again, for it did not know our process.
func restarted(country string) error {
	st := status.Newf(codes.Unavailable, "the call names another process than the one that runs in %s now: call again", country)
	if detailed, err := st.WithDetails(&errdetails.ErrorInfo{Reason: reasonRestarted, Domain: domain}); err == nil {
		st = detailed
	}
	return st.Err()
}

func isRestarted(err error) bool {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetReason() == reasonRestarted && info.GetDomain() == domain {
			return true
		}
	}
	return false
}
