package attack_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit/forge"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A liar is the operator of one country, with all keys of its node. Its officers' keys are their own.
type liar struct {
	r *rand.Rand
	w *forge.World
	c *forge.Country
	h *forge.History // what it shows

	after func(path string) error // what it does to the archive, as a folder
	heads [2][]byte               // what it shows to two peers
}

// tell changes the history in one way, by chance, and returns the class of the lie; "" when it did not come to one.
func (l *liar) tell() string {
	ways := []struct {
		weight int
		tell   func() string
	}{
		{30, l.alter}, {8, l.remove}, {4, l.repeat}, {4, l.swap}, {6, l.spoil}, {5, l.dropRecord}, {4, l.redocket}, {4, l.hideMessage}, {2, l.hideCase},
		{3, l.inventStep}, {3, l.inventArrival}, {2, l.inventReceipt}, {2, l.reissue}, {3, l.truncate},
		{3, l.clock}, {4, l.spell}, {4, l.file}, {2, l.fork}, {2, l.foreign}, {3, l.bury}, {4, l.unlawful}, {5, l.reading}, {3, l.decide}, {3, l.limit},
	}
	all := 0
	for _, w := range ways {
		all += w.weight
	}
	n := l.r.IntN(all)
	for _, w := range ways {
		if n -= w.weight; n < 0 {
			return w.tell()
		}
	}
	return ""
}

// some returns an entry of the history, but for the genesis.
func (l *liar) some() int { return 1 + l.r.IntN(len(l.h.Entries)-1) }

// fix lets the leaves that say where they stand say it again.
func (l *liar) fix() {
	for i, e := range l.h.Entries {
		switch x := e.Body.(type) {
		case *translog.State:
			if x.Size != int64(i) {
				l.h.Alter(i, func(e *forge.Entry) { e.Body.(*translog.State).Size = int64(i) })
			}
		case *translog.Policy:
			if x.Version != int64(i) {
				l.h.Alter(i, func(e *forge.Entry) { e.Body.(*translog.Policy).Version = int64(i) })
			}
		}
	}
}

func members2(leaf []byte) (m map[string]any) {
	d := json.NewDecoder(bytes.NewReader(leaf))
	d.UseNumber()
	if d.Decode(&m) != nil {
		return nil
	}
	return m
}

func canonical(m map[string]any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(m) != nil {
		return nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// alter gives one member of a leaf another value that its schema allows: that of another leaf of the kind, if there is one.
func (l *liar) alter() string {
	for range 20 {
		i := l.some()
		raw := l.h.Leaf(int64(i))
		m := members2(raw)
		key := pick(l.r, slices.Sorted(maps.Keys(m)))
		if key == "i" || key == "k" || key == "v" {
			continue
		}
		kind := l.h.Entries[i].Body.Kind()
		if same := l.h.Find(kind); l.r.IntN(2) == 0 {
			if v, ok := members2(l.h.Leaf(int64(pick(l.r, same))))[key]; ok {
				m[key] = v
			} else {
				delete(m, key)
			}
		} else {
			m[key] = l.other(m[key])
		}
		b := canonical(m)
		leaf, err := translog.ParseLeaf(b)
		if err != nil || bytes.Equal(b, raw) {
			continue
		}
		by := "altered"
		if key == "at" {
			by = "moved far"
			if d := leaf.At - l.h.Entries[i].At; -120_000 <= d && d <= 120_000 {
				by = "moved a little"
			}
		}
		if (kind == "msg" && strings.HasSuffix(key, "_version") || kind == "case" && key == "manifest") && l.changed(i) {
			by = "altered at a change"
		}
		class := kind + "." + key + " " + by
		l.h.Alter(i, func(e *forge.Entry) { e.At, e.Body = leaf.At, leaf.Entry })
		return class
	}
	return ""
}

// changed reports whether a directory or manifest came within two minutes before a leaf.
func (l *liar) changed(i int) bool {
	return slices.ContainsFunc(l.h.Entries[:i], func(e *forge.Entry) bool {
		return e.Body.Kind() == "dir" && e.At+120_000 >= l.h.Entries[i].At
	})
}

// other returns another value of the same form.
func (l *liar) other(v any) any {
	switch x := v.(type) {
	case json.Number:
		n, _ := x.Int64()
		step := pick(l.r, []int64{-1, 1, -2, 7, 60_000, -60_000, 3_600_000, -3_600_000})
		return max(0, n+step)
	case string:
		if h, err := translog.ParseHash(x); err == nil && !h.IsZero() {
			h[l.r.IntN(len(h))] ^= 1 << l.r.IntN(8)
			return h.String()
		}
		b := []byte(x)
		if len(b) == 0 {
			return x
		}
		i := l.r.IntN(len(b))
		switch {
		case 'a' <= b[i] && b[i] <= 'z':
			b[i] = 'a' + byte(l.r.IntN(26))
		case 'A' <= b[i] && b[i] <= 'Z':
			b[i] = 'A' + byte(l.r.IntN(26))
		case '0' <= b[i] && b[i] <= '9':
			b[i] = '0' + byte(l.r.IntN(10))
		}
		return string(b)
	case []any:
		if len(x) > 0 {
			x = slices.Clone(x)
			x[l.r.IntN(len(x))] = l.other(pick(l.r, x))
		}
		return x
	}
	return v
}

func pick[E any](r *rand.Rand, list []E) E { return list[r.IntN(len(list))] }

// what names a kind of leaf, with what makes a difference in it.
func what(e translog.Entry) string {
	switch x := e.(type) {
	case *translog.Msg:
		return "msg " + x.Dir
	case *translog.Op:
		return "op " + x.Verb
	case *translog.Dir:
		return "dir " + x.What
	case *translog.Node:
		return "node " + x.Event
	case *translog.Case:
		kind, _, _ := strings.Cut(x.Event, ".")
		return "case " + kind
	}
	return e.Kind()
}

func (l *liar) remove() string {
	i := l.some()
	defer l.fix()
	class := what(l.h.Entries[i].Body) + " removed"
	if l.last(i) {
		class = "last " + class
	}
	l.h.Delete(i)
	return class
}

// last reports whether nothing after an entry goes on from it: a state that was noted, or, as long as no state after it says what the case was, a step that the
// own desk took. Whether a case is held or assigned matters to no other step.
func (l *liar) last(i int) bool {
	states := l.h.Find("state")
	k, ok := l.h.Entries[i].Body.(*translog.Case)
	switch {
	case !ok:
		return l.h.Entries[i].Body.Kind() == "state" && i == last(states)
	case len(states) > 0 && i < last(states), strings.HasPrefix(k.Event, "sent."), strings.HasPrefix(k.Event, "arrived."), k.Event == "received":
		return false
	case slices.Contains([]string{"hold", "keep", "keep-item", "assign"}, k.Event):
		return true
	}
	return i == last(l.h.Find("case", func(e translog.Entry) bool { return e.(*translog.Case).Case == k.Case }))
}

func (l *liar) repeat() string {
	i := l.some()
	j := i + 1 + l.r.IntN(len(l.h.Entries)-i)
	e := l.h.Entries[i].Clone()
	e.At = l.h.Entries[j-1].At
	l.h.Insert(j, e)
	l.fix()
	return what(e.Body) + " repeated"
}

func (l *liar) swap() string {
	i, j := l.some(), l.some()
	a, b := what(l.h.Entries[i].Body), what(l.h.Entries[j].Body)
	if i == j || a == b && bytes.Equal(l.h.Leaf(int64(i))[20:], l.h.Leaf(int64(j))[20:]) {
		return ""
	}
	class := "two leaves swapped"
	if quiet(l.h.Entries[i].Body) || quiet(l.h.Entries[j].Body) {
		class = "a leaf swapped with one that depends on nothing"
	} else if !l.related(i, j) {
		class = "two leaves swapped that have nothing in common"
	}
	l.h.Swap(i, j)
	l.fix()
	return class
}

// related reports whether two leaves, or what lies between them and one of them, name a case or a message in common.
func (l *liar) related(i, j int) bool {
	i, j = min(i, j), max(i, j)
	names := func(k int) (list []string) {
		var leaf map[string]any
		if json.Unmarshal(l.h.Leaf(int64(k)), &leaf) != nil {
			return nil
		}
		for _, v := range leaf {
			if s, ok := v.(string); ok && len(s) >= 14 {
				list = append(list, s)
			}
		}
		return list
	}
	common := func(a, b []string) bool {
		return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
	}
	a, b := names(i), names(j)
	for k := i + 1; k < j; k++ {
		if between := names(k); common(between, a) || common(between, b) {
			return true
		}
	}
	return common(a, b)
}

// record chooses a record beside a leaf.
func (l *liar) record() (i int, name string) {
	for range 50 {
		i = l.some()
		if names := slices.Sorted(maps.Keys(l.h.Entries[i].Sides)); len(names) > 0 {
			return i, pick(l.r, names)
		}
	}
	return 0, ""
}

func (l *liar) spoil() string {
	i, name := l.record()
	if i == 0 || len(l.h.Entries[i].Sides[name]) == 0 {
		return ""
	}
	l.h.Alter(i, func(e *forge.Entry) {
		b := e.Sides[name]
		b[l.r.IntN(len(b))] ^= 1 << l.r.IntN(8)
	})
	return "record " + name + " of a " + l.h.Entries[i].Body.Kind() + " spoilt"
}

func (l *liar) dropRecord() string {
	i, name := l.record()
	if i == 0 {
		return ""
	}
	l.h.Alter(i, func(e *forge.Entry) { delete(e.Sides, name) })
	return "record " + name + " of a " + l.h.Entries[i].Body.Kind() + " dropped"
}

// redocket writes the local docket of a step anew, with a salt and commitment that fit.
func (l *liar) redocket() string {
	var steps []int
	for _, i := range l.h.Find("case") {
		e := l.h.Entries[i]
		kind, _, _ := strings.Cut(e.Body.(*translog.Case).Event, ".")
		if e.Sides["docket"] != nil && kind != "draft" {
			steps = append(steps, i)
		}
	}
	if len(steps) == 0 {
		return ""
	}
	i := pick(l.r, steps)
	d := new(rogatoryv1.Docket)
	if envelope.StrictUnmarshal(l.h.Entries[i].Sides["docket"][32:], d, 1<<20) != nil {
		return ""
	}
	kind, _, _ := strings.Cut(l.h.Entries[i].Body.(*translog.Case).Event, ".")
	member := ""
	switch l.r.IntN(3) {
	case 0:
		member, d.CaseToken = "token", "RS-2026-999999"
	case 1:
		member, d.FromUnit = "unit", "navy"
	case 2:
		member, d.Actor = "actor", pick(l.r, []string{forge.Second, forge.Clerk, "nobody"})
	}
	b, err := envelope.Marshal(d)
	if err != nil || bytes.Equal(b, l.h.Entries[i].Sides["docket"][32:]) {
		return ""
	}
	var salt envelope.Salt
	salt[0] = byte(l.r.IntN(256))
	l.h.Alter(i, func(e *forge.Entry) {
		e.Sides["docket"] = append(salt[:], b...)
		e.Body.(*translog.Case).Docket = envelope.Commit(salt, envelope.Docket, b)
	})
	return member + " in the docket of case " + kind + " altered"
}

// hideMessage removes a message with everything that names it.
func (l *liar) hideMessage() string {
	list := l.h.Find("msg")
	if len(list) == 0 {
		return ""
	}
	m := l.h.Entries[pick(l.r, list)].Body.(*translog.Msg)
	l.hide(func(e translog.Entry) bool {
		switch x := e.(type) {
		case *translog.Msg:
			return x.Msg == m.Msg
		case *translog.Reseal:
			return x.Of == m.Msg
		case *translog.Rcpt:
			return x.Of == m.Msg
		case *translog.Case:
			return x.Of == m.Msg || x.Of == m.DocketCommit
		case *translog.Op:
			return slices.Contains(x.Of, m.Msg)
		case *translog.Erase:
			return slices.Contains(x.Of, m.Msg)
		}
		return false
	})
	return "msg " + m.Dir + " hidden with all that names it"
}

func (l *liar) hide(what func(translog.Entry) bool) {
	var gone []int
	for i, e := range l.h.Entries {
		if what(e.Body) {
			gone = append(gone, i)
		}
	}
	l.h.Delete(gone...)
	l.fix()
}

// hideCase removes a case that nothing was sent in, or one with all its messages.
func (l *liar) hideCase() string {
	list := l.h.Find("case")
	if len(list) == 0 {
		return ""
	}
	token := l.h.Entries[pick(l.r, list)].Body.(*translog.Case).Case
	names := map[translog.Hash]bool{}
	for _, i := range list {
		if e := l.h.Entries[i].Body.(*translog.Case); e.Case == token {
			names[e.Of] = true
		}
	}
	class := "case of drafts hidden"
	for _, i := range l.h.Find("msg") {
		if names[l.h.Entries[i].Body.(*translog.Msg).Msg] {
			class = "case hidden with all its messages"
		}
	}
	l.hide(func(e translog.Entry) bool {
		switch x := e.(type) {
		case *translog.Msg:
			return names[x.Msg]
		case *translog.Reseal:
			return names[x.Of]
		case *translog.Rcpt:
			return names[x.Of]
		case *translog.Case:
			return x.Case == token
		case *translog.Op:
			return x.Case == token
		case *translog.Erase:
			return len(x.Of) > 0 && names[x.Of[0]]
		}
		return false
	})
	return class
}

// inventStep writes a step of a case, or a line of the statutory log, that nobody made: with the assertion of another, or none.
func (l *liar) inventStep() string {
	list := append(l.h.Find("case"), l.h.Find("op")...)
	if len(list) == 0 {
		return ""
	}
	e := l.h.Entries[pick(l.r, list)].Clone()
	class := "step invented"
	switch x := e.Body.(type) {
	case *translog.Case:
		x.Event = pick(l.r, []string{"hold", "register", "read", "keep", "close", "approve", "propose-erase", "assign"})
		if l.r.IntN(2) == 0 {
			x.Assertion, e.Sides = translog.Hash{}, map[string][]byte{"docket": e.Sides["docket"]}
		}
		if e.Sides["docket"] == nil {
			delete(e.Sides, "docket")
		}
	case *translog.Op:
		class = "line of the statutory log invented"
		x.Who = pick(l.r, []string{forge.First, forge.Second, "nobody"})
		x.Why = "curiosity"
	}
	at := l.some() + 1
	e.At = l.h.Entries[at-1].At
	l.h.Insert(at, e)
	l.fix()
	return class
}

// inventArrival writes that a message of a peer arrived, and signs it with the only keys that it has: its own.
func (l *liar) inventArrival() string {
	from := pick(l.r, l.others())
	m := &rogatoryv1.Message{
		From: from, To: l.c.Code, Epoch: 1, Prev: make([]byte, 32), SubmittedMs: uint64(l.w.Now),
		DocketCommit: bytes.Repeat([]byte{1}, 32), ContentCommit: bytes.Repeat([]byte{2}, 32),
	}
	var last *translog.Msg
	for _, i := range l.h.Find("msg") {
		if x := l.h.Entries[i].Body.(*translog.Msg); x.From == from && (last == nil || x.Seq > last.Seq) {
			last = x
		}
	}
	m.Seq = 1
	if last != nil {
		m.Seq, m.Prev = uint64(last.Seq)+1, bytes.Clone(last.Msg[:])
	}
	raw, err := envelope.Marshal(m)
	if err != nil {
		return ""
	}
	statement, signature := l.w.Statement(l.c, raw)
	i := l.h.Append(l.w.Now, &translog.Msg{
		Dir: translog.In, Msg: translog.Hash(envelope.MessageName(raw)), From: from, To: l.c.Code, Epoch: 1, Seq: int64(m.Seq), Prev: translog.Hash(m.Prev),
		DocketCommit: translog.Hash(m.DocketCommit), ContentCommit: translog.Hash(m.ContentCommit), DirectoryVersion: int64(len(l.w.Directories)),
		ManifestVersion: int64(l.c.Known[from].Version()), Stmt: envelope.StatementHash(statement), Sig: envelope.SignatureHash(signature), Size: 1024,
	})
	l.h.Entries[i].Sides = map[string][]byte{"message": raw, "statement": statement, "signature": signature}
	return "arrival invented"
}

// inventReceipt writes that a peer has receipted something, under a head that the liar has signed itself.
func (l *liar) inventReceipt() string {
	list := l.h.Find("rcpt")
	if len(list) == 0 {
		return ""
	}
	l.h.Alter(pick(l.r, list), func(e *forge.Entry) {
		x := e.Body.(*translog.Rcpt)
		leaf, err := translog.ParseLeaf(e.Sides["leaf"])
		if err != nil {
			return
		}
		raw, err := translog.Marshal(leaf.At+3_600_000, leaf.Index, leaf.Entry)
		if err != nil {
			return
		}
		x.Root, x.Size, x.Index = translog.LeafHash(raw), 1, 0
		e.Sides["leaf"], e.Sides["path"], e.Sides["checkpoint"] = raw, []byte{}, l.h.Note()
	})
	return "receipt invented"
}

// reissue signs a sent message anew.
func (l *liar) reissue() string {
	list := l.h.Find("msg", func(e translog.Entry) bool { return e.(*translog.Msg).Dir == translog.Out })
	if len(list) == 0 {
		return ""
	}
	l.w.Reissue(l.c, l.h, pick(l.r, list), func(m *rogatoryv1.Message) {
		if l.r.IntN(2) == 0 {
			m.SubmittedMs++
		} else {
			m.ContentCommit[0] ^= 1
		}
	})
	return "message signed anew"
}

// truncate ends the history early, and lets the node go on.
func (l *liar) truncate() string {
	n := l.some()
	class := "history truncated and gone on from"
	if !slices.ContainsFunc(l.h.Entries[n:], func(e *forge.Entry) bool { k := e.Body.Kind(); return k == "msg" || k == "rej" }) {
		class = "history truncated behind the last message"
	}
	last := l.w.Now
	l.h.Truncate(n)
	l.h.Resign()
	l.h.Append(last, &translog.Node{Event: translog.NodeStart, Program: "rogatory-node:forge"})
	return class
}

// quiet reports whether a leaf says what a node did by itself, so that hardly anything depends on its place.
func quiet(e translog.Entry) bool {
	switch what(e) {
	case "actor", "cos", "dir directory", "dir manifest", "key", "node stop", "node start", "policy", "time", "wit":
		return true
	}
	return false
}

func (l *liar) others() (list []string) {
	for _, c := range l.w.Countries() {
		if c.Code != l.c.Code {
			list = append(list, c.Code)
		}
	}
	return list
}
