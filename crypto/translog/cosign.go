package translog

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// A WitnessSigner cosigns the heads of other logs with Ed25519 (type 0x04) and ML-DSA-44 (type 0x06), as C2SP
// tlog-cosignature says. It is safe for use by several goroutines and prints as "[key]".
type WitnessSigner struct {
	s signers
	v *WitnessVerifier
}

// NewWitnessSigner returns the signer of the witness with this name from the 32-byte seeds of its two keys. It keeps
// ownLog ("" for none) and has closed closedLogs. The Ed25519 form does not commit to the name: no other key may have
// this seed.
func NewWitnessSigner(name, ownLog string, ed25519Seed, mldsaSeed []byte, closedLogs ...string) (*WitnessSigner, error) {
	s, err := newSigners(name, ed25519Seed, mldsaSeed)
	if err != nil {
		return nil, fmt.Errorf("making a witness: %w", err)
	}
	v, err := NewWitnessVerifier(name, ownLog, s.ed.Public().(ed25519.PublicKey), s.pub, closedLogs...)
	if err != nil {
		return nil, err
	}
	return &WitnessSigner{s: s, v: v}, nil
}

// Verifier returns the public half.
func (s *WitnessSigner) Verifier() *WitnessVerifier { return s.v }

// String returns "[key]".
func (s WitnessSigner) String() string { return "[key]" }

// GoString returns "[key]".
func (s WitnessSigner) GoString() string { return "[key]" }

// A WitnessVerifier checks the cosignatures of one witness.
type WitnessVerifier struct {
	ownLogs []string
	ed      edKey
	pq      pqKey
}

// NewWitnessVerifier returns the verifier of a witness from its public keys. It never counts for ownLog, the origin of
// the log that the witness keeps itself ("" for a supervisory authority), nor for those that it kept before a rollback.
func NewWitnessVerifier(name, ownLog string, ed25519Key, mldsaKey []byte, closedLogs ...string) (*WitnessVerifier, error) {
	ed, err := newEdKey(name, algCosignature, ed25519Key)
	if err != nil {
		return nil, fmt.Errorf("making a witness verifier: %w", err)
	}
	pq, err := newPqKey(name, mldsaKey)
	if err != nil {
		return nil, fmt.Errorf("making a witness verifier: %w", err)
	}
	return &WitnessVerifier{ownLogs: ownLogs(ownLog, closedLogs), ed: ed, pq: pq}, nil
}

// ParseWitnessVerifier is the inverse of [WitnessVerifier.VKeys].
func ParseWitnessVerifier(ownLog, edVKey, pqVKey string, closedLogs ...string) (*WitnessVerifier, error) {
	ed, err := parseEdVKey(edVKey, algCosignature)
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
	return &WitnessVerifier{ownLogs: ownLogs(ownLog, closedLogs), ed: ed, pq: pq}, nil
}

func ownLogs(own string, closed []string) []string {
	logs := slices.Clone(closed)
	if own != "" {
		logs = append(logs, own)
	}
	return logs
}

// Name returns the witness's name, which is the name of both keys.
func (v *WitnessVerifier) Name() string { return v.ed.name }

// Keeps reports whether the witness keeps this log itself, so that it never counts for it.
func (v *WitnessVerifier) Keeps(origin string) bool { return slices.Contains(v.ownLogs, origin) }

// VKeys returns both public keys in the text form of C2SP signed-note.
func (v *WitnessVerifier) VKeys() (ed, pq string) {
	return formatVKey(v.ed.name, v.ed.id, algCosignature, v.ed.pub), formatVKey(v.pq.name, v.pq.id, algSubtree, v.pq.raw)
}

// Cosign returns the two signature lines of the witness for a head that it holds to be the largest consistent one at the
// time given in seconds since 1970. The caller answers for having checked that.
func Cosign(cp Checkpoint, seconds int64, s *WitnessSigner) ([]byte, error) {
	if err := cp.check(); err != nil {
		return nil, fmt.Errorf("cosigning: %w", err)
	}
	if s.v.Keeps(cp.Origin) {
		return nil, fmt.Errorf("cosigning %s: %w", cp.Origin, ErrOwnLog)
	}
	if seconds <= 0 {
		return nil, fmt.Errorf("cosigning %s without a time: %w", cp.Origin, ErrRange)
	}
	pq, err := s.s.signPq(seconds, &cp)
	if err != nil {
		return nil, err
	}
	ed := ed25519.Sign(s.s.ed, cosignatureMessage(seconds, &cp))
	b := formatLine(make([]byte, 0, 3584), s.s.name, s.v.ed.id, timestamped(seconds, ed))
	return formatLine(b, s.s.name, s.v.pq.id, timestamped(seconds, pq)), nil
}

// VerifyCosignature checks the two lines that [Cosign] returned, and nothing beside them, and returns their time in
// seconds since 1970. Both lines state the same time.
func VerifyCosignature(cp Checkpoint, lines []byte, v *WitnessVerifier) (int64, error) {
	note := slices.Concat([]byte(cp.Text()), []byte{'\n'}, lines)
	_, parsed, err := splitNote(note)
	if err == nil && (len(parsed) != 2 || !bytes.HasSuffix(note, slices.Concat(parsed[0].raw, parsed[1].raw))) {
		err = ErrCanon
	}
	var seconds int64
	if err == nil {
		seconds, err = v.verify(cp, parsed)
	}
	if err != nil {
		return 0, fmt.Errorf("reading cosignature of %s for %s: %w", v.Name(), cp.Origin, err)
	}
	return seconds, nil
}

// verify checks a pair of lines: 0x04, then 0x06, of this witness and one time.
func (v *WitnessVerifier) verify(cp Checkpoint, pair []sigLine) (int64, error) {
	ed, pq := pair[0], pair[1]
	if v.Keeps(cp.Origin) {
		return 0, ErrOwnLog
	}
	if ed.name != v.ed.name || ed.id != v.ed.id || pq.name != v.pq.name || pq.id != v.pq.id {
		return 0, fmt.Errorf("not the pair of lines of %s: %w", v.Name(), ErrCanon)
	}
	at, edSig, ok1 := splitTimestamp(ed.sig)
	pqAt, pqSig, ok2 := splitTimestamp(pq.sig)
	switch {
	case !ok1 || !ok2 || at != pqAt || at == 0:
		return 0, fmt.Errorf("times of %s: %w", v.Name(), ErrSignature)
	case len(edSig) != ed25519.SignatureSize || !ed25519.Verify(v.ed.pub, cosignatureMessage(at, &cp), edSig):
		return 0, fmt.Errorf("Ed25519 of %s: %w", v.Name(), ErrSignature)
	case !v.pq.verify(at, &cp, pqSig):
		return 0, fmt.Errorf("ML-DSA-44 of %s: %w", v.Name(), ErrSignature)
	}
	return at, nil
}

// cosignatureMessage returns what Ed25519 signs in type 0x04.
func cosignatureMessage(seconds int64, cp *Checkpoint) []byte {
	return []byte("cosignature/v1\ntime " + strconv.FormatInt(seconds, 10) + "\n" + cp.Text())
}

func splitTimestamp(b []byte) (seconds int64, sig []byte, ok bool) {
	if len(b) < 8 {
		return 0, nil, false
	}
	t := binary.BigEndian.Uint64(b)
	return int64(t), b[8:], t <= math.MaxInt64
}

// AddCosignatures returns the checkpoint in its export form: the note's text and the log's two lines, then the pairs of
// lines of the witnesses, ascending by name. Other lines of the note are dropped. Every signature is checked.
func AddCosignatures(note []byte, v *LogVerifier, witnesses []*WitnessVerifier, pairs ...[]byte) ([]byte, error) {
	cp, lines, err := openNote(note, v)
	if err != nil {
		return nil, fmt.Errorf("reading checkpoint of %s: %w", v.Origin(), err)
	}
	type named struct {
		name string
		pair []byte
	}
	var all []named
	for _, pair := range pairs {
		name, err := lineName(pair)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(witnesses, func(w *WitnessVerifier) bool { return w.Name() == name })
		if i < 0 {
			return nil, fmt.Errorf("cosignature of an unknown witness: %w", ErrKey)
		}
		if _, err := VerifyCosignature(cp, pair, witnesses[i]); err != nil {
			return nil, err
		}
		all = append(all, named{name, pair})
	}
	slices.SortFunc(all, func(a, b named) int { return cmp.Compare(a.name, b.name) })
	out := []byte(cp.Text() + "\n")
	for _, id := range [][4]byte{v.ed.id, v.pq.id} {
		l, err := find(lines, v.Origin(), id)
		if err != nil {
			return nil, err
		}
		out = append(out, l.raw...)
	}
	for i, n := range all {
		if i > 0 && all[i-1].name == n.name {
			return nil, fmt.Errorf("two cosignatures of %s: %w", n.name, ErrCanon)
		}
		out = append(out, n.pair...)
	}
	if len(out) > MaxNote || 2+2*len(all) > maxSignatures {
		return nil, fmt.Errorf("cosigned checkpoint of %s: %w", cp.Origin, ErrTooLarge)
	}
	return out, nil
}

func lineName(pair []byte) (string, error) {
	if n := bytes.IndexByte(pair, '\n'); n >= 0 {
		if l, ok := parseLine(pair[:n+1]); ok {
			return l.name, nil
		}
	}
	return "", fmt.Errorf("reading a cosignature: %w", ErrNote)
}

// A Cosignature says who cosigned a head, and when.
type Cosignature struct {
	Witness string // its name
	Time    int64  // seconds since 1970, by the witness's clock
}

// Cosigned returns, ascending by name, the witnesses whose two cosignatures the note carries and that count: both verify
// with one time, and the log is not the witness's own. A witness whose signatures fail or lack their pair does not count
// and harms nobody else. The log's own signatures must verify.
func Cosigned(note []byte, v *LogVerifier, witnesses []*WitnessVerifier) (Checkpoint, []Cosignature, error) {
	cp, lines, err := openNote(note, v)
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("reading checkpoint of %s: %w", v.Origin(), err)
	}
	var by []Cosignature
	for _, w := range witnesses {
		ed, err1 := find(lines, w.ed.name, w.ed.id)
		pq, err2 := find(lines, w.pq.name, w.pq.id)
		if err1 != nil || err2 != nil {
			continue
		}
		if at, err := w.verify(cp, []sigLine{ed, pq}); err == nil {
			by = append(by, Cosignature{w.Name(), at})
		}
	}
	slices.SortFunc(by, func(a, b Cosignature) int { return cmp.Compare(a.Witness, b.Witness) })
	return cp, slices.CompactFunc(by, func(a, b Cosignature) bool { return a.Witness == b.Witness }), nil
}

// CosignTime returns when a witness says that it cosigned a note, in seconds since 1970 by its clock; false when no line bears its name, or the note is
// none. No signature is checked.
func CosignTime(note []byte, witness string) (seconds int64, ok bool) {
	_, lines, err := splitNote(note)
	if err != nil {
		return 0, false
	}
	for _, l := range lines {
		if l.name == witness {
			seconds, _, ok = splitTimestamp(l.sig)
			return seconds, ok && seconds <= MaxInt/1000
		}
	}
	return 0, false
}

// Quorum returns how many of n witnesses must have cosigned a head before it counts as witnessed: two thirds of them
// and one more. n counts those who may witness this log, so not its keeper. No quorum of no witnesses exists: 1.
func Quorum(n int) int { return 2*n/3 + 1 }
