package main

import (
	"fmt"
	"strings"

	"github.com/rogatory/rogatory/crypto/translog"
)

// sentence says what a leaf says.
func (p *program) sentence(e translog.Entry) string {
	switch l := e.(type) {
	case *translog.Genesis:
		return fmt.Sprintf("the log %s of %s begins, epoch %d", l.Log, l.Country, l.Epoch)
	case *translog.Msg:
		if l.Dir == translog.In {
			return fmt.Sprintf("received from %s, number %d/%d, message %s", l.From, l.Epoch, l.Seq, l.Msg)
		}
		return fmt.Sprintf("sent to %s, number %d/%d, message %s", l.To, l.Epoch, l.Seq, l.Msg)
	case *translog.Reseal:
		return fmt.Sprintf("sealed anew: message %s", l.Of)
	case *translog.Whole:
		return fmt.Sprintf("all attachments are here of message %s", l.Msg)
	case *translog.Rcpt:
		switch {
		case l.Rej != "":
			return fmt.Sprintf("refused for good by %s: message %s (%s)", l.Log, l.Of, l.Rej)
		case l.Whole:
			return fmt.Sprintf("all attachments arrived at %s: message %s", l.Log, l.Of)
		}
		return fmt.Sprintf("receipted by %s at its leaf %d: message %s", l.Log, l.Index, l.Of)
	case *translog.Rej:
		return fmt.Sprintf("refused message %s from %s: %s", l.Msg, l.From, l.Code)
	case *translog.Stray:
		n := int64(0)
		for _, c := range l.Counts {
			n += c.N
		}
		return fmt.Sprintf("%s arrived in the hour from %s that nobody had signed", count(n), moment(l.Hour))
	case *translog.Wit:
		return fmt.Sprintf("cosigned %s at %s leaves", l.Log, count(l.Size))
	case *translog.Cos:
		return fmt.Sprintf("%d members cosigned this log at %s leaves", l.Count, count(l.Size))
	case *translog.Op:
		return fmt.Sprintf("%s: %s of %s, %s messages%s, basis %s", l.Verb, l.Who, l.Why, count(l.OfCount), to(l.Recipient), l.Basis)
	case *translog.Erase:
		return fmt.Sprintf("erased by %s: %s of %s, basis %s", l.By, strings.Join(l.What, ", "), count(l.OfCount), l.Basis)
	case *translog.Case:
		return p.caseSentence(l)
	case *translog.Policy:
		return fmt.Sprintf("policy %s %d is in force", l.Name, l.Version)
	case *translog.Actor:
		return fmt.Sprintf("register: %s %s by %s", l.Event, l.Who, strings.Join(l.By, " and "))
	case *translog.State:
		return fmt.Sprintf("state of all cases after %s leaves", count(l.Size))
	case *translog.Key:
		return fmt.Sprintf("%s key: %s", l.Use, l.Event)
	case *translog.Dir:
		if l.Member != "" {
			return fmt.Sprintf("manifest %d of %s is in force", l.Version, l.Member)
		}
		return fmt.Sprintf("directory %d is in force", l.Version)
	case *translog.Time:
		return fmt.Sprintf("a %s token says %s over %s leaves", l.Type, moment(l.Time), count(l.Size))
	case *translog.Node:
		return fmt.Sprintf("node: %s (%s)", l.Event, l.Program)
	case *translog.Dataset:
		return fmt.Sprintf("dataset %s loaded: %s records", l.Name, count(l.Count))
	case *translog.Filter:
		return fmt.Sprintf("filter of %s for %d", l.Dataset, l.Day)
	case *translog.Match:
		return fmt.Sprintf("private query %s %s on %s: %s elements, %s", l.Dir, l.Peer, l.Dataset, count(l.Count), l.Purpose)
	case *translog.Alarm:
		return fmt.Sprintf("alarm of %s %s", l.Detector, l.Peer)
	}
	return ""
}

func (p *program) caseSentence(l *translog.Case) string {
	event := l.Event
	if kind, _, ok := strings.Cut(l.Event, "."); ok {
		event = p.text("event."+kind) + " " + strings.TrimPrefix(l.Event, kind+".")
	} else {
		event = p.text("event." + event)
	}
	text := fmt.Sprintf("%s: %s", l.Case, event)
	if l.FromState != l.ToState {
		text += fmt.Sprintf(", now %s", p.text("state."+l.ToState))
	}
	if l.Rule != "" {
		text += fmt.Sprintf(" (rule %s: %s)", l.Rule, l.Decision)
	}
	if l.Due != 0 {
		text += ", due " + moment(l.Due)
	}
	return text
}

func to(recipient string) string {
	if recipient == "" {
		return ""
	}
	return " to " + recipient
}
