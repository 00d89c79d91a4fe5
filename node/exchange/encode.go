package exchange

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/rogatory/rogatory/node/exchange/rules"
)

// The first byte of every encoding says what follows. A case without erasures of single messages has the first version, any other the second: so
// one case still has one encoding, and what was written before there were any reads as it did.
const (
	encodingVersion  = 1
	encodingErasures = 2 // Erasures stand at the end
)

// maxEncoded bounds what Decode reads, in bytes.
const maxEncoded = 16 << 20

// Encode returns the canonical encoding: one case has one encoding, and Decode takes no other. Numbers are unsigned LEB128 in
// their shortest form, strings and lists carry their length, names are 32 raw bytes, fields stand in the order of the
// struct.
func (c Case) Encode() []byte {
	w := &coder{writing: true, buf: make([]byte, 0, 256+224*len(c.Messages))}
	if len(c.Erasures) == 0 {
		w.buf = append(w.buf, encodingVersion)
		w.caseFields(&c)
		return w.buf
	}
	w.buf = append(w.buf, encodingErasures)
	w.caseFields(&c)
	w.erasures(&c)
	return w.buf
}

// Decode reads what Encode wrote, or returns an error that wraps ErrEncoding.
func Decode(b []byte) (Case, error) {
	if len(b) == 0 || len(b) > maxEncoded || b[0] != encodingVersion && b[0] != encodingErasures {
		return Case{}, fmt.Errorf("%w: %d bytes, version unknown or size out of bounds", ErrEncoding, len(b))
	}
	r := &coder{buf: b[1:]}
	var c Case
	r.caseFields(&c)
	if b[0] == encodingErasures {
		r.erasures(&c)
	}
	if r.bad || len(r.buf) != 0 {
		return Case{}, fmt.Errorf("%w: malformed at byte %d", ErrEncoding, len(b)-len(r.buf))
	}
	if !bytes.Equal(c.Encode(), b) {
		return Case{}, fmt.Errorf("%w: another spelling of the same case", ErrEncoding)
	}
	return c, nil
}

// Hash is what a state leaf commits to: SHA-256("rogatory/v1/case\0" || encoding).
func (c Case) Hash() [32]byte {
	h := sha256.New()
	h.Write([]byte("rogatory/v1/case\x00"))
	h.Write(c.Encode())
	return [32]byte(h.Sum(nil))
}

// coder writes or reads: one description of the fields serves both ways, so that they cannot drift apart. When reading, buf
// is what is left; bad stays set after the first malformed byte.
type coder struct {
	writing, bad bool
	buf          []byte
}

func (x *coder) uint(v *uint64) {
	if x.writing {
		x.buf = binary.AppendUvarint(x.buf, *v)
		return
	}
	n, size := binary.Uvarint(x.buf)
	if size <= 0 {
		x.bad, x.buf = true, nil
		return
	}
	*v, x.buf = n, x.buf[size:]
}

// number codes any integer kind; negative values, which enums of outside origin may have, take ten bytes.
func number[T ~int32 | ~uint32 | ~int64 | ~uint64](x *coder, v *T) {
	u := uint64(*v)
	x.uint(&u)
	*v = T(u)
}

func (x *coder) bool(v *bool) {
	u := uint64(0)
	if *v {
		u = 1
	}
	x.uint(&u)
	*v = u == 1
}

func text[T ~string](x *coder, v *T) {
	n := uint64(len(*v))
	x.uint(&n)
	if x.writing {
		x.buf = append(x.buf, *v...)
		return
	}
	if n > uint64(len(x.buf)) {
		x.bad, x.buf = true, nil
		return
	}
	*v, x.buf = T(x.buf[:n]), x.buf[n:]
}

func (x *coder) name(v *Name) {
	if x.writing {
		x.buf = append(x.buf, v[:]...)
		return
	}
	if len(x.buf) < len(v) {
		x.bad, x.buf = true, nil
		return
	}
	*v, x.buf = Name(x.buf[:len(v)]), x.buf[len(v):]
}

// list codes a slice; an empty one reads back as nil, which Apply treats alike.
func list[T any](x *coder, v *[]T, each func(*T)) {
	n := uint64(len(*v))
	x.uint(&n)
	if x.writing {
		for i := range *v {
			each(&(*v)[i])
		}
		return
	}
	// Every element takes at least a byte, so a length beyond the rest is a lie and allocates nothing.
	if n > uint64(len(x.buf)) {
		x.bad, x.buf = true, nil
		return
	}
	for range n {
		var e T
		each(&e)
		if x.bad {
			return
		}
		*v = append(*v, e)
	}
}

func (x *coder) caseFields(c *Case) {
	text(x, &c.Token)
	text(x, &c.Kind)
	text(x, &c.Side)
	text(x, &c.Own)
	text(x, &c.Peer)
	text(x, &c.OwnUnit)
	text(x, &c.PeerUnit)
	text(x, &c.State)
	number(x, &c.Regime)
	number(x, &c.Urgency)
	number(x, &c.Handling)
	x.name(&c.Round)
	list(x, &c.Messages, x.message)
	list(x, &c.Waiting, func(w *Waiting) { x.input(&w.in) })
	list(x, &c.Drafts, func(d *DraftRecord) {
		x.name(&d.Name)
		number(x, &d.Kind)
		text(x, &d.State)
		list(x, &d.Drafters, func(s *string) { text(x, s) })
		text(x, &d.Approver)
	})
	list(x, &c.Alone, func(b *BreakGlass) {
		x.name(&b.Msg)
		text(x, &b.By)
		number(x, &b.At)
		number(x, &b.RatifyBy)
		text(x, &b.RatifiedBy)
		number(x, &b.RatifiedAt)
	})
	list(x, &c.Consents, func(k *Consent) {
		x.consentKey(&k.ConsentKey)
		text(x, &k.State)
		x.name(&k.Asked)
		x.name(&k.Decided)
		number(x, &k.Until)
		text(x, &k.Before.State)
		x.name(&k.Before.Asked)
		x.name(&k.Before.Decided)
		number(x, &k.Before.Until)
	})
	list(x, &c.Corrections, func(k *Correction) {
		x.name(&k.Notice)
		x.name(&k.Target)
		number(x, &k.What)
		text(x, &k.State)
	})
	list(x, &c.Parties, func(p *PartyRecord) {
		text(x, &p.Country)
		text(x, &p.State)
	})
	text(x, &c.Leader)
	number(x, &c.Clock.Start)
	list(x, &c.Clock.Suspended, func(s *rules.Span) {
		number(x, &s.From)
		number(x, &s.To)
	})
	list(x, &c.Clock.Terms, func(t *Term) {
		text(x, &t.Row)
		text(x, &t.Phase)
		number(x, &t.Start)
		number(x, &t.Due)
		number(x, &t.Met)
	})
	text(x, &c.Assignee)
	x.bool(&c.Registered)
	x.bool(&c.LegalHold)
	text(x, &c.EraseProposedBy)
	text(x, &c.Aside)
	number(x, &c.Changed)
}

func (x *coder) erasures(c *Case) {
	list(x, &c.Erasures, func(e *Erasure) {
		x.name(&e.Msg)
		text(x, &e.ProposedBy)
		x.bool(&e.Done)
	})
}

func (x *coder) message(m *Message) {
	x.name(&m.Name)
	number(x, &m.Kind)
	x.bool(&m.Out)
	text(x, &m.From)
	x.name(&m.Of)
	x.name(&m.Round)
	number(x, &m.Sent)
	number(x, &m.Received)
	number(x, &m.Index)
	x.bool(&m.Rejected)
	x.bool(&m.Undelivered)
	number(x, &m.Urgency)
	x.bool(&m.Final)
	number(x, &m.Outcome)
	number(x, &m.Access)
	number(x, &m.Delay)
	number(x, &m.Until)
	number(x, &m.Usefulness)
	number(x, &m.Joint)
	list(x, &m.Refusals, x.refusal)
	list(x, &m.Drafters, func(s *string) { text(x, s) })
	text(x, &m.Approver)
}

func (x *coder) refusal(r *Refusal) {
	number(x, &r.Want)
	number(x, &r.Ground)
}

func (x *coder) consentKey(k *ConsentKey) {
	x.name(&k.Msg)
	number(x, &k.Item)
	text(x, &k.Recipient)
	number(x, &k.Purpose)
}

// input codes an early message. Only what has arrived waits, so the parts of local events stay out.
func (x *coder) input(in *input) {
	if !x.writing {
		in.event, in.who, in.docket = EventArrived, Peer, true
	}
	text(x, &in.step)
	number(x, &in.at)
	number(x, &in.index)
	x.name(&in.msg)
	x.name(&in.of)
	text(x, &in.from)
	text(x, &in.to)
	number(x, &in.sent)
	number(x, &in.kind)
	text(x, &in.token)
	text(x, &in.fromUnit)
	text(x, &in.toUnit)
	number(x, &in.regime)
	number(x, &in.urgency)
	number(x, &in.handling)
	number(x, &in.access)
	x.bool(&in.final)
	number(x, &in.outcome)
	list(x, &in.refusals, x.refusal)
	number(x, &in.delay)
	number(x, &in.until)
	list(x, &in.scopes, func(s *scope) {
		x.consentKey(&s.ConsentKey)
		number(x, &s.decision)
		number(x, &s.until)
	})
	number(x, &in.usefulness)
	number(x, &in.joint)
	number(x, &in.correction)
	x.bool(&in.breakGlass)
	list(x, &in.parties, func(s *string) { text(x, s) })
}
