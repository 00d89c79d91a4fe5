package exchange

import (
	"bytes"
	"errors"
	"testing"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func TestUnitWithoutFourEyesSendsAllByOnePerson(t *testing.T) {
	h := House{Units: []HouseUnit{{Name: "fiu", Agencies: []string{"register"}}, {Name: "police", FourEyes: true, Agencies: []string{"register"}}}}
	reply := &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_REPLY}
	for _, c := range []struct {
		unit, actor          string
		agency, answer, want bool
	}{
		{"fiu", "clerk", false, false, true},
		{"police", "clerk", false, true, false},
		{"fiu", "other", true, true, false},
		{"fiu", "register", true, false, true},
		{"police", "register", true, false, false},
		{"police", "register", true, true, true},
		{"navy", "clerk", false, true, false},
	} {
		if got := h.Alone(c.unit, c.actor, c.agency, c.answer, reply); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func FuzzParseHouse(f *testing.F) {
	f.Add(House{}.Encode())
	f.Add(House{Units: []HouseUnit{{Name: "police", FourEyes: true, Agencies: []string{"a", "b"}}}}.Encode())
	f.Add([]byte(`{"units":[{"agencies":[],"four_eyes":2,"name":"police"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHouse(b)
		if err != nil {
			if !errors.Is(err, ErrRules) {
				t.Error(err)
			}
			return
		}
		if !bytes.Equal(h.Encode(), b) {
			t.Errorf("another spelling of %q", b)
		}
	})
}

func FuzzParseSnapshot(f *testing.F) {
	c := Case{Token: "RS-2026-000001", Kind: KindRequest, State: Sent}
	f.Add(EncodeSnapshot(nil))
	f.Add(EncodeSnapshot([]Changed{{Token: "BG-2026-000002", Hash: [32]byte{1}}, {Token: c.Token, Body: c.Encode()}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := ParseSnapshot(b)
		if err != nil {
			if !errors.Is(err, ErrEncoding) {
				t.Error(err)
			}
			return
		}
		if !bytes.Equal(EncodeSnapshot(list), b) {
			t.Errorf("another spelling of %x", b)
		}
	})
}

func TestSnapshotKeepsItsDigestWhenABodyIsTakenAway(t *testing.T) {
	c := Case{Token: "RS-2026-000001", Kind: KindRequest, State: Sent}
	list := []Changed{{Token: c.Token, Hash: c.Hash(), Body: c.Encode()}}
	before := SnapshotDigest(list)
	read, err := ParseSnapshot(EncodeSnapshot(list))
	if err != nil || len(read) != 1 || read[0].Hash != c.Hash() {
		t.Fatalf("%v, %v", read, err)
	}
	read[0].Body = nil
	again, err := ParseSnapshot(EncodeSnapshot(read))
	if err != nil || SnapshotDigest(again) != before || again[0].Hash != c.Hash() || again[0].Body != nil {
		t.Errorf("%v, %v", again, err)
	}
}
