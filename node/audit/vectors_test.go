package audit_test

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogatory/rogatory/crypto/timestamp"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/audit/replay"
)

const vectorsDir = "../../crypto/translog/testdata"

var (
	update  = flag.Bool("update", false, "make the vectors of archives anew")
	rejudge = flag.Bool("judge", false, "write anew what rogatory-audit says of the vectors")
)

// A vector is an archive and what an auditor must say of it. Most are another archive with some files changed, so that a reader sees which.
type vector struct {
	root string // where the directory is, if not with the vectors

	What       string   `json:"what"`
	Base       string   `json:"base,omitempty"`    // the folder whose archive this one is, but for Remove, Folders, Links, and the files in archive/
	Remove     []string `json:"remove,omitempty"`  // names that are not there
	Folders    []string `json:"folders,omitempty"` // empty folders that are there
	Links      []string `json:"links,omitempty"`   // symbolic links to archive.json that are there
	Directory  string   `json:"directory"`         // the file that the auditor trusts
	Exit       int      `json:"exit"`
	Status     string   `json:"status"`
	Size       int64    `json:"size"`
	Root       string   `json:"root"`
	Assurance  string   `json:"assurance"`
	Findings   []string `json:"findings"`         // code and index, ascending, each once
	ReplayExit *int     `json:"replay,omitempty"` // exit status of replay, which verify.py does not do

	TSA   string  `json:"tsa,omitempty"`   // the file of roots of time-stamping authorities that the auditor trusts, and
	Timed *judged `json:"timed,omitempty"` // what is said then: verify.py judges no time tokens
}

// judged is what an auditor says who trusts a time-stamping authority.
type judged struct {
	Exit      int      `json:"exit"`
	Status    string   `json:"status"`
	Assurance string   `json:"assurance"`
	Below     int64    `json:"below"` // what stands below this leaf existed…
	At        int64    `json:"at"`    // …at this time, in milliseconds since 1970
	Findings  []string `json:"findings"`
}

// build puts a vector's archive together below dir and returns its path.
func (v *vector) build(t testing.TB, name, dir string) string {
	t.Helper()
	zipped := filepath.Join(vectorsDir, name, "archive.zip")
	if _, err := os.Stat(zipped); err == nil {
		return zipped
	}
	own := filepath.Join(vectorsDir, name, "archive")
	if v.Base == "" {
		return own
	}
	path := filepath.Join(dir, name)
	copyTree(t, filepath.Join(vectorsDir, v.Base, "archive"), path)
	for _, n := range v.Remove {
		must(t, os.Remove(filepath.Join(path, n)))
		for at := filepath.Dir(n); at != "." && os.Remove(filepath.Join(path, at)) == nil; at = filepath.Dir(at) {
		}
	}
	if _, err := os.Stat(own); err == nil {
		copyTree(t, own, path)
	}
	for _, n := range v.Folders {
		must(t, os.MkdirAll(filepath.Join(path, n), 0o755))
	}
	for _, n := range v.Links {
		must(t, os.Symlink(strings.Repeat("../", strings.Count(n, "/"))+"archive.json", filepath.Join(path, n)))
	}
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func copyTree(t testing.TB, from, to string) {
	t.Helper()
	for name, b := range files(t, from) {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(to, name), b, 0o644))
	}
}

func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		all[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	}))
	return all
}

// judge fills in what rogatory-audit says of an archive.
func (v *vector) judge(t testing.TB, path string) {
	t.Helper()
	signed, err := os.ReadFile(filepath.Join(cmp.Or(v.root, vectorsDir), v.Directory))
	must(t, err)
	a, err := audit.NewAnchor([][]byte{signed})
	must(t, err)
	res := &audit.Result{Status: audit.Findings, Assurance: audit.NoAssurance}
	r, err := archive.Open(path)
	if f, ok := audit.OpenFinding(err); ok {
		res.Findings = []audit.Finding{f}
	} else {
		must(t, err)
		defer r.Close()
		res, err = audit.Verify(t.Context(), r, a, audit.Options{})
		must(t, err)
		if res.Status == audit.OK {
			v.replayed(t, r, a)
		}
	}
	line := strings.Fields(res.Line())
	v.Exit, v.Status, v.Size, v.Root, v.Assurance = res.Status.Exit(), line[1], res.Size, line[3], line[5]
	v.Findings = spelled(res.Findings)
	if v.TSA != "" {
		v.timed(t, r, a)
	}
}

func spelled(list []audit.Finding) []string {
	out := []string{}
	for _, f := range list {
		out = append(out, fmt.Sprintf("%s %d", f.Code, f.Index))
	}
	return slices.Compact(out)
}

// timed fills in what rogatory-audit says with --tsa.
func (v *vector) timed(t testing.TB, r *archive.Reader, a *audit.Anchor) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorsDir, v.TSA))
	must(t, err)
	roots, err := timestamp.ReadRoots(b)
	must(t, err)
	a.TrustTime(roots)
	res, err := audit.Verify(t.Context(), r, a, audit.Options{})
	must(t, err)
	v.Timed = &judged{res.Status.Exit(), string(res.Status), res.Assurance.String(), res.Timed.Size, res.Timed.At, spelled(res.Findings)}
}

// replayed fills in what replay says of an archive that verify finds nothing wrong with.
func (v *vector) replayed(t testing.TB, r *archive.Reader, a *audit.Anchor) {
	t.Helper()
	res, err := replay.Run(t.Context(), r, replay.Options{Anchor: a})
	must(t, err)
	exit := res.Status.Exit()
	v.ReplayExit = &exit
}

// TestVectors holds every vector of archives against what rogatory-audit says of it now.
func TestVectors(t *testing.T) {
	if *update {
		makeVectors(t)
	} else if *stampAnew {
		(&maker{t: t}).times()
	}
	list, err := filepath.Glob(vectorsDir + "/*/expect.json")
	must(t, err)
	covered := map[string]bool{}
	for _, path := range list {
		name, want := filepath.Base(filepath.Dir(path)), read(t, path)
		for _, f := range want.Findings {
			covered[strings.Fields(f)[0]] = true
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := *want
			got.judge(t, want.build(t, name, t.TempDir()))
			if *rejudge {
				must(t, os.WriteFile(path, marshal(t, &got), 0o644))
			}
			if x, y := marshal(t, want), marshal(t, &got); !bytes.Equal(x, y) {
				t.Errorf("wanted %s\nfound  %s", x, y)
			}
			if fail := strings.HasSuffix(name, "_fail"); fail != (want.Exit != 0 || want.Timed != nil && want.Timed.Exit != 0) || fail == strings.HasPrefix(name, "ok_") {
				t.Errorf("exit %d under this name", want.Exit)
			}
		})
	}
	if len(list) < 60 {
		t.Errorf("%d vectors", len(list))
	}
	for _, code := range integrity {
		if !covered[string(code)] {
			t.Errorf("no vector has %s", code)
		}
	}
}

// integrity are the codes that verify reports.
var integrity = []audit.Code{
	audit.CodeRoot, audit.CodeLeafSig, audit.CodeSeq, audit.CodePrev, audit.CodeDup, audit.CodeTime, audit.CodeRcptMissing, audit.CodeRcptOther,
	audit.CodeHead, audit.CodeRollback, audit.CodeFork, audit.CodeMissing, audit.CodeKey, audit.CodeCanon, audit.CodeExtra, audit.CodeSchema, audit.CodeRight,
	audit.CodeUnreceipted, audit.CodeSkew, audit.CodeUnwitnessed, audit.CodeUnknown,
}

func read(t testing.TB, path string) *vector {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	v := &vector{}
	must(t, json.Unmarshal(b, v))
	return v
}

func marshal(t testing.TB, v *vector) []byte {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	must(t, err)
	return append(b, '\n')
}

// A maker makes vectors.
type maker struct {
	t     testing.TB
	w     *forge.World
	quiet *forge.History // RS's log before the day
}

// put writes a vector. Of a base's files only those that differ are kept.
func (m *maker) put(name, what, base string, all map[string][]byte, more ...func(*vector)) {
	m.t.Helper()
	v := &vector{What: what, Base: base, Directory: "directory"}
	for _, f := range more {
		f(v)
	}
	own := all
	if base != "" {
		was := files(m.t, filepath.Join(vectorsDir, base, "archive"))
		own = map[string][]byte{}
		for n, b := range all {
			if !bytes.Equal(was[n], b) {
				own[n] = b
			}
		}
		for n := range was {
			if all[n] == nil {
				v.Remove = append(v.Remove, n)
			}
		}
		slices.Sort(v.Remove)
	}
	for n, b := range own {
		path := filepath.Join(vectorsDir, name, "archive", n)
		must(m.t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(m.t, os.WriteFile(path, b, 0o644))
	}
	m.expect(name, v)
}

func (m *maker) expect(name string, v *vector) {
	m.t.Helper()
	must(m.t, os.MkdirAll(filepath.Join(vectorsDir, name), 0o755))
	v.judge(m.t, v.build(m.t, name, m.t.TempDir()))
	must(m.t, os.WriteFile(filepath.Join(vectorsDir, name, "expect.json"), marshal(m.t, v), 0o644))
	m.t.Logf("%-34s %d %s %v", name, v.Exit, v.Assurance, v.Findings)
}

// of returns the files of the archive of a country's history.
func (m *maker) of(c *forge.Country, h *forge.History) map[string][]byte {
	return files(m.t, m.w.ArchiveOf(c, h, m.t.TempDir()+"/A"))
}

// lie writes what RS's operator makes of the log, signed anew.
func (m *maker) lie(name, what string, base string, do func(h *forge.History)) {
	m.t.Helper()
	rs := m.w.Country("RS")
	h := rs.Log.Copy()
	if base == quiet {
		h = m.quiet.Copy()
	}
	do(h)
	h.Resign()
	m.put(name, what, base, m.of(rs, h))
}

// edit writes a base with one file changed; nil removes it.
func (m *maker) edit(name, what, base, file string, do func(b []byte) []byte, more ...func(*vector)) {
	m.t.Helper()
	all := files(m.t, filepath.Join(vectorsDir, base, "archive"))
	if b := do(bytes.Clone(all[file])); b != nil {
		all[file] = b
	} else {
		delete(all, file)
	}
	m.put(name, what, base, all, more...)
}

func makeVectors(t *testing.T) {
	old, err := filepath.Glob(vectorsDir + "/*/expect.json")
	must(t, err)
	for _, path := range old {
		must(t, os.RemoveAll(filepath.Dir(path)))
	}
	m := &maker{t: t, w: forge.New(t, "BG", "GR", "RS")}
	must(t, os.WriteFile(vectorsDir+"/directory", m.w.Trusted(), 0o644))
	m.ordinaryDay()
	m.files()
	m.lies()
	m.leaves()
	m.zips()
	m.elsewhere()
	m.times()
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 1
		return b
	}
}

func remove([]byte) []byte { return nil }

func replace(old, by string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(by), 1) }
}

// lines changes the signature lines of a note.
func lines(do func(list []string) []string) func([]byte) []byte {
	return func(b []byte) []byte {
		text, sigs, _ := strings.Cut(string(b), "\n\n")
		list := do(strings.Split(strings.TrimSuffix(sigs, "\n"), "\n"))
		return []byte(text + "\n\n" + strings.Join(list, "\n") + "\n")
	}
}

// slack sets a bit of base64 that belongs to no byte.
func slack(line string, padding int) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := len(line) - padding - 1
	return line[:i] + string(digits[strings.IndexByte(digits, line[i])|1]) + line[i+1:]
}

// zipOf packs files as an ordinary zip program does.
func zipOf(t testing.TB, all map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range all {
		f, err := z.Create(name)
		must(t, err)
		_, err = f.Write(content)
		must(t, err)
	}
	must(t, z.Close())
	return b.Bytes()
}

// base64Of is standard base64, as notes have it.
func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func lastHead(h *forge.History, size int) translog.Checkpoint {
	root, _ := translog.Root(int64(size), h)
	return translog.Checkpoint{Origin: h.Signer.Verifier().Origin(), Size: int64(size), Root: root}
}
