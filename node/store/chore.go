package store

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// doChores makes keys.db follow what main.db has committed: it destroys keys and wraps keys anew. It does whatever is
// there, its own and what a crash has left, and doing it twice is as good as once.
func (s *Store) doChores() error {
	s.choreMu.Lock()
	defer s.choreMu.Unlock()
	chores, err := s.chores()
	if err != nil || len(chores) == 0 {
		return err
	}
	if err := s.noteErasures(chores); err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	s.step(StepNoted)
	units := make(map[uint64]string, len(chores))
	for id, chore := range chores {
		units[id] = chore.TransferTo // to nobody, when it is erased
	}
	if err := s.keys.Change(units); err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	return s.wait(context.Background(), &call{run: func(t *Tx) error {
		for id, done := range chores {
			var now storev1.Chore
			if ok, err := read(t.b.Bucket(bucketChores), u64(id), &now); err != nil || !ok || !proto.Equal(&now, done) {
				if err != nil {
					return err
				}
				continue // another was ordered meanwhile
			}
			if err := t.delete(bucketChores, u64(id)); err != nil {
				return err
			}
		}
		return nil
	}})
}

// finishChores does what a crash has left.
func (s *Store) finishChores() error {
	if err := s.doChores(); err != nil {
		return fmt.Errorf("finishing what was left to do in keys.db: %w", err)
	}
	return nil
}

func (s *Store) chores() (map[uint64]*storev1.Chore, error) {
	chores := make(map[uint64]*storev1.Chore)
	err := s.main.View(func(b *bbolt.Tx) error {
		return b.Bucket(bucketChores).ForEach(func(k, v []byte) error {
			c := new(storev1.Chore)
			chores[number(k)] = c
			return parse(v, c)
		})
	})
	return chores, err
}
