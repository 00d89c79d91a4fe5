package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/crypto/translog"
)

// A Writer writes one archive: entries in order, then directories, manifests and fork proofs, then Finish. The same calls
// give the same bytes. It is used by one goroutine.
type Writer struct {
	sink sink
	info Info
	from int64
	old  int64  // leaves of the archive that is continued
	tail []byte // hashes of the old archive's partial tile

	edge    translog.Edge
	stored  []translog.Hash
	levels  [maxLevel + 1][]byte // hashes of each level's tile that is not full
	entries []byte               // bundle of the tile that is not full
	sides   []byte
	err     error
	done    bool
}

// Create begins an archive at path: a zip if the name ends in .zip, else a folder. A zip must not be there. A folder is
// made, or continued if it holds an archive of this log that is not limited: then [Writer.From] says where. A folder
// that a crash has left half-written is completed. The error wraps [ErrOther] when something else is there, [ErrExists],
// or [ErrBusy].
//
// Of info, the country, the log and the limits are used; size and root are given to Finish.
func Create(path string, info Info) (*Writer, error) {
	info.Format, info.Size, info.Root = Format, 0, translog.Hash{}
	if err := info.check(); err != nil {
		return nil, fmt.Errorf("creating archive: %w: %w", ErrInvalid, err)
	}
	w := &Writer{info: info}
	if strings.HasSuffix(path, ".zip") {
		z, err := openZipSink(path)
		if err != nil {
			return nil, fmt.Errorf("creating archive %s: %w", path, err)
		}
		w.sink = z
		return w, nil
	}
	f, err := openFolderSink(path)
	if err != nil {
		return nil, fmt.Errorf("creating archive %s: %w", path, err)
	}
	if err := w.resume(path, f); err != nil {
		return nil, errors.Join(fmt.Errorf("creating archive %s: %w", path, err), f.abandon())
	}
	w.sink = f
	return w, nil
}

// resume reads what is needed to continue the archive in a folder: its right edge, as far as its tiles are full.
func (w *Writer) resume(path string, f *folderSink) error {
	if err := f.ours(); err != nil {
		return err
	}
	r, err := Open(path)
	if errors.Is(err, ErrNoArchive) {
		return nil
	}
	if err != nil {
		return err
	}
	f.held = true
	err = w.resumeFrom(r)
	return errors.Join(err, r.Close())
}

func (w *Writer) resumeFrom(r *Reader) error {
	was := r.Info()
	switch {
	case was.Country != w.info.Country || was.Log != w.info.Log:
		return fmt.Errorf("archive of %s: %w", was.Log, ErrOther)
	case was.Limited() || w.info.Limited():
		return fmt.Errorf("a limited archive is made anew: %w", ErrExists)
	}
	w.old, w.from = was.Size, was.Size/TileWidth*TileWidth
	for level := range w.levels {
		n := w.from >> (8 * level)
		t, have := n/TileWidth, int(n%TileWidth)
		if have == 0 {
			continue
		}
		p := place{class: classHashes, level: uint8(level), n: t, width: width(was.Size, uint8(level), t)}
		b, err := r.file(p, TileWidth*translog.HashSize, nil)
		if err != nil {
			return err
		}
		if len(b) < have*translog.HashSize {
			return formatError(p.path(), p.first(true), ErrForm)
		}
		w.levels[level] = b[:have*translog.HashSize]
	}
	var err error
	if w.edge, err = translog.ReadEdge(w.from, r.Hashes()); err != nil || was.Size == w.from {
		return err
	}
	p := place{class: classHashes, n: w.from / TileWidth, width: int(was.Size - w.from)}
	if w.tail, err = r.file(p, TileWidth*translog.HashSize, nil); err == nil && len(w.tail) != p.width*translog.HashSize {
		err = formatError(p.path(), p.first(true), ErrForm)
	}
	return err
}

// From returns the index of the first entry that Add must be given: 0, or the first of the tile that the archive has not
// in full.
func (w *Writer) From() int64 { return w.from }

// Had returns how many leaves the archive that is continued has; 0 for a new one. Finish takes no smaller tree.
func (w *Writer) Had() int64 { return w.old }

// Size returns how many entries the archive has by now.
func (w *Writer) Size() int64 { return w.edge.Size() }

// Add adds the next entry. In a limited archive an entry without its leaf has its hash, and no side records.
func (w *Writer) Add(e Entry) error {
	if w.err == nil {
		w.err = w.add(&e)
	}
	return w.err
}

func (w *Writer) add(e *Entry) error {
	if e.Index != w.edge.Size() || e.Index >= MaxSize {
		return fmt.Errorf("adding entry %d behind %d: %w", e.Index, w.edge.Size(), ErrInvalid)
	}
	hash := e.Hash
	switch {
	case len(e.Leaf) > MaxLeaf || e.Leaf != nil && len(e.Leaf) == 0:
		return fmt.Errorf("adding entry %d of %d bytes: %w", e.Index, len(e.Leaf), ErrInvalid)
	case e.Leaf == nil && (!w.info.Limited() || hash.IsZero() || len(e.Sides) > 0):
		return fmt.Errorf("adding entry %d without its leaf: %w", e.Index, ErrInvalid)
	case e.Leaf != nil:
		hash = translog.LeafHash(e.Leaf)
	}
	if at := int(e.Index-w.from) * translog.HashSize; e.Index < w.old && !bytes.Equal(w.tail[at:at+translog.HashSize], hash[:]) {
		return fmt.Errorf("entry %d is another one than the archive has: %w", e.Index, ErrHistory)
	}
	sides := e.Sides
	if w.info.Limited() && e.Leaf != nil {
		at, _ := slices.BinarySearchFunc(sides, EntryRecord, func(r Record, name string) int { return strings.Compare(r.Name, name) })
		sides = slices.Insert(slices.Clone(sides), at, Record{EntryRecord, e.Leaf})
	}
	var err error
	if w.sides, err = appendSides(w.sides, uint8(e.Index%TileWidth), sides); err != nil {
		return fmt.Errorf("adding entry %d: %w", e.Index, err)
	}
	if !w.info.Limited() {
		w.entries = binary.BigEndian.AppendUint16(w.entries, uint16(len(e.Leaf)))
		w.entries = append(w.entries, e.Leaf...)
	}
	if w.stored, err = w.edge.Append(w.stored[:0], hash); err != nil {
		return err
	}
	// Of the hashes that a leaf completes, those of levels 0, 8, 16 … stand in tiles.
	for level := 0; 8*level < len(w.stored) && level <= maxLevel; level++ {
		w.levels[level] = append(w.levels[level], w.stored[8*level][:]...)
	}
	if w.edge.Size()%TileWidth == 0 {
		return w.putTiles()
	}
	return nil
}

func appendSides(dst []byte, offset uint8, sides []Record) ([]byte, error) {
	var err error
	for i := range sides {
		if i > 0 && sides[i-1].Name >= sides[i].Name {
			return dst, fmt.Errorf("side records out of order: %w", ErrInvalid)
		}
		if dst, err = appendRecord(dst, offset, &sides[i]); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// putTiles writes the tiles that have become full, or all that are not empty when the archive ends.
func (w *Writer) putTiles() error {
	size := w.edge.Size()
	p := place{n: (size - 1) / TileWidth, width: width(size, 0, (size-1)/TileWidth)}
	if len(w.entries) > 0 {
		p.class = classEntries
		if err := w.sink.put(p.path(), w.entries); err != nil {
			return err
		}
	}
	if len(w.sides) > 0 {
		p.class = classSides
		if err := w.sink.put(p.path(), w.sides); err != nil {
			return err
		}
	}
	w.entries, w.sides = w.entries[:0], w.sides[:0]
	for level := range w.levels {
		if len(w.levels[level]) == TileWidth*translog.HashSize {
			if err := w.putHashes(level); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Writer) putHashes(level int) error {
	n := w.edge.Size()>>(8*level) - 1
	p := place{class: classHashes, level: uint8(level), n: n / TileWidth, width: int(n%TileWidth) + 1}
	err := w.sink.put(p.path(), w.levels[level])
	w.levels[level] = w.levels[level][:0]
	return err
}

// Rewrite writes the side records of one full tile anew, before From: a record was destroyed. It leaves the leaves as they
// are.
func (w *Writer) Rewrite(tile []Entry) error {
	if w.err != nil {
		return w.err
	}
	f, ok := w.sink.(*folderSink)
	if !ok || len(tile) != TileWidth || tile[0].Index%TileWidth != 0 || tile[0].Index >= w.from || w.info.Limited() {
		return fmt.Errorf("rewriting the side records of %d leaves: %w", len(tile), ErrInvalid)
	}
	var b []byte
	var err error
	for i := range tile {
		if b, err = appendSides(b, uint8(i), tile[i].Sides); err != nil {
			return fmt.Errorf("rewriting side records of leaf %d: %w", tile[i].Index, err)
		}
	}
	p := place{class: classSides, n: tile[0].Index / TileWidth, width: TileWidth}
	if len(b) == 0 {
		w.err = f.drop(p.path())
	} else {
		w.err = f.put(p.path(), b)
	}
	return w.err
}

// PutDirectory adds the SignedDirectory of a version.
func (w *Writer) PutDirectory(version uint64, signed []byte) error {
	if version == 0 || version > translog.MaxInt {
		return fmt.Errorf("adding directory %d: %w", version, ErrInvalid)
	}
	return w.putFile(place{class: classDirectory, n: int64(version)}, signed)
}

// PutManifest adds a SignedManifest under the SHA-256 of its manifest.
func (w *Writer) PutManifest(digest [32]byte, signed []byte) error {
	return w.putFile(place{class: classManifest, digest: digest}, signed)
}

// PutFork adds fork proof n, from 1, of a kind.
func (w *Writer) PutFork(n int64, kind string, proof []byte) error {
	p, ok := readFork(fmt.Sprintf("%d-%s", n, kind))
	if !ok {
		return fmt.Errorf("adding fork proof %d: %w", n, ErrInvalid)
	}
	return w.putFile(p, proof)
}

func (w *Writer) putFile(p place, b []byte) error {
	if w.err != nil {
		return w.err
	}
	if len(b) > MaxFile {
		return fmt.Errorf("adding %s of %d bytes: %w", p.path(), len(b), ErrTooLarge)
	}
	w.err = w.sink.put(p.path(), b)
	return w.err
}

// Finish ends the archive: it writes the partial tiles and, when all of that is on the disk, the checkpoint and archive.json.
// The checkpoint, in export form, and info must be of exactly the tree that was given to Add; else the error wraps
// [ErrHistory] or [ErrInvalid], and after Close the folder holds what it held before.
func (w *Writer) Finish(info Info, checkpoint []byte, keys *translog.LogVerifier) error {
	if w.err != nil {
		return w.err
	}
	w.err = w.finish(info, checkpoint, keys)
	if w.err == nil {
		w.done = true
	}
	return w.err
}

func (w *Writer) finish(info Info, checkpoint []byte, keys *translog.LogVerifier) error {
	root := w.edge.Root()
	cp, err := translog.ParseCheckpoint(checkpoint, keys)
	if err != nil {
		return fmt.Errorf("finishing archive: %w", err)
	}
	w.info.Size = w.edge.Size()
	if w.info.Size > 0 {
		w.info.Root = root
	}
	info.Format = Format
	switch {
	case w.info.Size < w.old:
		return fmt.Errorf("the archive has %d leaves and the log %d: %w", w.old, w.info.Size, ErrHistory)
	case cp.Size != w.info.Size || info.Size != w.info.Size:
		return fmt.Errorf("a checkpoint of %d leaves for %d: %w", cp.Size, w.info.Size, ErrInvalid)
	case cp.Root != root:
		return fmt.Errorf("the leaves have another root than the checkpoint of %d: %w", cp.Size, ErrHistory)
	case info != w.info || cp.Origin != info.Log:
		return fmt.Errorf("finishing another archive than was begun: %w", ErrInvalid)
	}
	if w.info.Size%TileWidth != 0 {
		if err := w.putTiles(); err != nil {
			return err
		}
	}
	for level := range w.levels {
		if len(w.levels[level]) > 0 {
			if err := w.putHashes(level); err != nil {
				return err
			}
		}
	}
	ed, pq := keys.VKeys()
	if err := w.sink.put(keysName, []byte(ed+"\n"+pq+"\n")); err != nil {
		return err
	}
	if err := w.sink.sync(); err != nil {
		return err
	}
	if err := w.sink.put(checkpointName, checkpoint); err != nil {
		return err
	}
	line, err := MarshalInfo(w.info)
	if err != nil {
		return err
	}
	if err := w.sink.put(infoName, line); err != nil {
		return err
	}
	if err := w.sink.sync(); err != nil {
		return err
	}
	expect := Reader{info: w.info}
	return w.sink.finish(expect.expects)
}

// Close gives up an archive that is not finished: a zip is removed; a new folder stays as it is, for the next Writer to
// complete, unless it is empty; one that is continued is as it was before. After Finish it does nothing.
func (w *Writer) Close() error {
	if w.done {
		return nil
	}
	w.done = true
	if w.err == nil {
		w.err = ErrInvalid
	}
	return w.sink.abandon()
}
