package configs

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/text/language"
)

var (
	countryPattern    = regexp.MustCompile(`^[A-Z]{2}$`)
	federationPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$`)
	unitPattern       = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
	pseudonymPattern  = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
	phonePattern      = regexp.MustCompile(`^\+[1-9][0-9]{4,14}$`)
	methodPattern     = regexp.MustCompile(`^/[a-z0-9.]+\.[A-Za-z]+/[A-Za-z]+$`)
)

// maxContent is exchange.MaxContentBytes; a test compares the two.
const maxContent = 768 << 10

// check notes what is missing or cannot be, and fills the defaults that depend on other fields. It runs also after mistakes,
// so that one look shows everything.
func (d *decoder) check(n *Node) {
	d.required("country", n.Country, "two capital letters, for example RS")
	if n.Country != "" && !countryPattern.MatchString(n.Country) {
		hint := "two capital letters, ISO 3166-1, for example RS or \"NO\""
		if n.Country == "false" || n.Country == "true" {
			hint = "some programs turn an unquoted NO into false: write country: \"NO\""
		} else if up := strings.ToUpper(n.Country); countryPattern.MatchString(up) {
			hint = fmt.Sprintf("write %s", up)
		}
		d.wrong("country", fmt.Sprintf("%q is no country code", n.Country), hint)
	}
	d.required("federation", n.Federation, "the name that stands in the directory, for example rogatory.example")
	if n.Federation != "" && !federationPattern.MatchString(n.Federation) {
		d.wrong("federation", fmt.Sprintf("%q is no name of a federation", n.Federation), "small letters, digits, dots and hyphens, at most 64")
	}
	d.required("directory", n.Directory, "the file that rogatory-node directory wrote")
	if n.Pin == "" && n.Directory != "" {
		n.Pin = n.Directory + ".pin"
	}
	d.checkFolders(n)
	d.checkNATS(n)
	d.checkListen(n)
	d.required("zone", n.Zone, "an IANA name, for example Europe/Belgrade")
	if n.Zone != "" {
		if _, err := time.LoadLocation(n.Zone); err != nil || n.Zone == "Local" {
			d.wrong("zone", fmt.Sprintf("%q is no time zone known here", n.Zone), "an IANA name, for example Europe/Belgrade")
		}
	}
	d.languages("languages", n.Languages)
	if len(n.Languages) == 0 {
		n.Languages = []string{"en"}
	}
	if len(n.Regimes) == 0 {
		n.Regimes = []Regime{"REGIME_EU_2023_977", "REGIME_EGMONT"}
	}
	d.once("regimes", codes(n.Regimes))
	d.checkUnits(n)
	d.checkNumbers(n)
	d.oneOf("log.level", n.Log.Level, "debug", "info", "warn", "error")
	d.oneOf("log.format", n.Log.Format, "text", "json")
}

func (d *decoder) required(key, value, hint string) {
	if _, given := d.where[key]; value == "" && !given {
		d.wrong(key, key+" is missing", hint)
	} else if value == "" && !d.has(key) {
		d.wrong(key, key+" is empty", hint)
	}
}

// has reports whether a mistake was noted at the key already: one is enough.
func (d *decoder) has(key string) bool {
	for _, m := range d.mistakes {
		if m.Key == key {
			return true
		}
	}
	return false
}

func (d *decoder) checkFolders(n *Node) {
	d.required("data", n.Data, "a folder of its own, for example /var/lib/rogatory/data")
	d.required("keys.ring", n.Keys.Ring, "the folder that rogatory-node init made, for example /var/lib/rogatory/ring")
	d.required("guard", n.Guard, "a file outside data, best on another disk, for example /var/lib/rogatory-guard/RS.head")
	if n.Data != "" && n.Socket == "" {
		n.Socket = filepath.Join(filepath.Dir(filepath.Clean(n.Data)), "node.sock")
	}
	if inside(n.Data, n.Guard) {
		d.wrong("guard", "the guard lies inside data", "what is restored together with the store guards nothing: take a path outside "+n.Data)
	}
	if inside(n.Data, n.Keys.Ring) {
		d.wrong("keys.ring", "the key ring lies inside data", "sealing keys are never backed up: take a folder outside "+n.Data)
	}
	if n.Keys.Insecure && n.Keys.PassphraseFile != "" {
		d.wrong("keys.insecure", "a ring without passphrase has no passphrase_file", "keep one of the two")
	}
}

// inside reports whether path lies in folder; both may be relative to the same place.
func inside(folder, path string) bool {
	if folder == "" || path == "" || filepath.IsAbs(folder) != filepath.IsAbs(path) {
		return false
	}
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func (d *decoder) checkNATS(n *Node) {
	if len(n.NATS.URLs) == 0 && !d.has("nats.urls") {
		d.wrong("nats.urls", "nats.urls is missing", "the backbone's servers, for example [tls://hub.rogatory.example:4222]")
	}
	for i, raw := range n.NATS.URLs {
		key := fmt.Sprintf("nats.urls[%d]", i)
		u, err := url.Parse(raw)
		switch {
		case err != nil || u.Host == "":
			d.wrong(key, fmt.Sprintf("%q is no address of a server", raw), "for example tls://hub.rogatory.example:4222")
		case u.User != nil:
			d.wrong(key, "an address holds no password", "the broker knows this country by nats.cert")
		case u.Scheme == "tls":
		case u.Scheme == "nats" && n.NATS.Insecure:
		case u.Scheme == "nats":
			d.wrong(key, "nats:// is not encrypted", "write tls://, or for a test on one machine add insecure: true")
		default:
			d.wrong(key, fmt.Sprintf("%q is no scheme for the backbone", u.Scheme), "tls://")
		}
	}
	if !n.NATS.Insecure {
		d.required("nats.ca", n.NATS.CA, "the file of the authority that the broker's certificate comes from")
		d.required("nats.cert", n.NATS.Cert, "the certificate that the broker knows this country by")
		d.required("nats.key", n.NATS.Key, "the key of nats.cert")
	} else if (n.NATS.Cert == "") != (n.NATS.Key == "") {
		d.wrong("nats", "nats.cert and nats.key belong together", "give both or neither")
	}
}

func (d *decoder) checkListen(n *Node) {
	l := n.Listen
	if l == (Listen{}) {
		return
	}
	d.required("listen.address", l.Address, "host and port, for example 10.20.30.40:7443")
	d.required("listen.cert", l.Cert, "the file of the node's server certificate")
	d.required("listen.key", l.Key, "the key of listen.cert")
	d.required("listen.client_ca", l.ClientCA, "the file of the authority that client certificates come from")
	if l.Address != "" {
		d.address("listen.address", l.Address)
	}
}

func (d *decoder) address(key, value string) {
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		d.wrong(key, fmt.Sprintf("%q is no host and port", value), "for example 127.0.0.1:7443")
		return
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		d.wrong(key, fmt.Sprintf("%q is no port", port), "a number from 1 to 65535")
	}
}

func (d *decoder) checkUnits(n *Node) {
	if len(n.Units) == 0 && !d.has("units") {
		d.wrong("units", "units is missing", "at least one: units: [{name: police, authority: police}]")
		return
	}
	var names []string
	defaults := 0
	for i := range n.Units {
		u := &n.Units[i]
		key := fmt.Sprintf("units[%d]", i)
		d.required(key+".name", u.Name, "small letters, digits and hyphens, for example police")
		if u.Name != "" && !unitPattern.MatchString(u.Name) {
			d.wrong(key+".name", fmt.Sprintf("%q is no name of a unit", u.Name), "1 to 32 small letters, digits and hyphens")
		}
		names = append(names, u.Name)
		if u.Authority == "" && !d.has(key+".authority") {
			d.wrong(key+".authority", key+".authority is missing", "what the unit is, for example police, fiu, prosecutor")
		}
		if u.Contact.Phone != "" && !phonePattern.MatchString(u.Contact.Phone) {
			d.wrong(key+".contact.phone", fmt.Sprintf("%q is no telephone number", u.Contact.Phone), "E.164 in quotes, without spaces: \"+381110000000\"")
		}
		d.languages(key+".languages", u.Languages)
		if len(u.Languages) == 0 {
			u.Languages = n.Languages
		}
		d.once(key+".kinds", codes(u.Kinds))
		d.once(key+".authorities", codes(u.Authorities))
		d.once(key+".agencies", u.Agencies)
		for j, a := range u.Agencies {
			if !pseudonymPattern.MatchString(a) {
				d.wrong(fmt.Sprintf("%s.agencies[%d]", key, j), fmt.Sprintf("%q is no pseudonym", a), "1 to 64 small letters, digits and hyphens")
			}
		}
		for j, s := range u.Services {
			if !methodPattern.MatchString(s) {
				d.wrong(fmt.Sprintf("%s.services[%d]", key, j), fmt.Sprintf("%q is no gRPC method", s), "for example /rogatory.peer.v1.Online/Match")
			}
		}
		if u.Default {
			if defaults++; defaults > 1 {
				d.wrong(key+".default", "more than one unit is the default", "keep one: it takes what no other takes")
			}
		}
	}
	for i, name := range names {
		for j := range i {
			if names[j] == name && name != "" {
				d.wrong(fmt.Sprintf("units[%d].name", i), fmt.Sprintf("the unit %q is given twice", name), "")
				break
			}
		}
	}
	switch {
	case len(n.Units) == 1:
		n.Units[0].Default = true
	case defaults == 0 && len(n.Units) > 1:
		d.wrong("units", "no unit is the default", "add default: true to the one that takes what no other takes")
	}
}

func (d *decoder) checkNumbers(n *Node) {
	d.between("capacity_per_hour", int64(n.CapacityPerHour), 0, 1e9)
	d.span("undelivered_after", n.UndeliveredAfter, time.Second, 90*24*time.Hour)
	d.span("round", n.Round, 100*time.Millisecond, time.Hour)
	d.size("limits.max_content", n.Limits.MaxContent, 4<<10, maxContent)
	d.size("limits.max_attachment", n.Limits.MaxAttachment, 0, 64<<30)
	d.between("limits.outbox_per_peer", int64(n.Limits.OutboxPerPeer), 1, 10e6)
	d.between("limits.parked_max", int64(n.Limits.ParkedMax), 1, 1e6)
	d.size("limits.disk_free", n.Limits.DiskFree, 0, 1<<40)
	d.between("limits.connections", int64(n.Limits.Connections), 1, 65536)
}

func (d *decoder) between(key string, v, low, high int64) {
	if v < low || v > high {
		d.wrong(key, fmt.Sprintf("%s is %d", key, v), fmt.Sprintf("from %d to %d", low, high))
	}
}

func (d *decoder) size(key string, v, low, high Size) {
	if v < low || v > high {
		d.wrong(key, fmt.Sprintf("%s is %s", key, v), fmt.Sprintf("from %s to %s", low, high))
	}
}

func (d *decoder) span(key string, v, low, high time.Duration) {
	if v < low || v > high {
		d.wrong(key, fmt.Sprintf("%s is %s", key, v), fmt.Sprintf("from %s to %s", low, high))
	}
}

func (d *decoder) oneOf(key, value string, known ...string) {
	for _, k := range known {
		if value == k {
			return
		}
	}
	if !d.has(key) {
		d.wrong(key, fmt.Sprintf("%q is no %s", value, strings.ReplaceAll(key, ".", " ")), "one of: "+strings.Join(known, ", "))
	}
}

func (d *decoder) languages(key string, tags []string) {
	for i, tag := range tags {
		if _, err := language.Parse(tag); err != nil {
			d.wrong(fmt.Sprintf("%s[%d]", key, i), fmt.Sprintf("%q is no language tag", tag), "BCP 47, for example en, sr-Latn, sq")
		}
	}
	d.once(key, tags)
}

// once notes values that a list holds twice.
func (d *decoder) once(key string, values []string) {
	seen := map[string]bool{}
	for i, v := range values {
		if seen[v] && v != "" {
			d.wrong(fmt.Sprintf("%s[%d]", key, i), fmt.Sprintf("%q is given twice", v), "keep one")
		}
		seen[v] = true
	}
}

// codes returns the terms as a file writes them; what was no term stays empty.
func codes[T interface{ Code() string }](terms []T) []string {
	out := make([]string, len(terms))
	for i, t := range terms {
		out[i] = t.Code()
	}
	return out
}
