package federation

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
	"google.golang.org/protobuf/proto"
)

// EnrolmentLife is how long after its first act an enrolment or revocation may be completed by the second.
const EnrolmentLife = 7 * 24 * time.Hour

// maxEnrolment bounds the bytes of an Enrolment.
const maxEnrolment = maxOfficer + 2*maxAct

// Register says who may act for a country. It begins with the two founders whom the directory names; everybody else is put on
// it, changed and taken off it by two who are already there. Pseudonyms and keys that were taken off never come back, so
// an old enrolment that is shown again changes nothing.
//
// A Register is not modified after it was made: Enrol and Follow return another one. It is safe for concurrent use.
type Register struct {
	country  string
	entries  map[string]*entry      // by pseudonym; never removed
	keys     map[keyring.KID]string // pseudonym by key, past keys included; never removed
	used     map[[16]byte]bool      // nonces of acts that enrolled or revoked
	founders map[string]*v1.Officer // as the directory in force names them
}

// entry is not modified after it was made.
type entry struct {
	officer *v1.Officer
	key     keyring.OfficerPublicKey
	revoked bool
}

// NewRegister returns a country's register as it begins: with the founders that the directory names.
func NewRegister(dir *Directory, country string) (*Register, error) {
	m, err := dir.Member(country)
	if err != nil {
		return nil, err
	}
	r := &Register{
		country:  country,
		entries:  map[string]*entry{},
		keys:     map[keyring.KID]string{},
		used:     map[[16]byte]bool{},
		founders: map[string]*v1.Officer{},
	}
	for _, f := range m.Founders() {
		if err := r.put(f); err != nil {
			return nil, fmt.Errorf("founding the register of %s: %w", country, err)
		}
		r.founders[f.GetPseudonym()] = f
	}
	return r, nil
}

// Follow returns the register after a new version of the directory: founders whom it newly names are put on the register, and
// those whom it no longer names are taken off it. Without a change of founders it returns r.
func (r *Register) Follow(dir *Directory) (*Register, error) {
	m, err := dir.Member(r.country)
	if err != nil {
		return nil, err
	}
	named := map[string]*v1.Officer{}
	for _, f := range m.Founders() {
		named[f.GetPseudonym()] = f
	}
	same := func(a, b *v1.Officer) bool { return proto.Equal(a, b) }
	if maps.EqualFunc(named, r.founders, same) {
		return r, nil
	}
	next := r.clone()
	next.founders = named
	for name := range r.founders {
		if named[name] == nil {
			next.revoke(name)
		}
	}
	for name, f := range named {
		if same(r.founders[name], f) {
			continue
		}
		if err := next.put(f); err != nil {
			return nil, fmt.Errorf("following directory %d: %w", dir.Version(), err)
		}
	}
	return next, nil
}

// Country returns whose register it is.
func (r *Register) Country() string { return r.country }

// Officer returns the officer of that pseudonym, ErrUnknownOfficer or ErrRevoked. The caller does not modify it.
func (r *Register) Officer(pseudonym string) (*v1.Officer, error) {
	e := r.entries[pseudonym]
	switch {
	case e == nil:
		return nil, fmt.Errorf("%s in %s: %w", pseudonym, r.country, ErrUnknownOfficer)
	case e.revoked:
		return nil, fmt.Errorf("%s in %s: %w", pseudonym, r.country, ErrRevoked)
	}
	return e.officer, nil
}

// Officers returns all who are on the register, by pseudonym. The caller does not modify them.
func (r *Register) Officers() []*v1.Officer {
	var list []*v1.Officer
	for _, name := range slices.Sorted(maps.Keys(r.entries)) {
		if e := r.entries[name]; !e.revoked {
			list = append(list, e.officer)
		}
	}
	return list
}

// ActWant is what a node is about to do, which the assertion must say.
type ActWant struct {
	// What is done.
	Verb v1.Verb
	// The case; empty outside a case.
	CaseToken string
	// The unit in which it is done, to which the officer must belong; empty for acts on the register alone.
	Unit string
	// What is sent, approved or released, in any order.
	Targets []*v1.ActTarget
	// Other object, 32 bytes or empty.
	Subject []byte
	// Who drafted what is approved, or sent what is ratified: pseudonym. Both verbs demand it.
	Drafter string
}

// Verified is an assertion that was verified.
type Verified struct {
	// Who acted. Not to be modified.
	Officer *v1.Officer
	// What was signed: its nonce must be new to the node, its reason goes to the log.
	Act *v1.Act
}

// VerifyAssertion returns who signed the act, if everything holds: the act is well-formed; the key is on the register, not
// revoked, and belongs to the act's actor; the signature verifies; the act's time is within ActSkew of now; it is the act that
// is wanted, with the same case, targets and subject; the officer has the right to do it and belongs to the unit; and who
// approves or ratifies is not who drafted or sent.
//
// Whether the nonce was used before is for the caller to find out, in the transaction that does the act.
func (r *Register) VerifyAssertion(a *v1.Assertion, now time.Time, want ActWant) (Verified, error) {
	v, err := r.signed(a)
	if err != nil {
		return Verified{}, err
	}
	who := v.Officer.GetPseudonym()
	if d := at(v.Act.GetAtMs()).Sub(now); d > ActSkew || d < -ActSkew {
		return Verified{}, fmt.Errorf("act of %s at %s: %w", who, at(v.Act.GetAtMs()).Format(time.RFC3339), ErrActTime)
	}
	if err := wanted(v.Act, &want); err != nil {
		return Verified{}, fmt.Errorf("act of %s: %w", who, err)
	}
	if err := Allowed(v.Officer, want); err != nil {
		return Verified{}, err
	}
	return v, nil
}

// Allowed returns nil if an officer has the right to do what is wanted, belongs to the unit, and is not who drafted or sent what is approved or ratified.
// VerifyAssertion asks the same of who has signed; whoever is going to ask for a signature asks before.
func Allowed(o *v1.Officer, want ActWant) error {
	who := o.GetPseudonym()
	if !may(o, want.Verb) {
		return fmt.Errorf("%s by %s: %w", verbName(want.Verb), who, ErrRight)
	}
	if (want.Unit != "" || !needsSubject(want.Verb)) && !slices.Contains(o.GetUnits(), want.Unit) {
		return fmt.Errorf("%s by %s in unit %q: %w", verbName(want.Verb), who, want.Unit, ErrUnit)
	}
	if second := want.Verb == v1.Verb_VERB_APPROVE || want.Verb == v1.Verb_VERB_RATIFY; second && (want.Drafter == "" || want.Drafter == who) {
		return fmt.Errorf("%s by %s: %w", verbName(want.Verb), who, ErrFourEyes)
	}
	return nil
}

// signed returns the act and its officer if the officer's present key signed it.
func (r *Register) signed(a *v1.Assertion) (Verified, error) {
	act, err := ParseAct(a.GetAct())
	if err != nil {
		return Verified{}, err
	}
	if len(a.GetKid()) != keyring.KIDSize {
		return Verified{}, form("key identifier of %d bytes", len(a.GetKid()))
	}
	kid := keyring.KID(a.GetKid())
	name, known := r.keys[kid]
	if !known {
		return Verified{}, fmt.Errorf("key %s in %s: %w", kid, r.country, ErrUnknownOfficer)
	}
	e := r.entries[name]
	if e.revoked || e.key.KID() != kid {
		return Verified{}, fmt.Errorf("key %s of %s: %w", kid, name, ErrRevoked)
	}
	if err := e.key.Verify(ActDigest(a.GetAct()), a.GetSignature()); err != nil {
		return Verified{}, fmt.Errorf("act of %s: %w", name, ErrSignature)
	}
	if act.GetActor() != name {
		return Verified{}, fmt.Errorf("act of %s signed by %s: %w", act.GetActor(), name, ErrOtherAct)
	}
	return Verified{Officer: e.officer, Act: act}, nil
}

// wanted compares the act with what the node is about to do.
func wanted(act *v1.Act, want *ActWant) error {
	targets := slices.Clone(want.Targets)
	slices.SortFunc(targets, compareTargets)
	switch {
	case act.GetVerb() != want.Verb:
		return fmt.Errorf("to %s, wanted to %s: %w", verbName(act.GetVerb()), verbName(want.Verb), ErrOtherAct)
	case act.GetCaseToken() != want.CaseToken:
		return fmt.Errorf("in case %q, wanted in %q: %w", act.GetCaseToken(), want.CaseToken, ErrOtherAct)
	case !sameTargets(act.GetTargets(), targets):
		return fmt.Errorf("for other targets: %w", ErrOtherAct)
	case !bytes.Equal(act.GetSubject(), want.Subject):
		return fmt.Errorf("on another subject: %w", ErrOtherAct)
	}
	return nil
}

func (r *Register) clone() *Register {
	return &Register{
		country:  r.country,
		entries:  maps.Clone(r.entries),
		keys:     maps.Clone(r.keys),
		used:     maps.Clone(r.used),
		founders: r.founders,
	}
}

// put writes an officer into r, which nobody else sees yet: a new one, or one whose key, units or rights change.
func (r *Register) put(o *v1.Officer) error {
	key, err := checkOfficer(o)
	if err != nil {
		return err
	}
	name := o.GetPseudonym()
	old := r.entries[name]
	if old != nil && old.revoked {
		return fmt.Errorf("enrolling %s: %w", name, ErrRevoked)
	}
	if _, taken := r.keys[key.KID()]; taken && (old == nil || old.key != key) {
		return fmt.Errorf("enrolling %s with key %s: %w", name, key.KID(), ErrRevoked)
	}
	r.entries[name] = &entry{officer: o, key: key}
	r.keys[key.KID()] = name
	return nil
}

// revoke takes an officer off r, which nobody else sees yet.
func (r *Register) revoke(name string) {
	e := *r.entries[name]
	e.revoked = true
	r.entries[name] = &e
}

// enrollers counts who can enrol others.
func (r *Register) enrollers() (n int) {
	for _, e := range r.entries {
		if !e.revoked && may(e.officer, v1.Verb_VERB_ENROL) {
			n++
		}
	}
	return n
}
