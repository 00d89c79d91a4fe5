package configs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rogatory/rogatory/node/lint"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const smallest = `country: RS
federation: rogatory.example
data: data
keys: {ring: ring, insecure: true}
guard: guard/RS.head
directory: directory
nats: {urls: ["nats://127.0.0.1:4222"], insecure: true}
zone: Europe/Belgrade
units:
  - {name: police, authority: police}
`

func mistakes(t *testing.T, text string) Mistakes {
	t.Helper()
	n, err := Parse("node.yaml", []byte(text))
	if err == nil {
		t.Fatalf("taken without a mistake: %+v", n)
	}
	var m Mistakes
	if !errors.As(err, &m) {
		t.Fatalf("not mistakes: %v", err)
	}
	return m
}

func TestTheExampleLoads(t *testing.T) {
	n, err := Load("node.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if n.Country != "RS" || len(n.Units) != 3 || n.Round != time.Minute || n.Limits.MaxContent != 512<<10 {
		t.Errorf("read as %+v", n)
	}
	if len(n.Units[0].Languages) != 2 || n.Units[0].Languages[0] != "sr" || n.Units[1].Languages[0] != "en" {
		t.Errorf("languages of units %v, %v", n.Units[0].Languages, n.Units[1].Languages)
	}
	if !n.Units[0].Default || !n.Units[1].FourEyes {
		t.Errorf("units read as %+v", n.Units)
	}
}

// Every key of the reference stands in the example, so that nobody has to read Go to find one.
func TestTheExampleNamesEveryKey(t *testing.T) {
	d := &decoder{where: map[string]mark{}}
	d.value(d.parse(Example), reflect.ValueOf(new(Node)).Elem(), "")
	given := map[string]bool{}
	for path := range d.where {
		for {
			i, j := strings.IndexByte(path, '['), strings.IndexByte(path, ']')
			if i < 0 {
				break
			}
			path = path[:i] + path[j+1:]
		}
		given[path] = true
	}
	var walk func(reflect.Type, string)
	walk = func(typ reflect.Type, path string) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			key := f.Tag.Get("yaml")
			if key == "-" {
				continue
			}
			if key == "" {
				t.Errorf("%s.%s has no key", typ.Name(), f.Name)
			}
			key = join(path, key)
			if !given[key] {
				t.Errorf("the example does not give %s", key)
			}
			switch ft := f.Type; {
			case ft.Kind() == reflect.Struct:
				walk(ft, key)
			case ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.Struct:
				walk(ft.Elem(), key)
			}
		}
	}
	walk(reflect.TypeFor[Node](), "")
}

func TestWhatTheExampleCallsDefaultIsTheDefault(t *testing.T) {
	full, err := Load("node.yaml")
	if err != nil {
		t.Fatal(err)
	}
	bare, err := Parse("node.yaml", []byte(smallest))
	if err != nil {
		t.Fatal(err)
	}
	if bare.Limits != full.Limits || bare.Log != full.Log || bare.Round != full.Round ||
		bare.UndeliveredAfter != full.UndeliveredAfter || bare.CapacityPerHour != full.CapacityPerHour {
		t.Errorf("defaults are\n%+v\nthe example says\n%+v", bare, full)
	}
	if !bare.Units[0].Default || !bare.Units[0].FourEyes {
		t.Errorf("a single unit is %+v", bare.Units[0])
	}
	if len(bare.Languages) != 1 || bare.Languages[0] != "en" || len(bare.Regimes) != 2 {
		t.Errorf("languages %v, regimes %v", bare.Languages, bare.Regimes)
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "node.yaml")
	if err := os.WriteFile(file, []byte(smallest), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		n.Data: "data", n.Guard: "guard/RS.head", n.Keys.Ring: "ring", n.Directory: "directory", n.Socket: "node.sock",
		n.MainDB(): "data/main.db", n.KeysDB(): "data/keys.db", n.Blobs(): "data/blobs",
	} {
		if got != filepath.Join(dir, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if n.NATS.CA != "" {
		t.Errorf("an empty path became %s", n.NATS.CA)
	}
}

func TestEveryMistakeIsReportedAtOnceWithItsPlace(t *testing.T) {
	const text = `country: rs
federatoin: rogatory.example
data: data
data: elsewhere
keys: {ring: data/ring, insecure: maybe}
guard: data/head
directory: directory
nats:
  urls: [nats://hub:4222, "ftp://hub"]
zone: Europe/Belgrad
round: 60
limits:
  max_content: 2GiB
  parked_max: many
units:
  - name: police
    authority: polise
  - {name: police, authority: fiu, kinds: [fiu-request, fiu-request], default: true}
log: {level: loud}
languages: english
`
	want := []struct {
		line, column int
		what, hint   string
	}{
		{1, 10, `"rs" is no country code`, "write RS"},
		{2, 1, `unknown key "federatoin"`, `did you mean "federation"?`},
		{4, 1, `data is given twice`, "line 3"},
		{5, 14, `the key ring lies inside data`, "never backed up"},
		{5, 35, `keys.insecure takes true or false, not "maybe"`, ""},
		{6, 8, `the guard lies inside data`, "outside data"},
		{9, 3, `nats.ca is missing`, ""},
		{9, 3, `nats.cert is missing`, ""},
		{9, 3, `nats.key is missing`, ""},
		{9, 10, `nats:// is not encrypted`, "insecure: true"},
		{9, 27, `"ftp" is no scheme`, "tls://"},
		{10, 7, `"Europe/Belgrad" is no time zone`, ""},
		{11, 8, `"60" is no duration`, "90s"},
		{13, 16, `limits.max_content is 2GiB`, "from 4KiB to 768KiB"},
		{14, 15, `"many" is no whole number`, ""},
		{17, 16, `"polise" is no authority`, `did you mean "police"?`},
		{18, 12, `the unit "police" is given twice`, ""},
		{18, 57, `"fiu-request" is given twice`, ""},
		{19, 14, `"loud" is no log level`, "debug, info"},
		{20, 12, `languages takes a list, not a single value`, "[english]"},
		{0, 0, `federation is missing`, ""},
	}
	got := mistakes(t, text)
	for i, w := range want {
		if i >= len(got) {
			break
		}
		g := got[i]
		if g.Line != w.line || (w.line > 0 && g.Column != w.column) || !strings.Contains(g.What, w.what) || !strings.Contains(g.Hint, w.hint) {
			t.Errorf("mistake %d is\n%s\nwant %d:%d %s (%s)", i, g, w.line, w.column, w.what, w.hint)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d mistakes, want %d:\n%v", len(got), len(want), got)
	}
}

func TestAMistakeShowsTheLineAndACaretUnderThePlace(t *testing.T) {
	m := mistakes(t, strings.Replace(smallest, "zone: Europe/Belgrade", "zone: Evropa", 1))
	const want = `node.yaml:8:7: "Evropa" is no time zone known here
  zone: Evropa
        ^
  hint: an IANA name, for example Europe/Belgrade`
	if m.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", m.Error(), want)
	}
}

func TestNorwayIsACountryQuotedOrNot(t *testing.T) {
	for _, code := range []string{"NO", `"NO"`, "'NO'"} {
		n, err := Parse("node.yaml", []byte(strings.Replace(smallest, "country: RS", "country: "+code, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if n.Country != "NO" {
			t.Errorf("country: %s is %q", code, n.Country)
		}
	}
	m := mistakes(t, strings.Replace(smallest, "country: RS", "country: false", 1))
	if !strings.Contains(m.Error(), `country: "NO"`) {
		t.Errorf("no hint at Norway: %v", m)
	}
}

func TestASocketsPathIsAsLongAsTheSystemTakes(t *testing.T) {
	for length, ok := range map[int]bool{107: true, 108: false} {
		socket := "/" + strings.Repeat("s", length-1)
		_, err := Parse("node.yaml", []byte(smallest+"socket: "+socket+"\n"))
		if (err == nil) != ok {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
	deep := "/" + strings.Repeat("d/", 60)
	if _, err := Parse(deep+"node.yaml", []byte(smallest)); err == nil || !strings.Contains(err.Error(), "node.sock") {
		t.Errorf("the default in a deep folder: %v", err)
	}
}

func TestWhatIsNotPlainYAMLIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, what string }{
		"empty":          {"", "empty"},
		"only comments":  {"# nothing\n", "empty"},
		"not a mapping":  {"- a\n- b\n", "the file takes keys"},
		"two documents":  {smallest + "---\n" + smallest, "not YAML"},
		"unclosed list":  {"country: [RS\n", "not YAML"},
		"tab":            {"keys:\n\tring: x\n", "not YAML"},
		"anchor":         {strings.Replace(smallest, "country: RS", "country: &c RS", 1), "anchors"},
		"alias":          {strings.Replace(smallest, "zone: Europe/Belgrade", "zone: *c", 1), ""},
		"tag":            {strings.Replace(smallest, "country: RS", "country: !!str RS", 1), "tag"},
		"null":           {strings.Replace(smallest, "country: RS", "country:", 1), "no value"},
		"key is a list":  {smallest + "? [a, b]\n: c\n", "a key is a word"},
		"merge":          {smallest + "<<: {log: {level: info}}\n", "unknown key"},
		"too large":      {strings.Repeat("#", maxFile+1), "larger than 1 MiB"},
		"not UTF-8":      {"country: \xff\xfe\n", ""},
		"list of groups": {strings.Replace(smallest, "country: RS", "country: [RS]", 1), "one value"},
	} {
		t.Run(name, func(t *testing.T) {
			if m := mistakes(t, c.text); !strings.Contains(m.Error(), c.what) {
				t.Errorf("says %v", m)
			}
		})
	}
}

func TestAFileThatCannotBeReadIsAnErrorOfTheFileSystem(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestRoutingPrefersWhoListsTheMessage(t *testing.T) {
	n, err := Load("node.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind rogatoryv1.Kind
		from rogatoryv1.Authority
		want string
	}{
		{rogatoryv1.Kind_KIND_REQUEST, rogatoryv1.Authority_AUTHORITY_POLICE, "police"},
		{rogatoryv1.Kind_KIND_FIU_REQUEST, rogatoryv1.Authority_AUTHORITY_FIU, "fiu"},
		{rogatoryv1.Kind_KIND_FIU_REQUEST, rogatoryv1.Authority_AUTHORITY_POLICE, "police"},
		{rogatoryv1.Kind_KIND_REQUEST, rogatoryv1.Authority_AUTHORITY_COURT, "prosecutor"},
		{rogatoryv1.Kind_KIND_REQUEST, rogatoryv1.Authority_AUTHORITY_CUSTOMS, "police"},
	} {
		if got := n.Route(c.kind.String(), c.from.String()); got == nil || got.Name != c.want {
			t.Errorf("%v from %v goes to %v, want %s", c.kind, c.from, got, c.want)
		}
	}
	if n.Unit("fiu") == nil || n.Unit("navy") != nil {
		t.Error("units are not found by name")
	}
}

func TestTheLargestContentIsTheLinters(t *testing.T) {
	if maxContent != lint.MaxContentBytes {
		t.Errorf("%d, the linter says %d", maxContent, lint.MaxContentBytes)
	}
}

func TestCodedTermsAreThoseOfTheMessages(t *testing.T) {
	for enum, c := range map[string]struct {
		values protoreflect.EnumValueDescriptors
		known  []string
	}{
		"authority": {rogatoryv1.Authority(0).Descriptor().Values(), authorities},
		"kind":      {rogatoryv1.Kind(0).Descriptor().Values(), kinds},
		"regime":    {rogatoryv1.Regime(0).Descriptor().Values(), regimes},
	} {
		if c.values.Len() != len(c.known)+1 {
			t.Errorf("%s: %d terms, the messages have %d", enum, len(c.known), c.values.Len()-1)
		}
		for _, k := range c.known {
			if v := c.values.ByName(protoreflect.Name(enumName(enum, k))); v == nil || v.Number() == 0 {
				t.Errorf("%s: the messages have no %s", enum, enumName(enum, k))
			}
			if back := code(enum, enumName(enum, k)); back != k {
				t.Errorf("%s: %s reads back as %s", enum, k, back)
			}
		}
	}
}

func TestSizesReadBackAsTheyPrint(t *testing.T) {
	for _, text := range []string{"1B", "512KiB", "2GiB", "3TiB", "1025B", "0B"} {
		s, err := ParseSize(text)
		if err != nil || s.String() != text {
			t.Errorf("%s reads as %v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "-1", "1.5GiB", "9999999999TiB", "GiB", "0x10"} {
		if s, err := ParseSize(text); err == nil {
			t.Errorf("%q reads as %v", text, s)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(smallest))
	f.Add(Example)
	f.Add([]byte("country: NO\nunits: [{name: a, authority: fiu}, 3, {name: [}]\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("? {a: b}\n: - c\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := Parse("node.yaml", data)
		if err == nil {
			if n.Country == "" || len(n.Units) == 0 || !filepath.IsAbs(n.Data) {
				t.Errorf("taken without what it needs: %+v", n)
			}
			return
		}
		var m Mistakes
		if !errors.As(err, &m) || len(m) == 0 {
			t.Fatalf("%v", err)
		}
		_ = m.Error()
	})
}
