package broker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rogatory/rogatory/node/transport/backbone"
)

// Files name what a server's configuration refers to.
type Files struct {
	Listen string // host:port
	Store  string // folder
	Cert   string
	Key    string
	Roots  string
}

// Config returns a nats-server.conf with the same rules as [Start]. Every string is quoted: a bare NO would be read as
// false.
//
// The streams belong to the account HUB and each member has an account of its own. Permissions alone would not do: JetStream
// answers a request under whatever reply subject it names, with the server's own rights, so that a member of the same account could have
// another's mailbox deleted by a publish whose reply subject is that of the API call. Across accounts the server replaces reply subjects by its own, and
// what comes back stays in the member's account.
func Config(f Files, countries []string) (string, error) {
	var w writer
	w.line("# The backbone of Rogatory: users are known by the URI name of their client certificate.")
	w.line("# Streams and consumers are made by the operator's user; members can neither make nor change any.")
	w.line("server_name: %q", "rogatory")
	w.line("listen: %q", f.Listen)
	w.line("max_payload: %d", maxPayload)
	w.line("max_subscriptions: %d", maxSubscriptions)
	w.line("")
	w.line("jetstream {")
	w.line("  store_dir: %q", f.Store)
	w.line("}")
	w.line("")
	w.line("tls {")
	w.line("  cert_file: %q", f.Cert)
	w.line("  key_file: %q", f.Key)
	w.line("  ca_file: %q", f.Roots)
	w.line("  verify_and_map: true")
	w.line("  min_version: %q", "1.3")
	w.line("  timeout: 5")
	w.line("}")
	w.line("")
	if err := w.accounts(countries); err != nil {
		return "", err
	}
	return w.String(), nil
}

// rules returns the part of Config that says who may do what.
func rules(countries []string) (string, error) {
	var w writer
	err := w.accounts(countries)
	return w.String(), err
}

type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

func account(country string) string { return "MEMBER_" + country }

func (w *writer) accounts(countries []string) error {
	allowed := make([]backbone.Allowed, len(countries))
	for i, c := range countries {
		var err error
		if allowed[i], err = backbone.Permissions(c, countries); err != nil {
			return err
		}
	}
	w.line("accounts {")
	w.line("  %q: {", "HUB")
	w.line("    jetstream: enabled")
	w.line("    users: [ { user: %q } ]", backbone.OperatorName)
	w.line("    exports: [")
	for _, e := range exports(countries, allowed) {
		w.line("      { %s, accounts: [%s] }", e.what, quoted(e.accounts))
	}
	w.line("    ]")
	w.line("  }")
	for i, c := range countries {
		a := allowed[i]
		w.line("  %q: {", account(c))
		w.line("    users: [ {")
		w.line("      user: %q", backbone.MemberName(c))
		w.line("      permissions: {")
		w.line("        publish: { allow: [%s] }", quoted(a.Publish))
		w.line("        subscribe: { allow: [%s] }", quoted(a.Subscribe))
		w.line("      }")
		w.line("    } ]")
		w.line("    imports: [")
		for _, s := range slices.Concat(a.Services, a.Queries) {
			w.line("      { service: { account: %q, subject: %q } }", "HUB", s)
		}
		for _, im := range a.Imports {
			w.line("      { stream: { account: %q, subject: %q } }", account(im.Peer), im.Subject)
		}
		w.line("    ]")
		w.line("    exports: [")
		for _, s := range a.Exports {
			w.line("      { stream: %q }", s)
		}
		w.line("    ]")
		w.line("  }")
	}
	w.line("}")
	return nil
}

// An export is something of the hub that some accounts may import. The server keeps the way back of a query for its response
// threshold: longer than a pull may wait (10 s), and no longer, for there is one for each.
type export struct {
	what     string
	accounts []string
}

func exports(countries []string, allowed []backbone.Allowed) []*export {
	var all []*export
	byWhat := map[string]*export{}
	for i, c := range countries {
		add := func(subjects []string, format string) {
			for _, s := range subjects {
				what := fmt.Sprintf(format, s)
				e := byWhat[what]
				if e == nil {
					e = &export{what: what}
					byWhat[what] = e
					all = append(all, e)
				}
				e.accounts = append(e.accounts, account(c))
			}
		}
		add(allowed[i].Services, "service: %q")
		add(allowed[i].Queries, `service: %q, response: "stream", response_threshold: "15s"`)
	}
	return all
}

func quoted(subjects []string) string {
	q := make([]string, len(subjects))
	for i, s := range subjects {
		q[i] = strconv.Quote(s)
	}
	return strings.Join(q, ", ")
}
