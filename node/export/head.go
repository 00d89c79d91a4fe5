package export

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/store"
)

// A Head is a signed head of the log.
type Head struct {
	store.Head
	Checkpoint []byte // in export form
}

// maxTail is how many leaves from the log's end on are looked at for a cosigned head: rounds come more often.
const maxTail = 1 << 12

// Newest chooses the checkpoint of an export. That is the newest one that has reached its quorum, if nothing but `wit` and
// `cos` leaves stand behind it, and else the newest that was signed, of those that the store keeps. It is not smaller than
// had leaves if there is one that is not. Of a log that was closed it is the one that closed it. The error wraps [ErrNoLog], [ErrNoCheckpoint] or [ErrCheckpoint].
func Newest(r *store.Reader, keys *translog.LogVerifier, had int64) (Head, error) {
	log, err := logOf(r, keys)
	if err != nil {
		return Head{}, err
	}
	r = r.In(log)
	if log.Closed != nil {
		return fits(r, log, keys, log.Closed)
	}
	cosigned, covers, err := newestCosigned(r, log, keys)
	if err != nil {
		return Head{}, err
	}
	if covers && cosigned.Size >= had {
		return cosigned, nil
	}
	size, note, err := r.Checkpoint()
	switch {
	case err != nil:
		return Head{}, err
	case cosigned.Checkpoint != nil && (note == nil || cosigned.Size > size):
		return cosigned, nil
	case note == nil:
		return Head{}, ErrNoCheckpoint
	}
	return fits(r, log, keys, note)
}

// logOf returns the log whose keys these are.
func logOf(r *store.Reader, keys *translog.LogVerifier) (store.Log, error) {
	logs, err := r.Logs()
	if err != nil {
		return store.Log{}, err
	}
	for _, l := range logs {
		if l.Origin == keys.Origin() {
			return l, nil
		}
	}
	return store.Log{}, fmt.Errorf("log %s: %w", keys.Origin(), ErrNoLog)
}

// fits returns the head that a checkpoint signs, if it is one of this log.
func fits(r *store.Reader, log store.Log, keys *translog.LogVerifier, note []byte) (Head, error) {
	cp, err := translog.ParseCheckpoint(note, keys)
	if err != nil {
		return Head{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	if cp.Size > log.Size {
		return Head{}, fmt.Errorf("a checkpoint of %d leaves over %d: %w", cp.Size, log.Size, ErrCheckpoint)
	}
	head, err := r.HeadAt(cp.Size)
	if err != nil {
		return Head{}, err
	}
	if head.Root != cp.Root {
		return Head{}, fmt.Errorf("a checkpoint of %d leaves with another root: %w", cp.Size, ErrCheckpoint)
	}
	return Head{head, note}, nil
}

// newestCosigned returns the newest head that reached its quorum, without a checkpoint if there is none among the last leaves,
// and whether nothing but the leaves of rounds stands behind it.
func newestCosigned(r *store.Reader, log store.Log, keys *translog.LogVerifier) (head Head, covers bool, err error) {
	size, only := log.Size, log.Size // from only on there are but leaves of rounds
	for at := size - 1; at >= max(0, size-maxTail); at-- {
		leaf, err := r.Leaf(log.Base + at)
		if err != nil {
			return Head{}, false, err
		}
		kind := kindOf(leaf)
		if only == at+1 && (kind == "wit" || kind == "cos") {
			only = at
		}
		switch {
		case head.Checkpoint != nil && (only > at || at <= head.Size):
			return head, only <= head.Size, nil
		case head.Checkpoint != nil || kind != "cos":
			continue
		}
		note, err := r.Side(log.Base+at, "checkpoint")
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return Head{}, false, err
		}
		if head, err = fits(r, log, keys, note); err != nil {
			head = Head{} // the auditor's finding
		}
	}
	return head, head.Checkpoint != nil && only <= head.Size, nil
}

// kindOf returns the kind of a leaf without parsing it: no string in a leaf holds a quotation mark.
func kindOf(leaf []byte) string {
	_, rest, ok := bytes.Cut(leaf, []byte(`"k":"`))
	kind, _, ok2 := bytes.Cut(rest, []byte{'"'})
	if !ok || !ok2 {
		return ""
	}
	return string(kind)
}

// Unwitnessed reports whether an archive ends with something that no witness has cosigned yet, other than the leaves of rounds and of time tokens, and
// how many leaves the newest head of its log that reached its quorum covers, as far as the archive's last leaves tell; 0 if they tell of none. It
// verifies nothing: it is for a note to whoever has just made the archive.
func Unwitnessed(a *archive.Reader) (from int64, is bool, err error) {
	note, err := a.Checkpoint()
	if err != nil {
		return 0, false, err
	}
	// The log signs with two lines; a witness adds two.
	if _, lines, ok := bytes.Cut(note, []byte("\n\n")); !ok || bytes.Count(lines, []byte{'\n'}) > 2 {
		return 0, false, nil
	}
	var tile []archive.Entry
	size, act := int64(-1), int64(-1) // of that head; index of the last leaf that it should hold
	for n := a.Tiles() - 1; n >= max(0, a.Tiles()-1-maxTail/archive.TileWidth); n-- {
		if tile, err = a.Tile(n, tile); err != nil {
			return 0, false, err
		}
		for _, e := range slices.Backward(tile) {
			switch kind := kindOf(e.Leaf); {
			case kind == "cos" && size < 0:
				leaf, err := translog.ParseLeaf(e.Leaf)
				if err != nil {
					return 0, false, err
				}
				if c, ok := leaf.Entry.(*translog.Cos); ok && c.Log == a.Info().Log {
					size = c.Size
				}
			case kind != "cos" && kind != "wit" && kind != "time":
				act = max(act, e.Index)
			}
			if size >= 0 && (act >= 0 || e.Index <= size) {
				return size, act >= size, nil
			}
		}
	}
	return max(size, 0), true, nil
}
