package backbone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/call"
)

// Publish puts a frame into the mailbox of country to. No Nats-Msg-Id goes with it: it would swallow resends.
func (n *Conn) Publish(ctx context.Context, to string, frame []byte) error {
	if err := transport.CheckPeer(n.self, to); err != nil {
		return err
	}
	if len(frame) > transport.MaxFrame {
		return fmt.Errorf("frame of %d bytes: %w", len(frame), transport.ErrTooLarge)
	}
	if err := n.put(ctx, subject(to, laneMail, n.self), frame); err != nil {
		return fmt.Errorf("publishing to %s: %w", to, err)
	}
	return nil
}

// put publishes to a stream and waits for its word.
func (n *Conn) put(ctx context.Context, subject string, b []byte) error {
	if len(b) == 0 {
		return transport.ErrEmpty
	}
	lost, cancel := n.untilLost(ctx)
	defer cancel()
	bound, cancelBound := context.WithTimeout(lost, ackTimeout)
	defer cancelBound()
	_, err := n.js.Publish(bound, subject, b, jetstream.WithRetryAttempts(0))
	if err == nil {
		return nil
	}
	switch cause := context.Cause(lost); {
	case ctx.Err() != nil:
		return ctx.Err()
	case cause != nil:
		return cause
	}
	return streamError(err)
}

// streamError turns a stream's refusal into one of this package's errors.
func streamError(err error) error {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return clientError(err)
	}
	switch api.ErrorCode {
	case jetstream.JSErrCodeStreamMessageExceedsMaximum:
		return transport.ErrTooLarge
	case 10077, // stream store failed: the limits of DiscardNew are told by its text only
		10122: // maximum messages or bytes of the stream, as a cluster's leader says it
		if strings.Contains(api.Description, "maximum") {
			return fmt.Errorf("%w: %s", transport.ErrFull, api.Description)
		}
	case 10023, 10028, 10047, 10002: // insufficient resources, memory, storage, account storage
		return fmt.Errorf("%w: %s", transport.ErrFull, api.Description)
	}
	return fmt.Errorf("%w: %w", transport.ErrUnavailable, err)
}

// A puller asks one consumer, that is one sender's queue, for frames.
type puller struct {
	place chan struct{} // held by the one Receive at a time
	next  string        // subject of requests
	inbox string        // answers come to inbox.<number of the request>
	in    chan *nats.Msg
	asked uint64

	// The request that the server has and has not answered, if any: a Receive that ended because a frame came past the mailbox leaves it.
	open  string          // its reply subject, or empty
	until time.Time       // when it counts as lost
	lost  <-chan struct{} // closed when the connection has changed since, and with it the server's memory
}

const (
	pullBatch  = 128                    // frames one pull may bring
	pullExpiry = 8 * time.Second        // how long one pull waits at the server
	pullGrace  = 2 * time.Second        // after which an unanswered pull counts as lost
	pullQuiet  = 20 * time.Millisecond  // after a frame, how long the next may take
	pullQueued = 250 * time.Millisecond // how long to wait for the frames of an older pull
)

func (n *Conn) puller(from string) (*puller, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.pulls[from]; p != nil {
		return p, nil
	}
	p := &puller{
		place: make(chan struct{}, 1),
		next:  "$JS.API.CONSUMER.MSG.NEXT." + mailStream(n.self) + "." + from,
		inbox: n.nc.NewInbox(),
		in:    make(chan *nats.Msg, 4*pullBatch),
	}
	if _, err := n.nc.ChanSubscribe(p.inbox+".*", p.in); err != nil {
		return nil, clientError(err)
	}
	n.pulls[from] = p
	return p, nil
}

// Receive returns what country from has sent, at least one frame. A lone frame comes without waiting for company.
func (n *Conn) Receive(ctx context.Context, from string, maxBytes int) ([]transport.Frame, error) {
	if err := transport.CheckPeer(n.self, from); err != nil {
		return nil, err
	}
	lost, cancel := n.untilLost(ctx)
	defer cancel()
	if lost.Err() != nil {
		return nil, receiveError(ctx, lost, from, nil)
	}
	p, err := n.puller(from)
	if err != nil {
		return nil, err
	}
	select {
	case p.place <- struct{}{}:
		defer func() { <-p.place }()
	case <-lost.Done():
		return nil, receiveError(ctx, lost, from, nil)
	}
	maxBytes = min(max(maxBytes, transport.MinReceive), transport.MaxReceive)
	for {
		frames, err := n.pull(lost, p, from, maxBytes)
		if len(frames) > 0 {
			return frames, nil
		}
		if err != nil {
			return nil, receiveError(ctx, lost, from, err)
		}
	}
}

func receiveError(ctx, lost context.Context, from string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if cause := context.Cause(lost); cause != nil {
		err = cause
	}
	return fmt.Errorf("receiving from %s: %w", from, err)
}

// A pullRequest is the body of $JS.API.CONSUMER.MSG.NEXT (NATS ADR-13). With NoWait and Expires together, the server waits for
// the first frame and ends the request when there is none left.
type pullRequest struct {
	Batch    int           `json:"batch"`
	MaxBytes int           `json:"max_bytes"`
	Expires  time.Duration `json:"expires"` // nanoseconds
	NoWait   bool          `json:"no_wait"`
}

// pull asks once and collects until nothing more is there.
func (n *Conn) pull(ctx context.Context, p *puller, from string, maxBytes int) ([]transport.Frame, error) {
	// Left by a Receive that went away before its answer came.
	if frames := n.waiting(p, pullBatch); len(frames) > 0 {
		return frames, nil
	}
	if err := n.ask(p, maxBytes); err != nil {
		return nil, err
	}
	reply := p.open
	direct := n.line.Mail(from)
	timer := time.NewTimer(time.Until(p.until))
	defer timer.Stop()
	var frames []transport.Frame
	queued, still := false, false
	defer func() {
		if !still {
			p.open = ""
		}
	}()
	for len(frames) < pullBatch {
		select {
		case b := <-direct:
			still = len(frames) == 0
			return append(frames, call.Frames(b, direct)...), nil
		case m := <-p.in:
			// Frames come under the subject they were published to, the server's word under that of the request.
			status := m.Header.Get("Status")
			switch {
			case isFrame(m):
				frames = append(frames, n.frame(m))
				if strings.HasSuffix(m.Reply, ".0") { // none pending
					return frames, nil
				}
				// When the bound of frames in flight is met, the server keeps the rest without a word.
				timer.Reset(pullQuiet)
			case m.Subject != reply || status == "" || status == "100":
			case strings.HasPrefix(m.Header.Get("Description"), "Requests Pending"):
				// What is there goes to a request that an earlier Receive left behind, whose frames come here too.
				queued = true
				timer.Reset(pullQueued)
			default:
				return frames, pullStatus(m)
			}
		case <-timer.C:
			if len(frames) == 0 && !queued {
				return nil, fmt.Errorf("no answer: %w", transport.ErrUnavailable)
			}
			return frames, nil
		case <-ctx.Done():
			return frames, ctx.Err()
		}
	}
	return frames, nil
}

// ask makes a request, unless the one before is still open.
func (n *Conn) ask(p *puller, maxBytes int) error {
	if p.open != "" && time.Now().Before(p.until) {
		select {
		case <-p.lost:
		default:
			return nil
		}
	}
	body, err := json.Marshal(pullRequest{Batch: pullBatch, MaxBytes: maxBytes, Expires: pullExpiry, NoWait: true})
	if err != nil {
		return err
	}
	p.lost = n.Changed()
	p.asked++
	reply := p.inbox + "." + strconv.FormatUint(p.asked, 10)
	if err := n.nc.PublishRequest(p.next, reply, body); err != nil {
		return clientError(err)
	}
	p.open, p.until = reply, time.Now().Add(pullExpiry+pullGrace)
	return nil
}

// waiting takes what has already come, without asking.
func (n *Conn) waiting(p *puller, most int) (frames []transport.Frame) {
	for len(frames) < most {
		select {
		case m := <-p.in:
			if isFrame(m) {
				frames = append(frames, n.frame(m))
			}
			if isFrame(m) || m.Subject == p.open {
				p.open = "" // answered, or over
			}
		default:
			return frames
		}
	}
	return frames
}

func isFrame(m *nats.Msg) bool { return strings.HasPrefix(m.Reply, "$JS.ACK.") && len(m.Data) > 0 }

// pullStatus reads the server's last word on a request.
func pullStatus(m *nats.Msg) error {
	switch s, text := m.Header.Get("Status"), m.Header.Get("Description"); {
	case s == "404" || s == "408": // no messages, expired
		return nil
	case s == "409" && (text == "Batch Completed" || strings.HasSuffix(text, "Exceeds MaxBytes")):
		return nil
	default:
		return fmt.Errorf("status %s %s: %w", s, text, transport.ErrUnavailable)
	}
}

// frame wraps a delivered message. Acks are plain publishes: one that gets lost costs a redelivery.
func (n *Conn) frame(m *nats.Msg) transport.Frame {
	answer := func(body string) error {
		if err := n.line.Ready(); err != nil {
			return err
		}
		return clientError(n.nc.Publish(m.Reply, []byte(body)))
	}
	return transport.NewFrame(m.Data, func() error { return answer("+ACK") }, func(d time.Duration) error {
		return answer(fmt.Sprintf(`-NAK {"delay": %d}`, max(d, 0).Nanoseconds()))
	})
}
