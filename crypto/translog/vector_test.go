package translog

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write README.md's tables and testdata/vector anew")

// section replaces what stands between the marks of a section of README.md.
func section(readme, name, content string) string {
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->"
	before, rest, _ := strings.Cut(readme, begin)
	_, after, _ := strings.Cut(rest, end)
	return before + begin + content + end + after
}

func TestReadmeNamesEveryMemberOfEveryKind(t *testing.T) {
	var kinds, sets strings.Builder
	kinds.WriteString("| k | members |\n|---|---|\n")
	for _, k := range Kinds() {
		var members []string
		for _, m := range Schema(k) {
			name := "`" + m.Name + "`"
			if m.Optional {
				name = "*" + name + "*"
			}
			members = append(members, name+" "+strings.ReplaceAll(m.Type, "|", `\|`))
		}
		fmt.Fprintf(&kinds, "| %s | %s |\n", k, strings.Join(members, ", "))
	}
	sets.WriteString("\n| charset | whole string matches |\n|---|---|\n")
	for _, c := range Charsets() {
		fmt.Fprintf(&sets, "| %s | `%s` |\n", c[0], c[1])
	}
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := section(section(string(b), "kinds", kinds.String()), "charsets", sets.String())
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(b) != want {
		t.Error("README.md lags behind the schemas: run this test with -update")
	}
}

// vectorLog returns the leaves of the published log: genesis, then one sample after the other.
func vectorLog(t *testing.T) [][]byte {
	var leaves [][]byte
	for _, e := range samples()[1:] {
		leaves = append(leaves, mustMarshal(t, int64(len(leaves)), e))
	}
	return leaves
}

func refusedLeaves(t *testing.T) []string {
	good := string(mustMarshal(t, 7, &Rej{Code: "late", From: "BG", Msg: h("m")}))
	edit := func(why, old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not there", old)
		}
		return why + " " + strings.Replace(good, old, new, 1)
	}
	return []string{
		edit("E-CANON", `"i":7`, `"i": 7`),
		edit("E-CANON", `"i":7`, `"i":07`),
		edit("E-CANON", `"i":7`, `"i":-7`),
		edit("E-CANON", `"i":7`, `"i":7.0`),
		edit("E-CANON", `"i":7`, `"i":7e0`),
		edit("E-CANON", `"i":7`, `"i":null`),
		edit("E-CANON", `"i":7`, `"i":true`),
		edit("E-CANON", `"i":7`, `"i":9007199254740992`),
		edit("E-CANON", `"i":7`, `"i":7,"i":7`),
		edit("E-CANON", `"i":7,"k":"rej"`, `"k":"rej","i":7`),
		edit("E-CANON", `"late"`, `"l\u0061te"`),
		edit("E-CANON", `"late"`, `"läte"`),
		edit("E-CANON", `"late"`, `{"a":"late"}`),
		edit("E-CANON", `"late"`, `[[["late"]]]`),
		edit("E-CANON", `"v":1}`, `"v":1,}`),
		edit("E-CANON", `"v":1}`, `"v":1} `),
		edit("E-CANON", `"v":1}`, `"v":1`),
		edit("E-SCHEMA", `"i":7`, `"h":1,"i":7`),
		edit("E-SCHEMA", `"from":"BG",`, ``),
		edit("E-SCHEMA", `"BG"`, `"bg"`),
		edit("E-SCHEMA", `"BG"`, `7`),
		edit("E-SCHEMA", `"late"`, `"much too late"`),
		edit("E-SCHEMA", `"late"`, `""`),
		edit("E-SCHEMA", h("m").String(), slack(h("m"))),
		edit("E-SCHEMA", h("m").String(), h("m").String()+"="),
		edit("E-SCHEMA", h("m").String(), strings.Repeat("A", 43)),
		edit("E-SCHEMA", `"rej"`, `"gossip"`),
		edit("VERSION", `"v":1}`, `"v":2}`),
	}
}

func TestVectorsOfTheSpecificationHold(t *testing.T) {
	dir := filepath.Join("testdata", "vector")
	v := logSigner(t).Verifier()
	bg, hu := witness(t, "BG"), witness(t, "HU")
	ws := []*WitnessVerifier{bg.Verifier(), hu.Verifier()}
	leaves := vectorLog(t)
	var e Edge
	var stored memory
	for _, leaf := range leaves {
		var err error
		if stored, err = e.Append(stored, LeafHash(leaf)); err != nil {
			t.Fatal(err)
		}
	}
	size := int64(len(leaves))
	cp := Checkpoint{testOrigin, size, e.Root()}
	var keys strings.Builder
	for _, pair := range []struct {
		who   string
		vkeys func() (string, string)
	}{{"log", v.VKeys}, {"BG", ws[0].VKeys}, {"HU", ws[1].VKeys}} {
		ed, pq := pair.vkeys()
		fmt.Fprintf(&keys, "%s  seed %s ed\n%s  seed %s pq\n", ed, pair.who, pq, pair.who)
	}
	files := map[string]string{
		"leaves.jsonl": string(bytes.Join(leaves, []byte("\n"))) + "\n",
		"keys.txt":     keys.String(),
		"refused.txt":  strings.Join(refusedLeaves(t), "\n") + "\n",
	}
	if *update {
		note := cosign(t, sign(t, size, cp.Root), "BG", "HU")
		hashes, err := ProveInclusion(size, 2, stored)
		if err != nil {
			t.Fatal(err)
		}
		p := Proof{Extra: leaves[2], Index: 2, Hashes: hashes, Checkpoint: note}
		text, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		files["checkpoint.txt"], files["receipt.tlog-proof"] = string(note), string(text)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, name := range []string{"leaves.jsonl", "keys.txt", "refused.txt"} {
		if string(read(name)) != files[name] {
			t.Errorf("%s is not what the code writes: a change of format, or run with -update", name)
		}
	}
	got, by, err := ParseExport(read("checkpoint.txt"), v, ws)
	if err != nil || got != cp || len(by) != 2 {
		t.Errorf("checkpoint.txt: %v %v, %v", got, by, err)
	}
	p, err := ParseProof(read("receipt.tlog-proof"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Verify(leaves[2], v); err != nil || got != cp || !bytes.Equal(p.Extra, leaves[2]) {
		t.Errorf("receipt.tlog-proof: %v, %v", got, err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(cp.Text(), "\n")
	if !slices.ContainsFunc(strings.Split(string(readme), "\n"), func(l string) bool { return strings.HasPrefix(l, "    "+lines[2]+" ") }) {
		t.Errorf("README.md shows another root than %s", lines[2])
	}
	for _, line := range strings.Split(strings.TrimSuffix(string(read("refused.txt")), "\n"), "\n") {
		why, leaf, _ := strings.Cut(line, " ")
		want := map[string]error{"E-CANON": ErrCanon, "E-SCHEMA": ErrSchema, "VERSION": ErrVersion}[why]
		if _, err := ParseLeaf([]byte(leaf)); !errors.Is(err, want) {
			t.Errorf("%s: %v", line, err)
		}
	}
}
