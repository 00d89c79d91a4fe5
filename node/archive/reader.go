package archive

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/rogatory/rogatory/crypto/translog"
)

// How many findings about names a Reader lists; one more says that there are others.
const maxExtra = 1000

// maxMissing is from how many missing tiles on a folder is no archive of the size that archive.json states.
const maxMissing = 4096

// A Reader reads an archive. Its methods may be called by several goroutines at once, but for Close.
type Reader struct {
	tree   tree
	info   Info
	hashes hashes

	sides       bits // tiles that have side records
	entries     bits
	levels      [maxLevel + 1]bits
	alone       [classCheckpoint + 1]bool
	directories []uint64
	manifests   [][32]byte
	forks       []place
	extra       []*FormatError
	missing     []*FormatError
}

// Open opens the archive in a folder or a zip. It looks at every name, so that nothing hides in it: what has no place is
// in [Reader.Extra], and what should be there and is not in [Reader.Missing]; neither stops a Reader. Where archive.json
// cannot be read, or the file is no zip of an archive, the error is a [*FormatError]; where there is none it wraps
// [ErrNoArchive].
func Open(path string) (*Reader, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("opening archive: %w", err)
	}
	var t tree
	switch {
	case info.IsDir():
		t, err = openFolder(path)
	case info.Mode().IsRegular():
		t, err = openZip(path)
	default: // not opened at all: opening a device may do something
		err = fmt.Errorf("neither a folder nor a file: %w", ErrNoArchive)
	}
	if err != nil {
		return nil, fmt.Errorf("opening archive %s: %w", path, err)
	}
	r, err := newReader(t)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening archive %s: %w", path, err), t.close())
	}
	return r, nil
}

func newReader(t tree) (*Reader, error) {
	b, err := t.read(infoName, maxInfo, nil)
	if errors.Is(err, ErrMissing) {
		return nil, ErrNoArchive
	}
	r := &Reader{tree: t}
	r.hashes.r = r
	if err == nil {
		r.info, err = ParseInfo(b)
	}
	if err != nil {
		return nil, formatError(infoName, -1, err)
	}
	if err := t.list(r.note); err != nil {
		return nil, err
	}
	slices.Sort(r.directories)
	slices.SortFunc(r.manifests, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	slices.SortFunc(r.forks, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.n, b.n), cmp.Compare(a.name, b.name))
	})
	slices.SortFunc(r.extra, func(a, b *FormatError) int { return cmp.Compare(a.Path, b.Path) })
	if r.miss() > maxMissing {
		return nil, formatError(infoName, -1, fmt.Errorf("most tiles of %d leaves: %w", r.info.Size, ErrMissing))
	}
	return r, nil
}

// note notes a name that is there.
func (r *Reader) note(path string, wrong error) bool {
	p, ok := parsePlace(path)
	if wrong == nil && (!ok || !r.expects(p)) {
		wrong = ErrNoPlace
	}
	if wrong != nil {
		if len(r.extra) >= maxExtra {
			r.extra = append(r.extra, &FormatError{CodeExtra, "", -1, fmt.Errorf("more than %d names: %w", maxExtra, ErrNoPlace)})
			return false
		}
		r.extra = append(r.extra, &FormatError{CodeExtra, strings.ToValidUTF8(path, "?"), p.first(ok), wrong})
		return true
	}
	switch p.class {
	case classInfo, classKeys, classCheckpoint:
		r.alone[p.class] = true
	case classHashes:
		r.levels[p.level].set(p.n)
	case classEntries:
		r.entries.set(p.n)
	case classSides:
		r.sides.set(p.n)
	case classDirectory:
		r.directories = append(r.directories, uint64(p.n))
	case classManifest:
		r.manifests = append(r.manifests, p.digest)
	case classFork:
		r.forks = append(r.forks, p)
	}
	return true
}

// first returns the index of the first leaf of a tile, -1 for what is no tile.
func (p place) first(ok bool) int64 {
	if !ok || p.class != classHashes && p.class != classEntries && p.class != classSides {
		return -1
	}
	return p.n * TileWidth << (8 * p.level)
}

// expects reports whether an archive of this size may hold a place.
func (r *Reader) expects(p place) bool {
	switch p.class {
	case classHashes:
		return p.width == width(r.info.Size, p.level, p.n)
	case classEntries:
		return !r.info.Limited() && p.width == width(r.info.Size, 0, p.n)
	case classSides:
		return p.width == width(r.info.Size, 0, p.n)
	}
	return true
}

// miss lists what is not there and returns how much that is, at most maxMissing+1.
func (r *Reader) miss() int {
	n := 0
	note := func(p place) bool {
		if n++; n <= maxExtra {
			r.missing = append(r.missing, &FormatError{CodeMissing, p.path(), p.first(true), ErrMissing})
		}
		return n <= maxMissing
	}
	for _, c := range []class{classKeys, classCheckpoint} {
		if !r.alone[c] && !note(place{class: c}) {
			return n
		}
	}
	missTiles := func(p place, have *bits) bool {
		for p.n = 0; ; p.n++ {
			if p.width = width(r.info.Size, p.level, p.n); p.width == 0 {
				return true
			}
			if !have.has(p.n) && !note(p) {
				return false
			}
		}
	}
	if !r.info.Limited() && !missTiles(place{class: classEntries}, &r.entries) {
		return n
	}
	for l := range r.levels {
		if !missTiles(place{class: classHashes, level: uint8(l)}, &r.levels[l]) {
			return n
		}
	}
	return n
}

// formatError makes err the finding that it is.
func formatError(path string, index int64, err error) error {
	code := CodeCanon
	switch {
	case errors.Is(err, ErrMissing):
		code = CodeMissing
	case errors.Is(err, ErrUnknown):
		code = CodeSchema
	case errors.Is(err, ErrNoPlace):
		code = CodeExtra
	case !errors.Is(err, ErrForm) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrRange):
		return fmt.Errorf("reading %s: %w", path, err) // of the disk, and no finding
	}
	return &FormatError{code, path, index, err}
}

// Close closes the folder or file.
func (r *Reader) Close() error { return r.tree.close() }

// Info returns what archive.json says.
func (r *Reader) Info() Info { return r.info }

// Extra returns what has no place in the archive, by path: at most 1,000, and one that says that there are more.
func (r *Reader) Extra() []*FormatError { return r.extra }

// Missing returns what an archive of this size must hold and this one does not, at most 1,000. Reading such a file gives
// the same error.
func (r *Reader) Missing() []*FormatError { return r.missing }

// Keys returns the keys in log.vkey. They are what the archive says: an auditor takes the log's keys from a directory.
func (r *Reader) Keys() (*translog.LogVerifier, error) {
	b, err := r.file(place{class: classKeys}, maxKeys, nil)
	if err != nil {
		return nil, err
	}
	ed, rest, ok1 := strings.Cut(string(b), "\n")
	pq, rest, ok2 := strings.Cut(rest, "\n")
	if !ok1 || !ok2 || rest != "" {
		return nil, formatError(keysName, -1, fmt.Errorf("not two lines: %w", ErrForm))
	}
	v, err := translog.ParseLogVerifier(ed, pq)
	if err != nil {
		return nil, &FormatError{CodeCanon, keysName, -1, err}
	}
	if e, p := v.VKeys(); e != ed || p != pq {
		return nil, formatError(keysName, -1, ErrForm)
	}
	return v, nil
}

// Checkpoint returns the newest checkpoint, in the form that [translog.ParseExport] reads.
func (r *Reader) Checkpoint() ([]byte, error) {
	return r.file(place{class: classCheckpoint}, translog.MaxNote, nil)
}

// Tiles returns how many tiles of entries there are; the last may be partial.
func (r *Reader) Tiles() int64 { return (r.info.Size + TileWidth - 1) / TileWidth }

// A Buffer is memory for reading one tile after another. The zero Buffer is ready. It is for one goroutine.
type Buffer struct {
	entries []Entry
	records []Record
	leaves  []byte
	sides   []byte
	hashes  []byte
}

// maxBuffer is how many bytes of records a Buffer keeps for the next tile. More are rare.
const maxBuffer = 4 << 20

// Tile returns the entries of tile n, with their side records, in dst[:0] if it is large enough. Leaves and records alias
// memory that belongs to the caller, one piece for all leaves of the tile and one for all records. Records are not looked
// for where the leaves are missing.
func (r *Reader) Tile(n int64, dst []Entry) ([]Entry, error) {
	return r.TileIn(n, &Buffer{entries: dst})
}

// TileIn is [Reader.Tile] in the memory of a buffer: what it returns is good until the buffer is used again.
func (r *Reader) TileIn(n int64, buf *Buffer) ([]Entry, error) {
	dst, err := r.tile(n, buf)
	buf.entries = dst
	return dst, err
}

func (r *Reader) tile(n int64, buf *Buffer) ([]Entry, error) {
	w := 0
	if n >= 0 {
		w = width(r.info.Size, 0, n)
	}
	dst := buf.entries
	if w == 0 {
		return dst[:0], fmt.Errorf("reading tile %d of %d: %w", n, r.Tiles(), ErrRange)
	}
	dst = slices.Grow(dst[:0], w)[:w]
	for i := range dst {
		dst[i] = Entry{Index: n*TileWidth + int64(i)}
	}
	p := place{class: classEntries, n: n, width: w}
	if r.info.Limited() {
		b, err := r.LeafHashes(n, buf)
		if err != nil {
			return dst[:0], err
		}
		for i := range dst {
			dst[i].Hash = translog.Hash(b[i*translog.HashSize:])
		}
	} else {
		b, err := r.file(p, maxEntries, buf.leaves)
		if err != nil {
			return dst[:0], err
		}
		buf.leaves = b
		if err := ParseEntries(b, dst); err != nil {
			return dst[:0], formatError(p.path(), p.first(true), err)
		}
	}
	if !r.sides.has(n) {
		return dst, nil
	}
	p.class = classSides
	if cap(buf.sides) > maxBuffer {
		buf.sides = nil
	}
	b, err := r.file(p, MaxSides, buf.sides)
	if err != nil {
		return dst[:0], err
	}
	buf.sides = b
	if buf.records, err = parseSides(b, dst, buf.records); err != nil {
		return dst[:0], formatError(p.path(), p.first(true), err)
	}
	if err := r.takeLeaves(dst); err != nil {
		return dst[:0], formatError(p.path(), p.first(true), err)
	}
	return dst, nil
}

// LeafHashes returns the hashes of the leaves of tile n one after another, as the archive's own tile has them. They are good until the buffer is used for
// hashes again.
func (r *Reader) LeafHashes(n int64, buf *Buffer) ([]byte, error) {
	p := place{class: classHashes, n: n}
	if n >= 0 {
		p.width = width(r.info.Size, 0, n)
	}
	if p.width == 0 {
		return nil, fmt.Errorf("reading tile %d of %d: %w", n, r.Tiles(), ErrRange)
	}
	b, err := r.hashTile(p, buf.hashes)
	if err == nil {
		buf.hashes = b
	}
	return b, err
}

// takeLeaves makes the `entry` records of a limited archive the leaves that they are.
func (r *Reader) takeLeaves(entries []Entry) error {
	for i := range entries {
		e := &entries[i]
		at := slices.IndexFunc(e.Sides, func(r Record) bool { return r.Name == EntryRecord })
		switch {
		case !r.info.Limited() && at >= 0:
			return fmt.Errorf("leaf %d as a side record in a whole archive: %w", e.Index, ErrForm)
		case !r.info.Limited():
		case at < 0 && len(e.Sides) > 0:
			return fmt.Errorf("records of leaf %d without the leaf: %w", e.Index, ErrForm)
		case at >= 0:
			if e.Leaf = e.Sides[at].Bytes; len(e.Leaf) == 0 || len(e.Leaf) > MaxLeaf {
				return fmt.Errorf("leaf %d of %d bytes: %w", e.Index, len(e.Leaf), ErrForm)
			}
			e.Sides = append(e.Sides[:at:at], e.Sides[at+1:]...)
		}
	}
	return nil
}

// Entry returns one entry. It reads its whole tile: whoever needs many reads tiles.
func (r *Reader) Entry(index int64) (Entry, error) {
	if index < 0 || index >= r.info.Size {
		return Entry{}, fmt.Errorf("reading entry %d of %d: %w", index, r.info.Size, ErrRange)
	}
	t, err := r.Tile(index/TileWidth, nil)
	if err != nil {
		return Entry{}, err
	}
	return t[index%TileWidth], nil
}

// Hashes returns the hashes of the tree, for proofs. They come from the archive's own tiles and are not compared with
// leaves or root: a proof made from them is to be checked like one from a stranger.
func (r *Reader) Hashes() tlog.HashReader { return &r.hashes }

// Directories returns the versions of the directories that are there, ascending.
func (r *Reader) Directories() []uint64 { return slices.Clone(r.directories) }

// Directory returns the SignedDirectory of a version.
func (r *Reader) Directory(version uint64) ([]byte, error) {
	return r.file(place{class: classDirectory, n: int64(version)}, MaxFile, nil)
}

// Manifests returns the digests of the manifests that are there, ascending.
func (r *Reader) Manifests() [][32]byte { return slices.Clone(r.manifests) }

// Manifest returns the SignedManifest whose manifest has this SHA-256.
func (r *Reader) Manifest(digest [32]byte) ([]byte, error) {
	return r.file(place{class: classManifest, digest: digest}, MaxFile, nil)
}

// Forks returns the names of the fork proofs, <n>-<kind>, in order.
func (r *Reader) Forks() []string {
	names := make([]string, len(r.forks))
	for i, p := range r.forks {
		names[i] = p.name
	}
	return names
}

// Fork returns the fork proof with this name.
func (r *Reader) Fork(name string) ([]byte, error) {
	p, ok := parsePlace("forks/" + name)
	if !ok {
		return nil, fmt.Errorf("reading fork proof: %w", ErrRange)
	}
	return r.file(p, MaxFile, nil)
}

// file reads one file, into[:0] if that is large enough. What list has not found to be a file is missing, whatever lies there.
func (r *Reader) file(p place, limit int64, into []byte) ([]byte, error) {
	there := false
	switch p.class {
	case classInfo, classKeys, classCheckpoint:
		there = r.alone[p.class]
	case classHashes:
		there = r.levels[p.level].has(p.n)
	case classEntries:
		there = r.entries.has(p.n)
	case classSides:
		there = r.sides.has(p.n)
	case classDirectory:
		_, there = slices.BinarySearch(r.directories, uint64(p.n))
	case classManifest:
		_, there = slices.BinarySearchFunc(r.manifests, p.digest, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	case classFork:
		there = slices.Contains(r.forks, p)
	}
	path := p.path()
	if !there {
		return nil, formatError(path, p.first(true), ErrMissing)
	}
	b, err := r.tree.read(path, limit, into)
	if err != nil {
		return nil, formatError(path, p.first(true), err)
	}
	return b, nil
}

// bits is a set of tile numbers. It is as large as what is in it, wherever in the range that is.
type bits struct{ words map[int64]uint64 }

func (s *bits) set(n int64) {
	if s.words == nil {
		s.words = make(map[int64]uint64)
	}
	s.words[n>>6] |= 1 << (n & 63)
}

func (s *bits) has(n int64) bool { return s.words[n>>6]>>(n&63)&1 == 1 }
