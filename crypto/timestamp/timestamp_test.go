package timestamp_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/timestamp"
	"github.com/rogatory/rogatory/crypto/timestamp/authority"
)

var day = time.Date(2026, 11, 24, 3, 0, 0, 250e6, time.UTC)

func newAuthority(t testing.TB, o authority.Options) (*authority.Authority, *timestamp.Roots) {
	t.Helper()
	if o.Name == "" {
		o.Name = "Example TSA"
	}
	if o.NotAfter.IsZero() {
		o.NotBefore, o.NotAfter = day.AddDate(-1, 0, 0), day.AddDate(1, 0, 0)
	}
	a, err := authority.New(o)
	if err != nil {
		t.Fatal(err)
	}
	roots, err := timestamp.ReadRoots(a.Roots())
	if err != nil {
		t.Fatal(err)
	}
	return a, roots
}

func tokenOf(t testing.TB, a *authority.Authority, text string, at time.Time) []byte {
	t.Helper()
	token, err := a.Token(sha256.Sum256([]byte(text)), big.NewInt(77), at)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTokenSaysImprintTimeAndNonceAndIsVouchedFor(t *testing.T) {
	a, roots := newAuthority(t, authority.Options{})
	token, err := timestamp.Parse(tokenOf(t, a, "head", day))
	if err != nil {
		t.Fatal(err)
	}
	if token.Imprint != sha256.Sum256([]byte("head")) || !token.Time.Equal(day) || token.Nonce.Int64() != 77 || token.Signer() != "CN=Example TSA" {
		t.Errorf("%+v", token)
	}
	if err := token.Verify(roots); err != nil {
		t.Error(err)
	}
}

func TestAnswerHoldsWhatTheRequestAsksFor(t *testing.T) {
	a, _ := newAuthority(t, authority.Options{})
	nonce := new(big.Int).Lsh(big.NewInt(1234), 64)
	req, err := timestamp.Request(sha256.Sum256([]byte("head")), nonce)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := a.Answer(req, day)
	if err != nil {
		t.Fatal(err)
	}
	der, err := timestamp.ParseResponse(answer)
	if err != nil {
		t.Fatal(err)
	}
	if token, err := timestamp.Parse(der); err != nil || token.Nonce.Cmp(nonce) != 0 {
		t.Errorf("%+v, %v", token, err)
	}
	if _, err := timestamp.ParseResponse(append(answer, 0)); !errors.Is(err, timestamp.ErrForm) {
		t.Errorf("a byte behind an answer: %v", err)
	}
}

func TestARefusalIsToldInTheAuthoritysWords(t *testing.T) {
	// status 2, "no", failure bit 14
	_, err := timestamp.ParseResponse([]byte{0x30, 14, 0x30, 12, 2, 1, 2, 0x30, 4, 0x0C, 2, 'n', 'o', 3, 1, 0})
	if !errors.Is(err, timestamp.ErrRefused) && !errors.Is(err, timestamp.ErrForm) {
		t.Fatal(err)
	}
	_, err = timestamp.ParseResponse([]byte{0x30, 17, 0x30, 15, 2, 1, 2, 0x30, 4, 0x0C, 2, 'n', 'o', 3, 4, 1, 0, 2, 0})
	if !errors.Is(err, timestamp.ErrRefused) || !strings.Contains(err.Error(), `"no": its clock is not available`) {
		t.Error(err)
	}
}

func TestNobodyButATimeStampingAuthorityThatIsTrustedIsBelieved(t *testing.T) {
	_, roots := newAuthority(t, authority.Options{})
	for name, o := range map[string]authority.Options{
		"another authority":   {},
		"expired before":      {NotBefore: day.AddDate(-2, 0, 0), NotAfter: day.AddDate(-1, 0, 0)},
		"valid only later":    {NotBefore: day.AddDate(0, 0, 1), NotAfter: day.AddDate(1, 0, 0)},
		"for other uses, too": {AnyPurpose: true, NotBefore: day.AddDate(-1, 0, 0), NotAfter: day.AddDate(1, 0, 0)},
	} {
		a, own := newAuthority(t, o)
		if name == "another authority" {
			own = roots
		}
		token, err := timestamp.Parse(tokenOf(t, a, "head", day))
		if err != nil {
			t.Fatal(err)
		}
		if err := token.Verify(own); !errors.Is(err, timestamp.ErrUntrusted) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnAuthorityKnowsTheTimeToAMinute(t *testing.T) {
	for accuracy, want := range map[int64]error{1: nil, 60: nil, 61: timestamp.ErrForm, 1 << 40: timestamp.ErrForm, -1: timestamp.ErrForm} {
		a, _ := newAuthority(t, authority.Options{Accuracy: accuracy})
		if _, err := timestamp.Parse(tokenOf(t, a, "head", day)); !errors.Is(err, want) {
			t.Errorf("accuracy of %d s: %v", accuracy, err)
		}
	}
}

func TestEveryFlippedBitOfATokenIsRefused(t *testing.T) {
	a, roots := newAuthority(t, authority.Options{})
	good := tokenOf(t, a, "head", day)
	was, err := timestamp.Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			token, err := timestamp.Parse(bad)
			if err != nil || token.Verify(roots) != nil {
				continue
			}
			// Only what nobody signs and nobody needs may differ: the list of digest algorithms before the content.
			if token.Imprint != was.Imprint || !token.Time.Equal(was.Time) || token.Nonce.Cmp(was.Nonce) != 0 {
				t.Fatalf("bit %d of byte %d changes what the token says", bit, i)
			}
		}
	}
	for name, bad := range map[string][]byte{"behind": append(bytes.Clone(good), 0), "cut": good[:len(good)-1], "before": append([]byte{0}, good...), "empty": nil, "large": make([]byte, timestamp.MaxToken+1)} {
		if _, err := timestamp.Parse(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// openssl runs the program; the tests of this package fail where it is not installed, as scripts/test does.
func openssl(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	c := exec.Command("openssl", args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

const opensslConf = `
[req]
distinguished_name = dn
prompt = no
[dn]
CN = openssl TSA
[root]
basicConstraints = critical, CA:TRUE
[signer]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = tsa1
[tsa1]
serial = serial
signer_digest = sha256
default_policy = 1.3.6.1.4.1.32473.1
digests = sha256
accuracy = secs:1, millisecs:500
ordering = yes
tsa_name = yes
ess_cert_id_chain = yes
`

func TestTokensOfOpensslAreBelievedAndOursByOpenssl(t *testing.T) {
	for _, key := range [][]string{{"-newkey", "rsa:2048"}, {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"}} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "conf"), []byte(opensslConf))
		write(t, filepath.Join(dir, "serial"), []byte("01\n"))
		openssl(t, dir, append([]string{"req", "-x509", "-config", "conf", "-extensions", "root", "-nodes", "-days", "30", "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=root"}, key...)...)
		openssl(t, dir, append([]string{"req", "-new", "-config", "conf", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr"}, key...)...)
		openssl(t, dir, "x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "30", "-extfile", "conf", "-extensions", "signer", "-out", "tsa.pem")
		head, nonce := []byte("rogatory.example/RS/log/1\n29\nroot\n"), new(big.Int).Lsh(big.NewInt(29), 64)
		req, err := timestamp.Request(sha256.Sum256(head), nonce)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "head"), head)
		write(t, filepath.Join(dir, "req.tsq"), req)
		openssl(t, dir, "ts", "-reply", "-config", "conf", "-section", "tsa1", "-queryfile", "req.tsq", "-signer", "tsa.pem", "-inkey", "tsa.key", "-out", "resp.tsr")
		answer, err := os.ReadFile(filepath.Join(dir, "resp.tsr"))
		if err != nil {
			t.Fatal(err)
		}
		der, err := timestamp.ParseResponse(answer)
		if err != nil {
			t.Fatal(err)
		}
		pem, err := os.ReadFile(filepath.Join(dir, "root.pem"))
		if err != nil {
			t.Fatal(err)
		}
		roots, err := timestamp.ReadRoots(pem)
		if err != nil {
			t.Fatal(err)
		}
		token, err := timestamp.Parse(der)
		if err != nil {
			t.Fatal(err)
		}
		if err := token.Verify(roots); err != nil || token.Imprint != sha256.Sum256(head) || token.Nonce.Cmp(nonce) != 0 || time.Since(token.Time).Abs() > time.Hour {
			t.Errorf("%v: %+v", err, token)
		}
		// And the other way round.
		a, _ := newAuthority(t, authority.Options{NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)})
		ours, err := a.Token(sha256.Sum256(head), nonce, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "token"), ours)
		write(t, filepath.Join(dir, "ours.pem"), a.Roots())
		if out := openssl(t, dir, "ts", "-verify", "-data", "head", "-in", "token", "-token_in", "-CAfile", "ours.pem"); !bytes.Contains(out, []byte("Verification: OK")) {
			t.Errorf("%s", out)
		}
	}
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"rsa.tst", "ecdsa.tst"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		token, err := timestamp.Parse(b)
		if err == nil && (token.Time.IsZero() || token.Signer() == "") {
			t.Errorf("%+v", token)
		}
	})
}

func FuzzParseResponse(f *testing.F) {
	f.Add([]byte{0x30, 17, 0x30, 15, 2, 1, 2, 0x30, 4, 0x0C, 2, 'n', 'o', 3, 4, 1, 0, 2, 0})
	f.Add([]byte{0x30, 7, 0x30, 3, 2, 1, 0, 0x30, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if token, err := timestamp.ParseResponse(b); err == nil && (len(token) < 2 || token[0] != 0x30) {
			t.Errorf("%x", token)
		}
	})
}
