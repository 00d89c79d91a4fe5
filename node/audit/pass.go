package audit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/federation"
)

// specification is what a log of this version follows.
const specification = "rogatory-log-1"

// A pass takes the leaves in their order and judges what concerns several of them. One goroutine owns it.
type pass struct {
	*report
	r       *archive.Reader
	info    archive.Info
	chain   *Chain
	book    *book
	limited bool

	next   int64
	tree   grower
	lastAt int64
	times  ring  // `at` of the latest leaves
	last   int64 // latest leaf that a head must stand behind

	genesis   *translog.Genesis
	goesOn    bool // the log follows another, whose entries it may name
	directory inForceDirectory
	members   map[string]*inForce
	named     map[[32]byte]bool // manifests that the log has named
	proven    map[*logKeys]bool
	witnesses map[string]bool // texts of proven witness keys
	signers   map[*keyring.PublicKey]bool
	register  *federation.Register

	messages *names
	lanes    map[laneKey]*lane
	strings  map[string]uint16
	heads    heads
	cosigned map[string]translog.Checkpoint // largest head of each log that we cosigned
	dockets  map[short]struct{}             // commitments whose dockets are there
	buried   map[short]struct{}             // names and commitments whose dockets a tombstone names
	missing  []lost                         // dockets to be looked for when all is read
	best     int64                          // size of the largest head with a quorum
	seconded bool                           // some other member has cosigned a head
	rooted   bool                           // the head in the archive is signed, and of this tree
	checked  map[[32]byte]bool              // limited archives: manifests that lead to the directory
}

type laneKey struct {
	from, to uint16
	epoch    int64
}

type inForceDirectory struct {
	now, before *federation.Directory
	since       int64
	named       translog.Hash // digest that the log named last, known or not
}

// inForce is the manifest of a member at this point of the log, and the one before it.
type inForce struct {
	now         *federation.Manifest
	said, had   *statement
	since       int64
	lastVersion uint64
}

type lost struct {
	index  int64
	name   short
	commit short
}

func newPass(r *archive.Reader, chain *Chain, b *book, rep *report) *pass {
	return &pass{
		report: rep, r: r, info: r.Info(), chain: chain, book: b, limited: r.Info().Limited(), last: -1,
		members: map[string]*inForce{}, named: map[[32]byte]bool{}, proven: map[*logKeys]bool{}, witnesses: map[string]bool{}, signers: map[*keyring.PublicKey]bool{},
		messages: newNames(), lanes: map[laneKey]*lane{}, strings: map[string]uint16{}, cosigned: map[string]translog.Checkpoint{},
		dockets: map[short]struct{}{}, buried: map[short]struct{}{}, checked: map[[32]byte]bool{},
	}
}

// id returns a small number for a country or log.
func (p *pass) id(s string) uint16 {
	n, ok := p.strings[s]
	if ok {
		return n
	}
	if n = uint16(len(p.strings) + 1); n >= maxStrings {
		if n == maxStrings {
			p.note(CodeSchema, p.next, "more countries and logs than any federation has", fmt.Sprintf("at most %d", maxStrings), "")
			p.strings[strings.Clone(s)] = maxStrings
		}
		return maxStrings
	}
	p.strings[strings.Clone(s)] = n
	return n
}

// maxStrings bounds how many countries and logs are told apart: 64 members keep up to a thousand logs each in the course of time, and
// nobody all of them.
const maxStrings = 60_000

// take takes the next tile.
func (p *pass) take(t *tile) error {
	if t.err != nil {
		return t.err
	}
	p.add(t.findings...)
	for i := range t.items {
		it := &t.items[i]
		p.tree.add(it.hash, it.hashed)
		if err := p.leaf(it); err != nil {
			return err
		}
		p.next++
	}
	return p.tree.compare(p.r, p.report, p.info.Size)
}

// leaf judges one leaf.
func (p *pass) leaf(it *item) error {
	if it.leaf.Entry == nil {
		p.times.put(p.next, p.lastAt)
		p.last = p.next
		return nil
	}
	l := &it.leaf
	if l.At < p.lastAt {
		p.note(CodeTime, p.next, "the leaf is older than the one before it", fmt.Sprintf("from %d", p.lastAt), fmt.Sprint(l.At))
	}
	p.lastAt = max(p.lastAt, l.At)
	p.times.put(p.next, l.At)
	switch e := l.Entry.(type) {
	case *translog.Wit, *translog.Cos:
	case *translog.Node:
		if e.Event != translog.NodeStop {
			p.last = p.next
		}
	default:
		p.last = p.next
	}
	if _, ok := l.Entry.(*translog.Genesis); p.next == 0 && !ok && !p.limited {
		p.note(CodeHead, 0, "the log does not begin with a genesis", "genesis", l.Kind)
	}
	switch e := l.Entry.(type) {
	case *translog.Genesis:
		p.begin(it, e)
	case *translog.Dir:
		return p.dir(it, e)
	case *translog.Msg:
		p.msg(it, e)
	case *translog.Reseal:
		p.reseal(it, e)
	case *translog.Rcpt:
		p.rcpt(it, e)
	case *translog.Whole:
		p.whole(e)
	case *translog.Rej:
		p.rej(it, e)
	case *translog.Wit:
		p.wit(e)
	case *translog.Cos:
		p.cos(it, e)
	case *translog.Actor:
		p.actor(it)
	case *translog.Case:
		p.docket(it, e.Docket, translog.Hash{})
	case *translog.Erase:
		p.bury(it, e)
	case *translog.Time:
		p.headOf("time token", e.Size, e.Root)
	}
	return nil
}

// begin judges the first leaf against the directory that it names.
func (p *pass) begin(it *item, e *translog.Genesis) {
	p.genesis, p.goesOn = e, e.PrevLog != ""
	if e.Log != p.info.Log || e.Country != p.info.Country {
		p.note(CodeHead, 0, "the genesis is another log's", p.info.Country+" "+p.info.Log, e.Country+" "+e.Log)
	}
	if e.Spec != specification {
		p.note(CodeUnknown, 0, "the log follows another specification", specification, e.Spec)
	}
	if want, ok := p.chain.Genesis(p.info.Log); ok && want != it.hash {
		p.note(CodeHead, 0, "the genesis is not the one that the directory names", want.String(), it.hash.String())
	}
	d := p.chain.Digest(e.Directory)
	p.directory.named = e.Directory
	if d == nil {
		p.note(CodeKey, 0, "the genesis names a directory that does not lead to the auditor's", "", e.Directory.String())
		d = p.chain.Newest()
	}
	p.directory.now = d
	m, err := d.Member(p.info.Country)
	if err != nil {
		p.note(CodeKey, 0, "the log's country: "+err.Error(), "", "")
		return
	}
	if want := foundersOf(m); !slices.Equal(want, e.Founders) {
		p.note(CodeKey, 0, "founders are not those of the directory", fmt.Sprint(want), fmt.Sprint(e.Founders))
	}
	if p.register, err = federation.NewRegister(d, p.info.Country); err != nil {
		p.note(CodeKey, 0, err.Error(), "", "")
	}
}

// dir takes a version of the directory, or a manifest, that is in force from here on.
func (p *pass) dir(it *item, e *translog.Dir) error {
	if e.What == translog.DirDirectory {
		p.takeDirectory(it, e)
		return nil
	}
	return p.takeManifest(it, e)
}

func (p *pass) takeDirectory(it *item, e *translog.Dir) {
	d := p.chain.Digest(e.Digest)
	known := p.chain.Version(uint64(e.Version))
	switch {
	case d != nil && d.Version() != uint64(e.Version):
		p.note(CodeKey, p.next, "version of the directory", fmt.Sprint(d.Version()), fmt.Sprint(e.Version))
	case d != nil:
	case known != nil:
		p.note(CodeKey, p.next, fmt.Sprintf("directory %d is not the one that leads to the auditor's", e.Version), hexOf(known.Digest()), hexOf(e.Digest))
	case uint64(e.Version) > p.chain.anchor:
		p.note(CodeUnknown, p.next, fmt.Sprintf("directory %d is newer than the auditor's, and not in the archive", e.Version), "", hexOf(e.Digest))
	default:
		p.note(CodeMissing, p.next, fmt.Sprintf("directory %d is not in the archive", e.Version), hexOf(e.Digest), "")
	}
	if !e.Prev.IsZero() && !p.limited && !p.goesOn && e.Prev != p.directory.named {
		p.note(CodeKey, p.next, "the directory before is another one", p.directory.named.String(), e.Prev.String())
	}
	p.directory.named = e.Digest
	if d == nil {
		return
	}
	now := p.directory.now
	if now != nil && d.Version() < now.Version() {
		p.note(CodeKey, p.next, "an older directory came into force again", fmt.Sprintf("from %d", now.Version()), fmt.Sprint(d.Version()))
		return
	}
	p.directory.before, p.directory.now, p.directory.since = now, d, it.leaf.At
	if p.register != nil {
		next, err := p.register.Follow(d)
		if err != nil {
			p.note(CodeKey, p.next, "register: "+err.Error(), "", "")
			return
		}
		p.register = next
	}
}

func (p *pass) takeManifest(it *item, e *translog.Dir) error {
	signed, err := p.r.Manifest(e.Digest)
	if err != nil {
		f, ok := formatFinding(err)
		if !ok {
			return err
		}
		f.Index = p.next
		p.add(f)
		return nil
	}
	said := p.book.manifests[e.Digest]
	if said == nil {
		return nil // it was found malformed
	}
	p.named[e.Digest] = true
	cur := p.members[e.Member]
	if cur == nil {
		cur = &inForce{}
		p.members[strings.Clone(e.Member)] = cur
	}
	if e.Member != said.country || uint64(e.Version) != said.version {
		p.note(CodeKey, p.next, "the leaf says something else than the manifest", fmt.Sprintf("%s %d", said.country, said.version), fmt.Sprintf("%s %d", e.Member, e.Version))
		return nil
	}
	switch {
	case p.limited: // the manifest before may lie outside
	case cur.now != nil && e.Prev != translog.Hash(cur.now.Digest()):
		p.note(CodeKey, p.next, "the manifest before is another one", translog.Hash(cur.now.Digest()).String(), e.Prev.String())
	case cur.now == nil && !e.Prev.IsZero() && !p.goesOn && cur.lastVersion == 0:
		p.note(CodeKey, p.next, "the first manifest of a member names one before it", "", e.Prev.String())
	}
	m, err := p.parse(signed, it.leaf.At, cur.now)
	if err != nil {
		cur.lastVersion = said.version
		p.note(CodeKey, p.next, fmt.Sprintf("manifest %d of %s: %v", said.version, said.country, err), "", "")
		return nil
	}
	cur.now, cur.had, cur.said, cur.since = m, cur.said, said, it.leaf.At
	p.prove(said)
	if head, _, ok := m.Head(); ok {
		p.seen(head)
	}
	return nil
}

// parse judges a manifest as the node had to, a moment before it wrote the leaf.
func (p *pass) parse(signed []byte, at int64, have *federation.Manifest) (m *federation.Manifest, err error) {
	dirs := []*federation.Directory{p.directory.now, p.directory.before}
	if p.directory.now == nil {
		dirs = []*federation.Directory{p.chain.Newest()}
	}
	for _, d := range dirs {
		for _, t := range []int64{at, at - skew} {
			if d == nil {
				continue
			}
			got, bad := federation.ParseManifest(signed, d, time.UnixMilli(t), have)
			if bad == nil {
				return got, nil
			}
			if err == nil {
				err = bad
			}
		}
	}
	return nil, err
}

// prove notes the keys of a manifest that leads to the directory.
func (p *pass) prove(s *statement) {
	p.proven[s.log] = true
	p.witnesses[s.witness] = true
	for _, id := range s.identities {
		p.signers[id.key] = true
	}
}

// current returns the manifests of a country that a leaf of this time may go by.
func (p *pass) current(country string, at int64) []*statement {
	cur := p.members[country]
	if cur == nil || cur.said == nil {
		return nil
	}
	list := []*statement{cur.said}
	if cur.had != nil && cur.since+skew >= at {
		list = append(list, cur.had)
	}
	return list
}

// signer judges the key that a statement was signed with: it stood in a manifest that was in force here. version is 0 where the leaf says none.
func (p *pass) signer(it *item, country string, version int64) {
	at := it.leaf.At
	if p.limited {
		p.signerAlone(it, country, version)
		return
	}
	list := p.current(country, at)
	if len(list) == 0 {
		p.note(CodeKey, p.next, "no manifest of "+country+" is in force", "", "")
		return
	}
	if version != 0 && !slices.ContainsFunc(list, func(s *statement) bool { return s.version == uint64(version) }) {
		p.note(CodeKey, p.next, "manifest of "+country, fmt.Sprint(list[0].version), fmt.Sprint(version))
		return
	}
	if it.key != nil && !slices.ContainsFunc(list, func(s *statement) bool { return s.has(it.key, at) }) {
		p.note(CodeKey, p.next, fmt.Sprintf("key %s of %s is not in force here", it.key.KID(), country), "", "")
	}
}

// signerAlone judges a key in a limited archive, where the leaves that name manifests may lie outside: some manifest of that time that leads to
// the directory by itself has the key.
func (p *pass) signerAlone(it *item, country string, version int64) {
	if it.key == nil {
		return
	}
	for _, s := range p.book.manifests {
		if s.country == country && (version == 0 || s.version == uint64(version)) && s.has(it.key, it.leaf.At) && p.leads(s) {
			return
		}
	}
	p.note(CodeKey, p.next, fmt.Sprintf("no manifest in the archive leads key %s of %s to the directory", it.key.KID(), country), "", "")
}

// leads reports whether a manifest leads to the directory that it names, or to the newest, by itself.
func (p *pass) leads(s *statement) bool {
	ok, known := p.checked[s.digest]
	if known {
		return ok
	}
	if signed, err := p.r.Manifest(s.digest); err == nil {
		for _, d := range []*federation.Directory{p.chain.Version(s.directory), p.chain.Newest()} {
			if d != nil && !ok {
				_, err := federation.ParseManifest(signed, d, time.UnixMilli(s.made), nil)
				ok = err == nil
			}
		}
	}
	if p.checked[s.digest] = ok; ok {
		p.prove(s)
	}
	return ok
}

// trusted reports whether keys of a log lead to the directory: a directory names them, or a manifest that does.
func (p *pass) trusted(k *logKeys) bool {
	if k == nil || p.proven[k] {
		return true
	}
	if p.limited {
		for _, s := range p.book.manifests {
			if s.log == k && p.leads(s) {
				return true
			}
		}
	}
	return false
}

// actor puts an enrolment on the register, whose signatures it must have.
func (p *pass) actor(it *item) {
	if it.enrolment == nil || p.register == nil || p.limited {
		return
	}
	next, err := p.register.Enrol(it.enrolment, time.UnixMilli(it.leaf.At))
	switch {
	case err == nil:
		p.register = next
	case errors.Is(err, federation.ErrSignature), errors.Is(err, keyring.ErrSignature):
		p.note(CodeLeafSig, p.next, err.Error(), "", "")
	default:
		p.note(CodeRight, p.next, err.Error(), "", "")
	}
}

// A ring holds the times of the latest leaves.
type ring struct {
	at   []int64
	next int64
}

const ringSize = 1 << 16

func (g *ring) put(index, at int64) {
	if g.at == nil {
		g.at = make([]int64, ringSize)
	}
	g.at[index%ringSize], g.next = at, index+1
}

func (g *ring) get(index int64) (int64, bool) {
	if index < 0 || index >= g.next || index < g.next-ringSize {
		return 0, false
	}
	return g.at[index%ringSize], true
}

// A grower grows the tree from the hashes of the leaves, and holds the hashes of its upper levels against the archive's tiles.
type grower struct {
	edge   translog.Edge
	stored []translog.Hash
	levels [6][]translog.Hash // of each level of tiles: those not yet compared
	done   [6]int64
	broken bool // a leaf's hash is not known
}

func (g *grower) add(h translog.Hash, known bool) {
	if g.broken = g.broken || !known; g.broken {
		return
	}
	var err error
	if g.stored, err = g.edge.Append(g.stored[:0], h); err != nil {
		g.broken = true
		return
	}
	for level := 1; 8*level < len(g.stored) && level < len(g.levels); level++ {
		g.levels[level] = append(g.levels[level], g.stored[8*level])
	}
}

// compare holds the full hashes of upper levels against the archive, those of a tile at once. The level of the leaves is compared leaf by leaf.
func (g *grower) compare(r *archive.Reader, rep *report, size int64) error {
	for level := 1; level < len(g.levels); level++ {
		n := g.done[level]
		whole := len(g.levels[level]) == archive.TileWidth || g.edge.Size() == size
		if len(g.levels[level]) == 0 || !whole || g.broken {
			continue
		}
		indexes := make([]int64, len(g.levels[level]))
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(8*level, n+int64(i))
		}
		hashes, err := r.Hashes().ReadHashes(indexes)
		if err != nil {
			f, ok := formatFinding(err)
			if !ok {
				return err
			}
			rep.add(f)
		}
		for i := range hashes {
			if h := translog.Hash(hashes[i]); h != g.levels[level][i] {
				first := (n + int64(i)) << (8 * level)
				rep.note(CodeRoot, first, fmt.Sprintf("hash of %d leaves in a tile of level %d", int64(1)<<(8*level), level), g.levels[level][i].String(), h.String())
			}
		}
		g.done[level] += int64(len(g.levels[level]))
		g.levels[level] = g.levels[level][:0]
	}
	return nil
}

// listed returns the hashes of a list beside a leaf, or in it.
func listed(of []translog.Hash, beside []byte) []translog.Hash {
	for ; len(beside) >= translog.HashSize; beside = beside[translog.HashSize:] {
		of = append(of, translog.Hash(beside))
	}
	return of
}

// bury notes what a tombstone says was destroyed.
func (p *pass) bury(it *item, e *translog.Erase) {
	if !slices.Contains(e.What, "docket") {
		return
	}
	for _, h := range listed(slices.Clone(e.Of), it.list) {
		p.buried[shorten(h)] = struct{}{}
	}
}

// docket notes that a docket is there, or is to be looked for.
func (p *pass) docket(it *item, commit, name translog.Hash) {
	if it.docket {
		p.dockets[shorten(commit)] = struct{}{}
		return
	}
	if _, ok := p.dockets[shorten(commit)]; ok && name.IsZero() {
		return
	}
	p.missing = append(p.missing, lost{p.next, shorten(name), shorten(commit)})
}

// dig looks for the dockets that were not beside their leaves.
func (p *pass) dig() {
	if p.limited {
		return // the leaf that has it may lie outside
	}
	for _, l := range p.missing {
		_, there := p.dockets[l.commit]
		_, byName := p.buried[l.name]
		_, byCommit := p.buried[l.commit]
		if l.name != (short{}) {
			there = false // a message has its own
		}
		if !there && !byName && !byCommit {
			p.note(CodeMissing, l.index, "the docket is not here, and no tombstone says that it was erased", "docket", "")
		}
	}
}
