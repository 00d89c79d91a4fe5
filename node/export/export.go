package export

import (
	"context"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

var (
	// ErrNoCheckpoint says that the store holds no signed checkpoint of the log: the node has never been cleared, or was
	// killed before it kept one.
	ErrNoCheckpoint = errors.New("the store holds no signed checkpoint")
	// ErrCheckpoint says that the checkpoint kept is not of the log that is kept.
	ErrCheckpoint = errors.New("the checkpoint kept is not of this log")
	// ErrNoLog says that the store keeps no log with this origin.
	ErrNoLog = errors.New("no such log")
	// ErrNoCase says that the store holds no such case.
	ErrNoCase = errors.New("no such case")
)

// A Target takes an archive in the order of an [archive.Writer], which is one.
type Target interface {
	// Had returns how many leaves an archive that is continued has; From, the first that is to be given.
	Had() int64
	From() int64
	Add(archive.Entry) error
	Rewrite([]archive.Entry) error
	PutDirectory(version uint64, signed []byte) error
	PutManifest(digest [32]byte, signed []byte) error
	PutFork(n int64, kind string, proof []byte) error
	Finish(info archive.Info, checkpoint []byte, keys *translog.LogVerifier) error
}

// Options say what is exported.
type Options struct {
	Country string
	Keys    *translog.LogVerifier // of the log: that which is written, or one that was closed after a rollback
	Limits
	// Every has the side records of all tiles compared, not only when something was erased lately.
	Every bool
	// Progress, when set, is called with the number of leaves done and the number of all.
	Progress func(done, size int64)
}

// Limits are the limits of a limited archive; their zero value limits nothing.
type Limits struct {
	From, Until int64 // milliseconds since 1970; From is in the period, Until no more
	Unit, Case  string
}

func (l Limits) any() bool { return l != Limits{} }

// eraseReach is how many leaves before those of the last export are looked at for an erasure: its tombstone may have been
// exported before what it destroys was gone.
const eraseReach = 1 << 14

// Info returns what an archive with these options is begun with.
func (o Options) Info() archive.Info {
	return archive.Info{
		Format: archive.Format, Country: o.Country, Log: o.Keys.Origin(),
		From: o.From, Until: o.Until, Unit: o.Unit, Case: o.Case,
	}
}

// Run gives the log to an archive that was begun with [Options.Info], and finishes it. The archive is as large as the
// checkpoint that [Newest] chooses.
func Run(ctx context.Context, s *store.Store, to Target, o Options) (archive.Info, error) {
	x := &exporter{s: s, to: to, o: o, names: make(map[translog.Hash]bool), cases: make(map[string]bool)}
	info, err := x.run(ctx)
	if err != nil {
		return archive.Info{}, fmt.Errorf("exporting %s: %w", o.Keys.Origin(), err)
	}
	return info, nil
}

type exporter struct {
	s    *store.Store
	to   Target
	o    Options
	log  store.Log
	head Head

	erased bool // a tombstone was seen

	// Of limited archives.
	names   map[translog.Hash]bool // messages of the unit or case
	cases   map[string]bool        // whether a case belongs to the unit
	bundles []bundleNote           // the newest checkpoints of peers
}

func (x *exporter) run(ctx context.Context) (archive.Info, error) {
	if err := x.s.View(func(r *store.Reader) (err error) {
		if x.log, err = logOf(r, x.o.Keys); err != nil {
			return err
		}
		if x.head, err = Newest(r, x.o.Keys, x.to.Had()); err != nil {
			return err
		}
		if _, _, err := r.Case(x.o.Case); x.o.Case != "" && err != nil {
			return fmt.Errorf("%w: %w", ErrNoCase, err)
		}
		x.lookBack(r)
		return nil
	}); err != nil {
		return archive.Info{}, err
	}
	if err := x.tiles(ctx, x.to.From(), x.head.Size, func(tile []archive.Entry) error {
		for _, e := range tile {
			if err := x.to.Add(e); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return archive.Info{}, err
	}
	if x.erased || x.o.Every {
		if err := x.tiles(ctx, 0, x.to.From(), x.to.Rewrite); err != nil {
			return archive.Info{}, err
		}
	}
	if err := x.documents(ctx); err != nil {
		return archive.Info{}, err
	}
	info := x.o.Info()
	info.Size = x.head.Size
	if info.Size > 0 {
		info.Root = x.head.Root
	}
	return info, x.to.Finish(info, x.head.Checkpoint, x.o.Keys)
}

// lookBack sees tombstones before the leaves that are to be given.
func (x *exporter) lookBack(r *store.Reader) {
	from := x.to.From()
	if from == 0 {
		return
	}
	r.Leaves(x.log.Base+max(0, from-eraseReach), func(place int64, leaf []byte) bool {
		x.erased = x.erased || kindOf(leaf) == "erase"
		return place+1 < x.log.Base+from && !x.erased
	})
}

// tiles calls each with the entries from a tile's first up to until, tile by tile.
func (x *exporter) tiles(ctx context.Context, from, until int64, each func([]archive.Entry) error) error {
	for ; from < until; from += archive.TileWidth {
		if err := ctx.Err(); err != nil {
			return err
		}
		var tile []archive.Entry
		if err := x.s.View(func(r *store.Reader) (err error) {
			tile, err = x.tile(r, from, min(from+archive.TileWidth, until))
			return err
		}); err != nil {
			return err
		}
		if err := each(tile); err != nil {
			return err
		}
		if x.o.Progress != nil {
			x.o.Progress(min(from+archive.TileWidth, until), until)
		}
	}
	return nil
}

// documents gives what stands beside the log: directories, manifests and, in an archive of everything, fork proofs.
func (x *exporter) documents(ctx context.Context) error {
	var versions []uint64
	var digests [][32]byte
	var forks []*storev1.ForkProof
	if err := x.s.View(func(r *store.Reader) error {
		r.EachDirectory(func(version uint64, _ []byte) bool { versions = append(versions, version); return true })
		r.EachManifest(func(digest [32]byte, _ []byte) bool { digests = append(digests, digest); return true })
		return r.EachForkProof(func(p *storev1.ForkProof) bool { forks = append(forks, p); return true })
	}); err != nil {
		return err
	}
	for _, version := range versions {
		var b []byte
		if err := x.s.View(func(r *store.Reader) (err error) { _, b, err = r.Directory(version); return err }); err != nil {
			return err
		}
		if err := x.to.PutDirectory(version, b); err != nil {
			return err
		}
	}
	for _, digest := range digests {
		var b []byte
		if err := errors.Join(ctx.Err(), x.s.View(func(r *store.Reader) (err error) { b, err = r.Manifest(digest[:]); return err })); err != nil {
			return err
		}
		if err := x.to.PutManifest(digest, b); err != nil {
			return err
		}
	}
	if x.o.any() {
		return nil
	}
	for i, p := range forks {
		if err := x.to.PutFork(int64(i)+1, p.GetKind(), p.GetProof()); err != nil {
			return err
		}
	}
	return nil
}
