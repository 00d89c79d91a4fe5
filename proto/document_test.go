package proto_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/lint"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func document(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A table is one of README.md that a comment above it marks for comparison, its header left out.
type table struct {
	about string
	rows  [][]string
}

var marked = regexp.MustCompile(`(?m)^<!-- (.+) -->\n((?:\|.*\n)+)`)

// tables returns the marked tables of a kind.
func tables(t *testing.T, kind string) (out []table) {
	t.Helper()
	for _, m := range marked.FindAllStringSubmatch(document(t), -1) {
		about, ok := strings.CutPrefix(m[1], kind)
		if !ok {
			continue
		}
		found := table{about: strings.TrimPrefix(about, ": ")}
		for _, line := range strings.Split(strings.TrimSpace(m[2]), "\n")[2:] {
			// A bar inside code is no border.
			var cells []string
			for _, cell := range regexp.MustCompile("(?:`[^`]*`|[^|`])+").FindAllString(strings.Trim(line, "|"), -1) {
				cells = append(cells, strings.Trim(strings.TrimSpace(cell), "`"))
			}
			found.rows = append(found.rows, cells)
		}
		out = append(out, found)
	}
	if len(out) == 0 {
		t.Fatalf("no table of %s", kind)
	}
	return out
}

func TestDocumentNamesEveryFieldOfTheMessagesItDescribes(t *testing.T) {
	for _, table := range tables(t, "fields") {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(table.about))
		if err != nil {
			t.Errorf("%s: %v", table.about, err)
			continue
		}
		fields := d.(protoreflect.MessageDescriptor).Fields()
		var want, have []string
		for i := range fields.Len() {
			want = append(want, fmt.Sprint(fields.Get(i).Number(), " ", fields.Get(i).Name()))
		}
		for _, row := range table.rows {
			have = append(have, row[0]+" "+row[1])
		}
		if !slices.Equal(have, want) {
			t.Errorf("%s has the fields\n%v\nthe document says\n%v", table.about, want, have)
		}
	}
}

func TestDocumentNamesEveryValueOfTheCodesItDescribes(t *testing.T) {
	for _, table := range tables(t, "values") {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(table.about))
		if err != nil {
			t.Errorf("%s: %v", table.about, err)
			continue
		}
		values := d.(protoreflect.EnumDescriptor).Values()
		if len(table.rows) != values.Len() {
			t.Errorf("%s has %d values, the document says %d", table.about, values.Len(), len(table.rows))
			continue
		}
		for i, row := range table.rows {
			if v := values.Get(i); fmt.Sprint(v.Number()) != row[0] || string(v.Name()) != row[1] {
				t.Errorf("%s: %s is %d, the document says %v", table.about, v.Name(), v.Number(), row)
			}
		}
	}
}

func TestDocumentNamesTheMethodOfEveryKind(t *testing.T) {
	rows := tables(t, "kinds")[0].rows
	if len(rows) != len(rogatoryv1.Kind_name)-1 {
		t.Errorf("%d kinds, there are %d", len(rows), len(rogatoryv1.Kind_name)-1)
	}
	body := (&rogatoryv1.Content{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	for _, row := range rows {
		kind := rogatoryv1.Kind(rogatoryv1.Kind_value[row[1]])
		if fmt.Sprint(int(kind)) != row[0] || lint.MethodOf(kind) != "/rogatory.peer.v1.DurableService/"+row[3] {
			t.Errorf("%v: %d by %s", row, kind, lint.MethodOf(kind))
		}
		fd := body.ByName(protoreflect.Name(row[2]))
		if fd == nil {
			t.Errorf("no body %s", row[2])
			continue
		}
		content := &rogatoryv1.Content{}
		content.ProtoReflect().Set(fd, content.ProtoReflect().NewField(fd))
		if lint.KindOf(content) != kind {
			t.Errorf("a content with %s is %s", row[2], lint.KindOf(content))
		}
	}
}

// The walk that counts what a content holds goes by the order of declaration, which the document calls ascending numbers; and the
// rules of the encoding name all kinds of fields that there are.
func TestFieldsAreDeclaredInTheOrderOfTheirNumbersAndOfKnownKinds(t *testing.T) {
	kinds := []protoreflect.Kind{
		protoreflect.BoolKind, protoreflect.EnumKind, protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.DoubleKind,
		protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind,
	}
	protoregistry.GlobalFiles.RangeFilesByPackage("rogatory.v1", func(fd protoreflect.FileDescriptor) bool {
		for i := range fd.Messages().Len() {
			fields := fd.Messages().Get(i).Fields()
			for j := range fields.Len() {
				f := fields.Get(j)
				if j > 0 && fields.Get(j-1).Number() >= f.Number() {
					t.Errorf("%s stands after %s", f.FullName(), fields.Get(j-1).Name())
				}
				if f.HasOptionalKeyword() || f.IsMap() || !slices.Contains(kinds, f.Kind()) || f.Kind() == protoreflect.DoubleKind && f.IsList() {
					t.Errorf("%s is %s %s, of which the document does not speak", f.FullName(), f.Cardinality(), f.Kind())
				}
			}
		}
		return true
	})
}

func TestDocumentNamesEveryFinalRefusal(t *testing.T) {
	want := []string{string(envelope.ReasonSealing), string(envelope.ReasonMessage), string(envelope.ReasonInner), string(envelope.ReasonCommitment)}
	for _, pkg := range []string{"node/post", "node/desk/intake"} {
		c := constantsOf(t, pkg)
		for name := range c.exprs {
			if strings.HasPrefix(name, "Reject") {
				want = append(want, constant.StringVal(c.value(t, name)))
			}
		}
	}
	var have []string
	for _, row := range tables(t, "refusals")[0].rows {
		have = append(have, row[0])
	}
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(have, want) {
		t.Errorf("the code refuses with\n%v\nthe document says\n%v", want, have)
	}
}

func TestDocumentedLimitsAreThoseOfTheCode(t *testing.T) {
	units := map[string]int64{
		"": 1, "KiB": 1 << 10, "MiB": 1 << 20,
		"s": int64(time.Second), "min": int64(time.Minute), "h": int64(time.Hour), "days": int64(24 * time.Hour),
	}
	rows := tables(t, "limits")[0].rows
	for _, row := range rows {
		var n int64
		var unit string
		if k, err := fmt.Sscan(row[1], &n, &unit); k == 0 {
			t.Errorf("%v: %v", row, err)
			continue
		}
		pkg, name, _ := strings.Cut(row[2], ".")
		got, ok := constant.Int64Val(constant.ToInt(constantsOf(t, pkg).value(t, name)))
		if want := n * units[unit]; !ok || got != want || units[unit] == 0 {
			t.Errorf("%s is %d, the document says %s", row[2], got, row[1])
		}
	}
}

// constants are the constant declarations of a package, as its files state them.
type constants struct {
	pkg     string
	exprs   map[string]ast.Expr
	imports map[string]string // name: folder in this module, or path
}

var read = map[string]*constants{}

func constantsOf(t *testing.T, pkg string) *constants {
	t.Helper()
	if c := read[pkg]; c != nil {
		return c
	}
	c := &constants{pkg: pkg, exprs: map[string]ast.Expr{}, imports: map[string]string{}}
	for _, f := range parseFolder(t, pkg, false) {
		for _, i := range f.Imports {
			p := strings.Trim(i.Path.Value, `"`)
			c.imports[p[strings.LastIndexByte(p, '/')+1:]] = strings.TrimPrefix(p, "github.com/rogatory/rogatory/")
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				for i, name := range v.Names {
					if i < len(v.Values) {
						c.exprs[name.Name] = v.Values[i]
					}
				}
			}
		}
	}
	read[pkg] = c
	return c
}

func parseFolder(t *testing.T, pkg string, tests bool) (out []*ast.File) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", pkg, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("package %s: %v", pkg, err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") != tests {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

func (c *constants) value(t *testing.T, name string) constant.Value {
	t.Helper()
	if c.exprs[name] == nil {
		t.Errorf("package %s has no constant %s", c.pkg, name)
		return constant.MakeUnknown()
	}
	return c.eval(t, c.exprs[name])
}

func (c *constants) eval(t *testing.T, e ast.Expr) constant.Value {
	t.Helper()
	switch e := e.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(e.Value, e.Kind, 0)
	case *ast.ParenExpr:
		return c.eval(t, e.X)
	case *ast.Ident:
		return c.value(t, e.Name)
	case *ast.BinaryExpr:
		x, y := c.eval(t, e.X), c.eval(t, e.Y)
		if e.Op == token.SHL {
			n, _ := constant.Uint64Val(y)
			return constant.Shift(x, token.SHL, uint(n))
		}
		return constant.BinaryOp(x, e.Op, y)
	case *ast.SelectorExpr:
		from := c.imports[e.X.(*ast.Ident).Name]
		if from == "time" {
			d := map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour}[e.Sel.Name]
			return constant.MakeInt64(int64(d))
		}
		return constantsOf(t, from).value(t, e.Sel.Name)
	}
	t.Errorf("package %s: a constant of a form that this test does not know: %T", c.pkg, e)
	return constant.MakeUnknown()
}

var command = regexp.MustCompile("`go test ([^`]+)`")

// Each command beside a claim runs a test that exists.
func TestDocumentedCommandsRunTestsThatExist(t *testing.T) {
	commands := command.FindAllStringSubmatch(document(t), -1)
	if len(commands) < 25 {
		t.Errorf("found only %d commands", len(commands))
	}
	for _, m := range commands {
		var run string
		var names []string
		words := strings.Fields(m[1])
		for i, w := range words {
			switch {
			case w == "-run" || w == "-fuzz":
				run = strings.Trim(words[i+1], "'")
			case strings.HasPrefix(w, "./"):
				names = append(names, testsIn(t, strings.TrimPrefix(w, "./"))...)
			}
		}
		if len(names) == 0 {
			t.Errorf("no tests for: go test %s", m[1])
		}
		// What stands behind a slash is a subtest, of one test.
		run, sub, _ := strings.Cut(run, "/")
		alternatives := strings.Split(run, "|")
		if strings.Contains(sub, "|") && !strings.HasPrefix(sub, "(") {
			alternatives = append(alternatives, strings.Split(sub, "|")[1:]...)
		}
		for _, alternative := range alternatives {
			re, err := regexp.Compile(alternative)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(names, re.MatchString) {
				t.Errorf("%q matches no test: go test %s", alternative, m[1])
			}
		}
		for _, topic := range regexp.MustCompile(`VectorsHold/\(?([a-z|]+)`).FindAllStringSubmatch(m[1], -1) {
			for _, name := range strings.Split(topic[1], "|") {
				if _, err := os.Stat(filepath.Join("testdata", "vectors", name+".json")); name != "" && err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// testsIn returns the names of tests and fuzz tests of a folder; a folder that ends in ... stands for all below it.
func testsIn(t *testing.T, pkg string) (names []string) {
	t.Helper()
	folders := []string{pkg}
	if above, all := strings.CutSuffix(pkg, "..."); all {
		folders = nil
		if err := filepath.WalkDir(filepath.Join("..", above), func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, "_test.go") {
				dir, relErr := filepath.Rel("..", filepath.Dir(path))
				folders, err = append(folders, dir), relErr
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range folders {
		for _, f := range parseFolder(t, folder, true) {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && (strings.HasPrefix(fn.Name.Name, "Test") || strings.HasPrefix(fn.Name.Name, "Fuzz")) {
					names = append(names, fn.Name.Name)
				}
			}
		}
	}
	return names
}

// block returns the text of the document's one fenced block of a language.
func block(t *testing.T, language string) string {
	t.Helper()
	m := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(document(t), -1)
	if len(m) != 1 {
		t.Fatalf("%d blocks of %s", len(m), language)
	}
	return m[0][1]
}

func TestDocumentsWorkedEncodingIsAVector(t *testing.T) {
	var b []byte
	for line := range strings.Lines(block(t, "wire")) {
		digits, _, _ := strings.Cut(line, "  ")
		part, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, part...)
	}
	v := readVector[[]encodingVector](t, "encoding")
	if !slices.ContainsFunc(v, func(e encodingVector) bool { return e.Name == "worked example" && bytes.Equal(e.Bytes, b) }) {
		t.Errorf("%x is not the vector", b)
	}
}

func TestDocumentsRequestFileLintsClean(t *testing.T) {
	f, err := lint.ParseFile([]byte(block(t, "json")))
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range lint.File(f, lint.Context{Now: noon}) {
		t.Errorf("%s %s at %s %v", finding.Severity, finding.Code, finding.Path, finding.Params)
	}
}

// Every vector file is named in the document, and every named one is there.
func TestDocumentNamesEveryVectorFile(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "vectors", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, f := range files {
		have = append(have, filepath.Base(f))
	}
	var want []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+\\.json)` \\|").FindAllStringSubmatch(document(t), -1) {
		want = append(want, m[1])
	}
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("the folder holds\n%v\nthe document names\n%v", have, want)
	}
}
