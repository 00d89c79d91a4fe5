package attack_test

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
)

// liesAWorld is how many lies are told of one history.
const liesAWorld = 8

// TestEveryRandomLieIsFound lets an operator with all keys of its node lie, by chance, in random histories. Half of the lies are told in time:
// before anybody has seen a head, so that all witnesses cosign them and no head anywhere says otherwise. They must be found by what the leaves say, or
// belong to a class that the README names as invisible. The others are told when witnesses have seen the truth, and must be found whatever they are.
func TestEveryRandomLieIsFound(t *testing.T) {
	s, in := seed(t), dir(t)
	var mu sync.Mutex
	count, missed, shown := map[string]int{}, map[string]int{}, 0
	shared(lies/liesAWorld, func(i int) {
		at := fmt.Sprintf("ROGATORY_SEED=%d, history %d", s, i)
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("%s: %v", at, p)
			}
		}()
		r := chance(s, "lies", i)
		w := forge.New(thrown{at}, members[min(r.IntN(4), 1)]...)
		roots := timed(w)
		w.Round()
		forge.Live(w, r, 15+r.IntN(30), false)
		a, here := newAuditor(t, w.Trusted()), filepath.Join(in, fmt.Sprint(i))
		a.anchor.TrustTime(roots)
		if err := os.Mkdir(here, 0o700); err != nil {
			t.Error(err)
			return
		}
		defer os.RemoveAll(here)
		honest := map[string]string{}
		for _, c := range w.Countries() {
			honest[c.Code] = w.Archive(c.Code, filepath.Join(here, c.Code+".zip"))
		}
		for n := range liesAWorld {
			l := &liar{r: r, w: w, c: pick(r, w.Countries())}
			class := ""
			for class == "" || same(l.h, l.c.Log) {
				l.h, l.after, l.heads = l.c.Log.Copy(), nil, [2][]byte{}
				class = l.tell()
				l.h.Resign()
				if l.after != nil {
					break
				}
			}
			inTime := n%2 == 0 || unseen(l.h, l.c.Log)
			if inTime {
				w.Cosign(l.h, w.Collude(l.h, l.others()...))
			}
			name := fmt.Sprintf("lie-%d.zip", n)
			if l.after != nil {
				name = fmt.Sprintf("lie-%d", n) // a folder
			}
			path := w.ArchiveOf(l.c, l.h, filepath.Join(here, name))
			if l.after != nil {
				if err := l.after(path); err != nil {
					t.Errorf("%s: %v", at, err)
				}
			}
			list := a.one(path)
			for _, o := range l.others() {
				list = append(list, a.both(path, honest[o])...)
			}
			if l.heads[0] != nil { // whoever holds both needs nothing else
				c, err := a.anchor.Check(l.heads[:]...)
				if err != nil || !c.Holds || c.What != audit.IsFork {
					t.Errorf("%s, lie %d: two heads of one size are no fork: %v", at, n, err)
				}
				list = append(list, found{check, audit.Finding{Code: audit.CodeFork}})
			}
			if inTime {
				list = slices.DeleteFunc(list, l.byHeads)
			}
			mu.Lock()
			count[class]++
			if !inTime {
				shown++
			}
			if len(list) == 0 && !(inTime && invisible(class)) {
				missed[class]++
				t.Errorf("%s, lie %d (in time: %t): %s by %s was not found: %s", at, n, inTime, class, l.c.Code, difference(l.h, l.c.Log))
			}
			mu.Unlock()
			_ = os.RemoveAll(path)
		}
	})
	t.Logf("%d lies of %d classes, %d of them told when witnesses had seen the truth; missed %v", sum(maps.Values(count)), len(count), shown, missed)
	for _, class := range slices.Sorted(maps.Keys(count)) {
		t.Logf("%5d %s", count[class], class)
	}
	for _, k := range listed {
		n := 0
		for class, c := range count {
			if slices.ContainsFunc(k.lies, func(like string) bool { ok, _ := path.Match(like, class); return ok }) {
				n += c
			}
		}
		t.Logf("%5d of the list: %s", n, k.name)
		if n == 0 && lies >= 1000 {
			t.Errorf("no lie of the kind: %s", k.name)
		}
	}
}

func sum(counts iter.Seq[int]) (n int) {
	for c := range counts {
		n += c
	}
	return n
}

// listed are the kinds of the design's list of attacks that an operator's lie can be, with the classes that are of each. Lies that are told when witnesses
// have seen the truth are split views, whatever their class.
var listed = []struct {
	name string
	lies []string
}{
	{"truncated; restored from a backup, and gone on", []string{"history truncated *"}},
	{"reordered", []string{"two leaves swapped", "a leaf swapped *"}},
	{"removed", []string{"msg * removed", "msg * hidden *", "case * removed"}},
	{"a received entry forged", []string{"arrival invented"}},
	{"an entry swapped, all history signed anew", []string{"message signed anew", "msg.* altered"}},
	{"fork between two peers", []string{"two heads of one size"}},
	{"a receipt deleted or made up", []string{"rcpt removed", "receipt invented", "record path *", "record leaf *"}},
	{"clock set back or ahead", []string{"clock set *", "*.at moved far"}},
	{"duplicate id or sequence", []string{"msg * repeated", "msg.seq *"}},
	{"key rotation and revocation", []string{"message signed with a key of nobody", "dir manifest *", "dir.* altered"}},
	{"erased without a tombstone, or by nobody", []string{"erase removed", "tombstone *", "record docket of a * dropped", "docket destroyed *"}},
	{"salt kept", []string{"docket said to be destroyed and kept"}},
	{"two schema versions", []string{"leaf spelt with another schema version", "leaf spelt with no known kind"}},
	{"non-canonical forms", []string{"leaf spelt with white space", "leaf spelt with CR LF", "leaf spelt with leading zeros", "leaf spelt with a key twice", "leaf spelt with an escape"}},
	{"lines added to the checkpoint", []string{"file line added", "file CR LF"}},
	{"extra file, link, file missing", []string{"file extra", "file link", "file removed"}},
	{"torn tail of a tile", []string{"file torn"}},
	{"a witness rolled back, a cosignature hidden", []string{"wit.* altered", "wit removed", "cos removed"}},
	{"approval by the drafter", []string{"approved by the drafter"}},
	{"a forged actor assertion", []string{"* by the clerk", "an act of *", "record assertion of a * spoilt", "case.assertion altered", "step invented"}},
	{"an answer without right", []string{"case.decision altered", "case.rule altered", "case.policy altered"}},
	{"a deadline moved", []string{"case.due altered"}},
	{"a reading hidden", []string{"op consult removed", "op.* altered", "line of the statutory log invented"}},
}

// byHeads reports whether a finding follows from heads that others hold, or from where leaves stood when they saw them: of a lie that was told before
// anybody saw a head there is none.
func (l *liar) byHeads(f found) bool {
	switch f.Code {
	case audit.CodeFork, audit.CodeHead, audit.CodeRcptOther:
		return f.command == reconciles && f.Log != l.c.Origin() || strings.HasPrefix(f.Detail, "head in our manifest")
	case audit.CodeRollback:
		return f.command == reconciles && f.Log == l.c.Origin()
	case audit.CodeUnwitnessed:
		return true
	}
	return false
}

// invisible reports whether a class of lies is one that the README names: told in time, nothing else anywhere says otherwise.
func invisible(class string) bool {
	for _, c := range unbound {
		if ok, _ := path.Match(c.lies, class); ok {
			return true
		}
	}
	return false
}

// unbound are the classes of lies that are invisible when they are told in time: as path.Match has them, with what the README says of them.
var unbound = []struct{ lies, says string }{
	{"*.at moved a little", "the time of an entry, by less than two minutes, between those of its neighbours"},
	{"node.at moved far", "when a node started and stopped"},
	{"cos.at moved far", "when a head was cosigned, by the clock of the log; the cosignatures tell it"},
	{"wit.at moved far", "when a head was cosigned, by the clock of the log; the cosignatures tell it"},
	{"wit.time altered", "when a head was cosigned, by the clock of the log; the cosignatures tell it"},
	{"key.at moved far", "when a sealing key was made"},
	{"key.* altered", "what a log says of its sealing keys beside the manifests, which bind"},
	{"key removed", "what a log says of its sealing keys beside the manifests, which bind"},
	{"key repeated", "what a log says of its sealing keys beside the manifests, which bind"},
	{"msg.*_version altered at a change", "which of two directories or manifests a message went by, within two minutes of the change"},
	{"case.manifest altered at a change", "which of two directories or manifests a message went by, within two minutes of the change"},
	{"dir manifest removed", "that a manifest was learned, by which nothing went afterwards"},
	{"dir directory repeated", "that a directory was in force, which is so already"},
	{"dir.at moved far", "when a manifest or directory was learned"},
	{"state.at moved far", "when a state was noted"},
	{"policy.at moved far", "when a node read its own policy"},
	{"policy repeated", "when a node read its own policy"},
	{"actor.at moved far", "when somebody was enrolled, as long as the acts of enrolment are in time"},
	{"node start *", "that a node stopped and started"},
	{"node stop *", "that a node stopped and started"},
	{"node.event altered", "that a node stopped and started"},
	{"rej.code altered", "why a message was refused, whose sender has not had the receipt"},
	{"node.program altered", "which program a node was, by its own word"},
	{"cos removed", "that own heads reached their quorum: whoever leaves it out has less to show"},
	{"cos repeated", "that own heads reached their quorum: whoever leaves it out has less to show"},
	{"cos.* altered", "that own heads reached their quorum: whoever leaves it out has less to show"},
	{"time removed", "that a time token was made: whoever leaves it out has less to show"},
	{"time repeated", "that a time token was made: whoever leaves it out has less to show"},
	{"time.at moved far", "when a time token was logged; the token says when it was made"},
	{"wit removed", "that a peer's head was cosigned, where the peer never logged its quorum"},
	{"wit repeated", "that a peer's head was cosigned, where the peer never logged its quorum"},
	{"two leaves swapped that have nothing in common", "the order of entries that do not depend on each other"},
	{"last case * removed", "what an own desk did in a case, where nothing after it rests on that and no state was noted"},
	{"last state removed", "when a state was noted"},
	{"a leaf swapped with one that depends on nothing", "the order of entries that do not depend on each other"},
	{"op consult removed", "a reading that was never logged"},
	{"case of drafts hidden", "a case in which nothing was ever sent"},
	{"history truncated behind the last message", "what a node did by itself after its last message"},
}

// same reports whether two histories say the same.
func same(a, b *forge.History) bool {
	return a.Head() == b.Head() && slices.EqualFunc(a.Entries, b.Entries, func(a, b *forge.Entry) bool {
		return maps.EqualFunc(a.Sides, b.Sides, bytes.Equal)
	})
}

// first returns the first index at which two histories differ.
func first(a, b *forge.History) int64 {
	i := int64(0)
	for i < a.Size() && i < b.Size() && bytes.Equal(a.Leaf(i), b.Leaf(i)) {
		i++
	}
	return i
}

// unseen reports whether a history differs only where no head that others hold reaches.
func unseen(a, honest *forge.History) bool {
	cp, err := translog.ParseCheckpoint(honest.Cosigned, honest.Signer.Verifier())
	return err == nil && first(a, honest) >= cp.Size
}

// difference shows the first leaf in which two histories differ.
func difference(a, b *forge.History) string {
	i := first(a, b)
	if i >= a.Size() || i >= b.Size() {
		return "length"
	}
	return fmt.Sprintf("%s instead of %s", a.Leaf(i), b.Leaf(i))
}
