package audit

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Kinds of fork proofs, as nodes keep them.
const (
	forkLog      = "log"      // two heads of one size
	forkTree     = "tree"     // two heads and a proof that leads to another past
	forkUnproven = "unproven" // two heads between which no proof was given
	forkSequence = "sequence" // two signed messages with one number
)

// maxFrame bounds what is parsed of a proof that two messages are.
const maxFrame = 1 << 20

// forks judges the fork proofs that the node keeps. One that holds is a finding about the log that forked.
func (p *pass) forks(w *worker) error {
	for _, name := range p.r.Forks() {
		b, err := p.r.Fork(name)
		if err != nil {
			f, ok := formatFinding(err)
			if !ok {
				return err
			}
			p.add(f)
			continue
		}
		_, kind, _ := strings.Cut(name, "-")
		origin, what, proven, err := p.forked(w, kind, b)
		switch {
		case errors.Is(err, ErrUnknownLog):
			p.note(CodeUnknown, -1, fmt.Sprintf("proof %s: %v", name, err), "", "")
		case err != nil:
			p.note(CodeCanon, -1, fmt.Sprintf("proof %s proves nothing: %v", name, err), "", "")
		case !proven && kind != forkUnproven:
			p.note(CodeCanon, -1, fmt.Sprintf("proof %s proves nothing: %v", name, translog.ErrNoFork), "", "")
		case !proven:
			p.add(Finding{Code: CodeUnknown, Log: origin, Index: -1, Detail: fmt.Sprintf("proof %s: %s", name, what)})
		default:
			p.add(Finding{Code: CodeFork, Log: origin, Index: -1, Detail: fmt.Sprintf("proof %s: %s", name, what)})
		}
	}
	return nil
}

// forked checks one proof. It returns whose log, or which country, it is about, what it shows, and whether that proves a fork.
func (p *pass) forked(w *worker, kind string, b []byte) (about, what string, proven bool, err error) {
	switch kind {
	case forkLog, forkTree, forkUnproven:
		return checkHeads(b, func(origin string) ([]*translog.LogVerifier, error) {
			if v := p.chain.Log(origin); v != nil {
				return []*translog.LogVerifier{v}, nil
			}
			var list []*translog.LogVerifier
			for _, k := range p.book.logs[origin] {
				if p.trusted(k) {
					list = append(list, k.v)
				}
			}
			if len(list) == 0 {
				return nil, fmt.Errorf("log %s: %w", origin, ErrUnknownLog)
			}
			return list, nil
		})
	case forkSequence:
		about, what, err = p.forkedSequence(w, b)
		return about, what, err == nil, err
	}
	return "", "", false, fmt.Errorf("kind %s: %w", kind, ErrForm)
}

// checkHeads checks two heads of one log that are said to prove a fork. Two heads of different sizes without a proof are both as they
// must be, and prove nothing.
func checkHeads(text []byte, keys func(origin string) ([]*translog.LogVerifier, error)) (origin, what string, proven bool, err error) {
	a, b, proof, err := translog.ParseHeads(text)
	if err != nil {
		return "", "", false, err
	}
	if origin, err = translog.ReadOrigin(a); err != nil {
		return "", "", false, err
	}
	list, err := keys(origin)
	if err != nil {
		return "", "", false, err
	}
	for _, v := range list {
		var ca, cb translog.Checkpoint
		if ca, err = translog.ParseCheckpoint(a, v); err != nil {
			continue
		}
		if cb, err = translog.ParseCheckpoint(b, v); err != nil {
			continue
		}
		switch proven = true; {
		case len(proof) > 0:
			err = translog.CheckForkedTree(a, b, proof, v)
			what = fmt.Sprintf("heads of %d and %d leaves, and the log's own proof that leads to another past", ca.Size, cb.Size)
		case ca.Size == cb.Size:
			err = translog.CheckForkedHeads(a, b, v)
			what = fmt.Sprintf("two heads of %d leaves with different roots", ca.Size)
		default:
			proven = false
			what = fmt.Sprintf("heads of %d and %d leaves, for which the log gave no proof that verifies; whoever has the log can tell whether it has both", ca.Size, cb.Size)
		}
		return origin, what, proven && err == nil, err
	}
	return "", "", false, err
}

// forkedSequence checks two statements of one sender that carry different messages with one number.
func (p *pass) forkedSequence(w *worker, b []byte) (from, what string, err error) {
	f := new(rogatoryv1.Frame)
	if err := envelope.StrictUnmarshal(b, f, maxFrame); err != nil {
		return "", "", err
	}
	if len(f.GetEnvelopes()) != 2 || len(f.GetReceipts()) != 0 || len(f.GetAdvice()) != 0 {
		return "", "", ErrForm
	}
	var m [2]*rogatoryv1.Message
	var names [2]envelope.Name
	for i, raw := range f.GetEnvelopes() {
		o, err := envelope.Parse(raw, maxFrame)
		if err != nil {
			return "", "", err
		}
		sig, err := o.Signature()
		if err != nil {
			return "", "", err
		}
		key, err := w.book.verify(w.roots, o.From(), o.FromKID(), o.Statement(), sig)
		if err == nil && !p.signers[key] {
			err = errNoKey
		}
		if err != nil {
			return "", "", fmt.Errorf("statement %d by key %s: %w", i+1, o.FromKID(), err)
		}
		m[i], names[i] = o.Message(), o.Name()
	}
	if names[0] == names[1] || m[0].GetFrom() != m[1].GetFrom() || m[0].GetTo() != m[1].GetTo() ||
		m[0].GetEpoch() != m[1].GetEpoch() || m[0].GetSeq() != m[1].GetSeq() {
		return "", "", translog.ErrNoFork
	}
	return m[0].GetFrom(), fmt.Sprintf("%s signed two messages to %s with number %d/%d", m[0].GetFrom(), m[0].GetTo(), m[0].GetEpoch(), m[0].GetSeq()), nil
}
