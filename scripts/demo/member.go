package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/transport/broker"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// poll is how often something that changes elsewhere is looked at.
const poll = 40 * time.Millisecond

// unitNames are the units of every member; the first one takes what names none.
var unitNames = []string{"police", "fiu", "prosecutor"}

// dialling codes tell where a request file comes from, by its sender's telephone number (ITU-T E.164).
var diallingCodes = map[string]string{
	"AL": "+355", "BA": "+387", "BG": "+359", "GR": "+30", "HU": "+36", "IT": "+39",
	"ME": "+382", "MK": "+389", "RO": "+40", "RS": "+381", "SI": "+386", "TR": "+90",
}

var (
	errStopped   = errors.New("the node does not run")
	errDown      = errors.New("the node has stopped by itself; its log file says why")
	errNoOfficer = errors.New("no such officer")
)

// A member is one country's node: its folder, and the node while it runs.
type member struct {
	country string
	dir     string
	cfg     *configs.Node

	mu       sync.Mutex
	cancel   context.CancelFunc
	done     chan struct{} // closed when the node has stopped; nil before it was started
	err      error         // why it has
	conn     *client.Client
	officers map[string]*client.Officer
}

// make makes the member's folder as `rogatory-node init` does, with a certificate that the hub's operator gives.
func (m *member) make(hub string, authority *broker.Authority) (*setup.Made, error) {
	o := setup.Options{
		Dir: m.dir, Country: m.country, Federation: federationName, Zone: exchange.DefaultZones()[m.country], Languages: []string{"en"},
		Lock: keyring.Plain(), Insecure: true, NATS: []string{hub}, Round: round, Now: time.Now(),
	}
	for i, name := range unitNames {
		o.Units = append(o.Units, setup.Unit{Name: name, Contact: configs.Contact{
			Name:    fmt.Sprintf("Invented %s of %s", name, m.country),
			Officer: "Duty officer",
			Phone:   fmt.Sprintf("%s10000000%d", diallingCodes[m.country], i),
			Email:   fmt.Sprintf("duty@%s.%s.example", name, strings.ToLower(m.country)),
		}})
	}
	made, err := setup.Init(o)
	if err != nil {
		return nil, err
	}
	pair, err := authority.Member(m.country)
	if err != nil {
		return nil, err
	}
	tls := filepath.Join(m.dir, setup.TLSFolder)
	if err := pair.WriteFiles(tls, "nats"); err != nil {
		return nil, err
	}
	return made, os.WriteFile(filepath.Join(tls, "nats-ca.pem"), authority.Roots(), 0o644)
}

// foundDirectory composes the first directory, has every member sign it, joins the signatures and puts the result in place with its
// digest, as `rogatory-node directory propose`, `sign`, `join` and `take` do.
func (c *cluster) foundDirectory(made []*setup.Made) error {
	now := time.Now()
	d := &rogatoryv1.Directory{
		Federation: federationName, Threshold: uint32(len(made)/2 + 1), Tzdata: exchange.TZData,
		ValidFromMs: uint64(now.Add(-time.Minute).UnixMilli()), ValidUntilMs: uint64(now.AddDate(1, 0, 0).UnixMilli()),
	}
	for _, m := range made {
		d.Members = append(d.Members, m.Member)
	}
	proposal, err := federation.Propose(nil, d)
	if err != nil {
		return err
	}
	joined := proposal
	for _, m := range c.members {
		ring, err := keyring.OpenRing(filepath.Join(m.dir, setup.RingFolder, keyring.RingFile), keyring.Plain())
		if err != nil {
			return err
		}
		signed, err := federation.SignDirectory(nil, proposal, m.country, ring.Identity())
		if err != nil {
			return err
		}
		if joined, err = federation.JoinDirectories(joined, signed); err != nil {
			return err
		}
	}
	_, digest, err := federation.ReadDirectory(joined)
	if err != nil {
		return err
	}
	if _, err := federation.ParseDirectory(joined, digest); err != nil {
		return err
	}
	for _, m := range c.members {
		cfg, err := configs.Load(filepath.Join(m.dir, setup.ConfigFile))
		if err != nil {
			return err
		}
		if err := os.WriteFile(cfg.Directory, joined, 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(cfg.Pin, []byte(hex.EncodeToString(digest[:])+"\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// start starts the node and returns when it answers at its socket. What the node says of itself goes to node.log.
func (m *member) start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(m.dir, "node.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan struct{})
	m.mu.Lock()
	m.cancel, m.done, m.err = cancel, done, nil
	m.mu.Unlock()
	go func() {
		err := node.Run(running, m.cfg, node.Options{
			Lock: keyring.Plain(), Logger: slog.New(slog.NewTextHandler(log, nil)), Ready: sync.OnceFunc(func() { close(ready) }),
		})
		err = errors.Join(err, log.Close())
		m.mu.Lock()
		m.err = err
		m.mu.Unlock()
		close(done)
	}()
	select {
	case <-ready:
	case <-done:
		return m.failure()
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("starting: %w", context.Cause(ctx)), m.stop())
	}
	conn, err := client.Dial(client.Options{Socket: m.cfg.Socket, Language: "en"})
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.conn = conn
	m.mu.Unlock()
	return nil
}

// running reports whether the node was started and not stopped.
func (m *member) running() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.conn != nil
}

// failure returns why the node is not there, if it is not.
func (m *member) failure() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done == nil {
		return errStopped
	}
	select {
	case <-m.done:
		if m.err != nil {
			return m.err
		}
		if m.conn != nil {
			return errDown
		}
		return errStopped
	default:
		return nil
	}
}

// stop stops the node and returns when its store is closed. Stopping a stopped node does nothing.
func (m *member) stop() error {
	m.mu.Lock()
	cancel, done, conn := m.cancel, m.done, m.conn
	m.conn = nil
	m.mu.Unlock()
	if done == nil {
		return nil
	}
	var err error
	if conn != nil {
		err = conn.Close()
	}
	cancel()
	select {
	case <-done:
	case <-time.After(patience):
		return errors.New("does not stop")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done = nil
	return errors.Join(err, m.err)
}

// as returns a client of the running node for an officer, or for nobody.
func (m *member) as(pseudonym string) (*client.Client, error) {
	if err := m.failure(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn == nil {
		return nil, errStopped
	}
	if pseudonym == "" {
		return m.conn, nil
	}
	o, ok := m.officers[pseudonym]
	if !ok {
		var err error
		if o, err = client.OpenOfficer(m.officerFile(pseudonym), keyring.Plain()); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s: %w", pseudonym, errNoOfficer)
		} else if err != nil {
			return nil, err
		}
		if m.officers == nil {
			m.officers = map[string]*client.Officer{}
		}
		m.officers[pseudonym] = o
	}
	return m.conn.As(o), nil
}

func (m *member) officerFile(pseudonym string) string {
	return filepath.Join(m.dir, setup.PeopleFolder, pseudonym+".key")
}

// officer is the pseudonym of an officer of a unit: in the demo 1 drafts and 2 approves. Founder i is the officer i of the unit "founder".
func (m *member) officer(unit string, i int) string {
	return fmt.Sprintf("%s-%s-%d", strings.ToLower(m.country), unit, i)
}

// waitCleared waits until the node may sign and send.
func (m *member) waitCleared(ctx context.Context) error {
	return m.waitStatus(ctx, "waiting until the peers have confirmed the log", func(s *nodev1.StatusResponse) string {
		if s.GetCleared() {
			return ""
		}
		return s.GetUnclearedReason()
	})
}

// waitEmpty waits until every message of the node has its receipt.
func (m *member) waitEmpty(ctx context.Context) error {
	return m.waitStatus(ctx, "waiting for receipts", func(s *nodev1.StatusResponse) string {
		if s.GetOutbox() == 0 {
			return ""
		}
		return fmt.Sprintf("%d messages wait", s.GetOutbox())
	})
}

// waitStatus waits until what is asked of the node's status is "".
func (m *member) waitStatus(ctx context.Context, what string, missing func(*nodev1.StatusResponse) string) error {
	last := "no answer yet"
	for {
		cl, err := m.as("")
		if err != nil {
			return err
		}
		s, err := cl.Operator.Status(ctx, &nodev1.StatusRequest{})
		if err == nil {
			if last = missing(s); last == "" {
				return nil
			}
		} else if ctx.Err() == nil {
			last = err.Error()
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return fmt.Errorf("%s: %s: %w", what, last, context.Cause(ctx))
		}
	}
}

// officerRights are those of every officer: who drafts and who approves is a matter of roles in each message, and never the same person.
var officerRights = []rogatoryv1.Right{rogatoryv1.Right_RIGHT_READ, rogatoryv1.Right_RIGHT_DRAFT, rogatoryv1.Right_RIGHT_APPROVE}

// enrolAll puts two officers of each unit on the register. The founders sign for them, as `rogatory-node officer enrol` and `confirm` do. Who
// is there already stays.
func (m *member) enrolAll(ctx context.Context) error {
	for _, unit := range unitNames {
		for i := range 2 {
			if err := m.enrol(ctx, m.officer(unit, i+1), unit); err != nil {
				return fmt.Errorf("enrolling an officer of %s: %w", unit, err)
			}
		}
	}
	return nil
}

func (m *member) enrol(ctx context.Context, pseudonym, unit string) error {
	path := m.officerFile(pseudonym)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := setup.CreateOfficer(path, pseudonym, keyring.GenerateOfficer(), keyring.Plain()); err != nil {
			return err
		}
	}
	who, err := m.as(pseudonym)
	if err != nil {
		return err
	}
	register, err := who.Desk.Officers(ctx, &nodev1.OfficersRequest{})
	if err != nil {
		return err
	}
	key := who.Officer().Key.Public()
	if slices.ContainsFunc(register.GetOfficers(), func(o *rogatoryv1.Officer) bool { return bytes.Equal(o.GetPublicKey(), key[:]) }) {
		return nil
	}
	officer := federation.NewOfficer(pseudonym, key, []string{unit}, officerRights, false)
	subject, err := federation.EnrolmentSubject(officer)
	if err != nil {
		return err
	}
	var signed []*rogatoryv1.Assertion
	for i, verb := range []rogatoryv1.Verb{rogatoryv1.Verb_VERB_ENROL, rogatoryv1.Verb_VERB_ENROL_CONFIRM} {
		founder, err := m.as(m.officer("founder", i+1))
		if err != nil {
			return err
		}
		a, err := founder.Assert(ctx, &rogatoryv1.Act{Verb: verb, Subject: subject[:]})
		if err != nil {
			return err
		}
		signed = append(signed, a)
	}
	b, err := federation.MakeEnrolment(officer, false, signed[0], signed[1])
	if err != nil {
		return err
	}
	whole := new(rogatoryv1.Enrolment)
	if err := proto.Unmarshal(b, whole); err != nil {
		return err
	}
	_, err = who.Desk.Enrol(ctx, &nodev1.EnrolRequest{Enrolment: whole})
	return err
}

// row returns a case as the node lists it, nil when it has none of that name. Listing reads no content.
func (m *member) row(ctx context.Context, token string) (*nodev1.CaseRow, error) {
	cl, err := m.as(m.officer("founder", 1))
	if err != nil {
		return nil, err
	}
	req := &nodev1.ListRequest{Limit: 1000}
	for {
		page, err := cl.List(ctx, req)
		if err != nil {
			return nil, err
		}
		for _, row := range page.GetCases() {
			if row.GetCaseToken() == token {
				return row, nil
			}
		}
		if req.Page = page.GetNextPage(); req.Page == "" {
			return nil, nil
		}
	}
}

// show opens a case as the first officer of its unit.
func (m *member) show(ctx context.Context, token, unit string) (*nodev1.ShowResponse, error) {
	cl, err := m.as(m.officer(unit, 1))
	if err != nil {
		return nil, err
	}
	return cl.Show(ctx, token, "case-work")
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
