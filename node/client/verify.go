package client

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/lint"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// maxDocket bounds a docket; one with every list full has a third of it.
const maxDocket = 64 << 10

// verify checks that the act says what was wanted, by whom and now, that its targets are commitments to the messages, and that
// the messages say what the file says.
func (p *Prepared) verify(w Want, actor string, now time.Time) error {
	act, err := federation.ParseAct(p.bytes)
	if err != nil {
		return err
	}
	p.Act = act
	wantCase := w.CaseToken
	if w.File.GetCaseToken() != "" {
		wantCase = w.File.GetCaseToken()
	}
	skew := now.Sub(time.UnixMilli(int64(act.GetAtMs())))
	switch {
	case !verbFits(w, act.GetVerb()):
		return fmt.Errorf("the act is %s", act.GetVerb())
	case act.GetActor() != actor:
		return fmt.Errorf("the act is of %s", act.GetActor())
	case wantCase != "" && act.GetCaseToken() != wantCase:
		return fmt.Errorf("the act is in case %q", act.GetCaseToken())
	case act.GetReason() != w.Reason:
		return fmt.Errorf("the act's reason is %q", act.GetReason())
	case !bytes.Equal(act.GetSubject(), w.Subject) && !(act.GetVerb() == rogatoryv1.Verb_VERB_RATIFY && len(w.Subject) == 0):
		// Only what is ratified is the node's to name: the officer reads it before signing.
		return errors.New("the act has another subject")
	case len(act.GetTargets()) > 0 && w.File == nil && !decides(act.GetVerb()):
		return errors.New("the act has targets and sends nothing")
	case skew > federation.ActSkew || skew < -federation.ActSkew:
		return fmt.Errorf("the act's time is %s away from this machine's", skew.Round(time.Second))
	}
	if err := p.open(); err != nil {
		return err
	}
	if w.File != nil {
		return p.compare(w.File, actor)
	}
	return nil
}

// decides reports whether the verb is about messages that the node holds.
func decides(v rogatoryv1.Verb) bool {
	return v == rogatoryv1.Verb_VERB_APPROVE || v == rogatoryv1.Verb_VERB_DECLINE || v == rogatoryv1.Verb_VERB_RATIFY
}

// verbFits allows the node to choose between sending and drafting when it was left to it; danger to life is never a draft.
func verbFits(w Want, got rogatoryv1.Verb) bool {
	if w.Verb != rogatoryv1.Verb_VERB_UNSPECIFIED {
		return got == w.Verb
	}
	return got == rogatoryv1.Verb_VERB_SEND || got == rogatoryv1.Verb_VERB_DRAFT && !w.File.GetBreakGlass()
}

// open parses the messages and checks that the act's targets are exactly the commitments to them.
func (p *Prepared) open() error {
	// What is ratified has left already; the officer has read it in its case, and the subject names it.
	if p.Act.GetVerb() == rogatoryv1.Verb_VERB_RATIFY && len(p.outgoing) == 0 {
		return nil
	}
	if len(p.outgoing) != len(p.Act.GetTargets()) {
		return fmt.Errorf("%d messages, %d targets", len(p.outgoing), len(p.Act.GetTargets()))
	}
	left := make([]*rogatoryv1.ActTarget, len(p.Act.GetTargets()))
	copy(left, p.Act.GetTargets())
	p.Messages = make([]Message, len(p.outgoing))
	for i, out := range p.outgoing {
		m, target, err := openOutgoing(out)
		if err != nil {
			return fmt.Errorf("message to %s: %w", out.GetTo(), err)
		}
		p.Messages[i] = m
		found := false
		for j, t := range left {
			if proto.Equal(t, target) {
				left = append(left[:j], left[j+1:]...)
				found = true
				break
			}
		}
		if !found {
			return fmt.Errorf("the act does not commit to the message to %s", out.GetTo())
		}
	}
	return nil
}

// openOutgoing parses a message strictly and returns what an act that commits to it has as target.
func openOutgoing(out *nodev1.Outgoing) (Message, *rogatoryv1.ActTarget, error) {
	m := Message{To: out.GetTo(), Docket: new(rogatoryv1.Docket), Content: new(rogatoryv1.Content)}
	if err := envelope.StrictUnmarshal(out.GetDocket(), m.Docket, maxDocket); err != nil {
		return m, nil, err
	}
	if err := envelope.StrictUnmarshal(out.GetContent(), m.Content, lint.MaxContentBytes); err != nil {
		return m, nil, err
	}
	if len(out.GetDocketSalt()) != 32 || len(out.GetContentSalt()) != 32 {
		return m, nil, errors.New("a salt is not 32 bytes long")
	}
	docket := envelope.Commit(envelope.Salt(out.GetDocketSalt()), envelope.Docket, out.GetDocket())
	content := envelope.Commit(envelope.Salt(out.GetContentSalt()), envelope.Content, out.GetContent())
	return m, &rogatoryv1.ActTarget{
		To: m.To, Unit: m.Docket.GetToUnit(), DocketCommit: docket[:], ContentCommit: content[:],
	}, nil
}

// compare holds the messages against the file that the person gave.
func (p *Prepared) compare(file *rogatoryv1.RequestFile, actor string) error {
	if len(p.Messages) == 0 {
		return errors.New("no message")
	}
	var to []string
	for i := range p.Messages {
		m := &p.Messages[i]
		if err := sameContent(file.GetContent(), m.Content); err != nil {
			return fmt.Errorf("message to %s: %w", m.To, err)
		}
		if err := sameDocket(file, m, actor); err != nil {
			return fmt.Errorf("message to %s: %w", m.To, err)
		}
		to = append(to, m.To)
	}
	return sameRecipients(file.GetTo(), p.Messages, to)
}

// sameContent allows the node to fill what the file leaves empty and the node knows better: who speaks, in which language, and
// who released it. Everything else is as the person wrote it.
func sameContent(file, got *rogatoryv1.Content) error {
	bare := proto.CloneOf(got)
	if file.GetLanguage() == "" {
		bare.Language = ""
	}
	if file.GetSender() == nil {
		bare.Sender = nil
	} else if s := bare.GetSender(); s != nil && file.GetSender().GetAuthority() == 0 {
		s.Authority = 0
	}
	switch {
	case bare.GetReply() != nil && file.GetReply() != nil:
		unsigned(file.GetReply().GetReleasedBy(), &bare.GetReply().ReleasedBy)
		unsigned(file.GetReply().GetApprovedBy(), &bare.GetReply().ApprovedBy)
	case bare.GetFiuReply() != nil && file.GetFiuReply() != nil:
		unsigned(file.GetFiuReply().GetReleasedBy(), &bare.GetFiuReply().ReleasedBy)
		unsigned(file.GetFiuReply().GetApprovedBy(), &bare.GetFiuReply().ApprovedBy)
	}
	if !proto.Equal(bare, file) {
		return errors.New("the content differs from the file")
	}
	return nil
}

func unsigned(given string, field *string) {
	if given == "" {
		*field = ""
	}
}

// sameDocket derives the docket again from the content and compares; what the content does not say must be what the file
// says, or something that the node alone knows, such as the case's token.
func sameDocket(file *rogatoryv1.RequestFile, m *Message, actor string) error {
	d := m.Docket
	switch {
	case d.GetActor() != actor:
		return fmt.Errorf("the docket names actor %s", d.GetActor())
	case file.GetCaseToken() != "" && d.GetCaseToken() != file.GetCaseToken():
		return fmt.Errorf("the docket is in case %q", d.GetCaseToken())
	case file.GetFromUnit() != "" && d.GetFromUnit() != file.GetFromUnit():
		return fmt.Errorf("the docket is from unit %s", d.GetFromUnit())
	case file.GetRegime() != 0 && d.GetRegime() != file.GetRegime():
		return fmt.Errorf("the docket names %s", d.GetRegime())
	case (len(file.GetOf()) > 0 || file.GetCaseToken() == "") && !bytes.Equal(d.GetOf(), file.GetOf()):
		// In a case the node may know what is followed; what opens one follows nothing that the file does not name.
		return errors.New("the docket follows another message")
	case d.GetBreakGlass() != file.GetBreakGlass():
		return errors.New("the docket differs in break-glass")
	}
	again := lint.DocketOf(m.Content, lint.Cover{
		CaseToken: d.GetCaseToken(), Of: d.GetOf(), FromUnit: d.GetFromUnit(), ToUnit: d.GetToUnit(),
		Regime: d.GetRegime(), Actor: d.GetActor(), ActorKind: d.GetActorKind(), BreakGlass: d.GetBreakGlass(),
	})
	// A follow-up need not repeat who speaks; the node knows its own unit's authority.
	if m.Content.GetSender().GetAuthority() == 0 {
		again.Authority = d.GetAuthority()
	}
	if !proto.Equal(again, d) {
		return errors.New("the docket does not follow from the content")
	}
	return nil
}

// sameRecipients checks that the messages go to those whom the file names, each once. A file in an existing case may name none.
func sameRecipients(file []string, messages []Message, to []string) error {
	if len(file) == 0 {
		return nil
	}
	if len(file) != len(messages) {
		return fmt.Errorf("%d messages for %d recipients (%s)", len(messages), len(file), strings.Join(to, " "))
	}
	left := append([]string(nil), file...)
	for _, m := range messages {
		found := -1
		for i, f := range left {
			country, unit, _ := strings.Cut(f, "/")
			if country == m.To && unit == m.Docket.GetToUnit() {
				found = i
				break
			}
		}
		if found < 0 {
			return fmt.Errorf("a message to %s/%s, whom the file does not name", m.To, m.Docket.GetToUnit())
		}
		left = append(left[:found], left[found+1:]...)
	}
	return nil
}
