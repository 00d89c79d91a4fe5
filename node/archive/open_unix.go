//go:build unix

package archive

import "golang.org/x/sys/unix"

// openFlags keep the opening of a pipe from waiting for someone who writes into it.
const openFlags = unix.O_NONBLOCK
