package evidence

import "errors"

var (
	// ErrNotFound says that the archive does not hold the message or case.
	ErrNotFound = errors.New("not in this archive")
	// ErrPeer says that the second archive is not of the other country of the message, or of a party of the case.
	ErrPeer = errors.New("the second archive is not the other country's")
	// ErrOpening says that a content file opens no message of the evidence.
	ErrOpening = errors.New("the file opens none of these messages")
	// ErrUnsound says that what the archives hold does not check, so that no evidence was made of it. The findings are in the Result.
	ErrUnsound = errors.New("what the export holds does not check")
	// ErrForm says that a file is no evidence file at all.
	ErrForm = errors.New("not an evidence file")
)
