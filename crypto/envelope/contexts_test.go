package envelope

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// moduleRoot walks up to the folder of go.mod.
func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above")
		}
		dir = up
	}
}

var (
	inCode  = regexp.MustCompile(`"(rogatory/v1/[a-z0-9/-]+)\\x00"|"(application/vnd\.rogatory\.[a-z0-9.+-]+)"`)
	inTable = regexp.MustCompile("(?m)^\\| `([^`]+?)(?:\\\\0)?` \\| ([^|]+) \\|")
)

// A context string that two purposes share lets what was made for one pass for the other; one table lists them all. The test reads the
// module's source: who adds a context adds its row.
func TestEveryContextStringIsListedOnceInTheReadme(t *testing.T) {
	root := moduleRoot(t)
	readme, err := os.ReadFile(filepath.Join(root, "crypto", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{} // context: package
	for _, m := range inTable.FindAllStringSubmatch(string(readme), -1) {
		context, owner := m[1], strings.TrimSpace(m[2])
		if !strings.HasPrefix(context, "rogatory/v1/") && !strings.HasPrefix(context, "application/vnd.rogatory.") {
			continue
		}
		if _, twice := listed[context]; twice {
			t.Errorf("README lists %s twice", context)
		}
		listed[context] = owner
	}
	found := map[string][]string{} // context: packages
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".pb.go") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		owner, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(strings.TrimSpace(line), "//") {
				continue
			}
			for _, m := range inCode.FindAllStringSubmatch(line, -1) {
				if c := m[1] + m[2]; !slices.Contains(found[c], owner) {
					found[c] = append(found[c], owner)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for context, owners := range found {
		owner, ok := listed[context]
		if !ok {
			t.Errorf("%s is used in %v and not listed in crypto/README.md: add a row", context, owners)
		} else if len(owners) != 1 || owners[0] != owner {
			t.Errorf("%s belongs to %s by crypto/README.md, and is used in %v", context, owner, owners)
		}
	}
	for context, owner := range listed {
		if found[context] == nil {
			t.Errorf("crypto/README.md lists %s of %s, which no code uses", context, owner)
		}
	}
	// No context may begin another: the zero byte at its end takes care, if every one has it.
	if len(found) < 15 {
		t.Errorf("only %d contexts found: does the expression still fit the code?", len(found))
	}
}
