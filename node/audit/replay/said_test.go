package replay_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/audit/replay"
	"github.com/rogatory/rogatory/node/exchange/rules"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A said is what the log of RS says of others: of a message that came before what it follows, and of an erasure that its provider has asked for.
type said struct {
	desk
	early   *forge.Message // a request whose reminder came first
	erased  *forge.Message // by BG, which asked to erase it
	receipt *forge.Message // says that it was
}

func says(t *testing.T) *said {
	t.Helper()
	w := forge.New(t, "BG", "GR", "RS")
	d := &said{desk: desk{t: t, w: w, c: w.Country("RS")}}
	q := forge.Request(rogatoryv1.Urgency_URGENCY_NORMAL)
	q.CaseToken = w.NewToken("BG")
	d.early = w.Draft("BG", "RS", q, forge.First)
	w.Submit(forge.Second, d.early)
	reminder := w.Draft("BG", "RS", w.Follow(d.early, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_REMINDER}), forge.First)
	w.Submit(forge.Second, reminder)
	w.Deliver(reminder, d.early)
	w.Receipt(d.early, reminder)

	d.erased = w.Ask("BG", "RS")
	notice := w.Send("BG", "RS", w.Follow(d.erased, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_CORRECTION, Correction: rogatoryv1.CorrectionKind_CORRECTION_KIND_ERASE}))
	w.EraseItem("RS", d.erased)
	d.receipt = w.Send("RS", "BG", w.Follow(notice, &rogatoryv1.Docket{
		Kind: rogatoryv1.Kind_KIND_CORRECTION_RECEIPT, Correction: rogatoryv1.CorrectionKind_CORRECTION_KIND_DONE,
	}))
	w.Hold("RS", d.early.Docket.GetCaseToken(), true)
	w.State("RS")
	w.Round()
	return d
}

// TestWhatALogSaysIsHeldAgainstWhatStandsInIt has one history in which nothing is found, and in each case one leaf or record that says something else.
func TestWhatALogSaysIsHeldAgainstWhatStandsInIt(t *testing.T) {
	base := says(t)
	path := base.w.Archive("RS", filepath.Join(t.TempDir(), "RS"))
	if res := run(t, base.w, path, replay.Options{Verify: true}); len(res.Findings) != 0 {
		t.Fatalf("found in the lawful history: %v", res.Findings)
	}
	policy := func(d *said, change func(*forge.Entry)) { d.h.Alter(d.h.Find("policy")[0], change) }
	lies := []struct {
		name, finds string
		tell        func(d *said)
	}{
		{"a policy of another name", "W-UNKNOWN", func(d *said) { policy(d, func(e *forge.Entry) { e.Body.(*translog.Policy).Name = "others" }) }},
		{"a policy of another version", "E-STATE", func(d *said) { policy(d, func(e *forge.Entry) { e.Body.(*translog.Policy).Version++ }) }},
		{"a policy that is not there", "E-MISSING", func(d *said) { policy(d, func(e *forge.Entry) { delete(e.Sides, "policy") }) }},
		{"a policy that cannot be read", "E-SCHEMA", func(d *said) {
			policy(d, func(e *forge.Entry) {
				e.Sides["policy"] = []byte("{}")
				e.Body.(*translog.Policy).Digest = rules.PolicyDigest([]byte("{}"))
			})
		}},
		{"an enrolment in another's name", "E-RIGHT", func(d *said) {
			d.h.Alter(d.h.Find("actor")[0], func(e *forge.Entry) { e.Body.(*translog.Actor).By = []string{forge.Clerk, forge.First} })
		}},
		{"a directory in which the country is no member", "E-KEY", func(d *said) {
			next := d.w.Directories[0].Proto()
			next.Members = slices.DeleteFunc(next.Members, func(m *rogatoryv1.Member) bool { return m.GetCountry() == "RS" })
			next.Threshold = 2
			before := len(d.w.Directories)
			d.w.NextDirectory(next)
			now := d.w.Directories[before]
			d.h.Append(d.w.Now, &translog.Dir{What: translog.DirDirectory, Digest: now.Digest(), Prev: d.w.Directories[0].Digest(), Version: int64(now.Version())})
		}},
		{"a message for another unit", "E-STATE", func(d *said) { d.alter(d.at(d.erased, "arrived.request"), func(k *translog.Case) { k.Unit = "navy" }) }},
		{"a message in another case", "E-STATE E-TRANS", func(d *said) {
			d.alter(d.at(d.erased, "arrived.correction"), func(k *translog.Case) { k.Case = d.early.Docket.GetCaseToken() })
		}},
		{"a step whose docket is of another case", "E-STATE", func(d *said) {
			d.docket(d.at(d.early, "hold"), func(x *rogatoryv1.Docket) { x.CaseToken = d.erased.Docket.GetCaseToken() })
		}},
		{"a step whose docket cannot be read", "E-SCHEMA E-STATE", func(d *said) {
			d.h.Alter(d.at(d.early, "hold"), func(e *forge.Entry) {
				raw := []byte{0xff, 0xff}
				e.Sides["docket"] = append(slices.Clone(e.Sides["docket"][:32]), raw...)
				e.Body.(*translog.Case).Docket = envelope.Commit(envelope.Salt(e.Sides["docket"][:32]), envelope.Docket, raw)
			})
		}},
		{"a message that waited, and whose step never came", "E-STATE", func(d *said) { d.blank(d.at(d.early, "arrived.request") + 1) }},
		{"a message that waited, and a log that ends before its step", "E-STATE", func(d *said) { d.h.Truncate(d.at(d.early, "arrived.request") + 1) }},
		{"a message that waited, and another in its step", "E-STATE E-TRANS", func(d *said) {
			d.alter(d.at(d.early, "arrived.request")+1, func(k *translog.Case) { k.Of[0] ^= 1 })
		}},
		{"a message that waited, and another docket in its step", "E-STATE", func(d *said) {
			d.alter(d.at(d.early, "arrived.request")+1, func(k *translog.Case) { k.Docket[0] ^= 1 })
		}},
		{"a step about something else", "E-RIGHT E-STATE E-TRANS", func(d *said) {
			d.alter(d.at(d.receipt, "draft"), func(k *translog.Case) { k.Of[0] ^= 1 })
		}},
		{"a notice answered that it was erased, and it was not", "E-RIGHT E-STATE", func(d *said) {
			i := d.at(d.erased, "erase-item")
			d.blank(i-1, i, i+1)
		}},
		{"a snapshot that cannot be read", "E-STATE", func(d *said) {
			d.h.Alter(d.h.Find("state")[0], func(e *forge.Entry) { e.Sides["snapshot"] = []byte("x") })
		}},
	}
	for _, l := range lies {
		t.Run(l.name, func(t *testing.T) {
			d := says(t)
			d.h = d.c.Log.Copy()
			l.tell(d)
			got, res := d.audited(filepath.Join(t.TempDir(), "RS"))
			if got != l.finds {
				for _, f := range res.Findings {
					t.Log(f)
				}
				t.Errorf("wanted %s, found %s", l.finds, got)
			}
		})
	}
}

func TestWhatOneOfficerSendsAloneIsFlaggedUnlessAnotherRatifiesItInTime(t *testing.T) {
	w := forge.New(t, "BG", "RS")
	d := &desk{t: t, w: w, c: w.Country("RS")}
	inTime, late, never := d.breakGlass(), d.breakGlass(), d.breakGlass()
	w.Sleep(23 * time.Hour)
	w.Ratify(inTime, forge.Second)
	w.Sleep(2 * time.Hour)
	w.Ratify(late, forge.Second)
	ratified := w.Now
	young := d.breakGlass()
	w.Sleep(time.Hour)
	w.State("RS")
	w.Round()
	path := filepath.Join(t.TempDir(), "RS")
	w.Archive("RS", path)
	flags := func(o replay.Options) (list []replay.Flag) {
		t.Helper()
		res := run(t, w, path, o)
		if len(res.Findings) != 0 {
			t.Errorf("found: %v", res.Findings)
		}
		return res.Flags
	}
	got := flags(replay.Options{Verify: true})
	if len(got) != 2 || got[0].Case != late.Docket.GetCaseToken() || got[0].By != forge.First || got[0].RatifiedAt != ratified ||
		got[1].Case != never.Docket.GetCaseToken() || got[1].RatifiedAt != 0 || got[1].RatifyBy-got[1].At != (24*time.Hour).Milliseconds() {
		t.Errorf("flagged are %+v, of %s, %s, %s, %s", got, inTime.Docket.GetCaseToken(), late.Docket.GetCaseToken(), never.Docket.GetCaseToken(), young.Docket.GetCaseToken())
	}
	// Before the day was over nothing was late.
	if early := flags(replay.Options{Until: ratified - time.Hour.Milliseconds()*2 + 1}); len(early) != 0 {
		t.Errorf("flagged before their time are %+v", early)
	}
	// Whoever takes the ratification away is told by the state, and has one flag more.
	d.h = d.c.Log.Copy()
	d.blank(d.at(inTime, "ratify"))
	if finds, res := d.audited(filepath.Join(t.TempDir(), "RS")); finds != "E-STATE" || len(res.Flags) != 3 {
		t.Errorf("without its ratification: %s, %+v", finds, res.Flags)
	}
}
