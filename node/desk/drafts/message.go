package drafts

import (
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/post"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A Message is one that is about to be sent, parsed and checked.
type Message struct {
	Out       *nodev1.Outgoing // as the client has composed it
	Docket    *rogatoryv1.Docket
	Content   *rogatoryv1.Content
	Target    *rogatoryv1.ActTarget // what an act says of it
	contentID uint64                // of the content, when the store has it already
}

// Parse reads a message that a client or a draft holds.
func Parse(out *nodev1.Outgoing) (*Message, error) {
	m := &Message{Out: out}
	var err error
	if m.Target, err = TargetOf(out); err != nil {
		return nil, err
	}
	if m.Docket, err = casefile.ParseDocket(out.GetDocket()); err != nil {
		return nil, err
	}
	m.Content, err = casefile.ParseContent(out.GetContent())
	return m, err
}

// Outgoing is what the office carries.
func (m *Message) Outgoing(unit string) post.Outgoing {
	return post.Outgoing{
		To: m.Out.GetTo(), CaseToken: m.Docket.GetCaseToken(), Unit: unit, ContentID: m.contentID,
		Docket:  envelope.Part{Bytes: m.Out.GetDocket(), Salt: envelope.Salt(m.Out.GetDocketSalt())},
		Content: envelope.Part{Bytes: m.Out.GetContent(), Salt: envelope.Salt(m.Out.GetContentSalt())},
	}
}

// Commit is the commitment to its docket, under which a draft of it stands in its case.
func (m *Message) Commit() translog.Hash { return translog.Hash(m.Target.GetDocketCommit()) }

// Salted is the docket with its salt, as it stands beside a leaf.
func (m *Message) Salted() []byte { return slices.Concat(m.Out.GetDocketSalt(), m.Out.GetDocket()) }

// TargetOf is what an act says of a message.
func TargetOf(m *nodev1.Outgoing) (*rogatoryv1.ActTarget, error) {
	docket, err := casefile.ParseDocket(m.GetDocket())
	if err != nil {
		return nil, err
	}
	if len(m.GetDocketSalt()) != 32 || len(m.GetContentSalt()) != 32 {
		return nil, fmt.Errorf("a message to %s without salts of 32 bytes: %w", m.GetTo(), refusal.ErrRequest)
	}
	d := envelope.Commit(envelope.Salt(m.GetDocketSalt()), envelope.Docket, m.GetDocket())
	c := envelope.Commit(envelope.Salt(m.GetContentSalt()), envelope.Content, m.GetContent())
	return &rogatoryv1.ActTarget{To: m.GetTo(), Unit: docket.GetToUnit(), DocketCommit: d[:], ContentCommit: c[:]}, nil
}

// Message is a draft as something to be sent; its content is kept already.
func (d *Draft) Message() (*Message, error) {
	m, err := Parse(d.Out)
	if err != nil {
		return nil, err
	}
	m.contentID = d.row.GetContentId()
	return m, nil
}
