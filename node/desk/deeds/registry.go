// Package deeds does what acts say. Everything that somebody does is an act with an assertion: it is verified against the register of officers and used
// up, its cases are moved, and the assertion is written beside their leaves, in ONE transaction, together with the messages that the act sends. The same
// idempotency key gives the same answer.
//
// A kind of message that takes two people is first put before an approver (VERB_DRAFT), with its bytes and salts frozen; what the approver signs
// (VERB_APPROVE) is what leaves. What is approved and can have no number yet waits and is released.
package deeds

import (
	"log/slog"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/node/desk/attachments"
	"github.com/rogatory/rogatory/node/desk/house"
	"github.com/rogatory/rogatory/node/desk/officers"
	"github.com/rogatory/rogatory/node/desk/proofreading"
	"github.com/rogatory/rogatory/node/desk/reading"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
)

// Config is what a Registry works with.
type Config struct {
	Node     *configs.Node
	Store    *store.Store
	Officers *officers.Register
	House    *house.House
	Proof    *proofreading.Reader
	Reading  *reading.Room
	Files    *attachments.Shelf
	Logger   *slog.Logger
}

// A Registry does the acts of a node's officers and agencies. Its methods may be called by several goroutines.
type Registry struct {
	cfg    Config
	office *post.Office // set once, before anything is served
	held   heldCounts   // of approved messages without a number
}

// New returns the registry of a node.
func New(cfg Config) *Registry {
	return &Registry{cfg: cfg, held: heldCounts{bell: make(chan struct{}, 1)}}
}

// Connect gives it the office that carries its messages. It is called once, before anything is served.
func (d *Registry) Connect(o *post.Office) { d.office = o }

// Held holds something when a message was approved that can have no number yet.
func (d *Registry) Held() <-chan struct{} { return d.held.bell }
