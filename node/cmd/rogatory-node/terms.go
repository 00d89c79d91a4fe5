package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// termCode is how the command line writes a coded term: AUTHORITY_ASSET_RECOVERY is asset-recovery; empty for unspecified.
func termCode(e protoreflect.Enum) string {
	v := e.Descriptor().Values().ByNumber(e.Number())
	if v == nil || v.Number() == 0 {
		return ""
	}
	return valueCode(v)
}

func valueCode(v protoreflect.EnumValueDescriptor) string {
	prefix := strings.TrimSuffix(string(v.Parent().(protoreflect.EnumDescriptor).Values().Get(0).Name()), "UNSPECIFIED")
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(string(v.Name()), prefix)), "_", "-")
}

// termCodes lists an enum's terms.
func termCodes(d protoreflect.EnumDescriptor) []string {
	var codes []string
	for i := range d.Values().Len() {
		if v := d.Values().Get(i); v.Number() != 0 {
			codes = append(codes, valueCode(v))
		}
	}
	return codes
}

// enum is a generated enum: its zero value knows its descriptor.
type enum interface {
	~int32
	protoreflect.Enum
}

// parseTerm reads a coded term from a flag.
func parseTerm[E enum](flag, text string) (E, error) {
	var zero E
	d := zero.Descriptor()
	for i := range d.Values().Len() {
		if v := d.Values().Get(i); v.Number() != 0 && (valueCode(v) == text || string(v.Name()) == text) {
			return E(v.Number()), nil
		}
	}
	return zero, usage(fmt.Errorf("%s: %q is no %s", flag, text, words(string(d.Name()))), "one of: "+strings.Join(termCodes(d), ", "))
}

func parseTerms[E enum](flag string, texts []string) ([]E, error) {
	var out []E
	for _, t := range texts {
		e, err := parseTerm[E](flag, t)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// words writes a type's name as people do: WithdrawalReason is withdrawal reason.
func words(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// complete offers an enum's terms for a flag on the shell.
func complete[E enum](c *cobra.Command, flag string) {
	var zero E
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(termCodes(zero.Descriptor()), cobra.ShellCompDirectiveNoFileComp))
}
