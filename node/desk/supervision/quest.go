package supervision

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rogatory/rogatory/node/desk/refusal"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A quest finds in contents what names one person: a value that equals an identifier, a name whose parts are those of an identifier in any order, a
// text in which the identifier's words follow one another. Case, accents, spaces and punctuation do not count. It finds what is written as it was
// asked for, not other spellings: who supervises gives each of them.
type quest struct {
	plain []string   // identifiers without spaces and punctuation
	words [][]string // their words
	names [][]string // their words in order of the alphabet
}

func newQuest(identifiers []string) (*quest, error) {
	q := &quest{}
	for _, id := range identifiers {
		words := wordsOf(id)
		plain := strings.Join(words, "")
		if len([]rune(plain)) < 3 {
			return nil, fmt.Errorf("an identifier of fewer than three letters and digits: %w", refusal.ErrRequest)
		}
		sorted := slices.Clone(words)
		slices.Sort(sorted)
		q.plain, q.words, q.names = append(q.plain, plain), append(q.words, words), append(q.names, sorted)
	}
	return q, nil
}

// wordsOf returns the words of a text: lower case, without accents.
func wordsOf(s string) []string {
	folded := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return ' '
	}, norm.NFKD.String(s))
	return strings.Fields(folded)
}

// is reports whether a value is one of the identifiers.
func (q *quest) is(value string) bool {
	return slices.Contains(q.plain, strings.Join(wordsOf(value), ""))
}

// within reports whether a text speaks of one of the identifiers.
func (q *quest) within(text string) bool {
	words := wordsOf(text)
	for i, id := range q.words {
		for at := 0; at+len(id) <= len(words); at++ {
			if slices.Equal(words[at:at+len(id)], id) {
				return true
			}
		}
		if slices.Contains(words, q.plain[i]) {
			return true
		}
	}
	return false
}

// named reports whether it is a name of the person.
func (q *quest) named(n *rogatoryv1.Name) bool {
	parts := wordsOf(n.GetGiven() + " " + n.GetFamily())
	slices.Sort(parts)
	return slices.ContainsFunc(q.names, func(id []string) bool { return slices.Equal(id, parts) }) || n.GetFull() != "" && q.within(n.GetFull())
}

// shown is what surrounds a value on its way down: what a record says beside the person.
type shown struct {
	source, asOf string
	evaluation   *rogatoryv1.Evaluation
	handling     *rogatoryv1.Handling
}

// records returns what a content says of the person. What it says of others stays out: their entities are not looked at, and a text that speaks of the
// person is named and left out, since it may speak of others as well.
func (q *quest) records(c *rogatoryv1.Content) (found []*nodev1.HeldRecord) {
	var walk func(m protoreflect.Message, path string, at shown)
	add := func(path string, at shown, e *rogatoryv1.Entity, withheld ...string) {
		found = append(found, &nodev1.HeldRecord{
			Path: path, Entity: e, SourceAuthority: at.source, AsOf: at.asOf, Evaluation: at.evaluation, Handling: at.handling, Withheld: withheld,
		})
	}
	walk = func(m protoreflect.Message, path string, at shown) {
		switch v := m.Interface().(type) {
		case *rogatoryv1.Item:
			at = shown{v.GetSourceAuthority(), v.GetAsOf(), v.GetEvaluation(), v.GetHandling()}
		case *rogatoryv1.Subject:
			at = shown{"", "", v.GetEvaluation(), v.GetHandling()}
		case *rogatoryv1.Sender:
			return // who speaks for a unit is not whom a message is about
		case *rogatoryv1.Person:
			if q.describes(v.ProtoReflect()) {
				add(path, at, &rogatoryv1.Entity{Kind: &rogatoryv1.Entity_Person{Person: proto.CloneOf(v)}})
			}
			return // whoever it is: the whole of it, or nothing
		case *rogatoryv1.Entity:
			if v.GetPerson() == nil && q.describes(v.ProtoReflect()) {
				e, withheld := unpeopled(v)
				add(path, at, e, withheld...)
				// An account's parties are people of their own.
			}
		}
		fields := m.Descriptor().Fields()
		for i := range fields.Len() {
			f := fields.Get(i)
			if !m.Has(f) {
				continue
			}
			name := join(path, string(f.Name()))
			switch {
			case f.IsMap():
			case f.IsList():
				list := m.Get(f).List()
				for j := range list.Len() {
					each := fmt.Sprintf("%s[%d]", name, j)
					if f.Message() != nil {
						walk(list.Get(j).Message(), each, at)
					} else if f.Kind() == protoreflect.StringKind && !inEntity(m) && q.within(list.Get(j).String()) {
						add(each, at, nil, string(f.Name()))
					}
				}
			case f.Message() != nil:
				walk(m.Get(f).Message(), name, at)
			case f.Kind() == protoreflect.StringKind && !inEntity(m) && q.within(m.Get(f).String()):
				add(path, at, nil, string(f.Name()))
			}
		}
	}
	walk(c.ProtoReflect(), "", shown{})
	return found
}

// describes reports whether some value of an entity, without those of people within it, names the person.
func (q *quest) describes(m protoreflect.Message) bool {
	if n, ok := m.Interface().(*rogatoryv1.Name); ok {
		return q.named(n)
	}
	found := false
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		each := func(v protoreflect.Value) {
			switch {
			case f.Message() != nil:
				_, person := v.Message().Interface().(*rogatoryv1.Person)
				found = found || !person && q.describes(v.Message())
			case f.Kind() == protoreflect.StringKind:
				found = found || q.is(v.String())
			}
		}
		if f.IsList() {
			for i := range v.List().Len() {
				each(v.List().Get(i))
			}
		} else if !f.IsMap() {
			each(v)
		}
		return !found
	})
	return found
}

// inEntity reports whether a message is part of an entity: there only whole values count, and describes has looked at them.
func inEntity(m protoreflect.Message) bool {
	return m.Descriptor().ParentFile().Path() == "rogatory/v1/entities.proto"
}

// unpeopled returns a thing without the people in it and without texts, which may speak of others, and what was left out.
func unpeopled(e *rogatoryv1.Entity) (*rogatoryv1.Entity, []string) {
	out := proto.CloneOf(e)
	var withheld []string
	var scrub func(m protoreflect.Message)
	scrub = func(m protoreflect.Message) {
		m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			switch name := string(f.Name()); {
			case f.Message() != nil && carriesPeople(f.Message()), name == "description", name == "text", name == "remarks":
				m.Clear(f)
				withheld = append(withheld, name)
			case f.IsList() && f.Message() != nil:
				for i := range v.List().Len() {
					scrub(v.List().Get(i).Message())
				}
			case !f.IsList() && f.Message() != nil:
				scrub(v.Message())
			}
			return true
		})
	}
	scrub(out.ProtoReflect())
	slices.Sort(withheld)
	return out, slices.Compact(withheld)
}

// carriesPeople reports whether a message of this kind names a person in a role.
func carriesPeople(d protoreflect.MessageDescriptor) bool {
	if d.Name() == "Person" || d.Name() == "Name" {
		return true
	}
	for i := range d.Fields().Len() {
		if m := d.Fields().Get(i).Message(); m != nil && m.Name() == "Person" {
			return d.Name() != "Entity"
		}
	}
	return false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
