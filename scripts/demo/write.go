package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/node/client"
	catalogue "github.com/rogatory/rogatory/node/codes"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// send writes a message from a file: in the case of that name, or as a new one when the file says to whom.
func (p *player) send(ctx context.Context, c command) error {
	d, err := p.deskOf(c, 1)
	if err != nil {
		return err
	}
	file, err := p.files.request(c.args[2])
	if err != nil {
		return err
	}
	if len(file.GetTo()) > 0 {
		cases, _, err := p.write(ctx, d, file, p.files.open)
		for _, row := range cases {
			p.cases = append(p.cases, &openCase{name: c.args[0], token: row.GetCaseToken(), asker: d.m.country, peer: row.GetPeer()})
		}
		return err
	}
	return p.follow(ctx, d, c.args[0], file)
}

// follow writes a message in a case that is there.
func (p *player) follow(ctx context.Context, d desk, name string, file *rogatoryv1.RequestFile) error {
	oc, err := p.find(name, d.m.country)
	if err != nil {
		return err
	}
	file.CaseToken = oc.token
	_, _, err = p.write(ctx, d, file, p.files.open)
	return at(d.m, oc.token, err)
}

// write has an officer write a message: sent at once where one person may, else put before an approver.
func (p *player) write(ctx context.Context, d desk, file *rogatoryv1.RequestFile, open func(string) (io.ReadCloser, error)) (cases []*nodev1.CaseRow, draft bool, err error) {
	cl, err := d.m.as(d.who)
	if err != nil {
		return nil, false, err
	}
	if file.FromUnit == "" {
		file.FromUnit = d.unit
	}
	d.sign(file.GetContent())
	for _, a := range file.GetAttachments() {
		sealed, err := attach(ctx, cl, open, a)
		if err != nil {
			return nil, false, fmt.Errorf("attaching %s: %w", a.GetPath(), err)
		}
		file.Content.Attachments = append(file.Content.Attachments, sealed)
	}
	file.Attachments = nil
	prepared, err := cl.Prepare(ctx, client.Want{File: file})
	if err != nil {
		return nil, false, err
	}
	done, err := cl.Commit(ctx, prepared)
	if err != nil {
		return nil, false, err
	}
	p.tellWritten(d, prepared, done)
	return done.GetCases(), prepared.Draft(), nil
}

// sign puts in who speaks, when the file does not say: the contact that the unit's configuration has.
func (d desk) sign(c *rogatoryv1.Content) {
	if c.GetLanguage() == "" {
		c.Language = catalogue.English
	}
	u := d.m.cfg.Unit(d.unit)
	if c.GetSender() != nil || u == nil {
		return
	}
	c.Sender = &rogatoryv1.Sender{
		Authority: rogatoryv1.Authority(rogatoryv1.Authority_value[string(u.Authority)]),
		Name:      u.Contact.Name, Officer: u.Contact.Officer, Phone: u.Contact.Phone, Email: u.Contact.Email,
	}
}

func (p *player) tellWritten(d desk, prepared *client.Prepared, done *nodev1.CommitResponse) {
	var to []string
	for _, m := range prepared.Messages {
		to = append(to, strings.TrimSuffix(m.To+"/"+m.Docket.GetToUnit(), "/"))
	}
	var tokens []string
	for _, row := range done.GetCases() {
		tokens = append(tokens, row.GetCaseToken())
	}
	kind := catalogue.Enum(catalogue.English, prepared.Messages[0].Docket.GetKind())
	text := fmt.Sprintf("%s sends to %s: %s, %s", d.who, strings.Join(to, ", "), kind, strings.Join(tokens, " "))
	if prepared.Draft() {
		text = fmt.Sprintf("%s writes to %s: %s, %s; waits for a second officer", d.who, strings.Join(to, ", "), kind, strings.Join(tokens, " "))
	}
	p.out.event("", d.place(), text, gist(prepared.Messages[0].Content)...)
}

// approve has the second officer sign what the first one wrote. One signature sends a message to all its recipients.
func (p *player) approve(ctx context.Context, c command) error {
	d, err := p.deskOf(c, 2)
	if err != nil {
		return err
	}
	oc, err := p.find(c.args[0], d.m.country)
	if errors.Is(err, errAmbiguous) {
		i := slices.IndexFunc(p.cases, func(x *openCase) bool { return x.name == c.args[0] })
		oc, err = p.cases[i], nil
	}
	if err != nil {
		return err
	}
	return at(d.m, oc.token, p.sign(ctx, d, oc.token))
}

func (p *player) sign(ctx context.Context, d desk, token string) error {
	cl, err := d.m.as(d.who)
	if err != nil {
		return err
	}
	prepared, err := cl.Prepare(ctx, client.Want{Verb: rogatoryv1.Verb_VERB_APPROVE, CaseToken: token})
	if err != nil {
		return err
	}
	if _, err := cl.Commit(ctx, prepared); err != nil {
		return err
	}
	var to []string
	for _, m := range prepared.Messages {
		to = append(to, m.To)
	}
	p.out.event("", d.place(), fmt.Sprintf("%s approves it: logged, sealed for %s, signed and sent", d.who, strings.Join(to, ", ")))
	return nil
}

// attach has the node seal a file.
func attach(ctx context.Context, cl *client.Client, open func(string) (io.ReadCloser, error), a *rogatoryv1.AttachmentFile) (*rogatoryv1.Attachment, error) {
	f, err := open(a.GetPath())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	mediaType := a.GetMediaType()
	if mediaType == "" {
		mediaType = "application/octet-stream"
	}
	return cl.Attach(ctx, f, mediaType, a.GetTitle())
}
