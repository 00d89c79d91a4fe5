package post

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport/memory"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func TestAMessageArrivesAndItsReceiptComesBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		sent := rs.send("BG", "RS-1")
		synctest.Wait()
		if got := bg.story("RS-1"); len(got) != 1 || !strings.HasPrefix(got[0], "arrived "+sent.Name.String()) {
			t.Errorf("BG says %q", got)
		}
		got := rs.story("RS-1")
		if len(got) != 2 || !strings.HasPrefix(got[1], "delivered "+sent.Name.String()) {
			t.Errorf("RS says %q", got)
		}
		if n := rs.waiting("BG"); n != 0 {
			t.Errorf("%d messages wait", n)
		}
		if k := fmt.Sprint(rs.kinds(0), bg.kinds(0)); k != "[msg rcpt] [msg]" {
			t.Errorf("leaves are %s", k)
		}
		bg.send("RS", "BG-1") // the other way
		synctest.Wait()
		if rs.story("BG-1") == nil || bg.waiting("RS") != 0 {
			t.Error("nothing came the other way")
		}
		// The arrival's side record holds statement, signature and content.
		must(t, bg.store.View(func(r *store.Reader) error {
			m, err := r.Message(0)
			if err != nil {
				return err
			}
			kept, err := r.Content(m.GetContentId())
			if err != nil {
				return err
			}
			p, err := SplitContent(kept)
			if err != nil {
				return err
			}
			leaf := bg.leaves(0)[0].(*translog.Msg)
			if leaf.ContentCommit != translog.Hash(envelope.Commit(p.Salt, envelope.Content, p.Bytes)) {
				t.Error("kept content is not what was committed to")
			}
			return bg.office.verifier.VerifyStatement(rs.ring.Identity().Public(), m.GetStatement(), m.GetSignature())
		}))
	}, "RS", "BG")
}

func TestOneContentForSeveralRecipientsHasOneCommitment(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		hu := w.members["HU"]
		hu.start()
		shared := content(t, "for all")
		var out []Outgoing
		for _, to := range []string{"BG", "HU"} {
			out = append(out, Outgoing{To: to, Docket: docket(t, "RS-"+to), Content: shared, CaseToken: "RS-" + to, Unit: "police"})
		}
		_, err := rs.office.Submit(context.Background(), out, opens("RS-BG", "RS-HU"))
		must(t, err)
		synctest.Wait()
		if bg.story("RS-BG") == nil || hu.story("RS-HU") == nil || rs.waiting("BG")+rs.waiting("HU") != 0 {
			t.Fatal("not delivered to both")
		}
		a, b := bg.leaves(0)[0].(*translog.Msg), hu.leaves(0)[0].(*translog.Msg)
		if a.ContentCommit != b.ContentCommit || a.DocketCommit == b.DocketCommit {
			t.Error("commitments of the contents differ, or those of the dockets do not")
		}
	}, "RS", "BG", "HU")
}

func TestAFinalRefusalIsAReceiptAndUsesUpItsNumber(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		bg.desk.set(func(a *Arrival) (string, error) {
			if a.Docket.GetCaseToken() == "RS-1" {
				return "unit", nil
			}
			return "", nil
		}, nil)
		rs.send("BG", "RS-1")
		rs.send("BG", "RS-2")
		synctest.Wait()
		if got := rs.story("RS-1"); len(got) != 2 || !strings.HasSuffix(got[1], "unit") {
			t.Errorf("the sender says %q", got)
		}
		if bg.story("RS-1") != nil || bg.story("RS-2") == nil || rs.waiting("BG") != 0 {
			t.Error("a refused message had an effect, or its follower none")
		}
		if k := fmt.Sprint(bg.kinds(0)); k != "[rej msg]" {
			t.Errorf("leaves are %s", k)
		}
	}, "RS", "BG")
}

func TestAReceiptThatIsLostIsTheSameReceipt(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		w.net.Delay("RS", "BG", time.Second)
		rs.send("BG", "RS-1")
		time.Sleep(500 * time.Millisecond)
		w.net.Drop(1) // the message is on its way, its receipt will be lost
		time.Sleep(2 * time.Second)
		if bg.story("RS-1") == nil || rs.waiting("BG") != 1 {
			t.Fatal("the receipt was not lost")
		}
		w.net.Drop(0)
		time.Sleep(time.Minute)
		if len(bg.story("RS-1")) != 1 || bg.size() != 1 || bg.office.Duplicates.Load() == 0 {
			t.Errorf("story %q, %d leaves, %d duplicates", bg.story("RS-1"), bg.size(), bg.office.Duplicates.Load())
		}
		if rs.waiting("BG") != 0 {
			t.Error("no receipt")
		}
	}, "RS", "BG")
}

func TestOneFrameWithTheSameMessageTwiceHasOneEffectAndOneReceipt(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		bg := w.members["BG"]
		bg.start()
		v := w.members["RS"].turn()
		e := v.honest(bg)
		v.mail("BG", e, e, e)
		if got := bg.story("RS-case"); len(got) != 1 || bg.size() != 1 {
			t.Errorf("effects %q, %d leaves", got, bg.size())
		}
		if got := w.receipts(bg, v.answers("BG")); len(got) != 1 {
			t.Errorf("%d receipts", len(got))
		}
	}, "RS", "BG")
}

func TestWhatComesOutOfOrderIsTakenAndReceipted(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		bg := w.members["BG"]
		bg.start()
		v := w.members["RS"].turn()
		var all [][]byte
		for range 5 {
			all = append(all, v.honest(bg))
		}
		slices.Reverse(all)
		v.mail("BG", all[0], all[2])
		v.mail("BG", all[4], all[1])
		if got := w.receipts(bg, v.answers("BG")); len(got) != 4 {
			t.Errorf("%d receipts", len(got))
		}
		must(t, bg.store.View(func(r *store.Reader) error {
			gaps, err := r.Gaps("RS", 1, 10)
			if fmt.Sprint(gaps) != "[2]" {
				t.Errorf("gaps are %v", gaps)
			}
			return err
		}))
	}, "RS", "BG")
}

func TestAReceiptThatComesTwiceHasOneEffect(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, _ := w.pair()
		w.net.Duplicate(1)
		for i := range 10 {
			rs.send("BG", fmt.Sprint("RS-", i))
		}
		time.Sleep(time.Minute)
		for i := range 10 {
			if got := rs.story(fmt.Sprint("RS-", i)); len(got) != 2 {
				t.Errorf("RS says %q", got)
			}
		}
		if n := rs.size(); n != 20 {
			t.Errorf("%d leaves", n)
		}
	}, "RS", "BG")
}

func TestGapsAreSentAgainWhenThePeerReportsThem(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		w.net.Drop(1)
		rs.send("BG", "RS-1")
		time.Sleep(10 * time.Hour) // due once an hour by now
		w.net.Drop(0)
		rs.office.Resend("BG", 1, []uint64{1, 2, 99})
		rs.office.Resend("XX", 1, []uint64{1})
		time.Sleep(10 * time.Second)
		if bg.story("RS-1") == nil || rs.waiting("BG") != 0 {
			t.Error("the gap was not filled")
		}
	}, "RS", "BG")
}

// The first sealing's key is destroyed when the message comes: it is sealed anew, with a leaf for it, and has one effect.
func TestMessageIsSealedAnewWhenItsDayKeyIsGone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		bg.halt()
		rs.send("BG", "RS-1")
		synctest.Wait()
		for range 5 {
			time.Sleep(24 * time.Hour)
			rs.publish()
			bg.publish()
		}
		bg.start()
		time.Sleep(time.Minute)
		if got := bg.story("RS-1"); len(got) != 1 || rs.waiting("BG") != 0 {
			t.Errorf("BG says %q, %d wait", got, rs.waiting("BG"))
		}
		if !slices.Contains(rs.kinds(0), "reseal") {
			t.Errorf("leaves are %v", rs.kinds(0))
		}
	}, "RS", "BG")
}

func TestAdviceMakesTheSenderWaitOrSealAnew(t *testing.T) {
	for code, resealed := range map[rogatoryv1.AdviceCode]bool{
		rogatoryv1.AdviceCode_ADVICE_CODE_KEY_GONE: true, rogatoryv1.AdviceCode_ADVICE_CODE_CLOCK: true,
		rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC: true, rogatoryv1.AdviceCode_ADVICE_CODE_MANIFEST_UNKNOWN: false,
		rogatoryv1.AdviceCode_ADVICE_CODE_BUSY: false, rogatoryv1.AdviceCode_ADVICE_CODE_PARKED: false,
	} {
		t.Run(code.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				rs := w.members["RS"]
				rs.start()
				v := w.members["BG"].turn()
				sent := rs.send("BG", "RS-1")
				synctest.Wait()
				if n := len(v.answers("RS").Envelopes); n != 1 {
					t.Fatalf("%d envelopes came", n)
				}
				advice := &rogatoryv1.Advice{Msg: sent.Name[:], Code: code, RetryAfterMs: 30_000}
				v.frame("RS", &rogatoryv1.Frame{Advice: []*rogatoryv1.Advice{advice, advice, advice}})
				time.Sleep(29 * time.Second)
				if n := len(v.answers("RS").Envelopes); n != 0 {
					t.Error("the sender did not wait")
				}
				time.Sleep(2 * time.Second)
				if n := len(v.answers("RS").Envelopes); n != 1 {
					t.Errorf("%d envelopes came after the wait", n)
				}
				if got := slices.Contains(rs.kinds(0), "reseal"); got != resealed {
					t.Errorf("sealed anew: %t", got)
				}
			}, "RS", "BG")
		})
	}
}

// Advice is not signed: a peer, or the backbone, that goes on telling us to seal anew makes the log grow less and less.
func TestEndlessAdviceMakesFewLeaves(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs := w.members["RS"]
		rs.start()
		v := w.members["BG"].turn()
		sent := rs.send("BG", "RS-1")
		advice := &rogatoryv1.Frame{Advice: []*rogatoryv1.Advice{{Msg: sent.Name[:], Code: rogatoryv1.AdviceCode_ADVICE_CODE_KEY_GONE}}}
		for range 6 * 60 * 2 {
			v.frame("RS", advice)
			v.answers("RS")
			time.Sleep(10 * time.Second)
		}
		if n := rs.size(); n > 20 {
			t.Errorf("%d leaves in two hours", n)
		}
		if rs.waiting("BG") != 1 {
			t.Error("the message was given up")
		}
	}, "RS", "BG")
}

func TestNothingIsSealedForAPeerWithoutAManifestUntilItComes(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs := w.members["RS"]
		for range 20 { // the keys of BG's manifest are for 14 days
			time.Sleep(24 * time.Hour)
			rs.publish()
		}
		rs.start()
		rs.send("BG", "RS-1")
		time.Sleep(3 * time.Hour)
		if k := fmt.Sprint(rs.kinds(0)); k != "[msg]" {
			t.Errorf("leaves are %s", k)
		}
		bg := w.members["BG"]
		bg.start()
		bg.publish()
		time.Sleep(time.Second)
		if bg.story("RS-1") == nil || rs.waiting("BG") != 0 {
			t.Error("not delivered when the manifest came")
		}
		if k := fmt.Sprint(rs.kinds(0)); k != "[msg reseal rcpt]" {
			t.Errorf("leaves are %s", k)
		}
	}, "RS", "BG")
}

func TestMessagesThatWaitAreSignedWithTheNewIdentityKey(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs := w.members["RS"]
		rs.start()
		w.net.Disconnect("RS")
		rs.send("BG", "RS-1")
		must(t, rs.ring.RotateIdentity("RS", time.Now(), time.Minute, 1000*time.Hour))
		rs.publish()
		time.Sleep(time.Hour) // the old key is over
		w.net.Connect("RS")
		bg := w.members["BG"]
		bg.start()
		time.Sleep(time.Minute)
		if bg.story("RS-1") == nil || rs.waiting("BG") != 0 {
			t.Errorf("not delivered; leaves %v, %v", rs.kinds(0), bg.kinds(0))
		}
	}, "RS", "BG")
}

// An erased content can never be sealed again: its message waits, the others do not.
func TestAMessageThatCannotBeSealedHoldsUpNobody(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs := w.members["RS"]
		rs.start()
		w.net.Disconnect("RS")
		for i := range 3 {
			rs.send("BG", fmt.Sprint("RS-", i))
		}
		_, err := rs.store.Update(context.Background(), func(tx *store.Tx) error {
			e, err := tx.OutboxEntry("BG", 1, 2)
			if err != nil {
				return err
			}
			return tx.EraseContent(e.GetContentId())
		})
		must(t, err)
		rs.halt() // at the start all is sealed anew
		rs.start()
		w.net.Connect("RS")
		bg := w.members["BG"]
		bg.start()
		time.Sleep(time.Minute)
		if bg.story("RS-0") == nil || bg.story("RS-1") != nil || bg.story("RS-2") == nil || rs.waiting("BG") != 1 {
			t.Errorf("%q %q %q, %d wait", bg.story("RS-0"), bg.story("RS-1"), bg.story("RS-2"), rs.waiting("BG"))
		}
	}, "RS", "BG")
}

// A message that makes the desk fail is left out; what came with it is not.
func TestAMessageThatTheDeskFailsAtHoldsUpNobody(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		broken := errors.New("broken on purpose")
		bg.desk.set(func(a *Arrival) (string, error) {
			if a.Docket.GetCaseToken() == "RS-1" {
				return "", broken
			}
			return "", nil
		}, nil)
		w.net.Disconnect("RS") // they go in one frame
		for i := range 3 {
			rs.send("BG", fmt.Sprint("RS-", i))
		}
		w.net.Connect("RS")
		time.Sleep(time.Second)
		if bg.story("RS-0") == nil || bg.story("RS-2") == nil || rs.waiting("BG") != 1 {
			t.Fatalf("others were held up: %d wait", rs.waiting("BG"))
		}
		bg.desk.set(nil, nil)
		time.Sleep(time.Minute)
		if len(bg.story("RS-1")) != 1 || rs.waiting("BG") != 0 {
			t.Error("the message did not come again")
		}
		// The same with a receipt.
		rs.desk.set(nil, func(d Delivery) error {
			if d.CaseToken == "RS-4" {
				return broken
			}
			return nil
		})
		w.net.Disconnect("RS")
		for i := 3; i < 6; i++ {
			rs.send("BG", fmt.Sprint("RS-", i))
		}
		w.net.Connect("RS")
		time.Sleep(time.Second)
		if rs.waiting("BG") != 1 {
			t.Fatalf("%d wait", rs.waiting("BG"))
		}
		rs.desk.set(nil, nil)
		time.Sleep(time.Minute)
		if len(rs.story("RS-4")) != 2 || rs.waiting("BG") != 0 {
			t.Error("the receipt did not come again")
		}
	}, "RS", "BG")
}

// A long backlog is carried once: what is under way is bounded, so nothing is sent again for want of a quick answer.
func TestALongBacklogIsCarriedOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.members["RS"], w.members["BG"]
		rs.start()
		w.net.Disconnect("RS")
		const n = 600
		for at := 0; at < n; at += 200 {
			var out []Outgoing
			var tokens []string
			for i := range 200 {
				tokens = append(tokens, fmt.Sprint("RS-", at+i))
				out = append(out, rs.outgoing("BG", tokens[i], "text"))
			}
			_, err := rs.office.Submit(context.Background(), out, opens(tokens...))
			must(t, err)
		}
		bg.start()
		w.net.Connect("RS")
		time.Sleep(4 * time.Second)
		if rs.waiting("BG") != 0 || bg.office.Duplicates.Load() != 0 {
			t.Errorf("%d wait, %d came twice", rs.waiting("BG"), bg.office.Duplicates.Load())
		}
	}, "RS", "BG")
}

func TestAContentAsLargeAsAFrameArrivesAmongReceipts(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.pair()
		long := strings.Repeat("x", envelope.MaxInner-2000)
		w.net.Disconnect("RS")
		w.net.Disconnect("BG")
		for i := range 4 {
			token := fmt.Sprint("RS-", i)
			_, err := rs.office.Submit(context.Background(), []Outgoing{rs.outgoing("BG", token, long)}, opens(token))
			must(t, err)
			bg.send("RS", fmt.Sprint("BG-", i))
		}
		w.net.Connect("RS")
		w.net.Connect("BG")
		time.Sleep(time.Minute)
		if rs.waiting("BG")+bg.waiting("RS") != 0 {
			t.Errorf("%d and %d wait", rs.waiting("BG"), bg.waiting("RS"))
		}
	}, "RS", "BG")
}

func TestWholeAttachmentsAreReceiptedOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs := w.members["RS"]
		rs.start()
		v := w.members["BG"].turn()
		sent := rs.send("BG", "RS-1")
		_, err := rs.store.Update(context.Background(), func(tx *store.Tx) error {
			return tx.PutAttachment(&storev1.Attachment{
				Id: make([]byte, 16), Outgoing: true, Length: 1,
				Copies: []*storev1.AttachmentCopy{{Peer: "BG", Msg: sent.Name[:], CaseToken: "RS-1", LeafIndex: uint64(sent.Index)}},
			})
		})
		must(t, err)
		v.frame("RS", &rogatoryv1.Frame{Receipts: []*rogatoryv1.Receipts{v.prove(arrival(rs, sent))}})
		from := rs.size()
		whole := v.prove(&translog.Whole{Msg: translog.Hash(sent.Name), List: digest("list")})
		other := v.prove(&translog.Whole{Msg: digest("never sent"), List: digest("list")})
		for range 3 {
			v.frame("RS", &rogatoryv1.Frame{Receipts: []*rogatoryv1.Receipts{whole, other}})
		}
		if k := fmt.Sprint(rs.kinds(from)); k != "[rcpt]" {
			t.Errorf("leaves are %s", k)
		}
		if got := rs.story("RS-1"); len(got) != 3 || rs.waiting("BG") != 0 {
			t.Errorf("RS says %q, %d wait", got, rs.waiting("BG"))
		}
	}, "RS", "BG")
}

// A peer that takes nothing fills its mailbox: we wait, and lose nothing.
func TestAFullMailboxIsWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.net = memory.New(memory.Options{FramesPerSender: 3}, "RS", "BG")
		rs, bg := w.members["RS"], w.members["BG"]
		rs.start()
		for i := range 10 {
			rs.send("BG", fmt.Sprint("RS-", i))
			synctest.Wait()
		}
		time.Sleep(time.Hour)
		bg.start()
		time.Sleep(10 * time.Second)
		if rs.waiting("BG") != 0 {
			t.Errorf("%d wait", rs.waiting("BG"))
		}
	}, "RS", "BG")
}
