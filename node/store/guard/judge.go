package guard

import (
	"fmt"

	"github.com/rogatory/rogatory/node/store/leaves"
)

// A RollbackError proves [ErrRollback]: it carries the two heads.
type RollbackError struct {
	Guard    leaves.Head // what the guard has seen
	Database leaves.Head // what the database holds; its Root is that of the guard's size when the database is long enough
	// GuardLog and DatabaseLog are the origins of the logs that these are heads of.
	GuardLog, DatabaseLog string
}

func (e *RollbackError) Error() string {
	if e.GuardLog != e.DatabaseLog {
		return fmt.Sprintf("%v: guard has %d leaves of %s, database has %d of %s", ErrRollback, e.Guard.Size, e.GuardLog, e.Database.Size, e.DatabaseLog)
	}
	if e.Guard.Size == e.Database.Size {
		return fmt.Sprintf("database has another history than the head guard: root %x at %d leaves, the guard %x", e.Database.Root[:], e.Guard.Size, e.Guard.Root[:])
	}
	return fmt.Sprintf("%v: guard has %d leaves with root %x, database has %d with root %x",
		ErrRollback, e.Guard.Size, e.Guard.Root[:], e.Database.Size, e.Database.Root[:])
}

// Unwrap returns [ErrRollback].
func (e *RollbackError) Unwrap() error { return ErrRollback }

// Judge holds the log of a database, its origin, its head and what at says of its heads before, against what the guard has seen. It returns a
// [*RollbackError] when the database has lost any of that. It may have more: then the recovery that opened this log knew what the guard had seen, or a crash
// was faster than the guard. And it may have just one transaction less, if the guard is open: nobody was told of it.
func (s slot) Judge(origin string, head leaves.Head, at func(size int64) (leaves.Head, error)) error {
	if s.counter == 0 {
		return nil
	}
	lost := &RollbackError{Guard: s.head, Database: head, GuardLog: s.origin, DatabaseLog: origin}
	switch seen, has := leaves.Number(s.origin), leaves.Number(origin); {
	case seen > has:
		return lost
	case seen < has:
		return nil
	case s.head.Size > head.Size:
		if s.open && s.before == head {
			return nil
		}
		return lost
	}
	was, err := at(s.head.Size)
	if err != nil || was == s.head {
		return err
	}
	lost.Database = was
	return lost
}

// Is reports whether the guard says of that head that it is committed.
func (s slot) Is(origin string, head leaves.Head) bool {
	return s.counter != 0 && !s.open && s.origin == origin && s.head == head
}
