package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
)

func (p *program) checkCommand() *cobra.Command {
	var deep bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Look for every mistake before the node runs",
		Long: `check reads the configuration (every mistake with its place), opens the key ring, judges directory, certificates and permissions,
and holds the newest head of a node that does not run against its head guard. With --deep it opens the store and holds everything in it against
everything else; the node must not run meanwhile.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.load()
			var mistakes configs.Mistakes
			if p.json && errors.As(err, &mistakes) {
				for _, m := range mistakes {
					r := result{Name: "configuration", Note: m.What, Hint: m.Hint, File: m.File}
					if m.Line > 0 {
						r.Line, r.Column = m.Line, m.Column
					}
					p.printResult(r)
				}
				return &failure{wrongUsage, errSilent, ""}
			}
			if err != nil {
				return err
			}
			return p.check(c.Context(), cfg, deep)
		},
	}
	c.Flags().BoolVar(&deep, "deep", false, "also check the whole store")
	return c
}

// result is one line of a check.
type result struct {
	Name string `json:"check"`
	OK   bool   `json:"ok"`
	Note string `json:"note,omitempty"`
	Hint string `json:"hint,omitempty"`
	// Where a mistake in the configuration stands, from 1; 0 for no place.
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

func (p *program) check(ctx context.Context, cfg *configs.Node, deep bool) error {
	worst := done
	say := func(name, note string, err error) {
		r := result{Name: name, OK: err == nil, Note: note}
		if err != nil {
			f := explain(err)
			r.Note, r.Hint = f.err.Error(), f.hint
			worst = max(worst, answerIsNo)
			if f.status == unknown && !errors.Is(err, fs.ErrNotExist) {
				worst = max(worst, f.status)
			}
		}
		p.printResult(r)
	}
	say("configuration", cfg.File, nil)
	say("data", cfg.Data, errors.Join(privateFolder(cfg.Data), lostStore(cfg)))
	say("guard", cfg.Guard, guardPlace(cfg))
	note, err := checkHead(cfg)
	say("head", note, err)
	ring, err := p.ring(cfg)
	say("key ring", cfg.RingFile(), err)
	if ring != nil {
		say("units", fmt.Sprintf("%d with a key", len(ring.Units())), unitKeys(cfg, ring))
		_, err := ring.OpenSealing(cfg.SealingFile())
		say("sealing keys", cfg.SealingFile(), err)
	}
	say("contacts", contacts(cfg), nil)
	say("founders", foundersHere(cfg), nil)
	note, err = checkDirectory(cfg, ring)
	say("directory", note, err)
	if cfg.NATS.Insecure {
		say("backbone", "without TLS: for tests and demonstrations", nil)
	} else {
		note, err := certificate(cfg.NATS.Cert, cfg.NATS.Key, cfg.NATS.CA)
		say("backbone certificate", note, err)
	}
	if cfg.Listen.Address != "" {
		note, err := certificate(cfg.Listen.Cert, cfg.Listen.Key, cfg.Listen.ClientCA)
		say("server certificate", note, err)
	}
	if deep && ring != nil {
		note, err := deepCheck(ctx, cfg, ring)
		say("store", note, err)
	}
	if worst != done {
		return &failure{worst, errSilent, ""}
	}
	return nil
}

func (p *program) printResult(r result) {
	if p.json {
		_ = p.out.Value(r)
		return
	}
	mark := p.out.Paint(terminal.Green, "ok")
	if !r.OK {
		mark = p.out.Paint(terminal.Red, "NO")
	}
	p.out.Printf("%s  %-20s  %s\n", mark, r.Name, r.Note)
	if r.Hint != "" {
		p.out.Printf("    %-20s  hint: %s\n", "", r.Hint)
	}
}

// privateFolder says whether a folder is there and closed to others.
func privateFolder(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// The node makes it.
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return no(fmt.Errorf("%s is not a folder", path), "name a folder")
	case info.Mode().Perm()&0o077 != 0:
		return no(fmt.Errorf("%s has mode %04o", path, info.Mode().Perm()), "run chmod 700 on it: nobody else has any business there")
	}
	return nil
}

// lostStore says that a guard remembers a log whose store is gone: the node would refuse to start, and leave an empty store behind.
func lostStore(cfg *configs.Node) error {
	if exists(cfg.MainDB()) || !exists(cfg.Guard) {
		return nil
	}
	return no(fmt.Errorf("%s is gone, and %s remembers its log", cfg.MainDB(), cfg.Guard), "put the newest copy back: rogatory-node restore FOLDER")
}

func guardPlace(cfg *configs.Node) error {
	folder := filepath.Dir(cfg.Guard)
	info, err := os.Stat(folder)
	if err != nil {
		return no(err, "make the folder, best on another disk than data")
	}
	if !info.IsDir() {
		return no(fmt.Errorf("%s is not a folder", folder), "name a file in a folder that exists")
	}
	return nil
}

// checkHead holds the newest head of a node that does not run against its guard, and says what peers have shown it of a later one.
func checkHead(cfg *configs.Node) (note string, err error) {
	if !exists(cfg.MainDB()) {
		return "no store yet: the node makes it at its first start", nil
	}
	why := ""
	lost, err := store.Look(node.StoreOptions(cfg, nil), func(r *store.Reader, log store.Log) error {
		note, why = fmt.Sprintf("%d leaves of %s", log.Size, log.Origin), r.RollbackNoted()
		return nil
	})
	switch {
	case errors.Is(err, store.ErrLocked):
		return "the node runs: it holds its store against the guard itself", nil
	case errors.Is(err, fs.ErrNotExist) && !exists(filepath.Join(cfg.Data, "keys.db")):
		return "", fmt.Errorf("%s: %w", cfg.Data, store.ErrKeysMissing)
	case err != nil:
		return "", err
	case lost != nil:
		return "", lost
	case why != "":
		return "", fmt.Errorf("at its last run: %s: %w", why, store.ErrRollback)
	case !exists(cfg.Guard):
		return note + "; without a guard the node asks its peers how far it had come", nil
	}
	return note + "; the guard knows of no more", nil
}

// stopped returns store.ErrLocked while the node runs.
func stopped(cfg *configs.Node) error {
	if !exists(cfg.MainDB()) {
		return nil
	}
	if _, err := store.Look(node.StoreOptions(cfg, nil), func(*store.Reader, store.Log) error { return nil }); errors.Is(err, store.ErrLocked) {
		return err
	}
	return nil // what else is wrong with it, check says
}

func unitKeys(cfg *configs.Node, ring *keyring.Ring) error {
	for _, u := range cfg.Units {
		if _, ok := ring.UnitKey(u.Name); !ok {
			return no(fmt.Errorf("unit %s has no key in the ring", u.Name), "rogatory-node unit key "+u.Name+" makes one")
		}
	}
	return nil
}

// contacts says who speaks for the units.
func contacts(cfg *configs.Node) string {
	var without []string
	for _, u := range cfg.Units {
		if u.Contact.Name == "" || u.Contact.Phone == "" {
			without = append(without, u.Name)
		}
	}
	if len(without) == 0 {
		return "every unit has a name and a telephone"
	}
	return "none for " + strings.Join(without, ", ") + ": there every message names its sender itself"
}

// foundersHere says whether key files of officers still lie beside the configuration.
func foundersHere(cfg *configs.Node) string {
	keys, err := filepath.Glob(filepath.Join(filepath.Dir(cfg.File), setup.PeopleFolder, "*.key"))
	if err != nil || len(keys) == 0 {
		return "no officer's key lies here"
	}
	return fmt.Sprintf("%d officers' keys still lie in %s: hand them to their people", len(keys), filepath.Dir(keys[0]))
}

// checkDirectory says whether the directory in force names this node with its keys.
func checkDirectory(cfg *configs.Node, ring *keyring.Ring) (string, error) {
	if !exists(cfg.Directory) {
		return "", no(fmt.Errorf("%s is not there", cfg.Directory), "rogatory-node directory take FILE puts a signed one there")
	}
	d, err := readTaken(cfg)
	if err != nil {
		return "", err
	}
	if d.Federation() != cfg.Federation {
		return "", no(fmt.Errorf("the directory is of %s, the configuration of %s", d.Federation(), cfg.Federation), "take the right directory, or correct federation in the configuration")
	}
	m, err := d.Member(cfg.Country)
	if err != nil {
		return "", err
	}
	if ring != nil && !knows(ring, m) {
		return "", no(fmt.Errorf("the directory names another root key for %s than the ring holds", cfg.Country), hintOpposite)
	}
	note := fmt.Sprintf("version %d, %d members, until %s", d.Version(), len(d.Members()), moment(d.Proto().GetValidUntilMs()))
	return note, d.ValidAt(time.Now())
}

// knows reports whether the ring holds a key that the member's root key is, or leads to.
func knows(ring *keyring.Ring, m *federation.Member) bool {
	ids := ring.Identities(time.Now())
	for _, id := range ids {
		if id.Key.Public().Equal(m.RootKey()) {
			return true
		}
	}
	// After rotations the root key may be gone; the chain of endorsements is the manifest's to prove.
	return len(ids) > 0 && len(ids[len(ids)-1].Endorsement) > 0
}

// certificate says until when a certificate is good, and that its key and authority belong to it.
func certificate(cert, key, ca string) (string, error) {
	if !exists(cert) {
		return "", no(fmt.Errorf("%s is not there", cert), "it comes from who signs the request beside it; the backbone's, with nats-ca.pem, from the hub's operator")
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return "", no(err, "the certificate and its key stand where the configuration says, and belong together")
	}
	if info, err := os.Stat(key); err == nil && info.Mode().Perm()&0o077 != 0 {
		return "", no(fmt.Errorf("%s has mode %04o", key, info.Mode().Perm()), "run chmod 600 on it")
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return "", no(err, "the authority's certificate comes from who signed yours")
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		return "", no(fmt.Errorf("%s holds no certificate", ca), "give a PEM file")
	}
	left := time.Until(pair.Leaf.NotAfter)
	if left <= 0 {
		return "", no(fmt.Errorf("%s ended on %s", cert, pair.Leaf.NotAfter.Format(time.DateOnly)), "have it renewed")
	}
	return fmt.Sprintf("%s, good for %s", cert, span(left)), nil
}

func deepCheck(ctx context.Context, cfg *configs.Node, ring *keyring.Ring) (string, error) {
	if !exists(cfg.MainDB()) {
		return "no store yet: the node makes it at its first start", nil
	}
	s, err := store.Open(node.StoreOptions(cfg, ring))
	if err != nil {
		return "", err
	}
	err = s.Check(ctx)
	return cfg.MainDB(), errors.Join(err, s.Close())
}
