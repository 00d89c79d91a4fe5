package configs_test

import (
	"os"
	"testing"

	"github.com/rogatory/rogatory/node/transport/broker"
)

const natsHeader = `# One server of the backbone, for two countries: nats-server -c nats.conf
#
# Trust: whoever runs it can delay and drop messages, and sees who writes to whom, when and how much. It can read, change and
# forge nothing, and what it loses is sent again from the sender's outbox. Users are known by the URI name of their client
# certificate; no certificate of the authority, no connection. Country codes are quoted: a bare NO would be read as false.
#
# Three such servers make a cluster: add "cluster { name, listen, routes, tls }", and "sync_interval: always" in jetstream, and
# restart them one at a time in lame duck mode (nats-server --signal ldm).

`

// The example is what package broker writes below a header: the rules that the transport is tested under. With ROGATORY_UPDATE
// set the test writes it anew.
func TestTheBrokerExampleIsWhatTheTransportIsTestedWith(t *testing.T) {
	rules, err := broker.Config(broker.Files{
		Listen: "0.0.0.0:4222",
		Store:  "/var/lib/nats",
		Cert:   "/etc/nats/server.pem",
		Key:    "/etc/nats/server-key.pem",
		Roots:  "/etc/nats/authority.pem",
	}, []string{"NO", "RS"})
	if err != nil {
		t.Fatal(err)
	}
	want := natsHeader + rules
	if os.Getenv("ROGATORY_UPDATE") != "" {
		if err := os.WriteFile("nats.conf.example", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("nats.conf.example")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("nats.conf.example is not what the broker writes; run ROGATORY_UPDATE=1 go test ./configs")
	}
}
