package replay

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
)

// savedFormat is the format of a Saved.
const savedFormat = "rogatory-replay-1"

// Saved is the state of all cases after some leaves. Its JSON is canonical: members and cases in order.
type Saved struct {
	Base    int64       `json:"base"` // place of the log's leaf 0: how many leaves the logs before have
	Cases   []SavedCase `json:"cases"`
	Claimed []byte      `json:"claimed"` // the state in the last `state` leaf
	Format  string      `json:"format"`
	Log     string      `json:"log"`
	Own     []byte      `json:"own"` // the same, as folded
	Root    []byte      `json:"root"`
	Size    int64       `json:"size"`
}

// SavedCase is one case in it.
type SavedCase struct {
	Acts    []SavedPair `json:"acts"`
	Body    []byte      `json:"body"`
	Commits []SavedPair `json:"commits"`
	Dirty   bool        `json:"dirty"` // changed since the last `state` leaf
	Expect  []SavedStep `json:"expect"`
	Hash    []byte      `json:"hash"`
	Lost    bool        `json:"lost"`
	State   string      `json:"state"` // for people
	Token   string      `json:"token"`
	Due     int64       `json:"due"` // for people
}

// SavedPair is a name and a hash.
type SavedPair struct {
	Hash []byte `json:"hash"`
	Name []byte `json:"name"`
}

// SavedStep is a step that must follow.
type SavedStep struct {
	Docket []byte `json:"docket"`
	Due    int64  `json:"due"`
	Event  string `json:"event"`
	From   string `json:"from"`
	Of     []byte `json:"of"`
	To     string `json:"to"`
}

// MarshalSaved returns the canonical JSON and a line feed.
func MarshalSaved(s *Saved) ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// maxSaved bounds a saved state, in bytes.
const maxSaved = 4 << 30

// ParseSaved reads what MarshalSaved wrote and nothing else. The error wraps ErrSaved.
func ParseSaved(b []byte) (*Saved, error) {
	s := new(Saved)
	if len(b) > maxSaved {
		return nil, fmt.Errorf("%d bytes: %w", len(b), ErrSaved)
	}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSaved, err)
	}
	again, err := MarshalSaved(s)
	if err != nil || !bytes.Equal(again, b) || s.Format != savedFormat || len(s.Own) != 32 || len(s.Claimed) != 32 || s.Size < 0 {
		return nil, fmt.Errorf("another form: %w", ErrSaved)
	}
	return s, nil
}

// Case returns a case of it; false when it has none of this token, or when its dockets' term is over.
func (s *Saved) Case(token string) (exchange.Case, bool) {
	i, ok := slices.BinarySearchFunc(s.Cases, token, func(k SavedCase, t string) int { return cmp.Compare(k.Token, t) })
	if !ok || s.Cases[i].Lost {
		return exchange.Case{}, false
	}
	c, err := exchange.Decode(s.Cases[i].Body)
	return c, err == nil
}

// save returns the state at the end.
func (c *course) save(root translog.Hash) *Saved {
	s := &Saved{Base: c.opening.base, Format: savedFormat, Log: c.report.log, Size: c.done, Root: root[:], Own: c.own[:], Claimed: c.claimed[:], Cases: []SavedCase{}}
	for _, f := range c.folders {
		for token, k := range f.cases {
			x := k.changed()
			one := SavedCase{
				Token: token, Body: x.Body, Hash: x.Hash[:], Lost: k.lost, Dirty: k.dirty,
				Acts: pairs(k.acts), Commits: pairs(k.commits), Expect: []SavedStep{},
			}
			if !k.lost {
				c := k.look()
				one.State, one.Due = c.State.Code(), c.Due()
			}
			for _, e := range k.expect {
				one.Expect = append(one.Expect, SavedStep{Docket: e.docket[:], Due: e.due, Event: e.event, From: e.from, Of: e.of[:], To: e.to})
			}
			s.Cases = append(s.Cases, one)
		}
	}
	slices.SortFunc(s.Cases, func(a, b SavedCase) int { return cmp.Compare(a.Token, b.Token) })
	return s
}

func pairs(m map[exchange.Name]translog.Hash) []SavedPair {
	out := []SavedPair{}
	for name, hash := range m {
		out = append(out, SavedPair{Name: name[:], Hash: hash[:]})
	}
	slices.SortFunc(out, func(a, b SavedPair) int { return bytes.Compare(a.Name, b.Name) })
	return out
}

// unpair is the inverse of pairs.
func unpair(list []SavedPair) (map[exchange.Name]translog.Hash, bool) {
	out := map[exchange.Name]translog.Hash{}
	for _, p := range list {
		if len(p.Name) != 32 || len(p.Hash) != 32 {
			return nil, false
		}
		out[exchange.Name(p.Name)] = translog.Hash(p.Hash)
	}
	return out, true
}

// resume goes on from a saved state, which must be of this log's past.
func (c *course) resume(s *Saved) error {
	if c.opening.before {
		return c.load(s, true)
	}
	root := c.rootAt(s.Size)
	if s.Log != c.report.log || s.Size > c.size || !bytes.Equal(s.Root, root[:]) {
		return fmt.Errorf("%s at %d leaves: %w", s.Log, s.Size, ErrSaved)
	}
	c.from = s.Size
	c.own, c.claimed = [32]byte(s.Own), [32]byte(s.Claimed)
	return c.load(s, false)
}

// load takes over saved cases, those of the log before if so.
func (c *course) load(s *Saved, before bool) error {
	for i := range s.Cases {
		x := &s.Cases[i]
		f := c.folders[c.folderOf(x.Token)]
		k := f.of(x.Token)
		bad := fmt.Errorf("case %s: %w", x.Token, ErrSaved)
		var ok1, ok2 bool
		k.acts, ok1 = unpair(x.Acts)
		k.commits, ok2 = unpair(x.Commits)
		if !ok1 || !ok2 || len(x.Hash) != 32 {
			return bad
		}
		k.lost, k.hash = x.Lost, [32]byte(x.Hash)
		k.before = before
		if x.Dirty && !before { // the states of a log are folded from none
			f.touch(k)
		}
		for _, e := range x.Expect {
			if len(e.Of) != 32 || len(e.Docket) != 32 {
				return bad
			}
			k.expect = append(k.expect, expected{e.Event, translog.Hash(e.Of), e.From, e.To, translog.Hash(e.Docket), e.Due})
		}
		if x.Lost {
			k.c = nil
			if k.hash == ([32]byte{}) {
				index := s.Size - 1
				if before {
					index = 0
				}
				f.gone = append(f.gone, gone{index: index, token: x.Token, judged: true})
			}
			continue
		}
		body, err := exchange.Decode(x.Body)
		if err != nil {
			return fmt.Errorf("case %s: %w: %w", x.Token, ErrSaved, err)
		}
		k.c = &body
	}
	return nil
}
