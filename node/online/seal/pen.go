package seal

import (
	"context"
	"sync"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
)

// A pen signs what waits at the same moment with one signature. Nothing waits for company: whoever comes while the pen is writing is in the next batch.
type pen struct {
	mu      sync.Mutex
	waiting []*draft
	writing bool
}

type draft struct {
	key      *keyring.Identity
	sealed   *envelope.Sealed
	envelope []byte
	err      error
	done     chan struct{}
}

// sign returns the envelope of a sealed message.
func (p *pen) sign(ctx context.Context, key *keyring.Identity, sealed *envelope.Sealed) ([]byte, error) {
	d := &draft{key: key, sealed: sealed, done: make(chan struct{})}
	p.mu.Lock()
	p.waiting = append(p.waiting, d)
	if !p.writing {
		p.writing = true
		go p.write()
	}
	p.mu.Unlock()
	select {
	case <-d.done:
		return d.envelope, d.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// write signs until nothing waits; it ends by itself after as many signatures as there are batches.
func (p *pen) write() {
	for {
		p.mu.Lock()
		n := 0
		for n < len(p.waiting) && n < envelope.MaxBatch && p.waiting[n].key == p.waiting[0].key {
			n++
		}
		batch := p.waiting[:n:n]
		p.waiting = p.waiting[n:]
		if n == 0 {
			p.waiting, p.writing = nil, false
		}
		p.mu.Unlock()
		if n == 0 {
			return
		}
		sealed := make([]*envelope.Sealed, n)
		for i, d := range batch {
			sealed[i] = d.sealed
		}
		signed, err := envelope.SignBatch(batch[0].key, sealed)
		for i, d := range batch {
			if d.err = err; err == nil {
				d.envelope = signed[i].Envelope
			}
			close(d.done)
		}
	}
}
