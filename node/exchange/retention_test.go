package exchange_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/rogatory/rogatory/node/exchange"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// item is an act on one message of a case.
func item(kind exchange.EventKind, actor string, of exchange.Name) exchange.Event {
	return exchange.Event{Kind: kind, Actor: actor, Who: exchange.Officer, Of: of}
}

func TestOneMessageIsErasedByTwoPeople(t *testing.T) {
	p, q, f := answeredPair(t)
	wantCode(t, p.try("RS", item(exchange.EventEraseItem, "o-2", f)), exchange.CodeNotApproved)
	wantCode(t, p.try("RS", item(exchange.EventProposeEraseItem, "o-1", exchange.Name{9})), exchange.CodeUnknownMessage)
	p.must("RS", item(exchange.EventProposeEraseItem, "o-1", f))
	wantCode(t, p.try("RS", item(exchange.EventProposeEraseItem, "o-3", f)), exchange.CodeIllegal)
	wantCode(t, p.try("RS", item(exchange.EventEraseItem, "o-1", f)), exchange.CodeFourEyes)
	p.must("RS", item(exchange.EventKeepItem, "o-2", f))
	wantCode(t, p.try("RS", item(exchange.EventEraseItem, "o-2", f)), exchange.CodeNotApproved)
	p.must("RS", item(exchange.EventProposeEraseItem, "o-1", f))
	p.must("RS", officer(exchange.EventHold, "o-3", exchange.Name{}))
	wantCode(t, p.try("RS", item(exchange.EventEraseItem, "o-2", f)), exchange.CodeLegalHold)
	p.must("RS", officer(exchange.EventRelease, "o-3", exchange.Name{}))
	p.must("RS", item(exchange.EventEraseItem, "o-2", f))
	wantCode(t, p.try("RS", item(exchange.EventKeepItem, "o-2", f)), exchange.CodeIllegal)
	c := p.sides["RS"]
	if !c.Erased(f) || c.Erased(q) || c.State != exchange.Answered {
		t.Fatalf("erased %v %v, state %s", c.Erased(f), c.Erased(q), c.State)
	}
	again, err := exchange.Decode(c.Encode())
	if err != nil || !again.Erased(f) || !bytes.Equal(again.Encode(), c.Encode()) {
		t.Fatalf("the erasure is not encoded: %v", err)
	}
	// A case without any keeps the encoding that it had.
	if p.sides["BG"].Encode()[0] != 1 || c.Encode()[0] != 2 {
		t.Fatal("versions of the encoding")
	}
	forged := append([]byte{2}, append(p.sides["BG"].Encode()[1:], 0)...)
	if _, err := exchange.Decode(forged); err == nil {
		t.Fatal("a second spelling of a case was read")
	}
}

func TestProvidersNoticeIsTheProposalToEraseWhatItSent(t *testing.T) {
	p, _, f := answeredPair(t)
	n := p.send("BG", f, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_CORRECTION, Correction: rogatoryv1.CorrectionKind_CORRECTION_KIND_ERASE})
	p.deliverAll()
	if notice, ok := p.sides["RS"].EraseAsked(f); !ok || notice != n {
		t.Fatal("the notice asks for nothing")
	}
	if _, ok := p.sides["BG"].EraseAsked(f); ok {
		t.Fatal("the provider is asked by its own notice")
	}
	wantCode(t, p.try("BG", item(exchange.EventEraseItem, "b-1", f)), exchange.CodeNotApproved)
	p.must("RS", item(exchange.EventEraseItem, "o-1", f))
	if _, ok := p.sides["RS"].EraseAsked(f); ok || !p.sides["RS"].Erased(f) {
		t.Fatal("not erased by one person where the provider asks for it")
	}
}

func TestRestrictionHoldsUntilACorrection(t *testing.T) {
	p, _, f := answeredPair(t)
	notice := func(k rogatoryv1.CorrectionKind) exchange.Name {
		n := p.send("BG", f, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_CORRECTION, Correction: k})
		p.deliverAll()
		return n
	}
	n := notice(rogatoryv1.CorrectionKind_CORRECTION_KIND_RESTRICT)
	if p.sides["RS"].Restricted(f) {
		t.Fatal("restricted before anybody here agreed")
	}
	p.send("RS", n, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_CORRECTION_RECEIPT, Correction: rogatoryv1.CorrectionKind_CORRECTION_KIND_DONE})
	if !p.sides["RS"].Restricted(f) || p.sides["BG"].Restricted(f) {
		t.Fatal("a restriction holds at the recipient")
	}
	notice(rogatoryv1.CorrectionKind_CORRECTION_KIND_CORRECT)
	if p.sides["RS"].Restricted(f) {
		t.Fatal("restricted after the correction")
	}
}

func TestDocketsTermBeginsWhenNothingIsLeftThatTheyExplain(t *testing.T) {
	p, q, f := answeredPair(t)
	until := func() int64 { return p.sides["RS"].DocketsUntil() }
	if until() != 0 {
		t.Fatal("the term of an answered case runs")
	}
	p.must("RS", exchange.Event{Kind: exchange.EventClose, Who: exchange.Timer})
	if until() != 0 {
		t.Fatal("the term runs while contents are there")
	}
	p.must("RS", exchange.Event{Kind: exchange.EventReview, Who: exchange.Timer})
	p.must("RS", officer(exchange.EventProposeErase, "o-1", exchange.Name{}))
	p.must("RS", officer(exchange.EventErase, "o-2", exchange.Name{}))
	c := p.sides["RS"]
	if want := time.UnixMilli(c.Changed).UTC().AddDate(3, 0, 0).UnixMilli(); until() != want || !c.Erased(q) || !c.Erased(f) {
		t.Fatalf("until %d, not %d", until(), want)
	}
	c.Regime = rogatoryv1.Regime_REGIME_EGMONT
	if want := time.UnixMilli(c.Changed).UTC().AddDate(5, 0, 0).UnixMilli(); c.DocketsUntil() != want {
		t.Fatalf("financial: until %d, not %d", c.DocketsUntil(), want)
	}
	c.LegalHold = true
	if c.DocketsUntil() != 0 {
		t.Fatal("the term runs under legal hold")
	}
}
