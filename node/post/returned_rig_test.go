package post

import "github.com/rogatory/rogatory/node/store"

// Returned takes every message that was given back.
func (d *desk) Returned(_ *store.Tx, r *Returned) (Admission, error) {
	return Admission{CaseToken: "", Unit: "police"}, nil
}

func (d *busyDesk) Returned(_ *store.Tx, _ *Returned) (Admission, error) {
	return Admission{Unit: "police"}, nil
}
