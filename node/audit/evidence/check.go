package evidence

import (
	"bytes"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/node/audit"
)

// A Result is what checking an evidence file comes to.
type Result struct {
	Status   audit.Status    `json:"status"`
	About    string          `json:"about"`
	Subject  string          `json:"subject"`
	Messages int             `json:"messages"`
	Report   string          `json:"-"` // what this program says of it, for people
	Findings []audit.Finding `json:"findings,omitempty"`
}

// Check checks an evidence file by an anchor. The error wraps ErrForm where it is no such file at all; what is wrong with it is in the
// Result.
func Check(b []byte, a *audit.Anchor) (*Result, error) {
	files, err := unpack(b)
	if err != nil {
		return nil, err
	}
	x, err := parseIndex(files[indexName])
	if err != nil {
		return nil, err
	}
	f := verify(sourcesOf(files), x, a)
	f.whole(b, files)
	return f.result(), nil
}

// whole makes the file anew and finds what differs.
func (f *facts) whole(b []byte, files map[string][]byte) {
	said := maps.Clone(files)
	delete(said, mimetypeName)
	delete(said, listing)
	if again, err := pack(said); err != nil || !bytes.Equal(again, b) {
		f.note(audit.CodeCanon, listing, "digests, order or form of the zip are not as they are made")
	}
	if audit.Judge(f.findings) == audit.Findings {
		return // what follows from sources that are wrong tells nobody anything
	}
	want, err := f.files()
	if err != nil {
		f.note(audit.CodeCanon, indexName, err.Error())
		return
	}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		if _, ok := want[name]; !ok {
			f.note(audit.CodeExtra, name, "no such file belongs here")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		switch got, ok := said[name]; {
		case !ok:
			f.note(audit.CodeMissing, name, "the file is missing")
		case bytes.Equal(got, want[name]):
		case slices.Contains(worded, name):
			f.note(audit.CodeUnknown, name, "not what this program writes from the proofs: another version of it made it, or somebody has changed it; the proofs hold, read the report of this check")
		default:
			f.note(audit.CodeCanon, name, "not what follows from the proofs")
		}
	}
}

func (f *facts) result() *Result {
	list := audit.Sort(slices.Clone(f.findings))
	return &Result{
		Status: audit.Judge(list), About: f.x.About, Subject: f.x.Subject, Messages: len(f.messages), Report: f.report().text(), Findings: list,
	}
}

// worded are the files that later versions of this program may word otherwise.
var worded = []string{"VERIFY.sh", "check.py", "check_test.py", "report.html", "report.txt"}

var (
	//go:embed program/VERIFY.sh
	verifyScript []byte
	//go:embed program/check.py
	checkProgram []byte
	//go:embed program/check_test.py
	checkTest []byte
)

// files returns all files but mimetype and listing.
func (f *facts) files() (map[string][]byte, error) {
	out := maps.Clone(map[string][]byte(f.s))
	out["VERIFY.sh"], out["check.py"], out["check_test.py"] = verifyScript, checkProgram, checkTest
	for origin, v := range f.logs {
		ed, _ := v.VKeys()
		parts := strings.SplitN(ed, "+", 3) // name, identifier, key
		raw, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
		if err != nil || len(raw) != 33 {
			return nil, fmt.Errorf("key of log %s: %w", origin, ErrForm)
		}
		if out["keys/"+strings.ReplaceAll(origin, "/", "_")+".pem"], err = pemOf(raw[1:]); err != nil {
			return nil, err
		}
	}
	for _, m := range f.messages {
		for _, p := range m.halves {
			out[strings.TrimSuffix(p.name, extProof)+".leaf"] = p.raw
		}
		if m.signature {
			raw := m.key.Bytes()
			key, err := pemOf(raw[len(raw)-32:])
			if err != nil {
				return nil, err
			}
			out[m.dir+"/signer.pem"], out[m.dir+"/signed.bin"] = key, m.signed
		}
	}
	for _, p := range f.leaves {
		out[strings.TrimSuffix(p.name, extProof)+".leaf"] = p.raw
	}
	r := f.report()
	out["report.txt"] = []byte(r.text())
	html, err := r.html()
	if err != nil {
		return nil, err
	}
	out["report.html"] = html
	return out, nil
}

// pemOf returns an Ed25519 key as openssl reads it.
func pemOf(raw []byte) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(edKey(raw))
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}
