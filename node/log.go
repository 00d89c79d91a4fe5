package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/export"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

// logbook hands out the signed log.
type logbook struct{ n *node }

var _ nodev1.LogServiceServer = (*logbook)(nil)

// Export sends the log as it is now, behind a checkpoint that is signed for it if one may be.
func (l *logbook) Export(r *nodev1.ExportRequest, stream grpc.ServerStreamingServer[nodev1.ExportResponse]) error {
	n, ctx := l.n, stream.Context()
	if r.GetHad() > translog.MaxInt || r.GetFromMs() > translog.MaxInt || r.GetUntilMs() > translog.MaxInt {
		return refusal.Tell(fmt.Errorf("exporting: %w", refusal.ErrRequest))
	}
	o := export.Options{
		Country: n.cfg.Country, Keys: n.signer.Verifier(), Every: r.GetEvery(),
		Limits: export.Limits{From: int64(r.GetFromMs()), Until: int64(r.GetUntilMs()), Unit: r.GetUnit(), Case: r.GetCaseToken()},
	}
	if log := r.GetLog(); log != "" && log != o.Keys.Origin() { // one that was closed after a rollback
		s, err := n.signerOf(log)
		if err != nil {
			return refusal.Tell(fmt.Errorf("exporting %s: %w", log, refusal.ErrRequest))
		}
		o.Keys = s.Verifier()
	}
	if o.Unit != "" && !slices.ContainsFunc(n.cfg.Units, func(u configs.Unit) bool { return u.Name == o.Unit }) {
		return refusal.Tell(fmt.Errorf("exporting what concerns %s: %w", o.Unit, refusal.ErrUnit))
	}
	unsigned := n.keepCheckpoint(ctx)
	if unsigned != nil && !errors.Is(unsigned, post.ErrUncleared) {
		return refusal.Tell(unsigned)
	}
	p := &parcel{stream: stream, had: int64(r.GetHad())}
	if err := p.start(n.store, o); err != nil {
		switch {
		case errors.Is(err, export.ErrNoCheckpoint) && unsigned != nil:
			err = unsigned
		case errors.Is(err, export.ErrNoLog):
			err = fmt.Errorf("exporting %s, which is no log of %s: %w", r.GetLog(), o.Country, refusal.ErrRequest)
		}
		return refusal.Tell(err)
	}
	_, err := export.Run(ctx, n.store, p, o)
	if errors.Is(err, export.ErrNoCase) {
		err = refusal.ErrCase
	}
	return refusal.Tell(err)
}

// keepCheckpoint keeps a signed checkpoint of all leaves, so that the log can be exported when the node does not run. One of
// this size that is kept already stays: signing is hedged, and an export made twice is the same. [post.ErrUncleared] is
// returned while none may be signed.
func (n *node) keepCheckpoint(ctx context.Context) error {
	if !n.office.Cleared() {
		return post.ErrUncleared
	}
	head, err := n.store.Guard(ctx)
	if err != nil {
		return err
	}
	var kept int64
	if err := n.store.View(func(r *store.Reader) (err error) { kept, _, err = r.Checkpoint(); return err }); err != nil || kept >= head.Size {
		return err
	}
	note, size, err := n.office.Checkpoint(head.Size)
	if err != nil {
		return err
	}
	_, err = n.store.Update(ctx, func(tx *store.Tx) error { return tx.PutCheckpoint(size, note) })
	return err
}

// A parcel is an archive on its way to who asked for it.
type parcel struct {
	stream grpc.ServerStreamingServer[nodev1.ExportResponse]
	had    int64
	open   *nodev1.ExportEntries
	bytes  int
}

var _ export.Target = (*parcel)(nil)

// maxParcel is from how many bytes on entries are sent.
const maxParcel = 256 << 10

func (p *parcel) start(s *store.Store, o export.Options) error {
	var head export.Head
	if err := s.View(func(r *store.Reader) (err error) {
		head, err = export.Newest(r, o.Keys, p.had)
		return err
	}); err != nil {
		return err
	}
	return p.stream.Send(&nodev1.ExportResponse{Piece: &nodev1.ExportResponse_Start{Start: &nodev1.ExportStart{
		Country: o.Country, Log: o.Keys.Origin(), Size: uint64(head.Size),
	}}})
}

func (p *parcel) Had() int64  { return p.had }
func (p *parcel) From() int64 { return p.had / archive.TileWidth * archive.TileWidth }

func (p *parcel) Add(e archive.Entry) error { return p.add(e, false) }

func (p *parcel) Rewrite(tile []archive.Entry) error {
	for _, e := range tile {
		e.Leaf = nil // it is there
		if err := p.add(e, true); err != nil {
			return err
		}
	}
	return nil
}

func (p *parcel) add(e archive.Entry, rewrite bool) error {
	if p.open != nil && (p.bytes >= maxParcel || p.open.Rewrite != rewrite) {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if p.open == nil {
		p.open = &nodev1.ExportEntries{Rewrite: rewrite}
	}
	one := &nodev1.ExportEntry{Index: uint64(e.Index), Leaf: e.Leaf}
	if !e.Hash.IsZero() {
		one.Hash = e.Hash[:]
	}
	p.bytes += 64 + len(e.Leaf)
	for _, r := range e.Sides {
		one.Sides = append(one.Sides, &nodev1.ExportRecord{Name: r.Name, Record: r.Bytes})
		p.bytes += 32 + len(r.Bytes)
	}
	p.open.Entries = append(p.open.Entries, one)
	return nil
}

func (p *parcel) flush() error {
	if p.open == nil {
		return nil
	}
	err := p.stream.Send(&nodev1.ExportResponse{Piece: &nodev1.ExportResponse_Entries{Entries: p.open}})
	p.open, p.bytes = nil, 0
	return err
}

func (p *parcel) document(d *nodev1.ExportDocument) error {
	if err := p.flush(); err != nil {
		return err
	}
	return p.stream.Send(&nodev1.ExportResponse{Piece: &nodev1.ExportResponse_Document{Document: d}})
}

func (p *parcel) PutDirectory(version uint64, signed []byte) error {
	return p.document(&nodev1.ExportDocument{Directory: version, Content: signed})
}

func (p *parcel) PutManifest(digest [32]byte, signed []byte) error {
	return p.document(&nodev1.ExportDocument{Manifest: digest[:], Content: signed})
}

func (p *parcel) PutFork(n int64, kind string, proof []byte) error {
	return p.document(&nodev1.ExportDocument{Fork: uint64(n), Kind: kind, Content: proof})
}

func (p *parcel) Finish(info archive.Info, checkpoint []byte, keys *translog.LogVerifier) error {
	if err := p.flush(); err != nil {
		return err
	}
	ed, pq := keys.VKeys()
	end := &nodev1.ExportEnd{Size: uint64(info.Size), Checkpoint: checkpoint, Keys: []string{ed, pq}}
	if info.Size > 0 {
		end.Root = info.Root[:]
	}
	return p.stream.Send(&nodev1.ExportResponse{Piece: &nodev1.ExportResponse_End{End: end}})
}
