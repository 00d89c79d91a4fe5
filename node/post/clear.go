package post

import (
	"fmt"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Clear says that the peers have confirmed our head: from now on checkpoints are signed, messages are numbered and taken. A message to a peer gets a
// number only once that peer is confirmed as well.
func (o *Office) Clear() {
	if o.cleared.CompareAndSwap(false, true) {
		close(o.clear)
	}
}

// Cleared reports whether Clear was called.
func (o *Office) Cleared() bool { return o.cleared.Load() }

// WhenCleared returns a channel that is closed by Clear.
func (o *Office) WhenCleared() <-chan struct{} { return o.clear }

// Confirm says that a peer has shown, since the start, what it has of ours, and that our store knows all of it: no number that is given to a
// message to it was given before.
func (o *Office) Confirm(peer string) {
	if l := o.lanes[peer]; l != nil && !l.confirmed.Swap(true) {
		select {
		case o.confirm <- struct{}{}:
		default:
		}
	}
}

// Doubt takes Confirm back: the peer claims to have something of ours that our store does not know.
func (o *Office) Doubt(peer string) {
	if l := o.lanes[peer]; l != nil {
		l.confirmed.Store(false)
	}
}

// Open reports whether messages to a peer get numbers: the node is cleared and the peer confirmed.
func (o *Office) Open(peer string) bool {
	l := o.lanes[peer]
	return l != nil && o.Cleared() && l.confirmed.Load()
}

// Confirmations returns a channel that receives when peers were confirmed: what waits for them can be submitted. It is for one reader.
func (o *Office) Confirmations() <-chan struct{} { return o.confirm }

// ready returns why nothing may be signed or numbered now, or nil.
func (o *Office) ready() error {
	if !o.Cleared() {
		return ErrUncleared
	}
	return nil
}

// Checkpoint returns a signed checkpoint of at least size leaves, and its size; ErrUncleared before Clear.
func (o *Office) Checkpoint(size int64) ([]byte, int64, error) { return o.notary.Checkpoint(size) }

// Receipt returns the receipt that one of our leaves is.
func (o *Office) Receipt(place int64) (*rogatoryv1.Receipts, error) { return o.notary.Receipt(place) }

// mayNumber returns why a message to a peer may get no number now, or nil.
func (o *Office) mayNumber(peer string) error {
	switch {
	case !o.Cleared():
		return ErrUncleared
	case !o.lanes[peer].confirmed.Load():
		return fmt.Errorf("submitting to %s: %w", peer, ErrUnconfirmed)
	}
	return nil
}
