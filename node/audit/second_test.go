package audit_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogatory/rogatory/node/audit/forge"
)

var (
	flips     = flag.Int("flips", 15, "archives with a random byte changed that both verifiers judge")
	histories = flag.Int("histories", 1, "random federations whose logs, honest and not, both verifiers judge")
)

// TestSecondVerifierAgrees has scripts/verify.py judge every vector: the same exit status, root, assurance and findings.
func TestSecondVerifierAgrees(t *testing.T) {
	t.Parallel()
	second(t, vectorsDir)
}

// TestSecondVerifierSeesTheSameInBrokenBytes changes a byte somewhere in an archive, again and again: both verifiers find the same.
func TestSecondVerifierSeesTheSameInBrokenBytes(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(23, 11))
	bases, err := filepath.Glob(vectorsDir + "/ok_*/archive")
	must(t, err)
	root := t.TempDir()
	for i := range *flips {
		base := bases[random.IntN(len(bases))]
		all := files(t, base)
		names := slices.Sorted(maps.Keys(all))
		name := names[random.IntN(len(names))]
		b := all[name]
		at := random.IntN(len(b))
		what := "bit"
		switch random.IntN(8) {
		case 0:
			what, b[at] = "byte", byte(random.IntN(256))
		case 1:
			what, b = "deleted", slices.Delete(b, at, at+1)
		case 2:
			what, b = "inserted", slices.Insert(b, at, byte(random.IntN(256)))
		default:
			b[at] ^= 1 << random.IntN(8)
		}
		all[name] = b
		own := filepath.Join(root, fmt.Sprintf("%d", i))
		for n, b := range all {
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(own, "archive", n)), 0o755))
			must(t, os.WriteFile(filepath.Join(own, "archive", n), b, 0o644))
		}
		v := read(t, filepath.Join(filepath.Dir(base), "expect.json"))
		trusted, err := os.ReadFile(filepath.Join(vectorsDir, v.Directory))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(root, v.Directory), trusted, 0o644))
		v.What = fmt.Sprintf("%s %d of %s in %s", what, at, name, strings.TrimPrefix(base, vectorsDir))
		v.judge(t, filepath.Join(own, "archive"))
		must(t, os.WriteFile(filepath.Join(own, "expect.json"), marshal(t, v), 0o644))
		if v.Exit == 0 && what != "byte" {
			t.Errorf("%s: nothing is found", v.What)
		}
	}
	second(t, root)
}

// TestSecondVerifierAgreesOnRandomHistories lets random countries live, and has their operators alter their logs at random.
func TestSecondVerifierAgreesOnRandomHistories(t *testing.T) {
	t.Parallel()
	random, root := rand.New(rand.NewPCG(29, 7)), t.TempDir()
	for n := range *histories {
		w := forge.New(t, []string{"BG", "GR", "HU", "RS"}[n%3:]...)
		w.Round()
		forge.Live(w, random, 5+random.IntN(30), true)
		directory := fmt.Sprintf("directory%d", n)
		must(t, os.WriteFile(filepath.Join(root, directory), w.Trusted(), 0o644))
		put := func(c *forge.Country, h *forge.History, what string) {
			own := filepath.Join(root, fmt.Sprintf("%d-%s-%d-%s", n, c.Code, h.Size(), what))
			must(t, os.MkdirAll(own, 0o755))
			v := &vector{root: root, What: what, Directory: directory}
			v.judge(t, w.ArchiveOf(c, h, filepath.Join(own, "archive")))
			must(t, os.WriteFile(filepath.Join(own, "expect.json"), marshal(t, v), 0o644))
		}
		for _, c := range w.Countries() {
			for _, h := range append(slices.Clone(c.Closed), c.Log) {
				put(c, h, "honest")
				lie := h.Copy()
				what := alter(random, lie)
				if random.IntN(2) == 0 {
					lie.Resign()
				} else {
					lie.Rebuild()
				}
				put(c, lie, what)
			}
		}
	}
	second(t, root)
}

// alter changes a history at random and says how.
func alter(random *rand.Rand, h *forge.History) string {
	i, j := 1+random.IntN(len(h.Entries)-1), 1+random.IntN(len(h.Entries)-1)
	kind := h.Entries[i].Body.Kind()
	switch random.IntN(7) {
	case 0:
		h.Delete(i)
		return "deleted-" + kind
	case 1:
		h.Insert(j, h.Entries[i].Clone())
		return "repeated-" + kind
	case 2:
		h.Swap(i, j)
		return "swapped-" + kind
	case 3:
		h.Alter(i, func(e *forge.Entry) { e.At += int64(random.IntN(7200_000) - 3600_000) })
		return "moved-" + kind
	case 4:
		h.Truncate(max(i, 1))
		return "truncated"
	case 5:
		for name := range h.Entries[i].Sides {
			h.Alter(i, func(e *forge.Entry) { delete(e.Sides, name) })
			return "bared-" + kind + "-" + name
		}
	}
	raw := bytes.Clone(h.Leaf(int64(i)))
	for range 1 + random.IntN(2) {
		at := random.IntN(len(raw))
		for range 40 { // a character of the same sort, so that the leaf is still one, now and then
			c := raw[random.IntN(len(raw))]
			if c != raw[at] && sort(c) == sort(raw[at]) {
				raw[at] = c
				break
			}
		}
	}
	h.Alter(i, func(e *forge.Entry) { e.Raw = raw })
	return "written-" + kind
}

func sort(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return 1
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '-', c == '_':
		return 2
	}
	return 0
}

// second runs verify.py over a folder of vectors.
func second(t testing.TB, dir string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), python(t), "-B", "../../scripts/verify.py", "--vectors", dir).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// python returns the interpreter that verify.py runs in, or skips.
func python(t testing.TB) string {
	t.Helper()
	for _, p := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), p, "-c", "import cryptography.hazmat.primitives.asymmetric.ed25519").Run() == nil {
			return p
		}
	}
	t.Skip("scripts/verify.py needs Python 3.11 and python3-cryptography: apt-get install python3-cryptography")
	return ""
}
