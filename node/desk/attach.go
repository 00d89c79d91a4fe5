package desk

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"

	"github.com/rogatory/rogatory/node/desk/attachments"
	"github.com/rogatory/rogatory/node/desk/reading"
	"github.com/rogatory/rogatory/node/desk/refusal"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Room returns an error unless so many bytes fit into the data folder besides what limits.disk_free keeps free.
func (d *Desk) Room(more int64) error { return d.files.Room(more) }

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
	if _, err := d.reading.Verify(first.GetAssertion(), rogatoryv1.Verb_VERB_ATTACH, ""); err != nil {
		return nil, err
	}
	if err := d.files.Room(0); err != nil {
		return nil, err
	}
	// One assertion opens one upload, however many come with it at once.
	if err := d.officers.Once(stream.Context(), first.GetAssertion()); err != nil {
		return nil, err
	}
	begun := false
	a, err := d.files.Seal(stream.Context(), func() ([]byte, error) {
		if !begun {
			begun = true
			return first.GetChunk(), nil
		}
		r, err := stream.Recv()
		return r.GetChunk(), err
	})
	if err != nil {
		return nil, err
	}
	a.MediaType, a.Title = first.GetMediaType(), first.GetTitle()
	return a, nil
}

// Fetch returns an attachment's plaintext. That it is read is in the log first; it is pulled from the peer when it is not here yet.
func (d *Desk) Fetch(r *nodev1.FetchRequest, stream grpc.ServerStreamingServer[nodev1.FetchResponse]) error {
	return refusal.Tell(d.fetch(stream.Context(), r, stream))
}

func (d *Desk) fetch(ctx context.Context, r *nodev1.FetchRequest, stream grpc.ServerStreamingServer[nodev1.FetchResponse]) error {
	token, err := d.reading.Consult(ctx, r.GetAssertion())
	if err != nil {
		return err
	}
	return d.files.Open(ctx, pieces{stream}, token, r.GetId(), reading.ReasonOf(r.GetAssertion()), d.FetchNow)
}

// pieces sends what is written as pieces of a stream.
type pieces struct {
	stream grpc.ServerStreamingServer[nodev1.FetchResponse]
}

func (p pieces) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), attachments.MaxChunk)
		if err := p.stream.Send(&nodev1.FetchResponse{Chunk: rest[:n]}); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(b), nil
}
