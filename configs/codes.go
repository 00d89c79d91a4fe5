package configs

import (
	"fmt"
	"slices"
	"strings"
)

// Authority, Kind and Regime are coded terms. A file writes them in small letters with hyphens; in Go they are the names of the
// values of the enums in rogatory.v1, so that `rogatoryv1.Authority_value[string(u.Authority)]` is the value. The package
// does not import the messages themselves; a test holds its lists equal to theirs.
type (
	// Authority of a unit: AUTHORITY_POLICE is written police.
	Authority string
	// Kind of a message: KIND_FIU_REQUEST is written fiu-request.
	Kind string
	// Regime is a legal instrument: REGIME_EU_2023_977 is written eu-2023-977.
	Regime string
)

var authorities = []string{
	"police", "fiu", "prosecutor", "court", "customs", "border", "asset-recovery", "single-point-of-contact",
}

var kinds = []string{
	"request", "fiu-request", "acknowledge", "reply", "fiu-reply", "clarification", "clarification-answer", "reminder",
	"delay-notice", "withdrawal", "reopening", "objection", "objection-decision", "feedback", "spontaneous",
	"spontaneous-acknowledge", "consent-request", "consent-decision", "consent-withdrawal", "correction",
	"correction-receipt", "joint", "governance", "close",
}

var regimes = []string{"eu-2023-977", "prum-ii", "fiu-amld6", "egmont", "eio"}

func (Authority) terms() (string, []string) { return "authority", authorities }
func (Kind) terms() (string, []string)      { return "kind", kinds }
func (Regime) terms() (string, []string)    { return "regime", regimes }

// Code is how a file writes the authority.
func (a Authority) Code() string { return code("authority", string(a)) }

// Code is how a file writes the kind.
func (k Kind) Code() string { return code("kind", string(k)) }

// Code is how a file writes the regime.
func (r Regime) Code() string { return code("regime", string(r)) }

func code(enum, name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, strings.ToUpper(enum)+"_")), "_", "-")
}

func enumName(enum, code string) string {
	return strings.ToUpper(strings.ReplaceAll(enum+"_"+code, "-", "_"))
}

// notTerm says what is wrong with a coded term that the list does not hold.
func notTerm(enum, text string, known []string) (what, hint string) {
	hint = "one of: " + strings.Join(known, ", ")
	if lower := code(enum, text); slices.Contains(known, lower) {
		hint = "write " + lower
	} else if near := Nearest(text, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return fmt.Sprintf("%q is no %s", text, enum), hint
}
