package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/rogatory/rogatory/crypto/translog"
)

// Format is the name of the format that this package writes.
const Format = "rogatory-archive-1"

// MaxSize is the largest number of leaves: from it on the levels of tiles would need a seventh, which C2SP tlog-tiles does
// not have.
const MaxSize = 1<<48 - 1

// Info is what archive.json says of the archive. Nothing in it is believed; it must agree with what is found.
type Info struct {
	Format  string // [Format]
	Country string // whose log it is
	Log     string // its origin

	Unit, Case string // what a limited archive is limited to; empty: not limited
	From       int64  // milliseconds since 1970; 0: not limited. From is in the period, Until no more
	Until      int64

	Size int64         // leaves in the tree
	Root translog.Hash // of the tree; zero for the empty one
}

// Limited reports whether the archive holds only some of the leaves.
func (i Info) Limited() bool { return i.Unit != "" || i.Case != "" || i.From != 0 || i.Until != 0 }

// MarshalInfo returns archive.json: one canonical line and a line feed.
func MarshalInfo(i Info) ([]byte, error) {
	if err := i.check(); err != nil {
		return nil, fmt.Errorf("writing archive.json: %w", err)
	}
	return i.append(nil), nil
}

func (i *Info) append(b []byte) []byte {
	b = append(b, `{"case":"`...)
	b = append(b, i.Case...)
	b = append(b, `","country":"`...)
	b = append(b, i.Country...)
	b = append(b, `","format":"`...)
	b = append(b, i.Format...)
	b = append(b, `","from":`...)
	b = strconv.AppendInt(b, i.From, 10)
	b = append(b, `,"log":"`...)
	b = append(b, i.Log...)
	b = append(b, `","root":"`...)
	b = append(b, i.Root.String()...)
	b = append(b, `","size":`...)
	b = strconv.AppendInt(b, i.Size, 10)
	b = append(b, `,"unit":"`...)
	b = append(b, i.Unit...)
	b = append(b, `","until":`...)
	b = strconv.AppendInt(b, i.Until, 10)
	return append(b, "}\n"...)
}

func (i *Info) check() error {
	switch {
	case i.Format != Format:
		return ErrUnknown
	case !text(i.Country, 2, 16) || !text(i.Log, 1, 128) || !text(i.Unit, 0, 64) || !text(i.Case, 0, 64):
		return ErrForm
	case i.From < 0 || i.Until < 0 || i.From > translog.MaxInt || i.Until > translog.MaxInt:
		return ErrRange
	case i.Until != 0 && i.Until <= i.From:
		return ErrRange
	case i.Size < 0 || i.Size > MaxSize:
		return ErrRange
	case (i.Size == 0) != i.Root.IsZero():
		return ErrForm
	}
	return nil
}

// text reports whether s has only characters that stand in codes, tokens, addresses and origins.
func text(s string, least, most int) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-' || c == '_' || c == '.' || c == '/' || c == ':':
		default:
			return false
		}
	}
	return least <= len(s) && len(s) <= most
}

// ParseInfo reads archive.json. It has one spelling: what ParseInfo accepts, [MarshalInfo] gives back. The error wraps
// [ErrForm], [ErrRange] or, for a later format, [ErrUnknown].
func ParseInfo(b []byte) (Info, error) {
	if len(b) > maxInfo {
		return Info{}, fmt.Errorf("reading archive.json: %w", ErrTooLarge)
	}
	var j struct {
		Case, Country, Format, Log, Root, Unit string
		From, Size, Until                      int64
	}
	if err := json.Unmarshal(b, &j); err != nil {
		return Info{}, fmt.Errorf("reading archive.json: %w", ErrForm)
	}
	i := Info{Format: j.Format, Country: j.Country, Log: j.Log, Unit: j.Unit, Case: j.Case, From: j.From, Until: j.Until, Size: j.Size}
	if j.Root != "" {
		var err error
		if i.Root, err = translog.ParseHash(j.Root); err != nil {
			return Info{}, fmt.Errorf("reading archive.json: %w", ErrForm)
		}
	}
	if err := i.check(); err != nil {
		return Info{}, fmt.Errorf("reading archive.json: %w", err)
	}
	if !bytes.Equal(i.append(nil), b) {
		return Info{}, fmt.Errorf("reading archive.json: %w", ErrForm)
	}
	return i, nil
}
