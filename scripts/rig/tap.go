package rig

import (
	"context"
	"encoding/hex"
	"log/slog"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/backbone"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A tap tells, from within a node's process, when a message is delivered: it looks at the receipts that come in, and when the node
// passes the step behind which they are committed, it names the messages by their docket commitments, which is what a client knows
// of them. The product is unchanged; what the tap costs is counted as the node's.
//
// It is exact for a node with one peer, whose frames are taken one pull after the other.
type tap struct {
	mu      sync.Mutex
	arrived []string
}

// wrap makes the backbone with the tap in it.
func (t *tap) wrap(cfg *configs.Node, log *slog.Logger) func(transport.CallOptions) (transport.Net, error) {
	return func(calls transport.CallOptions) (transport.Net, error) {
		conf, err := backbone.LoadTLS(cfg.NATS.Cert, cfg.NATS.Key, cfg.NATS.CA)
		if err != nil {
			return nil, err
		}
		n, err := backbone.Open(backbone.Options{Country: cfg.Country, Servers: cfg.NATS.URLs, TLS: conf, Calls: calls, Log: log})
		if err != nil {
			return nil, err
		}
		return &tapped{n, t}, nil
	}
}

// step is called at each of the node's steps.
func (t *tap) step(point string) {
	if point != post.StepSettled {
		return
	}
	t.mu.Lock()
	arrived := t.arrived
	t.arrived = nil
	t.mu.Unlock()
	var lines strings.Builder
	for i, commit := range arrived {
		if i > 0 {
			lines.WriteByte('\n')
		}
		lines.WriteString(saySettled + " " + commit)
	}
	if lines.Len() > 0 {
		sayLine(lines.String())
	}
}

func (t *tap) look(frame []byte) {
	f := &rogatoryv1.Frame{}
	if proto.Unmarshal(frame, f) != nil {
		return
	}
	for _, rs := range f.GetReceipts() {
		for _, r := range rs.GetReceipts() {
			leaf, err := translog.ParseLeaf(r.GetLeaf())
			if err != nil {
				continue
			}
			if m, ok := leaf.Entry.(*translog.Msg); ok {
				t.mu.Lock()
				t.arrived = append(t.arrived, hex.EncodeToString(m.DocketCommit[:]))
				t.mu.Unlock()
			}
		}
	}
}

// tapped is a Net whose frames are looked at.
type tapped struct {
	transport.Net
	tap *tap
}

// Receive is the backbone's.
func (n *tapped) Receive(ctx context.Context, from string, maxBytes int) ([]transport.Frame, error) {
	frames, err := n.Net.Receive(ctx, from, maxBytes)
	for _, f := range frames {
		n.tap.look(f.Data)
	}
	return frames, err
}
