package recovery

import (
	"errors"
	"slices"
	"testing"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/online/rollback"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// sent returns a message whose docket refuses so many items, as its recipient gives it back.
func sent(t *testing.T, refusals int) (*rogatoryv1.Message, *peerv1.ReturnedMessage, []byte) {
	t.Helper()
	d := &rogatoryv1.Docket{FromUnit: "police"}
	for range refusals {
		d.Refusals = append(d.Refusals, &rogatoryv1.Refusal{Item: 1, Ground: 1})
	}
	docket, err := envelope.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	docketSalt, contentSalt, content := envelope.NewSalt(), envelope.NewSalt(), []byte("content")
	dc, cc := envelope.Commit(docketSalt, envelope.Docket, docket), envelope.Commit(contentSalt, envelope.Content, content)
	return &rogatoryv1.Message{DocketCommit: dc[:], ContentCommit: cc[:]},
		&peerv1.ReturnedMessage{Docket: docket, DocketSalt: docketSalt[:]}, slices.Concat(contentSalt[:], content)
}

func TestAMessageComesBackWithTheLargestDocketThatTheDurableLaneTakes(t *testing.T) {
	for _, refusals := range []int{0, 200, 2300} {
		m, g, content := sent(t, refusals)
		docket, part, err := committed(m, g, content)
		if err != nil || docket.GetFromUnit() != "police" || string(part.Bytes) != "content" {
			t.Errorf("docket of %d bytes: %v, %q, %v", len(g.GetDocket()), docket.GetFromUnit(), part.Bytes, err)
		}
	}
	m, g, content := sent(t, 4000)
	if _, _, err := committed(m, g, content); !errors.Is(err, rollback.ErrHead) {
		t.Errorf("docket of %d bytes: %v", len(g.GetDocket()), err)
	}
}

func TestWhatTheMessageDoesNotCommitItselfToIsNotOurs(t *testing.T) {
	for name, change := range map[string]func(g *peerv1.ReturnedMessage, content []byte) []byte{
		"docket":           func(g *peerv1.ReturnedMessage, c []byte) []byte { g.Docket[0] ^= 1; return c },
		"docket's salt":    func(g *peerv1.ReturnedMessage, c []byte) []byte { g.DocketSalt[0] ^= 1; return c },
		"content":          func(_ *peerv1.ReturnedMessage, c []byte) []byte { c[len(c)-1] ^= 1; return c },
		"content's salt":   func(_ *peerv1.ReturnedMessage, c []byte) []byte { c[0] ^= 1; return c },
		"a salt cut short": func(_ *peerv1.ReturnedMessage, c []byte) []byte { return c[:20] },
	} {
		m, g, content := sent(t, 1)
		if _, _, err := committed(m, g, change(g, content)); !errors.Is(err, rollback.ErrHead) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m, g, _ := sent(t, 1)
	g.Erased = true
	if _, part, err := committed(m, g, nil); err != nil || part.Bytes != nil {
		t.Errorf("erased: %q, %v", part.Bytes, err)
	}
}
