package calendar_test

import (
	"errors"
	"testing"

	"github.com/rogatory/rogatory/node/exchange/calendar"
)

func TestZoneThatIsNotCarriedIsAnError(t *testing.T) {
	for _, name := range []string{"", "Local", "Mars/Olympus", "../UTC"} {
		if _, err := calendar.Zone(name); !errors.Is(err, calendar.ErrZone) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
