package rules

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// House is a country's own policy as far as the steps of its cases depend on it: whose word suffices to send something from which unit. A node
// logs it at every start, as the `policy` leaf named [HousePolicy], so that replay judges by it.
type House struct {
	// Units by name.
	Units []HouseUnit
}

// HousePolicy is the name of the `policy` leaf of a [House].
const HousePolicy = "units"

// HouseUnit is one unit of a country.
type HouseUnit struct {
	Name string
	// FourEyes: what discloses something takes two people.
	FourEyes bool
	// Agencies are pseudonyms of programs that may answer from this unit alone, ascending.
	Agencies []string
}

// Bounds of names, in bytes.
const (
	MaxUnit  = 32
	MaxActor = 64
)

// Token reports whether s is 1 to limit of [a-z0-9-], as names of units and pseudonyms of actors are.
func Token(s string, limit int) bool {
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	})
}

// Bounds of a policy, in bytes and entries.
const (
	maxHouse      = 64 << 10
	maxHouseUnits = 256
)

// houseJSON is the canonical form: keys sorted, integers and strings only, as in leaves.
type houseJSON struct {
	Units []houseUnitJSON `json:"units"`
}

type houseUnitJSON struct {
	Agencies []string `json:"agencies"`
	FourEyes int      `json:"four_eyes"`
	Name     string   `json:"name"`
}

// Encode returns the canonical bytes: units and agencies in order, one object without white space.
func (h House) Encode() []byte {
	out := houseJSON{Units: []houseUnitJSON{}}
	for _, u := range slices.SortedFunc(slices.Values(h.Units), func(a, b HouseUnit) int { return cmp.Compare(a.Name, b.Name) }) {
		one := houseUnitJSON{Name: u.Name, Agencies: append([]string{}, u.Agencies...)}
		slices.Sort(one.Agencies)
		if u.FourEyes {
			one.FourEyes = 1
		}
		out.Units = append(out.Units, one)
	}
	b, _ := json.Marshal(out) // strings and integers only
	return b
}

// ParseHouse reads what Encode wrote and nothing else. The error wraps ErrRules.
func ParseHouse(b []byte) (House, error) {
	var in houseJSON
	if len(b) > maxHouse {
		return House{}, fmt.Errorf("%w: policy of units of %d bytes", ErrRules, len(b))
	}
	if err := json.Unmarshal(b, &in); err != nil || len(in.Units) > maxHouseUnits {
		return House{}, fmt.Errorf("%w: policy of units is malformed", ErrRules)
	}
	var h House
	for i, u := range in.Units {
		if !Token(u.Name, MaxUnit) || i > 0 && in.Units[i-1].Name >= u.Name {
			return House{}, fmt.Errorf("%w: unit %d of the policy", ErrRules, i)
		}
		for k, a := range u.Agencies {
			if !Token(a, MaxActor) || k > 0 && u.Agencies[k-1] >= a {
				return House{}, fmt.Errorf("%w: agency %d of unit %s", ErrRules, k, u.Name)
			}
		}
		h.Units = append(h.Units, HouseUnit{Name: u.Name, FourEyes: u.FourEyes == 1, Agencies: u.Agencies})
	}
	if !bytes.Equal(h.Encode(), b) {
		return House{}, fmt.Errorf("%w: policy of units is not canonical", ErrRules)
	}
	return h, nil
}

// PolicyDigest is the digest in the `policy` leaf: SHA-256("rogatory/v1/policy\0" || policy).
func PolicyDigest(policy []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("rogatory/v1/policy\x00"))
	h.Write(policy)
	return [32]byte(h.Sum(nil))
}

// agencyKinds are what an agency that a unit lists sends alone: answers.
var agencyKinds = []rogatoryv1.Kind{
	rogatoryv1.Kind_KIND_ACKNOWLEDGE, rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY, rogatoryv1.Kind_KIND_DELAY_NOTICE,
}

// Alone reports whether one actor may send a message with this docket from a unit without a second person. answer says that the rules let the
// case's request be answered automatically. An agency may only where the unit lists it, because its answers follow rules that were approved
// beforehand: it replies alone to what those rules let answer, and to ask alone it takes a unit without four eyes.
func (h House) Alone(unit, actor string, agency, answer bool, docket *rogatoryv1.Docket) bool {
	i := slices.IndexFunc(h.Units, func(u HouseUnit) bool { return u.Name == unit })
	if i < 0 {
		return false
	}
	u := &h.Units[i]
	switch {
	case agency && !slices.Contains(u.Agencies, actor):
		return false
	case !u.FourEyes:
		return true
	case !agency:
		return slices.Contains(DefaultAlone(), docket.GetKind()) && !slices.Contains(disclosing, docket.GetJoint())
	case docket.GetKind() == rogatoryv1.Kind_KIND_REPLY, docket.GetKind() == rogatoryv1.Kind_KIND_FIU_REPLY:
		return answer
	}
	return slices.Contains(agencyKinds, docket.GetKind())
}

// Alike returns the rules under which a message is sent by one person (alone) or takes two.
func (r Rules) Alike(alone bool) Rules {
	r.Alone = []rogatoryv1.Kind{}
	if alone {
		r.Alone = allKinds
	}
	return r
}

// allKinds are all kinds of message.
var allKinds = func() []rogatoryv1.Kind {
	var kinds []rogatoryv1.Kind
	for k := range rogatoryv1.Kind_name {
		kinds = append(kinds, rogatoryv1.Kind(k))
	}
	slices.Sort(kinds)
	return kinds
}()
