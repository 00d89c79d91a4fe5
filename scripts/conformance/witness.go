package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/mod/sumdb/note"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

const witnessName = "witness.example/conformance"

// cosign lets litewitness, a C2SP witness, cosign the checkpoint over HTTP, and checks what it signed. The witness keeps its key in an
// ssh-agent: ours has just that key.
func cosign(ctx context.Context, a *archive) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "witness")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	key, err := serveAgent(filepath.Join(dir, "agent"))
	if err != nil {
		return err
	}
	db := filepath.Join(dir, "db")
	address, err := freeAddress()
	if err != nil {
		return err
	}
	program := filepath.Join(dir, "litewitness")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "filippo.io/torchwood/cmd/litewitness").CombinedOutput(); err != nil {
		return fmt.Errorf("building litewitness: %w: %s", err, out)
	}
	c := exec.CommandContext(ctx, program, "-name", witnessName, "-db", db, "-ssh-agent", filepath.Join(dir, "agent"),
		"-key", ssh.FingerprintSHA256(key), "-listen", address)
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, c.Process.Signal(os.Interrupt))
		_ = c.Wait() // it is told to end
	}()
	url := "http://" + address
	if _, err := ask(ctx, http.MethodGet, url+"/", ""); err != nil {
		return fmt.Errorf("%w: %s", err, said.String())
	}
	if err := introduce(db, a); err != nil {
		return err
	}
	line, err := ask(ctx, http.MethodPost, url+"/add-checkpoint", "old 0\n\n"+a.own())
	if err != nil {
		return fmt.Errorf("%w: %s", err, said.String())
	}
	v, err := torchwood.NewCosignatureVerifier(witnessKey(key.(ssh.CryptoPublicKey).CryptoPublicKey().(ed25519.PublicKey)))
	if err != nil {
		return err
	}
	_, err = note.Open([]byte(a.own()+line), note.VerifierList(v))
	return err
}

// introduce tells the witness of the log, in its database as its operator's program does.
func introduce(db string, a *archive) (err error) {
	c, err := sqlite.OpenConn(db, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	empty := sha256.Sum256(nil)
	if err := sqlitex.Execute(c, "INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)",
		&sqlitex.ExecOptions{Args: []any{a.origin, base64.StdEncoding.EncodeToString(empty[:])}}); err != nil {
		return err
	}
	return sqlitex.Execute(c, "INSERT INTO key (origin, key) VALUES (?, ?)", &sqlitex.ExecOptions{Args: []any{a.origin, a.ed}})
}

// ask calls the witness, again until it listens.
func ask(ctx context.Context, method, url, body string) (string, error) {
	for {
		request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		if err != nil {
			return "", err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			select {
			case <-ctx.Done():
				return "", err
			case <-time.After(50 * time.Millisecond):
				continue
			}
		}
		b, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			return "", err
		}
		if answer.StatusCode != http.StatusOK {
			return "", fmt.Errorf("%s: %s: %s", url, answer.Status, b)
		}
		return string(b), nil
	}
}

// serveAgent makes a key and serves it to whoever connects to the socket.
func serveAgent(path string) (ssh.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, c) }() // until the witness hangs up
		}
	}()
	return ssh.NewPublicKey(public)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// witnessKey is the text form of a witness's key: name, key id, and the type 0x04 with the key.
func witnessKey(public ed25519.PublicKey) string {
	raw := append([]byte{4}, public...)
	id := sha256.Sum256(append([]byte(witnessName+"\n"), raw...))
	return fmt.Sprintf("%s+%x+%s", witnessName, id[:4], base64.StdEncoding.EncodeToString(raw))
}
