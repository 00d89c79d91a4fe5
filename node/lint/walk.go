package lint

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// messagePlan is what the walk knows of a message: its fields in the order of their declaration, with their bounds.
type messagePlan struct {
	fields []fieldPlan
}

// fieldPlan is what the walk knows of one field.
type fieldPlan struct {
	fd       protoreflect.FieldDescriptor
	name     string // in JSON
	maxRunes int    // of a string
	maxLen   int    // of a list
	size     int    // of a bytes field; 0 leaves it free
	text     bool   // several lines of prose
	check    fieldCheck
	sub      *messagePlan // of a message
}

// contentPlan is the plan of a Content and all that can stand in it. The schema has no recursion.
var contentPlan = planOf((*rogatoryv1.Content)(nil).ProtoReflect().Descriptor())

func planOf(md protoreflect.MessageDescriptor) *messagePlan {
	p := &messagePlan{}
	fds := md.Fields()
	for i := range fds.Len() {
		fd := fds.Get(i)
		key := string(md.Name()) + "." + string(fd.Name())
		fp := fieldPlan{
			fd:       fd,
			name:     fd.JSONName(),
			maxRunes: maxString,
			maxLen:   maxList,
			size:     byteFields[key],
			text:     textFields[key],
			check:    fieldChecks[key],
		}
		if fp.text {
			fp.maxRunes = maxText
		}
		if n, ok := listBounds[key]; ok {
			fp.maxLen = n
		}
		if fd.Message() != nil {
			fp.sub = planOf(fd.Message())
		}
		p.fields = append(p.fields, fp)
	}
	return p
}

// walk checks every field of a message by its plan, and every message by its own rules.
func (l *linter) walk(m protoreflect.Message, p *messagePlan) {
	l.message(m.Interface())
	for i := range p.fields {
		fp := &p.fields[i]
		if !m.Has(fp.fd) {
			continue
		}
		n := len(l.path)
		l.path = append(append(l.path, '.'), fp.name...)
		if fp.fd.IsList() {
			l.list(m.Get(fp.fd).List(), fp)
		} else {
			l.value(m.Get(fp.fd), fp)
		}
		l.path = l.path[:n]
	}
}

// list checks a list's length and its elements.
func (l *linter) list(list protoreflect.List, fp *fieldPlan) {
	if list.Len() > fp.maxLen {
		l.err(TooMany, "", Param{"max", itoa(fp.maxLen)})
	}
	var seen map[any]bool
	for j := range min(list.Len(), fp.maxLen) {
		n := len(l.path)
		l.path = append(strconv.AppendInt(append(l.path, '['), int64(j), 10), ']')
		v := list.Get(j)
		switch fp.fd.Kind() {
		case protoreflect.MessageKind:
		case protoreflect.StringKind:
			if v.String() == "" {
				l.err(Required, "")
			}
			fallthrough
		case protoreflect.EnumKind, protoreflect.Uint32Kind:
			if fp.fd.Kind() == protoreflect.EnumKind && v.Enum() == 0 {
				l.err(Required, "")
			}
			if list.Len() < 2 || fp.text || fp.check.kind == "mrz" {
				break // two texts may say the same
			}
			if seen == nil {
				seen = make(map[any]bool)
			}
			if seen[v.Interface()] {
				l.err(Duplicate, "")
			}
			seen[v.Interface()] = true
		}
		l.value(v, fp)
		l.path = l.path[:n]
	}
}

// value checks one value.
func (l *linter) value(v protoreflect.Value, fp *fieldPlan) {
	switch fp.fd.Kind() {
	case protoreflect.MessageKind:
		l.walk(v.Message(), fp.sub)
	case protoreflect.StringKind:
		l.text(v.String(), fp)
	case protoreflect.BytesKind:
		if fp.size != 0 && len(v.Bytes()) != fp.size {
			l.err(Length, "", Param{"want", itoa(fp.size)})
		}
	case protoreflect.EnumKind:
		if fp.fd.Enum().Values().ByNumber(v.Enum()) == nil {
			l.err(UnknownCode, "", Param{"number", itoa(int(v.Enum()))})
		}
	case protoreflect.Uint32Kind:
		if c := fp.check; c.max != 0 && (v.Uint() < c.min || v.Uint() > c.max) {
			l.err(Range, "", Param{"min", strconv.FormatUint(c.min, 10)}, Param{"max", strconv.FormatUint(c.max, 10)})
		}
	}
}

// text checks a string's length and characters, and what it should be.
func (l *linter) text(s string, fp *fieldPlan) {
	if s == "" {
		return
	}
	if utf8.RuneCountInString(s) > fp.maxRunes {
		l.err(TooLong, "", Param{"max", itoa(fp.maxRunes)})
		return
	}
	if badCharacters(s, fp.text) {
		l.err(Characters, "")
		return
	}
	l.check(s, fp.check)
}

// badCharacters reports control characters, the marks that turn the direction of what a reader sees, invalid UTF-8, and
// blanks at an end.
func badCharacters(s string, lines bool) bool {
	for _, r := range s {
		switch {
		case r >= ' ' && r < 0x7f: // nearly all
		case r == '\n' || r == '\t':
			if !lines {
				return true
			}
		case r < ' ', r >= 0x7f && r < 0xa0, r == utf8.RuneError, r == 0xfeff,
			r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x2028, r == 0x2029:
			return true
		}
	}
	return s != strings.TrimSpace(s)
}

// textAt returns the string at a path such as "content.reply.items[2].text"; false when there is no string field.
func textAt(c *rogatoryv1.Content, path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, "content.")
	if !ok {
		return "", false
	}
	m := c.ProtoReflect()
	for {
		part, after, more := strings.Cut(rest, ".")
		rest = after
		name, index, indexed := strings.Cut(part, "[")
		fd := m.Descriptor().Fields().ByJSONName(name)
		if fd == nil || fd.IsList() != indexed || !m.Has(fd) {
			return "", false
		}
		v := m.Get(fd)
		if indexed {
			digits, ok := strings.CutSuffix(index, "]")
			i, err := strconv.Atoi(digits)
			if !ok || err != nil || strconv.Itoa(i) != digits || i < 0 || i >= v.List().Len() {
				return "", false
			}
			v = v.List().Get(i)
		}
		if !more {
			if fd.Kind() != protoreflect.StringKind {
				return "", false
			}
			return v.String(), true
		}
		if fd.Message() == nil {
			return "", false
		}
		m = v.Message()
	}
}
