package node_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/desk"
	"github.com/rogatory/rogatory/node/lint"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// bench is a country's desk and store without a node around them.
type bench struct {
	t    *testing.T
	desk *desk.Desk
	s    *store.Store
	n    uint64
}

func deskOf(t *testing.T, f *federationOf, code string) *bench {
	t.Helper()
	c := f.node[code]
	s := c.open()
	t.Cleanup(func() { _ = s.Close() })
	d, err := desk.New(desk.Config{Node: c.load(), Store: s, Peers: peers.New(code, f.directory), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, desk: d, s: s}
}

// arrive has a message judged and, if it is taken, recorded.
func (b *bench) arrive(from string, content *rogatoryv1.Content, cover lint.Cover) (post.Admission, *post.Arrival, error) {
	b.t.Helper()
	b.n++
	docket := lint.DocketOf(content, cover)
	commit := make([]byte, 32)
	commit[0], commit[1] = byte(b.n), byte(b.n>>8)
	a := &post.Arrival{
		From: from, Name: envelope.Name{byte(b.n), byte(b.n >> 8), 7}, Fresh: true, Docket: docket, Content: content,
		Message: &rogatoryv1.Message{From: from, To: "RS", Epoch: 1, Seq: b.n, DocketCommit: commit, ContentCommit: commit, SubmittedMs: uint64(time.Now().UnixMilli())},
	}
	var adm post.Admission
	_, err := b.s.Update(context.Background(), func(tx *store.Tx) error {
		a.Index, a.At = tx.Size(), tx.At()
		var err error
		if adm, err = b.desk.Admit(tx, a); err != nil || adm.Reject != "" {
			return err
		}
		return adm.Record(tx)
	})
	return adm, a, err
}

// A party of some joint case writes under a token that another country has yet to use. What that country then asks goes where that country says.
func TestAThirdCountryDoesNotChooseTheUnitOfAnothersRequest(t *testing.T) {
	f := federate(t, "RS", "BG", "HU")
	b := deskOf(t, f, "RS")
	join := &rogatoryv1.Content{Language: "en", Sender: example(t, "acknowledge.json").GetContent().GetSender(),
		Body: &rogatoryv1.Content_Joint{Joint: &rogatoryv1.JointCase{Step: &rogatoryv1.JointCase_Join{Join: &rogatoryv1.JointJoin{
			Leader: &rogatoryv1.JointLeader{Unit: "HU/police", Function: "head"}}}}}}
	adm, _, err := b.arrive("HU", join, lint.Cover{CaseToken: "BG-2026-000001", FromUnit: "police", ToUnit: "police", Actor: "hu-1", ActorKind: rogatoryv1.ActorKind_ACTOR_KIND_OFFICER})
	t.Logf("squatting: %q %q %v", adm.Unit, adm.Reject, err)
	if adm.Reject != "" || err != nil {
		return
	}
	file := example(t, "fiu-request.json")
	for _, to := range []string{"fiu"} {
		adm, _, err = b.arrive("BG", file.GetContent(), lint.Cover{CaseToken: "BG-2026-000001", FromUnit: "fiu", ToUnit: to, Regime: file.GetRegime(), Actor: "bg-1", ActorKind: rogatoryv1.ActorKind_ACTOR_KIND_OFFICER})
		if err != nil || adm.Unit != "fiu" {
			t.Errorf("a request to fiu: unit %q, rejected %q, %v", adm.Unit, adm.Reject, err)
		}
		_ = b.s.View(func(r *store.Reader) error {
			for _, u := range []string{"police", "fiu"} {
				p, _ := r.Cases(u, store.CaseFilter{})
				for _, c := range p.Cases {
					t.Logf("%s lists %s: state %s kind %v", u, c.GetToken(), c.GetState(), c.GetKind())
				}
			}
			return nil
		})
	}
	file2 := example(t, "fiu-request.json")
	if _, _, err = b.arrive("HU", join, lint.Cover{CaseToken: "BG-2026-000002", FromUnit: "police", ToUnit: "police", Actor: "hu-1", ActorKind: rogatoryv1.ActorKind_ACTOR_KIND_OFFICER}); err != nil {
		t.Fatal(err)
	}
	adm, _, err = b.arrive("HU", file2.GetContent(), lint.Cover{CaseToken: "BG-2026-000002", FromUnit: "fiu", ToUnit: "fiu", Regime: file2.GetRegime(), Actor: "hu-1", ActorKind: rogatoryv1.ActorKind_ACTOR_KIND_OFFICER})
	if err != nil || adm.Reject == "" {
		t.Errorf("HU opens BG's case: unit %q, rejected %q, %v", adm.Unit, adm.Reject, err)
	}
}

// The backbone holds back the message that opens a case while many that follow come through: none of them is lost for good.
func TestWhatCannotWaitComesAgainAndIsNotRefusedForGood(t *testing.T) {
	f := federate(t, "RS", "BG")
	b := deskOf(t, f, "RS")
	withdraw := example(t, "clarification-answer.json")
	for i := range 70 {
		of := make([]byte, 32)
		of[0] = 9
		adm, _, err := b.arrive("BG", withdraw.GetContent(), lint.Cover{CaseToken: "BG-2026-000001", Of: of, FromUnit: "police", ToUnit: "police", Actor: "bg-1", ActorKind: rogatoryv1.ActorKind_ACTOR_KIND_OFFICER})
		if err == nil && adm.Reject != "" {
			t.Fatalf("message %d was refused for good: %s", i, adm.Reject)
		}
	}
}

// One attachment listed very often in one content does not keep the store busy.
func TestOneAttachmentListedVeryOftenCostsLittle(t *testing.T) {
	f := federate(t, "RS", "BG")
	for _, n := range []int{500, 1000, 2000, 4000} {
		b := deskOf(t, f, "RS")
		file := example(t, "police-request-normal.json")
		one := &rogatoryv1.Attachment{Id: make([]byte, 16), Key: make([]byte, 32), CiphertextLength: 100, Length: 50, CiphertextSha256: make([]byte, 32), MediaType: "image/png", Title: "x"}
		one.Id[0] = byte(n >> 3)
		one.Id[1] = byte(n >> 8)
		for range n {
			file.Content.Attachments = append(file.Content.Attachments, one)
		}
		began := time.Now()
		_, _, err := b.arrive("BG", file.GetContent(), lint.Cover{CaseToken: fmt.Sprintf("BG-2026-%06d", n), FromUnit: "police", ToUnit: "police", Regime: file.GetRegime(), Actor: "bg-1", ActorKind: rogatoryv1.ActorKind_ACTOR_KIND_OFFICER})
		if took := time.Since(began); err != nil || took > time.Second {
			t.Errorf("one attachment listed %d times took %v: %v", n, took, err)
		}
		_ = b.s.Close()
	}
}

// An attachment whose digest is no digest does not make a message come again for ever.
func TestAnAttachmentsLongDigestDoesNotPoisonItsMessage(t *testing.T) {
	f := federate(t, "RS", "BG")
	b := deskOf(t, f, "RS")
	file := example(t, "police-request-normal.json")
	file.Content.Attachments = []*rogatoryv1.Attachment{{
		Id: make([]byte, 16), Key: make([]byte, 32), CiphertextLength: 100, Length: 50, CiphertextSha256: make([]byte, 100<<10), MediaType: "image/png",
	}}
	adm, _, err := b.arrive("BG", file.GetContent(), lint.Cover{CaseToken: "BG-2026-000001", FromUnit: "police", ToUnit: "police", Regime: file.GetRegime(), Actor: "bg-1", ActorKind: rogatoryv1.ActorKind_ACTOR_KIND_OFFICER})
	if err != nil {
		t.Errorf("neither taken nor refused: %q %v", adm.Reject, err)
	}
}

// One attachment that is awaited and listed in message after message does not fill its row until no message that lists it can be taken.
func TestAnAwaitedAttachmentListedInManyMessagesPoisonsNone(t *testing.T) {
	f := federate(t, "RS", "BG")
	b := deskOf(t, f, "RS")
	for i := range 1100 {
		file := example(t, "police-request-normal.json")
		file.Content.Attachments = []*rogatoryv1.Attachment{{
			Id: make([]byte, 16), Key: make([]byte, 32), CiphertextLength: 100, Length: 50, CiphertextSha256: make([]byte, 32), MediaType: "image/png",
		}}
		if _, _, err := b.arrive("BG", file.GetContent(), lint.Cover{CaseToken: fmt.Sprintf("BG-2026-%06d", i), FromUnit: "police", ToUnit: "police", Regime: file.GetRegime(), Actor: "bg-1", ActorKind: rogatoryv1.ActorKind_ACTOR_KIND_OFFICER}); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
}

// A peer announces attachments in message after message and delivers none: only so many are awaited, and its messages are taken all the same.
func TestAPeerThatAnnouncesAttachmentsWithoutEndDoesNotFillTheStore(t *testing.T) {
	f := federate(t, "RS", "BG")
	b := deskOf(t, f, "RS")
	for i := range 6 {
		file := example(t, "police-request-normal.json")
		for j := range 256 {
			id := make([]byte, 16)
			id[0], id[1] = byte(i), byte(j)
			file.Content.Attachments = append(file.Content.Attachments, &rogatoryv1.Attachment{
				Id: id, Key: make([]byte, 32), CiphertextLength: 100, Length: 50, CiphertextSha256: make([]byte, 32), MediaType: "image/png",
			})
		}
		adm, _, err := b.arrive("BG", file.GetContent(), lint.Cover{CaseToken: fmt.Sprintf("BG-2026-%06d", i), FromUnit: "police", ToUnit: "police", Regime: file.GetRegime(), Actor: "bg-1", ActorKind: rogatoryv1.ActorKind_ACTOR_KIND_OFFICER})
		if err != nil || adm.Reject != "" {
			t.Fatalf("message %d: %q %v", i, adm.Reject, err)
		}
	}
	rows := 0
	must(t, b.s.View(func(r *store.Reader) error {
		return r.EachAttachment(func(*storev1.Attachment) bool { rows++; return true })
	}))
	if rows != 1000 {
		t.Errorf("%d attachments are awaited", rows)
	}
}
