package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	"github.com/rogatory/rogatory/node/codes"
	"github.com/rogatory/rogatory/node/desk/reading"
	"github.com/rogatory/rogatory/node/federation"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// all stands for every message of a case.
const all = "all"

func (p *program) eraseCommand() *cobra.Command {
	var items []string
	var ground string
	var approve, yes bool
	c := &cobra.Command{
		Use: "erase CASE", Short: "Erase a reviewed case, or single messages of any: one officer proposes it, another approves", Args: exactly(1),
		Long: `erase destroys contents: keys, salts, ciphertexts and attachments. Dockets and receipts stay until their term ends, and a tombstone says who
erased what on which ground. A whole case is erased when it is under review; a message, --item, at any time. One officer proposes it and
another approves it with --approve; nothing passes a legal hold. The keys are gone from the node at once, and from its backups within 14 days.

What was sent is erased by its recipients as well when they are told: rogatory-node erase notify.`,
		Example: `  rogatory-node erase RS-2026-000123 --ground review --as first.key
  rogatory-node erase RS-2026-000123 --ground review --approve --as second.key
  rogatory-node erase RS-2026-000123 --item 3fa9c01d --ground inaccurate --as first.key`,
		RunE: func(c *cobra.Command, args []string) error {
			if !client.IsCode(ground) {
				return fmt.Errorf("--ground %q: %w", ground, client.ErrCode)
			}
			cl, err := p.dialAs()
			if err != nil {
				return err
			}
			defer cl.Close()
			shown, err := p.show(c.Context(), cl, args[0], "erasure")
			if err != nil {
				return err
			}
			if err := p.mayErase(c.Context(), cl, shown.GetCase()); err != nil {
				return err
			}
			me := cl.Officer().Pseudonym
			if len(items) == 0 {
				if err := proposed(approve, shown.GetCase().GetEraseProposedBy(), me, args[0]); err != nil {
					return err
				}
				if err := p.sure(approve, yes, shown, shown.GetMessages()); err != nil {
					return err
				}
				return p.commitErase(c.Context(), cl, args[0], nil, ground)
			}
			messages, err := pick(shown, items)
			if err != nil {
				return err
			}
			for _, m := range messages {
				if sought(shown, m) {
					return no(fmt.Errorf("message %s: its provider asks to erase it", short(m.GetMsg())), "rogatory-node erase agree "+args[0]+" does so and tells it; erase dispute says why not")
				}
				if err := proposed(approve, m.GetEraseProposedBy(), me, args[0]); err != nil {
					return err
				}
			}
			if err := p.sure(approve, yes, shown, messages); err != nil {
				return err
			}
			for _, m := range messages {
				if err := p.commitErase(c.Context(), cl, args[0], m.GetMsg(), ground); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringSliceVar(&items, "item", nil, "only this message: the beginning of its name, as request show prints it; give it again for another; \"all\" for each")
	f.StringVar(&ground, "ground", "", "why, coded: 1 to 64 of a-z, 0-9, . and -")
	f.BoolVar(&approve, "approve", false, "approve what another officer proposed: it is destroyed")
	f.BoolVar(&yes, "yes", false, "do not ask")
	_ = c.MarkFlagRequired("ground")
	c.AddCommand(p.eraseNotify(), p.eraseAgree(), p.eraseDispute())
	return c
}

// mayErase says before anybody is asked what the node would say after: an officer without the right, or a legal hold.
func (p *program) mayErase(ctx context.Context, cl *client.Client, row *nodev1.CaseRow) error {
	if slices.Contains(row.GetFlags(), reading.FlagHold) {
		return no(errors.New(codes.Text(p.lang(), "transition.legal-hold", nil)), codes.Hint(p.lang(), "transition.legal-hold", nil))
	}
	return p.allowed(ctx, cl, federation.ActWant{Verb: rogatoryv1.Verb_VERB_ERASE, Unit: row.GetUnit()})
}

// allowed looks at the register: whether who signs may do what is wanted.
func (p *program) allowed(ctx context.Context, cl *client.Client, want federation.ActWant) error {
	ctx, cancel := p.within(ctx)
	defer cancel()
	o, err := cl.Self(ctx)
	if err != nil {
		return err
	}
	return federation.Allowed(o, want)
}

// proposed holds what was asked against what the case says, so that nobody approves who meant to propose.
func proposed(approve bool, by, me, token string) error {
	switch {
	case approve && by == me:
		return no(fmt.Errorf("%s has proposed to erase it: %w", me, federation.ErrFourEyes), "another officer approves it")
	case approve && by == "":
		return no(errors.New("nobody has proposed to erase it"), "without --approve you propose it")
	case !approve && by != "":
		return no(fmt.Errorf("%s has proposed to erase it already", by), "look at it with request show "+token+", then add --approve; request keep gives it up")
	}
	return nil
}

// sought reports whether a notice of a message's provider asks to erase it and nobody has answered.
func sought(shown *nodev1.ShowResponse, m *nodev1.CaseMessage) bool {
	return slices.ContainsFunc(shown.GetMessages(), func(n *nodev1.CaseMessage) bool {
		open := n.GetCorrection() == "noticed" || n.GetCorrection() == "disputed"
		return open && !n.GetOurs() && bytes.Equal(n.GetDocket().GetOf(), m.GetMsg()) &&
			n.GetDocket().GetCorrection() == rogatoryv1.CorrectionKind_CORRECTION_KIND_ERASE
	})
}

// sure shows what is going to be destroyed and asks.
func (p *program) sure(approve, yes bool, shown *nodev1.ShowResponse, messages []*nodev1.CaseMessage) error {
	if !approve {
		return nil
	}
	for _, m := range messages {
		p.err.Printf("%s\n", p.messageTitle(shown.GetCase(), m))
	}
	return p.confirmed(yes, "Destroy what they say? It cannot be undone.")
}

func (p *program) commitErase(ctx context.Context, cl *client.Client, token string, msg []byte, ground string) error {
	ctx, cancel := p.within(ctx)
	defer cancel()
	resp, err := cl.Do(ctx, client.Want{Verb: rogatoryv1.Verb_VERB_ERASE, CaseToken: token, Subject: msg, Reason: ground})
	if err != nil {
		return err
	}
	if err := p.printCommitted(resp, false); err != nil {
		return err
	}
	for _, copied := range resp.GetCopies() {
		if copied.GetStatus() != "erased" {
			p.err.Printf("%s the same went to %s: rogatory-node erase %s --item %s\n", p.err.Paint(terminal.Bold, "next:"), copied.GetTo(), copied.GetCaseToken(), short(copied.GetMsg()))
		}
	}
	return nil
}

// short is the beginning of a message's name, enough to tell it from the others of a case.
func short(msg []byte) string { return hex.EncodeToString(msg)[:16] }

// pick finds the messages of a case whose names begin as people wrote them.
func pick(shown *nodev1.ShowResponse, items []string) (found []*nodev1.CaseMessage, err error) {
	for _, item := range items {
		var fits []*nodev1.CaseMessage
		for _, m := range shown.GetMessages() {
			name := hex.EncodeToString(m.GetMsg())
			switch {
			case name == "" || m.GetTombstone() != nil && item == all:
			case item == all, len(item) >= 4 && strings.HasPrefix(name, strings.ToLower(item)):
				fits = append(fits, m)
			}
		}
		switch {
		case len(fits) == 0 && item == all:
			return nil, no(errors.New("the case holds nothing more to erase"), "")
		case len(fits) == 0:
			return nil, no(fmt.Errorf("no message of the case begins with %q", item), "rogatory-node request show prints their names; give at least four digits")
		case len(fits) > 1 && item != all:
			return nil, no(fmt.Errorf("%d messages of the case begin with %q", len(fits), item), "give more digits")
		}
		for _, m := range fits {
			if !slices.Contains(found, m) {
				found = append(found, m)
			}
		}
	}
	return found, nil
}

// eraseNotify tells recipients to erase what was sent.
func (p *program) eraseNotify() *cobra.Command {
	var item, why string
	var draft bool
	c := &cobra.Command{
		Use: "notify CASE", Short: "Ask the recipient to erase a message that you sent; it does so and says so, or disputes it", Args: exactly(1),
		Example: `  rogatory-node erase notify RS-2026-000123 --item 3fa9c01d --why "The person was mistaken for another."`,
		RunE: func(c *cobra.Command, args []string) error {
			return p.inCase(c, args[0], draft, func(shown *nodev1.ShowResponse) (*rogatoryv1.Content, []byte, error) {
				found, err := pick(shown, []string{item})
				if err != nil {
					return nil, nil, err
				}
				if item == all || !found[0].GetOurs() {
					return nil, nil, no(errors.New("that is no message of ours"), "only who sent something asks to erase it; its own copy everybody erases")
				}
				return &rogatoryv1.Content{Body: &rogatoryv1.Content_Correction{Correction: &rogatoryv1.CorrectionNotice{
					Kind: rogatoryv1.CorrectionKind_CORRECTION_KIND_ERASE, Items: []*rogatoryv1.ItemRef{{Msg: found[0].GetMsg()}}, Reason: why,
				}}}, found[0].GetMsg(), nil
			})
		},
	}
	c.Flags().StringVar(&item, "item", "", "the message: the beginning of its name")
	c.Flags().StringVar(&why, "why", "", "why, in words")
	c.Flags().BoolVar(&draft, "draft", false, "put it before an approver in any case")
	_ = c.MarkFlagRequired("item")
	_ = c.MarkFlagRequired("why")
	return c
}

// eraseAgree erases what a provider's notice asks for and says so.
func (p *program) eraseAgree() *cobra.Command {
	var notice, why string
	var told []string
	var yes bool
	c := &cobra.Command{
		Use: "agree CASE", Short: "Erase what its provider asks to erase, and tell it so", Args: exactly(1),
		Long: `agree destroys what the notice names and sends the receipt. One officer agrees, for two of the provider have asked. Whoever had the information from
here is told first and named with --told.`,
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := p.dialAs()
			if err != nil {
				return err
			}
			defer cl.Close()
			shown, err := p.show(c.Context(), cl, args[0], "erasure")
			if err != nil {
				return err
			}
			n, target, err := noticeOf(shown, notice)
			if err != nil {
				return err
			}
			if target.GetTombstone() == nil {
				if err := p.mayErase(c.Context(), cl, shown.GetCase()); err != nil {
					return err
				}
				if err := p.sure(true, yes, shown, []*nodev1.CaseMessage{target}); err != nil {
					return err
				}
				if err := p.commitErase(c.Context(), cl, args[0], target.GetMsg(), "provider-notice"); err != nil {
					return err
				}
			}
			return p.receipt(c, cl, args[0], n, &rogatoryv1.CorrectionReceipt{
				Kind: rogatoryv1.CorrectionKind_CORRECTION_KIND_DONE, Done: time.Now().UTC().Format(time.DateOnly), Explanation: why, Told: told,
			})
		},
	}
	c.Flags().StringVar(&notice, "notice", "", "the notice: the beginning of its name (default: the newest)")
	c.Flags().StringVar(&why, "explanation", "", "what was done, in words")
	c.Flags().StringSliceVar(&told, "told", nil, "authorities that had it from here and were told: RS/border")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func (p *program) eraseDispute() *cobra.Command {
	var notice, why string
	c := &cobra.Command{
		Use: "dispute CASE", Short: "Tell a provider why what it asks to erase is not erased", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := p.dialAs()
			if err != nil {
				return err
			}
			defer cl.Close()
			shown, err := p.show(c.Context(), cl, args[0], "erasure")
			if err != nil {
				return err
			}
			n, _, err := noticeOf(shown, notice)
			if err != nil {
				return err
			}
			return p.receipt(c, cl, args[0], n, &rogatoryv1.CorrectionReceipt{Kind: rogatoryv1.CorrectionKind_CORRECTION_KIND_DISPUTED, Explanation: why})
		},
	}
	c.Flags().StringVar(&notice, "notice", "", "the notice: the beginning of its name (default: the newest)")
	c.Flags().StringVar(&why, "why", "", "why, in words")
	_ = c.MarkFlagRequired("why")
	return c
}

// noticeOf finds the notice by which the other side asks to erase something, and what it is.
func noticeOf(shown *nodev1.ShowResponse, name string) (notice, target *nodev1.CaseMessage, err error) {
	for _, m := range slices.Backward(shown.GetMessages()) {
		asks := m.GetDocket().GetCorrection() == rogatoryv1.CorrectionKind_CORRECTION_KIND_ERASE && !m.GetOurs() && m.GetCorrection() != ""
		if asks && strings.HasPrefix(hex.EncodeToString(m.GetMsg()), strings.ToLower(name)) {
			notice = m
			break
		}
	}
	if notice == nil {
		return nil, nil, no(errors.New("the case holds no such notice"), "rogatory-node request show CASE tells what it holds")
	}
	for _, m := range shown.GetMessages() {
		if bytes.Equal(m.GetMsg(), notice.GetDocket().GetOf()) {
			return notice, m, nil
		}
	}
	return nil, nil, no(errors.New("the case does not hold what the notice is about"), "")
}

func (p *program) receipt(c *cobra.Command, cl *client.Client, token string, notice *nodev1.CaseMessage, r *rogatoryv1.CorrectionReceipt) error {
	r.Items = notice.GetContent().GetCorrection().GetItems()
	if len(r.Items) == 0 {
		r.Items = []*rogatoryv1.ItemRef{{Msg: notice.GetDocket().GetOf()}}
	}
	f := fileOf(token, p.written(), &rogatoryv1.Content{Body: &rogatoryv1.Content_CorrectionReceipt{CorrectionReceipt: r}})
	f.Of = notice.GetMsg()
	ctx, cancel := p.within(c.Context())
	defer cancel()
	return p.sendFile(ctx, cl, f, false)
}

// inCase sends a message that follows one of a case.
func (p *program) inCase(c *cobra.Command, token string, draft bool, build func(*nodev1.ShowResponse) (*rogatoryv1.Content, []byte, error)) error {
	cl, err := p.dialAs()
	if err != nil {
		return err
	}
	defer cl.Close()
	shown, err := p.show(c.Context(), cl, token, "erasure")
	if err != nil {
		return err
	}
	content, of, err := build(shown)
	if err != nil {
		return err
	}
	f := fileOf(token, p.written(), content)
	f.Of = of
	ctx, cancel := p.within(c.Context())
	defer cancel()
	return p.sendFile(ctx, cl, f, draft)
}

// written is the language of texts that people write here.
func (p *program) written() string {
	if p.language != "" {
		return p.language
	}
	return codes.English
}
