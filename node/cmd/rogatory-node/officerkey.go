package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func (p *program) officerKeyNew() *cobra.Command {
	var out string
	var insecure bool
	c := &cobra.Command{
		Use: "new PSEUDONYM", Short: "Make a key, and print its public part", Args: exactly(1),
		Long: `new makes an officer's Ed25519 key in a file of its own, on the officer's own machine. The public part, beside it in FILE.pub, goes to
two people on the register; the name behind the pseudonym stands in a register of its own, outside Rogatory.`,
		RunE: func(_ *cobra.Command, args []string) error {
			if out == "" {
				out = args[0] + ".key"
			}
			key := keyring.GenerateOfficer()
			if err := checkPseudonym(args[0], key); err != nil {
				return err
			}
			// Nobody types a passphrase for what is refused then.
			for _, path := range []string{out, out + client.PublicSuffix} {
				if _, err := os.Lstat(path); err == nil {
					return no(fmt.Errorf("%s exists already", path), "keys are never overwritten: choose another --out")
				} else if !errors.Is(err, fs.ErrNotExist) {
					return err
				}
			}
			lock := keyring.Plain()
			if !insecure {
				passphrase, err := p.newPassphrase("ROGATORY_OFFICER_PASSPHRASE", "", "passphrase of the officer's key")
				if err != nil {
					return err
				}
				lock = keyring.WithPassphrase(passphrase)
			}
			if err := setup.CreateOfficer(out, args[0], key, lock); err != nil {
				return p.keyError(err)
			}
			return p.printPublic(args[0], key.Public(), out)
		},
	}
	c.Flags().StringVar(&out, "out", "", "key file (default: PSEUDONYM.key)")
	c.Flags().BoolVar(&insecure, "insecure-no-passphrase", false, "no passphrase, for tests and demonstrations")
	return c
}

// checkPseudonym refuses what no register would take, before a key file is made for it.
func checkPseudonym(name string, key *keyring.Officer) error {
	public := key.Public()
	_, err := federation.EnrolmentSubject(&rogatoryv1.Officer{
		Pseudonym: name, PublicKey: public[:], Units: []string{"unit"}, Rights: []rogatoryv1.Right{rogatoryv1.Right_RIGHT_READ},
	})
	if err != nil {
		return usage(fmt.Errorf("%q is no pseudonym", name), "1 to 64 small letters, digits and hyphens, and never the name of a person")
	}
	return nil
}

func (p *program) printPublic(name string, key keyring.OfficerPublicKey, file string) error {
	if p.json {
		return p.out.Value(map[string]string{"pseudonym": name, "publicKey": key.String(), "fingerprint": key.Fingerprint(), "file": file})
	}
	p.out.Printf("%s", client.FormatPublic(name, key))
	if p.out.TTY {
		p.out.Printf("\nFingerprint, to compare by voice:\n\n%s\n", indent(digits(key.Fingerprint())))
	}
	return nil
}

func (p *program) officerKeyShow() *cobra.Command {
	return &cobra.Command{
		Use: "show FILE", Short: "Print a key's public part", Args: exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o, err := p.officer(args[0])
			if err != nil {
				return err
			}
			return p.printPublic(o.Pseudonym, o.Key.Public(), args[0])
		},
	}
}

func (p *program) officerKeyPassphrase() *cobra.Command {
	return &cobra.Command{
		Use: "passphrase FILE", Short: "Give a key file another passphrase", Args: exactly(1),
		Long: "passphrase writes the key anew beside the old file and replaces it. ROGATORY_OFFICER_PASSPHRASE is the old passphrase, ROGATORY_OFFICER_NEW_PASSPHRASE the new one; without them both are asked for.",
		RunE: func(_ *cobra.Command, args []string) error {
			o, err := p.officer(args[0])
			if err != nil {
				return err
			}
			passphrase, err := p.newPassphrase("ROGATORY_OFFICER_NEW_PASSPHRASE", "", "passphrase")
			if err != nil {
				return err
			}
			next := args[0] + ".new"
			if err := keyring.CreateOfficer(next, o.Key, keyring.WithPassphrase(passphrase)); err != nil {
				return p.keyError(err)
			}
			if err := os.Rename(next, args[0]); err != nil {
				return errors.Join(err, os.Remove(next))
			}
			return nil
		},
	}
}
