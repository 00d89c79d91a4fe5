package desk

import (
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/standing"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// Opening puts the leaves with which a log begins that is opened after a rollback: the enrolments of the logs before, each as it was, so that whoever reads the log
// finds the register, and how all cases stand.
func Opening(r *store.Reader, before translog.Hash, put func(e translog.Entry, name string, record []byte) error) error {
	if err := openingOfficers(r, put); err != nil {
		return err
	}
	return standing.Opening(r, before, put)
}

// openingOfficers puts the enrolments of the logs before.
func openingOfficers(r *store.Reader, put func(e translog.Entry, name string, record []byte) error) (err error) {
	if bad := r.EachOfficer(func(_ string, row *storev1.OfficerRow) bool {
		if len(row.GetEnrolment()) == 0 {
			return true // a directory
		}
		var leaf translog.Leaf
		if leaf, err = casefile.LeafAt(r, int64(row.GetLeafIndex())); err == nil {
			err = put(leaf.Entry, "enrolment", row.GetEnrolment())
		}
		return err == nil
	}); bad != nil {
		return bad
	}
	return err
}
