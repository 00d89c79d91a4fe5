package envelope

import (
	"fmt"
	"time"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"

	"github.com/rogatory/rogatory/crypto/envelope/chunked"
	"github.com/rogatory/rogatory/crypto/keyring"
)

// Attempt is all that one sealing of a message takes.
type Attempt struct {
	// Message is the Message's bytes.
	Message []byte
	// Docket and Content are what the Message commits to.
	Docket, Content Part
	// Key is the recipient's sealing key of the day.
	Key *keyring.SealingPublicKey
	// From names the identity key that will sign.
	From keyring.KID
	// ManifestVersion and ManifestDigest name the recipient's manifest that published Key.
	ManifestVersion uint64
	ManifestDigest  [32]byte
	// Now is the sender's time, Life how long a recipient accepts the sealing: at most MaxLife, online OnlineLife. 0 means the most.
	Now  time.Time
	Life time.Duration
	// Least pads the inner part to at least so many bytes, on the online lane only: answers that must not be told apart by their
	// length have one Least.
	Least int
}

// Sealed is a sealed message, not yet signed.
type Sealed struct {
	// Statement is the Statement's bytes, which SignBatch signs.
	Statement []byte
	// Hash is the Statement's hash: stmt in leaves.
	Hash [32]byte
	// Wrap is the wrapped key, Ct the ciphertext.
	Wrap, Ct []byte
	// From names the identity key that is to sign.
	From keyring.KID
}

// Seal encrypts a message to its recipient. Each call draws a new key, so two sealings of one message have nothing in common that an
// outsider sees but the message's name.
func Seal(a Attempt) (*Sealed, error) {
	m, err := ParseMessage(a.Message)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if Commit(a.Docket.Salt, Docket, a.Docket.Bytes) != [32]byte(m.GetDocketCommit()) ||
		Commit(a.Content.Salt, Content, a.Content.Bytes) != [32]byte(m.GetContentCommit()) {
		return nil, ErrCommitment
	}
	lane := LaneOf(m)
	life, most := a.Life, maxLife(lane)
	if life == 0 {
		life = most
	}
	if life < time.Millisecond || life > most || a.Now.UnixMilli() <= 0 {
		return nil, ErrLife
	}
	to := a.Key.KID()
	sealing, err := Marshal(&rogatoryv1.Sealing{
		Suite:           suiteXWing,
		Message:         a.Message,
		FromKid:         a.From[:],
		ToKid:           to[:],
		SealedMs:        uint64(a.Now.UnixMilli()),
		ExpiresMs:       uint64(a.Now.Add(life).UnixMilli()),
		ManifestVersion: a.ManifestVersion,
		ManifestDigest:  a.ManifestDigest[:],
	})
	if err != nil {
		return nil, err
	}
	inner, err := packInner(lane, a.Docket, a.Content, a.Least)
	if err != nil {
		return nil, err
	}
	defer clear(inner)
	sh := SealingHash(sealing)
	cek := keyring.GenerateSecret()
	defer cek.Destroy()
	key := cek.Bytes()
	defer clear(key)
	ct, err := chunked.Seal(key, sh[:], inner)
	if err != nil {
		return nil, err
	}
	wrap, err := wrapKey(a.Key, wrapInfo(sh, m.GetTo(), to), key)
	if err != nil {
		return nil, err
	}
	ctDigest, wrapDigest := hash(contextCiphertext, ct), hash(contextWrapped, wrap)
	statement, err := Marshal(&rogatoryv1.Statement{
		Sealing:    sealing,
		CtDigest:   ctDigest[:],
		CtLen:      uint64(len(ct)),
		WrapDigest: wrapDigest[:],
	})
	if err != nil {
		return nil, err
	}
	return &Sealed{Statement: statement, Hash: StatementHash(statement), Wrap: wrap, Ct: ct, From: a.From}, nil
}

func maxLife(lane Lane) time.Duration {
	if lane == Online {
		return OnlineLife
	}
	return MaxLife
}
