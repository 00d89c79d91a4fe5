package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// brief writes a message that needs no file.
func (p *player) brief(ctx context.Context, c command) error {
	d, err := p.deskOf(c, 1)
	if err != nil {
		return err
	}
	content, err := p.compose(ctx, d, c)
	if err != nil {
		return err
	}
	return p.follow(ctx, d, c.args[0], &rogatoryv1.RequestFile{Content: content})
}

func (p *player) compose(ctx context.Context, d desk, c command) (*rogatoryv1.Content, error) {
	rest := c.args[2:]
	switch c.verb {
	case "acknowledge":
		return acknowledge(rest[0]), nil
	case "clarify":
		body := new(rogatoryv1.Clarification)
		for _, q := range rest {
			body.Questions = append(body.Questions, &rogatoryv1.Question{Text: q})
		}
		return &rogatoryv1.Content{Body: &rogatoryv1.Content_Clarification{Clarification: body}}, nil
	case "explain":
		return &rogatoryv1.Content{Body: &rogatoryv1.Content_ClarificationAnswer{ClarificationAnswer: &rogatoryv1.ClarificationAnswer{Answers: rest}}}, nil
	case "withdraw":
		return &rogatoryv1.Content{Body: &rogatoryv1.Content_Withdrawal{Withdrawal: &rogatoryv1.Withdrawal{
			Reason: rogatoryv1.WithdrawalReason_WITHDRAWAL_REASON_SOLVED, Explanation: rest[0],
		}}}, nil
	case "no-information":
		return &rogatoryv1.Content{Body: &rogatoryv1.Content_Reply{Reply: &rogatoryv1.Reply{
			Final: true, Outcome: rogatoryv1.Outcome_OUTCOME_NO_INFORMATION, Access: rogatoryv1.Access_ACCESS_DIRECT, Remarks: rest[0],
		}}}, nil
	case "feedback":
		return &rogatoryv1.Content{Body: &rogatoryv1.Content_Feedback{Feedback: &rogatoryv1.Feedback{
			Usefulness: coded[rogatoryv1.Usefulness]("USEFULNESS_", rest[0]), Text: rest[1],
		}}}, nil
	case "ask-consent":
		return p.askConsent(ctx, d, c.args[0], rest)
	case "grant":
		return p.grant(ctx, d, c.args[0], rest)
	}
	return nil, fmt.Errorf("%s: %w", c.verb, errStory)
}

// acknowledge takes up a request, saying how the information is reached, or spontaneous information, saying whether it is useful.
func acknowledge(how string) *rogatoryv1.Content {
	if u := coded[rogatoryv1.Usefulness]("USEFULNESS_", how); u != 0 {
		return &rogatoryv1.Content{Body: &rogatoryv1.Content_SpontaneousAcknowledge{SpontaneousAcknowledge: &rogatoryv1.SpontaneousAcknowledge{Usefulness: u}}}
	}
	access := rogatoryv1.Access_ACCESS_DIRECT
	if how == "indirect" {
		access = rogatoryv1.Access_ACCESS_INDIRECT
	}
	return &rogatoryv1.Content{Body: &rogatoryv1.Content_Acknowledge{Acknowledge: &rogatoryv1.Acknowledge{Access: access}}}
}

// askConsent asks for another use of an item of the newest message that brought some.
func (p *player) askConsent(ctx context.Context, d desk, name string, args []string) (*rogatoryv1.Content, error) {
	item, err := strconv.ParseUint(args[0], 10, 16)
	if err != nil {
		return nil, err
	}
	recipient := args[1]
	if recipient == "-" {
		recipient = "" // one's own courts
	}
	m, err := p.newest(ctx, d, name, func(m *nodev1.CaseMessage) bool { return m.GetDocket().GetCounts().GetItems() > 0 })
	if err != nil {
		return nil, err
	}
	return &rogatoryv1.Content{Body: &rogatoryv1.Content_ConsentRequest{ConsentRequest: &rogatoryv1.ConsentRequest{
		Items: []*rogatoryv1.ConsentItem{{
			Ref: &rogatoryv1.ItemRef{Msg: m.GetMsg(), Item: uint32(item)}, Recipient: recipient, Purpose: coded[rogatoryv1.Purpose]("PURPOSE_", args[2]),
		}},
		Reason: args[3],
	}}}, nil
}

// grant grants what was asked for last, on conditions.
func (p *player) grant(ctx context.Context, d desk, name string, conditions []string) (*rogatoryv1.Content, error) {
	m, err := p.newest(ctx, d, name, func(m *nodev1.CaseMessage) bool { return m.GetContent().GetConsentRequest() != nil })
	if err != nil {
		return nil, err
	}
	body := new(rogatoryv1.ConsentDecision)
	for _, item := range m.GetContent().GetConsentRequest().GetItems() {
		body.Answers = append(body.Answers, &rogatoryv1.ConsentAnswer{Item: item, Decision: rogatoryv1.Choice_CHOICE_FREE, Conditions: conditions})
	}
	return &rogatoryv1.Content{Body: &rogatoryv1.Content_ConsentDecision{ConsentDecision: body}}, nil
}

// newest returns the newest message of the other side that fits.
func (p *player) newest(ctx context.Context, d desk, name string, fits func(*nodev1.CaseMessage) bool) (*nodev1.CaseMessage, error) {
	oc, err := p.find(name, d.m.country)
	if err != nil {
		return nil, err
	}
	shown, err := d.m.show(ctx, oc.token, d.unit)
	if err != nil {
		return nil, at(d.m, oc.token, err)
	}
	for _, m := range slices.Backward(shown.GetMessages()) {
		if !m.GetOurs() && fits(m) {
			return m, nil
		}
	}
	return nil, at(d.m, oc.token, errNotInCase)
}
