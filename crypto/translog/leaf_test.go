package translog

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryKindComesBackAsItWasWritten(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range samples() {
		b := mustMarshal(t, index(e), e)
		got, err := ParseLeaf(b)
		if err != nil {
			t.Errorf("%s: %v\n%s", e.Kind(), err, b)
			continue
		}
		want := Leaf{At: 1_763_917_200_123, Index: index(e), Kind: e.Kind(), V: 1, Entry: e}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got.Entry, want.Entry)
		}
		if err := CheckCanonical(b); err != nil {
			t.Errorf("%s: %v", e.Kind(), err)
		}
		seen[e.Kind()] = true
	}
	for _, k := range Kinds() {
		if !seen[k] {
			t.Errorf("no sample of %s", k)
		}
	}
	if len(seen) != len(Kinds()) {
		t.Errorf("%d kinds sampled, %d listed", len(seen), len(Kinds()))
	}
}

func TestLeafReadsAsThisLine(t *testing.T) {
	got := mustMarshal(t, 7, &Rej{Code: "not_understood", From: "BG", Msg: h("m")})
	want := `{"at":1763917200123,"code":"not_understood","from":"BG","i":7,"k":"rej","msg":"YsZsen39_DhxF6j8KpWaqjyPVDZmyGg39YJhxirUrX4","v":1}`
	want = regexp.MustCompile(`"msg":"[^"]*"`).ReplaceAllLiteralString(want, `"msg":"`+h("m").String()+`"`)
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLeafIsJSONThatOthersReadTheSameWay(t *testing.T) {
	for _, e := range samples() {
		b := mustMarshal(t, index(e), e)
		var m map[string]any
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(m) // sorts by name, writes no white space
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("encoding/json writes\n%s for\n%s", again, b)
		}
	}
}

func TestSchemasAreSorted(t *testing.T) {
	for _, k := range Kinds() {
		var names []string
		for _, m := range Schema(k) {
			names = append(names, m.Name)
		}
		if len(names) == 0 || !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Errorf("%s: %q", k, names)
		}
		for _, c := range common {
			if slices.Contains(names, c) {
				t.Errorf("%s has a member %s of its own", k, c)
			}
		}
	}
	if Schema("gossip") != nil {
		t.Error("an unknown kind has a schema")
	}
}

func TestAnyChangedByteIsRefusedOrAnotherLeaf(t *testing.T) {
	for _, e := range samples() {
		b := mustMarshal(t, index(e), e)
		for i := range b {
			for bit := range 8 {
				c := bytes.Clone(b)
				c[i] ^= 1 << bit
				got, err := ParseLeaf(c)
				if err != nil {
					continue
				}
				again, err := Marshal(got.At, got.Index, got.Entry)
				if err != nil || !bytes.Equal(again, c) {
					t.Fatalf("%s reads, but is written as\n%s: %v", c, again, err)
				}
			}
		}
	}
}

func TestAnyCutOrDoubledByteIsRefusedOrAnotherLeaf(t *testing.T) {
	for _, e := range samples() {
		b := mustMarshal(t, index(e), e)
		for i := range b {
			for _, c := range [][]byte{b[:i], slices.Delete(bytes.Clone(b), i, i+1), slices.Insert(bytes.Clone(b), i, b[i])} {
				got, err := ParseLeaf(c)
				if err != nil {
					continue
				}
				if again, err := Marshal(got.At, got.Index, got.Entry); err != nil || !bytes.Equal(again, c) {
					t.Fatalf("%s reads, but is written as\n%s: %v", c, again, err)
				}
			}
		}
	}
}

func TestSecondSpellingsAreNotCanonical(t *testing.T) {
	good := string(mustMarshal(t, 7, &Rej{Code: "late", From: "BG", Msg: h("m")}))
	for name, edit := range map[string][2]string{
		"space":           {`"i":7`, `"i": 7`},
		"tab":             {`"i":7`, "\"i\":\t7"},
		"leading zero":    {`"i":7`, `"i":07`},
		"minus":           {`"i":7`, `"i":-7`},
		"float":           {`"i":7`, `"i":7.0`},
		"exponent":        {`"i":7`, `"i":7e0`},
		"null":            {`"i":7`, `"i":null`},
		"true":            {`"i":7`, `"i":true`},
		"beyond 2^53-1":   {`"i":7`, `"i":9007199254740992`},
		"twenty digits":   {`"i":7`, `"i":18446744073709551623`},
		"escape":          {`"late"`, `"l\u0061te"`},
		"not ASCII":       {`"late"`, `"läte"`},
		"control":         {`"late"`, "\"la\nte\""},
		"duplicate":       {`"i":7`, `"i":7,"i":7`},
		"order":           {`"i":7,"k":"rej"`, `"k":"rej","i":7`},
		"object":          {`"late"`, `{}`},
		"three deep":      {`"late"`, `[[["late"]]]`},
		"trailing comma":  {`"v":1}`, `"v":1,}`},
		"after the end":   {`"v":1}`, `"v":1}}`},
		"line feed":       {`"v":1}`, "\"v\":1}\n"},
		"carriage return": {`"v":1}`, "\"v\":1}\r\n"},
	} {
		b := []byte(strings.Replace(good, edit[0], edit[1], 1))
		if string(b) == good {
			t.Fatalf("%s: nothing edited", name)
		}
		if _, err := ParseLeaf(b); !errors.Is(err, ErrCanon) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCanonicalLeavesThatFitNoSchemaAreToldApart(t *testing.T) {
	good := string(mustMarshal(t, 7, &Rej{Code: "late", From: "BG", Msg: h("m")}))
	for name, tc := range map[string]struct {
		old, new string
		want     error
	}{
		"unknown member":      {`"i":7`, `"h":1,"i":7`, ErrSchema},
		"member at the end":   {`"v":1}`, `"v":1,"w":1}`, ErrSchema},
		"missing member":      {`"from":"BG",`, ``, ErrSchema},
		"missing time":        {`"at":1763917200123,`, ``, ErrSchema},
		"wrong type":          {`"BG"`, `5`, ErrSchema},
		"list for a string":   {`"BG"`, `["BG"]`, ErrSchema},
		"empty string":        {`"BG"`, `""`, ErrSchema},
		"free text":           {`"late"`, `"came much too late"`, ErrSchema},
		"long code":           {`"late"`, `"` + strings.Repeat("a", 65) + `"`, ErrSchema},
		"small letters":       {`"BG"`, `"bg"`, ErrSchema},
		"base64 slack":        {h("m").String(), slack(h("m")), ErrSchema},
		"standard base64":     {h("m").String(), "+" + h("m").String()[1:], ErrSchema},
		"padded hash":         {h("m").String(), h("m").String() + "=", ErrSchema},
		"all-zero hash":       {h("m").String(), strings.Repeat("A", 43), ErrSchema},
		"unknown kind":        {`"rej"`, `"gossip"`, ErrSchema},
		"version 0":           {`"v":1}`, `"v":0}`, ErrSchema},
		"version 2":           {`"v":1}`, `"v":2}`, ErrVersion},
		"version 2, new form": {`"from":"BG",`, `"fromm":"BG",`, ErrSchema},
	} {
		b := []byte(strings.Replace(good, tc.old, tc.new, 1))
		if string(b) == good {
			t.Fatalf("%s: nothing edited", name)
		}
		_, err := ParseLeaf(b)
		if !errors.Is(err, tc.want) || errors.Is(err, ErrCanon) {
			t.Errorf("%s: %v", name, err)
		}
	}
	later := strings.NewReplacer(`"from":"BG"`, `"fromm":"BG"`, `"v":1}`, `"v":2}`).Replace(good)
	if _, err := ParseLeaf([]byte(later)); !errors.Is(err, ErrVersion) {
		t.Errorf("a later version with other members: %v", err)
	}
}

// slack returns the text of x with one of the two bits set that belong to no byte.
func slack(x Hash) string {
	s := []byte(x.String())
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	s[42] = alphabet[strings.IndexByte(alphabet, s[42])|1]
	return string(s)
}

func TestOptionalMembersAreNeverSpelledZero(t *testing.T) {
	m := sampleMsg()
	b := string(mustMarshal(t, 7, m))
	if _, err := ParseLeaf([]byte(strings.Replace(b, `"first_at":1763917200001`, `"first_at":0`, 1))); !errors.Is(err, ErrSchema) {
		t.Errorf("first_at 0: %v", err)
	}
	b = string(mustMarshal(t, 7, &Alarm{Detector: "rate", Digest: h("x"), Peer: "HU"}))
	if _, err := ParseLeaf([]byte(strings.Replace(b, `"HU"`, `""`, 1))); !errors.Is(err, ErrSchema) {
		t.Errorf("empty peer: %v", err)
	}
	b = string(mustMarshal(t, 7, &Actor{By: []string{"p1"}, Digest: h("x"), Event: "enrol", Who: "p2"}))
	if _, err := ParseLeaf([]byte(strings.Replace(b, `["p1"]`, `[]`, 1))); !errors.Is(err, ErrSchema) {
		t.Errorf("empty list: %v", err)
	}
}

func TestEntriesThatContradictThemselvesAreRefused(t *testing.T) {
	many := make([]Hash, 65)
	for i := range many {
		many[i] = h(string(rune(i)))
	}
	for name, e := range map[string]Entry{
		"arrived without signature":       &Msg{ContentCommit: h("c"), Dir: In, DocketCommit: h("d"), From: "RS", To: "BG", Msg: h("m")},
		"statement without signature":     &Msg{ContentCommit: h("c"), Dir: Out, DocketCommit: h("d"), From: "RS", To: "BG", Msg: h("m"), Stmt: h("s")},
		"first_at of our own":             &Msg{ContentCommit: h("c"), Dir: Out, DocketCommit: h("d"), From: "RS", To: "BG", Msg: h("m"), FirstAt: 1},
		"to oneself":                      &Msg{ContentCommit: h("c"), Dir: Out, DocketCommit: h("d"), From: "RS", To: "RS", Msg: h("m")},
		"unknown direction":               &Msg{ContentCommit: h("c"), Dir: "up", DocketCommit: h("d"), From: "RS", To: "BG", Msg: h("m")},
		"negative sequence":               &Msg{ContentCommit: h("c"), Dir: Out, DocketCommit: h("d"), From: "RS", To: "BG", Msg: h("m"), Seq: -1},
		"no name":                         &Msg{ContentCommit: h("c"), Dir: Out, DocketCommit: h("d"), From: "RS", To: "BG"},
		"receipt outside its tree":        &Rcpt{Index: 12, Log: "a", Of: h("m"), Root: h("r"), Size: 12},
		"whole refusal":                   &Rcpt{Index: 1, Log: "a", Of: h("m"), Root: h("r"), Size: 12, Whole: true, Rej: "no"},
		"head in part":                    &Genesis{Country: "RS", Directory: h("d"), Log: "a", Spec: "s", PrevSize: 5},
		"rule without policy":             &Case{Case: "c", Docket: h("d"), Event: "e", ToState: "s", Rule: "r"},
		"count of another list":           &Op{Basis: "b", Of: []Hash{h("x")}, OfCount: 2, Verb: Consult, Who: "w", Why: "y"},
		"digest of a short list":          &Op{Basis: "b", OfCount: 2, OfDigest: h("x"), Verb: Consult, Who: "w", Why: "y"},
		"long list in the leaf":           &Op{Basis: "b", Of: many, OfCount: 65, OfDigest: h("x"), Verb: Consult, Who: "w", Why: "y"},
		"unknown verb":                    &Op{Basis: "b", Verb: "peek", Who: "w", Why: "y"},
		"name with a space":               &Op{Basis: "b", Verb: Consult, Who: "Ana Ana", Why: "y"},
		"unsorted set":                    &Actor{By: []string{"b", "a"}, Digest: h("x"), Event: "enrol", Who: "w"},
		"repeated set":                    &Actor{By: []string{"a", "a"}, Digest: h("x"), Event: "enrol", Who: "w"},
		"quote in a string":               &Actor{Digest: h("x"), Event: `e"n`, Who: "w"},
		"counts of nothing":               &Stray{Hour: 0},
		"count of zero":                   &Stray{Counts: []Count{{"a", 0}}},
		"counts unsorted":                 &Stray{Counts: []Count{{"b", 1}, {"a", 1}}},
		"half an hour":                    &Stray{Counts: []Count{{"a", 1}}, Hour: 1_800_000},
		"manifest of nobody":              &Dir{Digest: h("x"), What: DirManifest},
		"tombstone of nothing in special": &Erase{Basis: "b", By: "t"},
	} {
		if b, err := Marshal(1, 7, e); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v %s", name, err, b)
		}
	}
	if _, err := Marshal(1, 7, samples()[0]); !errors.Is(err, ErrSchema) {
		t.Errorf("genesis at index 7: %v", err)
	}
	if _, err := Marshal(-1, 7, sampleMsg()); !errors.Is(err, ErrSchema) {
		t.Errorf("before 1970: %v", err)
	}
	if _, err := Marshal(1, MaxInt+1, sampleMsg()); !errors.Is(err, ErrSchema) {
		t.Errorf("index 2^53: %v", err)
	}
}

func TestErrorsNeverRepeatAValue(t *testing.T) {
	_, err := Marshal(1, 7, &Op{Basis: "b", Verb: Consult, Who: "Mira Petrovic", Why: "y"})
	if err == nil || strings.Contains(err.Error(), "Mira") {
		t.Errorf("%v", err)
	}
	_, err = ParseLeaf([]byte(`{"at":1,"basis":"b","i":7,"k":"op","of_count":0,"v":1,"verb":"consult","who":"Mira Petrovic","why":"y"}`))
	if err == nil || strings.Contains(err.Error(), "Mira") {
		t.Errorf("%v", err)
	}
}

func TestLeafOver8192BytesIsRefused(t *testing.T) {
	if _, err := ParseLeaf(bytes.Repeat([]byte{' '}, MaxLeaf+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("reading: %v", err)
	}
	var by []string
	for i := range 64 {
		by = append(by, "witness/"+string(rune('A'+i/26))+string(rune('a'+i%26))+strings.Repeat("x", 100))
	}
	e := &Cos{By: by, Count: 64, Digest: h("x"), Log: "a", Root: h("r"), Size: 1}
	if b, err := Marshal(1, 7, e); err != nil || len(b) > MaxLeaf {
		t.Errorf("64 names: %d bytes, %v", len(b), err)
	}
	for i := range by {
		by[i] += strings.Repeat("y", 18)
	}
	if _, err := Marshal(1, 7, e); !errors.Is(err, ErrTooLarge) {
		t.Errorf("writing: %v", err)
	}
}

func TestFailedAppendLeavesTheBatchAsItWas(t *testing.T) {
	batch, err := AppendLeaf([]byte("before"), 1, 7, &Rej{Code: "late"})
	if err == nil || string(batch) != "before" {
		t.Errorf("%q, %v", batch, err)
	}
	if n := len(samples()); n > 0 {
		b, err := AppendLeaf([]byte("before"), 1, 7, sampleMsg())
		if err != nil || !bytes.HasPrefix(b, []byte(`before{"at":1,`)) {
			t.Errorf("%s, %v", b, err)
		}
	}
}

func TestStringsThatLookLikeTheKindAreNot(t *testing.T) {
	b := []byte(`{"at":1,"code":",","k":"rej","from":"BG","i":7,"k":"rej","v":1}`)
	if _, err := ParseLeaf(b); !errors.Is(err, ErrCanon) {
		t.Errorf("%v", err)
	}
}

func TestHashTextHasOneSpelling(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		var x Hash
		for i := range x {
			x[i] = byte(r.Uint32())
		}
		got, err := ParseHash(x.String())
		if err != nil || got != x {
			t.Fatalf("%v %v", got, err)
		}
		s := []byte(x.String())
		s[r.IntN(len(s))] = byte(r.Uint32())
		if got, err := ParseHash(string(s)); err == nil && got.String() != string(s) {
			t.Fatalf("%s reads as %s", s, got)
		}
	}
	for _, s := range []string{"", "A", strings.Repeat("A", 43), slack(h("x")), h("x").String() + "=", h("x").String()[:42]} {
		if _, err := ParseHash(s); !errors.Is(err, ErrCanon) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if (Hash{}).String() != "" {
		t.Error("the zero Hash has a text")
	}
}

func FuzzParseLeaf(f *testing.F) {
	for _, e := range samples() {
		f.Add(mustMarshal(f, index(e), e))
	}
	f.Add([]byte(`{"a":[[1,"x"],[]],"k":"none"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		leaf, err := ParseLeaf(b)
		if err != nil {
			return
		}
		again, err := Marshal(leaf.At, leaf.Index, leaf.Entry)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%s reads, but is written as\n%s: %v", b, again, err)
		}
		if err := CheckCanonical(b); err != nil {
			t.Fatalf("%s reads, but %v", b, err)
		}
	})
}

func BenchmarkParseLeaf(b *testing.B) {
	leaf := mustMarshal(b, 7, sampleMsg())
	b.SetBytes(int64(len(leaf)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseLeaf(leaf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshalMsg(b *testing.B) {
	m := sampleMsg()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = AppendLeaf(buf[:0], 1_763_917_200_123, 7, m); err != nil {
			b.Fatal(err)
		}
	}
}
