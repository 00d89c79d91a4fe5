package witness

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// head is a round head: a head of our log that goes round to be cosigned.
type head struct {
	cp   translog.Checkpoint
	note []byte // as we signed it
	made time.Time

	// Under Watch.mu.
	signed map[string]signature // by country
	kept   int                  // how many cosignatures of it the store has; 0 before its quorum
}

// A signature is a verified cosignature.
type signature struct {
	by    *translog.WitnessVerifier
	lines []byte
}

// grace is how long the others are waited for when the quorum is there, before the `cos` leaf is written.
const grace = time.Second

// restore takes up what the process before has left. Whoever has not cosigned the newest head of ours that had its quorum is asked on, unless a newer
// head takes its place; heads of peers that were seen last are proven.
func (w *Watch) restore() error {
	var size int64
	var note []byte
	seen := map[string]string{}
	if err := w.cfg.Store.View(func(r *store.Reader) (err error) {
		if size, note, err = r.CosignedHead(); err != nil {
			return err
		}
		return r.EachPeerHead(func(origin string, h *storev1.PeerHead) bool {
			seen[origin] = h.GetPeer()
			return true
		})
	}); err != nil {
		return err
	}
	for origin, peer := range seen {
		if keeper, _ := w.keeper(origin); keeper == peer {
			if _, err := w.view(peer, origin); err != nil {
				return err
			}
		}
	}
	if note == nil {
		return nil
	}
	bare, err := translog.AddCosignatures(note, w.cfg.Log, nil)
	if err != nil {
		return fmt.Errorf("reading our cosigned head %d: %w", size, err)
	}
	cp, err := translog.ParseCheckpoint(bare, w.cfg.Log)
	if err != nil {
		return fmt.Errorf("reading our cosigned head %d: %w", size, err)
	}
	h := &head{cp: cp, note: bare, made: time.Now(), signed: map[string]signature{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, peer := range w.cfg.Peers.Published() {
		by := w.cfg.Peers.Manifest(peer).Witness()
		lines := linesOf(note, by.Name())
		if _, err := translog.VerifyCosignature(cp, lines, by); err == nil {
			h.signed[peer] = signature{by, lines}
			w.last[peer] = given{cp.Size, slices.Concat(bare, lines)}
		}
	}
	h.kept = len(h.signed)
	w.head, w.scanned = h, size
	return nil
}

// linesOf returns the signature lines of one name in a note.
func linesOf(note []byte, name string) []byte {
	var out []byte
	for line := range bytes.Lines(note) {
		if strings.HasPrefix(string(line), "— "+name+" ") {
			out = append(out, line...)
		}
	}
	return out
}

// due reports whether anything but `wit` and `cos` stands in the log behind the newest round head. A receipt counts: it is caused by a message,
// never by a round.
func (w *Watch) due() (due bool, err error) {
	w.mu.Lock()
	from := w.scanned
	w.mu.Unlock()
	base := w.cfg.Store.Log().Base
	err = w.cfg.Store.View(func(r *store.Reader) (bad error) {
		r.Leaves(base+from, func(place int64, raw []byte) bool {
			leaf, err := translog.ParseLeaf(raw)
			if err != nil {
				bad = err
				return false
			}
			switch leaf.Entry.(type) {
			case *translog.Wit, *translog.Cos:
				from = place - base + 1
			default:
				due = true
			}
			return !due
		})
		return bad
	})
	w.mu.Lock()
	w.scanned = max(w.scanned, from)
	w.mu.Unlock()
	return due, err
}

// advance makes the next round head, if one is due.
func (w *Watch) advance(ctx context.Context) error {
	if w.quorum() == 0 {
		return nil
	}
	due, err := w.due()
	if err != nil || !due {
		return err
	}
	at, err := w.cfg.Store.Guard(ctx)
	if err != nil {
		return err
	}
	note, size, err := w.cfg.Office.Checkpoint(at.Size)
	if err != nil {
		return err
	}
	cp, err := translog.ParseCheckpoint(note, w.cfg.Log)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.head == nil || w.head.cp.Size < size {
		w.head = &head{cp: cp, note: note, made: time.Now(), signed: map[string]signature{}}
	}
	w.scanned = max(w.scanned, size)
	return nil
}

// collect asks everybody who has not cosigned the round head. Only errors that end the node come back.
func (w *Watch) collect(ctx context.Context) error {
	w.mu.Lock()
	h := w.head
	var missing []string
	if h != nil {
		for _, peer := range w.others() {
			if _, ok := h.signed[peer]; !ok && w.cfg.Ready(peer) && w.mayAnswer(peer) {
				missing = append(missing, peer)
			}
		}
	}
	w.mu.Unlock()
	if len(missing) == 0 {
		return nil
	}
	type answer struct {
		peer string
		s    signature
		err  error
	}
	answers := make(chan answer, len(missing))
	room := make(chan struct{}, width)
	for _, peer := range missing {
		go func() {
			room <- struct{}{}
			defer func() { <-room }()
			call, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			s, err := w.ask(call, peer, h)
			answers <- answer{peer, s, err}
		}()
	}
	var enough <-chan time.Time
	for left := len(missing); left > 0; {
		select {
		case a := <-answers:
			left--
			w.answered(a.peer, a.err)
			if a.err != nil {
				w.log.Debug("asking for a cosignature failed", "peer", a.peer, "err", a.err)
				continue
			}
			if w.add(h, a.peer, a.s) && enough == nil {
				enough = time.After(min(grace, w.cfg.Round/2))
			}
		case <-enough:
			enough = nil
			if err := w.keep(ctx, h); err != nil {
				return err
			}
		}
	}
	return w.keep(ctx, h)
}

// mayAnswer reports whether a peer is to be called in this round; w.mu is held. One that does not answer is called less and less, until it is heard of.
func (w *Watch) mayAnswer(peer string) bool {
	a, ok := w.away[peer]
	if !ok || a.wait == 0 || w.cfg.Peers.Heard(peer).After(a.since) {
		return true
	}
	a.wait--
	w.away[peer] = a
	return false
}

// answered notes what came of a call.
func (w *Watch) answered(peer string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		delete(w.away, peer)
		return
	}
	a := w.away[peer]
	a.since, a.tried = time.Now(), a.tried+1
	a.wait = min(1<<min(a.tried-1, 8), maxWait) - 1
	w.away[peer] = a
}

// add takes in a cosignature and reports whether the head has its quorum and no `cos` leaf yet.
func (w *Watch) add(h *head, peer string, s signature) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	h.signed[peer] = s
	if w.last[peer].size < h.cp.Size {
		w.last[peer] = given{h.cp.Size, slices.Concat(h.note, s.lines)}
	}
	return h.kept == 0 && len(h.signed) >= w.quorum()
}

// ask asks one peer for its cosignature of a head. A peer that holds another head than we thought is asked again from that.
func (w *Watch) ask(ctx context.Context, peer string, h *head) (signature, error) {
	m := w.cfg.Peers.Manifest(peer)
	if m == nil {
		return signature{}, fmt.Errorf("%s has no manifest: %w", peer, ErrCosignature)
	}
	by := m.Witness()
	w.mu.Lock()
	before := w.last[peer]
	w.mu.Unlock()
	r := &peerv1.CosignRequest{OldSize: uint64(min(before.size, h.cp.Size)), Checkpoint: h.note}
	for range 3 {
		if err := w.prepare(r, h.cp.Size); err != nil {
			return signature{}, err
		}
		answer, err := w.cfg.Client(peer).Cosign(ctx, r)
		if status.Code(err) == codes.NotFound && w.cfg.Epoch > 1 {
			// It does not know our log, as when it was restored itself, or joined since.
			if err := w.cfg.Show(ctx, peer); err != nil {
				return signature{}, fmt.Errorf("showing %s the genesis of our log: %w", peer, err)
			}
			continue
		}
		if err != nil {
			return signature{}, err
		}
		if lines := answer.GetCosignature(); len(lines) > 0 {
			if len(lines) > maxNote {
				return signature{}, fmt.Errorf("%d bytes of %s: %w", len(lines), peer, ErrCosignature)
			}
			_, err := translog.VerifyCosignature(h.cp, lines, by)
			return signature{by, lines}, err
		}
		held := answer.GetHeldSize()
		if held > uint64(h.cp.Size) {
			return signature{}, fmt.Errorf("%s holds %d leaves of our log, the round head has %d: %w", peer, held, h.cp.Size, ErrCosignature)
		}
		r.OldSize, r.Cosigned = held, nil
		if held < uint64(before.size) {
			r.Cosigned = before.note
		}
	}
	return signature{}, fmt.Errorf("%s holds another head each time: %w", peer, ErrCosignature)
}

// prepare fills in the proofs of a request from its old size on.
func (w *Watch) prepare(r *peerv1.CosignRequest, size int64) error {
	return w.cfg.Store.View(func(read *store.Reader) error {
		proof, err := read.Consistency(int64(r.OldSize), size)
		if err != nil {
			return err
		}
		r.Proof, r.Genesis = rawHashes(proof), nil
		if r.OldSize == 0 {
			first, err := read.Inclusion(0, size)
			if err != nil {
				return err
			}
			r.Genesis = rawHashes(first)
		}
		return nil
	})
}

// keep writes what has come in for a head that has its quorum: first with its `cos` leaf, and later, when there is more, without one. Only errors
// that end the node come back.
func (w *Watch) keep(ctx context.Context, h *head) error {
	w.mu.Lock()
	members := w.others()
	signed := maps.Clone(h.signed)
	maps.DeleteFunc(signed, func(peer string, _ signature) bool { return !slices.Contains(members, peer) })
	first := h.kept == 0
	done := len(signed) < w.quorum() || len(signed) <= h.kept
	w.mu.Unlock()
	if done {
		return nil
	}
	err := w.write(ctx, h, slices.Collect(maps.Values(signed)), first)
	switch {
	case err == nil || errors.Is(err, store.ErrUnguarded): // the guard of a `cos` leaf may come later
		w.mu.Lock()
		h.kept = len(signed)
		w.mu.Unlock()
		return nil
	case ends(err):
		return err
	}
	if ctx.Err() == nil {
		w.log.Error("keeping a cosigned head failed", "err", err, "hint", store.Hint(err))
	}
	return nil
}

func (w *Watch) write(ctx context.Context, h *head, signed []signature, first bool) error {
	slices.SortFunc(signed, func(a, b signature) int { return cmp.Compare(a.by.Name(), b.by.Name()) })
	leaf := &translog.Cos{Log: h.cp.Origin, Size: h.cp.Size, Root: h.cp.Root, Count: int64(len(signed))}
	var witnesses []*translog.WitnessVerifier
	var pairs [][]byte
	for _, s := range signed {
		witnesses, pairs, leaf.By = append(witnesses, s.by), append(pairs, s.lines), append(leaf.By, s.by.Name())
	}
	note, err := translog.AddCosignatures(h.note, w.cfg.Log, witnesses, pairs...)
	if err != nil {
		return err
	}
	leaf.Digest = sha256.Sum256(note)
	if len(leaf.By) > maxNames {
		leaf.By = nil
	}
	_, err = w.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		if first {
			place, err := tx.Append(leaf)
			if err != nil {
				return err
			}
			if err := tx.PutSide(place, SideCheckpoint, note); err != nil {
				return err
			}
		}
		return tx.PutCosignedHead(h.cp.Size, note)
	})
	return err
}

const (
	// SideCheckpoint names the side record of a `cos` leaf: the cosigned checkpoint in export form.
	SideCheckpoint = "checkpoint"
	// maxNames is how many witnesses a `cos` leaf names.
	maxNames = 64
)
