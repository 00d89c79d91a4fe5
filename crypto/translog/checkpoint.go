package translog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
)

// A Checkpoint is the head of a log: C2SP tlog-checkpoint without extension lines. Only [ParseCheckpoint] and
// [ParseExport] return one that is signed.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   Hash
}

// Text returns the three lines that Ed25519 signs.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// Imprint returns what a time token over the head stands over: SHA-256 of its text.
func (c Checkpoint) Imprint() [sha256.Size]byte { return sha256.Sum256([]byte(c.Text())) }

func (c Checkpoint) check() error {
	if !isOrigin([]byte(c.Origin)) {
		return fmt.Errorf("origin of a checkpoint: %w", ErrNote)
	}
	if c.Size < 0 || c.Size > MaxInt {
		return fmt.Errorf("checkpoint of %s: %w", c.Origin, ErrRange)
	}
	if (c.Size == 0) != (c.Root == emptyRoot) {
		return fmt.Errorf("checkpoint of %s: root does not fit size: %w", c.Origin, ErrNote)
	}
	return nil
}

// A LogSigner signs the checkpoints of one log with Ed25519 (type 0x01) and ML-DSA-44 (type 0x06). It is safe for use by
// several goroutines and prints as "[key]".
type LogSigner struct {
	s signers
	v *LogVerifier
}

// NewLogSigner returns the signer of the log with this origin from the 32-byte seeds of its two keys. They must differ
// from each other, and from the seeds of every other key.
func NewLogSigner(origin string, ed25519Seed, mldsaSeed []byte) (*LogSigner, error) {
	s, err := newSigners(origin, ed25519Seed, mldsaSeed)
	if err != nil {
		return nil, fmt.Errorf("making a log signer: %w", err)
	}
	v, err := NewLogVerifier(origin, s.ed.Public().(ed25519.PublicKey), s.pub)
	if err != nil {
		return nil, err
	}
	return &LogSigner{s: s, v: v}, nil
}

// Verifier returns the public half.
func (s *LogSigner) Verifier() *LogVerifier { return s.v }

// String returns "[key]".
func (s LogSigner) String() string { return "[key]" }

// GoString returns "[key]".
func (s LogSigner) GoString() string { return "[key]" }

// A LogVerifier checks the checkpoints of one log.
type LogVerifier struct {
	ed edKey
	pq pqKey
}

// NewLogVerifier returns the verifier of the log with this origin from its Ed25519 public key (32 bytes) and its
// ML-DSA-44 public key (1,312 bytes).
func NewLogVerifier(origin string, ed25519Key, mldsaKey []byte) (*LogVerifier, error) {
	ed, err := newEdKey(origin, algEd25519, ed25519Key)
	if err != nil {
		return nil, fmt.Errorf("making a log verifier: %w", err)
	}
	pq, err := newPqKey(origin, mldsaKey)
	if err != nil {
		return nil, fmt.Errorf("making a log verifier: %w", err)
	}
	return &LogVerifier{ed: ed, pq: pq}, nil
}

// ParseLogVerifier is the inverse of [LogVerifier.VKeys].
func ParseLogVerifier(edVKey, pqVKey string) (*LogVerifier, error) {
	ed, err := parseEdVKey(edVKey, algEd25519)
	if err != nil {
		return nil, err
	}
	pq, err := parsePqVKey(pqVKey)
	if err != nil {
		return nil, err
	}
	if ed.name != pq.name {
		return nil, fmt.Errorf("keys of %s and %s: %w", ed.name, pq.name, ErrKey)
	}
	return &LogVerifier{ed: ed, pq: pq}, nil
}

// Origin returns the log's origin, which is also the name of both keys.
func (v *LogVerifier) Origin() string { return v.ed.name }

// VKeys returns both public keys in the text form of C2SP signed-note.
func (v *LogVerifier) VKeys() (ed, pq string) {
	return formatVKey(v.ed.name, v.ed.id, algEd25519, v.ed.pub), formatVKey(v.pq.name, v.pq.id, algSubtree, v.pq.raw)
}

// SignCheckpoint returns the signed note: the text, a blank line, the Ed25519 line, the ML-DSA-44 line. The log states no
// time in it: the timestamp of type 0x06 is 0. The caller answers for never signing two heads that are inconsistent.
func SignCheckpoint(cp Checkpoint, s *LogSigner) ([]byte, error) {
	if err := cp.check(); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	if cp.Origin != s.s.name {
		return nil, fmt.Errorf("signing a checkpoint of %s with the key of %s: %w", cp.Origin, s.s.name, ErrOrigin)
	}
	pq, err := s.s.signPq(0, &cp)
	if err != nil {
		return nil, err
	}
	text := cp.Text()
	b := make([]byte, 0, 3584)
	b = append(b, text...)
	b = append(b, '\n')
	b = formatLine(b, cp.Origin, s.v.ed.id, ed25519.Sign(s.s.ed, []byte(text)))
	return formatLine(b, cp.Origin, s.v.pq.id, timestamped(0, pq)), nil
}

// ParseCheckpoint reads a signed checkpoint as it comes over the wire. Both signatures of the log must be there and
// verify; lines of unknown keys are ignored, as C2SP signed-note demands.
func ParseCheckpoint(b []byte, v *LogVerifier) (Checkpoint, error) {
	cp, _, err := openNote(b, v)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading checkpoint of %s: %w", v.Origin(), err)
	}
	return cp, nil
}

// ReadOrigin returns the first line of a note, so that a caller who keeps many logs can choose the verifier. Nothing is
// verified.
func ReadOrigin(b []byte) (string, error) {
	n := bytes.IndexByte(b, '\n')
	if n < 0 || !isOrigin(b[:n]) {
		return "", fmt.Errorf("reading the origin of a checkpoint: %w", ErrNote)
	}
	return string(b[:n]), nil
}

func openNote(b []byte, v *LogVerifier) (Checkpoint, []sigLine, error) {
	text, lines, err := splitNote(b)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	cp, err := ParseText(text)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	if cp.Origin != v.Origin() {
		return Checkpoint{}, nil, ErrOrigin
	}
	ed, err := find(lines, v.ed.name, v.ed.id)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	pq, err := find(lines, v.pq.name, v.pq.id)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	if len(ed.sig) != ed25519.SignatureSize || !ed25519.Verify(v.ed.pub, text, ed.sig) {
		return Checkpoint{}, nil, fmt.Errorf("Ed25519: %w", ErrSignature)
	}
	seconds, sig, ok := splitTimestamp(pq.sig)
	if !ok || seconds != 0 || !v.pq.verify(0, &cp, sig) {
		return Checkpoint{}, nil, fmt.Errorf("ML-DSA-44: %w", ErrSignature)
	}
	return cp, lines, nil
}

// ParseExport reads a checkpoint as export files hold it, and returns the witnesses that cosigned it.
// Exactly these lines may be there, else the error wraps [ErrCanon]: the log's Ed25519 line, its ML-DSA-44 line, then
// for each witness, ascending by name, its Ed25519 line and its ML-DSA-44 line. Every one must verify.
func ParseExport(b []byte, v *LogVerifier, witnesses []*WitnessVerifier) (Checkpoint, []Cosignature, error) {
	cp, lines, err := openNote(b, v)
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("reading exported checkpoint of %s: %w", v.Origin(), err)
	}
	by, err := exportLines(cp, lines, v, witnesses)
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("reading exported checkpoint %d of %s: %w", cp.Size, cp.Origin, err)
	}
	return cp, by, nil
}

func exportLines(cp Checkpoint, lines []sigLine, v *LogVerifier, witnesses []*WitnessVerifier) ([]Cosignature, error) {
	if lines[0].id != v.ed.id || lines[0].name != v.ed.name || lines[1].id != v.pq.id || lines[1].name != v.pq.name {
		return nil, fmt.Errorf("the log's lines do not stand first: %w", ErrCanon)
	}
	if len(lines)%2 != 0 {
		return nil, fmt.Errorf("a cosignature without its pair: %w", ErrCanon)
	}
	var by []Cosignature
	for lines = lines[2:]; len(lines) > 0; lines = lines[2:] {
		i := slices.IndexFunc(witnesses, func(w *WitnessVerifier) bool {
			return w.ed.name == lines[0].name && w.ed.id == lines[0].id
		})
		if i < 0 {
			return nil, fmt.Errorf("line of an unknown key: %w", ErrCanon)
		}
		if n := len(by); n > 0 && by[n-1].Witness >= lines[0].name {
			return nil, fmt.Errorf("witnesses out of order: %w", ErrCanon)
		}
		at, err := witnesses[i].verify(cp, lines[:2])
		if err != nil {
			return nil, err
		}
		by = append(by, Cosignature{lines[0].name, at})
	}
	return by, nil
}
