package audit_test

import (
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
)

var flips = flag.Int("flips", 40, "archives with a random byte changed that both verifiers judge")

// TestSecondVerifierAgrees has scripts/verify.py judge every vector: the same exit status, root, assurance and findings.
func TestSecondVerifierAgrees(t *testing.T) {
	second(t, vectorsDir)
}

// TestSecondVerifierSeesTheSameInBrokenBytes changes a byte somewhere in an archive, again and again: both verifiers find the same.
func TestSecondVerifierSeesTheSameInBrokenBytes(t *testing.T) {
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
