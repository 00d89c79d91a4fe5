package call

import (
	"fmt"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/frames"
)

// A frame that passes the mailbox by costs the backbone one hop instead of a write to a stream, a delivery to a consumer and two
// acks. Nobody keeps it, so it is for what is sent again through the mailbox when no answer comes.

// directQueue is how many such frames of one sender wait here at most; others are dropped.
const directQueue = 32

// Send hands a frame to country to, if it is there at this moment.
func (e *Endpoint) Send(to string, frame []byte) error {
	if err := transport.CheckPeer(e.self, to); err != nil {
		return err
	}
	switch {
	case len(frame) == 0:
		return fmt.Errorf("sending to %s: %w", to, transport.ErrEmpty)
	case len(frame) > transport.MaxDirect || frames.HeaderLen+len(frame) > e.wire.MaxFrame():
		return fmt.Errorf("sending %d bytes to %s: %w", len(frame), to, transport.ErrTooLarge)
	}
	if err := e.wire.Send(LaneCall, to, frames.Append(make([]byte, 0, frames.HeaderLen+len(frame)), frames.Header{Kind: frames.Mail}, frame)); err != nil {
		return fmt.Errorf("sending to %s: %w", to, err)
	}
	return nil
}

// direct is where what a peer Sends waits for Receive.
func (e *Endpoint) direct(from string) chan []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	q := e.mail[from]
	if q == nil {
		q = make(chan []byte, directQueue)
		e.mail[from] = q
	}
	return q
}

// deliverMail never waits.
func (e *Endpoint) deliverMail(from string, frame []byte) {
	select {
	case e.direct(from) <- frame:
	default:
	}
}

// Frames takes what waits behind first. No mailbox hears their acks.
func Frames(first []byte, q <-chan []byte) []transport.Frame {
	frames := []transport.Frame{{Data: first}}
	for {
		select {
		case b := <-q:
			frames = append(frames, transport.Frame{Data: b})
		default:
			return frames
		}
	}
}
