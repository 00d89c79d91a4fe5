package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
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
