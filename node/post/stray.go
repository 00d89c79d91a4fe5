package post

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Kinds of fork proofs.
const (
	// ForkSequence: two messages of one sender with one number. The proof is a Frame with two Envelopes that hold statement and signature.
	ForkSequence = "sequence"
	// ForkLog: two checkpoints of one log with one size and two roots, one after the other with a blank line between.
	ForkLog = "log"
)

// strays counts what was not authentic, by reason.
type strays struct {
	mu     sync.Mutex
	counts map[string]int64
}

func (o *Office) stray(reason string) {
	o.Inauthentic.Add(1)
	o.strays.mu.Lock()
	defer o.strays.mu.Unlock()
	o.strays.counts[reason]++
}

// strayLoop turns the counts of each hour into one leaf, so that nobody makes the log grow by what is not authentic.
func (o *Office) strayLoop(ctx context.Context) error {
	for {
		hour := time.Now().Truncate(time.Hour)
		if !pause(ctx, time.Until(hour.Add(time.Hour)), nil) {
			return nil
		}
		if err := o.logStrays(ctx, hour); err != nil {
			o.log.Error("logging strays failed", "err", err)
		}
	}
}

func (o *Office) logStrays(ctx context.Context, hour time.Time) error {
	o.strays.mu.Lock()
	counts := o.strays.counts
	o.strays.counts = map[string]int64{}
	o.strays.mu.Unlock()
	if len(counts) == 0 {
		return nil
	}
	leaf := &translog.Stray{Hour: hour.UnixMilli()}
	for reason, n := range counts {
		leaf.Counts = append(leaf.Counts, translog.Count{Code: reason, N: n})
	}
	slices.SortFunc(leaf.Counts, func(a, b translog.Count) int { return cmp.Compare(a.Code, b.Code) })
	_, err := o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Append(leaf)
		return err
	})
	return err
}

// fork keeps the proof that a sender has signed two messages with one number.
func (c *counter) fork(o *envelope.Opening, seen *storev1.Seen) {
	c.o.log.Error("two messages with one number", "peer", c.country, "seq", o.Message().GetSeq())
	signature, err := o.Signature()
	if err != nil {
		return
	}
	_, err = c.o.cfg.Store.Update(context.Background(), func(tx *store.Tx) error {
		known := 0
		if err := tx.EachForkProof(func(p *storev1.ForkProof) bool {
			if p.GetPeer() == c.country && p.GetKind() == ForkSequence {
				known++
			}
			return known < maxForks
		}); err != nil || known >= maxForks {
			return err
		}
		first, err := tx.Message(int64(seen.GetLeafIndex()))
		if err != nil {
			return err
		}
		proof, err := bothStatements(first.GetStatement(), first.GetSignature(), o.Statement(), signature)
		if err != nil {
			return err
		}
		return tx.PutForkProof(&storev1.ForkProof{Peer: c.country, Kind: ForkSequence, Proof: proof, AtMs: uint64(tx.At())})
	})
	if err != nil {
		c.o.log.Error("keeping the proof failed", "peer", c.country, "err", err)
	}
}

// maxForks bounds the proofs of forks that are kept of one peer: one is enough.
const maxForks = 8

func bothStatements(stmt1, sig1, stmt2, sig2 []byte) ([]byte, error) {
	f := &rogatoryv1.Frame{}
	for _, pair := range [][2][]byte{{stmt1, sig1}, {stmt2, sig2}} {
		sig := &rogatoryv1.BatchSignature{}
		if err := envelope.StrictUnmarshal(pair[1], sig, 8<<10); err != nil {
			return nil, err
		}
		b, err := envelope.Marshal(&rogatoryv1.Envelope{Statement: pair[0], Sig: sig})
		if err != nil {
			return nil, err
		}
		f.Envelopes = append(f.Envelopes, b)
	}
	return envelope.Marshal(f)
}

// quota is a bucket that fills evenly with a peer's messages an hour; a tenth of an hour's may come at once. Not safe for several
// goroutines.
type quota struct {
	perHour int
	left    float64
	at      time.Time
}

// take takes one message, or returns how long until there is room for one.
func (q *quota) take(now time.Time) time.Duration {
	if q.perHour == 0 {
		return 0
	}
	burst := max(float64(q.perHour)/10, 1)
	if q.at.IsZero() {
		q.left = burst
	} else {
		q.left = min(q.left+now.Sub(q.at).Hours()*float64(q.perHour), burst)
	}
	q.at = now
	if q.left < 1 {
		return time.Duration((1 - q.left) / float64(q.perHour) * float64(time.Hour))
	}
	q.left--
	return 0
}
