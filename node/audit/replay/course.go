package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/exchange"
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
	rules    exchange.Rules
	house    exchange.House
	goesOn   bool // from another log, in which cases may have begun
	opened   bool // and all of them stand at its beginning
}

// A message is what the log says of one whose step has not come yet.
type message struct {
	index, at int64
	leaf      *translog.Msg
	docket    *rogatoryv1.Docket
	submitted int64
	hour      uint32   // messages of its sender within the hour before
	sender    *shelved // its sender's manifest, nil when the log has named none
	own       []*shelved
}

// A notice has no steps: a line of the statutory log says who released it.
type notice struct {
	index  int64
	leaf   *translog.Msg
	docket *rogatoryv1.Docket
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

// A receipt is what a `rcpt` leaf says.
type receipt struct {
	index, at int64
	of        translog.Hash
	peerAt    int64
	rejected  bool
	known     bool // the peer's leaf stands beside it
}

// A shelved manifest was named by the log.
type shelved struct {
	r       *archive.Reader
	digest  [32]byte
	version int64
	at      int64 // when the log named it
	read    *rogatoryv1.Manifest
}

// maxShelved is how many manifests of a country are remembered.
const maxShelved = 64

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

// directory makes a version of the directory the one in force.
func (c *course) directory(l *line, digest translog.Hash) {
	d := c.chain.Digest(digest)
	if d == nil {
		c.note(audit.CodeKey, l.index, "no such directory leads to the auditor's", "", digest.String())
		return
	}
	if c.world.dir != nil && c.world.dir.Digest() == d.Digest() {
		return
	}
	w := *c.world
	w.dir, w.before, w.since = d, c.world.dir, l.leaf.At
	versions := c.versions
	if len(versions) == 0 || versions[len(versions)-1].GetVersion() < d.Version() {
		versions = append(versions, d.Proto())
	}
	rules, err := exchange.RulesOf(versions...)
	if err == nil {
		w.rules = rules
		if w.register == nil {
			w.register, err = federation.NewRegister(d, c.country)
		} else {
			w.register, err = w.register.Follow(d)
		}
	}
	if err != nil {
		c.note(audit.CodeKey, l.index, err.Error(), "", "")
		return
	}
	c.world, c.versions = &w, versions
}

func (c *course) shelve(e *translog.Dir, at int64) {
	list := append(c.shelves[e.Member], &shelved{r: c.r, digest: e.Digest, version: e.Version, at: at})
	if len(list) > maxShelved {
		list = slices.Delete(list, 0, len(list)-maxShelved)
	}
	c.shelves[e.Member] = list
}

// manifest reads it, once; the course alone calls it, before it gives a message to a folder.
func (s *shelved) manifest() *rogatoryv1.Manifest {
	if s.read == nil {
		m, err := readManifest(s.r, s.digest)
		if err != nil {
			m = &rogatoryv1.Manifest{} // audit.Verify reads it too, and says what is the matter
		}
		// Keys are not needed, and a year's manifests would fill the memory.
		s.read = &rogatoryv1.Manifest{Version: m.GetVersion(), MadeMs: m.GetMadeMs(), Units: m.GetUnits(), CapacityPerHour: m.GetCapacityPerHour()}
	}
	return s.read
}

func (c *course) policy(l *line, e *translog.Policy) {
	if e.Name != exchange.HousePolicy {
		c.note(audit.CodeUnknown, l.index, "a policy that this program does not know", exchange.HousePolicy, e.Name)
		return
	}
	if e.Version != l.index && !c.world.goesOn {
		c.note(audit.CodeState, l.index, "the version of a policy is the index of its leaf", fmt.Sprint(l.index), fmt.Sprint(e.Version))
	}
	if l.record == nil {
		c.note(audit.CodeMissing, l.index, "the policy is not beside its leaf", e.Digest.String(), "")
		return
	}
	h, err := exchange.ParseHouse(l.record)
	if err != nil {
		c.note(audit.CodeSchema, l.index, err.Error(), "", "")
		return
	}
	w := *c.world
	w.house = h
	c.world = &w
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

// count notes that a message of a peer was logged.
func (c *course) count(peer string, at int64) {
	list := append(c.hours[peer], at)
	old, _ := slices.BinarySearch(list, at-hour)
	if old > len(list)/2 {
		list = slices.Clone(list[old:])
	}
	c.hours[peer] = list
}

func (c *course) message(l *line, e *translog.Msg) {
	m := &message{index: l.index, at: l.leaf.At, leaf: e, docket: l.docket}
	if l.message != nil {
		m.submitted = int64(l.message.GetSubmittedMs())
	}
	if e.Dir == translog.In {
		list := c.hours[e.From]
		old, _ := slices.BinarySearch(list, m.at-hour)
		m.hour = uint32(len(list) - old)
		c.count(e.From, m.at)
		for _, s := range slices.Backward(c.shelves[e.From]) {
			if s.version == e.ManifestVersion {
				m.sender = s
				break
			}
		}
		m.own = inForce(c.shelves[c.country], m.at)
	}
	token := l.docket.GetCaseToken()
	if l.docket.GetKind() == rogatoryv1.Kind_KIND_GOVERNANCE {
		c.sent.put(e.Msg, sent{token: token, from: e.From, to: e.To})
		c.governance[token] = true
		if e.Dir == translog.Out && e.FirstAt == 0 { // who released what was given back after a rollback stood in the part that was lost
			c.notices[e.Msg] = notice{l.index, e, l.docket}
		}
		return
	}
	if e.Dir == translog.Out && asks(l.docket) {
		c.asked[e.Msg] = federation.Question{Docket: l.docket, From: e.From, To: e.To}
	}
	if e.Msg != (translog.Hash{}) && c.pending[e.Msg] == nil {
		c.pending[e.Msg] = m
		if e.Dir == translog.Out && e.FirstAt != 0 && m.docket != nil {
			c.returned = m
		}
	}
}

func (c *course) receipt(l *line, e *translog.Rcpt) {
	r := &receipt{index: l.index, at: l.leaf.At, of: e.Of}
	if l.receipt != nil {
		r.peerAt = l.receipt.At
		switch p := l.receipt.Entry.(type) {
		case *translog.Msg:
			r.known = p.Msg == e.Of && e.Rej == ""
			if p.FirstAt != 0 {
				r.peerAt = min(r.peerAt, p.FirstAt)
			}
		case *translog.Rej:
			r.known, r.rejected = p.Msg == e.Of && e.Rej == p.Code, true
			c.refused(l, e.Of, p)
		}
	}
	delete(c.asked, e.Of)
	c.receipted = r
}

// unreceipted looks whether the step that a receipt makes has come right after it.
func (c *course) unreceipted(l *line) {
	r := c.receipted
	if r == nil {
		return
	}
	if e, ok := l.leaf.Entry.(*translog.Case); ok && e.Of == r.of && (e.Event == string(exchange.EventReceived) || e.Event == string(exchange.EventRejected)) {
		return // step takes it
	}
	c.receipted = nil
	if s, ok := c.sent.get(r.of); ok && r.known {
		c.give(task{kind: taskReceipt, token: s.token, receipt: r})
	}
}

// tombless looks whether a tombstone has come right after a step that erases.
func (c *course) tombless(l *line) {
	e := c.erasing
	if e == nil {
		return
	}
	if tomb, ok := l.leaf.Entry.(*translog.Erase); ok && e.deed != nil && tomb.Assertion == e.deed.digest {
		return
	}
	c.erasing = nil
	buried := slices.AppendSeq(slices.Clone(c.tombed), maps.Keys(c.again))
	c.give(task{kind: taskBuried, token: e.leaf.Entry.(*translog.Case).Case, line: e, buried: buried})
}

func (c *course) step(l *line, e *translog.Case) {
	t := task{kind: taskStep, token: e.Case, line: l}
	if c.world.goesOn {
		c.opening.tokens[e.Case] = true
	}
	kind, _, _ := strings.Cut(e.Event, ".")
	switch exchange.EventKind(kind) {
	case exchange.EventSent, exchange.EventArrived:
		if m := c.pending[e.Of]; m != nil {
			t.message = m
			delete(c.pending, e.Of)
			known := sent{token: e.Case, from: m.leaf.From, to: m.leaf.To}
			if c.world.goesOn {
				known.hour, known.after = c.awake.n, m.submitted-c.began > federation.ClockSkew.Milliseconds()
			}
			c.sent.put(e.Of, known)
			m.consult()
		}
	case exchange.EventRegister:
		t.message = c.pending[e.Of] // only a message that was given back after a rollback takes a case up by itself
	case exchange.EventReceived, exchange.EventRejected:
		t.receipt, c.receipted = c.receipted, nil
	case exchange.EventErase, exchange.EventEraseItem:
		c.erasing, c.tombed = l, nil
	case exchange.EventForward:
		c.transfers = l
	}
	t.reused = c.reused(l.deed, e.Event, e.Case, e.Of)
	c.give(t)
}

// inForce returns the manifests of a country that may be in force at a time: the newest, and the one before it as long as a decision may have begun under
// that.
func inForce(shelf []*shelved, at int64) []*shelved {
	n := len(shelf)
	if n > 1 && at-shelf[n-1].at <= federation.ClockSkew.Milliseconds() {
		return slices.Clone(shelf[n-2:]) // the shelf goes on changing
	}
	return slices.Clone(shelf[max(0, n-1):])
}

// consult reads the manifests that a decision depends on.
func (m *message) consult() {
	if !asks(m.docket) {
		return
	}
	if m.sender != nil {
		m.sender.manifest()
	}
	for _, s := range m.own {
		s.manifest()
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

// finish looks at what is still open at the end.
func (c *course) finish(ctx context.Context) error {
	end := &line{index: c.done}
	whole := c.done == c.r.Info().Size
	if whole {
		c.unreceipted(end)
		c.effectless(end)
		c.tombless(end)
		for of, n := range c.notices {
			c.report.note(audit.CodeRight, n.index, "a notice that nobody has released", "", of.String())
		}
	}
	for of, m := range c.pending {
		// What a replay that ends early has not reached yet is no finding.
		if m.index >= c.from && (whole || m.index+archive.TileWidth < c.done) && m.docket != nil {
			c.report.note(audit.CodeState, m.index, "a message without its step", fmt.Sprintf("%s of %s", m.leaf.Dir, of), "")
		}
	}
	if err := c.flush(ctx); err != nil {
		return err
	}
	if err := c.ask(ctx, func(*folder) {}); err != nil {
		return err
	}
	if whole {
		c.unfinished()
	}
	return c.missing()
}

// unfinished notes the steps that follow by themselves and have not come before the log ends.
func (c *course) unfinished() {
	for _, f := range c.folders {
		for _, k := range f.cases {
			if len(k.expect) > 0 && !k.lost {
				c.report.note(audit.CodeState, c.done-1, "a step of case "+k.token+" that follows by itself is missing", k.expect[0].event, "")
			}
		}
	}
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

// missing judges the dockets that were not there, now that all tombstones are known.
func (c *course) missing() error {
	all := []gone{}
	for _, f := range c.folders {
		all = append(all, f.gone...)
	}
	if len(all) == 0 {
		return nil
	}
	if err := c.laterTombs(); err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b gone) int { return cmp.Compare(a.index, b.index) })
	told := map[string]bool{}
	for _, g := range all {
		covered := g.judged
		for _, name := range g.names {
			covered = covered || c.tombs[name]
		}
		k := c.folders[c.folderOf(g.token)].cases[g.token]
		switch {
		case !covered:
			c.report.note(audit.CodeMissing, g.index, "the docket is not there, and no tombstone says why", "docket", "")
		case k.lost && (k.dirty || k.hash == [32]byte{}) && !told[g.token]:
			told[g.token] = true
			c.report.note(audit.CodeUnknown, g.index, "a docket of case "+g.token+" is gone by its term, or the case began in the log before, and no later snapshot has it", "", "")
		}
	}
	return nil
}

// laterTombs reads the tombstones that stand after the end of the replay.
func (c *course) laterTombs() error {
	var buf archive.Buffer
	for n := c.done / archive.TileWidth; n*archive.TileWidth < c.r.Info().Size; n++ {
		t, err := c.parser.make(n, c.r.Info().Size, &buf)
		if err != nil {
			return err
		}
		for i := range t.lines {
			if e, ok := t.lines[i].leaf.Entry.(*translog.Erase); ok {
				c.entomb(&t.lines[i], e)
			}
		}
	}
	return nil
}

func (c *course) entomb(l *line, e *translog.Erase) {
	if slices.Contains(e.What, "docket") {
		for _, name := range l.list {
			c.tombs[name] = true
		}
	}
}
