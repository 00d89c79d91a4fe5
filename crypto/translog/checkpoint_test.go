package translog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"golang.org/x/mod/sumdb/note"
)

func sign(t testing.TB, size int64, root Hash) []byte {
	t.Helper()
	b, err := SignCheckpoint(Checkpoint{Origin: testOrigin, Size: size, Root: root}, logSigner(t))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSignedCheckpointComesBack(t *testing.T) {
	v := logSigner(t).Verifier()
	for _, cp := range []Checkpoint{
		{testOrigin, 0, sha256.Sum256(nil)}, {testOrigin, 1, h("r")}, {testOrigin, 12345678, h("r")}, {testOrigin, MaxInt, h("r")},
	} {
		b, err := SignCheckpoint(cp, logSigner(t))
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseCheckpoint(b, v)
		if err != nil || got != cp {
			t.Errorf("%v, %v", got, err)
		}
		if got, by, err := ParseExport(b, v, nil); err != nil || got != cp || len(by) != 0 {
			t.Errorf("%v %v, %v", got, by, err)
		}
		if o, err := ReadOrigin(b); err != nil || o != testOrigin {
			t.Errorf("%q, %v", o, err)
		}
	}
}

func TestOtherPeoplesNoteVerifierOpensOurCheckpoint(t *testing.T) {
	ed, _ := logSigner(t).Verifier().VKeys()
	v, err := note.NewVerifier(ed)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(sign(t, 12, h("r")), note.VerifierList(v))
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 1 || n.Text != (Checkpoint{testOrigin, 12, h("r")}).Text() {
		t.Errorf("%+v", n)
	}
}

// This test builds what C2SP tlog-cosignature describes byte by byte, without the package's own helpers.
func TestMLDSALineIsWhatC2SPSays(t *testing.T) {
	b := sign(t, 12, h("r"))
	fields := strings.Fields(strings.Split(string(b), "\n")[5])
	if len(fields) != 3 || fields[0] != "—" || fields[1] != testOrigin {
		t.Fatalf("%q", fields)
	}
	raw, err := base64.StdEncoding.DecodeString(fields[2])
	if err != nil || len(raw) != 4+8+2420 {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	pub, _ := mldsa44.NewKeyFromSeed((*[32]byte)(seed("log pq")))
	id := sha256.Sum256(append([]byte(testOrigin+"\n\x06"), pub.Bytes()...))
	if !bytes.Equal(raw[:4], id[:4]) {
		t.Errorf("key id %x, want %x", raw[:4], id[:4])
	}
	if binary.BigEndian.Uint64(raw[4:]) != 0 {
		t.Errorf("the log states a time")
	}
	root := h("r")
	msg := []byte("subtree/v1\n\x00")
	msg = append(msg, byte(len(testOrigin)))
	msg = append(msg, testOrigin...)
	msg = append(msg, 0, 0, 0, 0, 0, 0, 0, 0)
	msg = append(msg, byte(len(testOrigin)))
	msg = append(msg, testOrigin...)
	msg = append(msg, 0, 0, 0, 0, 0, 0, 0, 0)
	msg = append(msg, 0, 0, 0, 0, 0, 0, 0, 12)
	msg = append(msg, root[:]...)
	if !mldsa44.Verify(pub, msg, nil, raw[12:]) {
		t.Error("signature does not verify over the structure of the specification")
	}
}

// All eight bits are flipped where a format could be lenient: in the text, the names, the key ids, the Ed25519 line and the
// ends of base64. Inside the ML-DSA-44 signature one bit of each byte has to do, since each costs a verification.
func TestEveryFlippedByteOfACheckpointIsRefused(t *testing.T) {
	b := sign(t, 12345, h("r"))
	v := logSigner(t).Verifier()
	for i := range b {
		for bit := range 8 {
			if inside := i > 400 && i < len(b)-40; inside && bit != i%8 {
				continue
			}
			c := bytes.Clone(b)
			c[i] ^= 1 << bit
			if _, err := ParseCheckpoint(c, v); err == nil {
				t.Errorf("bit %d of byte %d (%q)", bit, i, b[i])
			}
		}
	}
}

func TestSecondSpellingsOfACheckpointAreRefused(t *testing.T) {
	b := string(sign(t, 12345, h("r")))
	v := logSigner(t).Verifier()
	lines := strings.SplitAfter(b, "\n")
	for name, c := range map[string]string{
		"carriage returns":         strings.ReplaceAll(b, "\n", "\r\n"),
		"leading zero":             strings.Replace(b, "\n12345\n", "\n012345\n", 1),
		"plus sign":                strings.Replace(b, "\n12345\n", "\n+12345\n", 1),
		"beyond 2^53-1":            strings.Replace(b, "\n12345\n", "\n9007199254740992\n", 1),
		"extension line":           strings.Replace(b, "\n\n", "\nmore\n\n", 1),
		"two blank lines":          strings.Replace(b, "\n\n", "\n\n\n", 1),
		"no final newline":         strings.TrimSuffix(b, "\n"),
		"something behind":         b + "\n",
		"Ed25519 line twice":       b + lines[4],
		"ML-DSA-44 line twice":     b + lines[5],
		"no Ed25519 line":          strings.Replace(b, lines[4], "", 1),
		"no ML-DSA-44 line":        strings.Replace(b, lines[5], "", 1),
		"no signatures":            strings.Join(lines[:4], ""),
		"two spaces":               strings.Replace(b, "— "+testOrigin+" ", "— "+testOrigin+"  ", 1),
		"hyphen for a dash":        strings.Replace(b, "— ", "- ", 1),
		"base64 without padding":   strings.Replace(b, "=\n", "\n", 1),
		"another origin":           strings.Replace(b, testOrigin+"\n", "rogatory.example/RS/log/2\n", 1),
		"leading newline":          "\n" + b,
		"byte order mark":          "\uFEFF" + b,
		"invalid UTF-8":            b + "— \xFF AAAAAAAA\n",
		"malformed unknown line":   b + "— someone AAAA\n",
		"unknown line, slack bits": b + "— someone AAAAAAB=\n",
		"nothing":                  "",
	} {
		if c == b {
			t.Fatalf("%s: nothing edited", name)
		}
		if _, err := ParseCheckpoint([]byte(c), v); err == nil {
			t.Errorf("%s", name)
		}
	}
}

func TestWireIgnoresUnknownLinesAndExportRefusesThem(t *testing.T) {
	b := string(sign(t, 12, h("r")))
	v := logSigner(t).Verifier()
	stranger, err := Cosign(Checkpoint{testOrigin, 12, h("r")}, 1_763_917_200, witness(t, "XX"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]string{
		"unknown key, same name": b + "— " + testOrigin + " AAAAAAA=\n",
		"unknown name":           b + "— someone.example AAAAAAA=\n",
		"unknown witness":        b + string(stranger),
		"unknown lines first":    strings.Replace(b, "\n\n", "\n\n— someone.example AAAAAAA=\n", 1),
	} {
		if _, err := ParseCheckpoint([]byte(c), v); err != nil {
			t.Errorf("%s on the wire: %v", name, err)
		}
		if _, _, err := ParseExport([]byte(c), v, nil); !errors.Is(err, ErrCanon) {
			t.Errorf("%s in an export: %v", name, err)
		}
	}
	lines := strings.SplitAfter(b, "\n")
	swapped := strings.Join(lines[:4], "") + lines[5] + lines[4]
	if _, err := ParseCheckpoint([]byte(swapped), v); err != nil {
		t.Errorf("swapped on the wire: %v", err)
	}
	if _, _, err := ParseExport([]byte(swapped), v, nil); !errors.Is(err, ErrCanon) {
		t.Errorf("swapped in an export: %v", err)
	}
}

func TestAKnownKeyThatSignedWronglySpoilsTheCheckpoint(t *testing.T) {
	v := logSigner(t).Verifier()
	a, b := strings.SplitAfter(string(sign(t, 12, h("r"))), "\n"), strings.SplitAfter(string(sign(t, 13, h("s"))), "\n")
	for name, lines := range map[string][]string{
		"Ed25519 of another head":   {a[0], a[1], a[2], a[3], b[4], a[5]},
		"ML-DSA-44 of another head": {a[0], a[1], a[2], a[3], a[4], b[5]},
	} {
		if _, err := ParseCheckpoint([]byte(strings.Join(lines, "")), v); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other, err := NewLogSigner(testOrigin, seed("other ed"), seed("other pq"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseCheckpoint(sign(t, 12, h("r")), other.Verifier()); !errors.Is(err, ErrUnsigned) {
		t.Errorf("other keys of the log: %v", err)
	}
}

func TestSignerRefusesWhatNobodyWouldRead(t *testing.T) {
	for name, cp := range map[string]Checkpoint{
		"another log":         {"rogatory.example/BG/log/1", 1, h("r")},
		"no origin":           {"", 1, h("r")},
		"origin with a space": {"a b", 1, h("r")},
		"negative size":       {testOrigin, -1, h("r")},
		"size 2^53":           {testOrigin, MaxInt + 1, h("r")},
		"empty with a root":   {testOrigin, 0, h("r")},
		"leaves without root": {testOrigin, 5, emptyRoot},
	} {
		if _, err := SignCheckpoint(cp, logSigner(t)); err == nil {
			t.Error(name)
		}
	}
}

func TestKeysHaveATextFormAndNoSecondOne(t *testing.T) {
	v := logSigner(t).Verifier()
	ed, pq := v.VKeys()
	got, err := ParseLogVerifier(ed, pq)
	if err != nil {
		t.Fatal(err)
	}
	if e, p := got.VKeys(); e != ed || p != pq {
		t.Error("text form changed")
	}
	w := witness(t, "BG").Verifier()
	wed, wpq := w.VKeys()
	gotW, err := ParseWitnessVerifier("rogatory.example/BG/log/1", wed, wpq)
	if err != nil || gotW.Name() != w.Name() || !gotW.Keeps("rogatory.example/BG/log/1") || gotW.Keeps(testOrigin) {
		t.Errorf("%v", err)
	}
	for name, pair := range map[string][2]string{
		"swapped":           {pq, ed},
		"witness's Ed25519": {wed, pq},
		"witness's ML-DSA":  {ed, wpq},
		"upper-case id":     {strings.Replace(ed, ed[len(testOrigin)+1:len(testOrigin)+9], "ABCDEF01", 1), pq},
		"another id":        {strings.Replace(ed, ed[len(testOrigin)+1:len(testOrigin)+9], "abcdef01", 1), pq},
		"another name":      {"x" + ed, pq},
		"cut":               {ed[:len(ed)-4], pq},
		"line feed":         {ed + "\n", pq},
		"empty":             {"", ""},
	} {
		if _, err := ParseLogVerifier(pair[0], pair[1]); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysOfSmallOrderAndSecondSpellingsAreRefused(t *testing.T) {
	pq := logSigner(t).Verifier().pq.raw
	for _, y := range smallOrder {
		for _, sign := range []byte{0, 0x80} {
			k := []byte(y)
			k[31] |= sign
			if _, err := NewLogVerifier(testOrigin, k, pq); !errors.Is(err, ErrKey) {
				t.Errorf("%x: %v", k, err)
			}
		}
	}
	for add := range 19 { // p to p+18: 2^255-19 and above
		k := bytes.Repeat([]byte{0xFF}, 32)
		k[0], k[31] = byte(0xED+add), 0x7F
		if _, err := NewLogVerifier(testOrigin, k, pq); !errors.Is(err, ErrKey) {
			t.Errorf("%x: %v", k, err)
		}
	}
	good := ed25519.NewKeyFromSeed(seed("x")).Public().(ed25519.PublicKey)
	for name, keys := range map[string][2][]byte{"short Ed25519": {good[:31], pq}, "short ML-DSA": {good, pq[:1311]}, "none": {nil, nil}} {
		if _, err := NewLogVerifier(testOrigin, keys[0], keys[1]); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSeedsOfTheWrongLengthOrTwiceTheSameAreRefused(t *testing.T) {
	for name, s := range map[string][2][]byte{
		"short": {seed("a")[:31], seed("b")}, "none": {nil, seed("b")}, "long": {seed("a"), append(seed("b"), 0)}, "one for both": {seed("a"), seed("a")},
	} {
		if _, err := NewLogSigner(testOrigin, s[0], s[1]); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewLogSigner("with space", seed("a"), seed("b")); !errors.Is(err, ErrKey) {
		t.Errorf("name: %v", err)
	}
}

func TestSignersPrintAsKey(t *testing.T) {
	for _, s := range []any{logSigner(t), *logSigner(t), witness(t, "BG"), *witness(t, "BG")} {
		for _, f := range []string{"%v", "%+v", "%#v", "%s"} {
			if got := fmt.Sprintf(f, s); got != "[key]" {
				t.Errorf("%s: %.60s", f, got)
			}
		}
	}
}

func FuzzParseCheckpoint(f *testing.F) {
	b := sign(f, 12, h("r"))
	cosigned := cosign(f, b, "BG", "HU")
	f.Add(b)
	f.Add(cosigned)
	f.Add([]byte("a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— a AAAAAAA=\n"))
	v := logSigner(f).Verifier()
	ed, _ := v.VKeys()
	nv, err := note.NewVerifier(ed)
	if err != nil {
		f.Fatal(err)
	}
	ws := []*WitnessVerifier{witness(f, "BG").Verifier(), witness(f, "HU").Verifier()}
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, lines, err := splitNote(b); err == nil {
			again := append(bytes.Clone(text), '\n')
			for _, l := range lines {
				again = formatLine(again, l.name, l.id, l.sig)
			}
			if !bytes.Equal(again, b) {
				t.Fatalf("reads, but is written as\n%s", again)
			}
			var unverified *note.UnverifiedNoteError
			if _, err := note.Open(b, note.VerifierList()); !errors.As(err, &unverified) {
				t.Fatalf("x/mod: %v", err)
			}
		}
		cp, err := ParseCheckpoint(b, v)
		if err != nil {
			return
		}
		n, err := note.Open(b, note.VerifierList(nv))
		if err != nil || n.Text != cp.Text() {
			t.Fatalf("x/mod: %v", err)
		}
		if _, by, err := ParseExport(b, v, ws); err == nil {
			if _, counted, err := Cosigned(b, v, ws); err != nil || len(counted) != len(by) {
				t.Fatalf("exported %v, counted %v, %v", by, counted, err)
			}
		}
	})
}

func BenchmarkSignCheckpoint(b *testing.B) {
	s := logSigner(b)
	cp := Checkpoint{testOrigin, 12345, h("r")}
	for b.Loop() {
		if _, err := SignCheckpoint(cp, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseCheckpoint(b *testing.B) {
	n := sign(b, 12345, h("r"))
	v := logSigner(b).Verifier()
	for b.Loop() {
		if _, err := ParseCheckpoint(n, v); err != nil {
			b.Fatal(err)
		}
	}
}
