package federation

import (
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/crypto/keyring"
	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// maxOfficer bounds the bytes of an Officer.
const maxOfficer = 8 << 10

// rights says which rights let an officer do an act: any one of them suffices. An agency sends by RIGHT_SEND alone.
var rights = map[v1.Verb][]v1.Right{
	v1.Verb_VERB_DRAFT:         {v1.Right_RIGHT_DRAFT},
	v1.Verb_VERB_APPROVE:       {v1.Right_RIGHT_APPROVE},
	v1.Verb_VERB_DECLINE:       {v1.Right_RIGHT_APPROVE},
	v1.Verb_VERB_SEND:          {v1.Right_RIGHT_SEND, v1.Right_RIGHT_DRAFT},
	v1.Verb_VERB_RATIFY:        {v1.Right_RIGHT_APPROVE},
	v1.Verb_VERB_READ:          {v1.Right_RIGHT_READ},
	v1.Verb_VERB_LIST:          {v1.Right_RIGHT_READ},
	v1.Verb_VERB_ENROL:         {v1.Right_RIGHT_ENROL},
	v1.Verb_VERB_ENROL_CONFIRM: {v1.Right_RIGHT_ENROL},
	v1.Verb_VERB_REVOKE:        {v1.Right_RIGHT_ENROL},
	v1.Verb_VERB_ASSIGN:        {v1.Right_RIGHT_DRAFT, v1.Right_RIGHT_MANAGE},
	v1.Verb_VERB_TRANSFER:      {v1.Right_RIGHT_MANAGE},
	v1.Verb_VERB_ERASE:         {v1.Right_RIGHT_MANAGE},
	v1.Verb_VERB_REGISTER:      {v1.Right_RIGHT_DRAFT, v1.Right_RIGHT_MANAGE},
	v1.Verb_VERB_ATTACH:        {v1.Right_RIGHT_DRAFT, v1.Right_RIGHT_SEND},
	v1.Verb_VERB_HOLD:          {v1.Right_RIGHT_MANAGE},
	v1.Verb_VERB_RELEASE:       {v1.Right_RIGHT_MANAGE},
	v1.Verb_VERB_KEEP:          {v1.Right_RIGHT_MANAGE},
	v1.Verb_VERB_SUPERVISE:     {v1.Right_RIGHT_SUPERVISE},
}

// agencyRights are those that a machine may have: it never approves, enrols or manages.
var agencyRights = []v1.Right{v1.Right_RIGHT_READ, v1.Right_RIGHT_DRAFT, v1.Right_RIGHT_SEND}

// may reports whether o's rights let o do the verb.
func may(o *v1.Officer, verb v1.Verb) bool {
	if o.GetAgency() && verb == v1.Verb_VERB_SEND {
		return slices.Contains(o.GetRights(), v1.Right_RIGHT_SEND)
	}
	return slices.ContainsFunc(rights[verb], func(r v1.Right) bool { return slices.Contains(o.GetRights(), r) })
}

// checkOfficer refuses what cannot stand on a register, and returns the officer's key.
func checkOfficer(o *v1.Officer) (keyring.OfficerPublicKey, error) {
	var none keyring.OfficerPublicKey
	if !pseudonym(o.GetPseudonym()) {
		return none, form("officer's pseudonym %q", o.GetPseudonym())
	}
	key, err := keyring.NewOfficerPublicKey(o.GetPublicKey())
	if err != nil {
		return none, fmt.Errorf("key of officer %s: %w: %w", o.GetPseudonym(), err, ErrKey)
	}
	if err := checkList("unit", o.GetUnits(), unit); err != nil {
		return none, fmt.Errorf("officer %s: %w", o.GetPseudonym(), err)
	}
	if err := checkList("right", o.GetRights(), coded[v1.Right](v1.Right_name)); err != nil {
		return none, fmt.Errorf("officer %s: %w", o.GetPseudonym(), err)
	}
	if !slices.IsSorted(o.GetUnits()) || !slices.IsSorted(o.GetRights()) {
		return none, form("units or rights of officer %s are not in order", o.GetPseudonym())
	}
	for _, r := range o.GetRights() {
		if o.GetAgency() && !slices.Contains(agencyRights, r) {
			return none, form("agency %s with %v", o.GetPseudonym(), r)
		}
	}
	return key, nil
}

// checkFounders refuses founders that are not two different people who may enrol others.
func checkFounders(founders []*v1.Officer) error {
	if len(founders) != 2 {
		return form("%d founders of a register, not 2", len(founders))
	}
	for _, f := range founders {
		if _, err := checkOfficer(f); err != nil {
			return err
		}
		if f.GetAgency() || !may(f, v1.Verb_VERB_ENROL) {
			return form("founder %s is an agency or may not enrol", f.GetPseudonym())
		}
	}
	if founders[0].GetPseudonym() == founders[1].GetPseudonym() || string(founders[0].GetPublicKey()) == string(founders[1].GetPublicKey()) {
		return fmt.Errorf("founder %s: %w", founders[0].GetPseudonym(), ErrFourEyes)
	}
	return nil
}
