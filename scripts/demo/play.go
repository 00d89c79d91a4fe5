package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/node/client"
	catalogue "github.com/rogatory/rogatory/node/codes"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// stepPatience is how long a command may take that does not say so itself.
const stepPatience = 60 * time.Second

var (
	errNotRefused = errors.New("was not refused")
	errNoCase     = errors.New("the story has no such case there yet")
	errAmbiguous  = errors.New("the story has several cases of that name there; name one as case/COUNTRY")
	errDiffers    = errors.New("no attachment of the case is that file")
	errNotInCase  = errors.New("the case holds nothing that this could follow")
)

// A player plays a story on a running cluster.
type player struct {
	cluster *cluster
	out     *printer
	files   *library
	cases   []*openCase
}

// openCase is a case as the story calls it.
type openCase struct {
	name, token, asker, peer string
}

// play does every command of a story in order. It stops at the first that fails; the error names its line, and node and case where there
// is one.
func (p *player) play(ctx context.Context, s *story) error {
	for _, c := range s.commands {
		if err := p.step(ctx, c); err != nil {
			return fmt.Errorf("line %d, %s: %w", c.line, c, err)
		}
	}
	return nil
}

// step does one command within its time.
func (p *player) step(ctx context.Context, c command) error {
	within := c.within
	if within == 0 {
		within = stepPatience
	}
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("not within %s", within))
	defer cancel()
	err := p.do(ctx, c)
	if !c.fails {
		return err
	}
	switch status.Code(err) {
	case codes.OK:
		return errNotRefused
	case codes.Unknown, codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Internal:
		return err // nobody has refused: it could not be asked
	}
	p.out.event(red, c.args[1], "refused: "+reason(err))
	return nil
}

// A nodeError says at which node and in which case something went wrong.
type nodeError struct {
	country, token string
	err            error
}

func (e *nodeError) Error() string {
	return fmt.Sprintf("node %s, case %s: %s", e.country, e.token, reason(e.err))
}

func (e *nodeError) Unwrap() error { return e.err }

// at adds node and case to an error; nil stays nil.
func at(m *member, token string, err error) error {
	if err == nil {
		return nil
	}
	return &nodeError{m.country, token, err}
}

// reason is what a node has answered, in its words; of other errors all of it.
func reason(err error) string {
	var s interface{ GRPCStatus() *status.Status }
	if errors.As(err, &s) {
		return s.GRPCStatus().Message()
	}
	return err.Error()
}

func (p *player) do(ctx context.Context, c command) error {
	switch c.verb {
	case "title":
		p.out.title(c.args[0])
	case "say":
		p.out.say(c.args[0])
	case "file":
		size, _ := parseSize(c.args[1])
		p.files.make(c.args[0], size)
	case "send", "answer":
		return p.send(ctx, c)
	case "approve", "release":
		return p.approve(ctx, c)
	case "expect":
		return p.expect(ctx, c)
	case "fetch":
		return p.fetch(ctx, c)
	case "cut":
		return p.cut(c.args)
	case "heal":
		return p.heal(ctx, c.args)
	case "sleep":
		d, _ := time.ParseDuration(c.args[0])
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	default:
		return p.brief(ctx, c)
	}
	return nil
}

// A desk is where an officer acts: a node, a unit and a pseudonym.
type desk struct {
	m    *member
	unit string
	who  string
}

func (d desk) place() string { return d.m.country + "/" + d.unit }

// deskOf finds the desk of a command: officer i of the place, unless the command names another.
func (p *player) deskOf(c command, i int) (desk, error) {
	country, unit, _ := strings.Cut(c.args[1], "/")
	m, err := p.cluster.member(country)
	if err != nil {
		return desk{}, err
	}
	who := c.as
	if who == "" {
		who = m.officer(unit, i)
	}
	return desk{m, unit, who}, nil
}

// find returns the case of that name in which the country takes part.
func (p *player) find(name, country string) (*openCase, error) {
	var found []*openCase
	for _, c := range p.cases {
		part := c.asker == country || c.peer == country
		if part && (c.name == name || c.name+"/"+c.peer == name) {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("case %s of %s: %w", name, country, errNoCase)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("case %s of %s: %w", name, country, errAmbiguous)
}

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

// cut stops nodes.
func (p *player) cut(countries []string) error {
	for _, country := range countries {
		m, err := p.cluster.member(country)
		if err == nil {
			err = m.stop()
		}
		if err != nil {
			return fmt.Errorf("node %s: %w", country, err)
		}
		p.out.event(yellow, country, "the node stops; nothing reaches it")
	}
	return nil
}

// heal starts nodes again.
func (p *player) heal(ctx context.Context, countries []string) error {
	for _, country := range countries {
		m, err := p.cluster.member(country)
		if err == nil && !m.running() {
			err = m.start(ctx)
		}
		if err != nil {
			return fmt.Errorf("node %s: %w", country, err)
		}
		p.out.event(yellow, country, "the node is back")
	}
	return nil
}

// fetch has an officer open an attachment of the case, which the node has pulled or pulls now, and compares it with the file that was attached.
func (p *player) fetch(ctx context.Context, c command) error {
	d, err := p.deskOf(c, 1)
	if err != nil {
		return err
	}
	oc, err := p.find(c.args[0], d.m.country)
	if err != nil {
		return err
	}
	want, err := p.files.read(c.args[2])
	if err != nil {
		return err
	}
	cl, err := d.m.as(d.who)
	if err != nil {
		return err
	}
	shown, err := cl.Show(ctx, oc.token, "case-work")
	if err != nil {
		return at(d.m, oc.token, err)
	}
	for _, m := range shown.GetMessages() {
		for _, a := range m.GetContent().GetAttachments() {
			if m.GetOurs() || a.GetLength() != uint64(len(want)) {
				continue
			}
			var got bytes.Buffer
			if err := p.fetchOne(ctx, cl, oc.token, a.GetId(), &got); err != nil {
				return at(d.m, oc.token, err)
			}
			if bytes.Equal(got.Bytes(), want) {
				p.out.event(green, d.place(), fmt.Sprintf("%s opens the attachment: %d bytes, the same as were sent (SHA-256 %x…)", d.who, got.Len(), sum(want)))
				return nil
			}
		}
	}
	return at(d.m, oc.token, fmt.Errorf("%s: %w", c.args[2], errDiffers))
}

func sum(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:4]
}

// fetchOne fetches an attachment; one that is still on its way is asked for again.
func (p *player) fetchOne(ctx context.Context, cl *client.Client, token string, id []byte, to *bytes.Buffer) error {
	for {
		to.Reset()
		_, err := cl.Fetch(ctx, token, id, "case-work", to)
		if err == nil || status.Code(err) != codes.Unavailable {
			return err
		}
		select {
		case <-time.After(5 * poll):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

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

// noise is a file that was invented: the same bytes for the same name.
func noise(name string, size int64) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(b) // never fails
	return b
}
