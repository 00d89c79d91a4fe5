package configs

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// decoder fills structs from a YAML tree and keeps going after a mistake. Scalars are taken as they are written, never as
// YAML would resolve them: 08, NO and 1_000 are text until a field says otherwise.
type decoder struct {
	file     string
	lines    []string
	mistakes Mistakes
	// where is the place of each key that the file gives, by path.
	where map[string]mark
}

type mark struct{ line, column int }

// mistake notes one thing wrong at a place of the file.
func (d *decoder) mistake(at mark, key, what, hint string) {
	m := Mistake{File: d.file, Line: at.line, Column: max(at.column, 1), Key: key, What: what, Hint: hint}
	if at.line >= 1 && at.line <= len(d.lines) {
		m.Source = strings.TrimRight(d.lines[at.line-1], "\r")
	}
	d.mistakes = append(d.mistakes, m)
}

// wrong notes a mistake at a key; a key that the file does not give is reported where its parent stands.
func (d *decoder) wrong(key, what, hint string) {
	place := key
	for {
		if at, ok := d.where[place]; ok {
			d.mistake(at, key, what, hint)
			return
		}
		cut := strings.LastIndexAny(place, ".[")
		if cut < 0 {
			break
		}
		place = place[:cut]
	}
	d.mistake(mark{}, key, what, hint)
}

func at(n *yaml.Node) mark { return mark{n.Line, n.Column} }

// parse returns the root of the one document in data, or nil after noting why not.
func (d *decoder) parse(data []byte) *yaml.Node {
	var doc yaml.Node
	err := yaml.Load(data, &doc, yaml.WithV4Defaults())
	var bad *yaml.LoadError
	switch {
	case errors.As(err, &bad) && bad.Mark.Line == 0 && bad.ContextMark.Line == 0 && strings.Contains(bad.Message, "no documents"):
		return nil
	case errors.As(err, &bad):
		m := mark{bad.Mark.Line, bad.Mark.Column}
		if m.line == 0 {
			m = mark{bad.ContextMark.Line, bad.ContextMark.Column}
		}
		d.mistake(m, "", "not YAML: "+bad.Message, syntaxHint(bad.Message))
		return nil
	case err != nil:
		d.mistake(mark{}, "", "not YAML: "+strings.TrimPrefix(err.Error(), "yaml: "), "a file holds one document: key, colon, space, value, a line each")
		return nil
	}
	root := &doc
	if root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
		root = root.Content[0]
	}
	return root
}

func syntaxHint(message string) string {
	if strings.Contains(message, "tab") || strings.Contains(message, "cannot start any token") {
		return "indent with spaces, and quote values that begin with a special character"
	}
	return "key, colon, space, value; keys of one level begin in the same column"
}

// value decodes n into v. path is the key's path for messages.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	d.where[path] = at(n)
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		d.mistake(at(n), path, "anchors and aliases are not read here", "write the value out")
		return
	}
	if n.Style&yaml.TaggedStyle != 0 {
		d.mistake(at(n), path, "the tag "+n.Tag+" is not read here", "write the value without a tag")
		return
	}
	switch {
	case v.Kind() == reflect.Struct:
		d.structure(n, v, path)
	case v.Kind() == reflect.Slice:
		d.list(n, v, path)
	case n.Kind != yaml.ScalarNode:
		d.mistake(at(n), path, fmt.Sprintf("%s takes one value, not a %s", path, kindName(n)), "")
	default:
		d.scalar(n, v, path)
	}
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.mistake(at(n), path, fmt.Sprintf("%s takes keys with values, not a %s", orFile(path), kindName(n)), "one of: "+strings.Join(keysOf(v.Type()), ", "))
		return
	}
	if f, ok := v.Addr().Interface().(interface{ defaults() }); ok {
		f.defaults()
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, val := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode {
			d.mistake(at(k), path, "a key is a word", "")
			continue
		}
		key := join(path, k.Value)
		if line, twice := first[k.Value]; twice {
			d.mistake(at(k), key, fmt.Sprintf("%s is given twice", key), fmt.Sprintf("it stands in line %d already; keep one", line))
			continue
		}
		first[k.Value] = k.Line
		field := fieldOf(v, k.Value)
		if !field.IsValid() {
			hint := "known here: " + strings.Join(keysOf(v.Type()), ", ")
			if near := Nearest(k.Value, keysOf(v.Type())); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			d.mistake(at(k), key, fmt.Sprintf("unknown key %q", k.Value), hint)
			continue
		}
		d.value(val, field, key)
	}
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.mistake(at(n), path, fmt.Sprintf("%s takes a list, not a %s", path, kindName(n)), "write ["+n.Value+"], or a line with a dash for each")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		d.value(item, out.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	v.Set(out)
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	text := n.Value
	plain := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	if plain && (text == "" || text == "~" || strings.EqualFold(text, "null")) {
		d.mistake(at(n), path, path+" has no value", "give it one, or leave the key out")
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
	case *bool:
		switch text {
		case "true", "false":
			*p = text == "true"
		default:
			d.mistake(at(n), path, fmt.Sprintf("%s takes true or false, not %q", path, text), "")
		}
	case *time.Duration:
		value, err := time.ParseDuration(text)
		if err != nil {
			d.mistake(at(n), path, fmt.Sprintf("%q is no duration", text), "a number with a unit: 90s, 15m, 24h")
			return
		}
		*p = value
	case *Size:
		value, err := ParseSize(text)
		if err != nil {
			d.mistake(at(n), path, fmt.Sprintf("%q is no size: %v", text, err), "for example 512KiB, 100MB, 2GiB")
			return
		}
		*p = value
	case *int:
		value, err := strconv.Atoi(text)
		if err != nil {
			d.mistake(at(n), path, fmt.Sprintf("%q is no whole number", text), "digits only, for example 100000")
			return
		}
		*p = value
	case interface{ terms() (string, []string) }:
		enum, known := p.terms()
		if !slices.Contains(known, text) {
			what, hint := notTerm(enum, text, known)
			d.mistake(at(n), path, what, hint)
			return
		}
		v.SetString(enumName(enum, text))
	}
}

func fieldOf(v reflect.Value, key string) reflect.Value {
	for i := range v.NumField() {
		if key != "-" && v.Type().Field(i).Tag.Get("yaml") == key {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "group of keys"
	case yaml.SequenceNode:
		return "list"
	}
	return "single value"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func orFile(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

// sorted returns the mistakes by line; those without a place come last, in the order they were found.
func (d *decoder) sorted() Mistakes {
	slices.SortStableFunc(d.mistakes, func(a, b Mistake) int {
		switch {
		case a.Line == 0 || b.Line == 0:
			return b.Line - a.Line
		case a.Line != b.Line:
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return d.mistakes
}
