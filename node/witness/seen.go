package witness

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

const (
	// maxSizes is how many heads one demand names.
	maxSizes = 64
	// maxPending is how many heads of one log wait to be proven; half of them are not kept waiting for the round.
	maxPending = maxSizes - 1
	// recent is how many proven heads of one log are remembered, so that what third members tell of them needs no proof.
	recent = 16
	// strikes is how many demands in a row a log may answer without a proof that verifies.
	strikes = 3
	// patience is how many demands in a row a log may leave unanswered before it is cosigned no more until it answers.
	patience = 5
)

// view is what we have seen of one log.
type view struct {
	peer, origin string

	signing sync.Mutex // held while a head of it is cosigned
	proving sync.Mutex // held while it is asked for proofs
	foreign sync.Once  // tells the operator that it begins otherwise than the directory says

	// Under Watch.mu.
	proven  []sight   // heads of one tree, in the order in which that was shown; the last stands for all
	stopped bool      // it is cosigned no more: nothing is to be proven
	pending []sight   // seen only, ascending by size, no two of one size
	torn    *[2]sight // of one size, with different roots
	failed  int       // demands in a row that it answered without a proof that verifies
	silent  int       // demands in a row that it did not answer
	refused int       // requests for a cosignature in a row whose proof did not verify
}

// A sight is a head whose signatures were checked.
type sight struct {
	size int64
	root translog.Hash
	note []byte
}

// view returns what is seen of a peer's log, beginning with the head that was cosigned last and the largest that was seen.
func (w *Watch) view(peer, origin string) (*view, error) {
	w.mu.Lock()
	v := w.views[origin]
	w.mu.Unlock()
	if v != nil {
		return v, nil
	}
	old, largest, err := w.known(origin)
	if err != nil {
		return nil, err
	}
	v = &view{peer: peer, origin: origin, stopped: old.GetStopped() != ""}
	if old.GetSize() > 0 {
		v.proven = []sight{{int64(old.GetSize()), translog.Hash(old.GetRoot()), old.GetCheckpoint()}}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if known := w.views[origin]; known != nil {
		return known, nil
	}
	w.views[origin] = v
	if largest.GetSize() > 0 {
		w.see(v, sight{int64(largest.GetSize()), translog.Hash(largest.GetRoot()), largest.GetCheckpoint()})
	}
	return v, nil
}

// See takes note of a head of a peer's log that came by any other way than to be cosigned, and whose signatures were checked. Within a round
// the log has to prove it. See waits for nothing but, once for each log, the store.
func (w *Watch) See(peer string, cp translog.Checkpoint, note []byte) {
	if cp.Size == 0 {
		return
	}
	v, err := w.view(peer, cp.Origin)
	if err != nil {
		w.log.Error("reading what was cosigned failed", "peer", peer, "err", err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.see(v, sight{cp.Size, cp.Root, note})
}

// see is See; w.mu is held.
func (w *Watch) see(v *view, s sight) {
	if v.stopped {
		return
	}
	for _, list := range [][]sight{v.proven, v.pending} {
		for _, known := range list {
			switch {
			case known.size != s.size:
			case known.root == s.root:
				return
			default:
				if v.torn == nil {
					v.torn = &[2]sight{known, s}
					w.bell.Ring()
				}
				return
			}
		}
	}
	i, _ := slices.BinarySearchFunc(v.pending, s, bySize)
	switch {
	case len(v.pending) < maxPending:
		v.pending = slices.Insert(v.pending, i, s)
	case i == len(v.pending):
		v.pending[i-1] = s // the largest says most; all stand in the log beside their receipts
	}
	if len(v.pending) == (maxPending+1)/2 {
		w.bell.Ring()
	}
}

func bySize(a, b sight) int { return cmp.Compare(a.size, b.size) }

// witnessed notes that a head was cosigned behind the one of size old.
func (w *Watch) witnessed(v *view, old int64, cp translog.Checkpoint, note []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := sight{cp.Size, cp.Root, note}
	if n := len(v.proven); n == 0 && len(v.pending) == 0 || n > 0 && v.proven[n-1].size == old {
		v.prove(s)
		return
	}
	w.see(v, s) // it has yet to be shown that what was proven otherwise belongs to the same tree
}

// prove remembers heads that belong to the tree of those proven before; w.mu is held. The last is the largest.
func (v *view) prove(list ...sight) {
	v.proven = append(v.proven, list...)
	slices.SortStableFunc(v.proven, bySize)
	v.proven = slices.CompactFunc(v.proven, func(a, b sight) bool { return a.size == b.size })
	v.proven = slices.Delete(v.proven, 0, max(0, len(v.proven)-recent))
	v.pending = slices.DeleteFunc(v.pending, func(s sight) bool {
		return slices.ContainsFunc(v.proven, func(p sight) bool { return p.size == s.size && p.root == s.root })
	})
	v.failed, v.silent = 0, 0
}

// owes reports whether a log owes proofs and does not answer.
func (w *Watch) owes(v *view) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return v.silent >= patience && len(v.pending) > 0
}

// prove has the logs prove what was only seen: all of them, or only those of whom much waits. Only errors that end the node come back.
func (w *Watch) prove(ctx context.Context, all bool) error {
	w.mu.Lock()
	var list []*view
	for _, v := range w.views {
		if v.torn != nil || len(v.pending) > maxPending/2 || all && len(v.pending) > 0 {
			list = append(list, v)
		}
	}
	w.mu.Unlock()
	errs := make([]error, len(list))
	room := make(chan struct{}, width)
	var wg sync.WaitGroup
	for i, v := range list {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			errs[i] = w.demand(ctx, v)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil && ends(err) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			w.log.Error("looking after a peer's log failed", "err", err)
		}
	}
	return nil
}

// demand asks a log to prove that what was seen of it belongs to one tree.
func (w *Watch) demand(ctx context.Context, v *view) error {
	v.proving.Lock()
	defer v.proving.Unlock()
	w.mu.Lock()
	torn := v.torn
	v.torn = nil
	chain := slices.Clone(v.pending)
	var anchor *sight
	if n := len(v.proven); n > 0 {
		anchor = &v.proven[n-1]
		i, _ := slices.BinarySearchFunc(chain, *anchor, bySize)
		chain = slices.Insert(chain, i, *anchor)
	}
	w.mu.Unlock()
	if torn != nil {
		return w.stop(ctx, v, store.ForkLog, translog.FormatHeads(torn[0].note, torn[1].note, nil))
	}
	if log := w.cfg.Peers.Log(v.peer); log != nil && log.Origin() != v.origin {
		return nil // closed: what it has lost nobody can prove, and the rest was proven when its next log was taken
	}
	if anchor == nil && len(chain) == 1 {
		w.mu.Lock()
		v.prove(chain...)
		w.mu.Unlock()
		return nil
	}
	if len(chain) < 2 || !w.cfg.Ready(v.peer) {
		return nil
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	r := &peerv1.ConsistencyRequest{}
	for _, s := range chain {
		r.Sizes = append(r.Sizes, uint64(s.size))
	}
	answer, err := w.cfg.Client(v.peer).Consistency(call, r)
	switch status.Code(err) {
	case codes.OK:
	case codes.OutOfRange, codes.InvalidArgument, codes.NotFound, codes.FailedPrecondition, codes.PermissionDenied:
		w.log.Warn("the peer's log proves nothing of heads that it has signed", "peer", v.peer, "err", err)
		return w.strike(ctx, v, &v.failed, chain[0].note, chain[len(chain)-1].note)
	default:
		w.log.Debug("asking for a consistency proof failed", "peer", v.peer, "err", err)
		w.mu.Lock()
		v.silent++
		w.mu.Unlock()
		return nil
	}
	wrong := -1
	for i, s := range chain[1:] {
		var raw [][]byte
		if i < len(answer.GetProofs()) {
			raw = answer.GetProofs()[i].GetHashes()
		}
		proof, ok := hashes(raw)
		if ok && translog.CheckConsistency(proof, chain[i].size, chain[i].root, s.size, s.root) == nil {
			continue
		}
		if w.showsFork(v, chain[i].note, s.note, proof) {
			return w.stop(ctx, v, store.ForkTree, translog.FormatHeads(chain[i].note, s.note, proof))
		}
		if wrong < 0 {
			wrong = i
		}
	}
	if wrong >= 0 {
		return w.strike(ctx, v, &v.failed, chain[wrong].note, chain[wrong+1].note)
	}
	w.mu.Lock()
	v.prove(chain...)
	w.mu.Unlock()
	return nil
}

// showsFork reports whether a proof that the log gave leads from another past than the smaller head to the larger one.
func (w *Watch) showsFork(v *view, older, newer []byte, proof []translog.Hash) bool {
	log := w.cfg.Peers.Log(v.peer)
	return log != nil && log.Origin() == v.origin && translog.CheckForkedTree(older, newer, proof, log) == nil
}

// strike counts, in one of v's counters, that a log has given no proof between two heads that verifies. After some, cosigning stops.
func (w *Watch) strike(ctx context.Context, v *view, count *int, older, newer []byte) error {
	w.mu.Lock()
	*count++
	over := *count >= strikes
	w.mu.Unlock()
	if !over {
		return nil
	}
	return w.stop(ctx, v, store.ForkUnproven, translog.FormatHeads(older, newer, nil))
}

// stop keeps the proof of a fork, cosigns that log no more, and tells the operator once.
func (w *Watch) stop(ctx context.Context, v *view, kind string, proof []byte) error {
	stopped := false
	_, err := w.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
		stopped, err = tx.StopCosigning(v.origin, v.peer, kind, proof)
		return err
	})
	if err != nil {
		return fmt.Errorf("keeping the proof of a fork of %s: %w", v.peer, err)
	}
	w.mu.Lock()
	v.stopped, v.pending, v.torn, v.failed, v.silent, v.refused = true, nil, nil, 0, 0, 0
	w.mu.Unlock()
	if stopped {
		Tell(w.log, v.peer, kind)
	}
	return nil
}

// Forked stops the cosigning of a peer's log for two heads of one size with different roots, both checked.
func (w *Watch) Forked(ctx context.Context, peer, origin string, a, b []byte) error {
	v, err := w.view(peer, origin)
	if err != nil {
		return err
	}
	return w.stop(ctx, v, store.ForkLog, translog.FormatHeads(a, b, nil))
}

// resumed is the detector of the `alarm` leaf by which the log says that an operator has a peer's log cosigned again; its digest is that of the newest proof
// that stood in the way.
const resumed = "cosign-resumed"

// Resume cosigns a log again that was cosigned no more, by an operator's word, and returns the kind of the proof that was in the way; empty
// when none was. What was seen beside the head that was cosigned last is forgotten.
func (w *Watch) Resume(ctx context.Context, peer string) (kind string, err error) {
	log := w.cfg.Peers.Log(peer)
	if log == nil || peer == w.cfg.Country {
		return "", nil
	}
	if _, err := w.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
		if kind, err = tx.ResumeCosigning(log.Origin()); err != nil || kind == "" {
			return err
		}
		leaf := &translog.Alarm{Detector: resumed, Peer: peer}
		if err := tx.EachForkProof(func(f *storev1.ForkProof) bool {
			if f.GetPeer() == peer && f.GetKind() == kind {
				leaf.Digest = sha256.Sum256(f.GetProof())
			}
			return true
		}); err != nil {
			return err
		}
		_, err = tx.Append(leaf)
		return err
	}); err != nil {
		return "", fmt.Errorf("cosigning the log of %s again: %w", peer, err)
	}
	if kind != "" {
		w.mu.Lock()
		delete(w.views, log.Origin())
		w.mu.Unlock()
		w.log.Warn("the peer's log is cosigned again by an operator's word", "peer", peer, "proof", kind)
	}
	return kind, nil
}

// Consistency answers a peer that has us prove that heads of our log are heads of one tree. The error is a status error.
func (w *Watch) Consistency(r *peerv1.ConsistencyRequest) (*peerv1.ConsistencyResponse, error) {
	sizes := r.GetSizes()
	if len(sizes) < 2 || len(sizes) > maxSizes || sizes[0] == 0 {
		return nil, status.Errorf(codes.InvalidArgument, "2 to %d sizes from 1 on are asked for", maxSizes)
	}
	for i := range sizes[1:] {
		if sizes[i] >= sizes[i+1] {
			return nil, status.Error(codes.InvalidArgument, "sizes do not ascend")
		}
	}
	if sizes[len(sizes)-1] > uint64(w.cfg.Store.Head().Size) {
		return nil, status.Error(codes.OutOfRange, "the log has not so many leaves")
	}
	answer := &peerv1.ConsistencyResponse{}
	err := w.cfg.Store.View(func(read *store.Reader) error {
		answer.Proofs = nil
		for i := range sizes[1:] {
			proof, err := read.Consistency(int64(sizes[i]), int64(sizes[i+1]))
			if err != nil {
				return err
			}
			answer.Proofs = append(answer.Proofs, &peerv1.ConsistencyProof{Hashes: rawHashes(proof)})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("proving consistency: %w", err)
	}
	return answer, nil
}

// seenBefore reports whether a note is that of a head which needs no more checks; w.mu is held.
func (v *view) seenBefore(note []byte) bool {
	same := func(s sight) bool { return bytes.Equal(s.note, note) }
	return slices.ContainsFunc(v.proven, same) || slices.ContainsFunc(v.pending, same)
}
