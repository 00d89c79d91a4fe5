package lint

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/rogatory/rogatory/node/lint/ident"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// MaxFileBytes is the largest request file, in bytes.
const MaxFileBytes = 4 << 20

// ErrFileTooLarge says that a request file is larger than MaxFileBytes.
var ErrFileTooLarge = errors.New("request file is larger than 4 MiB")

// ParseFile reads a request file: the protobuf JSON mapping of rogatory.v1.RequestFile, unknown and repeated fields refused.
// Its errors name line and column and may quote the file: they are for whoever wrote it, not for a log.
func ParseFile(b []byte) (*rogatoryv1.RequestFile, error) {
	if len(b) > MaxFileBytes {
		return nil, ErrFileTooLarge
	}
	f := &rogatoryv1.RequestFile{}
	// The schema nests less than 20 deep.
	if err := (protojson.UnmarshalOptions{RecursionLimit: 40}).Unmarshal(b, f); err != nil {
		// protojson varies the blank after its prefix, so that nobody relies on its sentences.
		msg := strings.ReplaceAll(err.Error(), "\u00a0", " ")
		return nil, fmt.Errorf("reading request file: %s", strings.TrimSpace(strings.TrimPrefix(msg, "proto:")))
	}
	return f, nil
}

// file checks where a request file goes and what it belongs to.
func (l *linter) file(f *rogatoryv1.RequestFile) {
	l.path = l.path[:0]
	kind := KindOf(f.GetContent())
	if f.GetCaseToken() == "" {
		switch kind {
		case rogatoryv1.Kind_KIND_REQUEST, rogatoryv1.Kind_KIND_FIU_REQUEST, rogatoryv1.Kind_KIND_SPONTANEOUS:
			l.need(f.GetRegime() != 0, "regime")
			l.need(len(f.GetTo()) > 0, "to")
		case rogatoryv1.Kind_KIND_GOVERNANCE:
			l.need(len(f.GetTo()) > 0, "to")
		case rogatoryv1.Kind_KIND_JOINT:
			l.need(len(f.GetTo()) > 0 || f.GetContent().GetJoint().GetPropose() == nil, "to")
		}
	}
	if _, ok := rogatoryv1.Regime_name[int32(f.GetRegime())]; !ok {
		l.err(UnknownCode, "regime", Param{"number", itoa(int(f.GetRegime()))})
	}
	if len(f.GetTo()) > maxList {
		l.err(TooMany, "to", Param{"max", itoa(maxList)})
	}
	seen := make(map[string]bool)
	for i, to := range f.GetTo()[:min(len(f.GetTo()), maxList)] {
		l.identifier(at("to", i), "unit", ident.UnitAddress(to))
		if seen[to] {
			l.err(Duplicate, at("to", i))
		}
		seen[to] = true
	}
	if f.GetFromUnit() != "" {
		l.identifier("fromUnit", "unit", ident.UnitName(f.GetFromUnit()))
	}
	if f.GetCaseToken() != "" {
		l.identifier("caseToken", "case", ident.CaseToken(f.GetCaseToken()))
	}
	if n := len(f.GetOf()); n != 0 && n != 32 {
		l.err(Length, "of", Param{"want", "32"})
	}
	if f.GetBreakGlass() && !hasUrgency(kind) {
		l.err(BreakGlass, "breakGlass")
	}
	if len(f.GetAttachments()) > maxList {
		l.err(TooMany, "attachments", Param{"max", itoa(maxList)})
	}
	for i, a := range f.GetAttachments()[:min(len(f.GetAttachments()), maxList)] {
		l.in(at("attachments", i), func() {
			if !insideFolder(a.GetPath()) {
				l.err(AttachmentPath, "path")
			}
			l.need(a.GetTitle() != "", "title")
			if len(a.GetTitle()) > maxString || badCharacters(a.GetTitle(), false) {
				l.err(Characters, "title")
			}
			l.identifier("mediaType", "media-type", ident.MediaType(a.GetMediaType()))
		})
	}
}

// hasUrgency reports whether messages of a kind have an urgency, which is looked at with the message.
func hasUrgency(k rogatoryv1.Kind) bool {
	switch k {
	case rogatoryv1.Kind_KIND_REQUEST, rogatoryv1.Kind_KIND_FIU_REQUEST, rogatoryv1.Kind_KIND_REOPENING, rogatoryv1.Kind_KIND_SPONTANEOUS:
		return true
	}
	return false
}
