package translog

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
)

const noon = 1_763_917_200

// cosign returns the note in its export form with the cosignatures of the countries' witnesses.
func cosign(t testing.TB, n []byte, countries ...string) []byte {
	t.Helper()
	v := logSigner(t).Verifier()
	cp, err := ParseCheckpoint(n, v)
	if err != nil {
		t.Fatal(err)
	}
	var ws []*WitnessVerifier
	var pairs [][]byte
	for _, c := range countries {
		w := witness(t, c)
		pair, err := Cosign(cp, noon, w)
		if err != nil {
			t.Fatal(err)
		}
		ws, pairs = append(ws, w.Verifier()), append(pairs, pair)
	}
	out, err := AddCosignatures(n, v, ws, pairs...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCosignatureComesBackWithItsTime(t *testing.T) {
	cp := Checkpoint{testOrigin, 12, h("r")}
	w := witness(t, "BG")
	pair, err := Cosign(cp, noon, w)
	if err != nil {
		t.Fatal(err)
	}
	if at, err := VerifyCosignature(cp, pair, w.Verifier()); err != nil || at != noon {
		t.Errorf("%d, %v", at, err)
	}
	if _, err := VerifyCosignature(Checkpoint{testOrigin, 13, h("r")}, pair, w.Verifier()); !errors.Is(err, ErrSignature) {
		t.Errorf("another size: %v", err)
	}
	if _, err := VerifyCosignature(cp, pair, witness(t, "HU").Verifier()); err == nil {
		t.Error("another witness")
	}
}

func TestEd25519CosignatureIsWhatC2SPSays(t *testing.T) {
	cp := Checkpoint{testOrigin, 12, h("r")}
	pair, err := Cosign(cp, noon, witness(t, "BG"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(pair), "\n")
	raw, err := base64.StdEncoding.DecodeString(line[strings.LastIndexByte(line, ' ')+1:])
	if err != nil || len(raw) != 4+8+64 {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	root := h("r")
	msg := "cosignature/v1\ntime 1763917200\nrogatory.example/RS/log/1\n12\n" + base64.StdEncoding.EncodeToString(root[:]) + "\n"
	pub := ed25519.NewKeyFromSeed(seed("BG ed")).Public().(ed25519.PublicKey)
	if !ed25519.Verify(pub, []byte(msg), raw[12:]) {
		t.Error("signature does not verify over the text of the specification")
	}
}

func TestEveryFlippedByteOfACosignatureIsRefused(t *testing.T) {
	cp := Checkpoint{testOrigin, 12, h("r")}
	w := witness(t, "BG")
	pair, err := Cosign(cp, noon, w)
	if err != nil {
		t.Fatal(err)
	}
	for i := range pair {
		c := bytes.Clone(pair)
		c[i] ^= 1 << (i % 8)
		if _, err := VerifyCosignature(cp, c, w.Verifier()); err == nil {
			t.Errorf("byte %d (%q)", i, pair[i])
		}
	}
}

func TestFlippedBytesOfAnExportedCheckpointAreRefused(t *testing.T) {
	n := cosign(t, sign(t, 12, h("r")), "HU", "BG")
	v := logSigner(t).Verifier()
	ws := []*WitnessVerifier{witness(t, "HU").Verifier(), witness(t, "BG").Verifier()}
	if _, by, err := ParseExport(n, v, ws); err != nil || !slices.Equal(by, []Cosignature{{"rogatory.example/witness/BG", noon}, {"rogatory.example/witness/HU", noon}}) {
		t.Fatalf("%v, %v", by, err)
	}
	for i := range n {
		start, end := bytes.LastIndexByte(n[:i], '\n'), bytes.IndexByte(n[i:], '\n')
		if i-start > 150 && end > 20 && i%8 != 0 {
			continue // inside a long signature, each flip of which costs up to six verifications
		}
		c := bytes.Clone(n)
		c[i] ^= 1 << (i % 8)
		if _, _, err := ParseExport(c, v, ws); err == nil {
			t.Errorf("byte %d (%q)", i, n[i])
		}
	}
}

func TestExportHasEachWitnessOnceInOrderAndWhole(t *testing.T) {
	n := string(cosign(t, sign(t, 12, h("r")), "BG", "HU"))
	v := logSigner(t).Verifier()
	ws := []*WitnessVerifier{witness(t, "BG").Verifier(), witness(t, "HU").Verifier()}
	l := strings.SplitAfter(n, "\n") // text 0-3, log 4 5, BG 6 7, HU 8 9
	for name, order := range map[string][]int{
		"without pair":          {4, 5, 6, 7, 8},
		"half pairs":            {4, 5, 6, 8},
		"witnesses swapped":     {4, 5, 8, 9, 6, 7},
		"pair swapped":          {4, 5, 7, 6, 8, 9},
		"witness before log":    {6, 7, 4, 5, 8, 9},
		"lines of two in a mix": {4, 5, 6, 9, 8, 7},
	} {
		c := strings.Join(l[:4], "")
		for _, i := range order {
			c += l[i]
		}
		if _, _, err := ParseExport([]byte(c), v, ws); !errors.Is(err, ErrCanon) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNobodyWitnessesItsOwnLog(t *testing.T) {
	own := witness(t, "RS") // kept testOrigin, and keeps the log after it
	cp := Checkpoint{testOrigin, 12, h("r")}
	for _, origin := range []string{testOrigin, "rogatory.example/RS/log/2"} {
		if _, err := Cosign(Checkpoint{origin, 12, h("r")}, noon, own); !errors.Is(err, ErrOwnLog) {
			t.Errorf("signing %s: %v", origin, err)
		}
	}
	// The same keys, told that they keep no log, sign; those who know better do not count it.
	liar, err := NewWitnessSigner(own.Verifier().Name(), "", seed("RS ed"), seed("RS pq"))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := Cosign(cp, noon, liar)
	if err != nil {
		t.Fatal(err)
	}
	n := append(sign(t, 12, h("r")), pair...)
	if _, by, err := Cosigned(n, logSigner(t).Verifier(), []*WitnessVerifier{own.Verifier()}); err != nil || len(by) != 0 {
		t.Errorf("%v, %v", by, err)
	}
	if _, err := VerifyCosignature(cp, pair, own.Verifier()); !errors.Is(err, ErrOwnLog) {
		t.Errorf("verifying: %v", err)
	}
}

func TestWitnessCountsOnlyWithBothSignaturesOfOneTime(t *testing.T) {
	cp := Checkpoint{testOrigin, 12, h("r")}
	v := logSigner(t).Verifier()
	bg, hu, ro := witness(t, "BG"), witness(t, "HU"), witness(t, "RO")
	line := func(w *WitnessSigner, at int64, i int) string {
		pair, err := Cosign(cp, at, w)
		if err != nil {
			t.Fatal(err)
		}
		return strings.SplitAfter(string(pair), "\n")[i]
	}
	n := string(sign(t, 12, h("r")))
	n += line(bg, noon, 0)                           // half
	n += line(hu, noon, 0) + line(hu, noon+1, 1)     // two times
	n += line(ro, noon+60, 1) + line(ro, noon+60, 0) // whole, in any order
	ws := []*WitnessVerifier{ro.Verifier(), hu.Verifier(), bg.Verifier(), ro.Verifier()}
	_, by, err := Cosigned([]byte(n), v, ws)
	if err != nil || !slices.Equal(by, []Cosignature{{"rogatory.example/witness/RO", noon + 60}}) {
		t.Errorf("%v, %v", by, err)
	}
	if at, ok := CosignTime([]byte(n), "rogatory.example/witness/RO"); !ok || at != noon+60 {
		t.Errorf("RO says %d, %v", at, ok)
	}
	if at, ok := CosignTime([]byte(n), "rogatory.example/witness/GR"); ok {
		t.Errorf("GR has not signed, but says %d", at)
	}
	n += line(ro, noon+120, 0) // which of the two counts would be open
	if _, by, err = Cosigned([]byte(n), v, ws); err != nil || len(by) != 0 {
		t.Errorf("%v, %v", by, err)
	}
}

func TestCosignaturesOfStrangersAreNotAdded(t *testing.T) {
	n := sign(t, 12, h("r"))
	v := logSigner(t).Verifier()
	cp := Checkpoint{testOrigin, 12, h("r")}
	bg := witness(t, "BG")
	pair, err := Cosign(cp, noon, bg)
	if err != nil {
		t.Fatal(err)
	}
	ws := []*WitnessVerifier{bg.Verifier()}
	if _, err := AddCosignatures(n, v, nil, pair); err == nil {
		t.Error("stranger")
	}
	if _, err := AddCosignatures(n, v, ws, pair, pair); !errors.Is(err, ErrCanon) {
		t.Errorf("twice: %v", err)
	}
	if _, err := AddCosignatures(sign(t, 13, h("r")), v, ws, pair); !errors.Is(err, ErrSignature) {
		t.Errorf("of another head: %v", err)
	}
	if _, err := AddCosignatures(n, v, ws, append(bytes.Clone(pair), "— x AAAAAAA=\n"...)); err == nil {
		t.Error("three lines")
	}
}

func TestCosigningNeedsATime(t *testing.T) {
	for _, at := range []int64{0, -1} {
		if _, err := Cosign(Checkpoint{testOrigin, 12, h("r")}, at, witness(t, "BG")); !errors.Is(err, ErrRange) {
			t.Errorf("%d: %v", at, err)
		}
	}
}

func TestQuorumIsTwoThirdsAndOne(t *testing.T) {
	for n, want := range []int{1, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8, 9} {
		if got := Quorum(n); got != want {
			t.Errorf("Quorum(%d) = %d, want %d", n, got, want)
		}
	}
}
