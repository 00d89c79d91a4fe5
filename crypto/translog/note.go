package translog

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a signed note. They are those of golang.org/x/mod/sumdb/note, so that what we write every verifier reads:
// fifty witnesses with two signatures each.
const (
	MaxNote       = 1_000_000
	maxSignatures = 100
)

const linePrefix = "— "

// A sigLine is one signature line of a note.
type sigLine struct {
	name string
	id   [4]byte
	sig  []byte // without the key id
	raw  []byte // with its newline; of the note
}

func formatLine(dst []byte, name string, id [4]byte, sig []byte) []byte {
	dst = append(dst, linePrefix...)
	dst = append(dst, name...)
	dst = append(dst, ' ')
	dst = base64.StdEncoding.AppendEncode(dst, append(id[:], sig...))
	return append(dst, '\n')
}

// splitNote returns the text of a note, with its final newline, and its signature lines. It refuses what C2SP
// signed-note forbids, line breaks other than one newline, base64 that has a second spelling, and a line that is there
// twice.
func splitNote(b []byte) (text []byte, lines []sigLine, err error) {
	if len(b) > MaxNote {
		return nil, nil, ErrTooLarge
	}
	if !utf8.Valid(b) {
		return nil, nil, ErrNote
	}
	for _, c := range b {
		if c < 0x20 && c != '\n' {
			return nil, nil, ErrNote
		}
	}
	split := bytes.LastIndex(b, []byte("\n\n"))
	if split < 0 || b[len(b)-1] != '\n' {
		return nil, nil, ErrNote
	}
	text = b[:split+1]
	for rest := b[split+2:]; len(rest) > 0; {
		n := bytes.IndexByte(rest, '\n') + 1
		if len(lines) == maxSignatures {
			return nil, nil, ErrTooLarge
		}
		l, ok := parseLine(rest[:n])
		if !ok {
			return nil, nil, ErrNote
		}
		for i := range lines {
			if bytes.Equal(lines[i].raw, l.raw) {
				return nil, nil, fmt.Errorf("a signature line stands twice: %w", ErrNote)
			}
		}
		lines = append(lines, l)
		rest = rest[n:]
	}
	if len(lines) == 0 {
		return nil, nil, ErrNote
	}
	return text, lines, nil
}

func parseLine(raw []byte) (sigLine, bool) {
	rest, ok := bytes.CutPrefix(raw[:len(raw)-1], []byte(linePrefix))
	if !ok {
		return sigLine{}, false
	}
	name, b64, ok := bytes.Cut(rest, []byte{' '})
	if !ok || len(name) == 0 || bytes.IndexByte(name, '+') >= 0 || bytes.IndexFunc(name, unicode.IsSpace) >= 0 {
		return sigLine{}, false
	}
	sig, ok := decodeBase64(b64)
	if !ok || len(sig) < 5 {
		return sigLine{}, false
	}
	return sigLine{name: string(name), id: [4]byte(sig), sig: sig[4:], raw: raw}, true
}

// find returns the one line of a key. None is [ErrUnsigned]; two would leave open which of them counts.
func find(lines []sigLine, name string, id [4]byte) (sigLine, error) {
	var found sigLine
	for _, l := range lines {
		if l.id == id && l.name == name {
			if found.raw != nil {
				return sigLine{}, fmt.Errorf("two signature lines of one key: %w", ErrNote)
			}
			found = l
		}
	}
	if found.raw == nil {
		return sigLine{}, ErrUnsigned
	}
	return found, nil
}

// ParseText is the strict inverse of [Checkpoint.Text]: origin, size and root. Extension lines are refused. The error wraps [ErrNote].
func ParseText(text []byte) (Checkpoint, error) {
	s := strings.TrimSuffix(string(text), "\n")
	name, rest, ok1 := strings.Cut(s, "\n")
	size, root, ok2 := strings.Cut(rest, "\n")
	if !ok1 || !ok2 || !isOrigin([]byte(name)) {
		return Checkpoint{}, fmt.Errorf("text of the checkpoint: %w", ErrNote)
	}
	n, used := readInt([]byte(size))
	hash, ok := decodeBase64([]byte(root))
	if used == 0 || used != len(size) || !ok || len(hash) != HashSize {
		return Checkpoint{}, fmt.Errorf("text of the checkpoint: %w", ErrNote)
	}
	cp := Checkpoint{Origin: name, Size: n, Root: Hash(hash)}
	if cp.Text() != string(text) || (n == 0) != (cp.Root == emptyRoot) {
		return Checkpoint{}, fmt.Errorf("text of the checkpoint: %w", ErrNote)
	}
	return cp, nil
}
