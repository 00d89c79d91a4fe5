package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/node/cmd/internal/input"
	"github.com/rogatory/rogatory/node/lint"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// maxJSONFile bounds an input file: the largest content in JSON, with its escapes, has less.
const maxJSONFile = 8 << 20

// requestFile is a parsed file and where it came from.
type requestFile struct {
	*rogatoryv1.RequestFile
	// folder that the paths of attachments are relative to.
	folder string
}

// readFile reads a RequestFile; - is standard input.
func (p *program) readFile(path string) (*requestFile, error) {
	f := &requestFile{RequestFile: new(rogatoryv1.RequestFile), folder: filepath.Dir(path)}
	if path == "-" {
		f.folder = "."
	}
	if err := p.readJSON(path, f.RequestFile, "RequestFile"); err != nil {
		return nil, err
	}
	if f.Content == nil || lint.KindOf(f.Content) == 0 {
		return nil, usage(fmt.Errorf("%s says nothing: it has no content", path), hintJSONFile)
	}
	return f, nil
}

// readJSON parses the protobuf JSON form strictly: unknown and doubled fields are refused, with their place.
func (p *program) readJSON(path string, m proto.Message, what string) error {
	var r io.Reader = p.stdin
	name := "standard input"
	if path != "-" {
		f, err := input.Stream(path)
		if err != nil {
			return err
		}
		defer f.Close()
		r, name = f, path
	}
	b, err := io.ReadAll(io.LimitReader(r, maxJSONFile+1))
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	if len(b) > maxJSONFile {
		return usage(fmt.Errorf("%s is larger than 8 MiB", name), "a file holds one message; attach documents with request attach")
	}
	if len(b) == 0 {
		return usage(fmt.Errorf("%s is empty", name), formOf(what))
	}
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		return usage(fmt.Errorf("%s is no text, and JSON is wanted", name), formOf(what))
	}
	if err := protojson.Unmarshal(b, m); err != nil {
		return jsonMistake(name, b, err, m, what)
	}
	return nil
}

// formOf says where a file's form is written down.
func formOf(what string) string {
	if what == "RequestFile" {
		return hintJSONFile
	}
	return "the fields of " + what + " stand in proto/rogatory/v1; see configs/examples"
}

var (
	jsonPlace   = regexp.MustCompile(`\(line (\d+):(\d+)\): `)
	jsonUnknown = regexp.MustCompile(`unknown field "?([^"]*)"?`)
)

// jsonMistake turns an error of protojson into a place with the line, a caret and a hint.
func jsonMistake(name string, b []byte, err error, m proto.Message, what string) error {
	// protojson writes a space or a no-break space after its prefix, so that nobody compares its errors.
	text := strings.NewReplacer("proto:\u00a0", "", "proto: ", "").Replace(err.Error())
	mistake := configs.Mistake{File: name, What: text, Hint: formOf(what)}
	if errors.Is(err, io.ErrUnexpectedEOF) || strings.HasSuffix(text, io.ErrUnexpectedEOF.Error()) {
		lines := strings.Split(strings.TrimRight(string(b), "\r\n"), "\n")
		last := lines[len(lines)-1]
		mistake.What, mistake.Hint = "the file ends too early", "a bracket or a quote that was opened is not closed"
		mistake.Line, mistake.Column = len(lines), utf8.RuneCountInString(last)+1
		mistake.Source, mistake.Column = window(last, mistake.Column)
	}
	if at := jsonPlace.FindStringSubmatchIndex(text); at != nil {
		mistake.Line, _ = strconv.Atoi(text[at[2]:at[3]])
		column, _ := strconv.Atoi(text[at[4]:at[5]])
		mistake.What = text[:at[0]] + text[at[1]:]
		lines := strings.Split(string(b), "\n")
		if mistake.Line >= 1 && mistake.Line <= len(lines) {
			line := strings.TrimRight(lines[mistake.Line-1], "\r")
			// The column counts bytes; people count characters.
			mistake.Column = utf8.RuneCountInString(line[:min(max(column-1, 0), len(line))]) + 1
			mistake.Source, mistake.Column = window(line, mistake.Column)
		}
	}
	if u := jsonUnknown.FindStringSubmatch(mistake.What); u != nil {
		if near := nearestField(u[1], m.ProtoReflect().Descriptor()); near != "" {
			mistake.Hint = fmt.Sprintf("did you mean %q?", near)
		}
	}
	return configs.Mistakes{mistake}
}

// window cuts a long line around a column, so that the caret stays on the screen.
func window(line string, column int) (string, int) {
	const before, after = 60, 40
	runes := []rune(line)
	if len(runes) <= before+after {
		return line, column
	}
	start := max(0, min(column-1-before, len(runes)))
	end := min(len(runes), column-1+after)
	return string(runes[start:end]), column - start
}

// nearestField looks for a field of the message, or of one inside it, that a slip of the pen away from the word could have meant.
func nearestField(word string, d protoreflect.MessageDescriptor) string {
	names := map[string]bool{}
	seen := map[protoreflect.FullName]bool{}
	var walk func(protoreflect.MessageDescriptor)
	walk = func(d protoreflect.MessageDescriptor) {
		if seen[d.FullName()] {
			return
		}
		seen[d.FullName()] = true
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			names[f.JSONName()] = true
			if f.Message() != nil {
				walk(f.Message())
			}
		}
	}
	walk(d)
	list := make([]string, 0, len(names))
	for n := range names {
		list = append(list, n)
	}
	return configs.Nearest(word, list)
}
