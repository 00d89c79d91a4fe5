package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
)

const (
	auditProgram = "rogatory-audit"
	auditPackage = "./node/cmd/" + auditProgram
	forgedFolder = "forged"
	evidenceFile = "evidence.asice"
)

var (
	errForeignTree = errors.New("rogatory-audit is built in the checkout that the demo runs in")
	errUnexpected  = errors.New("the auditor says otherwise than the story")
	errNoReading   = errors.New("no reading stands in the log")
)

// audit takes the part of an auditor, who has nothing but what export has left: each step is a command to repeat.
func (d *demo) audit(ctx context.Context, p *player) error {
	asker, peer, token := d.pair("RS", "IT"), d.pair("IT", "RS"), ""
	for _, c := range p.cases {
		if c.asker == asker.country && c.peer == peer.country {
			token = c.token
			break
		}
	}
	d.out.title("The auditor, who trusts nobody")
	d.out.say("He has no network, no database and no account: a folder of each country's log, and the directory that all members signed.")
	a := &auditor{demo: d, program: filepath.Join(d.cluster.dir, hubFolder, auditProgram)}
	if err := a.build(ctx); err != nil {
		return err
	}
	export := func(m *member) string { return filepath.Join(d.cluster.dir, exportFolder, m.country) }
	scenes := []scene{
		{"Is the log whole, signed, witnessed and in order?", noFinding, []string{"verify", export(asker)}},
		{"", noFinding, []string{"verify", export(peer)}},
		{"Was every step lawful, and was every limit right?", noFinding, []string{"replay", export(asker)}},
		{"Do two countries tell the same story?", noFinding, []string{"reconcile", export(asker), export(peer)}},
	}
	if token != "" {
		out := filepath.Join(d.cluster.dir, evidenceFile)
		if err := os.RemoveAll(out); err != nil {
			return err
		}
		scenes = append(scenes,
			scene{"A court asks for one case: a file that proves itself, and says nothing of other cases.", noFinding, []string{"evidence", export(asker), export(peer), "--case", token, "--out", out}},
			scene{"", noFinding, []string{"check", out}})
	}
	forged := filepath.Join(d.cluster.dir, forgedFolder, peer.country)
	lie, err := peer.forge(export(peer), forged)
	if err != nil {
		return fmt.Errorf("forging: %w", err)
	}
	scenes = append(scenes,
		scene{"The operator of " + peer.country + " holds all keys of its node. " + lie + " The whole log is signed anew.", notClean, []string{"verify", forged}},
		scene{"", answerIsNo, []string{"replay", forged}},
		scene{"", notClean, []string{"reconcile", forged, export(asker)}})
	for _, s := range scenes {
		if err := a.play(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

const (
	// notClean is answerIsNo, or unknown: how much of a lie shows from outside hangs on what peers had seen before it.
	notClean = -1
	// noFinding is done, or unknown: two exports never end at one moment, and the end of one may hold what the other has not yet, or what
	// no peer has witnessed yet.
	noFinding = -2
)

// A scene is a question, a command, and the exit status with which it ends.
type scene struct {
	text   string
	status int
	args   []string
}

// An auditor runs the auditor's program.
type auditor struct {
	demo    *demo
	program string
}

// build builds the program, once.
func (a *auditor) build(ctx context.Context) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("%w: %w", errForeignTree, err)
	}
	c := exec.CommandContext(ctx, "go", "build", "-o", a.program, auditPackage)
	c.Dir = strings.TrimSpace(string(root))
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %w: %s", errForeignTree, err, out)
	}
	return nil
}

// play runs one command and shows it with what it says.
func (a *auditor) play(ctx context.Context, s scene) error {
	if s.text != "" {
		a.demo.out.say(s.text)
	}
	args := append(s.args, "--directory", filepath.Join(a.demo.cluster.dir, directoryFile))
	words := make([]string, len(args))
	for i, w := range args {
		words[i] = shell(w)
	}
	a.demo.out.printf("  %s\n", a.demo.out.paint(bold, "go run "+auditPackage+" "+strings.Join(words, " ")))
	c := exec.CommandContext(ctx, a.program, args...)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	for _, line := range brief(said.String()) {
		a.demo.out.printf("    %s\n", a.demo.out.paint(dim, clean(line)))
	}
	got := c.ProcessState.ExitCode()
	fits := got == s.status || s.status == notClean && (got == answerIsNo || got == unknown) || s.status == noFinding && (got == done || got == unknown)
	if !fits {
		return fmt.Errorf("%s: exit status %d: %w", strings.Join(words, " "), got, errUnexpected)
	}
	return nil
}

// mostLines is how much of what a command says is shown.
const mostLines = 8

// brief returns what a command says, the middle left out when it is long.
func brief(said string) []string {
	lines := strings.Split(strings.TrimRight(said, "\n"), "\n")
	if len(lines) <= mostLines {
		return lines
	}
	cut := len(lines) - mostLines + 1
	return append(append(lines[:mostLines-2:mostLines-2], fmt.Sprintf("… %d more lines", cut)), lines[len(lines)-1])
}

// forge writes the archive anew as an operator would who wants to hide which officer has read a case, and who holds all keys of the node. It
// says what the lie is.
func (m *member) forge(from, to string) (lie string, err error) {
	r, err := archive.Open(from)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	ring, err := keyring.OpenRing(m.cfg.RingFile(), keyring.Plain())
	if err != nil {
		return "", err
	}
	signer, err := translog.NewLogSigner(r.Info().Log, ring.Log().Ed25519.Bytes(), ring.Log().MLDSA44.Bytes())
	if err != nil {
		return "", err
	}
	if err := os.RemoveAll(to); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", err
	}
	w, err := archive.Create(to, r.Info())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	root, lie, err := rewrite(r, w)
	if err != nil {
		return "", err
	}
	info := r.Info()
	info.Root = root
	note, err := translog.SignCheckpoint(translog.Checkpoint{Origin: info.Log, Size: info.Size, Root: info.Root}, signer)
	if err != nil {
		return "", err
	}
	return lie, w.Finish(info, note, signer.Verifier())
}

// rewrite copies an archive, with another officer's pseudonym in the first reading.
func rewrite(r *archive.Reader, w *archive.Writer) (root translog.Hash, lie string, err error) {
	var edge translog.Edge
	var entries []archive.Entry
	for n := range r.Tiles() {
		if entries, err = r.Tile(n, entries); err != nil {
			return root, "", err
		}
		for _, e := range entries {
			leaf, err := translog.ParseLeaf(e.Leaf)
			if err != nil {
				return root, "", err
			}
			if op, ok := leaf.Entry.(*translog.Op); ok && lie == "" && op.Verb == translog.Consult && !op.Assertion.IsZero() {
				lie = fmt.Sprintf("Entry %d, where %s reads a case, now says that somebody else did.", e.Index, op.Who)
				op.Who += "-x"
				if e.Leaf, err = translog.Marshal(leaf.At, leaf.Index, op); err != nil {
					return root, "", err
				}
			}
			if _, err := edge.Append(nil, translog.LeafHash(e.Leaf)); err != nil {
				return root, "", err
			}
			if err := w.Add(e); err != nil {
				return root, "", err
			}
		}
	}
	if lie == "" {
		return root, "", errNoReading
	}
	for _, v := range r.Directories() {
		b, err := r.Directory(v)
		if err != nil {
			return root, "", err
		}
		if err := w.PutDirectory(v, b); err != nil {
			return root, "", err
		}
	}
	for _, digest := range r.Manifests() {
		b, err := r.Manifest(digest)
		if err != nil {
			return root, "", err
		}
		if err := w.PutManifest(digest, b); err != nil {
			return root, "", err
		}
	}
	return edge.Root(), lie, nil
}
