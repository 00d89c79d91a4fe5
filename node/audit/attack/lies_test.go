package attack_test

import (
	"bytes"
	"fmt"
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
	count, missed := map[string]int{}, map[string]int{}
	shared(lies/liesAWorld, func(i int) {
		at := fmt.Sprintf("ROGATORY_SEED=%d, history %d", s, i)
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("%s: %v", at, p)
			}
		}()
		r := chance(s, "lies", i)
		w := forge.New(thrown{at}, members[min(r.IntN(4), 1)]...)
		w.Round()
		forge.Live(w, r, 15+r.IntN(30), false)
		a, here := newAuditor(t, w.Trusted()), filepath.Join(in, fmt.Sprint(i))
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
				l.h = l.c.Log.Copy()
				class = l.tell()
				l.h.Resign()
			}
			inTime := n%2 == 0 || unseen(l.h, l.c.Log)
			if inTime {
				w.Cosign(l.h, w.Collude(l.h, l.others()...))
			}
			path := w.ArchiveOf(l.c, l.h, filepath.Join(here, fmt.Sprintf("lie-%d.zip", n)))
			list := a.one(path)
			for _, o := range l.others() {
				list = append(list, a.both(path, honest[o])...)
			}
			if inTime {
				list = slices.DeleteFunc(list, l.byHeads)
			}
			mu.Lock()
			count[class]++
			if len(list) == 0 && !(inTime && invisible(class)) {
				missed[class]++
				t.Errorf("%s, lie %d (in time: %t): %s by %s was not found: %s", at, n, inTime, class, l.c.Code, difference(l.h, l.c.Log))
			}
			mu.Unlock()
			_ = os.Remove(path)
		}
	})
	t.Logf("%d classes, missed %v", len(count), missed)
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
	{"dir manifest removed", "that a manifest was learned, by which nothing went afterwards"},
	{"dir directory repeated", "that a directory was in force, which is so already"},
	{"dir.at moved far", "when a manifest or directory was learned"},
	{"state.at moved far", "when a state was noted"},
	{"policy.at moved far", "when a node read its own policy"},
	{"policy repeated", "when a node read its own policy"},
	{"actor.at moved far", "when somebody was enrolled, as long as the acts of enrolment are in time"},
	{"node start *", "that a node stopped and started"},
	{"node stop *", "that a node stopped and started"},
	{"node.program altered", "which program a node was, by its own word"},
	{"cos removed", "that own heads reached their quorum: whoever leaves it out has less to show"},
	{"cos repeated", "that own heads reached their quorum: whoever leaves it out has less to show"},
	{"cos.* altered", "that own heads reached their quorum: whoever leaves it out has less to show"},
	{"wit removed", "that a peer's head was cosigned, where the peer never logged its quorum"},
	{"wit repeated", "that a peer's head was cosigned, where the peer never logged its quorum"},
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
