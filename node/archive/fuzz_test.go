package archive

import (
	"bytes"
	"testing"
)

func FuzzInfo(f *testing.F) {
	g := newRig(f)
	info, _ := g.head(3)
	info.Unit, info.From, info.Until = "police", 1, 2
	for _, i := range []Info{info, {Format: Format, Country: "RS", Log: testLog}} {
		b, err := MarshalInfo(i)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(bytes.TrimSpace(b))
	}
	f.Add([]byte(`{"case":"","case":"","country":"RS"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := ParseInfo(b)
		if err != nil {
			return
		}
		again, err := MarshalInfo(i)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%q is written as %q, %v", b, again, err)
		}
	})
}

func FuzzSides(f *testing.F) {
	var b []byte
	var err error
	for _, r := range []struct {
		offset uint8
		name   string
		bytes  string
	}{{0, "message", "m"}, {0, "statement", ""}, {1, "path", "32"}, {3, "root-at", "\x00"}} {
		if b, err = appendRecord(b, r.offset, &Record{r.name, []byte(r.bytes)}); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(b, uint16(4))
	f.Add(b, uint16(3))
	f.Add(append(bytes.Clone(b), b...), uint16(256))
	f.Add([]byte{}, uint16(1))
	f.Add([]byte{0, 1, 'a', 0xFF, 0xFF, 0xFF, 0xFF}, uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, width uint16) {
		entries := make([]Entry, width%(TileWidth+1))
		if err := ParseSides(b, entries); err != nil {
			return
		}
		var again []byte
		for i := range entries {
			var err error
			if again, err = appendSides(again, uint8(i), entries[i].Sides); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x is written as %x", b, again)
		}
	})
}

func FuzzEntries(f *testing.F) {
	f.Add([]byte{0, 1, 'a', 0, 2, 'b', 'c'}, uint16(2))
	f.Add([]byte{0, 0}, uint16(1))
	f.Add([]byte{0x20, 1}, uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, width uint16) {
		entries := make([]Entry, width%(TileWidth+1))
		if err := ParseEntries(b, entries); err != nil {
			return
		}
		var again []byte
		for _, e := range entries {
			again = append(again, byte(len(e.Leaf)>>8), byte(len(e.Leaf)))
			again = append(again, e.Leaf...)
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x is written as %x", b, again)
		}
	})
}

func FuzzPlace(f *testing.F) {
	for _, s := range []string{"tile/0/x001/234.p/7", "tile/entries/000", "sides/999", "directories/1", "forks/1-leaf", "archive.json"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, ok := parsePlace(s)
		if ok && p.path() != s {
			t.Fatalf("%q is %q", s, p.path())
		}
	})
}

func FuzzZip(f *testing.F) {
	z := &member{path: "archive.json", size: 2}
	b := append(z.appendLocal(nil), "hi"...)
	at := int64(len(b))
	b = z.appendCentral(b)
	f.Add(appendEnd(b, 1, at, int64(len(b))-at))
	f.Add(appendEnd(nil, 0, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		z, err := readZip(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for path := range z.members {
			if _, err := z.read(path, MaxSides, nil); err == nil && path == "" {
				t.Fatal("a file without a name")
			}
		}
	})
}
