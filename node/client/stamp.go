package client

import (
	"context"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

// StampHead returns a head of the log that a time-stamping authority may be asked about. The node signs it; nothing of it is checked here.
func (c *Client) StampHead(ctx context.Context) (translog.Checkpoint, error) {
	resp, err := nodev1.NewLogServiceClient(c.conn).StampHead(ctx, &nodev1.StampHeadRequest{})
	if err != nil {
		return translog.Checkpoint{}, err
	}
	if len(resp.GetRoot()) != translog.HashSize || resp.GetSize() > translog.MaxInt {
		return translog.Checkpoint{}, fmt.Errorf("the node names no head of its log: %w", ErrHead)
	}
	return translog.Checkpoint{Origin: resp.GetLog(), Size: int64(resp.GetSize()), Root: translog.Hash(resp.GetRoot())}, nil
}

// Stamp has the node log a time token over its head of a size.
func (c *Client) Stamp(ctx context.Context, size int64, token []byte) (*nodev1.StampResponse, error) {
	return nodev1.NewLogServiceClient(c.conn).Stamp(ctx, &nodev1.StampRequest{Size: uint64(size), Token: token})
}
