package audit

import "errors"

// Errors of the auditor's own files. What is wrong with an archive is a Finding and no error.
var (
	// ErrAnchor says that the auditor's directory files are unreadable, none, or not of one chain.
	ErrAnchor = errors.New("no directory to trust")
	// ErrPin says that no directory of the chain has the pinned digest.
	ErrPin = errors.New("no directory has the pinned digest")
	// ErrForm says that a file is nothing that can be checked.
	ErrForm = errors.New("neither a proof, nor a checkpoint, nor proof of a fork")
	// ErrUnknownLog says that the directory names no such log.
	ErrUnknownLog = errors.New("the directory knows no such log")
	// ErrNotFound says that the archive has no such leaf or message.
	ErrNotFound = errors.New("not in this archive")
)
