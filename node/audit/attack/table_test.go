package attack_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
)

var update = flag.Bool("update", false, "write the table into the README of package audit")

// An attack is what one operator does, with all keys of its node, and what must come of it.
type attack struct {
	name string
	// finds are the codes that each command gives, all of them and no other: "verify E-SEQ W-UNWITNESSED, reconcile E-FORK". Empty: nothing is found.
	finds string
	tell  func(s *scene) []found
}

// A scene is an honest history of three countries at the moment at which RS's operator begins to lie.
type scene struct {
	*auditor
	w          *forge.World
	rs, bg, gr *forge.Country
	h          *forge.History // RS's log, to be altered
	asked      *forge.Message // RS to BG, answered
	answered   *forge.Message // GR to RS, answered
	in         string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	w := forge.New(t, "BG", "GR", "RS")
	w.Round()
	s := &scene{w: w, rs: w.Country("RS"), bg: w.Country("BG"), gr: w.Country("GR"), in: dir(t)}
	s.asked = w.Ask("RS", "BG")
	w.Ask("RS", "GR")
	s.answered = w.Ask("GR", "RS")
	w.Consult("RS", s.asked.Docket.GetCaseToken(), forge.Clerk, "investigation")
	w.Reply(s.asked)
	w.Round()
	w.Sleep(25 * time.Hour)
	w.Register("RS", s.answered.Docket.GetCaseToken(), forge.First)
	w.Reply(s.answered)
	w.Reply(w.Ask("BG", "RS"))
	w.Ask("RS", "BG")
	w.Round()
	s.h = s.rs.Log.Copy()
	s.auditor = newAuditor(t, w.Trusted())
	return s
}

// show signs RS's history as it is now and has it audited, alone and against BG's.
func (s *scene) show() []found {
	s.t.Helper()
	s.h.Resign()
	path := s.w.ArchiveOf(s.rs, s.h, s.in+"/RS.zip")
	return append(s.one(path), s.both(path, s.w.Archive("BG", s.in+"/BG.zip"))...)
}

// inTime is show for what the operator did before any witness saw a head behind it: they have cosigned it. Only what the log says by itself is asked for.
func (s *scene) inTime() []found {
	s.t.Helper()
	s.h.Resign()
	s.w.Cosign(s.h, s.w.Collude(s.h, "BG", "GR"))
	l := &liar{w: s.w, c: s.rs, h: s.h}
	return slices.DeleteFunc(s.one(s.w.ArchiveOf(s.rs, s.h, s.in+"/RS.zip")), l.byHeads)
}

// folder signs RS's history, writes it as a folder and has it audited after change.
func (s *scene) folder(change func(path string)) []found {
	s.t.Helper()
	s.h.Resign()
	path := s.w.ArchiveOf(s.rs, s.h, s.in+"/RS")
	change(path)
	return s.one(path)
}

// edit changes a file of the archive.
func (s *scene) edit(name string, change func([]byte) []byte) []found {
	s.t.Helper()
	return s.folder(func(path string) { s.rewrite(path+"/"+name, change) })
}

func (s *scene) rewrite(path string, change func([]byte) []byte) {
	s.t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(b), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// put adds a file to the archive.
func (s *scene) put(name string, b []byte) []found {
	s.t.Helper()
	return s.folder(func(path string) { s.write(path, name, b) })
}

func (s *scene) write(path, name string, b []byte) {
	s.t.Helper()
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		if err := os.MkdirAll(path+"/"+name[:i], 0o700); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := os.WriteFile(path+"/"+name, b, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// leaf puts bytes in the place of a leaf.
func (s *scene) leaf(i int, change func(string) string) []found {
	s.t.Helper()
	old := string(s.h.Leaf(int64(i)))
	s.h.Alter(i, func(e *forge.Entry) { e.Raw = []byte(change(old)) })
	if string(s.h.Entries[i].Raw) == old {
		s.t.Fatal("the leaf is not changed")
	}
	return s.inTime()
}

// checks has files checked by themselves.
func (s *scene) checks(files ...[]byte) []found {
	s.t.Helper()
	c, err := s.anchor.Check(files...)
	switch {
	case err != nil:
		return []found{{check, audit.Finding{Code: "unreadable"}}}
	case c.Holds && c.What == audit.IsFork:
		return []found{{check, audit.Finding{Code: audit.CodeFork}}}
	case !c.Holds:
		return []found{{check, audit.Finding{Code: "does not hold"}}}
	}
	return nil
}

// find returns the index of the first entry of a kind.
func (s *scene) find(kind string, fit ...func(translog.Entry) bool) int {
	s.t.Helper()
	list := s.h.Find(kind, fit...)
	if len(list) == 0 {
		s.t.Fatalf("no %s", kind)
	}
	return list[0]
}

func msg(dir, peer string) func(translog.Entry) bool {
	return func(e translog.Entry) bool {
		m := e.(*translog.Msg)
		return m.Dir == dir && (m.From == peer || m.To == peer)
	}
}

func step(event string) func(translog.Entry) bool {
	return func(e translog.Entry) bool { return e.(*translog.Case).Event == event }
}

func last(list []int) int { return list[len(list)-1] }

// spoken returns what a list of findings comes to, as attack.finds has it.
func spoken(list []found) string {
	codes := map[string]map[string]bool{}
	for _, f := range list {
		if codes[f.command] == nil {
			codes[f.command] = map[string]bool{}
		}
		codes[f.command][string(f.Code)] = true
	}
	var out []string
	for _, command := range []string{verify, replays, reconciles, check} {
		if c := codes[command]; c != nil {
			out = append(out, command+" "+strings.Join(slices.Sorted(maps.Keys(c)), " "))
		}
	}
	return strings.Join(out, ", ")
}

func TestEveryAttackIsFoundAsTheTableSays(t *testing.T) {
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			list := a.tell(s)
			if got := spoken(list); got != a.finds {
				for _, f := range list {
					t.Log(f)
				}
				t.Errorf("found %q, and the table says %q", got, a.finds)
			}
		})
	}
}

const (
	tableBegin = "<!-- attacks: written by go test ./node/audit/attack -update -->\n"
	tableEnd   = "<!-- end of attacks -->\n"
	listBegin  = "<!-- invisible: written by go test ./node/audit/attack -update -->\n"
	listEnd    = "<!-- end of invisible -->\n"
)

// table is the README's: what finds what.
func table() string {
	var b strings.Builder
	b.WriteString("| attack | verify | replay | reconcile | check |\n|---|---|---|---|---|\n")
	for _, a := range attacks {
		row := map[string]string{}
		for part := range strings.SplitSeq(a.finds, ", ") {
			command, codes, _ := strings.Cut(part, " ")
			row[command] = codes
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", a.name, row[verify], row[replays], row[reconciles], row[check])
	}
	for _, e := range elsewhere {
		fmt.Fprintf(&b, "| %s | %s ||||\n", e[0], e[1])
	}
	return b.String()
}

// list is the README's: what is invisible.
func list() string {
	var b strings.Builder
	said := map[string]bool{}
	for _, u := range unbound {
		if !said[u.says] {
			said[u.says] = true
			fmt.Fprintf(&b, "* %s;\n", u.says)
		}
	}
	return strings.TrimSuffix(b.String(), ";\n") + ".\n"
}

func TestReadmeSaysWhatTheTestsSay(t *testing.T) {
	const path = "../README.md"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	now := b
	for _, x := range [][3]string{{tableBegin, tableEnd, table()}, {listBegin, listEnd, list()}} {
		before, rest, ok1 := bytes.Cut(now, []byte(x[0]))
		_, after, ok2 := bytes.Cut(rest, []byte(x[1]))
		if !ok1 || !ok2 {
			t.Fatalf("the README has no place for what begins with %q", x[0])
		}
		now = slices.Concat(before, []byte(x[0]), []byte(x[2]), []byte(x[1]), after)
	}
	if bytes.Equal(b, now) {
		return
	}
	if !*update {
		t.Fatal("the README says something else: go test ./node/audit/attack -run Readme -update")
	}
	if err := os.WriteFile(path, now, 0o644); err != nil {
		t.Fatal(err)
	}
}
