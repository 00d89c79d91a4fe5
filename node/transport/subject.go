package transport

import (
	"fmt"
	"strings"
)

const subjectPrefix = "rogatory.v1."

// A lane is the fourth token of a subject.
type lane string

const (
	laneMail  lane = "mail"
	laneCall  lane = "call"
	laneReply lane = "reply"
)

const statementsStream = "STATEMENTS"

func subject(to string, l lane, from string) string {
	return subjectPrefix + to + "." + string(l) + "." + from
}

func statementSubject(kind, from string) string {
	return subjectPrefix + "all." + kind + "." + from
}

func mailStream(country string) string { return "MAIL_" + country }

func inboxPrefix(country string) string { return "_INBOX_" + country }

// sender returns the last token of a subject, which the backbone lets only that country publish.
func sender(subject string) (string, error) {
	from := subject[strings.LastIndexByte(subject, '.')+1:]
	return from, checkCountry(from)
}

// checkCountry accepts two capital letters: nothing that has a meaning in a subject, stream name or config.
func checkCountry(code string) error {
	if len(code) == 2 && capital(code[0]) && capital(code[1]) {
		return nil
	}
	if len(code) > 8 {
		code = code[:8]
	}
	return fmt.Errorf("%q: %w", code, ErrCountry)
}

// checkPeer accepts every country but self.
func checkPeer(self, peer string) error {
	if peer == self {
		return fmt.Errorf("%s is this node: %w", self, ErrCountry)
	}
	return checkCountry(peer)
}

func capital(b byte) bool { return 'A' <= b && b <= 'Z' }

func checkKind(kind string) error {
	if len(kind) >= 1 && len(kind) <= 16 && strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz") == "" {
		return nil
	}
	return ErrKind
}
