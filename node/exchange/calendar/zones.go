package calendar

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"sync"
	"time"
)

//go:generate go run genzones.go

// TZData is the version of the IANA time zone database that this package carries. A directory names the version that its
// members use; two nodes with the same version compute the same deadlines.
const TZData = "2025c"

//go:embed zones.zip
var zonesZip []byte

// zones holds every embedded zone by its IANA name; it is filled once and then only read.
var zones = sync.OnceValues(func() (map[string]*time.Location, error) {
	r, err := zip.NewReader(bytes.NewReader(zonesZip), int64(len(zonesZip)))
	if err != nil {
		return nil, fmt.Errorf("reading embedded time zones: %w", err)
	}
	all := make(map[string]*time.Location, len(r.File))
	for _, f := range r.File {
		rc, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("reading time zone %s: %w", f.Name, err)
		}
		data, err := io.ReadAll(rc)
		if err == nil {
			err = rc.Close()
		}
		if err != nil {
			return nil, fmt.Errorf("reading time zone %s: %w", f.Name, err)
		}
		loc, err := time.LoadLocationFromTZData(f.Name, data)
		if err != nil {
			return nil, fmt.Errorf("reading time zone %s: %w", f.Name, err)
		}
		all[f.Name] = loc
	}
	return all, nil
})

// Zone returns the time zone with the IANA name, from the embedded database and never from the host's, so that TZ,
// ZONEINFO and the host's packages have no say in a deadline. It returns ErrZone for a name that is not carried.
func Zone(name string) (*time.Location, error) {
	all, err := zones()
	if err != nil {
		return nil, err
	}
	loc, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrZone, name)
	}
	return loc, nil
}
