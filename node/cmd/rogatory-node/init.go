package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
)

func (p *program) initCommand() *cobra.Command {
	var o setup.Options
	var units, founders []string
	var insecure, insecureNATS bool
	c := &cobra.Command{
		Use:   "init",
		Short: "Make a node's folder: keys, configuration, certificates, two founders",
		Long: `init makes the folder of a new node: key ring and sealing keys, certificates of its own small authority, a signing
request for the backbone, the keys of two founders of the register of officers, and the configuration. It prints the
fingerprint of the root key, which somebody reads to the other members over the telephone.`,
		Example: `  rogatory-node init --country RS --federation rogatory.example --zone Europe/Belgrade \
      --unit police --unit fiu --unit prosecutor --dir rs`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Dir, o.Now = p.dir, time.Now()
			o.Insecure, o.InsecureNATS = insecure, insecureNATS
			for _, u := range units {
				name, authority, _ := strings.Cut(u, ":")
				o.Units = append(o.Units, setup.Unit{Name: name, Authority: authority})
			}
			for _, f := range founders {
				founder, err := parseFounder(f)
				if err != nil {
					return err
				}
				o.Founders = append(o.Founders, founder)
			}
			if n := len(o.Founders); n != 0 && n != 2 {
				return usage(fmt.Errorf("%d founder(s)", n), "a register of officers begins with two people: give --founder twice or not at all")
			}
			return p.init(o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Country, "country", "", "country code, two capital letters")
	f.StringVar(&o.Federation, "federation", "", "name of the federation, for example rogatory.example")
	f.StringVar(&o.Zone, "zone", "", "IANA time zone, for example Europe/Belgrade")
	f.StringVar(&o.Name, "name", "", "name of the contact point, in English (default: Contact point of RS)")
	f.StringArrayVar(&units, "unit", nil, "unit, or unit:authority when it is named otherwise; the first one is the default")
	f.StringArrayVar(&founders, "founder", nil, "pseudonym=public key of a founder, twice; without it both keys are made here")
	f.StringSliceVar(&o.Languages, "language", nil, "languages that officers read, BCP 47, the preferred one first")
	f.StringSliceVar(&o.NATS, "nats", nil, "addresses of the backbone")
	f.StringVar(&o.Listen, "listen", "", "host:port for gateways on other machines; without it only the socket is open")
	f.DurationVar(&o.Round, "round", 0, "how often heads of logs are exchanged (default 60s)")
	f.BoolVar(&o.OneOfficer, "one-officer", false, "send without a second officer")
	f.BoolVar(&insecure, "insecure-no-passphrase", false, "keys without passphrase, for tests and demonstrations")
	f.BoolVar(&insecureNATS, "insecure-nats", false, "nats:// without TLS, for tests and demonstrations")
	for _, name := range []string{"country", "federation", "zone", "unit"} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

func parseFounder(text string) (setup.Founder, error) {
	name, key, ok := strings.Cut(text, "=")
	public, err := keyring.ParseOfficerPublicKey(key)
	if !ok || err != nil {
		return setup.Founder{}, usage(fmt.Errorf("--founder %q", text), "pseudonym=officer-ed25519:…, as rogatory-node officer key prints it")
	}
	return setup.Founder{Pseudonym: name, Key: &public}, nil
}

func (p *program) init(o setup.Options) error {
	// Nobody types a passphrase for what is refused then.
	if err := setup.Check(o); errors.Is(err, setup.ErrFounders) {
		return usage(err, "give --founder twice, for two people, or not at all")
	} else if err != nil {
		return err
	}
	o.Lock = keyring.Plain()
	if !o.Insecure {
		passphrase, err := p.newPassphrase("ROGATORY_PASSPHRASE", p.passphraseFile, "passphrase of the key ring")
		if err != nil {
			return err
		}
		o.Lock = keyring.WithPassphrase(passphrase)
		if p.passphraseFile != "" {
			if o.PassphraseFile, err = filepath.Abs(p.passphraseFile); err != nil {
				return err
			}
		}
		if len(o.Founders) == 0 {
			passphrase, err := p.newPassphrase("ROGATORY_OFFICER_PASSPHRASE", "", "passphrase of the founders' key files, for them to change")
			if err != nil {
				return err
			}
			lock := keyring.WithPassphrase(passphrase)
			o.FounderLock = &lock
		}
	}
	made, err := setup.Init(o)
	if errors.Is(err, syscall.ENOTDIR) {
		return usage(fmt.Errorf("%s is no folder that can be made", o.Dir), "choose another --dir")
	}
	if errors.Is(err, keyring.ErrUnit) {
		return usage(err, "units are named with small letters, digits and hyphens")
	}
	if err != nil {
		return err
	}
	if p.json {
		return p.out.Value(map[string]any{
			"config": made.Config, "member": made.MemberFile, "fingerprint": made.Fingerprint, "officers": made.Officers,
		})
	}
	p.printMade(o, made)
	return nil
}

func (p *program) printMade(o setup.Options, made *setup.Made) {
	p.out.Printf("%s is set up in %s.\n\n", o.Country, o.Dir)
	p.out.Printf("Fingerprint of the root key. Read it to the other members by telephone:\n\n%s\n\n", indent(digits(made.Fingerprint)))
	next := []string{"Give " + made.MemberFile + " to whoever proposes the directory."}
	for _, f := range made.Officers {
		next = append(next, fmt.Sprintf("Hand %s to its person and delete it here.", f))
	}
	if !o.InsecureNATS {
		csr := filepath.Join(o.Dir, setup.TLSFolder, "nats.csr")
		next = append(next, fmt.Sprintf("Give %s to the hub's operator; put what comes back into nats.pem and nats-ca.pem beside it.", csr))
	}
	next = append(next,
		fmt.Sprintf("Take the directory when all have signed: rogatory-node directory take FILE --dir %s", o.Dir),
		fmt.Sprintf("Look for mistakes, then run: rogatory-node check --dir %s && rogatory-node run --dir %s", o.Dir, o.Dir),
	)
	p.out.Printf("Next:\n")
	for i, n := range next {
		p.out.Printf("  %d. %s\n", i+1, n)
	}
}

// digits breaks a fingerprint's twelve groups into three lines of four.
func digits(fingerprint string) string {
	groups := strings.Fields(fingerprint)
	var lines []string
	for i := 0; i < len(groups); i += 4 {
		lines = append(lines, strings.Join(groups[i:min(i+4, len(groups))], " "))
	}
	return strings.Join(lines, "\n")
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
