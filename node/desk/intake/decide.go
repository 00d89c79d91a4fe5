package intake

import (
	"time"

	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// decide asks the directory's rules what becomes of a message for a unit, and notes the answer. Whoever reads the log decides the same again: from
// the docket, the directory and the manifests that it names, the time of the message's leaf and the leaves of the hour before.
func (k *Clerk) decide(tx *store.Tx, a *post.Arrival, unit string, why *casefile.Why) error {
	policy := k.cfg.Peers.Directory().Policy()
	q := federation.Question{
		Docket: a.Docket, From: a.From, To: k.cfg.Node.Country,
		// It may have become stale since the envelope was opened.
		Fresh: a.Fresh && k.cfg.Peers.Fresh(a.From, time.UnixMilli(a.At)),
	}
	if own := k.cfg.Peers.Manifest(k.cfg.Node.Country); own != nil {
		q.Services, q.Capacity, why.Manifest = own.Services(unit), own.Capacity(), int64(own.Version())
	}
	decision := policy.Decide(q)
	if decision.Verdict == rogatoryv1.Verdict_VERDICT_ANSWER && q.Capacity != 0 {
		// Nothing but an automatic answer depends on how much came before.
		var err error
		if q.Hour, err = k.counts.within(tx, k.cfg.Store.Size(), a.From, a.At); err != nil {
			return err
		}
		decision = policy.Decide(q)
	}
	why.Decision, why.Policy = decision, policy.Digest()
	return nil
}
