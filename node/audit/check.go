package audit

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// What a file can be.
const (
	IsProof   = "proof"   // that a leaf stands in a log
	IsReceipt = "receipt" // such a proof, whose leaf acknowledges a message
	IsHead    = "head"    // a signed checkpoint
	IsFork    = "fork"    // proof of two histories
)

// A Checked is what a file is and whether it holds.
type Checked struct {
	What  string `json:"what"`
	Log   string `json:"log"` // origin; for a fork of numbers, the country
	Index int64  `json:"index,omitempty"`
	Size  int64  `json:"size,omitempty"`
	Root  string `json:"root,omitempty"`
	Leaf  string `json:"leaf,omitempty"`
	Msg   string `json:"msg,omitempty"`  // name of the message that a receipt is for
	At    int64  `json:"at,omitempty"`   // of the leaf, milliseconds since 1970
	Says  string `json:"says,omitempty"` // what it proves, in words
	Holds bool   `json:"holds"`
	Why   string `json:"why,omitempty"` // it does not hold
}

const proofMark = "c2sp.org/tlog-proof@v1\n"

// Check says what one file is, or what two are together, and whether it holds by the keys of the anchor's newest directory. The error wraps
// [ErrForm] where it is nothing that can be checked, [ErrUnknownLog] where the keys are not the directory's to give.
func (a *Anchor) Check(files ...[]byte) (*Checked, error) {
	switch {
	case len(files) == 1 && bytes.HasPrefix(files[0], []byte(proofMark)):
		return a.checkProof(files[0])
	case len(files) == 2 && bytes.HasPrefix(files[0], []byte(proofMark)) && bytes.HasPrefix(files[1], []byte(proofMark)):
		return a.checkForkedLeaves(files[0], files[1])
	case len(files) == 2:
		return a.checkForkedHeads(translog.FormatHeads(files[0], files[1], nil))
	case len(files) != 1:
		return nil, ErrForm
	}
	if _, _, _, err := translog.ParseHeads(files[0]); err == nil {
		return a.checkForkedHeads(files[0])
	}
	if origin, err := translog.ReadOrigin(files[0]); err == nil {
		return a.checkHead(origin, files[0])
	}
	return a.checkForkedNumbers(files[0])
}

// holds fills in whether err is none.
func (c *Checked) holds(err error) *Checked {
	if c.Holds = err == nil; err != nil {
		c.Why, c.Says = err.Error(), ""
	}
	return c
}

func (a *Anchor) checkProof(b []byte) (*Checked, error) {
	p, err := translog.ParseProof(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if len(p.Extra) == 0 {
		return nil, fmt.Errorf("the proof does not hold its leaf: %w", ErrForm)
	}
	c := &Checked{What: IsProof, Index: p.Index, Leaf: string(p.Extra)}
	v, err := a.keysOf(p.Checkpoint, c)
	if err != nil {
		return nil, err
	}
	cp, err := p.Verify(p.Extra, v)
	if err != nil {
		return c.holds(err), nil
	}
	c.Size, c.Root = cp.Size, cp.Root.String()
	c.Says = fmt.Sprintf("leaf %d is in the log %s, which signed a tree of %d leaves with it", p.Index, cp.Origin, cp.Size)
	leaf, name, err := translog.VerifyReceipt(translog.Receipt{Leaf: p.Extra, Index: p.Index, Hashes: p.Hashes}, cp)
	if err == nil {
		c.What, c.Msg = IsReceipt, name.String()
		c.Says = receiptSays(leaf, name, cp)
	} else if leaf, err = translog.ParseLeaf(p.Extra); err != nil {
		return c.holds(err), nil
	}
	if leaf.Index != p.Index {
		return c.holds(fmt.Errorf("the leaf names another index: %w", translog.ErrProof)), nil
	}
	c.At = leaf.At
	return c.holds(nil), nil
}

func receiptSays(leaf translog.Leaf, name translog.Hash, cp translog.Checkpoint) string {
	country, _ := countryOf(cp.Origin)
	switch e := leaf.Entry.(type) {
	case *translog.Whole:
		return fmt.Sprintf("%s has all attachments of message %s", country, name)
	case *translog.Rej:
		return fmt.Sprintf("%s refused message %s of %s for good: %s", country, name, e.From, e.Code)
	case *translog.Msg:
		return fmt.Sprintf("%s received message %s from %s, number %d/%d", country, name, e.From, e.Epoch, e.Seq)
	}
	return ""
}

// keysOf returns the keys of the log of a head and notes whose it is.
func (a *Anchor) keysOf(note []byte, c *Checked) (*translog.LogVerifier, error) {
	origin, err := translog.ReadOrigin(note)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	c.Log = origin
	return a.LogKeys(origin)
}

func (a *Anchor) checkHead(origin string, b []byte) (*Checked, error) {
	c := &Checked{What: IsHead, Log: origin}
	v, err := a.LogKeys(origin)
	if err != nil {
		return nil, err
	}
	cp, err := translog.ParseCheckpoint(b, v)
	if errors.Is(err, translog.ErrNote) {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if err == nil {
		c.Size, c.Root = cp.Size, cp.Root.String()
		c.Says = fmt.Sprintf("%s signed a tree of %d leaves", origin, cp.Size)
	}
	return c.holds(err), nil
}

func (a *Anchor) checkForkedLeaves(x, y []byte) (*Checked, error) {
	px, err := translog.ParseProof(x)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	py, err := translog.ParseProof(y)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if len(px.Extra) == 0 || len(py.Extra) == 0 {
		return nil, fmt.Errorf("a proof does not hold its leaf: %w", ErrForm)
	}
	c := &Checked{What: IsFork, Index: px.Index}
	v, err := a.keysOf(px.Checkpoint, c)
	if err != nil {
		return nil, err
	}
	c.Says = fmt.Sprintf("the log %s showed two different leaves %d", c.Log, px.Index)
	return c.holds(translog.CheckForkedLeaves(px, translog.LeafHash(px.Extra), py, translog.LeafHash(py.Extra), v)), nil
}

func (a *Anchor) checkForkedHeads(text []byte) (*Checked, error) {
	c := &Checked{What: IsFork}
	x, _, _, err := translog.ParseHeads(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if _, err := a.keysOf(x, c); err != nil {
		return nil, err
	}
	_, says, proven, err := checkHeads(text, func(origin string) ([]*translog.LogVerifier, error) {
		v, err := a.LogKeys(origin)
		return []*translog.LogVerifier{v}, err
	})
	if err == nil && !proven {
		err = translog.ErrNoFork
	}
	c.Says = fmt.Sprintf("%s signed %s", c.Log, says)
	return c.holds(err), nil
}

// checkForkedNumbers checks two signed messages with one number, as nodes keep them. The directory gives the root keys only.
func (a *Anchor) checkForkedNumbers(b []byte) (*Checked, error) {
	f := new(rogatoryv1.Frame)
	if err := envelope.StrictUnmarshal(b, f, maxFrame); err != nil || len(f.GetEnvelopes()) != 2 {
		return nil, ErrForm
	}
	p := &pass{signers: map[*keyring.PublicKey]bool{}}
	bk := &book{identities: map[string]map[keyring.KID][]*keyring.PublicKey{}}
	for _, m := range a.newest.Members() {
		k := m.RootKey()
		bk.identities[m.Country()] = map[keyring.KID][]*keyring.PublicKey{k.KID(): {k}}
		p.signers[k] = true
	}
	c := &Checked{What: IsFork}
	from, says, err := p.forkedSequence(&worker{book: bk, roots: &envelope.Verifier{}}, b)
	if errors.Is(err, errNoKey) {
		return nil, fmt.Errorf("identity key of a sender: %w", ErrUnknownLog)
	}
	c.Log, c.Says = from, says
	return c.holds(err), nil
}
