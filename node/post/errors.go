package post

import "errors"

// Errors of sending.
var (
	// ErrUncleared means that the peers have not yet confirmed our head after the start, so nothing may be sent.
	ErrUncleared = errors.New("node is not cleared by its peers yet")
	// ErrUnconfirmed means that the recipient has not yet shown, after the start, what it has of ours, so no message to it gets a number.
	ErrUnconfirmed = errors.New("recipient has not shown yet what it has of this node")
	// ErrOutboxFull means that too many messages wait for this recipient.
	ErrOutboxFull = errors.New("too many messages wait for this recipient")
	// ErrStranger means that the directory does not know the recipient.
	ErrStranger = errors.New("recipient is not in the directory")
	// ErrBatchSize means that none or too many messages were submitted at once.
	ErrBatchSize = errors.New("from 1 to 256 messages can be submitted at once")
	// ErrStillNotUnderstood means that a parked envelope cannot be taken in by this version either.
	ErrStillNotUnderstood = errors.New("envelope is still not understood")
	// ErrStopped means that the node is stopping.
	ErrStopped = errors.New("node is stopping")
	// ErrContent means that a kept content is damaged.
	ErrContent = errors.New("kept content is damaged")
)
