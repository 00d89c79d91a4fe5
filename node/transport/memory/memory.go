// Package memory is a backbone in memory, with knobs, for tests of nodes: no server, no socket.
package memory

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/call"
)

// Backbone is one in memory, for tests of nodes. It stands for the broker: mailboxes outlive the ports that use them.
// Everything waits on channels and timers only, so that it works inside a testing/synctest bubble; goroutines run
// only while something is under way.
//
// Knobs may be turned at any time and hold for what is sent afterwards.
type Backbone struct {
	limits Options

	mu         sync.Mutex
	rand       *rand.Rand
	countries  map[string]bool
	ports      map[string]*Port             // the open one of each country
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

// Options size a Backbone. The zero value is useful.
type Options struct {
	// Seed makes chance repeatable, as far as goroutines are.
	Seed uint64
	// FramesPerSender is as in backbone.StreamOptions. Default 512.
	FramesPerSender int
	// Calls bound the online lane of each port that Port makes.
	Calls transport.CallOptions
}

// pair is a direction between two countries.
type pair struct{ from, to string }

// New returns a backbone of these countries.
func New(o Options, countries ...string) *Backbone {
	if o.FramesPerSender <= 0 {
		o.FramesPerSender = 512
	}
	m := &Backbone{
		limits:     o,
		rand:       rand.New(rand.NewPCG(o.Seed, 0)),
		countries:  map[string]bool{},
		ports:      map[string]*Port{},
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

// Port opens the backbone for country, with the CallOptions of Options. It takes the place of the country's former port, which stays closed or
// is closed.
func (m *Backbone) Port(country string) *Port { return m.PortWith(country, m.limits.Calls) }

// PortWith is Port with CallOptions of its own.
func (m *Backbone) PortWith(country string, o transport.CallOptions) *Port {
	p := &Port{m: m, self: country}
	p.Endpoint, p.line = call.New(country, wire{p}, o)
	m.mu.Lock()
	former := m.ports[country]
	m.ports[country] = p
	away := m.away[country] || !m.countries[country]
	m.mu.Unlock()
	if former != nil {
		former.Close()
	}
	p.line.Set(!away)
	return p
}

// Cut separates a and b: calls between them get lost, frames wait in the mailbox until Heal.
func (m *Backbone) Cut(a, b string) { m.setCut(a, b, true) }

// Heal ends Cut.
func (m *Backbone) Heal(a, b string) { m.setCut(a, b, false) }

func (m *Backbone) setCut(a, b string, on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range []pair{{a, b}, {b, a}} {
		m.cut[d] = on
		m.box(d).poke()
	}
}

// Disconnect takes the backbone from country: Connected is false, everything fails with ErrUnavailable.
func (m *Backbone) Disconnect(country string) { m.setAway(country, true) }

// Connect ends Disconnect.
func (m *Backbone) Connect(country string) { m.setAway(country, false) }

func (m *Backbone) setAway(country string, away bool) {
	m.mu.Lock()
	m.away[country] = away
	p := m.ports[country]
	m.mu.Unlock()
	if p != nil {
		p.line.Set(!away)
	}
}

// Delay makes what travels between a and b, either way and on both lanes, take d.
func (m *Backbone) Delay(a, b string, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.delay[pair{a, b}], m.delay[pair{b, a}] = d, d
}

// Duplicate repeats frames of both lanes with probability p.
func (m *Backbone) Duplicate(p float64) { m.set(&m.duplicate, p) }

// Reorder lets frames of both lanes overtake the one before with probability p.
func (m *Backbone) Reorder(p float64) { m.set(&m.reorder, p) }

// Drop loses frames of both lanes with probability p, although Publish says that they were taken.
func (m *Backbone) Drop(p float64) { m.set(&m.drop, p) }

func (m *Backbone) set(knob *float64, p float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*knob = p
}

// chance throws the dice. The caller holds mu.
func (m *Backbone) chance(p float64) bool { return p > 0 && m.rand.Float64() < p }

// copies throws the dice for one frame: how many arrive, and whether they overtake. The caller holds mu.
func (m *Backbone) copies() (n int, overtake bool) {
	if m.chance(m.drop) {
		return 0, false
	}
	n = 1
	if m.chance(m.duplicate) {
		n = 2
	}
	return n, m.chance(m.reorder)
}

// A link carries the online lane in one direction, in order. Its fields are guarded by Backbone.mu.
type link struct {
	queue   []parcel
	running bool
}

type parcel struct {
	lane call.Lane
	data []byte
	due  time.Time
}

// send puts a frame on its way. It never waits.
func (m *Backbone) send(l call.Lane, d pair, frame []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away[d.from] {
		return transport.ErrUnavailable
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
func (m *Backbone) run(k *link, d pair) {
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
			port.line.Deliver(p.lane, d.from, p.data)
		}
	}
}

// Port is one country's [transport.Net] over a [Backbone].
type Port struct {
	*call.Endpoint
	line *call.Line
	m    *Backbone
	self string
}

var _ transport.Net = (*Port)(nil)

// Close ends the port; it does not wait for handlers, Serve does.
func (p *Port) Close() error {
	p.m.mu.Lock()
	if p.m.ports[p.self] == p {
		delete(p.m.ports, p.self)
	}
	p.m.mu.Unlock()
	p.line.Close()
	return nil
}

type wire struct{ p *Port }

func (w wire) Send(l call.Lane, to string, frame []byte) error {
	if err := w.p.line.Ready(); err != nil {
		return err
	}
	return w.p.m.send(l, pair{w.p.self, to}, frame)
}

func (wire) MaxFrame() int { return 1 << 20 }
