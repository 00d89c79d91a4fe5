package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rogatory/rogatory/node/codes"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A short form is a message that needs no JSON: a command with the case and a few flags. Who speaks for the unit is put in by
// the node.
type shortForm struct {
	use, short, example string
	// flags declares the form's flags and returns what composes the content once they are parsed.
	flags func(f *pflag.FlagSet, c *cobra.Command) compose
}

// compose returns a message's content, and the message that it answers where the case does not imply it. shown opens the case, for forms that depend
// on what it holds.
type compose func(shown func() (*nodev1.ShowResponse, error)) (c *rogatoryv1.Content, of []byte, err error)

func (p *program) shortForms() []*cobra.Command {
	var commands []*cobra.Command
	for _, form := range forms {
		commands = append(commands, p.shortForm(form))
	}
	return append(commands, group("consent", "Onward use of what a peer provided",
		p.shortForm(consentAsk), p.shortForm(consentDecide("grant", "Grant what was asked for", rogatoryv1.Choice_CHOICE_FREE)),
		p.shortForm(consentDecide("refuse", "Refuse what was asked for", rogatoryv1.Choice_CHOICE_NO)), p.shortForm(consentWithdraw)))
}

func (p *program) shortForm(form shortForm) *cobra.Command {
	var language string
	var draft bool
	c := &cobra.Command{Use: form.use, Short: form.short, Example: form.example, Args: exactly(1)}
	build := form.flags(c.Flags(), c)
	c.Flags().StringVar(&language, "language", "", "language of the texts (default: --lang, else en)")
	c.Flags().BoolVar(&draft, "draft", false, "put it before an approver in any case")
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := p.dialAs()
		if err != nil {
			return err
		}
		defer cl.Close()
		content, of, err := build(func() (*nodev1.ShowResponse, error) {
			return p.show(c.Context(), cl, args[0], "case-work")
		})
		if err != nil {
			return err
		}
		if language == "" {
			language = p.language
		}
		if language == "" {
			language = codes.English
		}
		ctx, cancel := p.within(c.Context())
		defer cancel()
		f := fileOf(args[0], language, content)
		f.Of = of
		return p.sendFile(ctx, cl, f, draft)
	}
	return c
}

// always composes a content that depends on the flags alone.
func always(f func() (*rogatoryv1.Content, error)) compose {
	return opened(func(func() (*nodev1.ShowResponse, error)) (*rogatoryv1.Content, error) { return f() })
}

// opened composes a content that answers what the case implies.
func opened(f func(shown func() (*nodev1.ShowResponse, error)) (*rogatoryv1.Content, error)) compose {
	return func(shown func() (*nodev1.ShowResponse, error)) (*rogatoryv1.Content, []byte, error) {
		c, err := f(shown)
		return c, nil, err
	}
}

var forms = []shortForm{
	{
		use: "acknowledge CASE", short: "Say that the case was taken up, and how the information is reached",
		example: "  rogatory-node request acknowledge RS-2026-000123 --access direct",
		flags: func(f *pflag.FlagSet, c *cobra.Command) compose {
			access := f.String("access", "", "direct or indirect: it selects the clock")
			useful := f.Bool("useful", false, "spontaneous information: it is useful")
			notUseful := f.Bool("not-useful", false, "spontaneous information: it is not useful")
			ref := f.String("reference", "", "number under which this side keeps the case")
			remarks := f.String("remarks", "", "remarks")
			complete[rogatoryv1.Access](c, "access")
			c.MarkFlagsMutuallyExclusive("access", "useful", "not-useful")
			return opened(func(shown func() (*nodev1.ShowResponse, error)) (*rogatoryv1.Content, error) {
				if *access == "" {
					return acknowledgeSpontaneous(*useful, *notUseful, *ref, *remarks, shown)
				}
				a, err := parseTerm[rogatoryv1.Access]("--access", *access)
				if err != nil {
					return nil, err
				}
				return &rogatoryv1.Content{Body: &rogatoryv1.Content_Acknowledge{Acknowledge: &rogatoryv1.Acknowledge{
					Access: a, OwnReference: *ref, Remarks: *remarks,
				}}}, nil
			})
		},
	},
	{
		use: "clarify CASE", short: "Ask what the request leaves open; the clock stops",
		example: `  rogatory-node request clarify RS-2026-000123 --question "Which of the two companies?"`,
		flags: func(f *pflag.FlagSet, c *cobra.Command) compose {
			questions := f.StringArray("question", nil, "a question; give it again for another")
			_ = c.MarkFlagRequired("question")
			return always(func() (*rogatoryv1.Content, error) {
				body := new(rogatoryv1.Clarification)
				for _, q := range *questions {
					body.Questions = append(body.Questions, &rogatoryv1.Question{Text: q})
				}
				return &rogatoryv1.Content{Body: &rogatoryv1.Content_Clarification{Clarification: body}}, nil
			})
		},
	},
	{
		use: "answer-clarification CASE", short: "Answer the questions on your request; the clock runs on",
		example: `  rogatory-node request answer-clarification RS-2026-000123 --answer "The one in Plovdiv."`,
		flags: func(f *pflag.FlagSet, c *cobra.Command) compose {
			answers := f.StringArray("answer", nil, "one for each question, in their order")
			_ = c.MarkFlagRequired("answer")
			return opened(func(shown func() (*nodev1.ShowResponse, error)) (*rogatoryv1.Content, error) {
				resp, err := shown()
				if err != nil {
					return nil, err
				}
				// The clock runs on with this message: an answer that was forgotten cannot follow in silence.
				if n := questions(resp); n > 0 && n != len(*answers) {
					return nil, usage(fmt.Errorf("%d question(s) are open, and %d answer(s) are given", n, len(*answers)), "give --answer once for each question, in their order")
				}
				return &rogatoryv1.Content{Body: &rogatoryv1.Content_ClarificationAnswer{ClarificationAnswer: &rogatoryv1.ClarificationAnswer{Answers: *answers}}}, nil
			})
		},
	},
	{
		use: "refuse CASE", short: "Refuse, on a coded ground, what is asked for; answer the rest with a file instead",
		example: `  rogatory-node request refuse RS-2026-000123 --item bank --ground judicial-authorisation-refused --why "The court has declined."`,
		flags: func(f *pflag.FlagSet, c *cobra.Command) compose {
			items := f.StringSlice("item", nil, "items that are refused (default: all that is asked for)")
			ground := f.String("ground", "", "why, coded: "+strings.Join(termCodes(rogatoryv1.Ground(0).Descriptor()), ", "))
			why := f.String("why", "", "why, in words, and what would lead to an answer")
			access := f.String("access", "direct", "how the information is reached: direct or indirect")
			complete[rogatoryv1.Want](c, "item")
			complete[rogatoryv1.Ground](c, "ground")
			_ = c.MarkFlagRequired("ground")
			_ = c.MarkFlagRequired("why")
			return opened(func(shown func() (*nodev1.ShowResponse, error)) (*rogatoryv1.Content, error) {
				return refusal(*items, *ground, *why, *access, shown)
			})
		},
	},
	{
		use: "no-information CASE", short: "Answer that nothing is held",
		flags: func(f *pflag.FlagSet, c *cobra.Command) compose {
			access := f.String("access", "direct", "how it was looked for: direct or indirect")
			remarks := f.String("remarks", "", "remarks")
			return opened(func(shown func() (*nodev1.ShowResponse, error)) (*rogatoryv1.Content, error) {
				a, err := parseTerm[rogatoryv1.Access]("--access", *access)
				if err != nil {
					return nil, err
				}
				fiu, _, err := asked(shown)
				if err != nil {
					return nil, err
				}
				return replyContent(fiu, &rogatoryv1.Reply{Final: true, Outcome: rogatoryv1.Outcome_OUTCOME_NO_INFORMATION, Access: a, Remarks: *remarks}), nil
			})
		},
	},
	{
		use: "withdraw CASE", short: "Take your request back",
		example: `  rogatory-node request withdraw RS-2026-000123 --reason solved --why "The books were found."`,
		flags: func(f *pflag.FlagSet, c *cobra.Command) compose {
			reason := f.String("reason", "no-longer-needed", "why, coded: "+strings.Join(termCodes(rogatoryv1.WithdrawalReason(0).Descriptor()), ", "))
			why := f.String("why", "", "why, in words")
			erase := f.Bool("erase", false, "what was sent with the request must be erased")
			complete[rogatoryv1.WithdrawalReason](c, "reason")
			_ = c.MarkFlagRequired("why")
			return always(func() (*rogatoryv1.Content, error) {
				r, err := parseTerm[rogatoryv1.WithdrawalReason]("--reason", *reason)
				return &rogatoryv1.Content{Body: &rogatoryv1.Content_Withdrawal{Withdrawal: &rogatoryv1.Withdrawal{Reason: r, Explanation: *why, Erase: *erase}}}, err
			})
		},
	},
	{
		use: "remind CASE", short: "Ask where the answer stays",
		flags: func(f *pflag.FlagSet, c *cobra.Command) compose {
			text := f.String("text", "", "what has changed since")
			return always(func() (*rogatoryv1.Content, error) {
				return &rogatoryv1.Content{Body: &rogatoryv1.Content_Reminder{Reminder: &rogatoryv1.Reminder{Text: *text}}}, nil
			})
		},
	},
	{
		use: "delay CASE", short: "Announce that the limit will be exceeded",
		example: `  rogatory-node request delay RS-2026-000123 --reason judicial-authorisation --until 2026-12-04 --why "The court sits on Thursday."`,
		flags: func(f *pflag.FlagSet, c *cobra.Command) compose {
			reason := f.String("reason", "", "why, coded: "+strings.Join(termCodes(rogatoryv1.Delay(0).Descriptor()), ", "))
			until := f.String("until", "", "until when: a date, a moment with offset, or a duration such as 72h or 3d")
			why := f.String("why", "", "why, in words")
			complete[rogatoryv1.Delay](c, "reason")
			for _, name := range []string{"reason", "until", "why"} {
				_ = c.MarkFlagRequired(name)
			}
			return always(func() (*rogatoryv1.Content, error) {
				r, err := parseTerm[rogatoryv1.Delay]("--reason", *reason)
				if err != nil {
					return nil, err
				}
				u, err := parseUntil(*until, time.Now())
				return &rogatoryv1.Content{Body: &rogatoryv1.Content_DelayNotice{DelayNotice: &rogatoryv1.DelayNotice{
					Delay: &rogatoryv1.Postponement{Reason: r, Until: u, Explanation: *why},
				}}}, err
			})
		},
	},
	{
		use: "reopen CASE", short: "Say what a final answer lacks; a new clock starts",
		flags: func(f *pflag.FlagSet, c *cobra.Command) compose {
			missing := f.String("missing", "", "what is missing")
			wants := f.StringSlice("want", nil, "what is still wanted, coded")
			urgency := f.String("urgency", "normal", "urgency from now on")
			reason := f.String("urgency-reason", "", "why it cannot wait")
			complete[rogatoryv1.Want](c, "want")
			complete[rogatoryv1.Urgency](c, "urgency")
			_ = c.MarkFlagRequired("missing")
			return always(func() (*rogatoryv1.Content, error) {
				w, err := parseTerms[rogatoryv1.Want]("--want", *wants)
				if err != nil {
					return nil, err
				}
				u, err := parseTerm[rogatoryv1.Urgency]("--urgency", *urgency)
				return &rogatoryv1.Content{Body: &rogatoryv1.Content_Reopening{Reopening: &rogatoryv1.Reopening{
					Urgency: u, UrgencyReason: *reason, Missing: *missing, Wants: w,
				}}}, err
			})
		},
	},
	{
		use: "object CASE", short: "Dispute a refusal",
		flags: func(f *pflag.FlagSet, c *cobra.Command) compose {
			items := f.StringSlice("item", nil, "refused items that are disputed")
			why := f.String("why", "", "why the grounds do not hold")
			complete[rogatoryv1.Want](c, "item")
			_ = c.MarkFlagRequired("item")
			_ = c.MarkFlagRequired("why")
			return opened(func(shown func() (*nodev1.ShowResponse, error)) (*rogatoryv1.Content, error) {
				w, err := parseTerms[rogatoryv1.Want]("--item", *items)
				if err != nil {
					return nil, err
				}
				return &rogatoryv1.Content{Body: &rogatoryv1.Content_Objection{Objection: &rogatoryv1.Objection{Items: w, Reasons: *why}}}, nil
			})
		},
	},
	{
		use: "feedback CASE", short: "Say what became of what was received",
		example: `  rogatory-node request feedback RS-2026-000123 --useful --text "Two arrests." --arrests 2 --seized-eur 40000`,
		flags: func(f *pflag.FlagSet, c *cobra.Command) compose {
			useful := f.Bool("useful", false, "it was useful")
			notUseful := f.Bool("not-useful", false, "it was not")
			wrong := f.Bool("wrong-hit", false, "it was about somebody or something else")
			text := f.String("text", "", "what became of it")
			arrests := f.Uint32("arrests", 0, "persons arrested")
			seized := f.Uint32("seized-eur", 0, "sums seized, whole euro")
			c.MarkFlagsMutuallyExclusive("useful", "not-useful", "wrong-hit")
			c.MarkFlagsOneRequired("useful", "not-useful", "wrong-hit")
			return always(func() (*rogatoryv1.Content, error) {
				return &rogatoryv1.Content{Body: &rogatoryv1.Content_Feedback{Feedback: &rogatoryv1.Feedback{
					Usefulness: usefulness(*useful, *notUseful, *wrong), Text: *text, Arrests: *arrests, SeizedEur: *seized,
				}}}, nil
			})
		},
	},
	{
		use: "close CASE", short: "Say that the case is done",
		flags: func(f *pflag.FlagSet, c *cobra.Command) compose {
			remarks := f.String("remarks", "", "remarks")
			return always(func() (*rogatoryv1.Content, error) {
				return &rogatoryv1.Content{Body: &rogatoryv1.Content_Close{Close: &rogatoryv1.Close{Remarks: *remarks}}}, nil
			})
		},
	},
}

// acknowledgeSpontaneous answers spontaneous information. For a request the access class is missing then.
func acknowledgeSpontaneous(useful, notUseful bool, ref, remarks string, shown func() (*nodev1.ShowResponse, error)) (*rogatoryv1.Content, error) {
	resp, err := shown()
	if err != nil {
		return nil, err
	}
	for _, m := range resp.GetMessages() {
		if m.GetDocket().GetKind() == rogatoryv1.Kind_KIND_SPONTANEOUS {
			return &rogatoryv1.Content{Body: &rogatoryv1.Content_SpontaneousAcknowledge{SpontaneousAcknowledge: &rogatoryv1.SpontaneousAcknowledge{
				Usefulness: usefulness(useful, notUseful, false), OwnReference: ref, Remarks: remarks,
			}}}, nil
		}
	}
	return nil, usage(errors.New("how is the information reached?"), "add --access direct or --access indirect: it selects the clock")
}

// questions is how many questions the peer's newest clarification asks; 0 when that cannot be read.
func questions(resp *nodev1.ShowResponse) int {
	for _, m := range slices.Backward(resp.GetMessages()) {
		if !m.GetOurs() && m.GetDocket().GetKind() == rogatoryv1.Kind_KIND_CLARIFICATION {
			return len(m.GetContent().GetClarification().GetQuestions())
		}
	}
	return 0
}

func usefulness(useful, notUseful, wrong bool) rogatoryv1.Usefulness {
	switch {
	case useful:
		return rogatoryv1.Usefulness_USEFULNESS_USEFUL
	case notUseful:
		return rogatoryv1.Usefulness_USEFULNESS_NOT_USEFUL
	case wrong:
		return rogatoryv1.Usefulness_USEFULNESS_WRONG_HIT
	}
	return rogatoryv1.Usefulness_USEFULNESS_UNSPECIFIED
}

// asked says what the case's newest request asks for, and whether it is one between FIUs.
func asked(shown func() (*nodev1.ShowResponse, error)) (fiu bool, wants []rogatoryv1.Want, err error) {
	resp, err := shown()
	if err != nil {
		return false, nil, err
	}
	for _, m := range resp.GetMessages() {
		switch m.GetDocket().GetKind() {
		case rogatoryv1.Kind_KIND_REQUEST, rogatoryv1.Kind_KIND_FIU_REQUEST:
			fiu = m.GetDocket().GetKind() == rogatoryv1.Kind_KIND_FIU_REQUEST
			wants = m.GetDocket().GetWants()
		case rogatoryv1.Kind_KIND_REOPENING:
			if w := m.GetDocket().GetWants(); len(w) > 0 {
				wants = w
			}
		}
	}
	if wants == nil {
		return fiu, nil, no(errors.New("the case holds no request that asks for something"), "rogatory-node request show CASE tells what it holds")
	}
	return fiu, wants, nil
}

func refusal(items []string, ground, why, access string, shown func() (*nodev1.ShowResponse, error)) (*rogatoryv1.Content, error) {
	g, err := parseTerm[rogatoryv1.Ground]("--ground", ground)
	if err != nil {
		return nil, err
	}
	a, err := parseTerm[rogatoryv1.Access]("--access", access)
	if err != nil {
		return nil, err
	}
	refused, err := parseTerms[rogatoryv1.Want]("--item", items)
	if err != nil {
		return nil, err
	}
	fiu, wants, err := asked(shown)
	if err != nil {
		return nil, err
	}
	if len(refused) == 0 {
		refused = wants
	}
	r := &rogatoryv1.Reply{Final: true, Outcome: rogatoryv1.Outcome_OUTCOME_REFUSED, Access: a}
	for _, w := range wants {
		if !slices.Contains(refused, w) {
			return nil, usage(fmt.Errorf("%s is asked for too", termCode(w)), "refusing is partial: answer the rest in the same file (request answer CASE FILE), or refuse every item")
		}
	}
	for _, w := range refused {
		r.Refusals = append(r.Refusals, &rogatoryv1.RefusedItem{Item: w, Ground: g, Explanation: why})
	}
	return replyContent(fiu, r), nil
}

// replyContent is a reply between FIUs or not.
func replyContent(fiu bool, r *rogatoryv1.Reply) *rogatoryv1.Content {
	if !fiu {
		return &rogatoryv1.Content{Body: &rogatoryv1.Content_Reply{Reply: r}}
	}
	return &rogatoryv1.Content{Body: &rogatoryv1.Content_FiuReply{FiuReply: &rogatoryv1.FiuReply{
		Final: r.GetFinal(), Outcome: r.GetOutcome(), Access: r.GetAccess(), Refusals: r.GetRefusals(), Remarks: r.GetRemarks(),
	}}}
}

// parseUntil reads a moment: with offset as it is, a date as its end here, a duration from now.
func parseUntil(text string, now time.Time) (string, error) {
	if d, err := parseDuration(text); err == nil && d > 0 {
		return now.Add(d).Truncate(time.Minute).Format(time.RFC3339), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return t.AddDate(0, 0, 1).Add(-time.Minute).Format(time.RFC3339), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.Format(time.RFC3339), nil
	}
	return "", usage(fmt.Errorf("--until: %q is no time", text), "2026-12-04, 2026-12-04T12:00:00+01:00, 72h or 3d")
}

var consentAsk = shortForm{
	use: "ask CASE", short: "Ask for a use that the handling does not allow",
	example: "  rogatory-node request consent ask RS-2026-000123 --item 0 --recipient MK/prosecutor --purpose prosecution --why \"Indictment.\"",
	flags: func(f *pflag.FlagSet, c *cobra.Command) compose {
		msg := f.String("msg", "", "the message that carried the items: the beginning of its name (default: the newest with items)")
		items := f.UintSlice("item", []uint{0}, "numbers of the items in it, from 0")
		recipient := f.String("recipient", "", "for whom: CC/unit; empty for your own courts")
		purpose := f.String("purpose", "", "for what: "+strings.Join(termCodes(rogatoryv1.Purpose(0).Descriptor()), ", "))
		why := f.String("why", "", "why the use is needed")
		complete[rogatoryv1.Purpose](c, "purpose")
		_ = c.MarkFlagRequired("purpose")
		_ = c.MarkFlagRequired("why")
		return opened(func(shown func() (*nodev1.ShowResponse, error)) (*rogatoryv1.Content, error) {
			p, err := parseTerm[rogatoryv1.Purpose]("--purpose", *purpose)
			if err != nil {
				return nil, err
			}
			m, err := messageWithItems(*msg, shown)
			if err != nil {
				return nil, err
			}
			body := &rogatoryv1.ConsentRequest{Reason: *why}
			for _, i := range *items {
				if i > math.MaxUint32 {
					return nil, usage(fmt.Errorf("there is no item %d", i), "items are numbered from 0, as request show prints them")
				}
				body.Items = append(body.Items, &rogatoryv1.ConsentItem{
					Ref: &rogatoryv1.ItemRef{Msg: m.GetMsg(), Item: uint32(i)}, Recipient: *recipient, Purpose: p,
				})
			}
			return &rogatoryv1.Content{Body: &rogatoryv1.Content_ConsentRequest{ConsentRequest: body}}, nil
		})
	},
}

// messageWithItems returns the message that a person names, or the newest of the peer's that carries items.
func messageWithItems(name string, shown func() (*nodev1.ShowResponse, error)) (*nodev1.CaseMessage, error) {
	resp, err := shown()
	if err != nil {
		return nil, err
	}
	if name != "" {
		found, err := pick(resp, []string{name})
		if err != nil {
			return nil, err
		}
		return found[0], nil
	}
	for _, m := range slices.Backward(resp.GetMessages()) {
		if !m.GetOurs() && m.GetDocket().GetCounts().GetItems() > 0 {
			return m, nil
		}
	}
	return nil, no(errors.New("the case holds no information of the peer's"), "rogatory-node request show CASE tells what it holds")
}

// consentDecide decides everything that one consent request asks for.
func consentDecide(name, short string, choice rogatoryv1.Choice) shortForm {
	return shortForm{
		use: name + " CASE", short: short,
		flags: func(f *pflag.FlagSet, c *cobra.Command) compose {
			why := f.String("why", "", "reasons")
			msg := f.String("msg", "", "the request for consent: the beginning of its name (default: the one that waits)")
			until, conditions := new(string), new([]string)
			if choice == rogatoryv1.Choice_CHOICE_FREE {
				until = f.String("until", "", "until when: a date, a moment with offset, or a duration (default: without end)")
				conditions = f.StringArray("condition", nil, "a condition, in one sentence")
			}
			return func(shown func() (*nodev1.ShowResponse, error)) (*rogatoryv1.Content, []byte, error) {
				resp, err := shown()
				if err != nil {
					return nil, nil, err
				}
				end := ""
				if *until != "" {
					if end, err = parseUntil(*until, time.Now()); err != nil {
						return nil, nil, err
					}
				}
				if c.Flags().Changed("msg") && *msg == "" {
					return nil, nil, usage(errors.New("--msg names nothing"), "the beginning of the name of a request for consent, as request show prints it")
				}
				asked, err := consentAsked(resp, *msg)
				if err != nil {
					return nil, nil, err
				}
				body := &rogatoryv1.ConsentDecision{Reasons: *why}
				for _, item := range asked.GetContent().GetConsentRequest().GetItems() {
					body.Answers = append(body.Answers, &rogatoryv1.ConsentAnswer{Item: item, Decision: choice, Until: end, Conditions: *conditions})
				}
				return &rogatoryv1.Content{Body: &rogatoryv1.Content_ConsentDecision{ConsentDecision: body}}, asked.GetMsg(), nil
			}
		},
	}
}

// consentAsked returns the consent request that is to be decided: the one that is named, or the only one that waits. Nobody grants what came in
// after the case was read.
func consentAsked(resp *nodev1.ShowResponse, name string) (*nodev1.CaseMessage, error) {
	const hint = "rogatory-node request show CASE tells what it holds"
	if name != "" {
		found, err := pick(resp, []string{name})
		if err != nil {
			return nil, err
		}
		if m := found[0]; m.GetContent().GetConsentRequest() != nil && !m.GetOurs() && name != all {
			return m, nil
		}
		return nil, no(fmt.Errorf("%s is no request for consent to you", name), hint)
	}
	decided := map[string]bool{} // by the name of the request
	for _, m := range resp.GetMessages() {
		if m.GetOurs() && len(m.GetMsg()) > 0 && m.GetDocket().GetKind() == rogatoryv1.Kind_KIND_CONSENT_DECISION {
			decided[string(m.GetDocket().GetOf())] = true
		}
	}
	var waiting []*nodev1.CaseMessage
	known := false
	for _, m := range resp.GetMessages() {
		if m.GetOurs() || m.GetContent().GetConsentRequest() == nil {
			continue
		}
		known = true
		if !decided[string(m.GetMsg())] {
			waiting = append(waiting, m)
		}
	}
	switch {
	case len(waiting) == 1:
		return waiting[0], nil
	case len(waiting) > 1:
		var names []string
		for _, m := range waiting {
			names = append(names, short(m.GetMsg()))
		}
		return nil, usage(fmt.Errorf("%d requests for consent wait", len(waiting)), "say which with --msg: "+strings.Join(names, ", "))
	case known:
		return nil, no(errors.New("every request for consent is decided"), hint)
	}
	return nil, no(errors.New("the case holds no request for consent"), hint)
}

var consentWithdraw = shortForm{
	use: "withdraw CASE", short: "Take back what was granted last",
	flags: func(f *pflag.FlagSet, c *cobra.Command) compose {
		why := f.String("why", "", "why")
		_ = c.MarkFlagRequired("why")
		return func(shown func() (*nodev1.ShowResponse, error)) (*rogatoryv1.Content, []byte, error) {
			resp, err := shown()
			if err != nil {
				return nil, nil, err
			}
			withdrawn := map[string]bool{} // by the name of the decision
			for _, m := range slices.Backward(resp.GetMessages()) {
				if !m.GetOurs() || len(m.GetMsg()) == 0 {
					continue
				}
				if m.GetDocket().GetKind() == rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL {
					withdrawn[string(m.GetDocket().GetOf())] = true
				}
				body := &rogatoryv1.ConsentWithdrawal{Reason: *why}
				for _, a := range m.GetContent().GetConsentDecision().GetAnswers() {
					if a.GetDecision() == rogatoryv1.Choice_CHOICE_FREE {
						body.Items = append(body.Items, a.GetItem())
					}
				}
				if len(body.Items) > 0 && !withdrawn[string(m.GetMsg())] {
					return &rogatoryv1.Content{Body: &rogatoryv1.Content_ConsentWithdrawal{ConsentWithdrawal: body}}, m.GetMsg(), nil
				}
			}
			return nil, nil, no(errors.New("the case holds no consent of yours"), "rogatory-node request show CASE tells what it holds")
		}
	},
}
