package memory

import (
	"context"

	"github.com/rogatory/rogatory/node/transport"
)

// PutStatement replaces this country's statement of that kind.
func (p *Port) PutStatement(ctx context.Context, kind string, b []byte) error {
	if err := transport.CheckStatement(kind, b); err != nil {
		return err
	}
	if err := p.line.Ready(); err != nil {
		return err
	}
	m := p.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.statements[kind] == nil {
		m.statements[kind] = map[string][]byte{}
	}
	m.statements[kind][p.self] = append([]byte(nil), b...)
	for w := range m.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
	return nil
}

// WatchStatements shows the current statements and then each new one.
func (p *Port) WatchStatements(ctx context.Context, kind string, f func(from string, b []byte)) error {
	if err := transport.CheckKind(kind); err != nil {
		return err
	}
	w := make(chan struct{}, 1)
	p.m.mu.Lock()
	p.m.watchers[w] = struct{}{}
	p.m.mu.Unlock()
	defer func() {
		p.m.mu.Lock()
		delete(p.m.watchers, w)
		p.m.mu.Unlock()
	}()
	shown := map[string]string{}
	for {
		changed := p.Changed()
		switch p.line.Ready() {
		case transport.ErrClosed:
			return transport.ErrClosed
		case nil:
			p.show(kind, shown, f)
		}
		select {
		case <-w:
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// show calls f with every statement that is not in shown.
func (p *Port) show(kind string, shown map[string]string, f func(from string, b []byte)) {
	fresh := map[string][]byte{}
	p.m.mu.Lock()
	for from, b := range p.m.statements[kind] {
		if shown[from] != string(b) {
			fresh[from] = append([]byte(nil), b...)
		}
	}
	p.m.mu.Unlock()
	for from, b := range fresh {
		shown[from] = string(b)
		f(from, b)
	}
}
