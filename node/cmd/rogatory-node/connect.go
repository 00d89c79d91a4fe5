package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/internal/input"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
)

// load reads the configuration that the flags name.
func (p *program) load() (*configs.Node, error) {
	cfg, err := configs.Load(p.configFile())
	if err != nil {
		var mistakes configs.Mistakes
		if errors.As(err, &mistakes) {
			return nil, err
		}
		if errors.Is(err, fs.ErrPermission) {
			return nil, unsure(err, "run it as the user of the node")
		}
		return nil, unsure(err, hintWhere)
	}
	return cfg, nil
}

func (p *program) configFile() string {
	if p.configPath != "" {
		return p.configPath
	}
	return filepath.Join(p.dir, setup.ConfigFile)
}

// dial connects to the node for calls that nobody signs.
func (p *program) dial() (*client.Client, error) { return p.connect(nil) }

// dialAs connects for the officer that --as names.
func (p *program) dialAs() (*client.Client, error) {
	if p.as == "" {
		return nil, client.ErrNoOfficer
	}
	officer, err := p.officer(p.as)
	if err != nil {
		return nil, err
	}
	return p.connect(officer)
}

func (p *program) connect(officer *client.Officer) (*client.Client, error) {
	o := client.Options{
		Socket: p.socket, Address: p.address, CA: p.ca, Cert: p.cert, Key: p.key,
		Officer: officer, Language: p.lang(),
	}
	if o.Address != "" {
		if o.CA == "" || o.Cert == "" || o.Key == "" {
			return nil, usage(errors.New("--address takes --ca, --cert and --key as well"), "rogatory-node certificate NAME writes certificate and key; --ca is ca.pem of the node's folder tls")
		}
		o.Socket = ""
	} else if o.Socket == "" {
		cfg, err := p.load()
		if err != nil {
			return nil, err
		}
		o.Socket = cfg.Socket
	}
	return client.Dial(o)
}

// within gives a call the time that --timeout allows.
func (p *program) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Duration(p.timeout))
}

// officer opens an officer's key file: as it is when it has no passphrase, else with ROGATORY_OFFICER_PASSPHRASE or by asking.
func (p *program) officer(path string) (*client.Officer, error) {
	if f, err := input.Stream(path); err != nil {
		return nil, err
	} else if err := f.Close(); err != nil {
		return nil, err
	}
	o, err := client.OpenOfficer(path, keyring.Plain())
	if !errors.Is(err, keyring.ErrPassphraseNeeded) {
		return o, p.keyError(err)
	}
	passphrase, err := p.passphrase("ROGATORY_OFFICER_PASSPHRASE", "", "Passphrase of "+path)
	if err != nil {
		return nil, err
	}
	o, err = client.OpenOfficer(path, keyring.WithPassphrase(passphrase))
	return o, p.keyError(err)
}

// ring opens the node's key ring.
func (p *program) ring(cfg *configs.Node) (*keyring.Ring, error) {
	lock, err := p.ringLock(cfg)
	if err != nil {
		return nil, err
	}
	r, err := keyring.OpenRing(cfg.RingFile(), lock)
	return r, p.keyError(err)
}

func (p *program) ringLock(cfg *configs.Node) (keyring.Lock, error) {
	if cfg.Keys.Insecure {
		return keyring.Plain(), nil
	}
	file := p.passphraseFile
	if file == "" {
		file = cfg.Keys.PassphraseFile
	}
	passphrase, err := p.passphrase("ROGATORY_PASSPHRASE", file, "Passphrase of the key ring")
	if err != nil {
		return keyring.Lock{}, err
	}
	return keyring.WithPassphrase(passphrase), nil
}

// keyError says no for a key that does not open: the passphrase is wrong, the file is open to others, damaged or missing.
func (p *program) keyError(err error) error {
	if err == nil {
		return nil
	}
	if hint := keyring.Hint(err); hint != "" {
		return no(err, hint)
	}
	var path *fs.PathError
	if errors.As(err, &path) && filepath.Base(path.Path) == keyring.RingFile && errors.Is(err, fs.ErrNotExist) {
		return unsure(err, "the key ring lies where the configuration says, under keys: put its copy from the safe there; without it the node is no more")
	}
	return err
}

// passphrase comes from a file, else from the environment, else from the terminal.
func (p *program) passphrase(env, file, prompt string) (string, error) {
	if file != "" {
		return readPassphrase(file)
	}
	if v, ok := os.LookupEnv(env); ok {
		return v, nil
	}
	return p.ask(prompt, env)
}

// newPassphrase asks twice on a terminal.
func (p *program) newPassphrase(env, file, prompt string) (string, error) {
	if _, set := os.LookupEnv(env); set || file != "" {
		return p.passphrase(env, file, prompt)
	}
	first, err := p.ask("New "+prompt, env)
	if err != nil {
		return "", err
	}
	if first == "" {
		return "", usage(keyring.ErrLock, "type a passphrase, or add --insecure-no-passphrase for a test")
	}
	again, err := p.ask("The same again", env)
	if err != nil {
		return "", err
	}
	if first != again {
		return "", usage(errors.New("the two passphrases differ"), "try again; nothing was made")
	}
	return first, nil
}

func (p *program) ask(prompt, env string) (string, error) {
	f, ok := p.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		hint := fmt.Sprintf("set %s, or run it on a terminal", env)
		if env == "ROGATORY_PASSPHRASE" {
			hint += "; for a test node: init --insecure-no-passphrase"
		}
		return "", usage(keyring.ErrPassphraseNeeded, hint)
	}
	p.err.Printf("%s: ", prompt)
	b, err := term.ReadPassword(int(f.Fd()))
	p.err.Printf("\n")
	if err != nil {
		return "", fmt.Errorf("reading the passphrase: %w", err)
	}
	return string(b), nil
}

// readPassphrase reads the first line of a file that nobody else may read.
func readPassphrase(path string) (string, error) {
	f, err := input.Stream(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	// systemd keeps credentials in memory for the service alone, and shows its access list as a group's right.
	credential := os.Getenv("CREDENTIALS_DIRECTORY") != "" && filepath.Dir(path) == filepath.Clean(os.Getenv("CREDENTIALS_DIRECTORY"))
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 && !credential {
		return "", no(fmt.Errorf("%s has mode %04o: %w", path, info.Mode().Perm(), keyring.ErrExposed), "run chmod 600 on it; if others may have read it, change the passphrase")
	}
	line, err := bufio.NewReader(io.LimitReader(f, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// confirmed asks yes or no on a terminal; elsewhere --yes is needed.
func (p *program) confirmed(yes bool, question string) error {
	if yes {
		return nil
	}
	f, ok := p.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return usage(errors.New("somebody has to say yes"), "look at what is shown, then add --yes")
	}
	p.err.Printf("%s [y/N] ", question)
	line, err := bufio.NewReader(io.LimitReader(f, 64)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return no(errors.New("not done"), "")
}
