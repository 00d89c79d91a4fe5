package rules

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
