package broker

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rogatory/rogatory/node/transport"
)

// Files name what a server's configuration refers to.
type Files struct {
	Listen string // host:port
	Store  string // folder
	Cert   string
	Key    string
	Roots  string
}

// Config returns a nats-server.conf with the same rules as [ServerOptions]. Every string is quoted: a bare NO would be read as
// false.
func Config(f Files, countries []string) (string, error) {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# The backbone of Rogatory: users are known by the URI name of their client certificate.")
	p("# Streams and consumers are made by the operator's user; members can neither make nor change any.")
	p("server_name: %q", "rogatory")
	p("listen: %q", f.Listen)
	p("max_payload: %d", maxPayload)
	p("max_subscriptions: %d", maxSubscriptions)
	p("")
	p("jetstream {")
	p("  store_dir: %q", f.Store)
	p("}")
	p("")
	p("tls {")
	p("  cert_file: %q", f.Cert)
	p("  key_file: %q", f.Key)
	p("  ca_file: %q", f.Roots)
	p("  verify_and_map: true")
	p("  min_version: %q", "1.3")
	p("  timeout: 5")
	p("}")
	p("")
	p("authorization {")
	p("  users: [")
	p("    { user: %q }", transport.OperatorName)
	for _, c := range countries {
		a, err := transport.Permissions(c, countries)
		if err != nil {
			return "", err
		}
		p("    {")
		p("      user: %q", transport.MemberName(c))
		p("      permissions: {")
		p("        publish: { allow: [%s] }", quoted(a.Publish))
		p("        subscribe: { allow: [%s] }", quoted(a.Subscribe))
		p("      }")
		p("    }")
	}
	p("  ]")
	p("}")
	return b.String(), nil
}

func quoted(subjects []string) string {
	q := make([]string, len(subjects))
	for i, s := range subjects {
		q[i] = strconv.Quote(s)
	}
	return strings.Join(q, ", ")
}
