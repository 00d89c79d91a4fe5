package rules

import (
	"fmt"
	"slices"
	"time"

	"github.com/rogatory/rogatory/node/exchange/calendar"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Unit is what a limit counts.
type Unit string

// The units of the policy table.
const (
	// Hour counts to the millisecond, through the night and through a change to daylight-saving time.
	Hour Unit = "hour"
	// CalendarDay counts whole local days after the day of the start; the limit ends with the last one.
	CalendarDay Unit = "calendar-day"
	// WorkingDay counts whole local working days after the day of the start; the limit ends with the last one.
	WorkingDay Unit = "working-day"
	// Month ends with the day of the same number, or with the month's last day.
	Month Unit = "month"
)

// Class is which requests of a regime a row is for.
type Class string

// The classes.
const (
	AnyClass Class = "any"
	Urgent   Class = "urgent"
	Other    Class = "other"
)

// Phase is what has to happen within the limit.
type Phase string

// The phases. Only the European Investigation Order knows more than one.
const (
	// PhaseAnswer ends with the final reply.
	PhaseAnswer Phase = "answer"
	// PhaseAcknowledge ends with the first acknowledgement.
	PhaseAcknowledge Phase = "acknowledge"
	// PhaseDecide ends with the first acknowledgement or reply that declares an access class.
	PhaseDecide Phase = "decide"
	// PhaseExecute starts when the asking side receives what ended PhaseDecide, and ends with the final reply.
	PhaseExecute Phase = "execute"
)

// Row is one line of the policy table. Every limit starts at a signed receipt: that of the request (or of the reopening)
// by the requested side, or for PhaseExecute that of the decision by the asking side.
type Row struct {
	// ID names the row for ever; a case stores it.
	ID     string
	Regime rogatoryv1.Regime
	Class  Class
	// Access is the declared access class that selects the row; unspecified fits any. Until a class is declared, the
	// row with the earliest end applies.
	Access rogatoryv1.Access
	Phase  Phase
	// Amount of Unit, 1 to 3650.
	Amount int
	Unit   Unit
	// Roll moves an end on a day off to the next working day.
	Roll bool
	// Suspends: the clock stands still between the asking side's receipt of a clarification and the requested side's
	// receipt of its answer.
	Suspends bool
	// Extends lists the reasons for which a delay notice moves the end, if sent before it.
	Extends []rogatoryv1.Delay
	// CapAmount and CapUnit bound what a delay notice can reach, counted from the start; 0 is no bound.
	CapAmount int
	CapUnit   Unit
}

var (
	judicialOnly = []rogatoryv1.Delay{rogatoryv1.Delay_DELAY_JUDICIAL_AUTHORISATION}
	anyDelay     = []rogatoryv1.Delay{
		rogatoryv1.Delay_DELAY_JUDICIAL_AUTHORISATION, rogatoryv1.Delay_DELAY_VOLUME,
		rogatoryv1.Delay_DELAY_THIRD_PARTY_SOURCE, rogatoryv1.Delay_DELAY_TECHNICAL,
	}
)

// DefaultRows returns the policy table that applies where a directory sets no other. It is modelled on the acts named:
// Directive (EU) 2023/977 articles 5 and 6, Regulation (EU) 2024/982, Directive (EU) 2024/1640, the Egmont principles for
// information exchange, Directive 2014/41/EU article 12; days are counted after Regulation (EEC, Euratom) 1182/71.
func DefaultRows() []Row {
	const (
		eu     = rogatoryv1.Regime_REGIME_EU_2023_977
		prum   = rogatoryv1.Regime_REGIME_PRUM_II
		fiu    = rogatoryv1.Regime_REGIME_FIU_AMLD6
		egmont = rogatoryv1.Regime_REGIME_EGMONT
		eio    = rogatoryv1.Regime_REGIME_EIO
		any    = rogatoryv1.Access_ACCESS_UNSPECIFIED
		direct = rogatoryv1.Access_ACCESS_DIRECT
		indir  = rogatoryv1.Access_ACCESS_INDIRECT
	)
	return []Row{
		{"eu-2023-977/urgent/direct", eu, Urgent, direct, PhaseAnswer, 8, Hour, false, true, judicialOnly, 0, ""},
		{"eu-2023-977/urgent/indirect", eu, Urgent, indir, PhaseAnswer, 3, CalendarDay, false, true, judicialOnly, 0, ""},
		{"eu-2023-977/other", eu, Other, any, PhaseAnswer, 7, CalendarDay, false, true, judicialOnly, 0, ""},
		{"prum-ii/core-data", prum, AnyClass, any, PhaseAnswer, 48, Hour, false, false, judicialOnly, 0, ""},
		{"fiu-amld6/urgent", fiu, Urgent, any, PhaseAnswer, 1, WorkingDay, false, true, anyDelay, 10, WorkingDay},
		{"fiu-amld6/other", fiu, Other, any, PhaseAnswer, 5, WorkingDay, false, true, anyDelay, 10, WorkingDay},
		{"egmont/held", egmont, AnyClass, direct, PhaseAnswer, 7, CalendarDay, true, true, anyDelay, 0, ""},
		{"egmont/to-obtain", egmont, AnyClass, indir, PhaseAnswer, 1, Month, true, true, anyDelay, 0, ""},
		{"eio/acknowledge", eio, AnyClass, any, PhaseAcknowledge, 7, CalendarDay, true, false, nil, 0, ""},
		{"eio/decide", eio, AnyClass, any, PhaseDecide, 30, CalendarDay, true, true, anyDelay, 60, CalendarDay},
		{"eio/execute", eio, AnyClass, any, PhaseExecute, 90, CalendarDay, true, true, anyDelay, 0, ""},
	}
}

// DefaultZones returns the IANA zone by country code of the members of the first federation.
func DefaultZones() map[string]string {
	return map[string]string{
		"AL": "Europe/Tirane", "BA": "Europe/Sarajevo", "BG": "Europe/Sofia", "GR": "Europe/Athens",
		"HR": "Europe/Zagreb", "HU": "Europe/Budapest", "IT": "Europe/Rome", "ME": "Europe/Podgorica",
		"MK": "Europe/Skopje", "RO": "Europe/Bucharest", "RS": "Europe/Belgrade", "SI": "Europe/Ljubljana",
		"TR": "Europe/Istanbul",
	}
}

// Rules is everything that Apply needs and that is neither case nor event: the policy of the log's country and the
// directory's zones and calendars. The zero value means the defaults named at each field.
type Rules struct {
	// Rows is the policy table; nil means DefaultRows.
	Rows []Row
	// Zones maps a country code to its IANA zone; nil means DefaultZones. A country without a zone counts in UTC.
	Zones map[string]string
	// Calendars holds the holiday calendars, any number of versions for a country.
	Calendars []calendar.Calendar
	// Alone lists the kinds of message that one person may send; all others need an approver who is not the drafter. Nil
	// means DefaultAlone, and in a joint case only the steps that disclose nothing; an empty list that is not nil wants four
	// eyes for everything.
	Alone []rogatoryv1.Kind
	// RatifyWithin is the time for the second person after a break-glass sending; 0 means 24 hours.
	RatifyWithin time.Duration
	// MaxWaiting bounds the early messages of a case; 0 means 64.
	MaxWaiting int
	// MaxMessages bounds the messages of a case; 0 means 4096.
	MaxMessages int
}

// DefaultAlone returns the kinds of message that need no second person: they disclose nothing new.
func DefaultAlone() []rogatoryv1.Kind {
	return []rogatoryv1.Kind{
		rogatoryv1.Kind_KIND_ACKNOWLEDGE, rogatoryv1.Kind_KIND_CLARIFICATION, rogatoryv1.Kind_KIND_CLARIFICATION_ANSWER,
		rogatoryv1.Kind_KIND_REMINDER, rogatoryv1.Kind_KIND_DELAY_NOTICE, rogatoryv1.Kind_KIND_WITHDRAWAL,
		rogatoryv1.Kind_KIND_OBJECTION, rogatoryv1.Kind_KIND_FEEDBACK, rogatoryv1.Kind_KIND_SPONTANEOUS_ACKNOWLEDGE,
		rogatoryv1.Kind_KIND_CONSENT_REQUEST, rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL, rogatoryv1.Kind_KIND_CORRECTION_RECEIPT,
		rogatoryv1.Kind_KIND_REOPENING, rogatoryv1.Kind_KIND_JOINT, rogatoryv1.Kind_KIND_CLOSE,
	}
}

// disclosing steps of a joint case show something to others.
var disclosing = []rogatoryv1.JointAct{
	rogatoryv1.JointAct_JOINT_ACT_PROPOSE, rogatoryv1.JointAct_JOINT_ACT_AMEND, rogatoryv1.JointAct_JOINT_ACT_GRANT,
	rogatoryv1.JointAct_JOINT_ACT_ADD_EVIDENCE,
}

// Check returns an error that wraps ErrRules or calendar.ErrZone when a row, zone or calendar contradicts itself. Apply does not
// call it: whoever loads a policy does, once.
func (r Rules) Check() error {
	seen := make(map[string]bool)
	for _, row := range r.Table() {
		switch {
		case row.ID == "" || seen[row.ID]:
			return fmt.Errorf("%w: row id %q is empty or repeated", ErrRules, row.ID)
		case row.Amount < 1 || row.Amount > maxAmount || !row.Unit.known():
			return fmt.Errorf("%w: row %s has limit %d %q", ErrRules, row.ID, row.Amount, row.Unit)
		case row.CapAmount < 0 || row.CapAmount > maxAmount || row.CapAmount > 0 && !row.CapUnit.known():
			return fmt.Errorf("%w: row %s has bound %d %q", ErrRules, row.ID, row.CapAmount, row.CapUnit)
		case !slices.Contains([]Class{AnyClass, Urgent, Other}, row.Class):
			return fmt.Errorf("%w: row %s has class %q", ErrRules, row.ID, row.Class)
		case !slices.Contains(Phases, row.Phase):
			return fmt.Errorf("%w: row %s has phase %q", ErrRules, row.ID, row.Phase)
		}
		seen[row.ID] = true
	}
	for country, name := range r.zones() {
		if _, err := calendar.Zone(name); err != nil {
			return fmt.Errorf("zone of %s: %w", country, err)
		}
	}
	for _, cal := range r.Calendars {
		if err := cal.Check(); err != nil {
			return fmt.Errorf("%w: %w", ErrRules, err)
		}
	}
	if r.RatifyWithin < 0 || r.MaxWaiting < 0 || r.MaxMessages < 0 {
		return fmt.Errorf("%w: a limit is negative", ErrRules)
	}
	return nil
}

// maxAmount bounds a limit: ten years of days.
const maxAmount = 3650

// Phases lists the phases in the order in which they end.
var Phases = []Phase{PhaseAcknowledge, PhaseDecide, PhaseExecute, PhaseAnswer}

func (u Unit) known() bool {
	return u == Hour || u == CalendarDay || u == WorkingDay || u == Month
}

// Table returns the policy table that holds. It is read only.
func (r *Rules) Table() []Row {
	if r.Rows == nil {
		return defaultRows
	}
	return r.Rows
}

// defaultRows is read only; DefaultRows hands out copies.
var defaultRows = DefaultRows()

func (r *Rules) zones() map[string]string {
	if r.Zones == nil {
		return DefaultZones()
	}
	return r.Zones
}

// Zone returns the country's zone, or UTC where none is known: a peer's country is outside input, and every node must
// come to the same end.
func (r *Rules) Zone(country string) *time.Location {
	if loc, err := calendar.Zone(r.zones()[country]); err == nil {
		return loc
	}
	return time.UTC
}

// Calendar returns the country's calendar that was in force at start: of those whose FromMs is not later, the newest
// version.
func (r *Rules) Calendar(country string, start int64) calendar.Calendar {
	var out calendar.Calendar
	for _, c := range r.Calendars {
		if c.Country == country && c.FromMs <= start && (out.Country == "" || c.FromMs > out.FromMs || c.FromMs == out.FromMs && c.Version > out.Version) {
			out = c
		}
	}
	return out
}

// MayAlone reports whether one person may send a message of this kind, in a joint case with this step.
func (r *Rules) MayAlone(k rogatoryv1.Kind, act rogatoryv1.JointAct) bool {
	if r.Alone == nil {
		return slices.Contains(DefaultAlone(), k) && !slices.Contains(disclosing, act)
	}
	return slices.Contains(r.Alone, k)
}

// RatifyMs is how long the second person has after a break-glass sending, in ms.
func (r *Rules) RatifyMs() int64 {
	if r.RatifyWithin == 0 {
		return (24 * time.Hour).Milliseconds()
	}
	return r.RatifyWithin.Milliseconds()
}

// WaitingLimit is how many early messages a case holds at most.
func (r *Rules) WaitingLimit() int {
	if r.MaxWaiting == 0 {
		return 64
	}
	return r.MaxWaiting
}

// MessageLimit is how many messages a case holds at most.
func (r *Rules) MessageLimit() int {
	if r.MaxMessages == 0 {
		return 4096
	}
	return r.MaxMessages
}

// ClassOf tells urgent requests from others. An urgency that this version does not know counts as urgent.
func ClassOf(u rogatoryv1.Urgency) Class {
	if u == rogatoryv1.Urgency_URGENCY_UNSPECIFIED || u == rogatoryv1.Urgency_URGENCY_NORMAL {
		return Other
	}
	return Urgent
}
