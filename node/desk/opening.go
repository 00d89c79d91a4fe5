package desk

import (
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/officers"
	"github.com/rogatory/rogatory/node/desk/standing"
	"github.com/rogatory/rogatory/node/store"
)

// Opening puts the leaves with which a log begins that is opened after a rollback: the enrolments of the logs before, each as it was, so that whoever
// reads the log finds the register, and how all cases stand.
func Opening(r *store.Reader, before translog.Hash, put func(e translog.Entry, name string, record []byte) error) error {
	if err := officers.Opening(r, put); err != nil {
		return err
	}
	return standing.Opening(r, before, put)
}
