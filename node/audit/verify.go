package audit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Options say how to verify. The zero value is good.
type Options struct {
	// Workers that check tiles at once; 0: one for each core. The result is the same for any number.
	Workers int
	// Progress is told how many leaves are done, from one goroutine, now and then; nil: nobody is.
	Progress func(done, total int64)
	// Also, when set, is shown every tile that is read, so that who wants more of it need not read it again. Several goroutines call it;
	// tiles are begun in order, and it may wait while earlier ones are under way. Nothing is to be modified, and nothing of entries kept, to which snapshots
	// refer too; leaves, messages and assertions may be. Of a tile that cannot be read there are no entries.
	Also func(n int64, entries []archive.Entry, reads []Read)
}

// A Read is a leaf, and what stands beside it where that is what the leaf names. What is nil was not there, or not that, or was not read.
type Read struct {
	Leaf      translog.Leaf // Entry is nil when it cannot be read
	Docket    bool          // the docket is the one that the leaf commits to
	Message   *rogatoryv1.Message
	Assertion *rogatoryv1.Assertion
	Receipt   *translog.Leaf // the peer's
	Snapshot  []exchange.Changed
}

// A scratch is the memory of one goroutine for its tiles.
type scratch struct {
	tile   archive.Buffer
	reads  []Read
	joined []byte                           // a signature that was put together
	begun  map[byte]envelope.BegunSignature // signatures that leaves of the tile share, by offset
}

// Verify checks the integrity of an archive. The error is one of reading or of ctx; what is wrong with the archive is in the Result.
func Verify(ctx context.Context, r *archive.Reader, a *Anchor, o Options) (*Result, error) {
	info := r.Info()
	rep := &report{log: info.Log, status: OK}
	for _, f := range append(r.Extra(), r.Missing()...) {
		found, _ := formatFinding(f)
		rep.add(found)
	}
	chain, found, err := ReadChain(r, a)
	if err != nil {
		return nil, fmt.Errorf("verifying %s: %w", info.Log, err)
	}
	rep.add(found...)
	b, err := readBook(r, rep)
	if err != nil {
		return nil, fmt.Errorf("verifying %s: %w", info.Log, err)
	}
	w := &worker{r: r, info: info, chain: chain, book: b, roots: &envelope.Verifier{}, also: o.Also}
	p := newPass(r, chain, b, rep)
	if err := w.all(ctx, o, p.take); err != nil {
		return nil, fmt.Errorf("verifying %s: %w", info.Log, err)
	}
	if err := p.end(w); err != nil {
		return nil, fmt.Errorf("verifying %s: %w", info.Log, err)
	}
	return p.result(), nil
}

// all makes every tile, several at once, and gives them to take in their order. A bounded number is in memory.
func (w *worker) all(ctx context.Context, o Options, take func(*tile) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	workers := o.Workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	type job struct {
		n    int64
		made chan *tile
	}
	jobs, order := make(chan job), make(chan chan *tile, 2*workers)
	go func() {
		defer close(order)
		defer close(jobs)
		for n := range w.r.Tiles() {
			j := job{n, make(chan *tile, 1)}
			select {
			case order <- j.made:
			case <-ctx.Done():
				return
			}
			select {
			case jobs <- j:
			case <-ctx.Done():
				return
			}
		}
	}()
	for range workers {
		running.Go(func() {
			var s scratch
			for j := range jobs {
				j.made <- w.make(j.n, &s)
			}
		})
	}
	var done int64
	for made := range order {
		select {
		case t := <-made:
			if err := take(t); err != nil {
				return err
			}
			done += int64(len(t.items))
			w.done(t)
			if o.Progress != nil {
				o.Progress(done, w.info.Size)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}

// end judges what takes the whole log: the root, the newest head, what was looked for in vain.
func (p *pass) end(w *worker) error {
	p.dig()
	p.unreceipted()
	p.unendorsed()
	p.root()
	if err := p.unnamed(); err != nil {
		return err
	}
	if err := p.newest(w); err != nil {
		return err
	}
	if err := p.keys(); err != nil {
		return err
	}
	if err := p.forks(w); err != nil {
		return err
	}
	p.unwitnessed()
	return nil
}

// root holds the tree against what archive.json says.
func (p *pass) root() {
	if p.tree.broken {
		p.note(CodeRoot, -1, "the root cannot be computed: leaves and their hashes are missing", "", "")
		return
	}
	if root := p.tree.edge.Root(); p.info.Size > 0 && root != p.info.Root {
		p.note(CodeRoot, -1, "root in archive.json", root.String(), p.info.Root.String())
	}
}

// newest judges the newest head.
func (p *pass) newest(w *worker) error {
	note, err := p.r.Checkpoint()
	if err != nil {
		if f, ok := formatFinding(err); !ok || f.Code != CodeMissing { // what is missing is found already
			if !ok {
				return err
			}
			p.add(f)
		}
		return nil
	}
	cp, by, keys, err := w.open(p.info.Log, note, p.book.witnesses)
	switch {
	case errors.Is(err, ErrUnknownLog):
		p.note(CodeKey, -1, "newest head: "+err.Error(), "", "")
		return nil
	case errors.Is(err, translog.ErrCanon), errors.Is(err, translog.ErrNote):
		p.note(CodeCanon, -1, "newest head: "+err.Error(), "", "")
		return nil
	case err != nil:
		p.note(CodeHead, -1, "newest head: "+err.Error(), "", "")
		return nil
	case !p.trusted(keys):
		p.note(CodeKey, -1, "newest head: the keys of this log do not lead to the directory", "", "")
		return nil
	}
	if cp.Size != p.info.Size {
		p.note(CodeHead, -1, "newest head has another size than the archive", fmt.Sprint(p.info.Size), fmt.Sprint(cp.Size))
		return nil
	}
	root := p.tree.edge.Root()
	if p.tree.broken {
		return nil
	}
	if cp.Root != root {
		p.note(CodeRoot, -1, "the entries do not hash to the root that the log signed", cp.Root.String(), root.String())
		return nil
	}
	p.rooted = true
	c := &cosigned{cp, by, keys}
	if p.countersigned(c) >= p.quorum() {
		p.best = max(p.best, cp.Size)
	}
	return nil
}

// keys holds the keys in the archive against those that the directory gives to the log.
func (p *pass) keys() error {
	v, err := p.r.Keys()
	if err != nil {
		if f, ok := formatFinding(err); !ok {
			return err
		} else if f.Code != CodeMissing {
			p.add(f)
		}
		return nil
	}
	want := p.chain.Log(p.info.Log)
	for _, k := range p.book.logs[p.info.Log] {
		if want == nil && p.trusted(k) {
			want = k.v
		}
	}
	if want == nil {
		return nil
	}
	ed, pq := v.VKeys()
	if wantEd, wantPQ := want.VKeys(); ed != wantEd || pq != wantPQ {
		p.note(CodeKey, -1, "log.vkey has other keys than the directory gives to this log", "", "")
	}
	return nil
}

// unreceipted notes messages without a receipt.
func (p *pass) unreceipted() {
	if p.limited {
		return
	}
	for i := range p.messages.count {
		if m := p.messages.at(i); m.what == sentMsg && m.rcptOf == 0 {
			p.note(CodeUnreceipted, m.index, fmt.Sprintf("message %s has no receipt", m.name), "", "")
		}
	}
}

// unendorsed notes that no identity key stands behind a log that goes on from another.
func (p *pass) unendorsed() {
	switch {
	case !p.goesOn || p.vouched:
	case p.endorsed == nil:
		p.note(CodeMissing, 0, "no endorsement is beside the genesis of a log that follows another", "endorsement", "")
	default:
		p.note(CodeLeafSig, 0, "no identity key of a manifest in this log has endorsed its genesis", "", "")
	}
}

// unnamed judges manifests that no leaf names. One that is newer than all that the log names of its member may have been learned after the
// newest head; a log that goes on from another, or a limited archive, has those that are named elsewhere. All of them are signed.
func (p *pass) unnamed() error {
	for _, digest := range p.r.Manifests() {
		s := p.book.manifests[digest]
		if s == nil || p.named[digest] {
			continue
		}
		cur := p.members[s.country]
		if !p.limited && !p.goesOn && cur != nil && cur.said != nil && s.version <= cur.said.version {
			p.note(CodeExtra, -1, fmt.Sprintf("manifest %x of %s, which no leaf names", digest[:], s.country), "", "")
			continue
		}
		signed, err := p.r.Manifest(digest)
		if err != nil {
			f, ok := formatFinding(err)
			if !ok {
				return err
			}
			p.add(f)
			continue
		}
		d := p.chain.Version(s.directory)
		if d == nil {
			d = p.chain.Newest()
		}
		if _, err := federation.KnownManifest(signed, d, digest); err != nil {
			p.note(CodeKey, -1, fmt.Sprintf("manifest %x, which no leaf names: %v", digest[:], err), "", "")
		}
	}
	return nil
}

// unwitnessed notes from where on no quorum stands behind the log.
func (p *pass) unwitnessed() {
	if p.info.Size > 0 && p.best <= p.last {
		p.note(CodeUnwitnessed, p.best, "no head behind which a quorum stands holds these leaves", "", fmt.Sprintf("%d leaves", p.last+1-p.best))
	}
}

func (p *pass) result() *Result {
	res := &Result{
		Status: p.status, Log: p.info.Log, Size: p.info.Size, Root: p.info.Root, Assurance: NoAssurance, Witnessed: p.best,
		Findings: Sort(p.list), Left: p.left,
	}
	if !p.tree.broken && p.info.Size > 0 {
		res.Root = p.tree.edge.Root()
	}
	for _, f := range res.Findings {
		if f.Code == CodeRoot {
			return res
		}
	}
	res.Timed = p.timed
	res.Assurance = A0
	switch {
	case !p.rooted:
	case !p.seconded:
		res.Assurance = A1
	case p.best <= p.last:
		res.Assurance = A2
	case p.timed.Size <= p.last:
		res.Assurance = A3
	default:
		res.Assurance = A4
	}
	return res
}
