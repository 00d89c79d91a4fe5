package replay

import (
	"slices"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/exchange"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// erasure judges what a step erases: not before everything that was sent is receipted, and not said to be done while it is not.
func (f *folder) erasure(t *task, k *caseOf, before, after *exchange.Case, e *exchange.Event) {
	switch e.Kind {
	case exchange.EventErase, exchange.EventEraseItem:
		k.erased = nil
		for i := range after.Messages {
			m := &after.Messages[i]
			if !before.Erased(m.Name) && after.Erased(m.Name) {
				k.erased = append(k.erased, translog.Hash(m.Name))
				if m.Out && m.Received == 0 && !m.Rejected {
					f.note(audit.CodeRight, t.line.index, "erased before its recipient has receipted it: "+m.Name.String(), "", "")
				}
			}
		}
	case exchange.EventSent:
		d := e.Docket
		if d.GetKind() != rogatoryv1.Kind_KIND_CORRECTION_RECEIPT || d.GetCorrection() != rogatoryv1.CorrectionKind_CORRECTION_KIND_DONE {
			return
		}
		i := slices.IndexFunc(before.Corrections, func(x exchange.Correction) bool { return string(x.Notice[:]) == string(d.GetOf()) })
		if i >= 0 && before.Corrections[i].What == rogatoryv1.CorrectionKind_CORRECTION_KIND_ERASE && !before.Erased(before.Corrections[i].Target) {
			f.note(audit.CodeRight, t.line.index, "says that it was erased, and it was not", "", "")
		}
	}
}

// buried judges that each message which a step has erased has its tombstone.
func (f *folder) buried(t *task) {
	k := f.cases[t.token]
	if k == nil || k.lost {
		return
	}
	for _, of := range k.erased {
		if !slices.Contains(t.buried, of) {
			f.note(audit.CodeMissing, t.line.index, "contents were erased without a tombstone", "erase of "+of.String(), "")
		}
	}
	k.erased = nil
}

// shortestTerm is the least time that dockets are kept, in years.
const shortestTerm = 3

// term judges that dockets are destroyed.
func (f *folder) term(t *task) {
	k := f.cases[t.token]
	if k == nil {
		return
	}
	if k.held {
		f.note(audit.CodeRight, t.line.index, "dockets of case "+t.token+" were destroyed while it was on hold", "", "")
		return
	}
	if k.lost {
		// How it ended is not known; when somebody last did something in it is, give or take what was under way, and no term is shorter than three years.
		if until := time.UnixMilli(k.moved).UTC().AddDate(shortestTerm, -3, 0).UnixMilli(); k.moved != 0 && until > t.line.leaf.At {
			f.note(audit.CodeRight, t.line.index, "dockets of case "+t.token+" were destroyed before any term can have ended", timeText(until), timeText(t.line.leaf.At))
		}
		return
	}
	if until := f.get(k).DocketsUntil(); until == 0 || until > t.line.leaf.At {
		f.note(audit.CodeRight, t.line.index, "the dockets of case "+t.token+" were destroyed before the end of their term", timeText(until), timeText(t.line.leaf.At))
	}
}
