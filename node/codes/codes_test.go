package codes_test

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/rogatory/rogatory/node/codes"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/rules"
	"github.com/rogatory/rogatory/node/lint"
	_ "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// produced lists every code that the programs can show.
func produced(t *testing.T) []string {
	t.Helper()
	var out []string
	protoregistry.GlobalFiles.RangeFilesByPackage("rogatory.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Enums().Len() {
			values := f.Enums().Get(i).Values()
			for j := range values.Len() {
				out = append(out, string(values.Get(j).Name()))
			}
		}
		return true
	})
	if len(out) < 300 {
		t.Fatalf("only %d enum values found", len(out))
	}
	add := func(prefix, code string) { out = append(out, prefix+"."+code) }
	for _, s := range exchange.States() {
		add("state", string(s))
	}
	for _, e := range exchange.EventKinds() {
		add("event", string(e))
	}
	for _, s := range exchange.Steps() {
		add("step", string(s))
	}
	for _, w := range exchange.Whos() {
		add("who", string(w))
	}
	for _, c := range exchange.Codes() {
		add("transition", string(c))
		add("transition", string(c)+".hint")
	}
	add("transition", string(exchange.CodeIllegal)+".moves")
	for _, c := range lint.Codes() {
		add("lint", string(c))
		add("lint", string(c)+".hint")
	}
	for _, c := range []string{"peer-unit", "no-such-item", "not-refused"} { // package proofreading, which knows the peers' manifests and the case
		add("lint", c)
		add("lint", c+".hint")
	}
	for _, r := range rules.DefaultRows() {
		add("row", r.ID)
		add("phase", string(r.Phase))
		add("unit", string(r.Unit))
		add("class", string(r.Class))
	}
	for _, s := range []exchange.ConsentState{exchange.ConsentAsked, exchange.ConsentGranted, exchange.ConsentRefused, exchange.ConsentWithdrawn} {
		add("consent", string(s))
	}
	for _, s := range []exchange.CorrectionState{
		exchange.CorrectionNoticed, exchange.CorrectionDone, exchange.CorrectionReceipted, exchange.CorrectionDisputed,
	} {
		add("correction", string(s))
	}
	for _, s := range []exchange.PartyState{exchange.PartyInvited, exchange.PartyJoined, exchange.PartyDeclined, exchange.PartyLeft} {
		add("party", string(s))
	}
	for _, s := range []exchange.CaseKind{exchange.KindRequest, exchange.KindSpontaneous, exchange.KindJoint} {
		add("case", string(s))
	}
	for _, s := range []exchange.Side{exchange.Opening, exchange.Answering, exchange.Party} {
		add("side", string(s))
	}
	for _, s := range []lint.Severity{lint.Error, lint.Warning} {
		add("severity", string(s))
	}
	return out
}

func TestEveryCodeHasAnEnglishText(t *testing.T) {
	for _, code := range produced(t) {
		if !codes.Has(code) {
			t.Errorf("%s has no English text", code)
		}
	}
}

// prefixes whose codes come from somewhere that cannot be listed here.
var free = regexp.MustCompile(`^(identifier|fault|handling|flag|outcome)\.|^state\.new$`)

func TestNoTextIsOfACodeThatNobodyProduces(t *testing.T) {
	all := produced(t)
	for _, code := range codes.All() {
		if !slices.Contains(all, code) && !free.MatchString(code) {
			t.Errorf("%s is produced by nothing", code)
		}
	}
}

var parameter = regexp.MustCompile(`\{([^}|]+)`)

func TestTranslationsAskForNoParameterThatEnglishDoesNotHave(t *testing.T) {
	for _, lang := range codes.Languages() {
		for _, code := range codes.All() {
			english, text := codes.Text(codes.English, code, nil), codes.Text(lang, code, nil)
			for _, m := range parameter.FindAllStringSubmatch(text, -1) {
				if !strings.Contains(english, "{"+m[1]) {
					t.Errorf("%s: %s has the parameter %s", lang, code, m[1])
				}
			}
			if strings.TrimSpace(text) == "" || text != strings.TrimSpace(text) {
				t.Errorf("%s: %s is empty or has white space around it", lang, code)
			}
		}
	}
}

func TestCataloguesAreSortedAndSpellEachCodeOnce(t *testing.T) {
	for _, lang := range codes.Languages() {
		b, err := os.ReadFile("lang/" + lang + ".json")
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(strings.NewReader(string(b)))
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
		last := ""
		for d.More() {
			key, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			if code := key.(string); code <= last {
				t.Errorf("%s: %s stands after %s", lang, code, last)
			} else {
				last = code
			}
			if _, err := d.Token(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestParametersThatAreCodesAreRendered(t *testing.T) {
	got := codes.Text("en", "transition.illegal", map[string]string{"step": "sent.reply.final", "state": "withdrawn"})
	if want := `"send the final reply" is not possible while the case is withdrawn`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	got = codes.Text("en", "lint.ground", map[string]string{"ground": "GROUND_NOT_AVAILABLE"})
	if want := "this ground does not exist for this kind of reply: the information is not available"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRefusedTransitionReadsAsASentence(t *testing.T) {
	_, _, err := exchange.Apply(exchange.Case{Kind: exchange.KindRequest, Side: exchange.Opening, State: exchange.PendingApproval},
		exchange.Event{Kind: exchange.EventApprove, Who: exchange.Agency, Actor: "gate-1"}, rules.Rules{})
	var refused *exchange.TransitionError
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	got := codes.Text("en", "transition."+string(refused.Code), refused.Params()) + "; " +
		codes.Hint("en", "transition."+string(refused.Code), refused.Params())
	if want := `"approve" is not for an agency program while the case is waiting for approval; it can be done by: an officer`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestUnknownLanguageFallsBackToEnglish(t *testing.T) {
	for _, lang := range []string{"", "xx", "sr-Latn-RS", "-", "en-GB"} {
		if got := codes.Text(lang, "state.sent", nil); got != "sent" {
			t.Errorf("%q: %s", lang, got)
		}
	}
	if got := codes.Text("en", "no.such.code", nil); got != "no.such.code" {
		t.Errorf("unknown code gives %s", got)
	}
	if got := codes.Hint("en", "state.sent", nil); got != "" {
		t.Errorf("a code without hint gives %s", got)
	}
}

func FuzzTextNeverPanicsAndNeverExpandsAParametersBraces(f *testing.F) {
	f.Add("en", "transition.illegal", "{state}")
	f.Add("sr-Latn", "lint.ground", "{ground|}")
	f.Add("-", "", "")
	f.Fuzz(func(t *testing.T, lang, code, value string) {
		params := map[string]string{"state": value, "ground": value, "max": value}
		first := codes.Text(lang, code, params)
		if second := codes.Text(lang, code, params); first != second {
			t.Errorf("two texts for one code: %q, %q", first, second)
		}
		codes.Hint(lang, code, params)
	})
}
