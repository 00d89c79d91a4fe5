package exchange

// Readable returns what keeps Apply from reading an event.
func Readable(e Event) *TransitionError {
	_, bad := read(e)
	return bad
}
