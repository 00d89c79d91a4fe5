package federation

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
	"google.golang.org/protobuf/proto"
)

// NewOfficer returns an entry for the register, its units and rights in order.
func NewOfficer(pseudonym string, key keyring.OfficerPublicKey, units []string, rights []v1.Right, agency bool) *v1.Officer {
	return &v1.Officer{
		Pseudonym: pseudonym,
		PublicKey: key[:],
		Units:     slices.Sorted(slices.Values(units)),
		Rights:    slices.Sorted(slices.Values(rights)),
		Agency:    agency,
	}
}

// EnrolmentSubject returns what the acts of an enrolment or revocation have as their subject:
// SHA-256("rogatory/v1/enrolment\0" || officer). It refuses an officer that no register takes.
func EnrolmentSubject(o *v1.Officer) ([32]byte, error) {
	if _, err := checkOfficer(o); err != nil {
		return [32]byte{}, err
	}
	b, err := encode(o)
	if err != nil {
		return [32]byte{}, err
	}
	return digest(contextEnrolment, b), nil
}

// MakeEnrolment returns the bytes of the enrolment of an officer, with the assertions of two people: to enrol and to confirm.
// With revoked it takes the officer off the register, and both assertions are to revoke. Whether a register takes it is
// Register.Enrol's to say.
func MakeEnrolment(o *v1.Officer, revoked bool, first, second *v1.Assertion) ([]byte, error) {
	b, err := encode(&v1.Enrolment{Officer: o, Assertions: []*v1.Assertion{first, second}, Revoked: revoked})
	if err != nil {
		return nil, err
	}
	if _, err := ParseEnrolment(b); err != nil {
		return nil, err
	}
	return b, nil
}

// ParseEnrolment reads an enrolment strictly: the officer is within bounds, and two well-formed acts of two people say that
// this officer is to be enrolled, or revoked. Their signatures and rights are for Register.Enrol to verify.
func ParseEnrolment(b []byte) (*v1.Enrolment, error) {
	e := new(v1.Enrolment)
	if err := decode(b, maxEnrolment, e); err != nil {
		return nil, fmt.Errorf("reading enrolment: %w", err)
	}
	subject, err := EnrolmentSubject(e.GetOfficer())
	if err != nil {
		return nil, err
	}
	if len(e.GetAssertions()) != 2 {
		return nil, form("enrolment with %d assertions, not 2", len(e.GetAssertions()))
	}
	verbs := [2]v1.Verb{v1.Verb_VERB_ENROL, v1.Verb_VERB_ENROL_CONFIRM}
	if e.GetRevoked() {
		verbs = [2]v1.Verb{v1.Verb_VERB_REVOKE, v1.Verb_VERB_REVOKE}
	}
	actors := map[string]bool{}
	for i, a := range e.GetAssertions() {
		act, err := ParseAct(a.GetAct())
		if err != nil {
			return nil, fmt.Errorf("enrolment's assertion %d: %w", i, err)
		}
		if err := wanted(act, &ActWant{Verb: verbs[i], Subject: subject[:]}); err != nil {
			return nil, fmt.Errorf("enrolment's assertion %d: %w", i, err)
		}
		actors[act.GetActor()] = true
	}
	if len(actors) != 2 {
		return nil, fmt.Errorf("enrolment by one person: %w", ErrFourEyes)
	}
	return e, nil
}

// Enrol returns the register after an enrolment, or a revocation, that two different people on it signed who have the right to
// enrol. Nobody signs for the change of their own entry, except to leave. At least two people who can enrol others remain.
//
// now is the node's time at which the second act arrived: neither act is younger than that by more than ActSkew, nor older
// than EnrolmentLife. Whoever takes each act as it arrives also verifies it with VerifyAssertion.
func (r *Register) Enrol(enrolment []byte, now time.Time) (*Register, error) {
	e, err := ParseEnrolment(enrolment)
	if err != nil {
		return nil, err
	}
	name := e.GetOfficer().GetPseudonym()
	next := r.clone()
	for _, a := range e.GetAssertions() {
		v, err := r.signed(a)
		if err != nil {
			return nil, fmt.Errorf("enrolment of %s: %w", name, err)
		}
		if err := next.countOnce(v, name, e.GetRevoked(), now); err != nil {
			return nil, fmt.Errorf("enrolment of %s: %w", name, err)
		}
	}
	if e.GetRevoked() {
		old, err := r.Officer(name)
		if err != nil {
			return nil, fmt.Errorf("revoking: %w", err)
		}
		if !proto.Equal(old, e.GetOfficer()) {
			return nil, fmt.Errorf("revoking %s: the register says otherwise about the officer: %w", name, ErrOtherAct)
		}
		next.revoke(name)
	} else if err := next.put(e.GetOfficer()); err != nil {
		return nil, err
	}
	if next.enrollers() < 2 {
		return nil, fmt.Errorf("changing %s: %w", name, ErrTooFewEnrollers)
	}
	return next, nil
}

// EnrolAgain is Enrol for what was enrolled in a log before: its acts were in time then, and need not be now. What is on the register already changes
// nothing.
func (r *Register) EnrolAgain(enrolment []byte) (*Register, error) {
	e, err := ParseEnrolment(enrolment)
	if err != nil {
		return nil, err
	}
	last := uint64(0)
	for _, a := range e.GetAssertions() {
		act, err := ParseAct(a.GetAct())
		if err != nil {
			return nil, err
		}
		last = max(last, act.GetAtMs())
	}
	next, err := r.Enrol(enrolment, at(last))
	if errors.Is(err, ErrActUsed) {
		return r, nil
	}
	return next, err
}

// countOnce checks one person's act in the enrolment of name and notes its nonce in r, which nobody else sees yet.
func (r *Register) countOnce(v Verified, name string, revoked bool, now time.Time) error {
	who := v.Officer.GetPseudonym()
	if age := now.Sub(at(v.Act.GetAtMs())); age < -ActSkew || age > EnrolmentLife {
		return fmt.Errorf("act of %s at %s: %w", who, at(v.Act.GetAtMs()).Format(time.RFC3339), ErrActTime)
	}
	if !may(v.Officer, v.Act.GetVerb()) {
		return fmt.Errorf("%s by %s: %w", verbName(v.Act.GetVerb()), who, ErrRight)
	}
	if who == name && !revoked {
		return fmt.Errorf("%s changes the own entry: %w", who, ErrFourEyes)
	}
	nonce := [16]byte(v.Act.GetNonce())
	if r.used[nonce] {
		return fmt.Errorf("act of %s: %w", who, ErrActUsed)
	}
	r.used[nonce] = true
	return nil
}
