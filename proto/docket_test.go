package proto_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/lint"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A docketVector is a content with its cover, and the docket that follows from both.
type docketVector struct {
	// File is one of configs/examples whose content it is; empty for a content of its own.
	File    string      `json:"file,omitempty"`
	Content hexBytes    `json:"content"`
	Cover   coverVector `json:"cover"`
	// Docket as JSON and as bytes.
	JSON   json.RawMessage `json:"json"`
	Docket hexBytes        `json:"docket"`
}

type coverVector struct {
	CaseToken  string   `json:"case_token"`
	Of         hexBytes `json:"of,omitempty"`
	FromUnit   string   `json:"from_unit"`
	ToUnit     string   `json:"to_unit"`
	Regime     int32    `json:"regime"`
	Actor      string   `json:"actor"`
	ActorKind  int32    `json:"actor_kind"`
	BreakGlass bool     `json:"break_glass,omitempty"`
}

func (c coverVector) cover() lint.Cover {
	return lint.Cover{
		CaseToken: c.CaseToken, Of: c.Of, FromUnit: c.FromUnit, ToUnit: c.ToUnit, Regime: rogatoryv1.Regime(c.Regime),
		Actor: c.Actor, ActorKind: rogatoryv1.ActorKind(c.ActorKind), BreakGlass: c.BreakGlass,
	}
}

const examples = "../configs/examples"

func example(t *testing.T, name string) *rogatoryv1.RequestFile {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(examples, name))
	if err != nil {
		t.Fatal(err)
	}
	f, err := lint.ParseFile(b)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func makeDockets(t *testing.T, _ *world) []docketVector {
	var out []docketVector
	add := func(name string, f *rogatoryv1.RequestFile) {
		v := docketVector{File: name, Content: encode(t, f.Content), Cover: coverVector{
			CaseToken: f.CaseToken, Of: f.Of, FromUnit: "police", ToUnit: "police", Regime: int32(f.Regime),
			Actor: "officer-1", ActorKind: int32(rogatoryv1.ActorKind_ACTOR_KIND_OFFICER), BreakGlass: f.BreakGlass,
		}}
		if v.Cover.CaseToken == "" {
			v.Cover.CaseToken = "RS-2026-000123"
		}
		if v.Cover.Regime == 0 {
			v.Cover.Regime = int32(rogatoryv1.Regime_REGIME_EU_2023_977)
		}
		d := lint.DocketOf(f.Content, v.Cover.cover())
		v.JSON, v.Docket = asJSON(t, d), encode(t, d)
		out = append(out, v)
	}
	add("police-request-normal.json", example(t, "police-request-normal.json"))
	files, err := filepath.Glob(filepath.Join(examples, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if name := filepath.Base(path); name != out[0].File {
			add(name, example(t, name))
		}
	}
	add("", &rogatoryv1.RequestFile{
		Of: seed("a request"),
		Content: &rogatoryv1.Content{
			Language: "en", Sender: &rogatoryv1.Sender{Authority: rogatoryv1.Authority_AUTHORITY_POLICE},
			Body: &rogatoryv1.Content_Reminder{Reminder: &rogatoryv1.Reminder{Text: "Where does the answer stay?"}},
		},
	})
	return out
}

// The examples may change after the vectors were made: what must hold is that each vector is one.
func checkDockets(t *testing.T, _ *world, all []docketVector) {
	kinds := map[rogatoryv1.Kind]bool{}
	for _, v := range all {
		says(t, v.JSON, v.Docket, &rogatoryv1.Docket{})
		content, docket := &rogatoryv1.Content{}, &rogatoryv1.Docket{}
		if err := envelope.StrictUnmarshal(v.Content, content, maxInner); err != nil {
			t.Fatal(err)
		}
		if err := envelope.StrictUnmarshal(v.Docket, docket, maxInner); err != nil {
			t.Fatal(err)
		}
		same(t, "docket of "+v.File, encode(t, lint.DocketOf(content, v.Cover.cover())), v.Docket)
		if !lint.FollowsFrom(docket, content) {
			t.Errorf("the docket of %s does not follow from its content", v.File)
		}
		kinds[docket.Kind] = true
	}
	if len(kinds) < 20 {
		t.Errorf("dockets of %d kinds", len(kinds))
	}
}
