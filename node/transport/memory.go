package transport

import (
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc"
)

// Memory is a backbone in memory, for tests of nodes. It stands for the broker: mailboxes outlive the ports that use them.
// Everything waits on channels and timers only, so that it works inside a testing/synctest bubble; goroutines run
// only while something is under way.
//
// Knobs may be turned at any time and hold for what is sent afterwards.
type Memory struct {
	limits MemoryOptions

	mu         sync.Mutex
	rand       *rand.Rand
	countries  map[string]bool
	ports      map[string]*MemoryPort       // the open one of each country
	away       map[string]bool              // countries without a backbone
	links      map[pair]*link               // online lane
	boxes      map[pair]*mailbox            // durable lane
	statements map[string]map[string][]byte // kind, country
	watchers   map[chan struct{}]struct{}   // each has room for one

	cut       map[pair]bool
	delay     map[pair]time.Duration
	duplicate float64
	reorder   float64
	drop      float64
}

// MemoryOptions size a Memory. The zero value is useful.
type MemoryOptions struct {
	// Seed makes chance repeatable, as far as goroutines are.
	Seed uint64
	// FramesPerSender is as in StreamOptions. Default 512.
	FramesPerSender int
	// Calls bound the online lane of each port that Port makes.
	Calls CallOptions
}

// pair is a direction between two countries.
type pair struct{ from, to string }

// NewMemory returns a backbone of these countries.
func NewMemory(o MemoryOptions, countries ...string) *Memory {
	if o.FramesPerSender <= 0 {
		o.FramesPerSender = 512
	}
	m := &Memory{
		limits:     o,
		rand:       rand.New(rand.NewPCG(o.Seed, 0)),
		countries:  map[string]bool{},
		ports:      map[string]*MemoryPort{},
		away:       map[string]bool{},
		links:      map[pair]*link{},
		boxes:      map[pair]*mailbox{},
		statements: map[string]map[string][]byte{},
		watchers:   map[chan struct{}]struct{}{},
		cut:        map[pair]bool{},
		delay:      map[pair]time.Duration{},
	}
	for _, c := range countries {
		m.countries[c] = true
	}
	return m
}

// Port opens the backbone for country, with the CallOptions of MemoryOptions. It takes the place of the country's former port, which stays closed or
// is closed.
func (m *Memory) Port(country string) *MemoryPort { return m.PortWith(country, m.limits.Calls) }

// PortWith is Port with CallOptions of its own.
func (m *Memory) PortWith(country string, o CallOptions) *MemoryPort {
	p := &MemoryPort{m: m}
	p.endpoint = newEndpoint(country, memoryWire{p}, o)
	p.state.init()
	m.mu.Lock()
	former := m.ports[country]
	m.ports[country] = p
	away := m.away[country] || !m.countries[country]
	m.mu.Unlock()
	if former != nil {
		former.Close()
	}
	p.state.set(!away)
	return p
}

// Cut separates a and b: calls between them get lost, frames wait in the mailbox until Heal.
func (m *Memory) Cut(a, b string) { m.setCut(a, b, true) }

// Heal ends Cut.
func (m *Memory) Heal(a, b string) { m.setCut(a, b, false) }

func (m *Memory) setCut(a, b string, on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range []pair{{a, b}, {b, a}} {
		m.cut[d] = on
		m.box(d).poke()
	}
}

// Disconnect takes the backbone from country: Connected is false, everything fails with ErrUnavailable.
func (m *Memory) Disconnect(country string) { m.setAway(country, true) }

// Connect ends Disconnect.
func (m *Memory) Connect(country string) { m.setAway(country, false) }

func (m *Memory) setAway(country string, away bool) {
	m.mu.Lock()
	m.away[country] = away
	p := m.ports[country]
	m.mu.Unlock()
	if p != nil && p.state.set(!away) && away {
		p.endpoint.down(ErrUnavailable)
	}
}

// Delay makes what travels between a and b, either way and on both lanes, take d.
func (m *Memory) Delay(a, b string, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.delay[pair{a, b}], m.delay[pair{b, a}] = d, d
}

// Duplicate repeats frames of both lanes with probability p.
func (m *Memory) Duplicate(p float64) { m.set(&m.duplicate, p) }

// Reorder lets frames of both lanes overtake the one before with probability p.
func (m *Memory) Reorder(p float64) { m.set(&m.reorder, p) }

// Drop loses frames of both lanes with probability p, although Publish says that they were taken.
func (m *Memory) Drop(p float64) { m.set(&m.drop, p) }

func (m *Memory) set(knob *float64, p float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*knob = p
}

// chance throws the dice. The caller holds mu.
func (m *Memory) chance(p float64) bool { return p > 0 && m.rand.Float64() < p }

// copies throws the dice for one frame: how many arrive, and whether they overtake. The caller holds mu.
func (m *Memory) copies() (n int, overtake bool) {
	if m.chance(m.drop) {
		return 0, false
	}
	n = 1
	if m.chance(m.duplicate) {
		n = 2
	}
	return n, m.chance(m.reorder)
}

// A link carries the online lane in one direction, in order. Its fields are guarded by Memory.mu.
type link struct {
	queue   []parcel
	running bool
}

type parcel struct {
	lane lane
	data []byte
	due  time.Time
}

// send puts a frame on its way. It never waits.
func (m *Memory) send(l lane, d pair, frame []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away[d.from] {
		return ErrUnavailable
	}
	if m.cut[d] {
		return nil
	}
	k := m.links[d]
	if k == nil {
		k = &link{}
		m.links[d] = k
	}
	n, overtake := m.copies()
	for range n {
		k.queue = append(k.queue, parcel{l, frame, time.Now().Add(m.delay[d])})
	}
	if last := len(k.queue) - 1; overtake && last > 0 {
		k.queue[last], k.queue[last-1] = k.queue[last-1], k.queue[last]
	}
	if !k.running && len(k.queue) > 0 {
		k.running = true
		go m.run(k, d)
	}
	return nil
}

// run delivers until the link is empty.
func (m *Memory) run(k *link, d pair) {
	for {
		m.mu.Lock()
		if len(k.queue) == 0 {
			k.queue, k.running = nil, false
			m.mu.Unlock()
			return
		}
		p := k.queue[0]
		k.queue = k.queue[1:]
		m.mu.Unlock()

		if wait := time.Until(p.due); wait > 0 {
			time.Sleep(wait)
		}
		m.mu.Lock()
		port := m.ports[d.to]
		lost := m.cut[d] || m.away[d.to] || port == nil
		m.mu.Unlock()
		if !lost {
			port.deliver(p.lane, d.from, p.data)
		}
	}
}

// MemoryPort is one country's [Net] over a [Memory].
type MemoryPort struct {
	*endpoint
	m     *Memory
	state state
}

var _ Net = (*MemoryPort)(nil)

// Connected tells whether the country has its backbone.
func (p *MemoryPort) Connected() bool { return p.state.get() }

// Changed returns a channel that is closed at the next change of Connected.
func (p *MemoryPort) Changed() <-chan struct{} { return p.state.changed() }

// Dial returns a connection to country to.
func (p *MemoryPort) Dial(to string) grpc.ClientConnInterface {
	return &conn{ep: p.endpoint, peer: to, err: checkPeer(p.self, to)}
}

// Close ends the port; it does not wait for handlers, Serve does.
func (p *MemoryPort) Close() error {
	p.m.mu.Lock()
	if p.m.ports[p.self] == p {
		delete(p.m.ports, p.self)
	}
	p.m.mu.Unlock()
	p.state.close()
	p.endpoint.down(ErrClosed)
	return nil
}

func (p *MemoryPort) ready() error {
	switch {
	case p.state.closed():
		return ErrClosed
	case !p.state.get():
		return ErrUnavailable
	}
	return nil
}

type memoryWire struct{ p *MemoryPort }

func (w memoryWire) send(l lane, to string, frame []byte) error {
	if err := w.p.ready(); err != nil {
		return err
	}
	return w.p.m.send(l, pair{w.p.self, to}, frame)
}

func (memoryWire) maxFrame() int { return 1 << 20 }
