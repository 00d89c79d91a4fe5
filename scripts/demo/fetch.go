package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/node/client"
)

// fetch has an officer open an attachment of the case, which the node has pulled or pulls now, and compares it with the file that was attached.
func (p *player) fetch(ctx context.Context, c command) error {
	d, err := p.deskOf(c, 1)
	if err != nil {
		return err
	}
	oc, err := p.find(c.args[0], d.m.country)
	if err != nil {
		return err
	}
	want, err := p.files.read(c.args[2])
	if err != nil {
		return err
	}
	cl, err := d.m.as(d.who)
	if err != nil {
		return err
	}
	shown, err := cl.Show(ctx, oc.token, "case-work")
	if err != nil {
		return at(d.m, oc.token, err)
	}
	for _, m := range shown.GetMessages() {
		for _, a := range m.GetContent().GetAttachments() {
			if m.GetOurs() || a.GetLength() != uint64(len(want)) {
				continue
			}
			var got bytes.Buffer
			if err := p.fetchOne(ctx, cl, oc.token, a.GetId(), &got); err != nil {
				return at(d.m, oc.token, err)
			}
			if bytes.Equal(got.Bytes(), want) {
				p.out.event(green, d.place(), fmt.Sprintf("%s opens the attachment: %d bytes, the same as were sent (SHA-256 %x…)", d.who, got.Len(), sum(want)))
				return nil
			}
		}
	}
	return at(d.m, oc.token, fmt.Errorf("%s: %w", c.args[2], errDiffers))
}

func sum(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:4]
}

// fetchOne fetches an attachment; one that is still on its way is asked for again.
func (p *player) fetchOne(ctx context.Context, cl *client.Client, token string, id []byte, to *bytes.Buffer) error {
	for {
		to.Reset()
		_, err := cl.Fetch(ctx, token, id, "case-work", to)
		if err == nil || status.Code(err) != codes.Unavailable {
			return err
		}
		select {
		case <-time.After(5 * poll):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}
