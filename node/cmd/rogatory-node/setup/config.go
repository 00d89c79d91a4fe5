package setup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rogatory/rogatory/configs"
)

// knownAuthorities lets a unit be named after its authority.
var knownAuthorities = []string{
	"police", "fiu", "prosecutor", "court", "customs", "border", "asset-recovery", "single-point-of-contact",
}

// config composes a node's configuration with the comments that its operator needs; configs/node.yaml holds every key.
func config(o Options) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# Rogatory node of %s. Every key with its meaning: configs/node.yaml; `rogatory-node check` prints every mistake.", o.Country)
	p("")
	p("country: %q", o.Country)
	p("federation: %q", o.Federation)
	p("zone: %q", o.Zone)
	p("")
	p("data: %s", DataFolder)
	p("keys:")
	p("  ring: %s", RingFolder)
	if o.Insecure {
		p("  # No passphrase: for tests and demonstrations.")
		p("  insecure: true")
	}
	if o.PassphraseFile != "" {
		p("  passphrase_file: %q", o.PassphraseFile)
	}
	p("# Remembers the head of the log. Put it on another disk than data, outside every backup.")
	p("guard: %s/%s.head", GuardFolder, o.Country)
	p("# Written by `rogatory-node directory take`.")
	p("directory: directory")
	p("")
	p("nats:")
	switch {
	case len(o.NATS) > 0:
		p("  urls: [%s]", quoted(o.NATS))
	case o.InsecureNATS:
		p("  urls: [%q]", "nats://127.0.0.1:4222")
	default:
		p("  # The hub's operator tells the address, signs %s/nats.csr, and gives his authority's certificate.", TLSFolder)
		p("  urls: [%q]", "tls://hub."+o.Federation+":4222")
	}
	if o.InsecureNATS {
		p("  # No TLS: for tests and demonstrations on one machine.")
		p("  insecure: true")
	} else {
		p("  ca: %s/nats-ca.pem", TLSFolder)
		p("  cert: %s/nats.pem", TLSFolder)
		p("  key: %s/nats-key.pem", TLSFolder)
	}
	p("")
	p("socket: node.sock")
	if o.Listen != "" {
		p("# For gateways and agencies on other machines.")
		p("listen:")
		p("  address: %q", o.Listen)
		p("  cert: %s/server.pem", TLSFolder)
		p("  key: %s/server-key.pem", TLSFolder)
		p("  client_ca: %s/ca.pem", TLSFolder)
	}
	p("")
	p("units:")
	for i, u := range o.Units {
		authority := u.Authority
		if authority == "" {
			authority = u.Name
		}
		p("  - name: %q", u.Name)
		p("    authority: %q", authority)
		c := u.Contact
		if c == (configs.Contact{}) {
			p("    # Who speaks for the unit, day and night; goes into messages whose file names no sender.")
			p("    # contact: {name: \"\", officer: Duty officer, phone: \"+…\", email: \"\"}")
		} else {
			p("    contact: {name: %q, officer: %q, phone: %q, email: %q}", c.Name, c.Officer, c.Phone, c.Email)
		}
		if i == 0 {
			p("    # Takes what names no unit and no other unit takes.")
			p("    default: true")
		} else {
			switch authority {
			case "fiu":
				p("    kinds: [fiu-request]")
				p("    authorities: [fiu]")
			case "prosecutor":
				p("    authorities: [prosecutor, court]")
			default:
				if slices.Contains(knownAuthorities, authority) {
					p("    authorities: [%s]", authority)
				}
			}
		}
		if o.OneOfficer {
			p("    four_eyes: false")
		}
	}
	if len(o.Languages) > 0 {
		p("")
		p("languages: [%s]", quoted(o.Languages))
	}
	if o.Round > 0 {
		p("")
		p("round: %s", o.Round)
	}
	return b.String()
}

func quoted(values []string) string {
	q := make([]string, len(values))
	for i, v := range values {
		q[i] = strconv.Quote(v)
	}
	return strings.Join(q, ", ")
}
