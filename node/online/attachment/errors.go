package attachment

import "errors"

var (
	// ErrAttachment means that the attachment that came is not the one that the message names.
	ErrAttachment = errors.New("attachment is not the one that the message names")
	// ErrNoAttachment means that no message that arrived lists this attachment.
	ErrNoAttachment = errors.New("no such attachment of an arrived message")
	// ErrDisk means that there is not enough free space for an attachment.
	ErrDisk = errors.New("not enough free space on the disk")
)
