//go:build unix

package archive

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock keeps other Writers out of a folder until unlock is called or the program ends.
func lock(name string) (unlock func() error, err error) {
	d, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrBusy
	}
	if err != nil {
		return nil, joinClose(d, err)
	}
	return d.Close, nil
}
