package desk

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/store"
)

const (
	// maxReserved is how many case tokens one client may hold that have not become cases. Each stops counting after reservedLife; it stays good.
	maxReserved  = 100_000
	reservedLife = time.Hour
	// recountEvery is how often it is looked at which of a client's tokens have become cases.
	recountEvery = 10 * time.Second
	// maxReservers is how many clients are counted apart.
	maxReservers = 256
)

// reservations are the case tokens that clients hold. Who calls has signed nothing, so clients are told apart by how they come: by their certificate, or
// by the node's socket.
type reservations struct {
	mu sync.Mutex
	by map[[32]byte]*reserved
}

// reserved are the tokens of one client, oldest first.
type reserved struct {
	tokens    []reservedToken
	recounted time.Time
}

type reservedToken struct {
	name string
	at   time.Time
}

// client names who calls: the hash of its certificate, or zeros at the socket.
func client(ctx context.Context) [32]byte {
	if p, ok := peer.FromContext(ctx); ok {
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok && len(info.State.PeerCertificates) > 0 {
			return sha256.Sum256(info.State.PeerCertificates[0].Raw)
		}
	}
	return [32]byte{}
}

// room returns ErrReserved unless a client may hold n more tokens. became tells which have become cases.
func (r *reservations) room(of [32]byte, n int, now time.Time, became func([]reservedToken) ([]reservedToken, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c, held := range r.by {
		held.tokens = slices.DeleteFunc(held.tokens, func(t reservedToken) bool { return now.Sub(t.at) >= reservedLife })
		if len(held.tokens) == 0 {
			delete(r.by, c)
		}
	}
	held := r.by[of]
	if held == nil {
		if len(r.by) >= maxReservers {
			return fmt.Errorf("%d clients hold case tokens: %w", len(r.by), refusal.ErrReserved)
		}
		return nil
	}
	if len(held.tokens)+n > maxReserved && now.Sub(held.recounted) >= recountEvery {
		left, err := became(held.tokens)
		if err != nil {
			return err
		}
		held.tokens, held.recounted = left, now
	}
	if len(held.tokens)+n > maxReserved {
		return fmt.Errorf("%d case tokens of this client have not become cases: %w", len(held.tokens), refusal.ErrReserved)
	}
	return nil
}

func (r *reservations) add(of [32]byte, tokens []string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[[32]byte]*reserved{}
	}
	if r.by[of] == nil {
		r.by[of] = &reserved{}
	}
	for _, token := range tokens {
		r.by[of].tokens = append(r.by[of].tokens, reservedToken{token, now})
	}
}

// reserveFor reserves case tokens for a client.
func (d *Desk) reserveFor(ctx context.Context, n int) ([]string, error) {
	of := client(ctx)
	if err := d.reserved.room(of, n, time.Now(), d.unused); err != nil {
		return nil, err
	}
	tokens, err := d.reserve(ctx, n)
	if err == nil {
		d.reserved.add(of, tokens, time.Now())
	}
	return tokens, err
}

// unused returns the tokens that have not become cases.
func (d *Desk) unused(tokens []reservedToken) (left []reservedToken, err error) {
	err = d.cfg.Store.View(func(r *store.Reader) error {
		left = nil
		for _, t := range tokens {
			if !r.HasCase(t.name) {
				left = append(left, t)
			}
		}
		return nil
	})
	return left, err
}
