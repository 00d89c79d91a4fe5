package keyring

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func testLock() Lock { return WithPassphrase("correct horse battery staple").Work(2) }

func testRing(t testing.TB) *Ring {
	r := NewRing(start, 3*365*24*time.Hour)
	for _, u := range []string{"police", "fiu", "prosecutor"} {
		if err := r.AddUnit(u); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.RotateIdentity("RS", start.Add(time.Hour), 24*time.Hour, 365*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRingComesBackFromItsFile(t *testing.T) {
	for name, lock := range map[string]Lock{"locked": testLock(), "plain": Plain()} {
		path := filepath.Join(t.TempDir(), RingFile)
		r := testRing(t)
		if err := CreateRing(path, r, lock); err != nil {
			t.Fatal(err)
		}
		got, err := OpenRing(path, lock)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(got.format(), r.format()) || got.Identity().KID() != r.Identity().KID() {
			t.Errorf("%s: another ring comes back", name)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(ringHeader)) != (name == "plain") {
			t.Errorf("%s: the file begins %q", name, b[:20])
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s: mode %v", name, info.Mode())
		}
		if err := got.AddUnit("customs"); err != nil {
			t.Fatal(err)
		}
		if err := SaveRing(path, got, lock); err != nil {
			t.Fatal(err)
		}
		if got, err = OpenRing(path, lock); err != nil || !slices.Contains(got.Units(), "customs") {
			t.Errorf("%s: after saving: %v", name, err)
		}
		left, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(left) != 1 {
			t.Errorf("%s: %d files are left, %v", name, len(left), err)
		}
	}
}

func TestAKeyFileThatCannotBeOpenedSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	locked, plain := filepath.Join(dir, "locked"), filepath.Join(dir, "plain")
	r := testRing(t)
	if err := CreateRing(locked, r, testLock()); err != nil {
		t.Fatal(err)
	}
	if err := CreateRing(plain, r, Plain()); err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte, mode fs.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	lockedBytes, _ := os.ReadFile(locked)
	plainBytes, _ := os.ReadFile(plain)
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		path string
		lock Lock
		want error
	}{
		"wrong passphrase":         {locked, WithPassphrase("wrong"), ErrPassphrase},
		"no passphrase for it":     {locked, Plain(), ErrPassphraseNeeded},
		"empty passphrase":         {locked, WithPassphrase(""), ErrPassphraseNeeded},
		"plain, with a passphrase": {plain, testLock(), ErrPlain},
		"no lock":                  {plain, Lock{}, ErrLock},
		"open to the group":        {write("group", plainBytes, 0o640), Plain(), ErrExposed},
		"open to others":           {write("others", lockedBytes, 0o604), testLock(), ErrExposed},
		"writable by the group":    {write("writable", plainBytes, 0o620), Plain(), ErrExposed},
		"cut short":                {write("short", plainBytes[:len(plainBytes)-9], 0o600), Plain(), ErrFormat},
		"locked and cut short":     {write("lshort", lockedBytes[:len(lockedBytes)-9], 0o600), testLock(), ErrFormat},
		"locked and damaged":       {write("damaged", append(slices.Clone(lockedBytes[:len(lockedBytes)-1]), lockedBytes[len(lockedBytes)-1]^1), 0o600), testLock(), ErrFormat},
		"too long":                 {write("long", bytes.Repeat([]byte("x"), 3*maxRing), 0o600), Plain(), ErrFormat},
		"empty":                    {write("empty", nil, 0o600), Plain(), ErrFormat},
		"another kind of key":      {write("kind", newOfficer(GenerateSecret()).format(), 0o600), Plain(), ErrFormat},
		"a folder":                 {dir, Plain(), ErrNotRegular},
		"a pipe":                   {pipe, Plain(), ErrNotRegular},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := OpenRing(tc.path, tc.lock)
			if !errors.Is(err, tc.want) {
				t.Fatal(err)
			}
			if Hint(err) == "" {
				t.Errorf("%v has no hint", err)
			}
		})
	}
	if _, err := OpenRing(filepath.Join(dir, "nowhere"), Plain()); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := CreateRing(plain, testRing(t), Plain()); !errors.Is(err, ErrExists) {
		t.Errorf("creating over a ring: %v", err)
	}
	if got, _ := os.ReadFile(plain); !bytes.Equal(got, plainBytes) {
		t.Error("the ring was replaced")
	}
	if err := CreateRing(filepath.Join(dir, "new"), r, Lock{}); !errors.Is(err, ErrLock) {
		t.Errorf("creating without a lock: %v", err)
	}
	if err := SaveRing(filepath.Join(dir, "no", "folder"), r, Plain()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("saving into no folder: %v", err)
	}
	if err := SaveRing(plain, r, testLock().Work(99)); err == nil {
		t.Error("a work factor of 99 passes")
	}
}

func TestRingRefusesSecondSpellings(t *testing.T) {
	r := testRing(t)
	good := string(r.format())
	if _, err := parseRing([]byte(good)); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(good, "\n")
	line := func(prefix string) string {
		i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, prefix) })
		return lines[i]
	}
	for name, bad := range map[string]string{
		"another version":   strings.Replace(good, "v1", "v2", 1),
		"no last newline":   strings.TrimSuffix(good, "\n"),
		"an empty line":     good + "\n",
		"a comment":         good + "# unit\n",
		"two blanks":        strings.Replace(good, "unit ", "unit  ", 1),
		"a tab":             strings.Replace(good, "unit ", "unit\t", 1),
		"CR LF":             strings.ReplaceAll(good, "\n", "\r\n"),
		"a unit twice":      good + line("unit prosecutor"),
		"units in disorder": strings.Replace(good, line("unit fiu"), "", 1) + line("unit fiu"),
		"a line moved":      strings.Replace(good, line("log"), "", 1) + line("log"),
		"no log key":        strings.Replace(good, line("log"), "", 1),
		"no witness key":    strings.Replace(good, line("witness"), "", 1),
		"no sealing key":    strings.Replace(good, line("sealing"), "", 1),
		"no identity":       ringHeader + strings.Join(lines[3:], ""),
		"log twice":         strings.Replace(good, line("log"), line("log")+line("log"), 1),
		"a unit's name":     strings.Replace(good, "unit fiu", "unit FIU", 1),
		"padding":           strings.Replace(good, line("sealing"), strings.TrimSpace(line("sealing"))+"=\n", 1),
		"a short seed":      strings.Replace(good, line("sealing"), line("sealing")[:20]+"\n", 1),
		"a signed number":   strings.Replace(good, " 17", " +17", 1),
		"one key for both":  strings.Replace(good, line("witness"), "witness"+line("log")[3:], 1),
	} {
		if bad == good {
			t.Errorf("%s: the test changes nothing", name)
		}
		if _, err := parseRing([]byte(bad)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIdentityRotationOverlaps(t *testing.T) {
	r := NewRing(start, 1000*time.Hour)
	first := r.Identity()
	if err := r.RotateIdentity("RS", start.Add(time.Hour), 24*time.Hour, 1000*time.Hour); err != nil {
		t.Fatal(err)
	}
	second := r.Identity()
	if first.KID() == second.KID() {
		t.Fatal("the same key signs")
	}
	both := r.Identities(start.Add(2 * time.Hour))
	if len(both) != 2 || both[0].Key != second || both[1].Key != first {
		t.Fatalf("%d keys during the overlap", len(both))
	}
	n := both[0]
	if err := first.Public().VerifyEndorsement("RS", second.Public(), n.NotBeforeMS, n.NotAfterMS, n.Endorsement); err != nil {
		t.Error(err)
	}
	if after := r.Identities(start.Add(26 * time.Hour)); len(after) != 1 || after[0].Key != second {
		t.Errorf("%d keys after the overlap", len(after))
	}
	if err := r.RotateIdentity("RS", start.Add(48*time.Hour), 24*time.Hour, 1000*time.Hour); err != nil {
		t.Fatal(err)
	}
	if len(r.identities) != 2 || r.identities[1].Key != second {
		t.Error("a key that is over is kept")
	}
}

func TestUnitNamesAreChecked(t *testing.T) {
	r := NewRing(start, time.Hour)
	for _, bad := range []string{"", "Police", "a b", "a\nb", "-a", "ä", strings.Repeat("a", 65)} {
		if err := r.AddUnit(bad); !errors.Is(err, ErrUnit) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := r.AddUnit("police"); err != nil {
		t.Fatal(err)
	}
	before, ok := r.UnitKey("police")
	if !ok {
		t.Fatal("no key")
	}
	if err := r.AddUnit("police"); !errors.Is(err, ErrUnit) {
		t.Error(err)
	}
	if after, _ := r.UnitKey("police"); !after.Equal(before) {
		t.Error("the key was replaced")
	}
	if _, ok := r.UnitKey("fiu"); ok {
		t.Error("a unit that is not there has a key")
	}
}

func TestOfficerSignsActs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "officer.age")
	o := GenerateOfficer()
	if err := CreateOfficer(path, o, testLock()); err != nil {
		t.Fatal(err)
	}
	got, err := OpenOfficer(path, testLock())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenOfficer(path, WithPassphrase("wrong")); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
	act := [32]byte{1}
	pub, err := ParseOfficerPublicKey(o.Public().String())
	if err != nil || pub != o.Public() {
		t.Fatalf("%v, %v", pub, err)
	}
	if err := pub.Verify(act, got.Sign(act)); err != nil {
		t.Error(err)
	}
	if err := pub.Verify([32]byte{2}, got.Sign(act)); !errors.Is(err, ErrSignature) {
		t.Error(err)
	}
	if err := pub.Verify(act, nil); !errors.Is(err, ErrSignature) {
		t.Error(err)
	}
	text := o.Public().String()
	for name, bad := range map[string]string{
		"no prefix":     strings.TrimPrefix(text, officerPrefix),
		"cut short":     text[:len(text)-1],
		"newline":       text + "\n",
		"newline in it": text[:30] + "\n" + text[30:],
		"padding":       text + "=",
		"low order":     officerPrefix + encoding.EncodeToString(make([]byte, 32)),
	} {
		if _, err := ParseOfficerPublicKey(bad); !errors.Is(err, ErrPublicKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := GenerateOfficer()
	mixed := strings.Replace(string(o.format()), text, other.Public().String(), 1)
	if _, err := parseOfficer([]byte(mixed)); !errors.Is(err, ErrFormat) {
		t.Errorf("another's public half: %v", err)
	}
}

func FuzzParseRing(f *testing.F) {
	f.Add(testRing(f).format())
	f.Add([]byte(ringHeader))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRing(b)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(r.format(), b) {
			t.Fatalf("%q is written as %q", b, r.format())
		}
	})
}

func FuzzParseOfficer(f *testing.F) {
	f.Add(GenerateOfficer().format())
	f.Add([]byte(officerHeader))
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := parseOfficer(b); err == nil && !bytes.Equal(o.format(), b) {
			t.Fatalf("%q is written as %q", b, o.format())
		}
	})
}

func FuzzParseSealing(f *testing.F) {
	k, err := NewSealingKey(20780, GenerateSecret())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(formatSealing(map[Day]*SealingKey{20780: k}))
	f.Add([]byte(sealingHeader))
	f.Fuzz(func(t *testing.T, b []byte) {
		if days, err := parseSealing(b); err == nil && !bytes.Equal(formatSealing(days), b) {
			t.Fatalf("%q is written as %q", b, formatSealing(days))
		}
	})
}
