package attack_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Lies after the attacks of the design's list, by chance.

// clock sets the clock of the node ahead or back from something on that a person signed.
func (l *liar) clock() string {
	list := l.signed()
	if len(list) == 0 {
		return ""
	}
	by, class := int64(1+l.r.IntN(48))*3_600_000, "clock set ahead"
	if l.r.IntN(2) == 0 {
		by, class = -by, "clock set back"
	}
	for i := pick(l.r, list); i < len(l.h.Entries); i++ {
		l.h.Alter(i, func(e *forge.Entry) { e.At += by })
	}
	return class
}

// signed lists the steps that a person has signed.
func (l *liar) signed() []int {
	return slices.DeleteFunc(l.h.Find("case"), func(i int) bool { return l.h.Entries[i].Sides["assertion"] == nil })
}

// spell writes a leaf in another way.
func (l *liar) spell() string {
	way := pick(l.r, []struct {
		name   string
		change func(string) string
	}{
		{"another schema version", func(s string) string { return strings.Replace(s, `"v":1`, `"v":2`, 1) }},
		{"no known kind", func(s string) string { return strings.Replace(s, `"k":"`, `"k":"x`, 1) }},
		{"white space", func(s string) string { return strings.Replace(s, `":`, `": `, 1) }},
		{"CR LF", func(s string) string { return s + "\r\n" }},
		{"leading zeros", func(s string) string { return strings.Replace(s, `"i":`, `"i":0`, 1) }},
		{"a key twice", func(s string) string { return strings.Replace(s, `{"at":`, `{"at":1,"at":`, 1) }},
		{"an escape", func(s string) string { return strings.Replace(s, `"k":"`, `"k":"\u0063`, 1) }},
	})
	i := l.some()
	raw := string(l.h.Leaf(int64(i)))
	changed := way.change(raw)
	if changed == raw {
		return ""
	}
	l.h.Alter(i, func(e *forge.Entry) { e.Raw = []byte(changed) })
	return "leaf spelt with " + way.name
}

// file alters a file of the archive when it is written. Copies of directories stay: an auditor brings the newest, which has all before it.
func (l *liar) file() string {
	way := pick(l.r, []string{"extra", "link", "removed", "torn", "line added", "CR LF"})
	at := l.r.Uint64()
	l.after = func(path string) error {
		var files []string
		if err := filepath.Walk(path, func(p string, info os.FileInfo, err error) error {
			if err == nil && info.Mode().IsRegular() && filepath.Base(p) != "archive.json" && filepath.Base(filepath.Dir(p)) != "directories" && info.Size() > 1 {
				files = append(files, p)
			}
			return err
		}); err != nil {
			return err
		}
		name := files[at%uint64(len(files))]
		b, err := os.ReadFile(name)
		switch {
		case err != nil:
			return err
		case way == "extra":
			return os.WriteFile(filepath.Join(filepath.Dir(name), "notes"), b, 0o600)
		case way == "link":
			return os.Symlink(name, filepath.Join(path, "directories", "99"))
		case way == "removed":
			return os.Remove(name)
		case way == "torn":
			return os.WriteFile(name, b[:len(b)-1-int(at%uint64(len(b)-1))], 0o600)
		}
		name = filepath.Join(path, "checkpoint")
		if b, err = os.ReadFile(name); err != nil {
			return err
		}
		if way == "CR LF" {
			b = []byte(strings.Replace(string(b), "\n", "\r\n", 1))
		} else {
			lines := strings.SplitAfter(string(b), "\n")
			b = append(b, lines[len(lines)-2]...)
		}
		return os.WriteFile(name, b, 0o600)
	}
	return "file " + way
}

// decide says that an answer was decided upon otherwise than it was.
func (l *liar) decide() string {
	list := l.h.Find("case", func(e translog.Entry) bool { return e.(*translog.Case).Decision != "" })
	if len(list) == 0 {
		return ""
	}
	class := "case.decision altered"
	l.h.Alter(pick(l.r, list), func(e *forge.Entry) {
		k := e.Body.(*translog.Case)
		switch {
		case l.r.IntN(2) == 0:
			k.Rule, class = k.Rule+"-x", "case.rule altered"
		case k.Decision == "answer":
			k.Decision = "ask-officer"
		default:
			k.Decision = "answer"
		}
	})
	return class
}

// limit moves a limit.
func (l *liar) limit() string {
	list := l.h.Find("case", func(e translog.Entry) bool { return e.(*translog.Case).Due != 0 })
	if len(list) == 0 {
		return ""
	}
	l.h.Alter(pick(l.r, list), func(e *forge.Entry) { e.Body.(*translog.Case).Due += int64(1+l.r.IntN(72)) * 3_600_000 })
	return "case.due altered"
}

// reading hides who read, or says that somebody else did.
func (l *liar) reading() string {
	list := l.h.Find("op")
	if len(list) == 0 {
		return ""
	}
	i := pick(l.r, list)
	if l.r.IntN(2) == 0 {
		l.h.Alter(i, func(e *forge.Entry) { e.Body.(*translog.Op).Who += "-x" })
		return "op.who altered"
	}
	defer l.fix()
	class := what(l.h.Entries[i].Body) + " removed"
	l.h.Delete(i)
	return class
}

// fork shows two heads of one size.
func (l *liar) fork() string {
	l.h.Alter(len(l.h.Entries)-1, func(e *forge.Entry) { e.At++ })
	l.h.Rebuild()
	l.heads = [2][]byte{l.h.Note(), l.c.Log.Note()}
	return "two heads of one size"
}

// foreign signs a message with a key that nobody has published.
func (l *liar) foreign() string {
	list := l.h.Find("msg", func(e translog.Entry) bool { return e.(*translog.Msg).Dir == translog.Out })
	if len(list) == 0 {
		return ""
	}
	was := l.c.Identities
	defer func() { l.c.Identities = was }()
	l.c.Identities = []keyring.DatedIdentity{{Key: keyring.NewRing(time.Now(), time.Hour).Identity()}}
	l.w.Reissue(l.c, l.h, pick(l.r, list), func(*rogatoryv1.Message) {})
	return "message signed with a key of nobody"
}

// bury writes a tombstone that nobody may write.
func (l *liar) bury() string {
	list := slices.DeleteFunc(l.h.Find("msg"), func(i int) bool { return l.h.Entries[i].Sides["docket"] == nil })
	if len(list) == 0 {
		return ""
	}
	i := pick(l.r, list)
	name := l.h.Entries[i].Body.(*translog.Msg).Msg
	tomb := &translog.Erase{Basis: "none", By: "operator", Of: []translog.Hash{name}, OfCount: 1, What: []string{"content"}}
	class := "tombstone by nobody"
	switch l.r.IntN(4) {
	case 0:
		tomb.Basis, tomb.By, class = "restore", "restore", "tombstone under the mark of a recovery"
	case 1:
		tomb.Basis, tomb.By, tomb.What, class = "docket-term.3-years", "docket-term", []string{"docket"}, "docket destroyed before its term"
		l.h.Alter(i, func(e *forge.Entry) { delete(e.Sides, "docket") })
	case 2:
		tomb.Basis, tomb.By, tomb.What, class = "docket-term.3-years", "docket-term", []string{"docket"}, "docket said to be destroyed and kept"
	}
	l.h.Append(l.w.Now, tomb)
	return class
}

// unlawful lets officers sign what they may not: whoever drafted approves, the clerk does what only others may, an act of long ago or of something else stands
// behind a step.
func (l *liar) unlawful() string {
	list := l.signed()
	if approvals := l.h.Find("case", step("approve")); len(approvals) > 0 && l.r.IntN(2) == 0 {
		list = approvals
	}
	if len(list) == 0 {
		return ""
	}
	i := pick(l.r, list)
	k := l.h.Entries[i].Body.(*translog.Case)
	class := ""
	switch n := l.r.IntN(4); {
	case k.Event == "approve" && n < 2:
		class = "approved by the drafter"
		l.sign(i, forge.First, func(*rogatoryv1.Act) {}, 0)
	case slices.Contains([]string{"approve", "hold", "release", "erase-item", "propose-erase-item", "erase", "propose-erase"}, k.Event):
		class = k.Event + " by the clerk"
		l.sign(i, forge.Clerk, func(*rogatoryv1.Act) {}, 0)
	case n < 2 && !strings.HasPrefix(k.Event, "sent."):
		class = "an act of long ago"
		l.sign(i, forge.First, func(*rogatoryv1.Act) {}, -3_600_000)
	default:
		class = "an act of something else"
		l.sign(i, forge.First, func(x *rogatoryv1.Act) {
			*x = rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: x.GetCaseToken(), Actor: x.GetActor(), Reason: "investigation"}
		}, 0)
	}
	return class
}

// sign puts an act of an officer behind a step, as of its time and some.
func (l *liar) sign(i int, who string, change func(*rogatoryv1.Act), after int64) {
	l.h.Alter(i, func(e *forge.Entry) {
		a := new(rogatoryv1.Assertion)
		if envelope.StrictUnmarshal(e.Sides["assertion"], a, 1<<20) != nil {
			return
		}
		x, err := federation.ParseAct(a.GetAct())
		if err != nil {
			return
		}
		x.Actor = who
		change(x)
		var nonce [16]byte
		for i := range nonce {
			nonce[i] = byte(l.r.IntN(256))
		}
		act, err := federation.NewAct(x, nonce, time.UnixMilli(e.At+after))
		if err != nil {
			return
		}
		if a, err = federation.SignAct(act, l.c.Officers[who]); err != nil {
			return
		}
		digest, err := federation.AssertionDigest(a)
		if err != nil {
			return
		}
		if e.Sides["assertion"], err = envelope.Marshal(a); err != nil {
			return
		}
		e.Body.(*translog.Case).Assertion = digest
	})
}
