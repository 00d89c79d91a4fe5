package witness

import (
	"log/slog"
	"time"

	"github.com/rogatory/rogatory/node/store"
)

// Status says how our newest round head fares.
type Status struct {
	// Size of the round head, 0 before the first, and when it was made.
	Size int64
	Made time.Time
	// Due: something was logged behind it that makes the next one.
	Due bool
	// Cosigned and Lagging are the other members that have cosigned it and that have not, in order; Quorum is how many must, 0 when there is
	// nobody else.
	Cosigned, Lagging []string
	Quorum            int
	// QuorumSize is the newest head that has its quorum; 0 for none.
	QuorumSize int64
	// Sizes are, by country, the largest heads of ours that each has cosigned, as far as we know.
	Sizes map[string]int64
}

// Late reports whether the round head has been without its quorum for longer than it takes.
func (s Status) Late(now time.Time, round time.Duration) bool {
	return s.Size > 0 && len(s.Cosigned) < s.Quorum && now.Sub(s.Made) > max(10*round, 10*time.Minute)
}

// Status returns how our newest round head fares.
func (w *Watch) Status() (Status, error) {
	due, err := w.due()
	if err != nil {
		return Status{}, err
	}
	s := Status{Due: due, Quorum: w.quorum(), Sizes: map[string]int64{}}
	err = w.cfg.Store.View(func(r *store.Reader) (err error) {
		s.QuorumSize, _, err = r.CosignedHead()
		return err
	})
	if err != nil {
		return Status{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.head != nil {
		s.Size, s.Made = w.head.cp.Size, w.head.made
	}
	for _, peer := range w.others() {
		cosigned := false
		if w.head != nil {
			_, cosigned = w.head.signed[peer]
		}
		if cosigned {
			s.Cosigned = append(s.Cosigned, peer)
		} else {
			s.Lagging = append(s.Lagging, peer)
		}
		s.Sizes[peer] = w.last[peer].size
	}
	return s, nil
}

// Tell tells the operator that a peer's log shows two histories.
func Tell(log *slog.Logger, peer, kind string) {
	log.Error("the peer's log shows two histories: it is cosigned no more and the proof is kept", "peer", peer, "proof", kind,
		"hint", "speak with the peer's operator; `rogatory-node peers recosign "+peer+"` takes it up again")
}
