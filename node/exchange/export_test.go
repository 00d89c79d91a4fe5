package exchange

import rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"

// Readable returns what keeps Apply from reading an event.
func Readable(e Event) *TransitionError {
	_, bad := read(e)
	return bad
}

// Opens reports whether a message with this docket opens a case.
func Opens(d *rogatoryv1.Docket) bool {
	return (&input{kind: d.GetKind(), joint: d.GetJoint()}).opens() != ""
}
