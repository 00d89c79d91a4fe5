package federation

import (
	"fmt"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
)

// EndorseGenesis returns the identity key's signature over leaf 0 of a log behind a country's first.
func EndorseGenesis(leaf []byte, key *keyring.Identity) ([]byte, error) {
	sig, err := key.Sign(envelope.PAE(typeGenesis, leaf))
	if err != nil {
		return nil, fmt.Errorf("endorsing a genesis: %w", err)
	}
	return sig, nil
}

// LogNumber returns the number of a log of a member of this federation, or ErrLog.
func LogNumber(federation, country, origin string) (uint64, error) {
	f, c, n, ok := logName(origin)
	if !ok || f != federation || c != country {
		return 0, fmt.Errorf("log %q: %w", origin, ErrLog)
	}
	return n, nil
}

// ParseGenesis returns leaf 0 of the log that a member's manifest names, if one of the manifest's identity keys that is valid at now has endorsed
// it and it names a log before: after a rollback a country closes that one and goes on here. Whether the two fit is for those to say who
// have seen the log before. Errors wrap ErrGenesis or ErrSignature.
func ParseGenesis(m *Manifest, leaf, endorsement []byte, now time.Time) (*translog.Genesis, error) {
	l, err := translog.ParseLeaf(leaf)
	if err != nil {
		return nil, fmt.Errorf("genesis of %s: %w: %w", m.Country(), err, ErrGenesis)
	}
	g, ok := l.Entry.(*translog.Genesis)
	if !ok || l.Index != 0 || g.Country != m.Country() || g.Log != m.Log().Origin() || g.Epoch != int64(m.Epoch()) {
		return nil, fmt.Errorf("it is not leaf 0 of %s in epoch %d: %w", m.Log().Origin(), m.Epoch(), ErrGenesis)
	}
	federation, _, number, _ := logName(g.Log)
	if before, err := LogNumber(federation, m.Country(), g.PrevLog); err != nil || before >= number {
		return nil, fmt.Errorf("%s after %q: %w", g.Log, g.PrevLog, ErrGenesis)
	}
	for _, id := range m.identities {
		if id.validAt(now) && id.key.Verify(envelope.PAE(typeGenesis, leaf), endorsement) == nil {
			return g, nil
		}
	}
	return nil, fmt.Errorf("genesis of %s: %w", g.Log, ErrSignature)
}
