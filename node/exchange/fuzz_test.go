package exchange_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/rules"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// source makes events out of bytes.
type source struct{ b []byte }

func (s *source) next() int {
	if len(s.b) == 0 {
		return 0
	}
	v := s.b[0]
	s.b = s.b[1:]
	return int(v)
}

func (s *source) event(c exchange.Case) exchange.Event {
	kinds := exchange.EventKinds()
	name := func() exchange.Name {
		i := s.next()
		if i%4 != 0 && len(c.Messages) > 0 {
			return c.Messages[i/4%len(c.Messages)].Name
		}
		return exchange.Name{byte(i)}
	}
	e := exchange.Event{Msg: exchange.Name{byte(s.next()), byte(s.next())}, Of: name(), Draft: exchange.Name{byte(s.next() % 3)}}
	// Half of the events are messages: they are what the case lives on.
	switch i := s.next(); {
	case i%2 == 0:
		e.Kind = []exchange.EventKind{exchange.EventSent, exchange.EventArrived}[i/2%2]
	case i == 255:
		e.Kind = "unheard-of"
	default:
		e.Kind = kinds[i/2%len(kinds)]
	}
	e.At, e.Sent, e.Index = int64(s.next())<<(s.next()%48), int64(s.next())<<32, uint64(s.next())
	e.Who = exchange.Whos()[s.next()%5]
	e.Actor = []string{"ana", "boris", "", "NOT A PSEUDONYM"}[s.next()%4]
	e.From, e.To = []string{"RS", "BG", ""}[s.next()%3], []string{"BG", "RS", "HU"}[s.next()%3]
	if s.next()%8 == 7 {
		return e
	}
	of, carrier := name(), name()
	e.Docket = &rogatoryv1.Docket{
		Kind: rogatoryv1.Kind(s.next() % 27), CaseToken: []string{"RS-2026-000001", "RS-2026-000002"}[s.next()%16/15],
		Regime: rogatoryv1.Regime(s.next() % 7), Urgency: rogatoryv1.Urgency(s.next() % 7), Access: rogatoryv1.Access(s.next() % 4),
		Final: s.next()%2 == 0, Outcome: rogatoryv1.Outcome(s.next() % 7), Delay: rogatoryv1.Delay(s.next() % 6),
		DelayUntilMs: uint64(s.next()) << 34, Joint: rogatoryv1.JointAct(s.next() % 13), Correction: rogatoryv1.CorrectionKind(s.next() % 7),
		Usefulness: rogatoryv1.Usefulness(s.next() % 4), BreakGlass: s.next()%8 == 1, Handling: rogatoryv1.HandlingCode(s.next()%7 - 1),
		Refusals: []*rogatoryv1.Refusal{{Ground: rogatoryv1.Ground(s.next() % 14)}},
		Consents: []*rogatoryv1.ConsentScope{{Msg: carrier[:], Item: uint32(s.next() % 3), Decision: rogatoryv1.Choice(s.next() % 4)}},
		Parties:  []string{"RS", "BG"}, ToUnit: "fiu", Actor: "carl",
	}
	if s.next()%4 != 0 {
		e.Docket.Of = of[:]
	}
	return e
}

// FuzzApply lets anybody do anything: no panic, the same twice, the input untouched, a case that comes back from its encoding,
// an error that names a known code.
func FuzzApply(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233}, 60))
	f.Add(bytes.Repeat([]byte{2, 0, 0, 4, 1, 1}, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c exchange.Case
		law := rules.Rules{MaxWaiting: 4, MaxMessages: 40}
		s := &source{b: b}
		if s.next()%2 == 0 {
			law.Alone = allKinds()
		}
		for len(s.b) > 0 {
			e := s.event(c)
			before := c.Encode()
			n, changes, err := exchange.Apply(c, e, law)
			m, _, err2 := exchange.Apply(c, e, law)
			if (err == nil) != (err2 == nil) || n.Hash() != m.Hash() {
				t.Fatal("the same event gave two cases")
			}
			if !bytes.Equal(c.Encode(), before) {
				t.Fatal("Apply changed what it was given")
			}
			if err != nil {
				var refused *exchange.TransitionError
				if !errors.As(err, &refused) || refused.Code == "" || refused.Error() == "" || n.Hash() != c.Hash() {
					t.Fatalf("error %v", err)
				}
				continue
			}
			if len(changes) == 0 || len(n.Waiting) > 4 || len(n.Messages) > 40 || n.Changed != e.At && len(n.Waiting) == len(c.Waiting) && len(changes) == 1 {
				t.Fatalf("%d changes, %d waiting, %d messages", len(changes), len(n.Waiting), len(n.Messages))
			}
			if back, err := exchange.Decode(n.Encode()); err != nil || back.Hash() != n.Hash() {
				t.Fatalf("encoding does not come back: %v", err)
			}
			n.Overdue(e.At)
			n.Due()
			n.Shared()
			exchange.Moves(n)
			c = n
		}
	})
}

// FuzzDecode reads anything: what it takes, it writes again byte for byte, and Apply survives it.
func FuzzDecode(f *testing.F) {
	p, _ := begun(f)
	f.Add([]byte{})
	f.Add(exchange.Case{}.Encode())
	f.Add(p.sides["RS"].Encode())
	f.Add(append(p.sides["BG"].Encode(), 0))
	erased := p.sides["RS"]
	erased.Erasures = []exchange.Erasure{{Msg: erased.Messages[0].Name, ProposedBy: "o-1"}, {Msg: exchange.Name{9}, Done: true}}
	f.Add(erased.Encode())
	var early exchange.Case
	d := docket(of(rogatoryv1.Kind_KIND_WITHDRAWAL))
	d.Of = bytes.Repeat([]byte{7}, 32)
	early, _, err := exchange.Apply(early, exchange.Event{
		Kind: exchange.EventArrived, Msg: exchange.Name{1}, From: "RS", To: "BG", Who: exchange.Peer, Docket: d,
	}, rules.Rules{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(early.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := exchange.Decode(b)
		if err != nil {
			if !errors.Is(err, exchange.ErrEncoding) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(c.Encode(), b) {
			t.Fatal("two encodings of one case")
		}
		s := &source{b: b}
		for range 4 {
			if n, _, err := exchange.Apply(c, s.event(c), rules.Rules{}); err == nil {
				c = n
			}
		}
	})
}

func TestEveryBitOfAnEncodingMatters(t *testing.T) {
	p, _ := begun(t)
	b := p.sides["RS"].Encode()
	want := p.sides["RS"].Hash()
	for i := range b {
		for bit := range 8 {
			x := bytes.Clone(b)
			x[i] ^= 1 << bit
			if c, err := exchange.Decode(x); err == nil && c.Hash() == want {
				t.Fatalf("bit %d of byte %d does not matter", bit, i)
			}
		}
	}
	for i := range b {
		if _, err := exchange.Decode(b[:i]); err == nil {
			t.Fatalf("cut after %d bytes", i)
		}
	}
}

// The hash is what state leaves commit to: it must not change without a new encoding version.
func TestHashOfTheEmptyCaseIsFixed(t *testing.T) {
	if got := exchange.Name(exchange.Case{}.Hash()).String(); got != emptyHash {
		t.Fatalf("got %s", got)
	}
}

const emptyHash = "45830f588bf2685a8d520790151175c1a7d66ffd281fe35d171ed263db192d43"
