package call

import (
	"context"
	"crypto/rand"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"google.golang.org/grpc"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/frames"
)

// An Endpoint is one country's side of the online lane, over any wire.
type Endpoint struct {
	self  string
	wire  Wire
	opts  transport.CallOptions
	state state

	mu       sync.Mutex
	services map[string]*service
	serving  context.Context // nil unless Serve runs
	handlers sync.WaitGroup  // added to only while serving, under mu
	calls    map[frames.CallID]*clientCall
	peers    map[string]*callers
	mail     map[string]chan []byte // by sender, what passed the mailbox by
}

// A service is what RegisterService was given.
type service struct {
	impl    any
	methods map[string]*grpc.MethodDesc
	streams map[string]*grpc.StreamDesc
}

// callers are one peer's calls here.
type callers struct {
	budget  budget
	running map[frames.CallID]*serverCall
	past    map[frames.CallID]struct{} // calls that ended lately: their late and repeated frames open nothing
	ring    []frames.CallID            // past, oldest at at
	at      int
}

// maxPast is the number of ended calls remembered for each peer.
const maxPast = 1024

// New returns a country's side of the calls that w carries, and the line by which the backbone serves it. It is not connected yet.
func New(self string, w Wire, o transport.CallOptions) (*Endpoint, *Line) {
	e := &Endpoint{
		self:     self,
		wire:     w,
		opts:     withDefaults(o),
		services: map[string]*service{},
		calls:    map[frames.CallID]*clientCall{},
		peers:    map[string]*callers{},
		mail:     map[string]chan []byte{},
	}
	e.state.init()
	return e, &Line{e}
}

// Connected tells whether the backbone can be reached at this moment.
func (e *Endpoint) Connected() bool { return e.state.get() }

// Changed returns a channel that is closed at the next change of Connected.
func (e *Endpoint) Changed() <-chan struct{} { return e.state.changed() }

// Dial returns a connection to country to.
func (e *Endpoint) Dial(to string) grpc.ClientConnInterface {
	return &conn{ep: e, peer: to, err: transport.CheckPeer(e.self, to)}
}

// RegisterService adds a service. It panics when the implementation does not fit or the name is taken, where grpc.Server ends the
// program: both are mistakes of the program text, and the interface returns no error.
func (e *Endpoint) RegisterService(desc *grpc.ServiceDesc, impl any) {
	if want := reflect.TypeOf(desc.HandlerType).Elem(); !reflect.TypeOf(impl).Implements(want) {
		panic(fmt.Sprintf("transport: %T is no %v", impl, want))
	}
	s := &service{impl: impl, methods: map[string]*grpc.MethodDesc{}, streams: map[string]*grpc.StreamDesc{}}
	for i := range desc.Methods {
		s.methods[desc.Methods[i].MethodName] = &desc.Methods[i]
	}
	for i := range desc.Streams {
		s.streams[desc.Streams[i].StreamName] = &desc.Streams[i]
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, taken := e.services[desc.ServiceName]; taken {
		panic(fmt.Sprintf("transport: service %s registered twice", desc.ServiceName))
	}
	e.services[desc.ServiceName] = s
}

// Serve answers calls until ctx ends, cancels those that run and waits for their handlers.
func (e *Endpoint) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e.mu.Lock()
	if e.serving != nil {
		e.mu.Unlock()
		return fmt.Errorf("serving twice: %w", transport.ErrClosed)
	}
	e.serving = ctx
	e.mu.Unlock()

	<-ctx.Done()
	e.mu.Lock()
	e.serving = nil
	e.mu.Unlock()
	e.handlers.Wait()
	return context.Cause(ctx)
}

// lookup finds the method of a full name, "/package.Service/Method".
func (e *Endpoint) lookup(full string) (impl any, unary *grpc.MethodDesc, stream *grpc.StreamDesc) {
	name, method, ok := strings.Cut(strings.TrimPrefix(full, "/"), "/")
	if !ok {
		return nil, nil, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.services[name]
	if s == nil {
		return nil, nil, nil
	}
	return s.impl, s.methods[method], s.streams[method]
}

// deliver takes one frame that peer from sent on lane l. It never waits and keeps data.
func (e *Endpoint) deliver(l Lane, from string, data []byte) {
	h, body, err := frames.Parse(data)
	if err != nil {
		return
	}
	switch l {
	case LaneCall:
		if h.Kind == frames.Mail {
			if transport.CheckPeer(e.self, from) == nil {
				e.deliverMail(from, body)
			}
			return
		}
		e.deliverCall(from, h, body)
	case LaneReply:
		e.deliverReply(from, h, body)
	}
}

func (e *Endpoint) deliverReply(from string, h frames.Header, body []byte) {
	e.mu.Lock()
	c := e.calls[h.Call]
	e.mu.Unlock()
	if c == nil || c.peer != from {
		return
	}
	switch h.Kind {
	case frames.Credit:
		c.out.grant(body)
	case frames.Reset:
		c.in.fail(resetError(from, frames.Reason(body[0])))
	default:
		if err := c.in.push(h.Seq, chunk{h.Kind, body}); err != nil {
			c.in.fail(err)
		}
	}
}

func (e *Endpoint) deliverCall(from string, h frames.Header, body []byte) {
	e.mu.Lock()
	p := e.peers[from]
	if p == nil {
		p = &callers{running: map[frames.CallID]*serverCall{}, past: map[frames.CallID]struct{}{}}
		p.budget.limit = e.opts.MaxBuffered
		e.peers[from] = p
	}
	c := p.running[h.Call]
	if c == nil {
		_, past := p.past[h.Call]
		switch {
		case !h.Kind.IsChunk() || past:
			e.mu.Unlock()
			return
		case e.serving == nil:
			e.mu.Unlock()
			e.control(LaneReply, from, h.Call, frames.Reset, []byte{byte(frames.Cancelled)})
			return
		case len(p.running) >= e.opts.MaxCalls:
			e.mu.Unlock()
			e.control(LaneReply, from, h.Call, frames.Reset, []byte{byte(frames.Busy)})
			return
		}
		c = newServerCall(e, e.serving, from, h.Call, &p.budget)
		p.running[h.Call] = c
		e.handlers.Add(1)
		go func() {
			defer e.handlers.Done()
			c.run()
			e.forget(p, c)
		}()
	}
	e.mu.Unlock()

	switch h.Kind {
	case frames.Credit:
		c.out.grant(body)
	case frames.Reset:
		c.cancel(errPeerReset)
	default:
		if err := c.in.push(h.Seq, chunk{h.Kind, body}); err != nil {
			c.reset(frames.Busy)
			c.cancel(errPeerReset)
		}
	}
}

// forget removes a call that has ended.
func (e *Endpoint) forget(p *callers, c *serverCall) {
	c.in.drop()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(p.running, c.id)
	if len(p.ring) < maxPast {
		p.ring = append(p.ring, c.id)
	} else {
		delete(p.past, p.ring[p.at])
		p.ring[p.at] = c.id
		p.at = (p.at + 1) % maxPast
	}
	p.past[c.id] = struct{}{}
}

// control sends a frame without a part.
func (e *Endpoint) control(l Lane, to string, id frames.CallID, kind frames.Kind, body []byte) {
	// A lost control frame is as good as one lost on the way: the deadline ends what hangs on it.
	_ = e.wire.Send(l, to, frames.Append(nil, frames.Header{Kind: kind, Call: id}, body))
}

// down ends all calls: frames may have been lost.
func (e *Endpoint) down(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.calls {
		c.in.fail(err)
	}
	for _, p := range e.peers {
		for _, c := range p.running {
			c.cancel(errPeerReset)
		}
	}
}

// open adds a call of ours under a fresh random name.
func (e *Endpoint) open(c *clientCall) {
	rand.Read(c.id[:]) // never fails, see crypto/rand
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls[c.id] = c
}

func (e *Endpoint) close(c *clientCall) {
	c.in.drop()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.calls, c.id)
}
