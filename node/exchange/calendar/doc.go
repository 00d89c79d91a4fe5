// Package calendar counts days as law does: civil days in a country's zone, working days by its holidays and weekly rest, months that end with
// their last day. Zones come from an embedded copy of the IANA database, so that no host has a say in a deadline.
//
// It is pure: it reads no clock, locale or file.
package calendar

import "errors"

var (
	// ErrZone says that a time zone is not among the embedded ones.
	ErrZone = errors.New("time zone not known")
	// ErrCalendar says that a date is none, or that a calendar contradicts itself.
	ErrCalendar = errors.New("calendar not usable")
)
