// Package reading is where officers see their units' cases: the list, one case with what its messages say, and what changes while they look. That a case
// is read, by whom and why, is in the log before any content is released.
package reading

import (
	"log/slog"

	"github.com/rogatory/rogatory/node/desk/officers"
	"github.com/rogatory/rogatory/node/store"
)

// A Room is the reading room of a node. Its methods may be called by several goroutines.
type Room struct {
	store    *store.Store
	officers *officers.Register
	log      *slog.Logger
}

// New returns the reading room of a store, for the officers on a register.
func New(s *store.Store, register *officers.Register, log *slog.Logger) *Room {
	return &Room{store: s, officers: register, log: log}
}
