package node_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/federation"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// person is somebody with a key at a node in a bubble.
type person struct {
	*inside
	who string
	key *keyring.Officer
}

// founder returns the node's first or second founder.
func (in *inside) founder(n int) *person {
	in.f.t.Helper()
	name := fmt.Sprintf("%s-founder-%d", map[string]string{"RS": "rs", "BG": "bg", "HU": "hu"}[in.code], n)
	o, err := client.OpenOfficer(in.dir+"/"+setup.PeopleFolder+"/"+name+".key", keyring.Plain())
	must(in.f.t, err)
	return &person{inside: in, who: o.Pseudonym, key: o.Key}
}

// at is the same person after the node has started again.
func (p *person) at(in *inside) *person { return &person{inside: in, who: p.who, key: p.key} }

// assert signs an act at a time.
func (p *person) assert(act *rogatoryv1.Act, at time.Time) *rogatoryv1.Assertion {
	p.f.t.Helper()
	a, err := (&client.Officer{Pseudonym: p.who, Key: p.key}).Assert(act, at)
	must(p.f.t, err)
	return a
}

// enrolment is what two people sign to put an officer on the register, or off it.
func enrolment(t *testing.T, first, second *person, o *rogatoryv1.Officer, revoked bool) *rogatoryv1.Enrolment {
	t.Helper()
	subject, err := federation.EnrolmentSubject(o)
	must(t, err)
	verbs := []rogatoryv1.Verb{rogatoryv1.Verb_VERB_ENROL, rogatoryv1.Verb_VERB_ENROL_CONFIRM}
	if revoked {
		verbs = []rogatoryv1.Verb{rogatoryv1.Verb_VERB_REVOKE, rogatoryv1.Verb_VERB_REVOKE}
	}
	return &rogatoryv1.Enrolment{Officer: o, Revoked: revoked, Assertions: []*rogatoryv1.Assertion{
		first.assert(&rogatoryv1.Act{Verb: verbs[0], Subject: subject[:]}, time.Now()),
		second.assert(&rogatoryv1.Act{Verb: verbs[1], Subject: subject[:]}, time.Now()),
	}}
}

// officer is somebody who may do everyday things, and is not on the register yet.
func (in *inside) officer(name string, units ...string) (*person, *rogatoryv1.Officer) {
	p := &person{inside: in, who: name, key: keyring.GenerateOfficer()}
	rights := []rogatoryv1.Right{
		rogatoryv1.Right_RIGHT_READ, rogatoryv1.Right_RIGHT_DRAFT, rogatoryv1.Right_RIGHT_APPROVE, rogatoryv1.Right_RIGHT_MANAGE,
	}
	return p, federation.NewOfficer(name, p.key.Public(), units, rights, false)
}

// enrol puts an officer on the register by the signatures of both founders.
func (in *inside) enrol(name string, units ...string) *person {
	in.f.t.Helper()
	p, o := in.officer(name, units...)
	in.put(o)
	return p
}

// agencies lists agencies at the first unit.
func agencies(names ...string) func(*configs.Node) {
	return func(c *configs.Node) { c.Units[0].Agencies = names }
}

// agency enrols a program of an agency that reads and sends.
func (in *inside) agency(name string) *person {
	in.f.t.Helper()
	p := &person{inside: in, who: name, key: keyring.GenerateOfficer()}
	in.put(federation.NewOfficer(name, p.key.Public(), []string{"police"}, []rogatoryv1.Right{rogatoryv1.Right_RIGHT_READ, rogatoryv1.Right_RIGHT_SEND}, true))
	return p
}

func (in *inside) put(o *rogatoryv1.Officer) {
	in.f.t.Helper()
	_, err := in.desk.Enrol(context.Background(), &nodev1.EnrolRequest{Enrolment: enrolment(in.f.t, in.founder(1), in.founder(2), o, false)})
	must(in.f.t, err)
}

// prepare composes an act and returns what there is to sign.
func (p *person) prepare(r *nodev1.PrepareRequest) (*nodev1.PrepareResponse, error) {
	r.Actor = p.who
	token, reason := r.GetFile().GetCaseToken(), client.ReasonDrafting
	switch r.GetVerb() {
	case rogatoryv1.Verb_VERB_APPROVE, rogatoryv1.Verb_VERB_DECLINE, rogatoryv1.Verb_VERB_RATIFY:
		token, reason = r.GetCaseToken(), client.ReasonApproval
	}
	if token != "" {
		r.Reading = p.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: token, Reason: reason}, time.Now())
	}
	out, err := p.desk.Prepare(context.Background(), r)
	if err == nil && len(out.GetAct()) == 0 {
		err = fmt.Errorf("linter: %v", out.GetFindings())
	}
	return out, err
}

// commit signs what was prepared and has it done.
func (p *person) commit(r *nodev1.PrepareResponse) (*nodev1.CommitResponse, error) {
	a, err := federation.SignAct(r.GetAct(), p.key)
	if err != nil {
		return nil, err
	}
	return p.desk.Commit(context.Background(), &nodev1.CommitRequest{Assertion: a, Messages: r.GetMessages()})
}

// do is one act without a file.
func (p *person) do(verb rogatoryv1.Verb, token, reason string) error {
	r, err := p.prepare(&nodev1.PrepareRequest{Verb: verb, CaseToken: token, Reason: reason})
	if err == nil {
		r.Messages = nil
		_, err = p.commit(r)
	}
	return err
}

func (p *person) approve(token string) error { return p.do(rogatoryv1.Verb_VERB_APPROVE, token, "") }

// hand sends a file, or puts it before an approver, as the node says, and returns its case.
func (p *person) hand(f *rogatoryv1.RequestFile) (token string, err error) {
	r, err := p.prepare(&nodev1.PrepareRequest{File: f})
	if err != nil {
		return "", err
	}
	done, err := p.commit(r)
	if err != nil {
		return "", err
	}
	return done.GetCases()[0].GetCaseToken(), nil
}

// list returns the person's cases by token.
func (p *person) list() map[string]*nodev1.CaseRow {
	p.f.t.Helper()
	a := p.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_LIST}, time.Now())
	out, err := p.desk.List(context.Background(), &nodev1.ListRequest{Assertion: a})
	must(p.f.t, err)
	cases := map[string]*nodev1.CaseRow{}
	for _, r := range out.GetCases() {
		cases[r.GetCaseToken()] = r
	}
	return cases
}

func (p *person) show(token string) (*nodev1.ShowResponse, error) {
	a := p.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: token, Reason: "case-work"}, time.Now())
	return p.desk.Show(context.Background(), &nodev1.ShowRequest{Assertion: a})
}

// reason is the stable reason of an error that a client was told; empty for none.
func reason(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// refused fails the test unless an error has this reason.
func refused(t *testing.T, what string, err error, want ...string) {
	t.Helper()
	if got := reason(err); !slices.Contains(want, got) {
		t.Errorf("%s: %q, not %q (%v)", what, got, want, err)
	}
}

func fourEyes(c *configs.Node) {
	for i := range c.Units {
		c.Units[i].FourEyes = true
	}
}

// slow lets a node do its rounds rarely, for tests in which days pass.
func slow(c *configs.Node) { c.Round = time.Hour }

// request is the example of a request from the police of one country to an address.
func request(t *testing.T, to string) *rogatoryv1.RequestFile {
	f := example(t, "police-request-normal.json")
	f.To, f.FromUnit = []string{to}, "police"
	return f
}

// leaves returns the entries of a stopped node's log for which f returns something.
func entries[T translog.Entry](c *country) []T {
	c.f.t.Helper()
	var out []T
	c.leaves(func(l translog.Leaf) bool {
		if e, ok := l.Entry.(T); ok {
			out = append(out, e)
		}
		return false
	})
	return out
}

// parties sets who takes part in a proposed joint case.
func parties(f *rogatoryv1.RequestFile, units ...string) {
	p := f.GetContent().GetJoint().GetPropose()
	p.Parties = units
	leader := proto.CloneOf(p.GetLeaders()[0])
	p.Leaders = nil
	for _, u := range units {
		l := proto.CloneOf(leader)
		l.Unit = u
		p.Leaders = append(p.Leaders, l)
	}
}
