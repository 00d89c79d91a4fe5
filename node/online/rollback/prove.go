package rollback

import (
	"errors"
	"fmt"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// maxProof bounds each part of a proof as it comes: a statement and a signature are shorter.
const maxProof = 8 << 10

// Proven returns nil if a peer proves that we have given out the number which it shows: a statement with one of our signatures carries a message of
// ours to that peer with that number.
func (j *Judge) Proven(peer string, n Number) error {
	statement, sealing, m := &rogatoryv1.Statement{}, &rogatoryv1.Sealing{}, &rogatoryv1.Message{}
	// A newer version of ours may have signed what this one does not understand; number and names have always been where they are.
	parse := func(b []byte, into func([]byte) error) error {
		if err := into(b); err != nil && !errors.Is(err, envelope.ErrNotUnderstood) {
			return err
		}
		return nil
	}
	if err := errors.Join(
		parse(n.Statement, func(b []byte) error { return envelope.StrictUnmarshal(b, statement, maxProof) }),
		parse(statement.GetSealing(), func(b []byte) error { return envelope.StrictUnmarshal(b, sealing, maxProof) }),
		parse(sealing.GetMessage(), func(b []byte) error { return envelope.StrictUnmarshal(b, m, maxProof) }),
	); err != nil {
		return err
	}
	if m.GetFrom() != j.cfg.Country || m.GetTo() != peer || m.GetEpoch() != n.Epoch || m.GetSeq() != n.Seq {
		return fmt.Errorf("it shows message %d.%d from %q to %q", m.GetEpoch(), m.GetSeq(), m.GetFrom(), m.GetTo())
	}
	if len(sealing.GetFromKid()) != len(keyring.KID{}) {
		return errors.New("its statement names no key")
	}
	kid := keyring.KID(sealing.GetFromKid())
	key := j.ownKey(kid)
	if key == nil {
		return fmt.Errorf("its statement names key %s, which is not ours", kid)
	}
	return j.verifier.VerifyStatement(key, n.Statement, n.Signature)
}

// ownKey returns the identity key of ours with that identifier, whether it is still valid or not; nil if it never was ours.
func (j *Judge) ownKey(kid keyring.KID) *keyring.PublicKey {
	for _, d := range j.cfg.Ring.Identities(time.UnixMilli(0)) {
		if key := d.Key.Public(); key.KID() == kid {
			return key
		}
	}
	if member, err := j.cfg.Peers.Directory().Member(j.cfg.Country); err == nil && member.RootKey().KID() == kid {
		return member.RootKey()
	}
	return nil
}

// Carried returns the message that a statement carries, and its bytes. Nothing is verified.
func Carried(statement []byte) (*rogatoryv1.Message, []byte, error) {
	st, sealing := &rogatoryv1.Statement{}, &rogatoryv1.Sealing{}
	if err := envelope.StrictUnmarshal(statement, st, maxProof); err != nil {
		return nil, nil, err
	}
	if err := envelope.StrictUnmarshal(st.GetSealing(), sealing, maxProof); err != nil {
		return nil, nil, err
	}
	m, err := envelope.ParseMessage(sealing.GetMessage())
	return m, sealing.GetMessage(), err
}
