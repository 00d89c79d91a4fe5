package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// chunkSize is how much of a file one piece carries.
const chunkSize = 256 << 10

// Attach has the node seal a file, and returns what a content lists.
func (c *Client) Attach(ctx context.Context, r io.Reader, mediaType, title string) (*rogatoryv1.Attachment, error) {
	a, err := c.Assert(ctx, &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_ATTACH})
	if err != nil {
		return nil, err
	}
	// A call that ends early must not leave its stream open.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Desk.Attach(ctx)
	if err != nil {
		return nil, err
	}
	err = stream.Send(&nodev1.AttachRequest{Assertion: a, MediaType: mediaType, Title: title})
	buf := make([]byte, chunkSize)
	for err == nil {
		n, readErr := io.ReadFull(r, buf)
		if n > 0 {
			err = stream.Send(&nodev1.AttachRequest{Chunk: buf[:n]})
		}
		if errors.Is(readErr, io.EOF) || errors.Is(readErr, io.ErrUnexpectedEOF) {
			break
		}
		if readErr != nil {
			return nil, fmt.Errorf("reading the file to attach: %w", readErr)
		}
	}
	// After an error of Send the answer says why.
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	resp, err := stream.CloseAndRecv()
	if err != nil {
		return nil, err
	}
	return resp.GetAttachment(), nil
}

// Fetch writes an attachment's plaintext to w; the node pulls it from the peer first when needed. After an error what was written
// is to be thrown away.
func (c *Client) Fetch(ctx context.Context, caseToken string, id []byte, reason string, w io.Writer) (int64, error) {
	a, err := c.Assert(ctx, &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: caseToken, Reason: reason})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Desk.Fetch(ctx, &nodev1.FetchRequest{Assertion: a, Id: id})
	if err != nil {
		return 0, err
	}
	var total int64
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		n, err := w.Write(resp.GetChunk())
		total += int64(n)
		if err != nil {
			return total, fmt.Errorf("writing the attachment: %w", err)
		}
	}
}
