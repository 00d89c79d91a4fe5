package store

import "github.com/rogatory/rogatory/node/store/keys"

// The steps of writing, each a point at which [Options.Step] is called and at which a crash leaves what stands beside it.
// Nothing is told to a caller, signed or sent before the last step that concerns it.
const (
	// StepRan: the functions have run and nothing is on the disk. A crash leaves the state before.
	StepRan = "functions ran"
	// StepCommitted: main.db is committed; the guard is written at the same time and may be there or not. A crash leaves a database
	// that is at the guard or ahead of it: opening writes the guard. The callers have heard nothing and do the same again;
	// idempotency keys and the seen bucket make it one.
	StepCommitted = "main.db committed"
	// StepGuardTorn: half of the guard's slot is written. A crash leaves the other slot, which is behind.
	StepGuardTorn = "guard half written"
	// StepGuarded: the guard is written. A crash leaves the case above; or, when main.db was not committed yet, an open guard and
	// the database just before it: opening writes the guard anew.
	StepGuarded = "guard written"
	// StepNoted: what is to be erased stands in the journal beside the guard, so that restoring a backup erases it again.
	// A crash leaves a tombstone and a chore in main.db and the key in keys.db: opening does the chore.
	StepNoted = "erasure noted"
)

// The steps of writing keys.db. Opening does a chore again that is in main.db.
const (
	StepFilled      = keys.StepFilled
	StepKeysChanged = keys.StepChanged
	StepCompacted   = keys.StepCompacted
	StepReplaced    = keys.StepReplaced
)

// Steps lists the steps in the order in which one Update that erases something takes them.
var Steps = []string{
	StepFilled, StepRan, StepCommitted, StepGuardTorn, StepGuarded, StepNoted, StepKeysChanged, StepCompacted, StepReplaced,
}

// step calls the hook of the tests.
func (s *Store) step(point string) {
	if s.opts.Step != nil {
		s.opts.Step(point)
	}
}

// Order is the order in which a transaction and its guard are written.
type Order int

const (
	AtOnce Order = iota // neither waits for the other
	DatabaseFirst
	GuardFirst
)
