package reading

import (
	"context"
	"fmt"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/drafts"
	"github.com/rogatory/rogatory/node/desk/officers"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Show returns a case with its messages. That it is read, by whom and why, is in the log before any content is released.
func (in *Room) Show(ctx context.Context, r *nodev1.ShowRequest) (*nodev1.ShowResponse, error) {
	token, err := in.Consult(ctx, r.GetAssertion())
	if err != nil {
		return nil, err
	}
	out, reason := &nodev1.ShowResponse{}, ReasonOf(r.GetAssertion())
	err = in.store.View(func(tx *store.Reader) error {
		c, err := casefile.Load(tx, token)
		if err != nil {
			return err
		}
		if out.Case, err = rowOf(tx, c, time.Now().UnixMilli()); err != nil {
			return err
		}
		indices, err := tx.CaseMessages(token)
		if err != nil {
			return err
		}
		for _, index := range indices {
			m, err := c.Read(tx, index, in.log)
			if err != nil {
				return err
			}
			if m.GetStatus() == casefile.Present && c.Withholds(m.GetMsg(), reason) {
				m.Status, m.Content, m.AttachmentsHere = casefile.Withheld, nil, nil
			}
			out.Messages = append(out.Messages, m)
		}
		if out.Acts, err = c.Management(tx); err != nil {
			return err
		}
		return showDrafts(tx, token, out)
	})
	return out, err
}

// Consult verifies a reading and logs it. It returns the case that may be read now.
func (in *Room) Consult(ctx context.Context, a *rogatoryv1.Assertion) (string, error) {
	act, err := federation.ParseAct(a.GetAct())
	if err != nil {
		return "", err
	}
	officer, err := in.officers.Now().Officer(act.GetActor())
	if err != nil {
		return "", err
	}
	// Who has no key does not even learn whose case it is.
	if _, err := in.Verify(a, rogatoryv1.Verb_VERB_READ, ""); err != nil {
		return "", err
	}
	token := act.GetCaseToken()
	if _, err := casefile.Of(in.store, token, officer); err != nil {
		return "", err
	}
	_, err = in.store.Update(ctx, func(tx *store.Tx) error {
		if err := officers.UseUp(tx, act); err != nil {
			return err
		}
		c, err := casefile.Load(&tx.Reader, token)
		if err != nil {
			return err
		}
		if !c.BelongsTo(officer) {
			return fmt.Errorf("case %s: %w", token, refusal.ErrCase) // handed over in the meantime
		}
		op, err := c.Op(tx, translog.Consult, act)
		if err != nil {
			return err
		}
		return casefile.AppendOp(tx, op, a)
	})
	return token, err
}

func showDrafts(tx *store.Reader, token string, out *nodev1.ShowResponse) error {
	list, err := drafts.OfCase(tx, token)
	if err != nil {
		return err
	}
	for _, p := range list {
		s, err := p.Message()
		if err != nil {
			return err
		}
		m := &nodev1.CaseMessage{
			Ours: true, AtMs: p.UpdatedMs(), Docket: s.Docket, Content: s.Content, Status: "draft", Outgoing: p.Out,
		}
		if p.State() == drafts.Declined {
			act, err := federation.ParseAct(p.Assertion().GetAct())
			if err != nil {
				return err
			}
			m.Status = "declined:" + act.GetActor() // nothing to sign
			m.Outgoing = nil
		}
		out.Messages = append(out.Messages, m)
	}
	return nil
}

// ReasonOf is the coded reason of an assertion that was verified.
func ReasonOf(a *rogatoryv1.Assertion) string {
	act, err := federation.ParseAct(a.GetAct())
	if err != nil {
		return ""
	}
	return act.GetReason()
}
