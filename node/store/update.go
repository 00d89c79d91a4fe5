package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/leaves"
)

const (
	// guardRetry is how long the store waits before it tries a guard again that could not be written.
	guardRetry = time.Second
	// guardDelay is how long a guard that may come later waits for a batch that needs one.
	guardDelay = 100 * time.Millisecond
)

// Commit says what became of an Update.
type Commit struct {
	Size  int64         // of the log after the batch
	Root  translog.Hash // of the log after the batch
	First int64         // index of the first leaf that this Update appended, or -1
}

// A call is one Update that waits.
type call struct {
	run     func(*Tx) error
	guard   bool // write the guard whatever was appended
	wrote   bool // run has changed something
	chores  bool // run has left a chore
	later   bool // what run appends may wait for its guard
	first   int64
	outcome Commit
	err     error
}

// Update runs change in a transaction, together with whatever other calls wait at that moment, commits it and writes the
// head guard. change may run more than once, when another call of its batch fails: it must set what it captures, not add to
// it, and must do nothing outside the transaction. When change returns an error nothing of it is there and Update returns
// that error. Errors that wrap [ErrDisk] concern the whole batch, of which nothing is there, unless they wrap [ErrUnguarded].
// Update returns early when ctx ends before change has begun. change must call no method of the Store itself.
func (s *Store) Update(ctx context.Context, change func(*Tx) error) (Commit, error) {
	c := &call{run: change}
	if err := s.wait(ctx, c); err != nil {
		return c.outcome, err
	}
	if c.chores {
		if err := s.doChores(); err != nil {
			return c.outcome, fmt.Errorf("%w: %w", ErrChore, err)
		}
	}
	return c.outcome, nil
}

// Guard writes the head guard for what is committed, if it is behind: batches of nothing but `rcpt` and `cos` leaves
// leave that to the next one.
func (s *Store) Guard(ctx context.Context) (Head, error) {
	if err := s.wait(ctx, &call{guard: true, run: func(*Tx) error { return nil }}); err != nil {
		return Head{}, err
	}
	return s.Head(), nil
}

func (s *Store) wait(ctx context.Context, c *call) error {
	if err := s.queue.Do(ctx, c); err != nil {
		return err
	}
	return c.err
}

// idle says when a guard is due that nobody calls for: one that could wait for company, or one that could not be written.
func (s *Store) idle() (time.Duration, func()) {
	switch {
	case s.guardOwed:
		return guardRetry, s.tryGuard
	case s.guardDue:
		return guardDelay, s.tryGuard
	}
	return 0, nil
}

// commit runs the batch in one transaction and gives each call its outcome. It is the only writer of main.db and of the guard. The constants of the steps
// say what a crash leaves.
func (s *Store) commit(batch []*call) {
	fail := func(err error) {
		for _, c := range batch {
			c.err = err
		}
	}
	if s.broken != nil {
		fail(s.broken)
		return
	}
	t, err := s.runAll(batch)
	if err != nil {
		fail(fmt.Errorf("%w: %w", ErrDisk, err))
		return
	}
	if t == nil { // every function has failed, or none has written
		s.finish(batch)
		return
	}
	s.step(StepRan)
	if t.foretold != nil {
		t.foretold(leaves.HeadOf(&t.edge))
	}
	id := t.b.ID()
	guardErr, err := s.write(t)
	if err != nil {
		fail(s.judge(id, err))
		if s.broken == nil && s.guard.Open() { // it is ahead of what is there
			s.guardOwed = true
			s.tryGuard()
		}
		return
	}
	s.mu.Lock()
	s.edge, s.lastAt = t.edge, t.lastAt
	if t.guardNeeded && guardErr == nil {
		s.guarded = leaves.HeadOf(&t.edge)
	}
	s.mu.Unlock()
	t.keys.Settle()
	s.settleSignatures(t.signatures)
	if t.guardNeeded {
		s.guardOwed = guardErr != nil
	}
	s.guardDue = s.guardDue || t.guardLater || t.guardNeeded
	s.finish(batch)
}

// write commits a transaction, and its head to the guard when it needs one. Both wait for a disk, so they wait together; each crash
// leaves one of the four states that [StepGuarded] and the steps before it name.
func (s *Store) write(t *Tx) (guardErr, err error) {
	commit := func() {
		if err = t.b.Commit(); err == nil {
			s.step(StepCommitted)
		}
	}
	if !t.guardNeeded {
		commit()
		return nil, err
	}
	head, before := leaves.HeadOf(&t.edge), s.head()
	guard := func() {
		if guardErr = s.toGuard(head, &before); guardErr == nil {
			s.step(StepGuarded)
		}
	}
	switch s.opts.Order {
	case DatabaseFirst:
		commit()
		guard()
	case GuardFirst:
		guard()
		commit()
	default:
		var wg sync.WaitGroup
		wg.Go(guard)
		commit()
		wg.Wait()
	}
	return guardErr, err
}

// runAll runs the functions of the batch in one transaction and closes it up to its commit. When one fails that has
// written, all others run again without it. It returns nil when there is nothing to commit.
func (s *Store) runAll(batch []*call) (*Tx, error) {
	for {
		b, err := s.main.Begin(true)
		if err != nil {
			return nil, err
		}
		t := &Tx{Reader: Reader{s: s, b: b}, edge: s.edge, lastAt: s.lastAt, now: time.Now().UnixMilli(), keys: s.keys.Taker(), signatures: make(map[string]uint64)}
		again, wrote := false, false
		for _, c := range batch {
			if c.err != nil {
				continue
			}
			c.wrote, c.chores, c.later, c.first = false, false, false, -1
			t.call = c
			if c.err = c.run(t); c.err != nil && c.wrote {
				again = true
				break
			}
			wrote = wrote || c.wrote
		}
		if !again && wrote {
			if err = t.closeKeys(); err == nil {
				err = t.closeLeaves()
			}
			if err == nil {
				return t, nil
			}
		}
		if err := errors.Join(err, b.Rollback()); err != nil {
			return nil, err
		}
		if !again {
			return nil, nil
		}
	}
}

// finish writes the guard when somebody asks for it, or when it could not be written, and tells those whose function did not fail.
func (s *Store) finish(batch []*call) {
	needed := s.guardOwed
	_, seen := s.guard.Head()
	for _, c := range batch {
		needed = needed || c.guard && s.head().Size > seen.Size
	}
	var err error
	if needed {
		err = s.writeGuard()
	}
	head := s.head()
	for _, c := range batch {
		if c.err != nil {
			continue
		}
		c.outcome = Commit{Size: head.Size, Root: head.Root, First: c.first}
		if err != nil && (c.first >= 0 || c.guard) { // whoever appended nothing depends on no head
			c.err = fmt.Errorf("%w: %w: %w", ErrUnguarded, ErrDisk, err)
		}
	}
}

// writeGuard writes the guard for what is committed; from then on that may be signed.
func (s *Store) writeGuard() error {
	s.guardOwed = true
	head := s.head()
	if err := s.toGuard(head, nil); err != nil {
		return err
	}
	s.guardOwed, s.guardDue = false, false
	s.mu.Lock()
	s.guarded = head
	s.mu.Unlock()
	s.step(StepGuarded)
	return nil
}

func (s *Store) toGuard(head Head, before *Head) error {
	var torn func()
	if s.opts.Step != nil {
		torn = func() { s.step(StepGuardTorn) }
	}
	if err := s.guard.Write(s.current.Origin, head, before, torn); err != nil {
		return fmt.Errorf("writing head guard: %w", err)
	}
	return nil
}

// tryGuard writes the guard when nobody waits for it.
func (s *Store) tryGuard() {
	if err := s.writeGuard(); err != nil {
		s.log.Error("head guard could not be written", "error", err)
	}
}

// judge says what a commit has left that returned cause. bbolt takes everything back when pages could not be written. But
// when the last page was written and not flushed, the transaction shows and nobody knows whether the disk has it: going
// on could build on sand, so the store stops until it is opened anew.
func (s *Store) judge(id int, cause error) error {
	err := fmt.Errorf("%w: %w", ErrDisk, cause)
	visible := true
	if viewErr := s.main.View(func(b *bbolt.Tx) error {
		visible = b.ID() >= id
		return nil
	}); viewErr != nil || visible {
		s.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return s.broken
	}
	return err
}
