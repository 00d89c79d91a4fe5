package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/replay"
	"github.com/rogatory/rogatory/node/exchange"
)

// ErrOneCountry says that both archives are of one country.
var ErrOneCountry = errors.New("both logs are of one country")

// skew is how far two clocks may differ, in ms.
const skew = 120_000

// Options say how two logs are reconciled.
type Options struct {
	// Anchor is what the auditor trusts.
	Anchor *audit.Anchor
	// Workers of the replays; 0 means one a core.
	Workers int
	// Logs alone leaves the states of cases out, for which both logs are replayed.
	LogsAlone bool
	// Progress, when set, is called with the number of leaves done, of both.
	Progress func(done int64)
}

// A Divergence shows the first thing in which two logs differ, side by side: their leaves, empty for what is not there.
type Divergence struct {
	Finding audit.Finding `json:"finding"`
	A       string        `json:"a"`
	B       string        `json:"b"`
}

// Result is what two logs come to.
type Result struct {
	Status   audit.Status    `json:"status"`
	A        string          `json:"a"` // origins
	B        string          `json:"b"`
	Messages int64           `json:"messages"` // that both hold
	Heads    int64           `json:"heads"`    // that were held against the other's tree
	Cases    int64           `json:"cases"`    // whose states were compared
	Findings []audit.Finding `json:"-"`
	First    *Divergence     `json:"first,omitempty"`
}

// Line is the last line of a reconciliation.
func (r *Result) Line() string {
	return fmt.Sprintf("RESULT %s %s %s messages %d heads %d cases %d", r.Status, r.A, r.B, r.Messages, r.Heads, r.Cases)
}

// place is where a message stands in a log.
type place struct {
	index, at int64
	leaf      *translog.Msg
	hash      translog.Hash
	code      string // of a refusal; leaf is nil
}

// claim is a receipt that one holds of the other.
type claim struct {
	own, index int64 // where our rcpt stands, and where the peer's leaf
	at         int64 // of the peer's leaf
	hash       translog.Hash
	whole      bool
	rej        string
}

// head of the other that one holds.
type head struct {
	own, size int64
	root      translog.Hash
	at        int64 // not before this it was there; 0 unknown
	signed    bool  // a checkpoint that its keeper has signed stands behind it
}

// side is what one log says of the other country.
type side struct {
	r       *archive.Reader
	info    archive.Info
	out     map[translog.Hash]*place
	in      map[translog.Hash]*place
	rej     map[translog.Hash]*place
	claims  map[translog.Hash][]claim
	heads   []head
	lastSeq map[int64]int64                   // by epoch, of what was sent
	wits    map[head]bool                     // heads of the other that it cosigned: size and root
	cos     []head                            // heads of its own that the other cosigned
	next    string                            // the other country's newest log behind that, as this log names it
	many    bool                              // the country has other logs beside this one
	stmts   map[translog.Hash][]translog.Hash // attempts that it made to carry its messages
	epoch   int64                             // of the log: what was sent in another one stands in another log
	// elsewhere are messages that another log of the other country has receipted.
	elsewhere map[translog.Hash]bool
	lastAt    int64
	short     bool // it was said that it ends too early

	tile   []archive.Entry // read last
	rootOf int64
	rootIs translog.Hash
}

// entry returns an entry. Receipts stand near one another, so that the tile read last mostly has the next one.
func (s *side) entry(index int64) (archive.Entry, error) {
	if n := index / archive.TileWidth; len(s.tile) == 0 || s.tile[0].Index != n*archive.TileWidth {
		var err error
		if s.tile, err = s.r.Tile(n, s.tile); err != nil {
			s.tile = s.tile[:0]
			return archive.Entry{}, err
		}
	}
	return s.tile[index%archive.TileWidth], nil
}

// root returns the root of the first leaves. All receipts of a bundle stand on one head.
func (s *side) root(size int64) (translog.Hash, error) {
	if s.rootOf != size {
		root, err := tlog.TreeHash(size, s.r.Hashes())
		if err != nil {
			return translog.Hash{}, err
		}
		s.rootOf, s.rootIs = size, translog.Hash(root)
	}
	return s.rootIs, nil
}

type reconciler struct {
	o     *Options
	a, b  *side
	chain *audit.Chain
	list  []audit.Finding
	out   Result
	done  int64
}

// Run reconciles two archives. An error means that one could not be read, or that ctx has ended.
func Run(ctx context.Context, a, b *archive.Reader, o Options) (*Result, error) {
	if a.Info().Country == b.Info().Country {
		return nil, ErrOneCountry
	}
	if a.Info().Limited() || b.Info().Limited() {
		return nil, replay.ErrLimited
	}
	chain, found, err := audit.ReadChain(a, o.Anchor)
	if err != nil {
		return nil, err
	}
	_, more, err := audit.ReadChain(b, o.Anchor)
	if err != nil {
		return nil, err
	}
	x := &reconciler{o: &o, chain: chain, list: append(found, more...)}
	x.out.A, x.out.B = a.Info().Log, b.Info().Log
	if x.a, err = x.read(ctx, a, b.Info()); err != nil {
		return nil, err
	}
	if x.b, err = x.read(ctx, b, a.Info()); err != nil {
		return nil, err
	}
	x.direction(x.a, x.b)
	x.direction(x.b, x.a)
	if !o.LogsAlone {
		if err := x.states(ctx); err != nil {
			return nil, err
		}
	}
	x.out.Findings = audit.Sort(x.list)
	x.out.Status = audit.Judge(x.out.Findings)
	return &x.out, x.first()
}

// short notes, once, that an export ends too early to say something.
func (x *reconciler) short(s *side, detail, wanted, found string) {
	if !s.short {
		s.short = true
		other := x.a
		if s == x.a {
			other = x.b
		}
		if other.next != "" {
			detail = fmt.Sprintf("%s was closed, as after a rollback, and goes on as %s, in which to look for what was lost and came back: %s", s.info.Log, other.next, detail)
		}
		x.note(audit.CodeUnknown, s, -1, detail, wanted, found)
	}
}

func (x *reconciler) note(code audit.Code, s *side, index int64, detail, wanted, found string) {
	x.list = append(x.list, audit.Finding{Code: code, Log: s.info.Log, Index: index, Detail: detail, Wanted: wanted, Found: found})
}

// read collects what a log says of another country.
func (x *reconciler) read(ctx context.Context, r *archive.Reader, other archive.Info) (*side, error) {
	s := &side{
		r: r, info: r.Info(), out: map[translog.Hash]*place{}, in: map[translog.Hash]*place{}, rej: map[translog.Hash]*place{},
		claims: map[translog.Hash][]claim{}, lastSeq: map[int64]int64{}, elsewhere: map[translog.Hash]bool{},
		wits: map[head]bool{}, stmts: map[translog.Hash][]translog.Hash{},
	}
	var tile []archive.Entry
	for n := range r.Tiles() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if tile, err = r.Tile(n, tile); err != nil {
			var f *archive.FormatError
			if !errors.As(err, &f) {
				return nil, err
			}
			x.note(audit.Code(f.Code), s, n*archive.TileWidth, f.Error(), "", "")
			continue
		}
		for i := range tile {
			leaf, err := translog.ParseLeaf(tile[i].Leaf)
			if err != nil {
				continue // audit.Verify says so
			}
			s.lastAt = max(s.lastAt, leaf.At)
			x.entry(s, other, &tile[i], leaf)
		}
		if x.done += int64(len(tile)); x.o.Progress != nil {
			x.o.Progress(x.done)
		}
	}
	return s, nil
}

func (x *reconciler) entry(s *side, other archive.Info, e *archive.Entry, leaf translog.Leaf) {
	p := &place{index: e.Index, at: leaf.At}
	switch k := leaf.Entry.(type) {
	case *translog.Genesis:
		s.epoch = k.Epoch
		s.many = s.many || k.PrevLog != ""
	case *translog.Msg:
		p.leaf = k
		switch {
		case k.Dir == translog.Out && k.To == other.Country && s.out[k.Msg] == nil:
			s.out[k.Msg] = p
			s.lastSeq[k.Epoch] = max(s.lastSeq[k.Epoch], k.Seq)
		case k.Dir == translog.In && k.From == other.Country && s.in[k.Msg] == nil:
			p.hash = translog.LeafHash(e.Leaf)
			s.in[k.Msg] = p
		}
	case *translog.Rej:
		if k.From == other.Country && s.rej[k.Msg] == nil {
			p.hash, p.code = translog.LeafHash(e.Leaf), k.Code
			s.rej[k.Msg] = p
		}
	case *translog.Rcpt:
		s.behind(other, k.Log)
		if k.Log != other.Log {
			s.elsewhere[k.Of] = true
			return
		}
		c := claim{own: e.Index, index: k.Index, whole: k.Whole, rej: k.Rej}
		if raw := e.Side("leaf"); raw != nil {
			c.hash = translog.LeafHash(raw)
			if of, err := translog.ParseLeaf(raw); err == nil {
				c.at = of.At
			}
		}
		s.claims[k.Of] = append(s.claims[k.Of], c)
		h := head{own: e.Index, size: k.Size, root: k.Root, at: c.at}
		if note := e.Side("checkpoint"); note != nil {
			if keys := x.chain.Log(k.Log); keys != nil {
				cp, err := translog.ParseCheckpoint(note, keys)
				h.signed = err == nil && cp.Size == k.Size && cp.Root == k.Root
			}
		}
		s.heads = append(s.heads, h)
	case *translog.Reseal:
		s.stmts[k.Of] = append(s.stmts[k.Of], k.Stmt)
	case *translog.Cos:
		if slices.Contains(k.By, witnessOf(other)) {
			s.cos = append(s.cos, head{own: e.Index, size: k.Size, root: k.Root, at: leaf.At})
		}
	case *translog.Wit:
		s.behind(other, k.Log)
		if k.Log == other.Log {
			s.wits[head{size: k.Size, root: k.Root}] = true
			s.heads = append(s.heads, head{own: e.Index, size: k.Size, root: k.Root, at: k.Time * 1000})
		}
	}
}

// behind notes that a log of the other country goes on from the one at hand.
func (s *side) behind(other archive.Info, log string) {
	stem := path.Dir(other.Log)
	if log == other.Log || path.Dir(log) != stem {
		return
	}
	at, err1 := strconv.ParseUint(path.Base(other.Log), 10, 32)
	next, err2 := strconv.ParseUint(path.Base(log), 10, 32)
	newest, _ := strconv.ParseUint(path.Base(s.next), 10, 32)
	if err1 == nil && err2 == nil && next > max(at, newest) {
		s.next = strings.Clone(log)
	}
}

// direction holds what one has sent and holds of the other against the other's log.
func (x *reconciler) direction(from, to *side) {
	for _, name := range sorted(from.out) {
		x.sent(from, to, name, from.out[name])
	}
	for _, name := range sorted(to.in) {
		got := to.in[name]
		if from.out[name] != nil || got.leaf.Epoch != from.epoch && from.epoch != 0 {
			continue // the latter stands in the log of its epoch
		}
		if got.leaf.Seq > from.lastSeq[got.leaf.Epoch] && got.at+skew > from.lastAt {
			x.short(from, "the export ends before a message that the other has: "+name.String(), "", fmt.Sprint(got.index))
			continue
		}
		x.note(audit.CodeAbsentOwn, from, -1, fmt.Sprintf("message %d/%d to %s, which the other received", got.leaf.Epoch, got.leaf.Seq, to.info.Country), name.String(),
			fmt.Sprintf("%s at %d", to.info.Log, got.index))
	}
	for _, h := range from.heads {
		x.head(from, to, &h)
	}
	x.witnessed(from, to)
}

// witnessOf is the name by which a country cosigns: that of its log without kind and number, and `witness`.
func witnessOf(i archive.Info) string {
	return strings.TrimSuffix(path.Dir(i.Log), "/log") + "/witness"
}

// witnessed judges that the other has logged what it cosigned. What it did in another log of its stands there.
func (x *reconciler) witnessed(from, to *side) {
	if to.many || from.next != "" {
		return
	}
	for _, h := range from.cos {
		switch {
		case to.wits[head{size: h.size, root: h.root}]:
		case h.at+skew > to.lastAt:
			x.short(to, "the export ends before a head of "+from.info.Country+" that it cosigned", fmt.Sprint(h.size), "")
		default:
			x.note(audit.CodeAbsentPeer, from, h.own, fmt.Sprintf("a head of %d leaves that %s cosigned and has not logged", h.size, to.info.Country), h.root.String(), "")
		}
	}
}

// sent judges one message that was sent.
func (x *reconciler) sent(from, to *side, name translog.Hash, m *place) {
	claims := from.claims[name]
	there, refused := to.in[name], to.rej[name]
	for i := range claims {
		x.receipt(from, to, name, &claims[i])
	}
	switch {
	case there != nil:
		x.out.Messages++
		x.attempt(from, to, name, m, there)
		if !translog.SameMessage(m.leaf, there.leaf) || m.leaf.Size != there.leaf.Size {
			x.note(audit.CodeDiff, from, m.index, fmt.Sprintf("message %s stands at %d of %s", name, there.index, to.info.Log), saying(m.leaf), saying(there.leaf))
		}
	case refused != nil:
		x.out.Messages++
	case len(claims) == 0 && from.elsewhere[name]:
		return
	case len(claims) > 0:
		ends := true
		for _, c := range claims {
			ends = ends && c.index >= to.info.Size
		}
		if ends {
			return // receipt says that the export ends before
		}
		x.note(audit.CodeAbsentPeer, from, m.index, "a message that "+to.info.Country+" has receipted", name.String(), "")
		return
	case len(claims) == 0:
		for other, p := range to.in {
			if p.leaf.Epoch == m.leaf.Epoch && p.leaf.Seq == m.leaf.Seq {
				x.note(audit.CodeDiff, from, m.index, fmt.Sprintf("number %d/%d is another message in %s", m.leaf.Epoch, m.leaf.Seq, to.info.Log), name.String(), other.String())
				return
			}
		}
	}
	if len(claims) == 0 && !from.elsewhere[name] {
		x.note(audit.CodeUnreceipted, from, m.index, "no receipt of "+to.info.Country, name.String(), "")
	}
}

func saying(m *translog.Msg) string {
	return fmt.Sprintf("%d/%d after %s, docket %s, content %s, %d bytes", m.Epoch, m.Seq, m.Prev, m.DocketCommit, m.ContentCommit, m.Size)
}

// attempt judges that the sender has logged the attempt by which its message arrived. Attempts of another log stand there.
func (x *reconciler) attempt(from, to *side, name translog.Hash, m, there *place) {
	if from.many || m.leaf.FirstAt != 0 || there.leaf.FirstAt != 0 || there.leaf.Stmt == m.leaf.Stmt || slices.Contains(from.stmts[name], there.leaf.Stmt) {
		return
	}
	x.note(audit.CodeAbsentOwn, from, m.index, fmt.Sprintf("the attempt by which message %s arrived at %d of %s", name, there.index, to.info.Log), there.leaf.Stmt.String(), "")
}

// receipt judges one receipt that is claimed.
func (x *reconciler) receipt(from, to *side, name translog.Hash, c *claim) {
	if c.index >= to.info.Size {
		x.short(to, fmt.Sprintf("the export ends before leaf %d, for which %s holds a receipt", c.index, from.info.Country), "", fmt.Sprint(to.info.Size))
		return
	}
	e, err := to.entry(c.index)
	if err != nil || e.Leaf == nil {
		return // audit.Verify says what is the matter there
	}
	leaf, err := translog.ParseLeaf(e.Leaf)
	fits := false
	if err == nil {
		switch k := leaf.Entry.(type) {
		case *translog.Msg:
			fits = k.Msg == name && k.Dir == translog.In && c.rej == "" && !c.whole
		case *translog.Rej:
			fits = k.Msg == name && c.rej == k.Code
		case *translog.Whole:
			fits = k.Msg == name && c.whole
		}
	}
	if hash := translog.LeafHash(e.Leaf); !fits || !c.hash.IsZero() && c.hash != hash {
		x.note(audit.CodeRcptOther, from, c.own, fmt.Sprintf("the receipt for %s is leaf %d of %s", name, c.index, to.info.Log), c.hash.String(), hash.String())
	}
}

// head judges a head of the other that one holds.
func (x *reconciler) head(from, to *side, h *head) {
	switch {
	case h.size > to.info.Size && h.at != 0 && to.lastAt > h.at+skew:
		x.note(audit.CodeRollback, to, -1, fmt.Sprintf("%s held a head of %d leaves at %d, and the log has leaves that are younger", from.info.Country, h.size, h.own),
			fmt.Sprint(h.size), fmt.Sprint(to.info.Size))
		return
	case h.size > to.info.Size:
		x.short(to, fmt.Sprintf("the export ends before a head that %s holds", from.info.Country), fmt.Sprint(h.size), fmt.Sprint(to.info.Size))
		return
	case h.size == 0:
		return
	}
	x.out.Heads++
	root, err := to.root(h.size)
	if err != nil || root == h.root {
		return // audit.Verify says what is the matter with the tiles
	}
	code := audit.CodeHead
	if h.signed {
		code = audit.CodeFork
	}
	x.note(code, from, h.own, fmt.Sprintf("a head of %d leaves that %s never had", h.size, to.info.Log), root.String(), h.root.String())
}

func sorted(m map[translog.Hash]*place) []translog.Hash {
	list := make([]translog.Hash, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	slices.SortFunc(list, func(a, b translog.Hash) int { return cmp.Compare(m[a].index, m[b].index) })
	return list
}

// states replays both logs and compares the cases of which all messages are on both sides.
func (x *reconciler) states(ctx context.Context) error {
	var saved [2]*replay.Saved
	for i, s := range []*side{x.a, x.b} {
		res, err := replay.Run(ctx, s.r, replay.Options{Anchor: x.o.Anchor, Workers: x.o.Workers})
		if err != nil {
			return err
		}
		saved[i] = res.Saved() // its findings are replay's to tell
	}
	for _, k := range saved[0].Cases {
		a, ok1 := saved[0].Case(k.Token)
		b, ok2 := saved[1].Case(k.Token)
		if !ok1 || !ok2 || a.Peer != x.b.info.Country || b.Peer != x.a.info.Country || a.Kind == exchange.KindJoint || !x.arrived(&a, &b) {
			continue
		}
		x.out.Cases++
		if a.Shared() != b.Shared() {
			x.note(audit.CodeState, x.a, lastIndex(&a), "case "+k.Token+" in "+x.b.info.Log, string(a.Shared()), string(b.Shared()))
		}
		if heard(&a, &b) && a.Due() != b.Due() && a.State.Open() == b.State.Open() {
			x.note(audit.CodeDeadline, x.a, lastIndex(&a), "the next limit of case "+k.Token+" in "+x.b.info.Log, fmt.Sprint(a.Due()), fmt.Sprint(b.Due()))
		}
	}
	return nil
}

func lastIndex(c *exchange.Case) int64 {
	if n := len(c.Messages); n > 0 {
		return int64(c.Messages[n-1].Index)
	}
	return -1
}

// arrived reports whether both logs hold all messages of a case, and none is refused or waits.
func (x *reconciler) arrived(a, b *exchange.Case) bool {
	if len(a.Waiting) != 0 || len(b.Waiting) != 0 {
		return false
	}
	for _, c := range []*exchange.Case{a, b} {
		for i := range c.Messages {
			m := &c.Messages[i]
			name := translog.Hash(m.Name)
			if m.Rejected || !x.a.holds(name) || !x.b.holds(name) {
				return false
			}
		}
	}
	return true
}

func (s *side) holds(name translog.Hash) bool { return s.out[name] != nil || s.in[name] != nil }

// heard reports whether both sides hold the same times of receipt.
func heard(a, b *exchange.Case) bool {
	if len(a.Messages) != len(b.Messages) {
		return false
	}
	for i := range a.Messages {
		if m, _ := b.Message(a.Messages[i].Name); m.Received != a.Messages[i].Received || m.Received == 0 {
			return false
		}
	}
	return true
}

// first shows the first divergence, by the log of a.
func (x *reconciler) first() error {
	for _, f := range x.out.Findings {
		if f.Code[0] != 'E' {
			continue
		}
		d := &Divergence{Finding: f}
		own, other, text, back := x.a, x.b, &d.A, &d.B
		if f.Log == x.b.info.Log {
			own, other, text, back = x.b, x.a, &d.B, &d.A
		}
		if f.Index >= 0 {
			e, err := own.r.Entry(f.Index)
			if err == nil {
				*text = string(e.Leaf)
				if leaf, err := translog.ParseLeaf(e.Leaf); err == nil {
					*back = other.counterpart(leaf)
				}
			}
		} else if name, err := translog.ParseHash(f.Wanted); err == nil {
			if p := other.in[name]; p != nil {
				if e, err := other.r.Entry(p.index); err == nil {
					*back = string(e.Leaf)
				}
			}
		}
		x.out.First = d
		return nil
	}
	return nil
}

// counterpart returns the leaf that answers to another log's.
func (s *side) counterpart(leaf translog.Leaf) string {
	index := int64(-1)
	switch k := leaf.Entry.(type) {
	case *translog.Msg:
		for _, m := range []map[translog.Hash]*place{s.in, s.out, s.rej} {
			if p := m[k.Msg]; p != nil {
				index = p.index
			}
		}
	case *translog.Rcpt:
		index = k.Index
	}
	if index < 0 || index >= s.info.Size {
		return ""
	}
	e, err := s.r.Entry(index)
	if err != nil {
		return ""
	}
	return string(e.Leaf)
}
