package audit

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rogatory/rogatory/crypto/timestamp"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/federation"
)

// An Anchor is what an auditor trusts: the newest directory that the auditor holds, and those before it, which it leads back to.
// It is safe for concurrent use.
type Anchor struct {
	newest *federation.Directory
	held   map[uint64][]byte // the auditor's own files of earlier versions
	times  *timestamp.Roots  // who is believed about time; nil: nobody

	// Exports of one federation hold the same directories, whose many keys take longer to read than a small log.
	mu   sync.Mutex
	read map[[2][32]byte]*federation.Directory // by SHA-256 of the file and by the digest that it was pinned to
	next map[[2][32]byte]bool                  // files whose signatures follow a directory, by SHA-256 and by that one's digest
}

// NewAnchor makes an anchor of SignedDirectory files that the auditor holds; the newest is trusted as it stands. Each pin is the
// digest of a directory that must be among them.
func NewAnchor(signed [][]byte, pins ...[32]byte) (*Anchor, error) {
	a := &Anchor{held: map[uint64][]byte{}, read: map[[2][32]byte]*federation.Directory{}, next: map[[2][32]byte]bool{}}
	digests := map[[32]byte]bool{}
	for _, b := range signed {
		_, digest, err := federation.ReadDirectory(b)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrAnchor, err)
		}
		d, err := federation.ParseDirectory(b, digest)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrAnchor, err)
		}
		if digests[digest] {
			continue
		}
		digests[digest] = true
		if a.held[d.Version()] != nil {
			return nil, fmt.Errorf("two directories %d: %w", d.Version(), ErrAnchor)
		}
		a.held[d.Version()] = b
		if a.newest == nil || d.Version() > a.newest.Version() {
			a.newest = d
		}
	}
	if a.newest == nil {
		return nil, ErrAnchor
	}
	for _, pin := range pins {
		if !digests[pin] {
			return nil, fmt.Errorf("digest %x: %w", pin[:4], ErrPin)
		}
	}
	return a, nil
}

// maxRead bounds how many directories an Anchor keeps read.
const maxRead = 4096

// parse is [federation.ParseDirectory].
func (a *Anchor) parse(b []byte, digest [32]byte) (*federation.Directory, error) {
	k := [2][32]byte{sha256.Sum256(b), digest}
	a.mu.Lock()
	d := a.read[k]
	a.mu.Unlock()
	if d != nil {
		return d, nil
	}
	d, err := federation.ParseDirectory(b, digest)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.read) < maxRead {
		a.read[k] = d
	}
	return d, nil
}

// follows checks that a directory's signatures make it the next of another.
func (a *Anchor) follows(before *federation.Directory, b []byte) error {
	k := [2][32]byte{sha256.Sum256(b), before.Digest()}
	a.mu.Lock()
	ok := a.next[k]
	a.mu.Unlock()
	if ok {
		return nil
	}
	if _, err := federation.CheckProgress(before, b); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.next) < maxRead {
		a.next[k] = true
	}
	return nil
}

// Newest returns the directory that is trusted as it stands.
func (a *Anchor) Newest() *federation.Directory { return a.newest }

// LogKeys returns the verifier of a log that the newest directory names.
func (a *Anchor) LogKeys(origin string) (*translog.LogVerifier, error) {
	for _, m := range a.newest.Members() {
		if m.Log().Origin() == origin {
			return m.Log(), nil
		}
	}
	return nil, fmt.Errorf("log %s in directory %d: %w", origin, a.newest.Version(), ErrUnknownLog)
}

// A Chain is every directory that an archive and an anchor have together, each led back to the anchor. It is safe for concurrent
// use.
type Chain struct {
	anchor  uint64 // version of the auditor's newest
	byOrder []*federation.Directory
	times   *timestamp.Roots
}

// ReadChain reads the directories of an archive and holds them against the anchor. Versions before the anchor's are named by the
// digests of those after them; versions after it follow by their members' signatures, which the auditor has not agreed to:
// each is a finding W-UNKNOWN. The error is one of reading.
func ReadChain(r *archive.Reader, a *Anchor) (*Chain, []Finding, error) {
	c := &Chain{anchor: a.newest.Version(), byOrder: []*federation.Directory{a.newest}, times: a.times}
	rep := report{log: r.Info().Log}
	have := map[uint64][]byte{}
	for _, v := range r.Directories() {
		b, err := r.Directory(v)
		if err != nil {
			if f, ok := formatFinding(err); ok {
				rep.add(f)
				continue
			}
			return nil, nil, err
		}
		have[v] = b
	}
	if b := have[c.anchor]; b != nil && !bytes.Equal(b, a.held[c.anchor]) {
		if _, digest, err := federation.ReadDirectory(b); err != nil {
			rep.note(CodeCanon, -1, fmt.Sprintf("directory %d: %v", c.anchor, err), "", "")
		} else if digest != a.newest.Digest() {
			rep.note(CodeKey, -1, fmt.Sprintf("directory %d is not the auditor's", c.anchor), hexOf(a.newest.Digest()), hexOf(digest))
		} else if _, err := federation.ParseDirectory(b, digest); err != nil {
			rep.note(CodeKey, -1, fmt.Sprintf("directory %d: %v", c.anchor, err), "", "")
		}
	}
	c.back(a, have, &rep)
	c.signatures(a, have, &rep)
	c.ahead(have, &rep)
	return c, rep.list, nil
}

// signatures verifies every signature under the archive's directories that the one before tells the keys of.
func (c *Chain) signatures(a *Anchor, have map[uint64][]byte, rep *report) {
	for i := 1; i < len(c.byOrder); i++ {
		b := have[c.byOrder[i].Version()]
		if b == nil {
			continue
		}
		if err := a.follows(c.byOrder[i-1], b); err != nil {
			rep.note(CodeKey, -1, fmt.Sprintf("directory %d: %v", c.byOrder[i].Version(), err), "", "")
		}
	}
}

// back adds the versions before the anchor's, as far as they are there.
func (c *Chain) back(a *Anchor, have map[uint64][]byte, rep *report) {
	broken := false
	for v := c.anchor - 1; v > 0; v-- {
		b := have[v]
		if b == nil {
			b = a.held[v]
		}
		if b == nil {
			broken = true
			continue
		}
		if broken {
			if have[v] != nil {
				rep.note(CodeMissing, -1, fmt.Sprintf("directory %d, without which none leads from %d to %d", v+1, c.anchor, v), "", "")
			}
			return
		}
		pinned := [32]byte(c.byOrder[0].Proto().GetPrevious())
		d, err := a.parse(b, pinned)
		if err != nil {
			rep.note(CodeKey, -1, fmt.Sprintf("directory %d: %v", v, err), hexOf(pinned), "")
			return
		}
		c.byOrder = slices.Insert(c.byOrder, 0, d)
	}
}

// ahead adds the versions after the anchor's that its members signed.
func (c *Chain) ahead(have map[uint64][]byte, rep *report) {
	for _, v := range slices.Sorted(keysOf(have)) {
		if v <= c.anchor {
			continue
		}
		last := c.byOrder[len(c.byOrder)-1]
		pb, _, err := federation.ReadDirectory(have[v])
		if err == nil {
			var d *federation.Directory
			if d, err = federation.Advance(last, have[v], time.UnixMilli(int64(pb.GetValidFromMs()))); err == nil {
				c.byOrder = append(c.byOrder, d)
				rep.note(CodeUnknown, -1, fmt.Sprintf("directory %d is newer than the auditor's", v), "", hexOf(d.Digest()))
				continue
			}
		}
		rep.note(CodeKey, -1, fmt.Sprintf("directory %d does not follow: %v", v, err), "", "")
	}
}

// Newest returns the last version of the chain.
func (c *Chain) Newest() *federation.Directory { return c.byOrder[len(c.byOrder)-1] }

// Version returns a version, nil when it is not there.
func (c *Chain) Version(v uint64) *federation.Directory {
	for _, d := range c.byOrder {
		if d.Version() == v {
			return d
		}
	}
	return nil
}

// Digest returns the version with this digest, nil when there is none.
func (c *Chain) Digest(digest [32]byte) *federation.Directory {
	for _, d := range c.byOrder {
		if d.Digest() == digest {
			return d
		}
	}
	return nil
}

// Log returns the keys that a directory gives to a log; nil when none names it.
func (c *Chain) Log(origin string) *translog.LogVerifier {
	for _, d := range slices.Backward(c.byOrder) {
		for _, m := range d.Members() {
			if m.Log().Origin() == origin {
				return m.Log()
			}
		}
	}
	return nil
}

// Genesis returns the hash that a directory names of a log's first leaf.
func (c *Chain) Genesis(origin string) (translog.Hash, bool) {
	for _, d := range slices.Backward(c.byOrder) {
		for _, m := range d.Members() {
			if h, ok := m.Genesis(); ok && m.Log().Origin() == origin {
				return h, true
			}
		}
	}
	return translog.Hash{}, false
}

func hexOf(h [32]byte) string { return fmt.Sprintf("%x", h[:]) }

// foundersOf returns what a genesis says of the founders that a directory names.
func foundersOf(m *federation.Member) []translog.Hash {
	var list []translog.Hash
	for _, f := range m.Founders() {
		list = append(list, sha256.Sum256(f.GetPublicKey()))
	}
	slices.SortFunc(list, func(a, b translog.Hash) int { return slices.Compare(a[:], b[:]) })
	return list
}
