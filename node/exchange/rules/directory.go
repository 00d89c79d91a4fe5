package rules

import (
	"fmt"

	"github.com/rogatory/rogatory/node/exchange/calendar"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// RulesOf returns the rules that follow from the versions of a directory, oldest first: the zones of the last one's members and every
// version of each holiday calendar, in force from when the directory that brought it held (the first one always), with the default policy
// table. So two nodes that know the same versions come to the same end of a limit, however they learned of them. Errors wrap ErrRules or
// calendar.ErrZone. Whether the directory's tzdata version is calendar.TZData is the caller's question, because only the caller can do something about it.
func Of(versions ...*rogatoryv1.Directory) (Rules, error) {
	if len(versions) == 0 {
		return Rules{}, fmt.Errorf("%w: no directory", ErrRules)
	}
	d := versions[len(versions)-1]
	r := Rules{Zones: make(map[string]string, len(d.GetMembers()))}
	for _, m := range d.GetMembers() {
		r.Zones[m.GetCountry()] = m.GetZone()
	}
	latest := map[string]uint64{}
	for _, v := range versions {
		for _, c := range v.GetCalendars() {
			cal, err := calendar.Of(c)
			if err != nil {
				return Rules{}, fmt.Errorf("%w: %w", ErrRules, err)
			}
			before, known := latest[cal.Country]
			if known && before == cal.Version {
				continue
			}
			if known {
				cal.FromMs = int64(v.GetValidFromMs())
			}
			latest[cal.Country] = cal.Version
			r.Calendars = append(r.Calendars, cal)
		}
	}
	if err := r.Check(); err != nil {
		return Rules{}, fmt.Errorf("rules of directory version %d: %w", d.GetVersion(), err)
	}
	return r, nil
}
