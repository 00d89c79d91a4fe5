package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/node/client"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

var (
	errNoRequests  = errors.New("the folder holds no *.json")
	errNoRecipient = errors.New(`it names neither a recipient ("to") nor a case ("caseToken")`)
)

// sendRequests sends every *.json of a folder, in order of their names: drafted by the first officer of its unit, approved by the second. What the
// linter or the node refuses is printed and passed over; the answers are left to whoever plays on. The error says that the folder or a
// node cannot be used, not that a file is refused.
func (p *player) sendRequests(ctx context.Context, dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err == nil && len(names) == 0 {
		err = errNoRequests
	}
	if err != nil {
		return fmt.Errorf("requests of %s: %w", dir, err)
	}
	slices.Sort(names)
	p.out.title("Requests of " + dir)
	sent := 0
	for _, name := range names {
		ok, err := p.sendRequest(ctx, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if ok {
			sent++
		}
	}
	p.out.printf("%d of %d files sent.\n", sent, len(names))
	return nil
}

// sendRequest sends one file. ok is false when it was refused, which has been printed.
func (p *player) sendRequest(ctx context.Context, path string) (ok bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, stepPatience, fmt.Errorf("not within %s", stepPatience))
	defer cancel()
	name := filepath.Base(path)
	var file *rogatoryv1.RequestFile
	var d desk
	b, err := readPath(path)
	if err == nil {
		file, err = parseRequest(name, b)
	}
	if err == nil && len(file.GetTo()) == 0 && file.GetCaseToken() == "" {
		err = errNoRecipient
	}
	if err == nil {
		d, err = p.deskOfFile(name, file)
	}
	if err != nil {
		p.out.event(yellow, "", "passed over: "+name, err.Error())
		return false, nil
	}
	cases, draft, err := p.write(ctx, d, file, func(attachment string) (io.ReadCloser, error) {
		if !filepath.IsAbs(attachment) {
			attachment = filepath.Join(filepath.Dir(path), attachment)
		}
		return os.Open(attachment)
	})
	for _, row := range cases {
		p.cases = append(p.cases, &openCase{name: name, token: row.GetCaseToken(), asker: d.m.country, peer: row.GetPeer()})
	}
	if err == nil && draft && len(cases) > 0 {
		d.who = d.m.officer(d.unit, 2)
		err = p.sign(ctx, d, cases[0].GetCaseToken())
	}
	var findings *client.FindingsError
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, fmt.Errorf("%w: %w", context.Cause(ctx), err)
	case errors.As(err, &findings):
		p.out.event(red, d.place(), "the linter refuses "+name, lines(findings.Findings)...)
	case d.m.failure() != nil:
		return false, err
	default:
		p.out.event(red, d.place(), "refused: "+name, reason(err))
	}
	return false, nil
}

func lines(findings []*nodev1.Finding) []string {
	var out []string
	for _, f := range findings {
		kind := "error"
		if f.GetWarning() {
			kind = "warning"
		}
		out = append(out, fmt.Sprintf("%s  %s: %s", kind, f.GetPath(), f.GetText()))
	}
	return out
}

// deskOfFile finds the first officer of the unit that a file comes from.
func (p *player) deskOfFile(name string, file *rogatoryv1.RequestFile) (desk, error) {
	country := origin(name, file, p.cluster.countries())
	m, err := p.cluster.member(country)
	if err != nil {
		return desk{}, err
	}
	unit := file.GetFromUnit()
	if unit == "" {
		unit = unitNames[0]
		for _, u := range m.cfg.Units {
			if string(u.Authority) == file.GetContent().GetSender().GetAuthority().String() {
				unit = u.Name
			}
		}
	}
	if m.cfg.Unit(unit) == nil {
		return desk{}, fmt.Errorf("unit %q of %s: the demo has %s", unit, country, strings.Join(unitNames, ", "))
	}
	return desk{m, unit, m.officer(unit, 1)}, nil
}

// origin is the member that a file comes from: by its sender's telephone number, else by its name ("RS-0001.json"), else the first of RS and the
// others that is not asked itself.
func origin(name string, file *rogatoryv1.RequestFile, countries []string) string {
	phone := file.GetContent().GetSender().GetPhone()
	for _, c := range countries {
		if strings.HasPrefix(phone, diallingCodes[c]) {
			return c
		}
	}
	if len(name) > 2 && strings.ContainsRune("-_.", rune(name[2])) && slices.Contains(countries, name[:2]) {
		return name[:2]
	}
	for _, c := range append([]string{"RS"}, countries...) {
		asked := slices.ContainsFunc(file.GetTo(), func(to string) bool { return strings.HasPrefix(to, c) })
		if !asked && slices.Contains(countries, c) {
			return c
		}
	}
	return countries[0]
}

func readPath(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f)
}
