package attachment

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/wait"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

const (
	// firstPull and lastPull are the pauses after an attachment could not be fetched.
	firstPull = time.Second
	lastPull  = 5 * time.Minute
	// pullStep is how many bytes are fetched between two flushes: what a crash or a cut costs.
	pullStep = 8 << 20
	// pullSilence ends a stream on which nothing comes.
	pullSilence = 30 * time.Second
	// pullAtMost bounds one stream; the next one goes on where it ended.
	pullAtMost = 50 * time.Minute
)

// Config is what a Puller works with. All fields but Whole are needed.
type Config struct {
	Store *store.Store
	// Changed returns a channel that is closed when the backbone comes or goes.
	Changed func() <-chan struct{}
	// Client returns the stub by which a peer is called.
	Client func(peer string) peerv1.PeerServiceClient
	// DiskFree is how many bytes of the disk are kept free for messages.
	DiskFree int64
	// Whole is told of the `whole` leaf that proves to a peer that all attachments of its message are here; nil tells nobody. After a
	// start it is told again of leaves of the last days.
	Whole  func(peer string, leafIndex int64)
	Logger *slog.Logger
}

// Puller fetches the attachments of messages that have arrived, one at a time from each peer. Its methods may be called by several goroutines.
type Puller struct {
	cfg  Config
	log  *slog.Logger
	wake wait.Bell

	mu    sync.Mutex
	bells map[string]wait.Bell // by peer
	done  chan struct{}        // closed when an attachment has come
}

// New returns a Puller. It fetches nothing until Run.
func New(cfg Config) *Puller {
	return &Puller{cfg: cfg, log: cfg.Logger, wake: wait.NewBell(), bells: map[string]wait.Bell{}, done: make(chan struct{})}
}

// Pull has a look for attachments of messages that have arrived.
func (p *Puller) Pull() {
	p.wake.Ring()
}

// Run fetches what is awaited until ctx ends: it has a goroutine for each peer of whom an attachment is awaited, as long as one is. An
// error means that the store can no longer be trusted.
func (p *Puller) Run(ctx context.Context) error {
	if err := p.tellWhole(); err != nil {
		return err
	}
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	for {
		if err := p.tellListed(ctx); err != nil {
			return err
		}
		waiting, err := p.awaited()
		if err != nil {
			return err
		}
		p.mu.Lock()
		for peer := range waiting {
			if b := p.bells[peer]; b != nil {
				b.Ring()
				continue
			}
			b := wait.NewBell()
			p.bells[peer] = b
			running.Go(func() {
				if err := p.pullFrom(ctx, peer, b); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			})
		}
		p.mu.Unlock()
		select {
		case <-p.wake:
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// awaited returns the attachments that are not here, by peer, in order of their messages.
func (p *Puller) awaited() (map[string][]*storev1.Attachment, error) {
	var waiting map[string][]*storev1.Attachment
	err := p.cfg.Store.View(func(r *store.Reader) error {
		waiting = map[string][]*storev1.Attachment{}
		return r.EachAttachment(func(a *storev1.Attachment) bool {
			if !a.GetOutgoing() && !a.GetWhole() && len(a.GetCopies()) > 0 {
				peer := a.GetCopies()[0].GetPeer()
				waiting[peer] = append(waiting[peer], a)
			}
			return true
		})
	})
	if err != nil {
		return nil, fmt.Errorf("looking for attachments: %w", err)
	}
	for _, list := range waiting {
		slices.SortFunc(list, func(a, b *storev1.Attachment) int {
			return int(int64(a.GetCopies()[0].GetLeafIndex()) - int64(b.GetCopies()[0].GetLeafIndex()))
		})
	}
	return waiting, nil
}

// pullFrom fetches what is awaited of one peer, and again after a pause what could not be fetched, until nothing is awaited. Only errors that end
// the node come back.
func (p *Puller) pullFrom(ctx context.Context, peer string, b wait.Bell) error {
	for rest := firstPull; ctx.Err() == nil; {
		waiting, err := p.awaited()
		if err != nil {
			return err
		}
		if len(waiting[peer]) == 0 {
			// Whoever rings between the look and here is heard by Run, which looks again.
			p.mu.Lock()
			delete(p.bells, peer)
			p.mu.Unlock()
			p.Pull()
			return nil
		}
		failed := false
		for _, a := range waiting[peer] {
			before := a.GetReceived()
			got, err := p.fetch(ctx, a)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil && store.Fatal(err):
				return err
			case err != nil:
				failed = true
				p.log.Info("fetching an attachment failed; it is tried again", "peer", peer, "received", got, "of", a.GetLength(), "err", err)
			}
			if got > before {
				rest = firstPull
			}
		}
		if !failed {
			rest = firstPull
			continue
		}
		net := p.cfg.Changed()
		wait.For(ctx, wait.Jitter(rest), net, b)
		rest = min(2*rest, lastPull)
	}
	return nil
}

// FetchNow returns when an attachment is here, ErrNoAttachment when none is expected by this name, and ctx's error when it does not come
// in time; it is fetched all the same.
func (p *Puller) FetchNow(ctx context.Context, id []byte) error {
	for rung := false; ; {
		p.mu.Lock()
		done := p.done
		p.mu.Unlock()
		var a *storev1.Attachment
		err := p.cfg.Store.View(func(r *store.Reader) (err error) {
			a, err = r.Attachment(id)
			return err
		})
		switch {
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("fetching an attachment: %w", ErrNoAttachment)
		case err != nil:
			return err
		case a.GetWhole():
			return nil
		}
		if !rung {
			rung = true
			p.Pull()
		}
		select {
		case <-done:
		case <-ctx.Done():
			return fmt.Errorf("fetching an attachment: %w", ctx.Err())
		}
	}
}

// fetch brings an attachment to its end and returns how much of it is here.
func (p *Puller) fetch(ctx context.Context, a *storev1.Attachment) (uint64, error) {
	if a.GetReceived() < a.GetLength() {
		if err := p.stream(ctx, a); err != nil {
			return a.GetReceived(), err
		}
	}
	good, err := p.verify(a)
	if err != nil {
		return a.GetReceived(), err
	}
	if !good {
		a.Received = 0
		_, err := p.cfg.Store.Update(ctx, func(tx *store.Tx) error { return putProgress(tx, a.GetId(), 0) })
		return 0, errors.Join(ErrAttachment, err)
	}
	return a.GetReceived(), p.finish(ctx, a)
}

// stream appends to the attachment's file what is missing, and keeps a.Received at what is flushed and committed.
func (p *Puller) stream(ctx context.Context, a *storev1.Attachment) error {
	path := p.cfg.Store.BlobPath(a.GetId())
	if err := p.room(path, a.GetLength()-a.GetReceived()); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return err
	} else if uint64(info.Size()) < a.GetReceived() {
		a.Received = 0 // the file was lost
	}
	if err := f.Truncate(int64(a.GetReceived())); err != nil {
		return err
	}
	if _, err := f.Seek(int64(a.GetReceived()), io.SeekStart); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pullAtMost)
	defer cancel()
	silence := time.AfterFunc(pullSilence, cancel)
	defer silence.Stop()
	from := a.GetCopies()[0]
	in, err := p.cfg.Client(from.GetPeer()).Attachment(ctx, &peerv1.AttachmentRequest{
		Msg: from.GetMsg(), Id: a.GetId(), Offset: a.GetReceived(), CaseToken: from.GetCaseToken(),
	})
	if err != nil {
		return err
	}
	at, flushed := a.GetReceived(), a.GetReceived()
	flush := func() error {
		if at == flushed {
			return nil
		}
		if err := f.Sync(); err != nil {
			return err
		}
		// Without the name in the folder a crash would lose what is said to be received.
		if flushed == 0 {
			if err := syncFolder(path); err != nil {
				return err
			}
		}
		// Not ctx: what came before the stream was cut counts.
		if _, err := p.cfg.Store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error { return putProgress(tx, a.GetId(), at) }); err != nil {
			return err
		}
		flushed, a.Received = at, at
		return nil
	}
	for {
		answer, err := in.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return errors.Join(err, flush())
		}
		silence.Reset(pullSilence)
		if at += uint64(len(answer.GetChunk())); at > a.GetLength() {
			return fmt.Errorf("more than %d bytes came: %w", a.GetLength(), ErrAttachment)
		}
		if _, err := f.Write(answer.GetChunk()); err != nil {
			return err
		}
		if at-flushed >= pullStep {
			if err := flush(); err != nil {
				return err
			}
			if err := p.room(path, a.GetLength()-at); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if at < a.GetLength() {
		return fmt.Errorf("%d bytes of %d came: %w", at, a.GetLength(), ErrAttachment)
	}
	return nil
}

// putProgress notes how much of an attachment is here.
func putProgress(tx *store.Tx, id []byte, received uint64) error {
	row, err := tx.Attachment(id)
	if err != nil {
		return err
	}
	row.Received, row.Whole = received, false
	return tx.PutAttachment(row)
}

// verify compares the file with what the message says of it.
func (p *Puller) verify(a *storev1.Attachment) (bool, error) {
	f, err := os.Open(p.cfg.Store.BlobPath(a.GetId()))
	if errors.Is(err, os.ErrNotExist) && a.GetLength() > 0 {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return false, err
	}
	return uint64(n) == a.GetLength() && string(h.Sum(nil)) == string(a.GetSha256()), nil
}

// room returns ErrDisk unless so many bytes fit and twice as much stays free as the configuration wants: messages are taken down to that, so a
// member who announces attachments without end does not keep other members' messages out.
func (p *Puller) room(path string, more uint64) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &fs); err != nil {
		return fmt.Errorf("looking at the disk: %w", err)
	}
	keep := 2 * uint64(p.cfg.DiskFree)
	if free := fs.Bavail * uint64(fs.Bsize); free < keep || free-keep < more {
		return fmt.Errorf("%d MiB are free, %d MiB come and %d MiB stay free: %w", free>>20, more>>20, keep>>20, ErrDisk)
	}
	return nil
}

// syncFolder flushes the folder of a file, and so the file's name in it.
func syncFolder(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
