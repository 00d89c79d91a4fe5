package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const (
	// unlistedLife is how long an attachment is kept that no content lists.
	unlistedLife = 7 * 24 * time.Hour
	maxChunk     = 256 << 10
)

// Attach seals a file as it streams in. Only its ciphertext touches the disk.
func (d *Desk) Attach(stream grpc.ClientStreamingServer[nodev1.AttachRequest, nodev1.AttachResponse]) error {
	a, err := d.attach(stream)
	if err != nil {
		return refusal.Tell(err)
	}
	return stream.SendAndClose(&nodev1.AttachResponse{Attachment: a})
}

func (d *Desk) attach(stream grpc.ClientStreamingServer[nodev1.AttachRequest, nodev1.AttachResponse]) (*rogatoryv1.Attachment, error) {
	first, err := stream.Recv()
	if err != nil {
		return nil, fmt.Errorf("reading the file's header: %w", errors.Join(err, refusal.ErrRequest))
	}
	if _, err := d.reader(first.GetAssertion(), rogatoryv1.Verb_VERB_ATTACH, ""); err != nil {
		return nil, err
	}
	act, err := federation.ParseAct(first.GetAssertion().GetAct())
	if err != nil {
		return nil, err
	}
	if err := d.room(0); err != nil {
		return nil, err
	}
	// One assertion opens one upload, however many come with it at once.
	if _, err := d.cfg.Store.Update(stream.Context(), func(tx *store.Tx) error {
		return tx.UseNonce(act.GetNonce(), act.GetAtMs()+uint64(2*federation.ActSkew.Milliseconds()))
	}); err != nil {
		return nil, err
	}
	id, key := envelope.NewAttachmentID(), keyring.GenerateSecret()
	path := d.cfg.Store.BlobPath(id[:])
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keeping attachment: %w: %w", store.ErrDisk, err)
	}
	keep := false
	defer func() {
		_ = f.Close()
		if !keep {
			_ = d.cfg.Store.RemoveBlob(id[:])
		}
	}()
	in := &chunks{next: first.GetChunk(), left: int64(d.cfg.Node.Limits.MaxAttachment), room: d.room, recv: func() ([]byte, error) {
		r, err := stream.Recv()
		return r.GetChunk(), err
	}}
	sealed, err := envelope.SealAttachment(f, in, id, key)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("keeping attachment: %w: %w", store.ErrDisk, err)
	}
	size := uint64(envelope.AttachmentSize(sealed.Length))
	if _, err := d.cfg.Store.Update(stream.Context(), func(tx *store.Tx) error {
		return tx.PutAttachment(&storev1.Attachment{
			Id: id[:], Outgoing: true, Length: size, Sha256: sealed.Digest[:], Received: size, Whole: true,
			FreeMs: uint64(time.UnixMilli(tx.At()).Add(unlistedLife).UnixMilli()),
		})
	}); err != nil {
		return nil, err
	}
	keep = true
	return &rogatoryv1.Attachment{
		Id: id[:], Key: key.Bytes(), CiphertextLength: size, Length: uint64(sealed.Length), CiphertextSha256: sealed.Digest[:],
		MediaType: first.GetMediaType(), Title: first.GetTitle(),
	}, nil
}

// chunks reads the pieces of a stream as one file, up to a limit.
type chunks struct {
	next  []byte
	left  int64
	since int64 // bytes since the disk was looked at
	room  func(more int64) error
	recv  func() ([]byte, error)
}

// lookEvery is after how many bytes the disk is looked at again.
const lookEvery = 8 << 20

func (c *chunks) Read(p []byte) (int, error) {
	for len(c.next) == 0 {
		var err error
		if c.next, err = c.recv(); err != nil {
			return 0, err
		}
		if len(c.next) > maxChunk {
			return 0, fmt.Errorf("piece of %d bytes, at most %d: %w", len(c.next), maxChunk, refusal.ErrRequest)
		}
	}
	n := copy(p, c.next)
	if c.left -= int64(n); c.left < 0 {
		return 0, refusal.ErrTooMuch
	}
	if c.since += int64(n); c.since >= lookEvery {
		c.since = 0
		if err := c.room(0); err != nil {
			return 0, err
		}
	}
	c.next = c.next[n:]
	return n, nil
}

// Fetch returns an attachment's plaintext. That it is read is in the log first; it is pulled from the peer when it is not here yet.
func (d *Desk) Fetch(r *nodev1.FetchRequest, stream grpc.ServerStreamingServer[nodev1.FetchResponse]) error {
	return refusal.Tell(d.fetch(stream.Context(), r, stream))
}

func (d *Desk) fetch(ctx context.Context, r *nodev1.FetchRequest, stream grpc.ServerStreamingServer[nodev1.FetchResponse]) error {
	token, err := d.consult(ctx, r.GetAssertion())
	if err != nil {
		return err
	}
	listed, _, err := d.listed(token, r.GetId(), reasonOf(r.GetAssertion()))
	if err != nil {
		return err
	}
	row, err := d.attachment(r.GetId())
	if errors.Is(err, refusal.ErrAttachment) {
		return d.why(token, r.GetId(), reasonOf(r.GetAssertion()))
	}
	if err != nil {
		return err
	}
	if casefile.Lost(row) {
		return refusal.ErrLost
	}
	if !row.GetWhole() {
		if d.FetchNow == nil {
			return refusal.ErrAttachment
		}
		if err := d.FetchNow(ctx, r.GetId()); err != nil {
			return fmt.Errorf("%w: %w", refusal.ErrAttachment, err)
		}
	}
	f, err := os.Open(d.cfg.Store.BlobPath(r.GetId()))
	if err != nil {
		return fmt.Errorf("%w: %w", refusal.ErrAttachment, err)
	}
	defer f.Close()
	key, err := keyring.NewSecret(listed.GetKey())
	if err != nil {
		return err
	}
	return envelope.OpenAttachment(pieces{stream}, f, envelope.AttachmentID(r.GetId()), key, envelope.SealedAttachment{
		Length: int64(listed.GetLength()), Digest: [32]byte(listed.GetCiphertextSha256()),
	})
}

// pieces sends what is written as pieces of a stream.
type pieces struct {
	stream grpc.ServerStreamingServer[nodev1.FetchResponse]
}

func (p pieces) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), maxChunk)
		if err := p.stream.Send(&nodev1.FetchResponse{Chunk: rest[:n]}); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(b), nil
}

var _ io.Writer = pieces{}

func (d *Desk) attachment(id []byte) (row *storev1.Attachment, err error) {
	err = d.cfg.Store.View(func(r *store.Reader) error {
		row, err = r.Attachment(id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = refusal.ErrAttachment
	}
	return row, err
}

// why says what is the matter with an attachment that is listed and not on the list of those that are here or awaited: it is larger than this
// node takes, was ours and has been freed, or was one too many of its peer's.
func (d *Desk) why(token string, id []byte, reason string) error {
	listed, ours, err := d.listed(token, id, reason)
	switch {
	case err != nil:
		return err
	case listed.GetCiphertextLength() > uint64(d.cfg.Node.Limits.MaxAttachment)+1<<20:
		return refusal.ErrTooMuch
	case !ours:
		return refusal.ErrNotAwaited
	}
	return refusal.ErrFreed
}

// listed returns an attachment as some content of the case lists it, and whether that content is ours.
func (d *Desk) listed(token string, id []byte, reason string) (found *rogatoryv1.Attachment, ours bool, err error) {
	err = d.cfg.Store.View(func(r *store.Reader) error {
		c, err := casefile.Load(r, token)
		if err != nil {
			return err
		}
		indices, err := r.CaseMessages(token)
		if err != nil {
			return err
		}
		for _, index := range indices {
			m, err := c.Read(r, index, d.log)
			if err != nil {
				return err
			}
			for _, at := range m.GetContent().GetAttachments() {
				if string(at.GetId()) == string(id) && len(id) == 16 && len(at.GetCiphertextSha256()) == 32 && !c.Withholds(m.GetMsg(), reason) {
					found, ours = at, m.GetOurs()
					return nil
				}
			}
		}
		return fmt.Errorf("attachment of case %s: %w", token, refusal.ErrAttachment)
	})
	return found, ours, err
}
