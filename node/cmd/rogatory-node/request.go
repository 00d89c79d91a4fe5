package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	"github.com/rogatory/rogatory/node/codes"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func (p *program) requestCommand() *cobra.Command {
	c := group("request", "Ask, answer, and everything between",
		p.requestLint(), p.requestSend(), p.requestList(), p.requestShow(), p.requestWatch(),
		p.requestApprove("approve", "Approve a draft that another officer wrote: it is sent", rogatoryv1.Verb_VERB_APPROVE),
		p.requestRelease(), p.requestHold(), p.requestKeep(),
		p.requestApprove("ratify", "Ratify what one officer sent alone on danger to life", rogatoryv1.Verb_VERB_RATIFY),
		p.requestDecline(), p.requestRegister(), p.requestAssign(), p.requestTransfer(), p.requestAnswer(), p.requestAttach(), p.requestFetch())
	c.Aliases = []string{"case", "requests"}
	c.AddCommand(p.shortForms()...)
	return c
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

func (p *program) requestSend() *cobra.Command {
	var draft bool
	var to []string
	c := &cobra.Command{
		Use: "send FILE…", Short: "Send what the files say, or put it before an approver", Args: atLeast(1),
		Long: `send sends request files, or puts them before an approver where the unit's rule asks for a second officer; the line that it prints tells
which. - is standard input. The attachments that a file names lie in its folder or below.`,
		Example: "  rogatory-node request send configs/examples/police-request-urgent.json --to BG/police --as officer.key",
		RunE: func(c *cobra.Command, args []string) error {
			for _, path := range args {
				f, err := p.readFile(path)
				if err != nil {
					return err
				}
				if c.Flags().Changed("to") {
					if len(to) == 0 || slices.Contains(to, "") {
						return usage(errors.New("--to names nobody"), "--to COUNTRY/unit, or without it those whom the file names")
					}
					f.To = to
				}
				if len(f.GetTo()) == 0 && f.GetCaseToken() == "" {
					return usage(fmt.Errorf("%s names neither a recipient nor a case", path),
						"a new case: --to COUNTRY/unit; a message in one that is there: rogatory-node request answer CASE FILE")
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
			if opensCase(f.RequestFile) {
				return usage(fmt.Errorf("%s opens a case of its own: it is no answer", args[1]), "rogatory-node request send FILE; what answers is among configs/examples")
			}
			f.CaseToken = args[0]
			return p.send(c, f, draft)
		},
	}
	c.Flags().BoolVar(&draft, "draft", false, "put it before an approver in any case")
	return c
}

// opensCase reports whether a file says what only a new case begins with.
func opensCase(f *rogatoryv1.RequestFile) bool {
	switch f.GetContent().GetBody().(type) {
	case *rogatoryv1.Content_Request, *rogatoryv1.Content_FiuRequest, *rogatoryv1.Content_Spontaneous:
		return true
	}
	return false
}

// send attaches, prepares, signs and commits a file, and prints where the cases stand.
func (p *program) send(c *cobra.Command, f *requestFile, draft bool) error {
	cl, err := p.dialAs()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := p.within(c.Context())
	defer cancel()
	// Nobody waits for a file to be sealed to hear then that its title is missing.
	if len(f.GetAttachments()) > 0 {
		filled := f.GetContent().GetSender() == nil
		if err := p.fillSender(ctx, cl, f.RequestFile); err != nil {
			return err
		}
		f.nameTypes()
		if findings := p.lintHere(f.RequestFile); stops(findings) {
			return p.unsent(findings, filled)
		}
	}
	if err := p.attachAll(c.Context(), cl, f); err != nil {
		return err
	}
	ctx, cancel = p.within(c.Context())
	defer cancel()
	return p.sendFile(ctx, cl, f.RequestFile, draft)
}

// unsent says what the linter has against a message. filled tells that who speaks was to be put in here.
func (p *program) unsent(findings []*nodev1.Finding, filled bool) error {
	if err := p.printFindings(p.err, findings); err != nil {
		return err
	}
	if filled && p.address == "" && !p.json && slices.ContainsFunc(findings, aboutSender) {
		p.err.Printf("%s who speaks for the unit is its contact in the node's configuration: fill that in once, or send a file with a sender\n", p.err.Paint(terminal.Bold, "hint:"))
	}
	return &failure{answerIsNo, errSilent, ""}
}

func (p *program) sendFile(ctx context.Context, cl *client.Client, f *rogatoryv1.RequestFile, draft bool) error {
	filled := f.GetContent().GetSender() == nil
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
		return p.unsent(findings.Findings, filled)
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
			if err := printJSON(p.out, row); err != nil {
				return err
			}
			continue
		}
		p.out.Printf("%s\t%s\t%s\n", row.GetCaseToken(), row.GetState(), peerOf(row))
		if waits := "waits-for-clearing"; slices.Contains(row.GetFlags(), waits) {
			p.err.Printf("%s\n", codes.Text(p.lang(), "flag."+waits, nil))
		}
		if draft {
			verb, where := "approve", ""
			if !row.GetOurs() && row.GetPeer() != "" {
				verb = "release"
			}
			if p.dir != "." {
				where = " --dir " + p.dir
			}
			p.err.Printf("%s another officer sends it: rogatory-node request %s %s%s --as KEYFILE\n", p.err.Paint(terminal.Bold, "next:"), verb, row.GetCaseToken(), where)
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

// fileOf wraps a content for an existing case.
func fileOf(token, language string, c *rogatoryv1.Content) *rogatoryv1.RequestFile {
	c = proto.CloneOf(c)
	c.Language = language
	return &rogatoryv1.RequestFile{CaseToken: token, Content: c}
}
