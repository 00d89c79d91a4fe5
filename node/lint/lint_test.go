package lint

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rogatory/rogatory/node/lint/ident"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

var updateLint = flag.Bool("update-lint", false, "rewrite the expected findings in testdata/golden")

// lintNow is the moment at which the golden files are linted.
var lintNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const examplesDir = "../../configs/examples"

func TestEveryExampleLintsClean(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(examplesDir, "*.json"))
	if err != nil || len(names) < 12 {
		t.Fatalf("found %d examples, want at least 12 (%v)", len(names), err)
	}
	kinds := make(map[rogatoryv1.Kind]bool)
	for _, name := range names {
		f := readExample(t, name)
		kinds[KindOf(f.Content)] = true
		for _, x := range File(f, Context{Now: lintNow, Peer: "BG", PeerLanguages: []string{"en", "bg"}}) {
			t.Errorf("%s: %s", filepath.Base(name), asJSON(t, x))
		}
	}
	for _, k := range []rogatoryv1.Kind{
		rogatoryv1.Kind_KIND_REQUEST, rogatoryv1.Kind_KIND_FIU_REQUEST, rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY,
		rogatoryv1.Kind_KIND_SPONTANEOUS, rogatoryv1.Kind_KIND_CLARIFICATION, rogatoryv1.Kind_KIND_CLARIFICATION_ANSWER,
		rogatoryv1.Kind_KIND_WITHDRAWAL, rogatoryv1.Kind_KIND_FEEDBACK, rogatoryv1.Kind_KIND_CONSENT_REQUEST,
		rogatoryv1.Kind_KIND_CONSENT_DECISION, rogatoryv1.Kind_KIND_CORRECTION, rogatoryv1.Kind_KIND_JOINT,
	} {
		if !kinds[k] {
			t.Errorf("no example of %s", k)
		}
	}
}

func TestExamplesRefuseUnknownFields(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(examplesDir, "police-request-normal.json"))
	if err != nil {
		t.Fatal(err)
	}
	for old, bad := range map[string]string{
		`"regime":`:        `"regimen":`,
		`"purposeLink":`:   `"purposelink":`,
		`"ROLE_SUSPECT"`:   `"SUSPICIOUS"`,
		`"fromUnit": `:     `"fromUnit": "a", "fromUnit": `,
		`"language": "en"`: `"language": 7`,
	} {
		changed := bytes.Replace(b, []byte(old), []byte(bad), 1)
		if bytes.Equal(changed, b) {
			t.Fatalf("%s does not stand in the example", old)
		}
		if _, err := ParseFile(changed); err == nil {
			t.Errorf("%s instead of %s is accepted", bad, old)
		} else if !strings.Contains(err.Error(), "line ") {
			t.Errorf("%v: no line", err)
		}
	}
	if _, err := ParseFile(make([]byte, MaxFileBytes+1)); err != ErrFileTooLarge {
		t.Errorf("an oversize file: %v", err)
	}
}

// TestLintGolden lints each testdata/golden/NAME.json, a request file, and compares with NAME.want, one finding a line.
// "go test -run TestLintGolden -update-lint" rewrites the latter.
func TestLintGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/golden/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden files (%v)", err)
	}
	used := make(map[Code]bool)
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".json"), func(t *testing.T) {
			f := readExample(t, name)
			var out bytes.Buffer
			for _, x := range File(f, goldenContext()) {
				used[x.Code] = true
				out.WriteString(asJSON(t, x) + "\n")
			}
			wantFile := strings.TrimSuffix(name, ".json") + ".want"
			if *updateLint {
				if err := os.WriteFile(wantFile, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != string(want) {
				t.Errorf("findings\n%swant\n%s", out.String(), want)
			}
		})
	}
	for _, c := range Codes() {
		// These need a message too large for a file that people read, or a docket from elsewhere.
		if c != TooLarge && c != TooLong && c != TooMany && c != DocketDiffers && !used[c] {
			t.Errorf("no golden file brings up %q", c)
		}
	}
}

// goldenContext has one item on record: message 00…01, item 0, under H2.
func goldenContext() Context {
	k := ItemKey{}
	k.Msg[31] = 1
	return Context{
		Now: lintNow, Peer: "BG", PeerLanguages: []string{"bg", "en"},
		Quoted: map[ItemKey]*rogatoryv1.Item{k: {
			Handling: &rogatoryv1.Handling{
				Code: rogatoryv1.HandlingCode_HANDLING_CODE_H2, RetainUntil: "2027-01-01", DoNotNameSource: true,
				Purposes: []rogatoryv1.Purpose{rogatoryv1.Purpose_PURPOSE_INVESTIGATION}, ThirdState: rogatoryv1.Choice_CHOICE_NO,
				Conditions: []string{"Invented condition."},
			},
			Evaluation: &rogatoryv1.Evaluation{
				Source:      rogatoryv1.SourceEvaluation_SOURCE_EVALUATION_C,
				Information: rogatoryv1.InformationEvaluation_INFORMATION_EVALUATION_4,
			},
		}},
	}
}

func TestFindingsAreSortedAndHoldNoContent(t *testing.T) {
	secret := "Sehrgeheimović"
	c := &rogatoryv1.Content{Language: "en", Body: &rogatoryv1.Content_Request{Request: &rogatoryv1.RequestForInformation{
		Subjects: []*rogatoryv1.Subject{{Entity: &rogatoryv1.Entity{Id: secret, Kind: &rogatoryv1.Entity_Person{Person: &rogatoryv1.Person{
			Names:         []*rogatoryv1.Name{{Family: secret, Script: secret}},
			BirthDate:     secret,
			Nationalities: []string{secret},
		}}}}},
		Connections: []*rogatoryv1.Connection{{From: secret, To: secret}},
	}}}
	findings := Content(c, nil, Context{Now: lintNow})
	if Sendable(findings) {
		t.Error("an empty request is sendable")
	}
	if !slices.IsSortedFunc(findings, func(a, b Finding) int { return severityRank(a.Severity) - severityRank(b.Severity) }) {
		t.Error("warnings stand before errors")
	}
	if strings.Contains(asJSON(t, findings), secret) {
		t.Errorf("a finding quotes the content: %s", asJSON(t, findings))
	}
}

func TestBoundsHoldForEveryStringAndList(t *testing.T) {
	seen := 0
	var fill func(m protoreflect.Message, p *messagePlan)
	fill = func(m protoreflect.Message, p *messagePlan) {
		for i := range p.fields {
			fp := &p.fields[i]
			if fp.fd.Kind() != protoreflect.StringKind && fp.sub == nil {
				continue
			}
			fresh := m.New()
			fd := fp.fd
			value := func(s string) protoreflect.Value {
				if fp.sub != nil {
					return protoreflect.ValueOfMessage(fresh.NewField(fd).Message())
				}
				return protoreflect.ValueOfString(s)
			}
			if fd.IsList() {
				list := fresh.NewField(fd).List()
				for range fp.maxLen + 1 {
					if fp.sub != nil {
						list.AppendMutable()
					} else {
						list.Append(value("x"))
					}
				}
				fresh.Set(fd, protoreflect.ValueOfList(list))
				if !has(walkOnly(fresh, p), TooMany) {
					t.Errorf("%s takes %d entries", fd.FullName(), fp.maxLen+1)
				}
			}
			if fp.sub == nil {
				seen++
				fresh := m.New()
				v := value(strings.Repeat("ж", fp.maxRunes+1))
				if fd.IsList() {
					list := fresh.NewField(fd).List()
					list.Append(v)
					v = protoreflect.ValueOfList(list)
				}
				fresh.Set(fd, v)
				if !has(walkOnly(fresh, p), TooLong) {
					t.Errorf("%s takes %d characters", fd.FullName(), fp.maxRunes+1)
				}
				continue
			}
			elem := fresh.NewField(fd)
			if fd.IsList() {
				elem = elem.List().NewElement()
			}
			fill(elem.Message(), fp.sub)
		}
	}
	fill((&rogatoryv1.Content{}).ProtoReflect(), contentPlan)
	if seen < 200 {
		t.Errorf("looked at %d string fields only", seen)
	}
	big := &rogatoryv1.Content{Body: &rogatoryv1.Content_Reminder{Reminder: &rogatoryv1.Reminder{Text: strings.Repeat("x", MaxContentBytes)}}}
	if !has(Content(big, nil, Context{}), TooLarge) {
		t.Error("an oversize content passes")
	}
}

func walkOnly(m protoreflect.Message, p *messagePlan) []Finding {
	l := &linter{ids: make(map[string]string), path: []byte("content")}
	l.walk(m, p)
	return l.findings
}

func has(findings []Finding, c Code) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Code == c })
}

// TestFieldTablesNameRealFields keeps the tables of lintfields.go true to the proto, and the proto's comments to them.
func TestFieldTablesNameRealFields(t *testing.T) {
	kinds := make(map[string]protoreflect.Kind)
	var walk func(md protoreflect.MessageDescriptor)
	walk = func(md protoreflect.MessageDescriptor) {
		for i := range md.Fields().Len() {
			fd := md.Fields().Get(i)
			kinds[string(md.Name())+"."+string(fd.Name())] = fd.Kind()
			if fd.Message() != nil {
				walk(fd.Message())
			}
		}
	}
	walk((*rogatoryv1.Content)(nil).ProtoReflect().Descriptor())
	for k, c := range fieldChecks {
		switch {
		case (c.is != nil || c.when != notDate || c.kind == "mrz") && kinds[k] != protoreflect.StringKind,
			c.max != 0 && kinds[k] != protoreflect.Uint32Kind:
			t.Errorf("check of %s does not fit its field", k)
		}
	}
	for k := range byteFields {
		if kinds[k] != protoreflect.BytesKind {
			t.Errorf("%s is no bytes field", k)
		}
	}
	for k, kind := range kinds {
		if kind == protoreflect.BytesKind && byteFields[k] == 0 {
			t.Errorf("%s has no size", k)
		}
	}
	for k := range listBounds {
		if _, ok := kinds[k]; !ok {
			t.Errorf("%s does not exist", k)
		}
	}
	commented := textComments(t)
	for k := range textFields {
		if kinds[k] != protoreflect.StringKind || !commented[k] {
			t.Errorf("%s is not commented as a text", k)
		}
	}
	for k := range commented {
		if _, ok := kinds[k]; ok && !textFields[k] {
			t.Errorf("%s is commented as a text", k)
		}
	}
}

// textComments finds the string fields whose comments begin with "Text" in the proto files.
func textComments(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../../proto/rogatory/v1/*.proto")
	if err != nil || len(files) == 0 {
		t.Fatalf("no proto files (%v)", err)
	}
	out := make(map[string]bool)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		message, text := "", false
		for line := range strings.Lines(string(b)) {
			line = strings.TrimSpace(line)
			words := strings.Fields(strings.TrimPrefix(line, "repeated "))
			switch {
			case strings.HasPrefix(line, "message "):
				message = strings.Fields(line)[1]
			case strings.HasPrefix(line, "// Text:"), strings.HasPrefix(line, "// Texts:"):
				text = true
			case strings.HasPrefix(line, "//"):
			default:
				if text && len(words) > 1 {
					out[message+"."+words[1]] = true
				}
				text = false
			}
		}
	}
	return out
}

func TestDocketFollowsFromContent(t *testing.T) {
	f := readExample(t, filepath.Join(examplesDir, "police-request-urgent.json"))
	cover := CoverOf(f)
	cover.ToUnit, cover.Actor, cover.ActorKind = "police", "officer-1", rogatoryv1.ActorKind_ACTOR_KIND_OFFICER
	d := DocketOf(f.Content, cover)
	want := &rogatoryv1.Docket{
		Method: MethodAsk, Kind: rogatoryv1.Kind_KIND_REQUEST, FromUnit: "police", ToUnit: "police",
		Authority: rogatoryv1.Authority_AUTHORITY_POLICE, Regime: rogatoryv1.Regime_REGIME_EU_2023_977,
		Purpose: rogatoryv1.Purpose_PURPOSE_INVESTIGATION, Urgency: rogatoryv1.Urgency_URGENCY_THREAT_LIFE,
		Offences: []rogatoryv1.Offence{
			rogatoryv1.Offence_OFFENCE_SMUGGLING_DANGER_TO_LIFE, rogatoryv1.Offence_OFFENCE_SMUGGLING_ORGANISING,
		},
		MaximumPenaltyYears: 12, OrganisedGroup: true, Handling: rogatoryv1.HandlingCode_HANDLING_CODE_H1,
		Roles:  []rogatoryv1.Role{rogatoryv1.Role_ROLE_SUSPECT},
		Wants:  []rogatoryv1.Want{rogatoryv1.Want_WANT_MOVEMENTS, rogatoryv1.Want_WANT_VEHICLES, rogatoryv1.Want_WANT_PHONES},
		Counts: &rogatoryv1.Counts{Persons: 1}, Actor: "officer-1", ActorKind: rogatoryv1.ActorKind_ACTOR_KIND_OFFICER,
		Languages: []string{"en", "bg"},
	}
	if !proto.Equal(d, want) {
		t.Errorf("docket\n%v\nwant\n%v", d, want)
	}
	if x := Content(f.Content, d, Context{Now: lintNow}); len(x) != 0 {
		t.Errorf("with its own docket: %s", asJSON(t, x))
	}
	d.Urgency, d.Handling = rogatoryv1.Urgency_URGENCY_NORMAL, rogatoryv1.HandlingCode_HANDLING_CODE_H0
	x := Content(f.Content, d, Context{Now: lintNow})
	if len(x) != 2 || x[0].Path != "docket.urgency" || x[1].Path != "docket.handling" || x[0].Code != DocketDiffers {
		t.Errorf("with another docket: %s", asJSON(t, x))
	}
}

func TestDocketCountsWhatAReplyHolds(t *testing.T) {
	d := DocketOf(readExample(t, filepath.Join(examplesDir, "fiu-reply.json")).Content, Cover{})
	if want := (&rogatoryv1.Counts{Persons: 1, Organisations: 1, Items: 5, Transactions: 3, Accounts: 6}); !proto.Equal(d.Counts, want) {
		t.Errorf("counts %v, want %v", d.Counts, want)
	}
	if d.Handling != rogatoryv1.HandlingCode_HANDLING_CODE_H2 || !d.Final || d.Method != MethodAnswer {
		t.Errorf("docket %v", d)
	}
	d = DocketOf(readExample(t, filepath.Join(examplesDir, "consent-decision.json")).Content, Cover{})
	if len(d.Consents) != 3 || d.Consents[0].UntilMs != uint64(time.Date(2036, 11, 23, 0, 0, 0, 0, time.UTC).UnixMilli()) ||
		d.Consents[2].Decision != rogatoryv1.Choice_CHOICE_NO || !slices.Equal(d.Parties, []string{"RS"}) {
		t.Errorf("consents %v, parties %v", d.Consents, d.Parties)
	}
	d = DocketOf(readExample(t, filepath.Join(examplesDir, "joint-proposal.json")).Content, Cover{})
	if d.Joint != rogatoryv1.JointAct_JOINT_ACT_PROPOSE || !slices.Equal(d.Parties, []string{"RS", "BG", "GR"}) {
		t.Errorf("joint %v, parties %v", d.Joint, d.Parties)
	}
	d = DocketOf(readExample(t, filepath.Join(examplesDir, "police-reply-partly-refused.json")).Content, Cover{})
	if len(d.Refusals) != 1 || d.Refusals[0].Ground != rogatoryv1.Ground_GROUND_RISK_TO_INVESTIGATION_OR_PERSON {
		t.Errorf("refusals %v", d.Refusals)
	}
}

// TestDocketHoldsNoFreeText fills every string of a content with a name and looks for it in the docket.
func TestDocketHoldsNoFreeText(t *testing.T) {
	secret := "Tajnović"
	var fill func(m protoreflect.Message)
	fill = func(m protoreflect.Message) {
		for i := range m.Descriptor().Fields().Len() {
			fd := m.Descriptor().Fields().Get(i)
			switch {
			case fd.IsList() && fd.Kind() == protoreflect.StringKind:
				m.Mutable(fd).List().Append(protoreflect.ValueOfString(secret))
			case fd.IsList() && fd.Message() != nil:
				fill(m.Mutable(fd).List().AppendMutable().Message())
			case fd.IsList():
			case fd.Kind() == protoreflect.BytesKind:
				m.Set(fd, protoreflect.ValueOfBytes([]byte(secret)))
			case fd.Kind() == protoreflect.StringKind:
				m.Set(fd, protoreflect.ValueOfString(secret))
			case fd.Message() != nil:
				fill(m.Mutable(fd).Message())
			}
		}
	}
	body := (&rogatoryv1.Content{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	steps := (&rogatoryv1.JointCase{}).ProtoReflect().Descriptor().Fields()
	for i := range body.Len() {
		for j := range steps.Len() {
			c := (&rogatoryv1.Content{}).ProtoReflect()
			fill(c)
			b := c.NewField(body.Get(i))
			fill(b.Message())
			if body.Get(i).Name() == "joint" {
				fill(b.Message().Mutable(steps.Get(j)).Message())
			} else if j > 0 {
				break
			}
			c.Set(body.Get(i), b)
			d := DocketOf(c.Interface().(*rogatoryv1.Content), Cover{})
			if raw, _ := proto.Marshal(d); bytes.Contains(raw, []byte(secret)) {
				t.Errorf("docket of %s: %v", body.Get(i).Name(), d)
			}
		}
	}
}

func TestEveryKindHasABodyAndAMethod(t *testing.T) {
	body := (&rogatoryv1.Content{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	seen := make(map[rogatoryv1.Kind]bool)
	for i := range body.Len() {
		c := (&rogatoryv1.Content{}).ProtoReflect()
		c.Set(body.Get(i), c.NewField(body.Get(i)))
		k := KindOf(c.Interface().(*rogatoryv1.Content))
		if k == 0 || seen[k] || MethodOf(k) == "" {
			t.Errorf("%s: kind %s, method %q", body.Get(i).Name(), k, MethodOf(k))
		}
		seen[k] = true
	}
	if len(seen) != len(rogatoryv1.Kind_name)-1 {
		t.Errorf("%d of %d kinds have a body", len(seen), len(rogatoryv1.Kind_name)-1)
	}
}

func TestDatesAreAsPreciseAsTheySay(t *testing.T) {
	for s, want := range map[string]bool{
		"1984": true, "1984-05": true, "1984-05-17": true, "2026-11-20T08:30Z": true, "2026-11-20T09:30:15+01:00": true,
		"": false, "84": false, "1984-13": false, "1984-02-30": false, "1984-5-17": false, "2026-11-20T08:30": false,
		"2026-11-20 08:30Z": false, "2026-11-20T08:30:15.5Z": false, "17.5.1984": false, "0001": false, "2026-11-20T24:00Z": false,
	} {
		if _, _, _, ok := ident.Date(s); ok != want {
			t.Errorf("%q: %v, want %v", s, ok, want)
		}
	}
}

func TestSpeaksMatchesLanguageAndScript(t *testing.T) {
	for _, e := range []struct {
		declared, tag string
		want          bool
	}{
		{"en", "en", true}, {"en", "en-GB", true}, {"bg", "mk", false}, {"sr-Latn", "sr-Latn", true}, {"sr-Latn", "sr-Cyrl", false},
		{"sr", "sr-Latn", true}, {"sr-Latn", "sr", true},
	} {
		if got := speaks([]string{e.declared}, e.tag); got != e.want {
			t.Errorf("declared %s, written %s: %v", e.declared, e.tag, got)
		}
	}
}

// FuzzLint feeds request files: whatever parses is linted the same way twice, changes nothing, and its own docket fits.
func FuzzLint(f *testing.F) {
	for _, dir := range []string{examplesDir, "testdata/golden"} {
		names, _ := filepath.Glob(filepath.Join(dir, "*.json"))
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := ParseFile(b)
		if err != nil {
			return
		}
		before := proto.Clone(file)
		ctx := goldenContext()
		a, c := File(file, ctx), File(file, ctx)
		if !slices.EqualFunc(a, c, func(x, y Finding) bool { return x.Path == y.Path && x.Code == y.Code }) {
			t.Errorf("two runs differ: %v, %v", a, c)
		}
		if !proto.Equal(before, file) {
			t.Error("linting changed the file")
		}
		if has(Content(file.Content, DocketOf(file.Content, CoverOf(file)), ctx), DocketDiffers) {
			t.Error("a content's own docket differs")
		}
		for _, x := range a {
			if x.Path == "" && x.Code != Nothing {
				t.Errorf("%s without a path", x.Code)
			}
		}
	})
}

// FuzzLintWire feeds encoded contents, which can hold what JSON cannot.
func FuzzLintWire(f *testing.F) {
	names, _ := filepath.Glob(filepath.Join(examplesDir, "*.json"))
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		file, err := ParseFile(b)
		if err != nil {
			f.Fatal(err)
		}
		raw, err := proto.Marshal(file.Content)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &rogatoryv1.Content{}
		if proto.Unmarshal(b, c) != nil {
			return
		}
		d := DocketOf(c, Cover{})
		if has(Content(c, d, goldenContext()), DocketDiffers) {
			t.Error("a content's own docket differs")
		}
	})
}

func BenchmarkLint(b *testing.B) {
	raw, err := os.ReadFile(filepath.Join(examplesDir, "police-request-urgent.json"))
	if err != nil {
		b.Fatal(err)
	}
	f, err := ParseFile(raw)
	if err != nil {
		b.Fatal(err)
	}
	d := DocketOf(f.Content, CoverOf(f))
	b.ReportAllocs()
	for b.Loop() {
		Content(f.Content, d, Context{Now: lintNow, PeerLanguages: []string{"en"}})
	}
}

func readExample(t *testing.T, name string) *rogatoryv1.RequestFile {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseFile(b)
	if err != nil {
		t.Fatalf("%s: %v", filepath.Base(name), err)
	}
	// What was read can be written and read again.
	again, err := protojson.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	g, err := ParseFile(again)
	if err != nil || !proto.Equal(f, g) {
		t.Fatalf("%s does not come back: %v", filepath.Base(name), err)
	}
	return f
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
