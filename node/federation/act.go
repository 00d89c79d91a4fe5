package federation

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// ActSkew is how far an act's time may lie from the node's, either way.
const ActSkew = 10 * time.Minute

// Bounds of acts.
const (
	maxAct     = 16 << 10 // bytes
	maxTargets = 64
)

// NewAct returns the bytes of an act, ready to be signed. The draft says verb, case, actor and what else the verb is done
// to; NewAct puts its targets in order and adds the nonce, 16 bytes drawn at random for this act alone, and the time.
// It does not modify the draft.
func NewAct(draft *v1.Act, nonce [16]byte, at time.Time) ([]byte, error) {
	targets := slices.Clone(draft.GetTargets())
	slices.SortFunc(targets, compareTargets)
	act := &v1.Act{
		Verb:      draft.GetVerb(),
		CaseToken: draft.GetCaseToken(),
		Actor:     draft.GetActor(),
		Nonce:     nonce[:],
		AtMs:      uint64(max(at.UnixMilli(), 0)),
		Targets:   targets,
		Subject:   draft.GetSubject(),
		Reason:    draft.GetReason(),
	}
	if err := checkAct(act); err != nil {
		return nil, err
	}
	return encode(act)
}

// ParseAct reads an act strictly: what it returns has no second spelling, every member is within its bounds, the targets
// are in order. It says nothing about who signed it.
func ParseAct(b []byte) (*v1.Act, error) {
	act := new(v1.Act)
	if err := decode(b, maxAct, act); err != nil {
		return nil, fmt.Errorf("reading act: %w", err)
	}
	if err := checkAct(act); err != nil {
		return nil, err
	}
	return act, nil
}

// ActDigest returns what an actor signs: SHA-256("rogatory/v1/act\0" || act).
func ActDigest(act []byte) [32]byte {
	return digest(contextAct, act)
}

// SignAct returns the assertion of an act with the actor's key. The act's bytes come from NewAct, or from whoever asks for
// the signature: then the signer has read with ParseAct what they say.
func SignAct(act []byte, key *keyring.Officer) (*v1.Assertion, error) {
	if _, err := ParseAct(act); err != nil {
		return nil, err
	}
	kid := key.Public().KID()
	return &v1.Assertion{Act: bytes.Clone(act), Kid: kid[:], Signature: key.Sign(ActDigest(act))}, nil
}

// AssertionDigest returns SHA-256("rogatory/v1/assertion\0" || assertion), by which log leaves name an assertion.
func AssertionDigest(a *v1.Assertion) ([32]byte, error) {
	b, err := encode(a)
	if err != nil {
		return [32]byte{}, err
	}
	return digest(contextAssertion, b), nil
}

func checkAct(a *v1.Act) error {
	verb := a.GetVerb()
	switch {
	case verb == v1.Verb_VERB_UNSPECIFIED || v1.Verb_name[int32(verb)] == "":
		return form("act of verb %d", verb)
	case a.GetCaseToken() != "" && !caseToken(a.GetCaseToken()):
		return form("act in case %q", a.GetCaseToken())
	case !pseudonym(a.GetActor()):
		return form("act of actor %q", a.GetActor())
	case len(a.GetNonce()) != 16:
		return form("act with a nonce of %d bytes, not 16", len(a.GetNonce()))
	case a.GetAtMs() == 0 || a.GetAtMs() > latest:
		return form("act at %d ms", a.GetAtMs())
	case len(a.GetSubject()) != 0 && len(a.GetSubject()) != sha256.Size:
		return form("act on a subject of %d bytes, not 32", len(a.GetSubject()))
	case a.GetReason() != "" && !code(a.GetReason()):
		return form("act for reason %q", a.GetReason())
	case needsReason(verb) && a.GetReason() == "":
		return form("act %s without a reason", verbName(verb))
	case needsSubject(verb) && len(a.GetSubject()) == 0:
		return form("act %s without a subject", verbName(verb))
	case sends(verb) && len(a.GetTargets()) == 0:
		return form("act %s without a target", verbName(verb))
	}
	return checkTargets(a.GetTargets())
}

func checkTargets(targets []*v1.ActTarget) error {
	if len(targets) > maxTargets {
		return form("act with %d targets, at most %d", len(targets), maxTargets)
	}
	for i, t := range targets {
		switch {
		case !country(t.GetTo()):
			return form("act's target country %q", t.GetTo())
		case t.GetUnit() != "" && !unit(t.GetUnit()):
			return form("act's target unit %q", t.GetUnit())
		case len(t.GetDocketCommit()) != sha256.Size || len(t.GetContentCommit()) != sha256.Size:
			return form("act's target %s has a commitment of another length than 32", t.GetTo())
		case i > 0 && compareTargets(targets[i-1], t) >= 0:
			return form("act's targets are not in order, or one stands twice: %s/%s", t.GetTo(), t.GetUnit())
		}
	}
	return nil
}

// compareTargets orders by country, then unit.
func compareTargets(a, b *v1.ActTarget) int {
	if c := strings.Compare(a.GetTo(), b.GetTo()); c != 0 {
		return c
	}
	return strings.Compare(a.GetUnit(), b.GetUnit())
}

func sameTargets(a, b []*v1.ActTarget) bool {
	return slices.EqualFunc(a, b, func(x, y *v1.ActTarget) bool {
		return compareTargets(x, y) == 0 && bytes.Equal(x.GetDocketCommit(), y.GetDocketCommit()) &&
			bytes.Equal(x.GetContentCommit(), y.GetContentCommit())
	})
}

// sends reports whether the verb lets a message go, so that its targets must be signed.
func sends(v v1.Verb) bool {
	return v == v1.Verb_VERB_DRAFT || v == v1.Verb_VERB_APPROVE || v == v1.Verb_VERB_SEND || v == v1.Verb_VERB_RATIFY
}

// needsReason reports whether the law asks why: for consultation and erasure, and for what puts erasure off.
func needsReason(v v1.Verb) bool {
	switch v {
	case v1.Verb_VERB_READ, v1.Verb_VERB_ERASE, v1.Verb_VERB_HOLD, v1.Verb_VERB_RELEASE, v1.Verb_VERB_KEEP, v1.Verb_VERB_SUPERVISE:
		return true
	}
	return false
}

// needsSubject reports whether the verb is about an officer, whom the subject names.
func needsSubject(v v1.Verb) bool {
	return v == v1.Verb_VERB_ENROL || v == v1.Verb_VERB_ENROL_CONFIRM || v == v1.Verb_VERB_REVOKE
}

// verbName returns the verb as people read it: VERB_ENROL_CONFIRM is "enrol confirm".
func verbName(v v1.Verb) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(v.String(), "VERB_"), "_", " "))
}
