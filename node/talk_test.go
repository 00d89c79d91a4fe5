package node_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// talk is two desks that exchange the messages of one case at a time.
type talk struct {
	*testing.T
	f      *federationOf
	rs, bg *person
	token  string
}

// talking starts two countries.
func talking(t *testing.T) *talk {
	f := federate(t, "RS", "BG")
	rs, bg := f.node["RS"].run(slow), f.node["BG"].run(slow)
	rs.clearedIn(time.Minute)
	bg.clearedIn(time.Minute)
	return &talk{T: t, f: f, rs: rs.founder(1), bg: bg.founder(1)}
}

func (k *talk) end() {
	k.Helper()
	settled(k.T, []*inside{k.rs.inside, k.bg.inside})
	k.rs.halt()
	k.bg.halt()
	time.Sleep(time.Second) // what is still on its way ends too, as a bubble wants
}

// rest stops both nodes, lets time pass and starts them again: days go by faster without their rounds.
func (k *talk) rest(d time.Duration) {
	k.Helper()
	k.end()
	time.Sleep(d)
	k.rs.inside, k.bg.inside = k.f.node["RS"].run(slow), k.f.node["BG"].run(slow)
	time.Sleep(time.Minute)
}

// say sends an example file in the case, changed by edit unless that is nil.
func (k *talk) say(p *person, name string, edit func(*rogatoryv1.RequestFile)) {
	k.Helper()
	f := example(k.T, name)
	if edit != nil {
		edit(f)
	}
	k.tell(p, f)
}

// tell sends a file in the case; one that opens a case makes it the case that is talked about.
func (k *talk) tell(p *person, f *rogatoryv1.RequestFile) {
	k.Helper()
	if f.GetRegime() == 0 && f.GetContent().GetGovernance() == nil && f.GetContent().GetJoint().GetPropose() == nil {
		f.CaseToken = k.token
	} else {
		other := map[string]string{"RS": "BG", "BG": "RS"}[p.code]
		f.To = []string{other + "/" + f.FromUnit}
	}
	token, err := p.hand(f)
	if err != nil {
		k.Fatal(err)
	}
	k.token = token
}

// plain is a content of few words from the sender of the examples.
func (k *talk) plain(c *rogatoryv1.Content) *rogatoryv1.RequestFile {
	c.Language, c.Sender = "en", example(k.T, "acknowledge.json").GetContent().GetSender()
	return &rogatoryv1.RequestFile{Content: c}
}

// agree waits until the case has a state on both sides, with the same deadline, and returns the deadline.
func (k *talk) agree(state string) time.Time {
	k.Helper()
	var rs, bg *nodev1.CaseRow
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		rs, bg = k.rs.list()[k.token], k.bg.list()[k.token]
		if rs.GetState() == state && bg.GetState() == state && rs.GetDeadlineMs() == bg.GetDeadlineMs() && rs.GetClockStopped() == bg.GetClockStopped() {
			break
		}
		if time.Now().After(end) {
			k.Fatalf("not %s on both sides:\nRS %v\nBG %v", state, rs, bg)
		}
	}
	if rs.GetDeadlineMs() == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(rs.GetDeadlineMs())).UTC()
}

// message returns the name of the newest message of a kind, as a person sees it.
func (k *talk) message(p *person, kind rogatoryv1.Kind) []byte {
	k.Helper()
	shown, err := p.show(k.token)
	if err != nil {
		k.Fatal(err)
	}
	for _, m := range slices.Backward(shown.GetMessages()) {
		if m.GetDocket().GetKind() == kind {
			return m.GetMsg()
		}
	}
	k.Fatalf("no %s in %s", kind, k.token)
	return nil
}

// ask has RS ask BG and waits for the receipt.
func (k *talk) ask(name string) {
	k.Helper()
	k.say(k.rs, name, nil)
	k.agree("received")
}

// count is how many messages of the case a node holds.
func (k *talk) count(p *person) int {
	k.Helper()
	shown, err := p.show(k.token)
	if err != nil {
		k.Fatal(err)
	}
	return len(shown.GetMessages())
}

// kept returns the case as a node's store holds it. The node stops and starts for it.
func (k *talk) kept(p *person) exchange.Case {
	k.Helper()
	p.halt()
	c := p.country.kept(k.token)
	p.inside = p.f.node[p.code].run(slow)
	p.clearedIn(time.Minute)
	return c
}

// kept returns a case as a stopped node's store holds it.
func (c *country) kept(token string) exchange.Case {
	c.f.t.Helper()
	var out exchange.Case
	s := c.open()
	err := s.View(func(r *store.Reader) error {
		_, body, err := r.Case(token)
		if err == nil {
			out, err = exchange.Decode(body)
		}
		return err
	})
	must(c.f.t, errors.Join(err, s.Close()))
	return out
}
