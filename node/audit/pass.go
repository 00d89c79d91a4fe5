package audit

import (
	"fmt"
	"slices"
	"strings"

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
	opening   int  // how far its opening has come
	raw       []byte
	endorsed  []byte // what stands beside the genesis of a log that goes on
	vouched   bool   // an identity key of a manifest has signed that
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
	sealings map[short]struct{}             // statements of attempts
	buried   map[short]struct{}             // names and commitments whose dockets a tombstone names
	missing  []lost                         // dockets to be looked for when all is read
	best     int64                          // size of the largest head with a quorum
	timed    Timed                          // the newest time token that holds
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
		dockets: map[short]struct{}{}, sealings: map[short]struct{}{}, buried: map[short]struct{}{}, checked: map[[32]byte]bool{},
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
	if p.goesOn {
		p.open(it)
	}
	switch e := l.Entry.(type) {
	case *translog.Wit, *translog.Cos, *translog.Time:
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
		return p.time(it, e)
	}
	return nil
}

// begin judges the first leaf against the directory that it names.
func (p *pass) begin(it *item, e *translog.Genesis) {
	p.genesis, p.goesOn = e, e.PrevLog != ""
	p.raw, p.endorsed = it.raw, it.endorsed
	if !p.goesOn && it.endorsed != nil {
		p.note(CodeExtra, 0, "an endorsement beside the genesis of a first log", "", "")
	}
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
