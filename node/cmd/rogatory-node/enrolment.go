package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	"github.com/rogatory/rogatory/node/federation"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func (p *program) officerEnrol() *cobra.Command {
	var units, rights []string
	var agency bool
	var out string
	c := &cobra.Command{
		Use: "enrol PUBLIC-PART", Short: "Sign, as the first of two, that somebody comes onto the register", Args: exactly(1),
		Long: `enrol takes the public part of a key (a file FILE.pub, or its line in quotes), and writes an enrolment with your signature. A second
person on the register confirms it within seven days: rogatory-node officer confirm FILE --as KEYFILE.`,
		Example: "  rogatory-node officer enrol rs-police-3.key.pub --unit police --right read --right draft --out e.json --as rs-founder-1.key",
		RunE: func(c *cobra.Command, args []string) error {
			line := args[0]
			if exists(line) {
				b, err := readBounded(line)
				if err != nil {
					return err
				}
				line = string(b)
			}
			name, public, err := client.ParsePublic(line)
			if err != nil {
				return usage(err, "give the file FILE.pub that officer key new wrote")
			}
			r, err := parseTerms[rogatoryv1.Right]("--right", rights)
			if err != nil {
				return err
			}
			o := &rogatoryv1.Officer{Pseudonym: name, PublicKey: public[:], Units: slices.Sorted(slices.Values(units)), Rights: r, Agency: agency}
			slices.Sort(o.Rights)
			return p.firstPerson(c, o, false, rogatoryv1.Verb_VERB_ENROL, out)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&units, "unit", nil, "unit that the officer belongs to")
	f.StringSliceVar(&rights, "right", nil, "what the officer may do: "+strings.Join(termCodes(rogatoryv1.Right(0).Descriptor()), ", "))
	f.BoolVar(&agency, "agency", false, "an agency, not a person")
	f.StringVar(&out, "out", "", "file to write")
	for _, name := range []string{"unit", "right", "out"} {
		_ = c.MarkFlagRequired(name)
	}
	complete[rogatoryv1.Right](c, "right")
	return c
}

func (p *program) officerRevoke() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "revoke PSEUDONYM", Short: "Sign, as the first of two, that somebody leaves the register", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			officers, err := p.officers(c)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(officers, func(o *rogatoryv1.Officer) bool { return o.GetPseudonym() == args[0] })
			if i < 0 {
				return no(fmt.Errorf("%s is not on the register", args[0]), "rogatory-node officer list shows who is")
			}
			return p.firstPerson(c, officers[i], true, rogatoryv1.Verb_VERB_REVOKE, out)
		},
	}
	c.Flags().StringVar(&out, "out", "", "file to write")
	_ = c.MarkFlagRequired("out")
	return c
}

// firstPerson writes an enrolment or revocation with the first of two assertions.
func (p *program) firstPerson(c *cobra.Command, o *rogatoryv1.Officer, revoked bool, verb rogatoryv1.Verb, out string) error {
	a, err := p.assertOn(c, o, verb)
	if err != nil {
		return err
	}
	b, err := protojson.MarshalOptions{Multiline: true}.Marshal(&rogatoryv1.Enrolment{
		Officer: o, Assertions: []*rogatoryv1.Assertion{a}, Revoked: revoked,
	})
	if err != nil {
		return err
	}
	if err := replace(out, append(b, '\n'), 0o644); err != nil {
		return err
	}
	if p.json {
		return p.out.Value(map[string]any{"file": out, "pseudonym": o.GetPseudonym(), "revoked": revoked})
	}
	p.out.Printf("%s waits for a second person: rogatory-node officer confirm %s --as KEYFILE\n", out, out)
	return nil
}

// assertOn signs an act over an officer's entry.
func (p *program) assertOn(c *cobra.Command, o *rogatoryv1.Officer, verb rogatoryv1.Verb) (*rogatoryv1.Assertion, error) {
	subject, err := federation.EnrolmentSubject(o)
	if err != nil {
		return nil, err
	}
	if p.as == "" {
		return nil, client.ErrNoOfficer
	}
	who, err := p.officer(p.as)
	if err != nil {
		return nil, err
	}
	act := &rogatoryv1.Act{Verb: verb, Subject: subject[:]}
	if who.Pseudonym != "" {
		return who.Assert(act, time.Now())
	}
	cl, err := p.connect(who)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ctx, cancel := p.within(c.Context())
	defer cancel()
	return cl.Assert(ctx, act)
}

func (p *program) officerConfirm() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "confirm FILE", Short: "Sign, as the second of two, and have the node do it", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			e := new(rogatoryv1.Enrolment)
			if err := p.readJSON(args[0], e, "Enrolment"); err != nil {
				return err
			}
			if len(e.GetAssertions()) != 1 {
				return no(fmt.Errorf("%s has %d assertions", args[0], len(e.GetAssertions())), "a file of officer enrol or officer revoke has one, and yours is the second")
			}
			first, err := federation.ParseAct(e.GetAssertions()[0].GetAct())
			if err != nil {
				return err
			}
			verb := rogatoryv1.Verb_VERB_ENROL_CONFIRM
			if e.GetRevoked() {
				verb = rogatoryv1.Verb_VERB_REVOKE
			}
			if err := p.mayConfirm(c, e, first, verb); err != nil {
				return err
			}
			p.printEntry(e.GetOfficer(), e.GetRevoked(), first.GetActor())
			if err := p.confirmed(yes, "Confirm it?"); err != nil {
				return err
			}
			second, err := p.assertOn(c, e.GetOfficer(), verb)
			if err != nil {
				return err
			}
			b, err := federation.MakeEnrolment(e.GetOfficer(), e.GetRevoked(), e.GetAssertions()[0], second)
			if err != nil {
				return err
			}
			whole := new(rogatoryv1.Enrolment)
			if err := proto.Unmarshal(b, whole); err != nil {
				return err
			}
			cl, err := p.dial()
			if err != nil {
				return err
			}
			defer cl.Close()
			ctx, cancel := p.within(c.Context())
			defer cancel()
			if _, err := cl.Desk.Enrol(ctx, &nodev1.EnrolRequest{Enrolment: whole}); err != nil {
				return err
			}
			done := "on"
			if e.GetRevoked() {
				done = "off"
			}
			if p.json {
				return p.out.Value(map[string]any{"pseudonym": e.GetOfficer().GetPseudonym(), "revoked": e.GetRevoked()})
			}
			p.out.Printf("%s is %s the register\n", e.GetOfficer().GetPseudonym(), done)
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// mayConfirm says before anybody is asked what the node would say after.
func (p *program) mayConfirm(c *cobra.Command, e *rogatoryv1.Enrolment, first *rogatoryv1.Act, verb rogatoryv1.Verb) error {
	subject, err := federation.EnrolmentSubject(e.GetOfficer())
	if err != nil {
		return err
	}
	firstVerb := rogatoryv1.Verb_VERB_ENROL
	if e.GetRevoked() {
		firstVerb = verb
	}
	if first.GetVerb() != firstVerb || !bytes.Equal(first.GetSubject(), subject[:]) {
		return no(fmt.Errorf("%s has %w", first.GetActor(), federation.ErrOtherAct), "the file was changed since: have it signed anew")
	}
	cl, err := p.dialAs()
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := notSecond(cl.Officer().Pseudonym, first); err != nil {
		return err
	}
	ctx, cancel := p.within(c.Context())
	defer cancel()
	me, err := cl.Self(ctx)
	if err != nil {
		return err
	}
	if err := federation.Allowed(me, federation.ActWant{Verb: verb}); err != nil {
		return err
	}
	who, age := me.GetPseudonym(), time.Since(time.UnixMilli(int64(first.GetAtMs())))
	switch {
	case who == e.GetOfficer().GetPseudonym() && !e.GetRevoked():
		return no(fmt.Errorf("%s changes the own entry: %w", who, federation.ErrFourEyes), "another officer who may enrol confirms it")
	case age > federation.EnrolmentLife:
		return no(fmt.Errorf("%s signed it %s ago: %w", first.GetActor(), span(age), federation.ErrActTime), "an enrolment is confirmed within seven days: have it signed anew")
	}
	if !e.GetRevoked() {
		if err := newHere(ctx, cl, e.GetOfficer()); err != nil {
			return err
		}
	}
	return notSecond(who, first)
}

// newHere refuses an entry that the register has already, and units that the node does not have.
func newHere(ctx context.Context, cl *client.Client, o *rogatoryv1.Officer) error {
	there, err := cl.Desk.Officers(ctx, &nodev1.OfficersRequest{})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(there.GetOfficers(), func(x *rogatoryv1.Officer) bool { return proto.Equal(x, o) }) {
		return no(fmt.Errorf("%s is on the register already, as the file says", o.GetPseudonym()), "nothing needs to be done")
	}
	for _, unit := range o.GetUnits() {
		if !slices.Contains(there.GetUnits(), unit) {
			return no(fmt.Errorf("the node has no unit %q", unit), "it has "+strings.Join(there.GetUnits(), ", ")+": have it signed anew")
		}
	}
	return nil
}

func notSecond(who string, first *rogatoryv1.Act) error {
	if who == first.GetActor() {
		return no(fmt.Errorf("%s has signed it as the first: %w", who, federation.ErrFourEyes), "another officer who may enrol confirms it")
	}
	return nil
}

// printEntry shows a person what they are about to sign.
func (p *program) printEntry(o *rogatoryv1.Officer, revoked bool, first string) {
	what := "comes onto the register"
	if revoked {
		what = "leaves the register"
	}
	p.err.Printf("%s %s, says %s\n", terminal.OneLine(o.GetPseudonym()), what, terminal.OneLine(first))
	p.err.Printf("  units   %s\n  rights  %s\n", terminal.OneLine(strings.Join(o.GetUnits(), " ")), strings.Join(rights(o), " "))
	if public, err := keyring.NewOfficerPublicKey(o.GetPublicKey()); err == nil {
		p.err.Printf("  key     %s\n\nFingerprint, to compare with the person:\n\n%s\n\n", public, indent(digits(public.Fingerprint())))
	}
}
