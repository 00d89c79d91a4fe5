package online

import (
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
)

// Errors of sealed parts.
var (
	// ErrReplayed means that a sealed part was opened before.
	ErrReplayed = errors.New("sealed part was opened before")
	// ErrPart means that a sealed part does not hold what this package puts into one.
	ErrPart = errors.New("sealed part is malformed")
	// ErrMethod means that a part was sealed for another method than the one that is called.
	ErrMethod = errors.New("sealed for another method")
)

// Errors of calls.
var (
	// ErrRollback means that a peer holds a checkpoint of ours that our log does not contain.
	ErrRollback = errors.New("log is older than a checkpoint that a peer holds")
	// ErrHead means that what a peer says is a checkpoint of ours is not signed by us.
	ErrHead = errors.New("checkpoint is not one of ours")
	// ErrAttachment means that the attachment that came is not the one that the message names.
	ErrAttachment = errors.New("attachment is not the one that the message names")
	// ErrNoAttachment means that no message that arrived lists this attachment.
	ErrNoAttachment = errors.New("no such attachment of an arrived message")
	// ErrDisk means that there is not enough free space for an attachment.
	ErrDisk = errors.New("not enough free space on the disk")
)

// RollbackError proves [ErrRollback]: a checkpoint that we signed, which a peer holds and our log does not contain.
type RollbackError struct {
	// Peer is the country that holds the checkpoint.
	Peer string
	// Held is the checkpoint, and Note its signed text.
	Held translog.Checkpoint
	Note []byte
	// Size is the number of leaves that our log has.
	Size int64
}

func (e *RollbackError) Error() string {
	what := "which is larger"
	if e.Held.Size <= e.Size {
		what = "whose root is not ours at that size"
	}
	return fmt.Sprintf("%s holds a checkpoint that we signed at %d leaves, %s; our log has %d: %v", e.Peer, e.Held.Size, what, e.Size, ErrRollback)
}

// Unwrap returns ErrRollback.
func (e *RollbackError) Unwrap() error { return ErrRollback }

// Hint says how to recover.
func (e *RollbackError) Hint() string {
	return "the data folder was restored from an older copy, or another node runs with our keys: stop that node, put the newest data folder back " +
		"and start again; if it is lost, close this log and open the next one as the recovery after a rollback describes"
}
