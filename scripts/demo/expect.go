package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rogatory/rogatory/node/codes"
	"github.com/rogatory/rogatory/node/exchange"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// errNever means that what the story expects has not come.
var errNever = errors.New("did not come to that")

// expect waits until a node has a case in a state, with its clock stopped or running, or with a message of some kind from the other side. The
// node itself is asked, over and over, until the command's time is over.
func (p *player) expect(ctx context.Context, c command) error {
	m, err := p.cluster.member(c.args[1])
	if err != nil {
		return err
	}
	oc, err := p.find(c.args[0], c.args[1])
	if err != nil {
		return err
	}
	began := time.Now()
	w := &watch{m: m, token: oc.token, sight: c.args[2]}
	for {
		seen, err := w.look(ctx)
		if err != nil && ctx.Err() == nil {
			return at(m, oc.token, err)
		}
		if seen {
			p.tellSeen(m, w.row, c.args[2], time.Since(began))
			return nil
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return at(m, oc.token, fmt.Errorf("%w: it is %s: %w", errNever, w.last(), context.Cause(ctx)))
		}
	}
}

// A watch looks at a case until it has a sight.
type watch struct {
	m     *member
	token string
	sight string

	row    *nodev1.CaseRow
	opened uint64 // change of the case at which it was opened last
}

func (w *watch) look(ctx context.Context) (bool, error) {
	row, err := w.m.row(ctx, w.token)
	if err != nil || row == nil {
		return false, err
	}
	w.row = row
	switch {
	case w.sight == "stopped":
		return row.GetClockStopped(), nil
	case w.sight == "running":
		return !row.GetClockStopped() && row.GetDeadlineMs() > 0, nil
	case isState(w.sight):
		return row.GetState() == w.sight, nil
	}
	// Opening a case is a reading, which is logged: it is opened only after it has changed.
	if row.GetUpdatedMs() == w.opened {
		return false, nil
	}
	shown, err := w.m.show(ctx, w.token, row.GetUnit())
	if err != nil {
		return false, err
	}
	w.opened = row.GetUpdatedMs()
	kind := coded[rogatoryv1.Kind]("KIND_", w.sight)
	for _, m := range shown.GetMessages() {
		if !m.GetOurs() && m.GetDocket().GetKind() == kind {
			return true, nil
		}
	}
	return false, nil
}

// last says where the case was seen last.
func (w *watch) last() string {
	if w.row == nil {
		return "not there"
	}
	return fmt.Sprintf("%q", w.row.GetState())
}

func (p *player) tellSeen(m *member, row *nodev1.CaseRow, sight string, waited time.Duration) {
	var text string
	c := green
	left := ""
	if row.GetDeadlineMs() > 0 {
		left = span(time.Until(time.UnixMilli(int64(row.GetDeadlineMs()))))
	}
	clock := func(format string) string {
		if left == "" {
			return ""
		}
		return fmt.Sprintf(format, left)
	}
	state := exchange.State(row.GetState())
	switch {
	case sight == "stopped":
		c, text = yellow, "the clock stands still until the question is answered"
	case sight == "running":
		text = "the clock runs on" + clock(": %s left")
	case !isState(sight):
		text = fmt.Sprintf("has from %s: %s", row.GetPeer(), codes.Enum(codes.English, coded[rogatoryv1.Kind]("KIND_", sight)))
	case state == exchange.Received && row.GetOurs():
		text = fmt.Sprintf("holds %s's signed receipt", row.GetPeer()) + clock("; %s left for the answer")
	case state == exchange.Received:
		text = fmt.Sprintf("has %s, and has signed a receipt", row.GetCaseToken()) + clock("; to be answered within %s")
	case state == exchange.Sent:
		c, text = yellow, fmt.Sprintf("%s is sent and waits for %s's receipt", row.GetCaseToken(), row.GetPeer())
	default:
		if state == exchange.Refused || state == exchange.Withdrawn || state == exchange.Clarifying {
			c = yellow
		}
		text = fmt.Sprintf("%s with %s: %s", row.GetCaseToken(), row.GetPeer(), codes.Text(codes.English, "state."+row.GetState(), nil))
		if o, ok := rogatoryv1.Outcome_value[row.GetOutcome()]; ok && row.GetOutcome() != "" && rogatoryv1.Outcome(o) != rogatoryv1.Outcome_OUTCOME_UNSPECIFIED {
			if outcome := codes.Text(codes.English, row.GetOutcome(), nil); !strings.Contains(text, outcome) {
				text += " (" + outcome + ")"
			}
		}
	}
	if waited > time.Second {
		text += ", after " + span(waited)
	}
	p.out.event(c, m.country+"/"+row.GetUnit(), text)
}
