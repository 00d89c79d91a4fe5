// Package imports_test holds the house's rule of imports: they run one way. It parses the files, since the result of `go list` in a
// test is cached and stays green.
package imports_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/rogatory/rogatory/"
)

// pure packages decide; they never wait, and readers of logs link them without linking a network.
var pure = []string{
	"proto/rogatory/v1", "crypto/keyring", "crypto/envelope", "crypto/timestamp", "crypto/translog",
	"node/exchange", "node/exchange/rules", "node/exchange/calendar", "node/lint", "node/lint/ident", "node/federation", "node/codes",
}

// forbidden names what a package and all that it imports from this module must not import; a trailing slash means all below.
var forbidden = map[string][]string{
	"node/store":       {"google.golang.org/grpc/", "github.com/nats-io/", "net/http", module + "node/exchange", module + "node/desk", module + "node/desk/", module + "node/post", module + "node/transport", module + "node/transport/"},
	"node/transport":   {module},
	"node/witness":     {module + "node/post", module + "node/online", module + "node/online/", module + "node/desk", module + "node/desk/", module + "node/transport", module + "node/transport/"},
	"node/limit":       {module + "node/"},
	"node/wait":        {module},
	"node/post/outbox": {module + "node/"},
	"node/receipt":     {module + "node/post", module + "node/online", module + "node/desk", module + "node/desk/", module + "node/transport", module + "node/transport/"},
	"configs":          {module, "google.golang.org/grpc/", "github.com/nats-io/", "go.etcd.io/"},
	"node/client":      {module + "node/store", module + "node/post", module + "node/desk", module + "node/desk/", module + "node/transport", module + "node/transport/", "go.etcd.io/", "github.com/nats-io/"},
	"gateway":          {module + "node/store", module + "node/store/", module + "node/post", module + "node/desk", module + "node/desk/", module + "node/transport", module + "node/transport/", module + "node/exchange", module + "crypto/"},
	"node":             {"github.com/nats-io/nats-server/", module + "node/transport/memory", module + "node/federation/founding", module + "scripts/", module + "gateway/"},
}

func init() {
	for _, p := range pure {
		forbidden[p] = []string{
			"google.golang.org/grpc", "google.golang.org/grpc/", "net/http", "net", "github.com/nats-io/", "go.etcd.io/",
			module + "node/store", module + "node/transport", module + "node/transport/", module + "proto/rogatory/node/", module + "proto/rogatory/peer/",
		}
	}
	// What a store is made of knows nothing of the store.
	for _, p := range []string{"node/store/leaves", "node/store/keys", "node/store/guard", "node/store/backup", "node/store/batch", "node/store/rows", "node/store/disk"} {
		forbidden[p] = append(slices.Clone(forbidden["node/store"]), module+"node/store")
	}
	// What an auditor runs reads files: no store, no network, no part of a node.
	noNode := append(slices.Clone(forbidden["node/exchange"]), module+"node/post", module+"node/receipt", module+"node/desk", module+"node/desk/", module+"node/online", module+"node/online/", module+"node/peers", module+"node/export", module+"node/client", module+"node", module+"configs")
	for _, p := range []string{
		"node/audit", "node/audit/replay", "node/audit/reconcile", "node/audit/evidence", "node/audit/report", "node/cmd/rogatory-audit",
	} {
		forbidden[p] = append(slices.Clone(noNode), module+"node/audit/forge", module+"crypto/timestamp/authority")
	}
	forbidden["node/audit/forge"] = noNode
	// What carries knows nothing of what is carried; both backbones carry calls by the same code.
	carriers := []string{module + "crypto/", module + "proto/", module + "configs", module + "node/store", module + "node/peers", module + "node/post", module + "node/online"}
	forbidden["node/transport/frames"] = append(slices.Clone(carriers), "github.com/nats-io/", module+"node/transport/call")
	forbidden["node/transport/call"] = append(slices.Clone(carriers), "github.com/nats-io/", module+"node/transport/backbone", module+"node/transport/memory")
	forbidden["node/transport/memory"] = append(slices.Clone(carriers), "github.com/nats-io/", module+"node/transport/backbone")
	forbidden["node/transport/backbone"] = append(slices.Clone(carriers), "github.com/nats-io/nats-server/", module+"node/transport/memory")
	// The parts of the online lane know neither it nor the durable one.
	for _, p := range []string{"seal", "attachment", "manifests", "rollback", "recovery", "giveback"} {
		forbidden["node/online/"+p] = []string{module + "node/online", module + "node/post", module + "node/desk", module + "node/desk/"}
	}
	// The rooms of the desk stand on floors: each knows those below it, and none the desk.
	above := []string{module + "node/desk", module + "node/online", module + "node/online/"}
	for _, floor := range [][]string{
		{"deeds", "intake", "supervision", "standing", "tokens"},
		{"reading", "erasure", "proofreading", "house"},
		{"drafts", "attachments", "officers"},
		{"casefile"}, {"refusal"},
	} {
		for _, p := range floor {
			above = append(above, module+"node/desk/"+p)
		}
		for _, p := range floor {
			forbidden["node/desk/"+p] = slices.Clone(above)
		}
	}
	// The form of an export depends on the log's own forms only.
	forbidden["node/archive"] = append(slices.Clone(noNode), module+"node/exchange", module+"node/federation", module+"node/audit", module+"crypto/envelope")
}

func TestImportsRunOneWay(t *testing.T) {
	imports := parse(t)
	if len(imports) < 10 {
		t.Fatalf("found only %d packages below %s", len(imports), root)
	}
	for pkg, no := range forbidden {
		if imports[pkg] == nil {
			continue
		}
		for _, found := range reach(imports, pkg) {
			for _, f := range no {
				if found.path == f || strings.HasSuffix(f, "/") && strings.HasPrefix(found.path, f) {
					t.Errorf("%s must not import %s, but does: %s", pkg, found.path, strings.Join(found.via, " → "))
				}
			}
		}
	}
}

func TestNobodyImportsScripts(t *testing.T) {
	for pkg, list := range parse(t) {
		for _, path := range list {
			if strings.HasPrefix(path, module+"scripts/") && !strings.HasPrefix(pkg, "scripts/") {
				t.Errorf("%s imports %s: scripts import others, nobody imports them", pkg, path)
			}
		}
	}
}

type reached struct {
	path string
	via  []string
}

// reach lists all imports of pkg and of what it imports from this module, with the way there.
func reach(imports map[string][]string, pkg string) []reached {
	var out []reached
	seen := map[string]bool{}
	var walk func(pkg string, via []string)
	walk = func(pkg string, via []string) {
		if seen[pkg] {
			return
		}
		seen[pkg] = true
		via = append(slices.Clone(via), pkg)
		for _, path := range imports[pkg] {
			out = append(out, reached{path, via})
			if in, ok := strings.CutPrefix(path, module); ok {
				walk(in, via)
			}
		}
	}
	walk(pkg, nil)
	return out
}

// parse maps each package folder of the module to the imports of its files, tests left out.
func parse(t *testing.T) map[string][]string {
	t.Helper()
	sets := map[string]map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		if sets[dir] == nil {
			sets[dir] = map[string]bool{}
		}
		for _, spec := range f.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			sets[dir][p] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string][]string{}
	for dir, set := range sets {
		imports[dir] = slices.Sorted(maps.Keys(set))
	}
	return imports
}
