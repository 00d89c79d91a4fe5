package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/codes"
	"github.com/rogatory/rogatory/node/exchange"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func (p *program) requestCommand() *cobra.Command {
	c := group("request", "Ask, answer, and everything between",
		p.requestLint(), p.requestSend(), p.requestList(), p.requestShow(), p.requestWatch(),
		p.requestApprove("approve", "Approve a draft that another officer wrote: it is sent", rogatoryv1.Verb_VERB_APPROVE),
		p.requestApprove("release", "Release an answer that another officer wrote: it is sent", rogatoryv1.Verb_VERB_APPROVE),
		p.requestApprove("ratify", "Ratify what one officer sent alone on danger to life", rogatoryv1.Verb_VERB_RATIFY),
		p.requestDecline(), p.requestRegister(), p.requestAssign(), p.requestTransfer(), p.requestAnswer(), p.requestAttach(), p.requestFetch())
	c.Aliases = []string{"case", "requests"}
	c.AddCommand(p.shortForms()...)
	return c
}

func (p *program) requestLint() *cobra.Command {
	var ask bool
	c := &cobra.Command{
		Use: "lint FILE…", Short: "Say everything that would make a message refused", Args: atLeast(1),
		Long: `lint reads request files and says everything at once that would make them refused. It needs no node; with --node it asks yours, which also knows the
recipient's languages and what you quote. Exit status 0: it can be sent, 1: it cannot.`,
		RunE: func(c *cobra.Command, args []string) error {
			sendable := true
			for _, path := range args {
				f, err := p.readFile(path)
				if err != nil {
					return err
				}
				var findings []*nodev1.Finding
				if ask {
					findings, err = p.lintAt(c, f.RequestFile)
				} else {
					findings = p.lintHere(f.RequestFile)
				}
				if err != nil {
					return err
				}
				if len(args) > 1 && !p.json {
					p.out.printf("%s\n", p.out.paint(bold, path))
				}
				if err := p.printFindings(p.out, findings); err != nil {
					return err
				}
				if len(findings) == 0 && !p.json {
					p.out.printf("nothing to say: it can be sent\n")
				}
				sendable = sendable && !stopped(findings)
			}
			if !sendable {
				return &failure{answerIsNo, errSilent, ""}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&ask, "node", false, "ask the node")
	return c
}

func (p *program) lintAt(c *cobra.Command, f *rogatoryv1.RequestFile) ([]*nodev1.Finding, error) {
	cl, err := p.dial()
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ctx, cancel := p.within(c.Context())
	defer cancel()
	resp, err := cl.Desk.Lint(ctx, &nodev1.LintRequest{File: f, Language: p.lang()})
	return resp.GetFindings(), err
}

func (p *program) lintHere(f *rogatoryv1.RequestFile) []*nodev1.Finding {
	var out []*nodev1.Finding
	for _, l := range exchange.LintFile(f, exchange.LintContext{Now: time.Now()}) {
		params := map[string]string{}
		for _, v := range l.Params {
			params[v.Name] = v.Value
		}
		out = append(out, &nodev1.Finding{
			Code: string(l.Code), Path: l.Path, Params: params, Warning: l.Severity == exchange.Warning,
			Text: codes.Text(p.lang(), "lint."+string(l.Code), params),
		})
	}
	return out
}

// lang is the language that people are spoken to in.
func (p *program) lang() string {
	if p.language != "" {
		return p.language
	}
	tag, _, _ := strings.Cut(os.Getenv("LANG"), ".")
	if tag = strings.ReplaceAll(tag, "_", "-"); tag != "" && tag != "C" && tag != "POSIX" {
		return tag
	}
	return codes.English
}

func stopped(findings []*nodev1.Finding) bool {
	for _, f := range findings {
		if !f.GetWarning() {
			return true
		}
	}
	return false
}

// printFindings says what the linter says: the field, what is wrong, and what now.
func (p *program) printFindings(o *output, findings []*nodev1.Finding) error {
	for _, f := range findings {
		if p.json {
			if err := o.message(f); err != nil {
				return err
			}
			continue
		}
		mark := o.paint(red, "error  ")
		if f.GetWarning() {
			mark = o.paint(yellow, "warning")
		}
		text := f.GetText()
		if text == "" {
			text = codes.Text(p.lang(), "lint."+f.GetCode(), f.GetParams())
		}
		o.printf("%s  %s: %s\n", mark, oneLine(f.GetPath()), oneLine(text))
		if hint := codes.Hint(p.lang(), "lint."+f.GetCode(), f.GetParams()); hint != "" {
			o.printf("         hint: %s\n", hint)
		}
	}
	return nil
}

func (p *program) requestSend() *cobra.Command {
	var draft bool
	var to []string
	c := &cobra.Command{
		Use: "send FILE…", Short: "Send what the files say, or put it before an approver", Args: atLeast(1),
		Long: `send sends request files, or puts them before an approver where the unit's rule asks for a second officer; the line that it prints tells
which. - is standard input. Attachments of a file are read beside it.`,
		Example: "  rogatory-node request send configs/examples/police-request-urgent.json --to BG/police --as officer.key",
		RunE: func(c *cobra.Command, args []string) error {
			for _, path := range args {
				f, err := p.readFile(path)
				if err != nil {
					return err
				}
				if len(to) > 0 {
					f.To = to
				}
				if err := p.send(c, f, draft); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&draft, "draft", false, "put it before an approver in any case")
	c.Flags().StringSliceVar(&to, "to", nil, "recipients instead of those in the file: BG/police, BG")
	return c
}

// requestAnswer sends a file in a case.
func (p *program) requestAnswer() *cobra.Command {
	var draft bool
	c := &cobra.Command{
		Use: "answer CASE FILE", Short: "Answer with a file: a reply, or any other message in a case", Args: exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := p.readFile(args[1])
			if err != nil {
				return err
			}
			if f.GetCaseToken() != "" && f.GetCaseToken() != args[0] {
				return usage(fmt.Errorf("%s belongs to case %s", args[1], f.GetCaseToken()), "name that case, or take caseToken out of the file")
			}
			f.CaseToken = args[0]
			return p.send(c, f, draft)
		},
	}
	c.Flags().BoolVar(&draft, "draft", false, "put it before an approver in any case")
	return c
}

// send attaches, prepares, signs and commits a file, and prints where the cases stand.
func (p *program) send(c *cobra.Command, f *requestFile, draft bool) error {
	cl, err := p.dialAs()
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := p.attachAll(c.Context(), cl, f); err != nil {
		return err
	}
	ctx, cancel := p.within(c.Context())
	defer cancel()
	return p.sendFile(ctx, cl, f.RequestFile, draft)
}

func (p *program) sendFile(ctx context.Context, cl *client.Client, f *rogatoryv1.RequestFile, draft bool) error {
	if err := p.fillSender(ctx, cl, f); err != nil {
		return err
	}
	want := client.Want{File: f}
	if draft {
		want.Verb = rogatoryv1.Verb_VERB_DRAFT
	}
	prepared, err := cl.Prepare(ctx, want)
	var findings *client.FindingsError
	if errors.As(err, &findings) {
		if err := p.printFindings(p.err, findings.Findings); err != nil {
			return err
		}
		return &failure{answerIsNo, errSilent, ""}
	}
	if err != nil {
		return err
	}
	if err := p.printFindings(p.err, prepared.Findings); err != nil {
		return err
	}
	resp, err := cl.Commit(ctx, prepared)
	if err != nil {
		return err
	}
	return p.printCommitted(resp, prepared.Draft())
}

// printCommitted prints a line for each case: token, state, peer.
func (p *program) printCommitted(resp *nodev1.CommitResponse, draft bool) error {
	for _, row := range resp.GetCases() {
		if p.json {
			if err := p.out.message(row); err != nil {
				return err
			}
			continue
		}
		p.out.printf("%s\t%s\t%s\n", row.GetCaseToken(), row.GetState(), peerOf(row))
		if draft {
			p.err.printf("%s another officer sends it: rogatory-node request approve %s --as KEYFILE\n", p.err.paint(bold, "next:"), row.GetCaseToken())
		}
	}
	return nil
}

func peerOf(row *nodev1.CaseRow) string {
	if row.GetPeerUnit() == "" {
		return row.GetPeer()
	}
	return row.GetPeer() + "/" + row.GetPeerUnit()
}

// attachAll has the node seal the files that a request file names, and lists them in its content in their order.
func (p *program) attachAll(ctx context.Context, cl *client.Client, f *requestFile) error {
	for _, a := range f.GetAttachments() {
		path := a.GetPath()
		if !filepath.IsAbs(path) {
			path = filepath.Join(f.folder, path)
		}
		sealed, err := attachFile(ctx, cl, path, a.GetMediaType(), a.GetTitle())
		if err != nil {
			return err
		}
		f.Content.Attachments = append(f.Content.Attachments, sealed)
	}
	f.Attachments = nil
	return nil
}

func attachFile(ctx context.Context, cl *client.Client, path, mediaType, title string) (*rogatoryv1.Attachment, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if mediaType == "" {
		mediaType, _, _ = strings.Cut(mime.TypeByExtension(filepath.Ext(path)), ";")
	}
	if mediaType == "" {
		mediaType = "application/octet-stream"
	}
	return cl.Attach(ctx, file, mediaType, title)
}

func (p *program) requestAttach() *cobra.Command {
	var mediaType, title string
	c := &cobra.Command{
		Use: "attach FILE", Short: "Have the node seal a file, and print what a content lists", Args: exactly(1),
		Long: "attach has the node seal a file and prints, as JSON, the entry for a content's attachments. It holds the file's key: treat it like the file. send does this by itself for the attachments that a request file names.",
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := p.dialAs()
			if err != nil {
				return err
			}
			defer cl.Close()
			a, err := attachFile(c.Context(), cl, args[0], mediaType, title)
			if err != nil {
				return err
			}
			return p.out.message(a)
		},
	}
	c.Flags().StringVar(&mediaType, "type", "", "media type (default: by the file's extension)")
	c.Flags().StringVar(&title, "title", "", "title for the reader")
	return c
}

func (p *program) requestFetch() *cobra.Command {
	var out, reason string
	var number int
	c := &cobra.Command{
		Use: "fetch CASE", Short: "Write a case's attachment to a file", Args: exactly(1),
		Long: "fetch writes an attachment of a case to a new file; the node pulls it from the peer first when needed. Attachments are numbered from 1, in the order of the case's messages. Reading is logged with its reason.",
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := p.dialAs()
			if err != nil {
				return err
			}
			defer cl.Close()
			shown, err := p.show(c.Context(), cl, args[0], reason)
			if err != nil {
				return err
			}
			var all []*rogatoryv1.Attachment
			for _, m := range shown.GetMessages() {
				all = append(all, m.GetContent().GetAttachments()...)
			}
			if number < 1 || number > len(all) {
				return no(fmt.Errorf("the case has %d attachment(s)", len(all)), "rogatory-node request show CASE lists them; --number counts from 1")
			}
			return p.fetch(c.Context(), cl, args[0], all[number-1], reason, out)
		},
	}
	f := c.Flags()
	f.IntVar(&number, "number", 1, "which attachment")
	f.StringVar(&out, "out", "", "file to write")
	f.StringVar(&reason, "reason", "case-work", "coded reason of the reading")
	_ = c.MarkFlagRequired("out")
	return c
}

// fetch writes the plaintext to a file that gets its name only when all is there.
func (p *program) fetch(ctx context.Context, cl *client.Client, token string, a *rogatoryv1.Attachment, reason, out string) (err error) {
	if exists(out) {
		return no(fmt.Errorf("%s exists already", out), "files are never overwritten: choose another path")
	}
	f, err := os.CreateTemp(filepath.Dir(out), "."+filepath.Base(out)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	n, err := cl.Fetch(ctx, token, a.GetId(), reason, f)
	if err == nil && uint64(n) != a.GetLength() {
		err = unsure(fmt.Errorf("%d bytes came, the message says %d", n, a.GetLength()), "try again")
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), out); err != nil {
		return err
	}
	if p.json {
		return p.out.value(map[string]any{"file": out, "bytes": n, "media_type": a.GetMediaType()})
	}
	p.out.printf("%s: %d bytes, %s\n", out, n, oneLine(a.GetMediaType()))
	return nil
}

func (p *program) requestList() *cobra.Command {
	var unit, peer string
	var states []string
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List the cases of your units, newest first", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := p.dialAs()
			if err != nil {
				return err
			}
			defer cl.Close()
			ctx, cancel := p.within(c.Context())
			defer cancel()
			req := &nodev1.ListRequest{Unit: unit, Peer: peer, States: states}
			var rows []*nodev1.CaseRow
			for limit == 0 || len(rows) < limit {
				req.Limit = 1000
				if limit > 0 {
					req.Limit = uint32(min(limit-len(rows), 1000))
				}
				resp, err := cl.List(ctx, req)
				if err != nil {
					return err
				}
				rows = append(rows, resp.GetCases()...)
				if req.Page = resp.GetNextPage(); req.Page == "" || len(resp.GetCases()) == 0 {
					break
				}
			}
			return p.printCases(rows, time.Now())
		},
	}
	f := c.Flags()
	f.StringVar(&unit, "unit", "", "only this unit")
	f.StringVar(&peer, "peer", "", "only with this country")
	f.StringSliceVar(&states, "state", nil, "only in these states")
	f.IntVar(&limit, "limit", 0, "at most so many (default: all)")
	var all []string
	for _, s := range exchange.States() {
		all = append(all, string(s))
	}
	_ = c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (p *program) printCases(rows []*nodev1.CaseRow, now time.Time) error {
	var table [][]cell
	for _, r := range rows {
		if p.json {
			if err := p.out.message(r); err != nil {
				return err
			}
			continue
		}
		direction := "from"
		if r.GetOurs() {
			direction = "to"
		}
		row := plain(r.GetCaseToken(), r.GetKind(), direction+" "+peerOf(r), r.GetUnit())
		row = append(row, p.stateCell(r), deadlineCell(r, now))
		table = append(table, append(row, cell{strings.Join(r.GetFlags(), " "), yellow}, cell{text: r.GetAssignee()}))
	}
	if !p.json {
		p.out.table([]string{"CASE", "KIND", "PEER", "UNIT", "STATE", "TIME LEFT", "FLAGS", "OFFICER"}, table)
	}
	return nil
}

func (p *program) stateCell(r *nodev1.CaseRow) cell {
	c := cell{text: r.GetState()}
	if p.out.tty {
		c.text = codes.Text(p.lang(), "state."+r.GetState(), nil)
	}
	if r.GetUrgent() {
		c.text += " !"
	}
	switch exchange.State(r.GetState()) {
	case exchange.PendingApproval, exchange.Undelivered, exchange.Clarifying, exchange.Disputed:
		c.colour = yellow
	case exchange.Answered, exchange.NoInformation, exchange.Closed, exchange.Useful:
		c.colour = green
	case exchange.Refused, exchange.Rejected:
		c.colour = red
	}
	return c
}

// deadlineCell says how much time is left, not when it ends: that is what one acts on.
func deadlineCell(r *nodev1.CaseRow, now time.Time) cell {
	if r.GetClockStopped() {
		return cell{"stopped", dim}
	}
	if r.GetDeadlineMs() == 0 {
		return cell{}
	}
	left := time.UnixMilli(int64(r.GetDeadlineMs())).Sub(now)
	switch {
	case left < 0:
		return cell{"over by " + span(-left), red}
	case left < 4*time.Hour:
		return cell{span(left), yellow}
	}
	return cell{text: span(left)}
}

func (p *program) requestShow() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "show CASE", Short: "Print a case with its messages; the reading is logged", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := p.dialAs()
			if err != nil {
				return err
			}
			defer cl.Close()
			resp, err := p.show(c.Context(), cl, args[0], reason)
			if err != nil {
				return err
			}
			if p.json {
				return p.out.message(resp)
			}
			p.printCase(resp)
			return nil
		},
	}
	c.Flags().StringVar(&reason, "reason", "case-work", "coded reason of the reading: 1 to 64 of a-z, 0-9, . and -")
	return c
}

func (p *program) show(ctx context.Context, cl *client.Client, token, reason string) (*nodev1.ShowResponse, error) {
	ctx, cancel := p.within(ctx)
	defer cancel()
	return cl.Show(ctx, token, reason)
}

func (p *program) requestWatch() *cobra.Command {
	return &cobra.Command{
		Use: "watch", Short: "Print each change in your units, until interrupted", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := p.dialAs()
			if err != nil {
				return err
			}
			defer cl.Close()
			err = cl.Watch(c.Context(), func(r *nodev1.CaseRow) error {
				if p.json {
					return p.out.message(r)
				}
				p.out.printf("%s\t%s\t%s\t%s\n", moment(r.GetUpdatedMs()), r.GetCaseToken(), r.GetState(), peerOf(r))
				return nil
			})
			if c.Context().Err() != nil {
				return nil
			}
			return err
		},
	}
}

// requestApprove makes the commands by which a second officer signs what a first one wrote.
func (p *program) requestApprove(use, short string, verb rogatoryv1.Verb) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: use + " CASE", Short: short, Args: exactly(1),
		Long: short + ". It is shown before you sign, from the very bytes that your signature commits to.",
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := p.dialAs()
			if err != nil {
				return err
			}
			defer cl.Close()
			ctx, cancel := p.within(c.Context())
			defer cancel()
			prepared, err := cl.Prepare(ctx, client.Want{Verb: verb, CaseToken: args[0]})
			if err != nil {
				return err
			}
			for _, m := range prepared.Messages {
				p.printMessage(p.err, m.To, m.Docket, m.Content)
			}
			if len(prepared.Messages) == 0 {
				if err := p.printSent(c.Context(), cl, args[0], prepared.Act.GetSubject()); err != nil {
					return err
				}
			}
			if err := p.confirmed(yes, "Sign it?"); err != nil {
				return err
			}
			// Reading takes a person longer than the node's answer may.
			ctx, cancel = p.within(c.Context())
			defer cancel()
			resp, err := cl.Commit(ctx, prepared)
			if err != nil {
				return err
			}
			return p.printCommitted(resp, false)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// printSent shows the message that was sent already and is to be ratified. The reading is logged.
func (p *program) printSent(ctx context.Context, cl *client.Client, token string, msg []byte) error {
	resp, err := p.show(ctx, cl, token, "ratify")
	if err != nil {
		return err
	}
	for _, m := range resp.GetMessages() {
		if bytes.Equal(m.GetMsg(), msg) {
			p.printMessage(p.err, resp.GetCase().GetPeer(), m.GetDocket(), m.GetContent())
			return nil
		}
	}
	return no(fmt.Errorf("case %s does not hold the message %x", token, msg), "rogatory-node request show CASE tells what it holds")
}

func (p *program) requestDecline() *cobra.Command {
	return p.act("decline CASE", "Decline a draft: it goes back to who wrote it", rogatoryv1.Verb_VERB_DECLINE)
}

func (p *program) requestRegister() *cobra.Command {
	return p.act("register CASE", "Take a received case up, without sending anything", rogatoryv1.Verb_VERB_REGISTER)
}

// act makes a command for an act in a case that sends nothing.
func (p *program) act(use, short string, verb rogatoryv1.Verb) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			return p.do(c, client.Want{Verb: verb, CaseToken: args[0]})
		},
	}
}

func (p *program) do(c *cobra.Command, w client.Want) error {
	cl, err := p.dialAs()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := p.within(c.Context())
	defer cancel()
	resp, err := cl.Do(ctx, w)
	if err != nil {
		return err
	}
	return p.printCommitted(resp, false)
}

func (p *program) requestAssign() *cobra.Command {
	return &cobra.Command{
		Use: "assign CASE PSEUDONYM", Short: "Make a case somebody's of the same unit", Args: exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			return p.do(c, client.Want{Verb: rogatoryv1.Verb_VERB_ASSIGN, CaseToken: args[0], Reason: args[1]})
		},
	}
}

func (p *program) requestTransfer() *cobra.Command {
	return &cobra.Command{
		Use: "transfer CASE UNIT", Short: "Hand a case to another unit: that one reads it from then on, and you do not", Args: exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			return p.do(c, client.Want{Verb: rogatoryv1.Verb_VERB_TRANSFER, CaseToken: args[0], Reason: args[1]})
		},
	}
}

// fileOf wraps a content for an existing case.
func fileOf(token, language string, c *rogatoryv1.Content) *rogatoryv1.RequestFile {
	c = proto.CloneOf(c)
	c.Language = language
	return &rogatoryv1.RequestFile{CaseToken: token, Content: c}
}
