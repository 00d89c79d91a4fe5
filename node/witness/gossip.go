package witness

import (
	"math/rand/v2"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// MaxGossip is how many heads of third logs one exchange tells.
const MaxGossip = 8

// Gossip returns the heads that we have cosigned of other members' logs and that a peer was not told since the start, at most [MaxGossip] of them.
// told notes that it was told these; until then they come again.
func (w *Watch) Gossip(peer string) (notes [][]byte, told func()) {
	type news struct {
		origin string
		size   int64
		note   []byte
	}
	var list []news
	err := w.cfg.Store.View(func(r *store.Reader) error {
		list = nil
		w.mu.Lock()
		defer w.mu.Unlock()
		return r.EachWitnessed(func(origin string, h *storev1.Witnessed) bool {
			if h.GetPeer() != peer && h.GetSize() > uint64(w.told[peer][origin]) {
				list = append(list, news{origin, int64(h.GetSize()), h.GetCheckpoint()})
			}
			return true
		})
	})
	if err != nil {
		w.log.Error("reading what was cosigned failed", "err", err)
		return nil, func() {}
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	list = list[:min(len(list), MaxGossip)]
	for _, n := range list {
		notes = append(notes, n.note)
	}
	return notes, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.told[peer] == nil {
			w.told[peer] = map[string]int64{}
		}
		for _, n := range list {
			w.told[peer][n.origin] = max(w.told[peer][n.origin], n.size)
		}
	}
}

// Overhear takes in what a peer tells of other members' logs. What is not signed by the log that it names says nothing, and neither does what
// a peer tells of its own log or ours: for those there are other ways.
func (w *Watch) Overhear(from string, notes [][]byte) {
	for _, note := range notes[:min(len(notes), MaxGossip)] {
		origin, err := translog.ReadOrigin(note)
		if err != nil || len(note) > maxNote {
			continue
		}
		peer, log := w.keeper(origin)
		if log == nil || peer == from {
			continue
		}
		v, err := w.view(peer, origin)
		if err != nil {
			w.log.Error("reading what was cosigned failed", "peer", peer, "err", err)
			return
		}
		w.mu.Lock()
		known := v.seenBefore(note)
		w.mu.Unlock()
		if known {
			continue
		}
		cp, err := translog.ParseCheckpoint(note, log)
		if err != nil {
			w.log.Debug("what a peer tells of another's log is not signed by it", "peer", from, "log", origin, "err", err)
			continue
		}
		if bare, err := translog.AddCosignatures(note, log, nil); err == nil {
			w.See(peer, cp, bare)
		}
	}
}

// keeper returns which other member keeps a log; nil for a log that is ours, closed or a stranger's.
func (w *Watch) keeper(origin string) (string, *translog.LogVerifier) {
	for _, peer := range w.others() {
		if log := w.cfg.Peers.Log(peer); log != nil && log.Origin() == origin {
			return peer, log
		}
	}
	return "", nil
}
