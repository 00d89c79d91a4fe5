package envelope

import (
	"errors"
	"testing"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A number that no leaf can hold is refused for good: a recipient that could neither take nor refuse it would be sent it for ever.
func TestANumberBeyondWhatALeafHoldsIsMalformed(t *testing.T) {
	for seq, good := range map[uint64]bool{1<<53 - 1: true, 1 << 53: false, 1 << 63: false, 1<<64 - 1: false} {
		b, err := Marshal(&rogatoryv1.Message{
			From: "RS", To: "BG", Epoch: 1, Seq: seq, Prev: append(make([]byte, 31), 1),
			DocketCommit: make([]byte, 32), ContentCommit: make([]byte, 32), SubmittedMs: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseMessage(b); (err == nil) != good || !good && !errors.Is(err, ErrMalformed) {
			t.Errorf("number %d: %v", seq, err)
		}
	}
}
