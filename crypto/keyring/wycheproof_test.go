package keyring

import (
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
)

// The composite's lattice half on its own: circl's verifier refuses every malformed signature that Wycheproof knows.
func TestMLDSA65AgreesWithWycheproof(t *testing.T) {
	raw, err := fs.ReadFile(wycheproof.TestVectors, "mldsa_65_verify_test.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		TestGroups []struct {
			PublicKey string `json:"publicKey"`
			Tests     []struct {
				TcID    int    `json:"tcId"`
				Comment string `json:"comment"`
				Msg     string `json:"msg"`
				Ctx     string `json:"ctx"`
				Sig     string `json:"sig"`
				Result  string `json:"result"`
			} `json:"tests"`
		} `json:"testGroups"`
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	count := 0
	for _, g := range f.TestGroups {
		var pk mldsa65.PublicKey
		bad := pk.UnmarshalBinary(unhex(g.PublicKey)) != nil
		for _, tc := range g.Tests {
			count++
			// circl takes the length for granted; PublicKey.Verify checks it first, and so does this test.
			sig := unhex(tc.Sig)
			ok := !bad && len(sig) == mldsa65.SignatureSize && mldsa65.Verify(&pk, unhex(tc.Msg), unhex(tc.Ctx), sig)
			if ok != (tc.Result == "valid") {
				t.Errorf("%d %s: %t, want %s", tc.TcID, tc.Comment, ok, tc.Result)
			}
		}
	}
	if count < 20 {
		t.Errorf("only %d vectors", count)
	}
}
