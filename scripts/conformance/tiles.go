package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"

	"filippo.io/torchwood"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// fsckTiles derives every tile and the root from the entries and compares.
func fsckTiles(ctx context.Context, a *archive) error {
	v, err := note.NewVerifier(a.ed)
	if err != nil {
		return err
	}
	return fsck.New(a.origin, v, &client.FileFetcher{Root: a.dir}, hashBundle, fsck.Opts{N: 4}).Check(ctx)
}

func hashBundle(b []byte) ([][]byte, error) {
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(b); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, e := range bundle.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(e))
	}
	return hashes, nil
}

// serve offers the folder as a static site, which is what C2SP tlog-tiles describes.
func (a *archive) serve() (*torchwood.TileFetcher, func(), error) {
	s := httptest.NewServer(http.FileServer(http.Dir(a.dir)))
	f, err := torchwood.NewTileFetcher(s.URL)
	return f, s.Close, err
}

// allEntries reads the log as a client of a served log does, which checks each entry against the tree.
func allEntries(ctx context.Context, a *archive) error {
	f, stop, err := a.serve()
	if err != nil {
		return err
	}
	defer stop()
	c, err := torchwood.NewClient(f)
	if err != nil {
		return err
	}
	var n int64
	for i, e := range c.AllEntries(ctx, a.tree, 0) {
		if i != n || !bytes.HasPrefix(e, []byte(`{"`)) {
			return fmt.Errorf("entry %d is %q", i, e)
		}
		n++
	}
	if err := c.Err(); err != nil {
		return err
	}
	if n != a.tree.N {
		return fmt.Errorf("%d entries of %d", n, a.tree.N)
	}
	return nil
}

// merkleProofs makes proofs from the tiles and checks them with another implementation of RFC 6962.
func merkleProofs(ctx context.Context, a *archive) error {
	f, stop, err := a.serve()
	if err != nil {
		return err
	}
	defer stop()
	hashes := torchwood.TileHashReaderWithContext(ctx, a.tree, f)
	size := uint64(a.tree.N)
	for _, i := range []int64{0, a.tree.N / 2, a.tree.N - 1} {
		leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, i)})
		if err != nil {
			return err
		}
		path, err := tlog.ProveRecord(a.tree.N, i, hashes)
		if err != nil {
			return err
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(i), size, leaf[0][:], raw(path), a.tree.Hash[:]); err != nil {
			return fmt.Errorf("leaf %d: %w", i, err)
		}
	}
	half := max(a.tree.N/2, 1)
	root, err := tlog.TreeHash(half, hashes)
	if err != nil {
		return err
	}
	path, err := tlog.ProveTree(a.tree.N, half, hashes)
	if err != nil {
		return err
	}
	return proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(half), size, raw(path), root[:], a.tree.Hash[:])
}

func raw(hashes []tlog.Hash) [][]byte {
	var out [][]byte
	for _, h := range hashes {
		out = append(out, h[:])
	}
	return out
}

// verifyProofs checks the tlog-proofs that our auditor's program writes.
func verifyProofs(program string) func(context.Context, *archive) error {
	return func(ctx context.Context, a *archive) error {
		v, err := note.NewVerifier(a.ed)
		if err != nil {
			return err
		}
		policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(a.origin), torchwood.SingleVerifierPolicy(v))
		for _, i := range []int64{0, a.tree.N / 2, a.tree.N - 1} {
			c := exec.CommandContext(ctx, program, "prove", a.dir, strconv.FormatInt(i, 10))
			c.Stderr = os.Stderr
			text, err := c.Output()
			if err != nil {
				return fmt.Errorf("proving leaf %d: %w", i, err)
			}
			leaf, err := a.leaf(i)
			if err != nil {
				return err
			}
			if err := torchwood.VerifyProof(policy, tlog.RecordHash(leaf), text); err != nil {
				return fmt.Errorf("leaf %d: %w", i, err)
			}
			if torchwood.VerifyProof(policy, tlog.RecordHash(append(leaf, ' ')), text) == nil {
				return fmt.Errorf("leaf %d: the proof proves another leaf too", i)
			}
		}
		return nil
	}
}

// leaf reads an entry from its bundle.
func (a *archive) leaf(i int64) ([]byte, error) {
	const width = 1 << torchwood.TileHeight
	tile := tlog.Tile{H: torchwood.TileHeight, L: -1, N: i / width, W: int(min(a.tree.N-i/width*width, width))}
	b, err := os.ReadFile(a.dir + "/" + torchwood.TilePath(tile))
	if err != nil {
		return nil, err
	}
	for range i % width {
		b = b[2+int(binary.BigEndian.Uint16(b)):]
	}
	return bytes.Clone(b[2 : 2+int(binary.BigEndian.Uint16(b))]), nil
}
