package federation

import (
	"crypto/sha256"
	"fmt"

	"github.com/rogatory/rogatory/crypto/envelope"
	"google.golang.org/protobuf/proto"
)

// Context strings and payload types of this package. crypto/README.md lists them beside all others.
const (
	contextAct       = "rogatory/v1/act\x00"       // what an actor signs
	contextAssertion = "rogatory/v1/assertion\x00" // names an assertion, for leaves
	contextEnrolment = "rogatory/v1/enrolment\x00" // names the officer whom two people enrol or revoke
	contextSearch    = "rogatory/v1/search\x00"    // commits to what a supervisor searches for

	typeDirectory = "application/vnd.rogatory.directory.v1+protobuf"
	typeGenesis   = "application/vnd.rogatory.genesis.v1+json"
	typeManifest  = "application/vnd.rogatory.manifest.v1+protobuf"
)

// encode returns the canonical bytes of m.
func encode(m proto.Message) ([]byte, error) {
	b, err := envelope.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrForm)
	}
	return b, nil
}

// decode reads into m bytes of which there are at most limit and which are m's one canonical encoding.
func decode(b []byte, limit int, m proto.Message) error {
	if err := envelope.StrictUnmarshal(b, m, limit); err != nil {
		return fmt.Errorf("%w: %w", err, ErrForm)
	}
	return nil
}

// cloned returns a deep copy of m.
func cloned[M proto.Message](m M) M { return proto.CloneOf(m) }

// digest returns SHA-256(context || b).
func digest(context string, b []byte) (sum [32]byte) {
	h := sha256.New()
	h.Write([]byte(context))
	h.Write(b)
	h.Sum(sum[:0])
	return sum
}
