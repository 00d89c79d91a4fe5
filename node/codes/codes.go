// Package codes turns codes into sentences for people: every coded term of the wire, every state, event and step of a case,
// every reason why something was refused, every finding of the linter. Node, command line, gateway and auditor share it.
//
// One JSON file a language, lang/<tag>.json, maps codes to texts; English is complete and stands in where a language has a
// gap. A proto enum value is its own code (GROUND_NOT_AVAILABLE); other codes have a prefix: state, event, step, who, transition,
// lint, and so on. The hint to a code is the code with ".hint" behind it: what happened, what now.
//
// A text has parameters in braces. {max} is put in as it stands; {state|state} is a code itself: the text of
// "state.<value>", or of several values with commas between them; {ground|} is a code without prefix. A parameter that the caller did not give stays visible in braces.
//
// Why neither go-i18n nor x/text/message: what these texts need is a look-up with fallback and named parameters that are
// codes in turn; they need no plural forms (texts say "at most: 12"), no number formats and no templates that run code. That is
// a hundred lines here against two dependencies with text/template and CLDR tables in every binary, the auditor's included.
package codes

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

//go:embed lang/*.json
var files embed.FS

// English is the language that every code has.
const English = "en"

// catalogues is filled once, from what is embedded, and then only read.
var catalogues = sync.OnceValue(func() map[string]map[string]string {
	all, err := load(files)
	if err != nil {
		// The files are part of the binary and tested; codes without texts are still codes.
		return map[string]map[string]string{English: {}}
	}
	return all
})

func load(f fs.FS) (map[string]map[string]string, error) {
	names, err := fs.Glob(f, "lang/*.json")
	if err != nil {
		return nil, fmt.Errorf("listing catalogues: %w", err)
	}
	all := make(map[string]map[string]string, len(names))
	for _, name := range names {
		b, err := fs.ReadFile(f, name)
		if err != nil {
			return nil, fmt.Errorf("reading catalogue: %w", err)
		}
		var texts map[string]string
		if err := json.Unmarshal(b, &texts); err != nil {
			return nil, fmt.Errorf("reading catalogue %s: %w", name, err)
		}
		all[strings.TrimSuffix(strings.TrimPrefix(name, "lang/"), ".json")] = texts
	}
	return all, nil
}

// Text returns the text of a code in a language, a BCP 47 tag. A tag is shortened from its end until a catalogue has the code
// (sr-Latn-RS, sr-Latn, sr); English comes last. A code without any text is returned as it is.
func Text(lang, code string, params map[string]string) string {
	return text(lang, code, params, 0)
}

// Hint returns what to do about a code, or "" when there is nothing to say.
func Hint(lang, code string, params map[string]string) string {
	if _, ok := find(lang, code+".hint"); !ok {
		return ""
	}
	return text(lang, code+".hint", params, 0)
}

// Enum returns the text of a value of an enum of rogatory.v1.
func Enum(lang string, value fmt.Stringer) string { return Text(lang, value.String(), nil) }

// Has reports whether the code has an English text.
func Has(code string) bool {
	_, ok := catalogues()[English][code]
	return ok
}

// Languages lists the tags of the catalogues, sorted.
func Languages() []string {
	var out []string
	for tag := range catalogues() {
		out = append(out, tag)
	}
	slices.Sort(out)
	return out
}

// All lists every code that has an English text, sorted.
func All() []string {
	var out []string
	for code := range catalogues()[English] {
		out = append(out, code)
	}
	slices.Sort(out)
	return out
}

func find(lang, code string) (string, bool) {
	for tag := lang; tag != ""; {
		if s, ok := catalogues()[tag][code]; ok {
			return s, true
		}
		i := strings.LastIndexByte(tag, '-')
		if i < 0 {
			break
		}
		tag = tag[:i]
	}
	s, ok := catalogues()[English][code]
	return s, ok
}

// maxDepth bounds codes within codes.
const maxDepth = 2

func text(lang, code string, params map[string]string, depth int) string {
	s, ok := find(lang, code)
	if !ok {
		return code
	}
	if len(params) == 0 || !strings.Contains(s, "{") {
		return s
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '{')
		j := strings.IndexByte(s[max(i, 0):], '}')
		if i < 0 || j < 0 {
			b.WriteString(s)
			return b.String()
		}
		j += i
		b.WriteString(s[:i])
		name, prefix, coded := strings.Cut(s[i+1:j], "|")
		value, given := params[name]
		switch {
		case !given:
			b.WriteString(s[i : j+1])
		case coded && depth < maxDepth:
			b.WriteString(terms(lang, prefix, value, depth))
		default:
			b.WriteString(value)
		}
		s = s[j+1:]
	}
}

// terms renders a value that is a code, or several with commas between them. What is no code stays as it is.
func terms(lang, prefix, value string, depth int) string {
	list := strings.Split(value, ",")
	for i, code := range list {
		if prefix != "" {
			code = prefix + "." + code
		}
		if _, ok := find(lang, code); ok {
			list[i] = text(lang, code, nil, depth+1)
		}
	}
	return strings.Join(list, ", ")
}
