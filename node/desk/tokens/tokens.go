// Package tokens hands out case tokens, as RS-2026-000123, and counts what clients hold of them.
package tokens

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

// A Book hands out the case tokens of a node. Its methods may be called by several goroutines.
type Book struct {
	store    *store.Store
	country  string
	reserved reservations
}

// New returns the book of a store.
func New(s *store.Store, country string) *Book { return &Book{store: s, country: country} }

// Reserve hands out case tokens. It takes no signature and tells of no case: it uses numbers up, of which a year has 10^12, and numbers may skip.
// One client holds so many that have not become cases, and is then refused.
func (b *Book) Reserve(ctx context.Context, n int) ([]string, error) {
	if n < 1 || n > 1000 {
		return nil, fmt.Errorf("reserving %d case tokens, from 1 to 1000: %w", n, refusal.ErrRequest)
	}
	of := client(ctx)
	if err := b.reserved.room(of, n, time.Now(), b.unused); err != nil {
		return nil, err
	}
	tokens, err := b.Take(ctx, n)
	if err == nil {
		b.reserved.add(of, tokens, time.Now())
	}
	return tokens, err
}

// Take takes case tokens for messages that this node composes.
func (b *Book) Take(ctx context.Context, n int) ([]string, error) {
	var tokens []string
	_, err := b.store.Update(ctx, func(tx *store.Tx) error {
		tokens = tokens[:0]
		year := time.UnixMilli(tx.At()).UTC().Year()
		for range n {
			number, err := tx.CaseNumber(year)
			if err != nil {
				return err
			}
			tokens = append(tokens, fmt.Sprintf("%s-%d-%06d", b.country, year, number))
		}
		return nil
	})
	return tokens, err
}

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

// unused returns the tokens that have not become cases.
func (b *Book) unused(tokens []reservedToken) (left []reservedToken, err error) {
	err = b.store.View(func(r *store.Reader) error {
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
