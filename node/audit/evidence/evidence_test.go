package evidence_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/evidence"
	"github.com/rogatory/rogatory/node/audit/forge"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// court is a world with two cases between RS and BG, and one of others.
type court struct {
	*forge.World
	a            *audit.Anchor
	q, reply     *forge.Message
	other, third *forge.Message
}

func newCourt(t *testing.T) *court {
	t.Helper()
	w := forge.New(t, "BG", "GR", "RS")
	c := &court{World: w}
	c.q = w.Ask("RS", "BG")
	c.other = w.Ask("RS", "BG")
	c.third = w.Ask("GR", "RS")
	c.reply = w.Reply(c.q)
	w.Sleep(time.Hour)
	w.Round()
	a, err := audit.NewAnchor([][]byte{w.Trusted()})
	if err != nil {
		t.Fatal(err)
	}
	c.a = a
	return c
}

func (c *court) open(t *testing.T, country string) *archive.Reader {
	t.Helper()
	r, err := archive.Open(c.Archive(country, filepath.Join(t.TempDir(), country)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func (c *court) make(t *testing.T, own, peer string, o evidence.Options) []byte {
	t.Helper()
	var other *archive.Reader
	if peer != "" {
		other = c.open(t, peer)
	}
	b, res, err := evidence.Make(context.Background(), c.a, c.open(t, own), other, o)
	if err != nil {
		t.Fatalf("%v: %+v", err, res)
	}
	return b
}

func (c *court) check(t *testing.T, b []byte) *evidence.Result {
	t.Helper()
	res, err := evidence.Check(b, c.a)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func filesOf(t *testing.T, b []byte) map[string]string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for i, f := range r.File {
		if i == 0 && f.Name != "mimetype" {
			t.Errorf("first is %s", f.Name)
		}
		c, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		_, _ = body.ReadFrom(c)
		files[f.Name] = body.String()
	}
	return files
}

func TestEvidenceOfAMessageHoldsAndHasBothHalves(t *testing.T) {
	c := newCourt(t)
	name := translog.Hash(c.q.Name)
	for _, x := range []struct {
		own, peer string
		small     bool
		want      []string
	}{
		{"RS", "", false, []string{"RS.leaf", "receipt.leaf"}},
		{"RS", "BG", false, []string{"RS.leaf", "BG.leaf", "receipt.leaf"}},
		{"BG", "", false, []string{"BG.leaf"}},
		{"BG", "RS", false, []string{"RS.leaf", "BG.leaf", "receipt.leaf"}},
		{"RS", "BG", true, []string{"RS.leaf", "BG.leaf", "receipt.leaf"}},
	} {
		b := c.make(t, x.own, x.peer, evidence.Options{Msg: name, Small: x.small})
		res := c.check(t, b)
		if res.Status != audit.OK {
			t.Errorf("%s %s: %v", x.own, x.peer, res.Findings)
		}
		files := filesOf(t, b)
		for _, want := range x.want {
			if files["messages/0001/"+want] == "" {
				t.Errorf("%s %s: no %s among %v", x.own, x.peer, want, slices.Sorted(maps.Keys(files)))
			}
		}
		for _, file := range []string{"mimetype", "report.txt", "report.html", "VERIFY.sh", "check.py", "check_test.py", "messages/0001/docket.bin", "messages/0001/signature.bin"} {
			if files[file] == "" {
				t.Errorf("no %s", file)
			}
		}
		if !strings.Contains(files["report.txt"], "request for information") || !strings.Contains(files["report.txt"], "logged that it") {
			t.Errorf("the report does not say what it is about:\n%s", files["report.txt"])
		}
		t.Logf("%s %s small %v: %d bytes, of which %d are programs", x.own, x.peer, x.small, len(b), len(files["check.py"])+len(files["check_test.py"])+len(files["VERIFY.sh"]))
	}
}

var update = flag.Bool("update", false, "write testdata anew")

func TestTheReportReadsAsItIsKept(t *testing.T) {
	c := newCourt(t)
	res := c.check(t, c.make(t, "RS", "BG", evidence.Options{Case: c.q.Docket.GetCaseToken()}))
	// Signatures are random, and so is what is hashed over them.
	got := regexp.MustCompile(`leaf hash: [0-9a-f]{64}|SHA-256\s+[0-9a-f]{64}|of message [A-Za-z0-9_-]{43}|name: [A-Za-z0-9_-]{43}|of: [A-Za-z0-9_-]{43}`).ReplaceAllStringFunc(res.Report, func(s string) string {
		return s[:strings.LastIndexAny(s, ": \n")+1] + "…"
	})
	path := filepath.Join("testdata", "report.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%v; got\n%s", err, got)
	}
}

func TestSameInputGivesTheSameBytes(t *testing.T) {
	c := newCourt(t)
	for _, o := range []evidence.Options{{Msg: translog.Hash(c.q.Name)}, {Case: c.q.Docket.GetCaseToken()}} {
		if a, b := c.make(t, "RS", "BG", o), c.make(t, "RS", "BG", o); !bytes.Equal(a, b) {
			t.Errorf("%+v: two files", o)
		}
	}
}

func TestEvidenceOfACaseHasAllItsMessagesAndSteps(t *testing.T) {
	c := newCourt(t)
	b := c.make(t, "RS", "BG", evidence.Options{Case: c.q.Docket.GetCaseToken()})
	if res := c.check(t, b); res.Status != audit.OK || res.Messages != 2 {
		t.Errorf("%d messages, %v", res.Messages, res.Findings)
	}
	report := filesOf(t, b)["report.txt"]
	for _, want := range []string{"Message 1: RS to BG", "Message 2: BG to RS", "Steps of the case", "drafted", "answered: no information", "cosigned by 2"} {
		if !strings.Contains(report, want) {
			t.Errorf("the report lacks %q:\n%s", want, report)
		}
	}
}

func TestNothingOfOtherCasesIsDisclosed(t *testing.T) {
	c := newCourt(t)
	c.EndTerm("RS", c.other.Docket.GetCaseToken())
	for _, o := range []evidence.Options{{Msg: translog.Hash(c.q.Name)}, {Case: c.q.Docket.GetCaseToken()}, {Msg: translog.Hash(c.reply.Name)}} {
		b := c.make(t, "RS", "BG", o)
		for _, m := range []*forge.Message{c.other, c.third} {
			for what, secret := range map[string][]byte{
				"token": []byte(m.Docket.GetCaseToken()), "name": []byte(m.Name.String()), "name in bytes": m.Name[:],
			} {
				if bytes.Contains(b, secret) {
					t.Errorf("%+v: the %s of another case is in it", o, what)
				}
			}
		}
		for name, body := range filesOf(t, b) {
			if strings.HasSuffix(name, "docket.bin") && strings.Contains(body, c.other.Docket.GetCaseToken()) {
				t.Errorf("%s is another case's", name)
			}
		}
	}
}

func TestEveryChangedByteMakesCheckFail(t *testing.T) {
	c := newCourt(t)
	b := c.make(t, "RS", "BG", evidence.Options{Msg: translog.Hash(c.q.Name), Small: true})
	step := 211 // coprime to what repeats; every byte is tried by -tags long
	if long {
		step = 1
	}
	for i := 0; i < len(b); i += step {
		bad := bytes.Clone(b)
		bad[i] ^= 1 << (i % 8)
		if res, err := evidence.Check(bad, c.a); err == nil && res.Status != audit.Findings {
			t.Fatalf("byte %d of %d changed: %s %v", i, len(b), res.Status, res.Findings)
		}
	}
	for _, bad := range [][]byte{b[:len(b)-1], append(bytes.Clone(b), 0), append([]byte{0}, b...), {}} {
		if res, err := evidence.Check(bad, c.a); err == nil && res.Status != audit.Findings {
			t.Errorf("cut or lengthened: %s", res.Status)
		}
	}
}

func TestAForgersRepackingIsFound(t *testing.T) {
	c := newCourt(t)
	b := c.make(t, "RS", "BG", evidence.Options{Case: c.q.Docket.GetCaseToken()})
	files := filesOf(t, b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name == "mimetype" || strings.HasPrefix(name, "META-INF/") {
			continue
		}
		forged := map[string][]byte{}
		for n, body := range files {
			if n != "mimetype" && !strings.HasPrefix(n, "META-INF/") {
				forged[n] = []byte(body)
			}
		}
		forged[name][len(forged[name])/2] ^= 1
		again, err := evidence.Pack(forged)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := evidence.Check(again, c.a); err == nil && res.Status == audit.OK {
			t.Errorf("%s changed and listed anew: %s", name, res.Status)
		}
		delete(forged, name)
		if again, err = evidence.Pack(forged); err != nil {
			t.Fatal(err)
		}
		if res, err := evidence.Check(again, c.a); err == nil && res.Status == audit.OK {
			t.Errorf("%s left out and the rest listed anew: %s", name, res.Status)
		}
	}
}

func TestForgedLogGivesNoEvidence(t *testing.T) {
	c := newCourt(t)
	rs := c.Country("RS")
	lie := rs.Log.Copy()
	e := lie.Entries[c.q.Out]
	e.Sides["statement"][len(e.Sides["statement"])-1] ^= 1
	r, err := archive.Open(c.ArchiveOf(rs, lie, filepath.Join(t.TempDir(), "RS")))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, res, err := evidence.Make(context.Background(), c.a, r, nil, evidence.Options{Msg: translog.Hash(c.q.Name)})
	if !errors.Is(err, evidence.ErrUnsound) || res == nil || len(res.Findings) == 0 {
		t.Errorf("%v %+v", err, res)
	}
}

func TestTombstonesOfTheMessageAreInIt(t *testing.T) {
	c := newCourt(t)
	c.EndTerm("RS", c.q.Docket.GetCaseToken())
	b := c.make(t, "RS", "", evidence.Options{Case: c.q.Docket.GetCaseToken()})
	if res := c.check(t, b); res.Status != audit.OK {
		t.Error(res.Findings)
	}
	files := filesOf(t, b)
	if files["messages/0001/docket.bin"] != "" || !strings.Contains(files["report.txt"], "What was erased") || !strings.Contains(files["report.txt"], "docket-term") {
		t.Errorf("no tombstone:\n%s", files["report.txt"])
	}
}

func TestKeysAfterARotationLeadToTheDirectory(t *testing.T) {
	c := newCourt(t)
	c.Country("RS").Rotate(time.Hour)
	m := c.Ask("RS", "BG")
	c.Round()
	for _, small := range []bool{false, true} {
		b := c.make(t, "RS", "BG", evidence.Options{Msg: translog.Hash(m.Name), Small: small})
		if res := c.check(t, b); res.Status != audit.OK {
			t.Error(res.Findings)
		}
		if !strings.Contains(filesOf(t, b)["report.txt"], "(manifest 2 of RS)") {
			t.Errorf("small %v: the report does not say where the key stands", small)
		}
		if !small {
			runPython(t, c, b)
		}
	}
}

// contentOf finds the opening of a message of a forged world, whose salts follow from a number and whose contents are empty.
func contentOf(t *testing.T, m *rogatoryv1.Message) []byte {
	t.Helper()
	body, err := envelope.Marshal(&rogatoryv1.Content{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(10_000) {
		salt := sha256.Sum256(fmt.Append([]byte("forge"), "salt", n))
		if commit := envelope.Commit(envelope.Salt(salt), envelope.Content, body); bytes.Equal(commit[:], m.GetContentCommit()) {
			return append(salt[:], body...)
		}
	}
	t.Fatal("no salt")
	return nil
}

func TestAnOpenedContentIsWhatTheMessageCommitsTo(t *testing.T) {
	c := newCourt(t)
	raw := c.Country("RS").Log.Entries[c.q.Out].Sides["message"]
	m, err := envelope.ParseMessage(raw)
	if err != nil {
		t.Fatal(err)
	}
	b := c.make(t, "RS", "BG", evidence.Options{Case: c.q.Docket.GetCaseToken(), Open: [][]byte{contentOf(t, m)}})
	if res := c.check(t, b); res.Status != audit.OK || !strings.Contains(res.Report, "content: opened: ") || !strings.Contains(res.Report, "content: not opened") {
		t.Errorf("%v\n%s", res.Findings, res.Report)
	}
	runPython(t, c, b)
}

func TestBatchesResealsAndRefusalsAreEvidenceToo(t *testing.T) {
	c := newCourt(t)
	var batch []*forge.Message
	for range 3 {
		d := forge.Request(rogatoryv1.Urgency_URGENCY_NORMAL)
		d.CaseToken = c.NewToken("RS")
		batch = append(batch, c.Draft("RS", "BG", d, forge.First))
	}
	c.Submit(forge.Second, batch...)
	c.Reseal(batch[1])
	c.Deliver(batch[0], batch[1])
	c.Reject("commitment", batch[2])
	c.Receipt(batch...)
	for i, want := range []string{"logged that it arrived", "another attempt", "refused it for good"} {
		for _, peer := range []string{"", "BG"} {
			b := c.make(t, "RS", peer, evidence.Options{Msg: translog.Hash(batch[i].Name)})
			if res := c.check(t, b); res.Status != audit.OK || !strings.Contains(res.Report, want) {
				t.Errorf("message %d: %v\n%s", i, res.Findings, res.Report)
			}
			runPython(t, c, b)
		}
	}
}

func TestUnknownNamesAndForeignContentsAreRefused(t *testing.T) {
	c := newCourt(t)
	for _, x := range []struct {
		o    evidence.Options
		want error
	}{
		{evidence.Options{Msg: translog.Hash{1}}, evidence.ErrNotFound},
		{evidence.Options{Case: "RS-1999-000001"}, evidence.ErrNotFound},
		{evidence.Options{Msg: translog.Hash(c.q.Name), Open: [][]byte{make([]byte, 40)}}, evidence.ErrOpening},
		{evidence.Options{Msg: translog.Hash(c.q.Name), Open: [][]byte{{1}}}, evidence.ErrOpening},
	} {
		if _, _, err := evidence.Make(context.Background(), c.a, c.open(t, "RS"), nil, x.o); !errors.Is(err, x.want) {
			t.Errorf("%v, want %v", err, x.want)
		}
	}
	if _, _, err := evidence.Make(context.Background(), c.a, c.open(t, "RS"), c.open(t, "RS"), evidence.Options{Msg: translog.Hash(c.q.Name)}); !errors.Is(err, evidence.ErrPeer) {
		t.Error(err)
	}
	if _, err := evidence.Check([]byte("PK\x03\x04"), c.a); !errors.Is(err, evidence.ErrForm) {
		t.Error(err)
	}
}

func TestAnotherFederationsDirectoryProvesNothing(t *testing.T) {
	c := newCourt(t)
	b := c.make(t, "RS", "BG", evidence.Options{Msg: translog.Hash(c.q.Name)})
	w := forge.New(t, "BG", "RS")
	a, err := audit.NewAnchor([][]byte{w.Trusted()})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := evidence.Check(b, a); err != nil || res.Status != audit.Findings {
		t.Errorf("%v %+v", err, res)
	}
}

func TestANewerDirectoryChecksOlderEvidence(t *testing.T) {
	c := newCourt(t)
	full := c.make(t, "RS", "BG", evidence.Options{Msg: translog.Hash(c.q.Name)})
	small := c.make(t, "RS", "BG", evidence.Options{Msg: translog.Hash(c.q.Name), Small: true})
	c.Now += 1000
	draft := c.Directories[0].Proto()
	draft.Tzdata = "2026b"
	c.NextDirectory(draft)
	a, err := audit.NewAnchor([][]byte{c.Trusted()})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{full, small} {
		if res, err := evidence.Check(b, a); err != nil || res.Status != audit.OK {
			t.Errorf("%v %v", err, res.Findings)
		}
	}
}

// unzipped writes the files of evidence with the program of the system, as a court does.
func unzipped(t *testing.T, b []byte) (folder string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "EVD.asice")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(dir, "evd")
	program := []string{"unzip", "-q", file, "-d", folder}
	if _, err := exec.LookPath("unzip"); err != nil {
		program = []string{"python3", "-m", "zipfile", "-e", file, folder}
	}
	if out, err := exec.Command(program[0], program[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", program, err, out)
	}
	return folder
}

func trusted(t *testing.T, c *court) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "directory")
	if err := os.WriteFile(file, c.Trusted(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func has(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not here", p)
		}
	}
}

func runPython(t *testing.T, c *court, b []byte) {
	t.Helper()
	has(t, "python3")
	file := filepath.Join(t.TempDir(), "EVD.asice")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-B", filepath.Join("program", "check.py"), file, "--directory", trusted(t, c))
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "HOLDS") {
		t.Errorf("check.py: %v\n%s", err, out)
	}
}

func TestOpensslAndPythonConfirmTheEvidence(t *testing.T) {
	has(t, "openssl", "sh", "python3")
	c := newCourt(t)
	b := c.make(t, "RS", "BG", evidence.Options{Msg: translog.Hash(c.q.Name)})
	folder, directory := unzipped(t, b), trusted(t, c)
	out, err := exec.Command("sh", filepath.Join(folder, "VERIFY.sh"), directory).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "RESULT ok") || strings.Contains(string(out), "FAIL") || !strings.Contains(string(out), "HOLDS") {
		t.Errorf("VERIFY.sh: %v\n%s", err, out)
	}
	if n := strings.Count(string(out), "OK  "); n < 8 {
		t.Errorf("VERIFY.sh checked %d things\n%s", n, out)
	}
	for _, file := range []string{"messages/0001/RS.leaf", "messages/0001/RS.tlog-proof", "messages/0001/signature.bin", "messages/0001/message.bin"} {
		path := filepath.Join(folder, file)
		honest, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(honest)
		at := len(bad) - 40
		if filepath.Ext(file) == ".tlog-proof" {
			at = 60 // in the leaf; what stands last is ML-DSA, which openssl does not see
		}
		bad[at] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		out, status := verifyScript(t, folder, nil) // openssl alone
		if status != 1 || !strings.HasSuffix(out, "RESULT FAILED\n") {
			t.Errorf("%s was changed:\n%s", file, out)
		}
		if err := os.WriteFile(path, honest, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// verifyScript runs VERIFY.sh and returns what it prints and its exit status.
func verifyScript(t *testing.T, folder string, environment []string, args ...string) (string, int) {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(sh, append([]string{filepath.Join(folder, "VERIFY.sh")}, args...)...)
	cmd.Env = append(os.Environ(), environment...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestTheScriptIsIncompleteUntilTheKeysAreLedBackToADirectory(t *testing.T) {
	has(t, "openssl", "sh", "python3")
	c := newCourt(t)
	b := c.make(t, "RS", "BG", evidence.Options{Msg: translog.Hash(c.q.Name), Small: true})
	folder, directory := unzipped(t, b), trusted(t, c)
	bare := t.TempDir() // a PATH without python3 and rogatory-audit
	for _, name := range []string{"openssl", "sed", "cat", "cmp", "mktemp", "rm", "mv", "tr", "tail", "head", "grep", "dirname"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("%s is not here", name)
		}
		if err := os.Symlink(path, filepath.Join(bare, name)); err != nil {
			t.Fatal(err)
		}
	}
	empty := t.TempDir()
	for _, x := range []struct {
		name   string
		path   string
		args   []string
		status int
		says   string
	}{
		{"all is there", "", []string{directory}, 0, "RESULT ok"},
		{"no directory", "", nil, 3, "give the directory"},
		{"no checker", bare, []string{directory}, 3, "install Python"},
		{"no such directory", "", []string{filepath.Join(empty, "none")}, 2, "usage: "},
		{"two directories", "", []string{directory, directory}, 2, "usage: "},
	} {
		var environment []string
		if x.path != "" {
			environment = []string{"PATH=" + x.path}
		}
		out, status := verifyScript(t, folder, environment, x.args...)
		if status != x.status || !strings.Contains(out, x.says) || strings.Contains(out, "FAIL") {
			t.Errorf("%s: status %d, want %d\n%s", x.name, status, x.status, out)
		}
		if last := strings.Contains(out, "RESULT INCOMPLETE\n"); last != (x.status == 3) {
			t.Errorf("%s: status %d\n%s", x.name, status, out)
		}
	}
}

func TestTheProgramInTheEvidencePassesItsOwnTest(t *testing.T) {
	has(t, "python3")
	c := newCourt(t)
	b := c.make(t, "RS", "BG", evidence.Options{Msg: translog.Hash(c.q.Name), Small: true})
	folder := unzipped(t, b)
	cmd := exec.Command("python3", "-B", "check_test.py", trusted(t, c))
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAnUrgentRequestIsToldInTheReadersLanguage(t *testing.T) {
	c := newCourt(t)
	d := forge.Request(rogatoryv1.Urgency_URGENCY_THREAT_LIFE)
	d.CaseToken = c.NewToken("RS")
	m := c.Send("RS", "BG", d)
	b := c.make(t, "RS", "", evidence.Options{Msg: translog.Hash(m.Name), Language: "en-GB"})
	if res := c.check(t, b); res.Status != audit.OK || !strings.Contains(res.Report, "urgency: imminent threat to life or limb") {
		t.Errorf("%v\n%s", res.Findings, res.Report)
	}
}

func FuzzCheck(f *testing.F) {
	w := forge.New(f, "BG", "RS")
	m := w.Ask("RS", "BG")
	w.Round()
	a, err := audit.NewAnchor([][]byte{w.Trusted()})
	if err != nil {
		f.Fatal(err)
	}
	r, err := archive.Open(w.Archive("RS", filepath.Join(f.TempDir(), "RS")))
	if err != nil {
		f.Fatal(err)
	}
	defer r.Close()
	b, _, err := evidence.Make(context.Background(), a, r, nil, evidence.Options{Msg: translog.Hash(m.Name), Small: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, 100, byte(1))
	f.Add(b[:len(b)/2], 0, byte(0))
	f.Add([]byte("PK\x03\x04"), 0, byte(0))
	f.Fuzz(func(t *testing.T, x []byte, at int, flip byte) {
		x = bytes.Clone(x)
		if at >= 0 && at < len(x) {
			x[at] ^= flip
		}
		if res, err := evidence.Check(x, a); err == nil && res.Status == audit.OK && !bytes.Equal(x, b) {
			t.Errorf("%d bytes hold", len(x))
		}
	})
}

// After a recovery a country has several logs; who gives the wrong one is told which is right.
func TestEvidenceOverTheWrongLogNamesTheRightOne(t *testing.T) {
	c := newCourt(t)
	rs := c.Country("RS")
	c.Recover("RS", rs.Log.Size())
	c.Sleep(time.Hour)
	c.Round()
	first, err := archive.Open(c.ArchiveOf(rs, rs.Closed[0], filepath.Join(t.TempDir(), "1")))
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, bg := c.open(t, "RS"), c.open(t, "BG")
	one, two := "rogatory.example/RS/log/1", "rogatory.example/RS/log/2"
	for _, x := range []struct {
		own, peer *archive.Reader
		token     string
		sought    string
		other     string
	}{
		{first, nil, "RS-2026-10000001", one, two}, // by its number
		{first, bg, "RS-2026-10000001", one, two},
		{first, bg, "BG-2026-000007", one, two}, // BG knows of the second
		{second, nil, "RS-2026-000777", two, one},
		{second, nil, "BG-2026-000007", two, one}, // its genesis names the first
		{bg, nil, "RS-2026-10000001", "rogatory.example/BG/log/1", ""},
	} {
		var missing *evidence.NotFoundError
		_, _, err := evidence.Make(context.Background(), c.a, x.own, x.peer, evidence.Options{Case: x.token})
		if !errors.As(err, &missing) || !errors.Is(err, evidence.ErrNotFound) {
			t.Fatalf("%s: %v", x.token, err)
		}
		if missing.Log != x.sought || missing.Other != x.other || !strings.Contains(err.Error(), x.sought) {
			t.Errorf("%s: sought in %s, other %q, want %s, %q; %v", x.token, missing.Log, missing.Other, x.sought, x.other, err)
		}
	}
	if got := evidence.Later(c.a, first, bg); got != two {
		t.Errorf("log 1 goes on in %q", got)
	}
	if got := evidence.Later(c.a, second, bg, nil); got != "" {
		t.Errorf("the newest log goes on in %q", got)
	}
}
