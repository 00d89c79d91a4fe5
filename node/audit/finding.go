package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/crypto/translog"
)

// A Finding is one thing that is wrong with a log, or that could not be judged.
type Finding struct {
	Code   Code   `json:"code"`
	Log    string `json:"log"`              // origin
	Index  int64  `json:"index"`            // of the leaf; -1 for none
	Wanted string `json:"wanted,omitempty"` // what should be there
	Found  string `json:"found,omitempty"`  // what is there
	Detail string `json:"detail,omitempty"` // what it is about, in words
}

// String returns the finding as one line.
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(string(f.Code))
	if f.Index >= 0 {
		fmt.Fprintf(&b, " at %d", f.Index)
	}
	if f.Detail != "" {
		b.WriteString(": " + f.Detail)
	}
	if f.Wanted != "" {
		b.WriteString("; wanted " + f.Wanted)
	}
	if f.Found != "" {
		b.WriteString("; found " + f.Found)
	}
	return b.String()
}

// Compare orders findings by index, then code, then by the rest, so that any two lists of the same findings are equal when sorted.
func Compare(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(a.Index, b.Index), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Log, b.Log),
		cmp.Compare(a.Detail, b.Detail), cmp.Compare(a.Wanted, b.Wanted), cmp.Compare(a.Found, b.Found),
	)
}

// Sort puts findings into their order and drops those that stand twice.
func Sort(list []Finding) []Finding {
	slices.SortFunc(list, Compare)
	return slices.Compact(list)
}

// Status is the outcome of an audit in a word.
type Status string

// The outcomes.
const (
	OK         Status = "ok"         // nothing is wrong
	Findings   Status = "FINDINGS"   // something is wrong
	Incomplete Status = "INCOMPLETE" // nothing is wrong as far as could be judged, and something could not
)

// Exit returns the exit status of a program that ends with this outcome.
func (s Status) Exit() int {
	switch s {
	case OK:
		return 0
	case Findings:
		return 1
	}
	return 3
}

// Assurance is how far a history is vouched for, each step including those before it.
type Assurance int

// The steps.
const (
	// NoAssurance: the entries do not hash to the root.
	NoAssurance Assurance = iota - 1
	// A0: the entries hash to the root.
	A0
	// A1: the log has signed the root, with keys that lead to the auditor's directory.
	A1
	// A2: at least one other member has cosigned a head of this log.
	A2
	// A3: a quorum of the members has cosigned a head behind which nothing but the witnesses' own traffic stands.
	A3
	// A4: a time token from outside, which the auditor trusts, stands over a head that holds the same.
	A4
)

// String returns "A0" to "A4", and "-" for none.
func (a Assurance) String() string {
	if a < A0 {
		return "-"
	}
	return fmt.Sprintf("A%d", int(a))
}

// MarshalText returns what String does.
func (a Assurance) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// A Result is what an audit comes to.
type Result struct {
	Status    Status        `json:"status"`
	Log       string        `json:"log"`
	Size      int64         `json:"size"`
	Root      translog.Hash `json:"-"`
	State     translog.Hash `json:"-"` // of all cases, by replay; zero when nobody has folded it
	Assurance Assurance     `json:"assurance"`
	Witnessed int64         `json:"witnessed"` // size of the largest head that a quorum has cosigned
	Timed     Timed         `json:"timed"`     // what time tokens say
	Findings  []Finding     `json:"-"`         // in their order
	Left      int           `json:"left"`      // findings beyond those listed
}

// Line returns the last line of an audit: RESULT status size root state assurance, "-" for what there is not.
func (r *Result) Line() string {
	return fmt.Sprintf("RESULT %s %d %s %s %s", r.Status, r.Size, cmp.Or(r.Root.String(), "-"), cmp.Or(r.State.String(), "-"), r.Assurance)
}

// Judge returns the outcome that findings come to.
func Judge(list []Finding) Status {
	status := OK
	for _, f := range list {
		switch severityOf(f.Code) {
		case wrong:
			return Findings
		case unknown:
			status = Incomplete
		}
	}
	return status
}

// maxKept is how many findings are kept; more tell nobody anything.
const maxKept = 100_000

// A report collects findings.
type report struct {
	log    string
	list   []Finding
	left   int
	status Status
}

func (r *report) add(list ...Finding) {
	for _, f := range list {
		if f.Log == "" {
			f.Log = r.log
		}
		if s := Judge([]Finding{f}); s == Findings || r.status == "" || r.status == OK {
			r.status = s
		}
		if len(r.list) == maxKept {
			r.left++
			continue
		}
		r.list = append(r.list, f)
	}
}

// note adds a finding about a leaf.
func (r *report) note(code Code, index int64, detail, wanted, found string) {
	r.add(Finding{Code: code, Index: index, Detail: detail, Wanted: wanted, Found: found})
}
