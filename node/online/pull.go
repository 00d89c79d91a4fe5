package online

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
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
	// tellAgain is how long a message's `whole` leaf is told again at a start: the receipt may have been lost.
	tellAgain = 72 * time.Hour
	// wholeSide is the side record of a message's leaf that holds the index of its `whole` leaf, saltSide that of a `whole` leaf with
	// the salt of its list.
	wholeSide = "whole"
	saltSide  = "salt"
	// contextList is hashed before salt and list.
	contextList = "rogatory/v1/whole\x00"
)

// puller fetches attachments, one at a time from each peer.
type puller struct {
	mu    sync.Mutex
	bells map[string]bell // by peer
	done  chan struct{}   // closed when an attachment has come
	wake  bell
}

func (p *puller) init() {
	p.bells = map[string]bell{}
	p.done = make(chan struct{})
	p.wake = newBell()
}

// Pull has a look for attachments of messages that have arrived.
func (l *Lane) Pull() {
	l.puller.wake.ring()
}

// pullLoop has a goroutine for each peer of whom an attachment is awaited, as long as one is.
func (l *Lane) pullLoop(ctx context.Context) error {
	if err := l.tellWhole(); err != nil {
		return err
	}
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	for {
		if err := l.tellListed(ctx); err != nil {
			return err
		}
		waiting, err := l.awaited()
		if err != nil {
			return err
		}
		l.puller.mu.Lock()
		for peer := range waiting {
			if b := l.puller.bells[peer]; b != nil {
				b.ring()
				continue
			}
			b := newBell()
			l.puller.bells[peer] = b
			running.Go(func() {
				if err := l.pullFrom(ctx, peer, b); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			})
		}
		l.puller.mu.Unlock()
		select {
		case <-l.puller.wake:
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// awaited returns the attachments that are not here, by peer, in order of their messages.
func (l *Lane) awaited() (map[string][]*storev1.Attachment, error) {
	var waiting map[string][]*storev1.Attachment
	err := l.cfg.Store.View(func(r *store.Reader) error {
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
func (l *Lane) pullFrom(ctx context.Context, peer string, b bell) error {
	for wait := firstPull; ctx.Err() == nil; {
		waiting, err := l.awaited()
		if err != nil {
			return err
		}
		if len(waiting[peer]) == 0 {
			// Whoever rings between the look and here is heard by pullLoop, which looks again.
			l.puller.mu.Lock()
			delete(l.puller.bells, peer)
			l.puller.mu.Unlock()
			l.Pull()
			return nil
		}
		failed := false
		for _, a := range waiting[peer] {
			before := a.GetReceived()
			got, err := l.fetch(ctx, a)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil && ends(err):
				return err
			case err != nil:
				failed = true
				l.log.Info("fetching an attachment failed; it is tried again", "peer", peer, "received", got, "of", a.GetLength(), "err", err)
			}
			if got > before {
				wait = firstPull
			}
		}
		if !failed {
			wait = firstPull
			continue
		}
		net := l.cfg.Net.Changed()
		pause(ctx, jitter(wait), net, b)
		wait = min(2*wait, lastPull)
	}
	return nil
}

// FetchNow returns when an attachment is here, ErrNoAttachment when none is expected by this name, and ctx's error when it does not come
// in time; it is fetched all the same.
func (l *Lane) FetchNow(ctx context.Context, id []byte) error {
	for rung := false; ; {
		l.puller.mu.Lock()
		done := l.puller.done
		l.puller.mu.Unlock()
		var a *storev1.Attachment
		err := l.cfg.Store.View(func(r *store.Reader) (err error) {
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
			l.Pull()
		}
		select {
		case <-done:
		case <-ctx.Done():
			return fmt.Errorf("fetching an attachment: %w", ctx.Err())
		}
	}
}

// fetch brings an attachment to its end and returns how much of it is here.
func (l *Lane) fetch(ctx context.Context, a *storev1.Attachment) (uint64, error) {
	if a.GetReceived() < a.GetLength() {
		if err := l.stream(ctx, a); err != nil {
			return a.GetReceived(), err
		}
	}
	good, err := l.verify(a)
	if err != nil {
		return a.GetReceived(), err
	}
	if !good {
		a.Received = 0
		_, err := l.cfg.Store.Update(ctx, func(tx *store.Tx) error { return putProgress(tx, a.GetId(), 0) })
		return 0, errors.Join(ErrAttachment, err)
	}
	return a.GetReceived(), l.finish(ctx, a)
}

// stream appends to the attachment's file what is missing, and keeps a.Received at what is flushed and committed.
func (l *Lane) stream(ctx context.Context, a *storev1.Attachment) error {
	path := l.cfg.Store.BlobPath(a.GetId())
	if err := l.room(path, a.GetLength()-a.GetReceived()); err != nil {
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
	in, err := l.client(from.GetPeer()).Attachment(ctx, &peerv1.AttachmentRequest{
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
		if _, err := l.cfg.Store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error { return putProgress(tx, a.GetId(), at) }); err != nil {
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
			if err := l.room(path, a.GetLength()-at); err != nil {
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
func (l *Lane) verify(a *storev1.Attachment) (bool, error) {
	f, err := os.Open(l.cfg.Store.BlobPath(a.GetId()))
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

// finish notes that an attachment is here, and the `whole` leaf when it was the last one of its message.
func (l *Lane) finish(ctx context.Context, a *storev1.Attachment) error {
	var told map[int64]string
	_, err := l.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		told = map[int64]string{}
		row, err := tx.Attachment(a.GetId())
		if err != nil {
			return err
		}
		row.Received, row.Whole = row.GetLength(), true
		if err := tx.PutAttachment(row); err != nil {
			return err
		}
		for _, of := range row.GetCopies() {
			index, err := appendWhole(tx, of)
			if err != nil {
				return err
			}
			if index >= 0 {
				told[index] = of.GetPeer()
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("noting that an attachment is here: %w", err)
	}
	l.puller.mu.Lock()
	close(l.puller.done)
	l.puller.done = make(chan struct{})
	l.puller.mu.Unlock()
	l.tell(told)
	return nil
}

// tellListed tells of the messages that list nothing but what is here already: no attachment that comes will tell of them. Only errors that end the
// node come back.
func (l *Lane) tellListed(ctx context.Context) error {
	var untold []*storev1.AttachmentCopy
	partial := map[string]bool{} // messages of which something is awaited
	err := l.cfg.Store.View(func(r *store.Reader) error {
		var bad error
		err := r.EachAttachment(func(a *storev1.Attachment) bool {
			if a.GetOutgoing() {
				return true
			}
			for _, of := range a.GetCopies() {
				if !a.GetWhole() {
					partial[string(of.GetMsg())] = true
					continue
				}
				switch _, err := r.Side(int64(of.GetLeafIndex()), wholeSide); {
				case errors.Is(err, store.ErrNotFound):
					untold = append(untold, of)
				case err != nil:
					bad = err
				}
			}
			return bad == nil
		})
		return errors.Join(err, bad)
	})
	if err != nil {
		return fmt.Errorf("looking for attachments that are here: %w", err)
	}
	untold = slices.DeleteFunc(untold, func(of *storev1.AttachmentCopy) bool { return partial[string(of.GetMsg())] })
	if len(untold) == 0 {
		return nil
	}
	var told map[int64]string
	if _, err = l.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		told = map[int64]string{}
		for _, of := range untold {
			index, err := appendWhole(tx, of)
			if err != nil {
				return err
			}
			if index >= 0 {
				told[index] = of.GetPeer()
			}
		}
		return nil
	}); err != nil {
		switch {
		case ctx.Err() != nil:
			return nil
		case ends(err):
			return err
		}
		l.log.Error("noting that attachments are here failed; it is tried again", "err", err, "hint", store.Hint(err))
		return nil
	}
	l.tell(told)
	return nil
}

// tell tells of `whole` leaves, by index, and the peers that they are for.
func (l *Lane) tell(leaves map[int64]string) {
	for index, peer := range leaves {
		if l.cfg.Whole != nil {
			l.cfg.Whole(peer, index)
		}
	}
}

// appendWhole appends the `whole` leaf of a message whose attachments are all here, and returns its index, or -1. The leaf's list is
// SHA-256(contextList || salt || list), list the ids (16 bytes) and digests (32 bytes) in the order of the ids; the salt is its side record.
func appendWhole(tx *store.Tx, of *storev1.AttachmentCopy) (int64, error) {
	side := int64(of.GetLeafIndex())
	if _, err := tx.Side(side, wholeSide); !errors.Is(err, store.ErrNotFound) {
		return -1, err // there is one
	}
	salt := make([]byte, 32)
	rand.Read(salt) // never fails, see crypto/rand
	list := sha256.New()
	list.Write([]byte(contextList))
	list.Write(salt)
	whole := true
	if err := tx.EachAttachment(func(a *storev1.Attachment) bool {
		if !a.GetOutgoing() && slices.ContainsFunc(a.GetCopies(), func(c *storev1.AttachmentCopy) bool { return string(c.GetMsg()) == string(of.GetMsg()) }) {
			whole = whole && a.GetWhole()
			list.Write(a.GetId())
			list.Write(a.GetSha256())
		}
		return whole
	}); err != nil || !whole {
		return -1, err
	}
	index, err := tx.Append(&translog.Whole{Msg: translog.Hash(of.GetMsg()), List: translog.Hash(list.Sum(nil))})
	if err != nil {
		return -1, err
	}
	if err := tx.PutSide(index, saltSide, salt); err != nil {
		return -1, err
	}
	return index, tx.PutSide(side, wholeSide, binary.BigEndian.AppendUint64(nil, uint64(index)))
}

// tellWhole tells again of the `whole` leaves of the last days: a receipt that was queued may have died with the process.
func (l *Lane) tellWhole() error {
	told := map[int64]string{}
	err := l.cfg.Store.View(func(r *store.Reader) error {
		clear(told)
		return r.EachAttachment(func(a *storev1.Attachment) bool {
			if a.GetOutgoing() || !a.GetWhole() || len(a.GetCopies()) == 0 {
				return true
			}
			for _, of := range a.GetCopies() {
				b, err := r.Side(int64(of.GetLeafIndex()), wholeSide)
				if err != nil || len(b) != 8 {
					continue
				}
				index := int64(binary.BigEndian.Uint64(b))
				if line, err := r.Leaf(index); err == nil {
					if leaf, err := translog.ParseLeaf(line); err == nil && time.Since(time.UnixMilli(leaf.At)) <= tellAgain {
						told[index] = of.GetPeer()
					}
				}
			}
			return true
		})
	})
	if err != nil {
		return fmt.Errorf("looking for attachments that are here: %w", err)
	}
	l.tell(told)
	return nil
}

// room returns ErrDisk unless so many bytes fit and twice as much stays free as the configuration wants: messages are taken down to that, so a
// member who announces attachments without end does not keep other members' messages out.
func (l *Lane) room(path string, more uint64) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &fs); err != nil {
		return fmt.Errorf("looking at the disk: %w", err)
	}
	keep := 2 * uint64(l.cfg.Node.Limits.DiskFree)
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
