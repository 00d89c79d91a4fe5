package lint

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/lint/ident"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// handling checks one handling in itself: a code, the text that H3 demands, and a machine form that does not allow what
// the code forbids.
func (l *linter) handling(h *rogatoryv1.Handling) {
	if h.Code == 0 {
		l.err(Handling, "code")
	}
	if h.Code == rogatoryv1.HandlingCode_HANDLING_CODE_H3 && h.Text == "" {
		l.err(HandlingText, "text")
	}
	if h.Code >= rogatoryv1.HandlingCode_HANDLING_CODE_H1 && h.Judicial == rogatoryv1.Choice_CHOICE_FREE {
		l.err(Contradicts, "judicial", Param{"field", "code"})
	}
	if h.Code >= rogatoryv1.HandlingCode_HANDLING_CODE_H2 && h.Onward == rogatoryv1.Onward_ONWARD_DOMESTIC {
		l.err(Contradicts, "onward", Param{"field", "code"})
	}
	if (h.Onward == rogatoryv1.Onward_ONWARD_NAMED) != (len(h.Named) > 0) {
		l.err(Contradicts, "named", Param{"field", "onward"})
	}
}

// quotedBySubjects checks the subjects that are taken from earlier messages; a subject without a handling of its own has
// the request's.
func (l *linter) quotedBySubjects(subjects []*rogatoryv1.Subject, whole *rogatoryv1.Handling) {
	for i, s := range subjects {
		h := s.GetHandling()
		if h == nil {
			h = whole
		}
		l.quoted(s.GetQuotes(), at("subjects", i), h, s.GetEvaluation())
	}
}

// quoted checks that what rests on earlier items is handled at least as strictly as they are, and evaluated as their
// provider did.
func (l *linter) quoted(refs []*rogatoryv1.ItemRef, field string, h *rogatoryv1.Handling, e *rogatoryv1.Evaluation) {
	if field != "" {
		field += "."
	}
	for i, r := range refs[:min(len(refs), maxList)] {
		k, ok := itemKey(r)
		if !ok {
			continue
		}
		q := l.ctx.Quoted[k]
		if q == nil {
			l.warn(QuotedUnknown, at(field+"quotes", i))
			continue
		}
		for _, part := range weakerParts(h, q.GetHandling()) {
			l.err(HandlingWeaker, field+"handling", Param{"part", part})
		}
		if len(refs) == 1 && e != nil && q.GetEvaluation() != nil && !proto.Equal(e, q.GetEvaluation()) {
			l.err(EvaluationChanged, field+"evaluation")
		}
	}
}

// weakerParts names the parts in which handling h permits what q forbids, as their fields are called in JSON. Where a part
// says nothing, the code speaks for it.
func weakerParts(h, q *rogatoryv1.Handling) []string {
	var out []string
	weaker := func(yes bool, part string) {
		if yes {
			out = append(out, part)
		}
	}
	weaker(exchange.Weaker(h.GetCode(), q.GetCode()), "code")
	weaker(judicialOf(h) < judicialOf(q), "judicial")
	weaker(onwardOf(h) < onwardOf(q), "onward")
	if onwardOf(h) == rogatoryv1.Onward_ONWARD_NAMED && onwardOf(q) == rogatoryv1.Onward_ONWARD_NAMED {
		weaker(!subset(h.GetNamed(), q.GetNamed()), "named")
	}
	weaker(len(q.GetPurposes()) > 0 && (len(h.GetPurposes()) == 0 || !subset(h.GetPurposes(), q.GetPurposes())), "purposes")
	weaker(q.GetDoNotNameSource() && !h.GetDoNotNameSource(), "doNotNameSource")
	weaker(thirdStateOf(h) < thirdStateOf(q), "thirdState")
	if _, until, _, ok := ident.Date(q.GetRetainUntil()); ok {
		_, mine, _, ok := ident.Date(h.GetRetainUntil())
		weaker(!ok || mine.After(until), "retainUntil")
	}
	weaker(!subset(q.GetConditions(), h.GetConditions()), "conditions")
	return out
}

func judicialOf(h *rogatoryv1.Handling) rogatoryv1.Choice {
	if h.GetJudicial() == 0 && h.GetCode() >= rogatoryv1.HandlingCode_HANDLING_CODE_H1 {
		return rogatoryv1.Choice_CHOICE_CONSENT
	}
	return exchange.StrictestChoice(h.GetJudicial(), rogatoryv1.Choice_CHOICE_FREE)
}

func onwardOf(h *rogatoryv1.Handling) rogatoryv1.Onward {
	if o := h.GetOnward(); o != 0 {
		return o
	}
	if h.GetCode() >= rogatoryv1.HandlingCode_HANDLING_CODE_H2 {
		return rogatoryv1.Onward_ONWARD_CONSENT
	}
	return rogatoryv1.Onward_ONWARD_DOMESTIC
}

func thirdStateOf(h *rogatoryv1.Handling) rogatoryv1.Choice {
	if h.GetThirdState() == 0 {
		return rogatoryv1.Choice_CHOICE_CONSENT
	}
	return h.GetThirdState()
}

// subset reports whether everything in a is in b.
func subset[T comparable](a, b []T) bool {
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return true
}
