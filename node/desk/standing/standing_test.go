package standing

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A log that is opened after a rollback begins with all cases, in as many pieces as it takes, each folded behind the one before. Of a case whose dockets'
// term is over there is its hash, and notices are no cases.
func TestOpeningHasAllCasesInPieces(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Options{
		Dir: filepath.Join(dir, "data"), GuardPath: filepath.Join(dir, "guard"), Country: "RS", Origin: "test.example/RS/log/1", Epoch: 1,
		UnitKeys: func(string) (store.UnitKey, error) { return store.UnitKey{1}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const cases = 3000
	if _, err := s.Update(context.Background(), func(tx *store.Tx) error {
		for i := range cases {
			token := fmt.Sprintf("RS-2026-%06d", cases-i)
			c := exchange.Case{Token: token, Own: "RS", Peer: "BG", OwnUnit: "police", State: exchange.Received}
			body, summary := c.Encode(), &storev1.CaseSummary{Token: token, Unit: "police"}
			if i%10 == 0 {
				h := c.Hash()
				summary.DocketExpiredMs, summary.CaseHash, body = 1, h[:], nil
			}
			if err := tx.PutCase(summary, body); err != nil {
				return err
			}
		}
		return tx.PutCase(&storev1.CaseSummary{Token: "notice", Unit: "police", Kind: uint32(rogatoryv1.Kind_KIND_GOVERNANCE)}, nil)
	}); err != nil {
		t.Fatal(err)
	}
	var state translog.Hash
	pieces, all, expired, last := 0, 0, 0, ""
	if err := s.View(func(r *store.Reader) error {
		return Opening(r, state, func(e translog.Entry, name string, record []byte) error {
			list, err := exchange.ParseSnapshot(record)
			if err != nil {
				return err
			}
			st := e.(*translog.State)
			if len(record) > maxOpening || name != store.SideSnapshot || st.Snapshot != exchange.SnapshotDigest(list) {
				t.Errorf("piece %d is %s of %d bytes", pieces, name, len(record))
			}
			if state = exchange.FoldState(state, list); state != st.State {
				t.Errorf("piece %d is not folded behind the one before", pieces)
			}
			for _, c := range list {
				if c.Token <= last {
					t.Errorf("%s after %s", c.Token, last)
				}
				if last = c.Token; c.Body == nil {
					expired++
				}
			}
			pieces++
			all += len(list)
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	if pieces < 2 || all != cases || expired != cases/10 {
		t.Errorf("%d cases, %d of them expired, in %d pieces", all, expired, pieces)
	}
}
