package configs_test

import (
	"os"
	"strings"
	"testing"

	"github.com/rogatory/rogatory/node/transport/broker"
)

// The example is what package broker writes, with comments: the rules that the transport is tested under.
func TestTheBrokerExampleIsWhatTheTransportIsTestedWith(t *testing.T) {
	want, err := broker.Config(broker.Files{
		Listen: "0.0.0.0:4222",
		Store:  "/var/lib/nats",
		Cert:   "/etc/nats/server.pem",
		Key:    "/etc/nats/server-key.pem",
		Roots:  "/etc/nats/authority.pem",
	}, []string{"NO", "RS"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("nats.conf.example")
	if err != nil {
		t.Fatal(err)
	}
	if bare(string(got)) != bare(want) {
		t.Errorf("without comments the example is\n%s\nthe broker writes\n%s", bare(string(got)), bare(want))
	}
}

func bare(conf string) string {
	var lines []string
	for line := range strings.Lines(conf) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
