package forge

import (
	"crypto/sha256"
	"iter"
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Archive writes a country's log as its node exports it, with the directories and manifests that it has logged, and returns path.
func (w *World) Archive(country, path string) string {
	w.T.Helper()
	c := w.Country(country)
	return w.ArchiveOf(c, c.Log, path)
}

// Limited writes an archive that is limited to a case: of the leaves those that keep chooses, of the others their hashes.
func (w *World) Limited(country, token, path string, keep func(i int64) bool) string {
	w.T.Helper()
	c := w.Country(country)
	return w.write(c, c.Log, archive.Info{Format: archive.Format, Country: c.Code, Log: c.Origin(), Case: token}, path, keep)
}

// ArchiveOf is Archive with another history of the country, as one that a forger made.
func (w *World) ArchiveOf(c *Country, h *History, path string) string {
	w.T.Helper()
	info := archive.Info{Format: archive.Format, Country: c.Code, Log: h.Signer.Verifier().Origin()}
	return w.write(c, h, info, path, nil)
}

func (w *World) write(c *Country, h *History, info archive.Info, path string, keep func(i int64) bool) string {
	w.T.Helper()
	out, err := archive.Create(path, info)
	w.must(err)
	for i := out.From(); i < h.Size(); i++ {
		e := archive.Entry{Index: i, Leaf: h.Leaf(i), Sides: h.sides(i)}
		if keep != nil && !keep(i) {
			e = archive.Entry{Index: i, Hash: translog.LeafHash(e.Leaf)}
		}
		w.must(out.Add(e))
	}
	for _, d := range w.Directories {
		w.must(out.PutDirectory(d.Version(), d.Signed()))
	}
	named := map[translog.Hash]bool{}
	for _, i := range h.Find("dir") {
		named[h.Entries[i].Body.(*translog.Dir).Digest] = true
	}
	for _, signed := range c.Manifests {
		m := new(rogatoryv1.SignedManifest)
		w.must(envelope.StrictUnmarshal(signed, m, len(signed)))
		if digest := sha256.Sum256(m.GetManifest()); named[digest] || len(c.Closed) > 0 {
			w.must(out.PutManifest(digest, signed))
		}
	}
	for i, f := range h.forks {
		w.must(out.PutFork(int64(i+1), f[0], []byte(f[1])))
	}
	head := h.Head()
	if info.Size = head.Size; head.Size > 0 {
		info.Root = head.Root
	}
	note := h.Note()
	if h.Cosigned != nil {
		cp, err := translog.ParseCheckpoint(h.Cosigned, h.Signer.Verifier())
		w.must(err)
		if cp == head {
			note = h.Cosigned
		}
	}
	w.must(out.Finish(info, note, h.Signer.Verifier()))
	return path
}

// sides returns the records of a leaf. A root's signature that an earlier leaf of its tile has is left out, as exports do.
func (h *History) sides(i int64) []archive.Record {
	sides := maps.Clone(h.Entries[i].Sides)
	if own, root := splitRoot(sides["signature"]); root != nil {
		for j := i / archive.TileWidth * archive.TileWidth; j < i; j++ {
			if _, other := splitRoot(h.Entries[j].Sides["signature"]); string(other) == string(root) {
				sides["signature"], sides["root-at"] = own, []byte{byte(j % archive.TileWidth)}
				break
			}
		}
	}
	var list []archive.Record
	for _, name := range slices.Sorted(maps.Keys(sides)) {
		list = append(list, archive.Record{Name: name, Bytes: sides[name]})
	}
	return list
}

// splitRoot cuts the root's signature off a BatchSignature.
func splitRoot(b []byte) (own, root []byte) {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 || num != 1 || typ != protowire.BytesType {
		return b, nil
	}
	size := protowire.ConsumeFieldValue(num, typ, b[n:])
	if size < 0 {
		return b, nil
	}
	return b[n+size:], b[:n+size]
}

func mapsKeys[K comparable, V any](m map[K]V) iter.Seq[K] { return maps.Keys(m) }
