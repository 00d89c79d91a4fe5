package call

import "github.com/rogatory/rogatory/node/transport"

// A Line is how a backbone serves its endpoint: it delivers what arrives, and says when it comes and goes.
type Line struct{ e *Endpoint }

// Deliver takes one frame that peer from sent on lane l. It never waits and keeps data.
func (n *Line) Deliver(l Lane, from string, data []byte) { n.e.deliver(l, from, data) }

// Set says whether the backbone can be reached, and reports whether that is new. When it is lost all calls end: frames may have been lost.
func (n *Line) Set(connected bool) (changed bool) {
	changed = n.e.state.set(connected)
	if changed && !connected {
		n.e.down(transport.ErrUnavailable)
	}
	return changed
}

// Close ends all calls for good.
func (n *Line) Close() {
	n.e.state.close()
	n.e.down(transport.ErrClosed)
}

// Ready returns why the backbone cannot be asked now, if it cannot.
func (n *Line) Ready() error {
	switch {
	case n.e.state.closed():
		return transport.ErrClosed
	case !n.e.state.get():
		return transport.ErrUnavailable
	}
	return nil
}

// Mail is where what a peer Sends waits for Receive.
func (n *Line) Mail(from string) <-chan []byte { return n.e.direct(from) }
