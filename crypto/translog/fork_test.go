package translog

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// grown returns the stored hashes of a tree whose leaf n, and only that, is another one; none when n is beyond it.
func grown(t testing.TB, size int64, n int64) memory {
	t.Helper()
	var e Edge
	var stored memory
	for i := range size {
		leaf := h(string(rune('a' + i)))
		if i == n {
			leaf = h("another")
		}
		var err error
		if stored, err = e.Append(stored, leaf); err != nil {
			t.Fatal(err)
		}
	}
	return stored
}

func rootAt(t testing.TB, size int64, m memory) Hash {
	t.Helper()
	root, err := Root(size, m)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestBothRootsComeOutOfAConsistencyProof(t *testing.T) {
	m := grown(t, 70, -1)
	for newer := int64(2); newer <= 70; newer++ {
		for older := int64(1); older < newer; older++ {
			proof, err := ProveConsistency(older, newer, m)
			if err != nil {
				t.Fatal(err)
			}
			a, b, ok := consistencyRoots(proof, older, newer)
			if power := older&(older-1) == 0; ok == power {
				t.Fatalf("%d of %d: %t", older, newer, ok)
			} else if ok && (a != rootAt(t, older, m) || b != rootAt(t, newer, m)) {
				t.Fatalf("%d of %d: other roots", older, newer)
			}
			if ok {
				if _, _, ok := consistencyRoots(proof[:len(proof)-1], older, newer); ok && len(proof) > 1 {
					t.Fatalf("%d of %d: a hash is missing and nobody notices", older, newer)
				}
				if _, _, ok := consistencyRoots(append(slices.Clone(proof), Hash{1}), older, newer); ok {
					t.Fatalf("%d of %d: a hash is too many and nobody notices", older, newer)
				}
			}
		}
	}
}

func TestALogThatProvesAnotherPastIsForked(t *testing.T) {
	v := logSigner(t).Verifier()
	one, other := grown(t, 21, -1), grown(t, 21, 3)
	a, b := sign(t, 13, rootAt(t, 13, one)), sign(t, 21, rootAt(t, 21, other))
	proof, err := ProveConsistency(13, 21, other)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckForkedTree(a, b, proof, v); err != nil {
		t.Errorf("fork: %v", err)
	}
	if err := CheckForkedTree(sign(t, 13, rootAt(t, 13, other)), b, proof, v); !errors.Is(err, ErrNoFork) {
		t.Errorf("consistent: %v", err)
	}
	proof[1][0] ^= 1
	if err := CheckForkedTree(a, b, proof, v); !errors.Is(err, ErrNoFork) {
		t.Errorf("a proof that does not lead to the larger head: %v", err)
	}
	if err := CheckForkedTree(b, a, proof, v); !errors.Is(err, ErrNoFork) {
		t.Errorf("the larger first: %v", err)
	}
	if err := CheckForkedTree(bytes.Replace(a, []byte("\n13\n"), []byte("\n14\n"), 1), b, proof, v); !errors.Is(err, ErrSignature) {
		t.Errorf("forged: %v", err)
	}
}

func TestTwoHeadsComeBackWithTheirProof(t *testing.T) {
	a, b := sign(t, 13, h("a")), cosign(t, sign(t, 21, h("b")), "BG", "HU")
	for _, proof := range [][]Hash{nil, {h("x")}, {h("x"), h("y")}} {
		text := FormatHeads(a, b, proof)
		a2, b2, proof2, err := ParseHeads(text)
		if err != nil || !bytes.Equal(a, a2) || !bytes.Equal(b, b2) || !slices.Equal(proof, proof2) {
			t.Errorf("%d hashes: %v", len(proof), err)
		}
		for cut := range len(text) {
			if a2, b2, proof2, err := ParseHeads(text[:cut]); err == nil && !bytes.Equal(FormatHeads(a2, b2, proof2), text[:cut]) {
				t.Fatalf("cut at %d becomes another text", cut)
			}
		}
	}
}

func FuzzParseHeads(f *testing.F) {
	a, b := sign(f, 13, h("a")), sign(f, 21, h("b"))
	f.Add(FormatHeads(a, b, nil))
	f.Add(FormatHeads(a, b, []Hash{h("x"), h("y")}))
	f.Add([]byte("a\n\nb\n\nc\n\nd\n\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, b, proof, err := ParseHeads(text)
		if err == nil && !bytes.Equal(FormatHeads(a, b, proof), text) {
			t.Error("another text comes out")
		}
	})
}
