package exchange

import (
	"bytes"
	"errors"
	"testing"
)

func FuzzParseSnapshot(f *testing.F) {
	c := Case{Token: "RS-2026-000001", Kind: KindRequest, State: Sent}
	f.Add(EncodeSnapshot(nil))
	f.Add(EncodeSnapshot([]Changed{{Token: "BG-2026-000002", Hash: [32]byte{1}}, {Token: c.Token, Body: c.Encode()}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := ParseSnapshot(b)
		if err != nil {
			if !errors.Is(err, ErrEncoding) {
				t.Error(err)
			}
			return
		}
		if !bytes.Equal(EncodeSnapshot(list), b) {
			t.Errorf("another spelling of %x", b)
		}
	})
}

func TestSnapshotKeepsItsDigestWhenABodyIsTakenAway(t *testing.T) {
	c := Case{Token: "RS-2026-000001", Kind: KindRequest, State: Sent}
	list := []Changed{{Token: c.Token, Hash: c.Hash(), Body: c.Encode()}}
	before := SnapshotDigest(list)
	read, err := ParseSnapshot(EncodeSnapshot(list))
	if err != nil || len(read) != 1 || read[0].Hash != c.Hash() {
		t.Fatalf("%v, %v", read, err)
	}
	read[0].Body = nil
	again, err := ParseSnapshot(EncodeSnapshot(read))
	if err != nil || SnapshotDigest(again) != before || again[0].Hash != c.Hash() || again[0].Body != nil {
		t.Errorf("%v, %v", again, err)
	}
}
