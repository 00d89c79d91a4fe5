package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/federation"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// officerRights are those of every officer: who drafts and who approves is a matter of roles in each message, and never the same person.
var officerRights = []rogatoryv1.Right{rogatoryv1.Right_RIGHT_READ, rogatoryv1.Right_RIGHT_DRAFT, rogatoryv1.Right_RIGHT_APPROVE}

// enrolAll puts two officers of each unit on the register. The founders sign for them, as `rogatory-node officer enrol` and `confirm` do. Who
// is there already stays.
func (m *member) enrolAll(ctx context.Context) error {
	for _, unit := range unitNames {
		for i := range 2 {
			if err := m.enrol(ctx, m.officer(unit, i+1), unit); err != nil {
				return fmt.Errorf("enrolling an officer of %s: %w", unit, err)
			}
		}
	}
	return nil
}

func (m *member) enrol(ctx context.Context, pseudonym, unit string) error {
	path := m.officerFile(pseudonym)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := setup.CreateOfficer(path, pseudonym, keyring.GenerateOfficer(), keyring.Plain()); err != nil {
			return err
		}
	}
	who, err := m.as(pseudonym)
	if err != nil {
		return err
	}
	register, err := who.Desk.Officers(ctx, &nodev1.OfficersRequest{})
	if err != nil {
		return err
	}
	key := who.Officer().Key.Public()
	if slices.ContainsFunc(register.GetOfficers(), func(o *rogatoryv1.Officer) bool { return bytes.Equal(o.GetPublicKey(), key[:]) }) {
		return nil
	}
	officer := federation.NewOfficer(pseudonym, key, []string{unit}, officerRights, false)
	subject, err := federation.EnrolmentSubject(officer)
	if err != nil {
		return err
	}
	var signed []*rogatoryv1.Assertion
	for i, verb := range []rogatoryv1.Verb{rogatoryv1.Verb_VERB_ENROL, rogatoryv1.Verb_VERB_ENROL_CONFIRM} {
		founder, err := m.as(m.officer("founder", i+1))
		if err != nil {
			return err
		}
		a, err := founder.Assert(ctx, &rogatoryv1.Act{Verb: verb, Subject: subject[:]})
		if err != nil {
			return err
		}
		signed = append(signed, a)
	}
	b, err := federation.MakeEnrolment(officer, false, signed[0], signed[1])
	if err != nil {
		return err
	}
	whole := new(rogatoryv1.Enrolment)
	if err := proto.Unmarshal(b, whole); err != nil {
		return err
	}
	_, err = who.Desk.Enrol(ctx, &nodev1.EnrolRequest{Enrolment: whole})
	return err
}
