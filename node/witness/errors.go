package witness

import (
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
)

// Errors of cosigning.
var (
	// ErrRollback means that a log has a cosignature of ours over a head that our store does not know to be cosigned.
	ErrRollback = errors.New("data folder is older than a cosignature of this node")
	// ErrCosignature means that what a peer returns is no cosignature, or that it holds more of our log than it is shown.
	ErrCosignature = errors.New("peer returned no cosignature")
)

// errChanged means that the cosigned head has changed between look and commit.
var errChanged = errors.New("another head was cosigned meanwhile")

// RollbackError proves what [ErrRollback] says.
type RollbackError struct {
	// Peer keeps the log, Note is the checkpoint with our two lines, Head what it says.
	Peer string
	Note []byte
	Head translog.Checkpoint
	// Size is the largest that our store knows to be cosigned.
	Size int64
}

func (e *RollbackError) Error() string {
	return fmt.Sprintf("%s holds our cosignature of its log at %d leaves; the last that our store knows is at %d: %v", e.Peer, e.Head.Size, e.Size, ErrRollback)
}

// Unwrap returns ErrRollback.
func (e *RollbackError) Unwrap() error { return ErrRollback }
