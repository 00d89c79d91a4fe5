package online

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rogatory/rogatory/node/online/rollback"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/wait"
)

const (
	// firstAsk and lastAsk are the pauses between two calls of Head while we are uncleared, from the beginning of one to the
	// beginning of the next.
	firstAsk = 250 * time.Millisecond
	lastAsk  = 5 * time.Second
	// askFor is how long a peer is asked so often after the start, if we are cleared.
	askFor = 10 * time.Minute
	// settle is how long the statements are looked at before a node to whom nobody has ever published anything starts without peers, and how
	// long after enough peers have answered the others, and our own statement, are waited for: what only one of them knows of us is then known
	// before the next message gets a number.
	settle = 3 * time.Second
)

// answers are the peers that have shown what they have of ours, since the start.
type answers struct {
	mu     sync.Mutex
	given  map[string]bool
	claims map[string]claim // the last that a peer made without proof
	more   wait.Bell
}

// claim is a number of ours that a peer says it has seen.
type claim struct {
	epoch uint32
	seq   uint64
}

func (a *answers) init() {
	a.given = map[string]bool{}
	a.claims = map[string]claim{}
	a.more = wait.NewBell()
}

func (a *answers) add(peer string) {
	a.mu.Lock()
	a.given[peer] = true
	delete(a.claims, peer)
	a.mu.Unlock()
	a.more.Ring()
}

// doubt notes that a peer claims a number without proof, and reports whether that is new.
func (a *answers) doubt(peer string, epoch uint32, seq uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.given, peer)
	was, known := a.claims[peer]
	now := claim{epoch, seq}
	a.claims[peer] = now
	return !known || was != now
}

// count returns how many of the peers have answered.
func (a *answers) count(peers []string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, p := range peers {
		if a.given[p] {
			n++
		}
	}
	return n
}

func (a *answers) has(peer string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.given[peer]
}

// Needed returns how many of n peers must answer before a node is cleared.
func Needed(n int) int {
	if n < 3 {
		return min(n, 1)
	}
	return n/2 + 1
}

// untilCleared waits until enough peers have confirmed our head, and for a moment for all, and then tells the office. It returns
// ctx's error when ctx ends. Run calls it, beside askLoop.
func (l *Lane) untilCleared(ctx context.Context) error {
	var connected, enough time.Time
	for {
		// Taken before looking, so that no change is missed.
		book, net := l.cfg.Peers.Changed(), l.cfg.Net.Changed()
		own := l.board.Unseen()
		published := l.cfg.Peers.Published()
		switch {
		case !l.cfg.Net.Connected():
			connected = time.Time{}
		case connected.IsZero():
			connected = time.Now()
		}
		rest := time.Hour
		if len(published) == 0 {
			if len(l.others()) == 0 || !connected.IsZero() && time.Since(connected) >= settle {
				return l.clear(ctx, "nobody has published a manifest yet")
			}
			if !connected.IsZero() {
				rest = settle - time.Since(connected)
			}
		} else if n := l.answers.count(published); n >= Needed(len(published)) {
			if enough.IsZero() {
				enough = time.Now()
			}
			if n == len(published) && own == nil || time.Since(enough) >= settle {
				return l.clear(ctx, "peers have confirmed our head")
			}
			rest = settle - time.Since(enough)
		}
		timer := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		case <-book:
		case <-net:
		case <-l.answers.more:
		case <-own:
		}
		timer.Stop()
	}
}

// clear tells the store first: what is signed from here on is known to be confirmed.
func (l *Lane) clear(ctx context.Context, why string) error {
	if _, err := l.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.NoteCleared() }); err != nil && !errors.Is(err, store.ErrUnguarded) {
		return fmt.Errorf("noting that the head is confirmed: %w", err)
	}
	l.cfg.Office.Clear()
	l.board.Renew()
	l.log.Info("cleared", "why", why, "peers", l.answers.count(l.others()))
	return nil
}

// askLoop asks every peer that publishes a manifest for our head, each on its own. Only errors that end the node come back.
func (l *Lane) askLoop(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	asked := map[string]bool{}
	for ctx.Err() == nil {
		book := l.cfg.Peers.Changed()
		for _, peer := range l.cfg.Peers.Published() {
			if !asked[peer] {
				asked[peer] = true
				g.Go(func() error { return l.ask(ctx, peer) })
			}
		}
		select {
		case <-book:
		case <-ctx.Done():
		}
	}
	return g.Wait()
}

// ask calls Head of a peer until it has answered: before we are cleared however long it takes, and then, since messages to it wait for that, until
// askFor has passed; the rounds ask on. Only errors that end the node come back.
func (l *Lane) ask(ctx context.Context, peer string) error {
	started := time.Now()
	for rest := firstAsk; ctx.Err() == nil && !l.answers.has(peer); rest = min(2*rest, lastAsk) {
		began := time.Now()
		if began.Sub(started) > askFor && l.cfg.Office.Cleared() {
			return nil
		}
		book, net := l.cfg.Peers.Changed(), l.cfg.Net.Changed()
		if _, ok := l.cfg.Peers.SealingKey(peer, began); !ok || !l.cfg.Net.Connected() {
			wait.For(ctx, lastAsk, book, net)
			continue
		}
		call, cancel := context.WithTimeout(ctx, callTimeout)
		err := l.exchange(call, peer)
		cancel()
		switch {
		case err == nil:
			return nil
		case ends(err):
			return fmt.Errorf("asking %s for our head: %w", peer, err)
		case errors.Is(err, rollback.ErrHead):
			l.complain("the peer's answer does not count", peer, err)
		default:
			l.log.Debug("asking for our head failed", "peer", peer, "err", err)
		}
		wait.For(ctx, rest-time.Since(began), net)
	}
	return nil
}

// ends reports whether the node must stop for an error: the restart path repairs, or says how to recover.
func ends(err error) bool { return errors.Is(err, rollback.Err) || store.Fatal(err) }
