package translog

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func proof(t testing.TB, n, i int) (Proof, []byte) {
	t.Helper()
	leaves, stored, e := tree(t, n)
	hashes, err := ProveInclusion(int64(n), int64(i), stored)
	if err != nil {
		t.Fatal(err)
	}
	return Proof{Index: int64(i), Hashes: hashes, Checkpoint: sign(t, int64(n), e.Root())}, leaves[i]
}

func TestProofComesBackAndVerifies(t *testing.T) {
	v := logSigner(t).Verifier()
	for _, tc := range []struct{ n, i int }{{1, 0}, {2, 1}, {7, 0}, {7, 6}, {100, 41}} {
		p, leaf := proof(t, tc.n, tc.i)
		if tc.n == 7 {
			p.Extra = leaf
		}
		b, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseProof(b)
		if err != nil || got.Index != p.Index || !bytes.Equal(got.Extra, p.Extra) || len(got.Hashes) != len(p.Hashes) {
			t.Fatalf("%+v, %v", got, err)
		}
		if cp, err := got.Verify(leaf, v); err != nil || cp.Size != int64(tc.n) {
			t.Errorf("%v, %v", cp, err)
		}
		if _, err := got.Verify(append(leaf, ' '), v); !errors.Is(err, ErrProof) {
			t.Errorf("another leaf: %v", err)
		}
	}
}

func TestEveryFlippedByteOfAProofIsRefused(t *testing.T) {
	p, leaf := proof(t, 21, 12)
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	v := logSigner(t).Verifier()
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 1 << (i % 8)
		got, err := ParseProof(c)
		if err != nil {
			continue
		}
		if _, err := got.Verify(leaf, v); err == nil {
			t.Errorf("byte %d (%q)", i, b[i])
		}
	}
}

func TestSecondSpellingsOfAProofAreRefused(t *testing.T) {
	p, _ := proof(t, 21, 12)
	p.Extra = []byte("extra")
	raw, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	b := string(raw)
	for name, edit := range map[string][2]string{
		"header":          {"v1\n", "v2\n"},
		"carriage return": {"v1\n", "v1\r\n"},
		"leading zero":    {"index 12\n", "index 012\n"},
		"negative":        {"index 12\n", "index -12\n"},
		"no index":        {"index 12\n", ""},
		"two indexes":     {"index 12\n", "index 12\nindex 12\n"},
		"beyond 2^53-1":   {"index 12\n", "index 9007199254740992\n"},
		"empty extra":     {"extra ZXh0cmE=\n", "extra \n"},
		"slack in extra":  {"ZXh0cmE=", "ZXh0cmF="},
		"extra after":     {"extra ZXh0cmE=\nindex 12\n", "index 12\nextra ZXh0cmE=\n"},
		"short hash":      {"index 12\n", "index 12\nAAAA\n"},
		"no checkpoint":   {"\n\n", "\n"},
		"two blank lines": {"\n\n", "\n\n\n"},
		"too many hashes": {"index 12\n", "index 12\n" + strings.Repeat(strings.Repeat("A", 43)+"=\n", 50)},
		"space after":     {"index 12\n", "index 12 \n"},
		"leading newline": {"c2sp", "\nc2sp"},
		"missing space":   {"index 12\n", "index12\n"},
		"upper-case":      {"index 12\n", "Index 12\n"},
	} {
		c := strings.Replace(b, edit[0], edit[1], 1)
		if c == b {
			t.Fatalf("%s: nothing edited", name)
		}
		if p, err := ParseProof([]byte(c)); err == nil {
			t.Errorf("%s: index %d", name, p.Index)
		}
	}
}

func TestProofWriterRefusesWhatTheReaderWould(t *testing.T) {
	for name, p := range map[string]Proof{
		"negative": {Index: -1}, "beyond": {Index: MaxInt}, "hashes": {Hashes: make([]Hash, 54)}, "extra": {Extra: make([]byte, maxExtra+1)},
	} {
		if _, err := p.Marshal(); !errors.Is(err, ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseProof(f *testing.F) {
	p, leaf := proof(f, 21, 12)
	b, err := p.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	p.Extra = leaf
	if b, err = p.Marshal(); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("c2sp.org/tlog-proof@v1\nindex 0\n\na\n1\nb\n\n— a AAAAAAA=\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseProof(b)
		if err != nil {
			return
		}
		again, err := p.Marshal()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("reads, but is written as\n%s: %v", again, err)
		}
	})
}

func TestReceiptNamesTheMessageThatItAcknowledges(t *testing.T) {
	var stored memory
	var e Edge
	entries := []Entry{
		&Genesis{Country: "RS", Directory: h("dir"), Epoch: 1, Log: testOrigin, Spec: "rogatory-log-1"},
		sampleMsg(),
		&Whole{List: h("l"), Msg: h("m2")},
		&Rej{Code: "late", From: "BG", Msg: h("m3")},
		&Msg{ContentCommit: h("c"), Dir: Out, DocketCommit: h("d"), From: "RS", To: "BG", Msg: h("m4")},
	}
	var leaves [][]byte
	for i, entry := range entries {
		leaf := mustMarshal(t, int64(i), entry)
		leaves = append(leaves, leaf)
		var err error
		if stored, err = e.Append(stored, LeafHash(leaf)); err != nil {
			t.Fatal(err)
		}
	}
	cp, err := ParseCheckpoint(sign(t, 5, e.Root()), logSigner(t).Verifier())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Hash{{}, h("m"), h("m2"), h("m3"), {}} {
		hashes, err := ProveInclusion(5, int64(i), stored)
		if err != nil {
			t.Fatal(err)
		}
		r := Receipt{Leaf: leaves[i], Index: int64(i), Hashes: hashes}
		leaf, name, err := VerifyReceipt(r, cp)
		if want.IsZero() {
			if !errors.Is(err, ErrNotReceipt) {
				t.Errorf("%s: %v", entries[i].Kind(), err)
			}
			continue
		}
		if err != nil || name != want || !reflect.DeepEqual(leaf.Entry, entries[i]) {
			t.Errorf("%s: %v %v", entries[i].Kind(), leaf, err)
		}
		rcpt := RcptOf(leaf, name, cp, 77)
		if got, err := ParseLeaf(mustMarshal(t, 7, rcpt)); err != nil || !reflect.DeepEqual(got.Entry, rcpt) ||
			rcpt.Whole != (leaf.Kind == "whole") || (rcpt.Rej != "") != (leaf.Kind == "rej") || rcpt.Ref != 77 {
			t.Errorf("%s logged as %+v: %v", leaf.Kind, rcpt, err)
		}
		p := r.Proof(sign(t, 5, e.Root()))
		if _, err := p.Verify(r.Leaf, logSigner(t).Verifier()); err != nil {
			t.Errorf("as tlog-proof: %v", err)
		}
		for name, change := range map[string]func(*Receipt){
			"leaf of another": func(r *Receipt) { r.Leaf = leaves[0] },
			"another index":   func(r *Receipt) { r.Index++ },
			"outside":         func(r *Receipt) { r.Index = 5 },
			"negative":        func(r *Receipt) { r.Index = -1 },
			"no path":         func(r *Receipt) { r.Hashes = nil },
			"longer path":     func(r *Receipt) { r.Hashes = append(r.Hashes[:len(r.Hashes):len(r.Hashes)], Hash{}) },
			"huge path":       func(r *Receipt) { r.Hashes = make([]Hash, 1000) },
			"huge leaf":       func(r *Receipt) { r.Leaf = make([]byte, MaxLeaf+1) },
		} {
			bad := r
			change(&bad)
			if _, _, err := VerifyReceipt(bad, cp); err == nil {
				t.Errorf("%s: %s", entries[i].Kind(), name)
			}
		}
	}
}

func TestReceiptWhoseLeafNamesAnotherIndexIsRefused(t *testing.T) {
	leaf := mustMarshal(t, 7, sampleMsg())
	cp := Checkpoint{testOrigin, 1, LeafHash(leaf)}
	if _, _, err := VerifyReceipt(Receipt{Leaf: leaf, Index: 0}, cp); !errors.Is(err, ErrProof) {
		t.Errorf("%v", err)
	}
}

func TestSameMessageIsWhatTheMessageFixes(t *testing.T) {
	sent, arrived := sampleMsg(), sampleMsg()
	sent.Dir, sent.FirstAt, sent.Sig, sent.Stmt, sent.ManifestVersion, sent.DirectoryVersion = Out, 0, Hash{}, Hash{}, 9, 9
	if !SameMessage(sent, arrived) {
		t.Error("another sealing, another directory")
	}
	for name, change := range map[string]func(*Msg){
		"name": func(m *Msg) { m.Msg = h("x") }, "from": func(m *Msg) { m.From = "HU" }, "to": func(m *Msg) { m.To = "HU" },
		"epoch": func(m *Msg) { m.Epoch++ }, "seq": func(m *Msg) { m.Seq++ }, "prev": func(m *Msg) { m.Prev = h("x") },
		"docket": func(m *Msg) { m.DocketCommit = h("x") }, "content": func(m *Msg) { m.ContentCommit = h("x") },
	} {
		other := *arrived
		change(&other)
		if SameMessage(sent, &other) {
			t.Error(name)
		}
	}
}

func TestTwoRootsOfOneSizeAreAFork(t *testing.T) {
	v := logSigner(t).Verifier()
	a, b, c := sign(t, 5, h("a")), sign(t, 5, h("b")), sign(t, 6, h("c"))
	if err := CheckForkedHeads(a, b, v); err != nil {
		t.Errorf("fork: %v", err)
	}
	if err := CheckForkedHeads(a, sign(t, 5, h("a")), v); !errors.Is(err, ErrNoFork) {
		t.Errorf("one head signed twice: %v", err)
	}
	if err := CheckForkedHeads(a, c, v); !errors.Is(err, ErrNoFork) {
		t.Errorf("two sizes: %v", err)
	}
	if err := CheckForkedHeads(a, bytes.Replace(b, []byte("\n5\n"), []byte("\n6\n"), 1), v); !errors.Is(err, ErrSignature) {
		t.Errorf("forged: %v", err)
	}
}

func TestTwoLeavesAtOneIndexAreAFork(t *testing.T) {
	v := logSigner(t).Verifier()
	p, leaf := proof(t, 21, 12)
	other := mustMarshal(t, 0, &Genesis{Country: "RS", Directory: h("dir"), Epoch: 1, Log: testOrigin, Spec: "rogatory-log-1"})
	var e Edge
	var stored memory
	for i := range 30 {
		x := LeafHash(leaf)
		if i == 12 {
			x = LeafHash(other)
		}
		var err error
		if stored, err = e.Append(stored, x); err != nil {
			t.Fatal(err)
		}
	}
	hashes, err := ProveInclusion(30, 12, stored)
	if err != nil {
		t.Fatal(err)
	}
	q := Proof{Index: 12, Hashes: hashes, Checkpoint: sign(t, 30, e.Root())}
	if err := CheckForkedLeaves(p, LeafHash(leaf), q, LeafHash(other), v); err != nil {
		t.Errorf("fork: %v", err)
	}
	if err := CheckForkedLeaves(p, LeafHash(leaf), p, LeafHash(leaf), v); !errors.Is(err, ErrNoFork) {
		t.Errorf("one leaf: %v", err)
	}
	if err := CheckForkedLeaves(p, LeafHash(leaf), q, LeafHash(leaf), v); !errors.Is(err, ErrProof) {
		t.Errorf("a leaf that is not there: %v", err)
	}
	hashes, err = ProveInclusion(30, 11, stored)
	if err != nil {
		t.Fatal(err)
	}
	r := Proof{Index: 11, Hashes: hashes, Checkpoint: q.Checkpoint}
	if err := CheckForkedLeaves(q, LeafHash(other), r, LeafHash(leaf), v); !errors.Is(err, ErrNoFork) {
		t.Errorf("two indexes: %v", err)
	}
}
