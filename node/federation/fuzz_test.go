package federation

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
	"google.golang.org/protobuf/proto"
)

var update = flag.Bool("update", false, "write testdata anew")

// statements are one good statement of each kind, of a federation of one. They stand in testdata, so that what one version of
// the program signed the next one reads, and so that every fuzzing process begins with the same. Nobody has the keys.
type statements struct {
	dir                      *Directory
	reg                      *Register
	manifest, enrolment, act []byte
	directory, unsigned      []byte
}

func readStatements(t testing.TB) *statements {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	s := &statements{
		directory: read("directory.bin"), unsigned: read("unsigned.bin"),
		manifest: read("manifest.bin"), enrolment: read("enrolment.bin"), act: read("act.bin"),
	}
	_, digest, err := ReadDirectory(s.directory)
	if err == nil {
		s.dir, err = ParseDirectory(s.directory, digest)
	}
	if err == nil {
		s.reg, err = NewRegister(s.dir, "RS")
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStatementsOfEarlierVersionsAreRead(t *testing.T) {
	if *update {
		writeStatements(t)
	}
	s := readStatements(t)
	if _, err := ParseManifest(s.manifest, s.dir, noon, nil); err != nil {
		t.Error(err)
	}
	if _, err := s.reg.Enrol(s.enrolment, noon); err != nil {
		t.Error(err)
	}
	if _, err := ParseAct(s.act); err != nil {
		t.Error(err)
	}
	if _, err := CheckProgress(s.dir, s.unsigned); err != nil {
		t.Error(err)
	}
}

func writeStatements(t *testing.T) {
	nodes := newNodes("RS")
	pb := draft(t, nodes)
	pb.Rules = []*v1.Rule{{Name: "by-hand", From: []string{"RS"}, Purposes: []v1.Purpose{v1.Purpose_PURPOSE_INVESTIGATION}, Verdict: v1.Verdict_VERDICT_ASK_OFFICER}}
	pb.Calendars = []*v1.HolidayCalendar{{Country: "RS", Version: 1, Dates: []string{"2027-01-07"}, RestDays: []uint32{6, 7}}}
	d := newDeskOf(t, nodes[0], founded(t, nodes, pb))
	enrolment, err := d.enrolment(d.officer("third", v1.Right_RIGHT_READ), false, "founder-a", "founder-b", noon)
	if err != nil {
		t.Fatal(err)
	}
	act, _ := approval()
	m := d.node.manifestDraft(t, noon)
	m.Sealings = m.Sealings[:1]
	for name, b := range map[string][]byte{
		"directory.bin": d.dir.Signed(),
		"unsigned.bin":  propose(t, d.dir, d.dir.Proto()),
		"manifest.bin":  d.node.publish(t, d.dir, nil, m, noon),
		"enrolment.bin": enrolment,
		"act.bin":       d.act("founder-b", act, noon).GetAct(),
	} {
		if err := os.WriteFile(filepath.Join("testdata", name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// sameAgain demands that what was read as well-formed has no second spelling.
func sameAgain(t *testing.T, b []byte, m proto.Message) {
	t.Helper()
	again, err := encode(m)
	if err != nil || !bytes.Equal(again, b) {
		t.Fatalf("accepted, and encoded as other bytes: %v", err)
	}
}

func FuzzReadDirectory(f *testing.F) {
	s := readStatements(f)
	f.Add(s.directory)
	f.Add(s.unsigned)
	f.Add([]byte{0x0a, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		pb, digest, err := ReadDirectory(b)
		if err != nil {
			return
		}
		inner, err := encode(pb)
		if err != nil || DirectoryDigest(inner) != digest {
			t.Fatalf("another digest: %v", err)
		}
		Diff(s.dir, pb)
		if _, err := ParseDirectory(b, digest); err == nil && pb.GetVersion() == 1 && digest != s.dir.Digest() {
			t.Fatal("a first directory without its members' signatures")
		}
		if _, err := Advance(s.dir, b, noon); err == nil {
			t.Fatal("a next directory without its members' signatures")
		}
	})
}

func FuzzParseManifest(f *testing.F) {
	s := readStatements(f)
	f.Add(s.manifest)
	signed := new(v1.SignedManifest)
	if err := proto.Unmarshal(s.manifest, signed); err != nil {
		f.Fatal(err)
	}
	f.Add(signed.GetManifest())
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := ParseManifest(b, s.dir, noon, nil); err == nil && !bytes.Equal(b, s.manifest) {
			t.Fatal("another manifest than the signed one")
		}
		// What the signature keeps away from the rest must not break it either.
		m, err := newManifest(b, &basis{dir: s.dir, now: noon})
		if err != nil {
			return
		}
		sameAgain(t, b, m.pb)
		_, _ = m.SealingKeyFor(noon)
		m.Services("police")
	})
}

func FuzzParseAct(f *testing.F) {
	s := readStatements(f)
	f.Add(s.act)
	f.Fuzz(func(t *testing.T, b []byte) {
		act, err := ParseAct(b)
		if err != nil {
			return
		}
		sameAgain(t, b, act)
		again, err := NewAct(act, [16]byte(act.GetNonce()), at(act.GetAtMs()))
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("accepted, and made as other bytes: %v", err)
		}
	})
}

func FuzzParseEnrolment(f *testing.F) {
	s := readStatements(f)
	f.Add(s.enrolment)
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEnrolment(b)
		if err != nil {
			return
		}
		sameAgain(t, b, e)
		if _, err := s.reg.Enrol(b, noon); err == nil && !bytes.Equal(b, s.enrolment) {
			t.Fatal("another enrolment than the signed one")
		}
	})
}
