package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/federation"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Officer is who acts: a pseudonym and a key.
type Officer struct {
	// Pseudonym as the node's register has it.
	Pseudonym string
	// Key signs.
	Key *keyring.Officer
}

// PublicSuffix is what the file of an officer's public part has after the key file's name. It holds one line: the
// pseudonym, a space, and the public key in its text form.
const PublicSuffix = ".pub"

// OpenOfficer reads an officer's key file, and the pseudonym from the public part beside it. Without that file the
// pseudonym is empty: Identify asks the node.
func OpenOfficer(path string, lock keyring.Lock) (*Officer, error) {
	key, err := keyring.OpenOfficer(path, lock)
	if err != nil {
		return nil, err
	}
	o := &Officer{Key: key}
	b, err := os.ReadFile(path + PublicSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the officer's public part: %w", err)
	}
	name, public, err := ParsePublic(string(b))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path+PublicSuffix, err)
	}
	if public != key.Public() {
		return nil, fmt.Errorf("%s belongs to another key than %s", path+PublicSuffix, path)
	}
	o.Pseudonym = name
	return o, nil
}

// FormatPublic is the line of an officer's public part.
func FormatPublic(pseudonym string, key keyring.OfficerPublicKey) string {
	return pseudonym + " " + key.String() + "\n"
}

// ParsePublic reads what FormatPublic writes.
func ParsePublic(line string) (pseudonym string, key keyring.OfficerPublicKey, err error) {
	line, _ = strings.CutSuffix(line, "\n")
	pseudonym, text, ok := strings.Cut(line, " ")
	if !ok || len(line) > 256 || pseudonym == "" {
		return "", key, errors.New("a public part is a pseudonym, a space and the key")
	}
	key, err = keyring.ParseOfficerPublicKey(text)
	return pseudonym, key, err
}

// Identify fills the officer's pseudonym from the node's register when it is not known.
func (c *Client) Identify(ctx context.Context) error {
	if c.officer == nil {
		return ErrNoOfficer
	}
	if c.officer.Pseudonym != "" {
		return nil
	}
	o, err := c.Self(ctx)
	if err != nil {
		return err
	}
	c.officer = &Officer{Pseudonym: o.GetPseudonym(), Key: c.officer.Key}
	return nil
}

// Self returns who acts as the node's register has it: the officer with this key.
func (c *Client) Self(ctx context.Context) (*rogatoryv1.Officer, error) {
	if c.officer == nil {
		return nil, ErrNoOfficer
	}
	resp, err := c.Desk.Officers(ctx, &nodev1.OfficersRequest{})
	if err != nil {
		return nil, fmt.Errorf("looking up the officer: %w", err)
	}
	public := c.officer.Key.Public()
	for _, o := range resp.GetOfficers() {
		if bytes.Equal(o.GetPublicKey(), public[:]) {
			return o, nil
		}
	}
	return nil, fmt.Errorf("key %s: %w", public.KID(), ErrNotOnRegister)
}

// Officer returns who acts, nil for nobody.
func (c *Client) Officer() *Officer { return c.officer }

// Assert signs an act that sends nothing: to list, to read, to attach, to enrol.
func (c *Client) Assert(ctx context.Context, act *rogatoryv1.Act) (*rogatoryv1.Assertion, error) {
	if err := c.Identify(ctx); err != nil {
		return nil, err
	}
	return c.officer.Assert(act, time.Now())
}

// Assert signs an act at a time. The act's actor, nonce and time are filled in.
func (o *Officer) Assert(act *rogatoryv1.Act, at time.Time) (*rogatoryv1.Assertion, error) {
	if err := errors.Join(checkToken(act.GetCaseToken()), checkCode(act.GetReason())); err != nil {
		return nil, err
	}
	draft := &rogatoryv1.Act{
		Verb: act.GetVerb(), CaseToken: act.GetCaseToken(), Actor: o.Pseudonym,
		Targets: act.GetTargets(), Subject: act.GetSubject(), Reason: act.GetReason(),
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails: crypto/rand stops the program instead
	b, err := federation.NewAct(draft, nonce, at)
	if err != nil {
		return nil, fmt.Errorf("composing the act: %w", err)
	}
	return federation.SignAct(b, o.Key)
}

// IsCaseToken reports whether a text has the form of a case's token.
func IsCaseToken(text string) bool { return tokenForm.MatchString(text) }

var tokenForm = regexp.MustCompile(`^[A-Z]{2}-[0-9]{4}-[0-9]{6,12}$`)

// IsCode reports whether a text has the form of a reason as the log takes it.
func IsCode(text string) bool { return codeForm.MatchString(text) }

var codeForm = regexp.MustCompile(`^[a-z0-9.-]{1,64}$`)

// checkCode tells a reason that the log does not take.
func checkCode(reason string) error {
	if reason != "" && !IsCode(reason) {
		return fmt.Errorf("%q: %w", reason, ErrCode)
	}
	return nil
}

// checkToken tells a mistyped case before anything else can.
func checkToken(token string) error {
	if token != "" && !IsCaseToken(token) {
		return fmt.Errorf("%q: %w", token, ErrCaseToken)
	}
	return nil
}
