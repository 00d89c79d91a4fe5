package backbone

import (
	"strings"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/call"
)

const subjectPrefix = "rogatory.v1."

// laneMail is the lane of mailboxes, beside those of package call: the fourth token of a subject.
const laneMail call.Lane = "mail"

const statementsStream = "STATEMENTS"

func subject(to string, l call.Lane, from string) string {
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
	return from, transport.CheckCountry(from)
}
