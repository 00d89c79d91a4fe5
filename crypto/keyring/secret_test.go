package keyring

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// holder is how somebody else's struct holds our secrets: in fields whose methods fmt does not ask.
type holder struct {
	secret   Secret
	identity *Identity
	sealing  *SealingKey
	officer  *Officer
	ring     *Ring
	lock     Lock
	signer   Signer
	Open     Secret
}

func TestSecretsPrintAsKey(t *testing.T) {
	seed := bytes.Repeat([]byte{0xa5}, 32)
	secret, err := NewSecret(seed)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := NewIdentity(secret, secret)
	if err != nil {
		t.Fatal(err)
	}
	sealing, err := NewSealingKey(1, secret)
	if err != nil {
		t.Fatal(err)
	}
	officer := newOfficer(secret)
	ring := NewRing(time.Now(), time.Hour)
	ring.log.Ed25519 = secret
	lock := WithPassphrase("correct horse")
	h := holder{secret, identity, sealing, officer, ring, lock, ring.Log(), secret}

	var out strings.Builder
	logger := slog.New(slog.NewTextHandler(&out, nil))
	jsonLogger := slog.New(slog.NewJSONHandler(&out, nil))
	for _, v := range []any{secret, &secret, identity, sealing, officer, ring, &SealingKeys{}, lock, &lock, ring.Log(), h, &h} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		logger.Info("secret", "v", v)
		jsonLogger.Info("secret", "v", v)
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatalf("%T: %v", v, err)
		}
		out.Write(b)
	}
	text := out.String()
	for _, leak := range []string{
		hex.EncodeToString(seed[:4]), strings.ToUpper(hex.EncodeToString(seed[:4])), "165 165", "0xa5, 0xa5", "correct", "horse",
		encoding.EncodeToString(seed)[:8], string(seed[:4]), `\xa5\xa5`,
	} {
		if strings.Contains(text, leak) {
			t.Errorf("output holds %q", leak)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v %s", secret, ring, identity, officer); s != "[key] [key] [key] [key]" {
		t.Errorf("secrets print as %s", s)
	}
}

func TestDestroyReachesEveryCopy(t *testing.T) {
	a := GenerateSecret()
	b := a
	if !a.Equal(b) || a.IsZero() {
		t.Error("a copy differs")
	}
	a.Destroy()
	if !bytes.Equal(b.Bytes(), make([]byte, 32)) {
		t.Error("the copy survives")
	}
	if (Secret{}).Equal(Secret{}) || !(Secret{}).IsZero() || (Secret{}).Bytes() != nil {
		t.Error("the zero secret holds something")
	}
	Secret{}.Destroy()
	if _, err := NewSecret(make([]byte, 31)); !errors.Is(err, ErrSeed) {
		t.Error(err)
	}
	for _, f := range []func() error{
		func() error { _, err := NewIdentity(Secret{}, a); return err },
		func() error { _, err := NewSealingKey(1, Secret{}); return err },
	} {
		if err := f(); !errors.Is(err, ErrSeed) {
			t.Error(err)
		}
	}
}

func TestFingerprintIsTwelveGroupsOfFiveDigits(t *testing.T) {
	// printf 'rogatory/v1/fingerprint\0abc' | sha512sum, and the rule of Fingerprint's comment.
	const want = "84906 82868 79148 64821 01862 57211 97713 23066 77525 88632 44740 04870"
	got := Fingerprint([]byte("abc"))
	if got != want {
		t.Errorf("%s", got)
	}
	if kid := KIDOf([]byte("abc")).String(); kid != "4e0fdf845412bf9f" {
		t.Errorf("kid %s", kid)
	}
}
