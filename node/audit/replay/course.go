package replay

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/exchange/rules"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A course goes through the log in its order. It knows what is common to all cases, and gives each step to the folder that has its case.
type course struct {
	r      *archive.Reader
	chain  *audit.Chain
	o      *Options
	size   int64 // where it ends
	from   int64 // where the folding begins
	parser *parser
	report report
	// verified is what the integrity of the archive came to, when that was asked for.
	verified *audit.Result

	folders []*folder
	batches [][]task

	done, last int64
	country    string
	world      *world
	versions   []*rogatoryv1.Directory
	shelves    map[string][]*shelved // by country, oldest first
	hours      map[string][]int64    // when messages of a peer were logged within the last hour
	pending    map[translog.Hash]*message
	receipted  *receipt        // by the leaf before
	returned   *message        // by the leaf before: ours, given back after a rollback
	erasing    *line           // the last step that erases, until its tombstones are over
	tombed     []translog.Hash // what they name
	transfers  *line           // the step before, if it hands a case over
	began      int64           // when the log began
	awake      beats
	again      map[translog.Hash]bool                // messages that were erased again after a recovery
	asked      map[translog.Hash]federation.Question // by messages that ask, sent and not yet receipted
	refuse     map[[32]byte][]*rogatoryv1.Rule       // rules that refuse, by directory
	sent       sentMessages
	notices    map[translog.Hash]notice // those sent that nobody has released yet
	governance map[string]bool          // tokens of notices
	used       [2]map[[16]byte][8]byte  // nonces and uses of assertions, of the present day and the one before
	usedDay    int64
	tombs      map[translog.Hash]bool // names and commitments whose dockets are said to be destroyed

	opening opening

	own, claimed [32]byte // the state of all cases at the last state leaf: as folded, and as the log says
}

// A world is what steps are judged by at one point of the log. It is not modified after it was made.
type world struct {
	register *federation.Register
	dir      *federation.Directory
	before   *federation.Directory // the version before dir, which decisions under way may still have gone by
	since    int64                 // when dir came
	rules    rules.Rules
	house    rules.House
	goesOn   bool // from another log, in which cases may have begun
	opened   bool // and all of them stand at its beginning
}

// beats count the hours in which a node has provably run: it has written a leaf, and another an hour later at least, and was not started between them. One that
// sleeps counts once.
type beats struct {
	last int64
	n    uint32
}

func (b *beats) leaf(l *translog.Leaf) {
	if e, ok := l.Entry.(*translog.Node); ok && e.Event == translog.NodeStart {
		b.last = l.At
	} else if l.At-b.last >= hour {
		b.last, b.n = l.At, b.n+1
	}
}

// over reports whether a node that had something to do at a time must have done it: hours ago.
func (b *beats) over(since uint32) bool { return b.n >= since+3 }

const hour = 3_600_000

func newCourse(r *archive.Reader, chain *audit.Chain, o *Options, size int64) *course {
	c := &course{
		r: r, chain: chain, o: o, size: size, country: r.Info().Country,
		parser:  &parser{r: r, verified: o.Verify},
		report:  report{log: r.Info().Log},
		world:   &world{},
		shelves: map[string][]*shelved{}, hours: map[string][]int64{}, pending: map[translog.Hash]*message{},
		notices: map[translog.Hash]notice{}, governance: map[string]bool{}, tombs: map[translog.Hash]bool{}, again: map[translog.Hash]bool{},
		asked: map[translog.Hash]federation.Question{}, refuse: map[[32]byte][]*rogatoryv1.Rule{},
	}
	c.used[0], c.used[1] = map[[16]byte][8]byte{}, map[[16]byte][8]byte{}
	for range o.Workers {
		c.folders = append(c.folders, newFolder(r.Info().Log, c.country))
	}
	c.batches = make([][]task, len(c.folders))
	return c
}

// begin takes over a saved state.
func (c *course) begin() error {
	if err := c.findBase(); err != nil {
		return err
	}
	for _, f := range c.folders {
		f.base = c.opening.base
	}
	if c.o.From == nil {
		return nil
	}
	return c.resume(c.o.From)
}

// root is the root of the tree of all leaves that were read; zero when the archive's hashes do not give it.
func (c *course) root() translog.Hash { return c.rootAt(c.done) }

func (c *course) rootAt(size int64) translog.Hash {
	if size == 0 {
		return translog.Hash{}
	}
	h, err := tlog.TreeHash(size, c.r.Hashes())
	if err != nil {
		return translog.Hash{}
	}
	return translog.Hash(h)
}

// seed spreads cases over folders; which folder has a case changes nothing in the result.
var seed = maphash.MakeSeed()

func (c *course) folderOf(token string) int {
	return int(maphash.String(seed, token) % uint64(len(c.folders)))
}

func (c *course) give(t task) {
	t.world, t.skip = c.world, c.done < c.from
	i := c.folderOf(t.token)
	c.batches[i] = append(c.batches[i], t)
}

// flush hands the collected tasks over.
func (c *course) flush(ctx context.Context) error {
	for i, f := range c.folders {
		if len(c.batches[i]) == 0 {
			continue
		}
		select {
		case f.in <- c.batches[i]:
		case <-ctx.Done():
			return ctx.Err()
		}
		c.batches[i] = make([]task, 0, len(c.batches[i])) // the next tile has about as many
	}
	return nil
}

func (c *course) close() {
	for _, f := range c.folders {
		close(f.in)
	}
}

// take goes through one tile. more is false when the replay ends within it.
func (c *course) take(ctx context.Context, t *tile) (more bool, err error) {
	for _, f := range t.findings {
		c.report.note(f.Code, f.Index, f.Detail, f.Wanted, f.Found)
	}
	for i := range t.lines {
		l := &t.lines[i]
		if l.leaf.Entry != nil && c.o.Until != 0 && l.leaf.At >= c.o.Until {
			return false, c.flush(ctx)
		}
		if err := c.line(ctx, l); err != nil {
			return false, err
		}
		c.done = l.index + 1
		if l.leaf.Entry != nil {
			c.last = max(c.last, l.leaf.At)
		}
	}
	if c.o.Progress != nil {
		c.o.Progress(c.done)
	}
	return true, c.flush(ctx)
}

func (c *course) line(ctx context.Context, l *line) error {
	c.unreceipted(l)
	c.effectless(l)
	c.tombless(l)
	transfers := c.transfers
	if c.transfers = nil; transfers != nil {
		if e, ok := l.leaf.Entry.(*translog.Op); !ok || e.Verb != translog.Transfer {
			c.note(audit.CodeRight, transfers.index, "handed over without a line in the statutory log", translog.Transfer, "")
		}
	}
	if c.world.goesOn {
		c.awake.leaf(&l.leaf)
		if taken, err := c.pastOpening(ctx, l); taken || err != nil {
			return err
		}
	}
	switch e := l.leaf.Entry.(type) {
	case *translog.Genesis:
		c.directory(l, e.Directory)
		w := *c.world
		w.goesOn = e.PrevLog != ""
		c.world, c.began = &w, l.leaf.At
	case *translog.Dir:
		if e.What == translog.DirDirectory {
			c.directory(l, e.Digest)
		} else {
			c.shelve(e, l.leaf.At)
		}
	case *translog.Policy:
		c.policy(l, e)
	case *translog.Actor:
		c.enrol(l)
	case *translog.Msg:
		c.message(l, e)
	case *translog.Rej:
		c.count(e.From, l.leaf.At)
		c.refusal(l, e)
	case *translog.Rcpt:
		if !e.Whole {
			c.receipt(l, e)
		}
	case *translog.Case:
		c.step(l, e)
	case *translog.Op:
		c.op(l, e, transfers)
	case *translog.Erase:
		c.erase(l, e)
	case *translog.State:
		return c.state(ctx, l, e)
	}
	return nil
}

// judged reports whether findings are to be made here: what lies before a saved state was judged when it was made.
func (c *course) judged() bool { return c.done >= c.from }

func (c *course) note(code audit.Code, index int64, detail, wanted, found string) {
	if c.judged() {
		c.report.note(code, index, detail, wanted, found)
	}
}

func (c *course) enrol(l *line) {
	if c.world.register == nil {
		return
	}
	next, err := c.world.register.Enrol(l.record, time.UnixMilli(l.leaf.At))
	if errors.Is(err, federation.ErrUnknownOfficer) && c.world.goesOn && !c.world.opened {
		return // the opening has whoever the log before enrolled, and this enrolment, too
	}
	if err != nil {
		c.note(audit.CodeRight, l.index, "enrolment: "+err.Error(), "", "")
		return
	}
	c.attested(l)
	w := *c.world
	w.register = next
	c.world = &w
}

// attested judges who signed an enrolment, by the words of its leaf.
func (c *course) attested(l *line) {
	e := l.leaf.Entry.(*translog.Actor)
	p, err := federation.ParseEnrolment(l.record)
	if err != nil {
		return // it is not on the register
	}
	event := "enrol"
	if p.GetRevoked() {
		event = "revoke"
	}
	var by []string
	for _, a := range p.GetAssertions() {
		if act, err := federation.ParseAct(a.GetAct()); err == nil {
			by = append(by, act.GetActor())
		}
	}
	slices.Sort(by)
	if e.Event != event || !slices.Equal(e.By, by) {
		c.note(audit.CodeRight, l.index, "the leaf says something else of an enrolment than those who signed it", event+" by "+strings.Join(by, ", "), e.Event+" by "+strings.Join(e.By, ", "))
	}
}

// reused notes that an assertion stands behind something, and reports whether it, or another act with its nonce, stood behind the same before. What is
// older than a day need not be remembered: an act that old is too late.
func (c *course) reused(d *deed, event, token string, of translog.Hash) bool {
	if d == nil {
		return false
	}
	if day := c.last / (24 * hour); day != c.usedDay {
		c.used[0], c.used[1] = map[[16]byte][8]byte{}, c.used[0]
		c.usedDay = day
	}
	mine := [8]byte(d.digest[:8])
	nonce := [16]byte(d.act.GetNonce())
	other := false
	for i := range c.used {
		if before, ok := c.used[i][nonce]; ok {
			other = other || before != mine
		}
	}
	c.used[0][nonce] = mine
	use := [16]byte(hashOf(d.digest[:], []byte(event), []byte{0}, []byte(token), []byte{0}, of[:]).head())
	for i := range c.used {
		if _, ok := c.used[i][use]; ok {
			return true
		}
	}
	c.used[0][use] = mine
	return other
}

// ask has each folder do something between two of its tasks, and waits.
func (c *course) ask(ctx context.Context, do func(*folder)) error {
	done := make(chan struct{}, len(c.folders))
	for _, f := range c.folders {
		select {
		case f.in <- []task{{kind: taskAsk, do: func() { do(f); done <- struct{}{} }}}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for range c.folders {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
