package seal

import (
	"sync"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
)

const (
	// maxNonces is how many sealed parts of one peer may live here at once: some 800 a second. More wait.
	maxNonces = 1 << 17
	// nonceSpan is the width of the time slots in which nonces are forgotten.
	nonceSpan = 10 * time.Second
)

type nonce [16]byte

// nonces are those of one peer that may not come again. A sealing's expiry is signed, so a replay falls into the slot of the original.
type nonces struct {
	mu    sync.Mutex
	slots map[int64]map[nonce]struct{} // by expiry
	count int
}

type nonceVerdict int

const (
	nonceNew nonceVerdict = iota
	nonceSeen
	nonceNoRoom
)

// add remembers a nonce for as long as a sealing that expires then can be accepted.
func (n *nonces) add(v nonce, expires, now time.Time) nonceVerdict {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.slots == nil {
		n.slots = map[int64]map[nonce]struct{}{}
	}
	// There are few slots: a sealing lives half a minute.
	gone := now.Add(-envelope.Skew-nonceSpan).UnixNano() / int64(nonceSpan)
	for slot, set := range n.slots {
		if slot < gone {
			n.count -= len(set)
			delete(n.slots, slot)
		}
	}
	slot := expires.UnixNano() / int64(nonceSpan)
	if _, seen := n.slots[slot][v]; seen {
		return nonceSeen
	}
	if n.count >= maxNonces {
		return nonceNoRoom
	}
	if n.slots[slot] == nil {
		n.slots[slot] = map[nonce]struct{}{}
	}
	n.slots[slot][v] = struct{}{}
	n.count++
	return nonceNew
}
