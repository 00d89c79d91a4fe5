package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/exchange/rules"
	"github.com/rogatory/rogatory/node/transport/broker"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
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
		Dir: m.dir, Country: m.country, Federation: federationName, Zone: rules.DefaultZones()[m.country], Languages: []string{"en"},
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
		if s.GetOutbox()+s.GetHeld() == 0 {
			return ""
		}
		return fmt.Sprintf("%d messages wait", s.GetOutbox()+s.GetHeld())
	})
}

// waitWitnessed waits until enough other members have cosigned all that the node has logged.
func (m *member) waitWitnessed(ctx context.Context) error {
	return m.waitStatus(ctx, "waiting for witnesses", func(s *nodev1.StatusResponse) string {
		switch r := s.GetRound(); {
		case r.GetDue():
			return "a round head is due"
		case r.GetCosigned() < r.GetQuorum() || r.GetQuorumSize() < r.GetSize():
			return fmt.Sprintf("%d of %d have cosigned the newest round head, %d must", r.GetCosigned(), r.GetWitnesses(), r.GetQuorum())
		}
		return ""
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
