package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// openNote opens the checkpoint with the note package of the Go checksum database.
func openNote(_ context.Context, a *archive) error {
	v, err := note.NewVerifier(a.ed)
	if err != nil {
		return err
	}
	_, err = note.Open(a.checkpoint, note.VerifierList(v))
	return err
}

// parseCheckpoint checks both signatures of the log, Ed25519 and ML-DSA-44.
func parseCheckpoint(_ context.Context, a *archive) error {
	ed, err := fnote.NewVerifier(a.ed)
	if err != nil {
		return err
	}
	pq, err := fnote.NewMLDSAVerifier(a.mldsa)
	if err != nil {
		return err
	}
	_, rest, n, err := log.ParseCheckpoint(a.checkpoint, a.origin, ed, pq)
	if err != nil {
		return err
	}
	if len(rest) > 0 || len(n.Sigs) != 2 {
		return fmt.Errorf("%d of the log's 2 signatures verified, %d bytes of extensions", len(n.Sigs), len(rest))
	}
	return nil
}

// openssl checks the Ed25519 signature with nothing but files.
func openssl(ctx context.Context, a *archive) error {
	_, key, _ := strings.Cut(a.ed, "+")
	_, key, _ = strings.Cut(key, "+")
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return err
	}
	text, signatures, _ := strings.Cut(string(a.checkpoint), "\n\n")
	line, _, _ := strings.Cut(signatures, "\n")
	fields := strings.Fields(line)
	if len(fields) != 3 || len(raw) != 33 {
		return errors.New("the first signature line is not the log's")
	}
	signature, err := base64.StdEncoding.DecodeString(fields[2])
	if err != nil || len(signature) != 4+64 {
		return errors.New("the first signature line is not Ed25519")
	}
	dir, err := os.MkdirTemp("", "openssl")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// SubjectPublicKeyInfo of RFC 8410 is a fixed prefix and the key.
	spki := append([]byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}, raw[1:]...)
	for name, b := range map[string][]byte{"key": spki, "text": []byte(text + "\n"), "signature": signature[4:]} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return err
		}
	}
	c := exec.CommandContext(ctx, "openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", "key", "-in", "text", "-sigfile", "signature")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
