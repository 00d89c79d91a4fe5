// Package desk is where people and agencies meet their node: it serves rogatory.node.v1.DeskService, composes what they sign, and looks after what falls
// due by time: cases that close or come up for review, messages without a receipt, attachments that may go, dockets whose term is over.
//
// # What an act goes through
//
//	Prepare   lint, derive the docket, draw the salts, compose the act; nothing is stored but, in a case, that it was read for it
//	(client)  recompute the commitments, sign the act
//	Commit    parse, verify, lint again; ONE transaction: nonce, case, leaves, messages
//
// Nobody is asked to sign what Commit would refuse.
//
// # Its rooms
//
//	deeds         does what acts say
//	intake        judges what comes in, inside the transactions of package post
//	reading       shows officers their cases; supervision shows supervisors who looked, and what is held
//	erasure       destroys what nobody may keep
//	standing      notes in the log how all cases stand
//	drafts        messages that wait with frozen bytes
//	attachments   the files that go with messages
//	proofreading  what the linter is told of recipients and quotations
//	tokens        case tokens for clients
//	house         the rules for what is sent
//	officers      the register
//	casefile      a case as the store holds it: all that moves a case does so here
//	refusal       what people are told
//
// Each imports only rooms below it, and none the desk.
package desk

import (
	"context"
	"log/slog"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/node/desk/attachments"
	"github.com/rogatory/rogatory/node/desk/deeds"
	"github.com/rogatory/rogatory/node/desk/erasure"
	"github.com/rogatory/rogatory/node/desk/house"
	"github.com/rogatory/rogatory/node/desk/intake"
	"github.com/rogatory/rogatory/node/desk/officers"
	"github.com/rogatory/rogatory/node/desk/proofreading"
	"github.com/rogatory/rogatory/node/desk/reading"
	"github.com/rogatory/rogatory/node/desk/standing"
	"github.com/rogatory/rogatory/node/desk/supervision"
	"github.com/rogatory/rogatory/node/desk/tokens"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

// Config is what a Desk works with.
type Config struct {
	Node   *configs.Node
	Store  *store.Store
	Peers  *peers.Book
	Logger *slog.Logger
}

// Desk serves officers and agencies. Its methods may be called by several goroutines.
type Desk struct {
	*intake.Clerk // what comes in

	cfg    Config
	log    *slog.Logger
	office *post.Office // set once, before anything is served
	files  *attachments.Shelf

	officers *officers.Register
	records  supervision.Records
	house    *house.House
	proof    *proofreading.Reader
	reading  *reading.Room
	tokens   *tokens.Book
	deeds    *deeds.Registry

	standing *standing.Noter   // owned by Run
	shredder *erasure.Shredder // owned by Run

	// Pull is called when a message has arrived whose attachments are to be fetched; nil fetches them when somebody asks.
	Pull func()
	// FetchNow fetches an attachment of an arrived message from the peer; nil cannot.
	FetchNow func(ctx context.Context, id []byte) error
}

// New returns a desk with the register that the store holds.
func New(cfg Config) (*Desk, error) {
	d := &Desk{
		cfg: cfg, log: cfg.Logger, tokens: tokens.New(cfg.Store, cfg.Node.Country), proof: proofreading.New(cfg.Store, cfg.Peers, cfg.Logger),
		standing: standing.New(cfg.Store), shredder: erasure.New(cfg.Store, cfg.Logger), files: attachments.New(cfg.Node, cfg.Store, cfg.Logger),
	}
	var err error
	if d.officers, err = officers.Open(cfg.Node, cfg.Store, cfg.Peers.Directory()); err != nil {
		return nil, err
	}
	d.records = supervision.Records{Store: cfg.Store, Officers: d.officers, Logger: cfg.Logger}
	d.reading = reading.New(cfg.Store, d.officers, cfg.Logger)
	if d.house, err = house.Open(cfg.Node, cfg.Store, cfg.Peers.Directory()); err != nil {
		return nil, err
	}
	d.Clerk = intake.New(intake.Config{Node: cfg.Node, Store: cfg.Store, Peers: cfg.Peers, Files: d.files, House: d.house, Logger: cfg.Logger})
	d.deeds = deeds.New(deeds.Config{
		Node: cfg.Node, Store: cfg.Store, Officers: d.officers, House: d.house, Proof: d.proof, Reading: d.reading, Files: d.files, Logger: cfg.Logger,
	})
	if err := d.house.Note(); err != nil {
		return nil, err
	}
	// Nothing is served yet: what lies in the folder and is not on the list is what a crash has left.
	return d, cfg.Store.SweepBlobs()
}

// Connect gives the desk the office that carries its messages. It is called once, before anything is served.
func (d *Desk) Connect(o *post.Office) {
	d.office = o
	d.deeds.Connect(o)
}

// Follow takes over founders and rules of a new directory, which commit logs and notes with officers.NoteDirectory.
func (d *Desk) Follow(dir *federation.Directory, commit func() error) error {
	rules, err := d.house.Under(dir)
	if err != nil {
		return err
	}
	return d.officers.Follow(dir, func() error {
		if err := commit(); err != nil {
			return err
		}
		d.house.Follow(rules)
		return nil
	})
}

// Run looks after what falls due until ctx ends: messages that nobody receipts, cases that close by time, approved messages that could not
// be sent, attachments that nobody needs, nonces that have expired.
func (d *Desk) Run(ctx context.Context) error {
	ticker := time.NewTicker(min(d.cfg.Node.Round, time.Minute))
	defer ticker.Stop()
	var tidied time.Time
	for {
		// Before anything else: the term of dockets may have ended, and what they say stands in the snapshot.
		if err := d.standing.Note(ctx); err != nil {
			d.log.Error("noting the state of the cases failed", "err", err)
		}
		if err := d.wake(ctx, time.Now()); err != nil {
			d.log.Error("looking after what is due failed", "err", err)
		}
		if err := d.shredder.StayErased(ctx); err != nil {
			d.log.Error("erasing again what came back failed", "err", err)
		}
		if err := d.Release(ctx); err != nil {
			d.log.Error("an approved message could not be sent; it is tried again", "err", err)
		}
		if time.Since(tidied) >= tidyEvery {
			if err := d.tidy(ctx, time.Now()); err != nil {
				d.log.Error("tidying failed", "err", err)
			}
			tidied = time.Now()
		}
		select {
		case <-ticker.C:
		case <-d.files.Awaited():
			d.pull(ctx)
		case <-d.office.Confirmations():
		case <-d.deeds.Held():
		case <-ctx.Done():
			return nil
		}
	}
}

// pull has attachments fetched that a transaction has noted which may not be committed yet. The one that does nothing comes after it.
func (d *Desk) pull(ctx context.Context) {
	if _, err := d.cfg.Store.Update(ctx, func(*store.Tx) error { return nil }); err == nil && d.Pull != nil {
		d.Pull()
	}
}

var _ nodev1.DeskServiceServer = (*Desk)(nil)
var _ post.Desk = (*Desk)(nil)
