package transport

import "fmt"

// A frame that passes the mailbox by costs the backbone one hop instead of a write to a stream, a delivery to a consumer and two
// acks. Nobody keeps it, so it is for what is sent again through the mailbox when no answer comes.

// MaxDirect is the largest frame that Send takes, in bytes.
const MaxDirect = 64 << 10

// directQueue is how many such frames of one sender wait here at most; others are dropped.
const directQueue = 32

// Send hands a frame to country to, if it is there at this moment.
func (e *endpoint) Send(to string, frame []byte) error {
	if err := checkPeer(e.self, to); err != nil {
		return err
	}
	switch {
	case len(frame) == 0:
		return fmt.Errorf("sending to %s: %w", to, ErrEmpty)
	case len(frame) > MaxDirect || headerLen+len(frame) > e.wire.maxFrame():
		return fmt.Errorf("sending %d bytes to %s: %w", len(frame), to, ErrTooLarge)
	}
	if err := e.wire.send(laneCall, to, appendFrame(make([]byte, 0, headerLen+len(frame)), frameHeader{kind: kindMail}, frame)); err != nil {
		return fmt.Errorf("sending to %s: %w", to, err)
	}
	return nil
}

// direct is where what a peer Sends waits for Receive.
func (e *endpoint) direct(from string) chan []byte {
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
func (e *endpoint) deliverMail(from string, frame []byte) {
	select {
	case e.direct(from) <- frame:
	default:
	}
}

// directFrames takes what waits behind first.
func directFrames(first []byte, q <-chan []byte) []Frame {
	frames := []Frame{directFrame(first)}
	for {
		select {
		case b := <-q:
			frames = append(frames, directFrame(b))
		default:
			return frames
		}
	}
}

// directFrame has no mailbox that could hear an ack.
func directFrame(b []byte) Frame { return Frame{Data: b} }
