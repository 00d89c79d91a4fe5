package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

// An Export says what of the log is wanted.
type Export struct {
	Limits archive.Info // Unit, Case, From and Until are used
	// Log is the origin of the log; empty for the one that is written.
	Log string
	// Every has the side records of all tiles compared, not only when something was erased lately.
	Every bool
	// Progress, when set, is called with the number of leaves done and the number of all.
	Progress func(done, size int64)
}

// Export writes the node's log as an archive at path, a folder or a zip, or continues the one that is there. What the node
// says is written, not believed: but for the root, which must be that of the leaves.
func (c *Client) Export(ctx context.Context, path string, e Export) (_ archive.Info, err error) {
	req := &nodev1.ExportRequest{
		FromMs: uint64(e.Limits.From), UntilMs: uint64(e.Limits.Until), Unit: e.Limits.Unit, CaseToken: e.Limits.Case, Every: e.Every, Log: e.Log,
	}
	// What cannot be opened, and is there, Create judges.
	if r, err := archive.Open(path); err == nil {
		req.Had = uint64(r.Info().Size)
		if err := r.Close(); err != nil {
			return archive.Info{}, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := nodev1.NewLogServiceClient(c.conn).Export(ctx, req)
	if err != nil {
		return archive.Info{}, err
	}
	first, err := stream.Recv()
	if err != nil {
		return archive.Info{}, err
	}
	start := first.GetStart()
	info := e.Limits
	info.Country, info.Log = start.GetCountry(), start.GetLog()
	w, err := archive.Create(path, info)
	if err != nil {
		return archive.Info{}, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if w.Had() != int64(req.Had) {
		return archive.Info{}, fmt.Errorf("%s changed while the node was asked: %w", path, ErrExport)
	}
	if start.GetSize() < req.Had {
		return archive.Info{}, fmt.Errorf("the archive has %d leaves and the log %d: %w", req.Had, start.GetSize(), archive.ErrHistory)
	}
	in := &incoming{w: w, e: e, size: int64(start.GetSize()), info: info}
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return archive.Info{}, fmt.Errorf("the node's export ends early: %w", ErrExport)
		}
		if err != nil {
			return archive.Info{}, err
		}
		switch p := piece.GetPiece().(type) {
		case *nodev1.ExportResponse_Entries:
			err = in.entries(p.Entries)
		case *nodev1.ExportResponse_Document:
			err = in.document(p.Document)
		case *nodev1.ExportResponse_End:
			return in.end(p.End)
		default:
			err = fmt.Errorf("a piece that this program does not know: %w", ErrExport)
		}
		if err != nil {
			return archive.Info{}, err
		}
	}
}

// incoming is an archive that is being received.
type incoming struct {
	w    *archive.Writer
	e    Export
	info archive.Info
	size int64
	tile []archive.Entry // of a tile that is rewritten
}

func (in *incoming) entries(list *nodev1.ExportEntries) error {
	for _, one := range list.GetEntries() {
		e := archive.Entry{Index: int64(one.GetIndex())}
		if len(one.GetLeaf()) > 0 {
			e.Leaf = one.GetLeaf()
		}
		if h := one.GetHash(); len(h) == translog.HashSize {
			e.Hash = translog.Hash(h)
		}
		for _, r := range one.GetSides() {
			e.Sides = append(e.Sides, archive.Record{Name: r.GetName(), Bytes: r.GetRecord()})
		}
		if !list.GetRewrite() {
			if err := in.w.Add(e); err != nil {
				return err
			}
			continue
		}
		if in.tile = append(in.tile, e); len(in.tile) == archive.TileWidth {
			if err := in.w.Rewrite(in.tile); err != nil {
				return err
			}
			in.tile = in.tile[:0]
		}
	}
	if in.e.Progress != nil && !list.GetRewrite() {
		in.e.Progress(in.w.Size(), in.size)
	}
	return nil
}

func (in *incoming) document(d *nodev1.ExportDocument) error {
	switch {
	case d.GetDirectory() > 0:
		return in.w.PutDirectory(d.GetDirectory(), d.GetContent())
	case len(d.GetManifest()) == 32:
		return in.w.PutManifest([32]byte(d.GetManifest()), d.GetContent())
	}
	return in.w.PutFork(int64(d.GetFork()), d.GetKind(), d.GetContent())
}

func (in *incoming) end(end *nodev1.ExportEnd) (archive.Info, error) {
	if len(end.GetKeys()) != 2 || len(end.GetRoot()) != translog.HashSize && end.GetSize() > 0 {
		return archive.Info{}, ErrExport
	}
	keys, err := translog.ParseLogVerifier(end.GetKeys()[0], end.GetKeys()[1])
	if err != nil {
		return archive.Info{}, err
	}
	info := in.info
	info.Format, info.Size = archive.Format, int64(end.GetSize())
	if info.Size > 0 {
		info.Root = translog.Hash(end.GetRoot())
	}
	return info, in.w.Finish(info, end.GetCheckpoint(), keys)
}
