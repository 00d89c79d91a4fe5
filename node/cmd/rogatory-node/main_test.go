package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/transport/backbone"
	"github.com/rogatory/rogatory/node/transport/broker"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rogatory-node": main})
}

// TestScripts runs the real program as people do.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			examples, err := os.Getwd()
			e.Setenv("EXAMPLES", examples+"/../../../configs/examples")
			e.Setenv("TZ", "UTC")
			e.Setenv("LANG", "C.UTF-8")
			return err
		},
		Condition: func(cond string) (bool, error) {
			if cond == "raced" {
				return raced, nil
			}
			return false, fmt.Errorf("no such condition: %s", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": wantStatus, "outfile": outfile, "until": untilMatch, "broker": startBroker, "member": member, "locked": locked, "port": freePort, "authority": startAuthority, "auditor": buildAuditor,
		},
	})
}

// wantStatus is the command status N PROGRAM ARGS…: it runs a program and wants exit status N.
func wantStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N program args…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// outfile NAME puts the standard output of the program before into the environment variable NAME.
func outfile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: outfile NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// patience is how long until tries: more than any step of two nodes on a busy machine takes.
const patience = 60 * time.Second

// untilMatch is the command until REGEXP PROGRAM ARGS…: it runs a program again and again until its standard output matches.
func untilMatch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until regexp program args…")
	}
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		if re.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("no match for %s in %s: %v\n%s", args[0], patience, err, ts.ReadFile("stdout"))
		}
	}
}

// startBroker COUNTRY… starts the backbone for these countries; NATS_URL says where it is.
func startBroker(ts *testscript.TestScript, neg bool, countries []string) {
	authority, err := broker.NewAuthority()
	ts.Check(err)
	pair, err := authority.Server("127.0.0.1")
	ts.Check(err)
	cert, err := pair.Certificate()
	ts.Check(err)
	b, err := broker.Start(broker.Options{Dir: ts.MkAbs("broker"), Countries: countries, Certificate: cert, Roots: authority.Roots()})
	ts.Check(err)
	ts.Defer(b.Shutdown)
	operator, err := authority.Operator()
	ts.Check(err)
	if cert, err = operator.Certificate(); err != nil {
		ts.Check(err)
	}
	conf, err := backbone.ClientTLS(cert, authority.Roots())
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ts.Check(b.EnsureStreams(ctx, conf, countries, backbone.StreamOptions{}))
	// The client's URL names the scheme nats even where TLS is required.
	_, hostPort, _ := strings.Cut(b.URL(), "://")
	ts.Setenv("NATS_URL", "tls://"+hostPort)
	brokers.Store(ts.MkAbs("."), authority)
}

// brokers holds the authority of each script's broker, by its folder.
var brokers sync.Map

// member COUNTRY FOLDER writes what the hub's operator gives to a country.
func member(ts *testscript.TestScript, neg bool, args []string) {
	value, ok := brokers.Load(ts.MkAbs("."))
	if neg || !ok || len(args) != 2 {
		ts.Fatalf("usage: broker …, then member country folder")
	}
	authority := value.(*broker.Authority)
	pair, err := authority.Member(args[0])
	ts.Check(err)
	ts.Check(pair.WriteFiles(ts.MkAbs(args[1]), "nats"))
	ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[1]), "nats-ca.pem"), authority.Roots(), 0o644))
}

// freePort NAME puts a port that nobody listens on into an environment variable.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: port NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv(args[0], port)
	ts.Check(l.Close())
}

// locked COUNTRY FOLDER PASSPHRASE sets a node up as init does, with a scrypt that costs little.
func locked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: locked country folder passphrase")
	}
	_, err := setup.Init(setup.Options{
		Dir: ts.MkAbs(args[1]), Country: args[0], Federation: "rogatory.example", Zone: "Europe/Belgrade",
		Units: []setup.Unit{{Name: "police"}}, InsecureNATS: true, Now: time.Now(), Lock: keyring.WithPassphrase(args[2]).Work(10),
	})
	ts.Check(err)
}

func TestTheProgramEndsWithTheStatusOfItsError(t *testing.T) {
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"version"}, done},
		{[]string{"--help"}, done},
		{[]string{"nonsense"}, wrongUsage},
		{[]string{"request"}, wrongUsage},
		{[]string{"check", "--config", "/nonexistent/node.yaml"}, unknown},
	} {
		var out, errs strings.Builder
		if got := run(context.Background(), c.args, strings.NewReader(""), &out, &errs); got != c.want {
			t.Errorf("%v: status %d, want %d\n%s%s", c.args, got, c.want, out.String(), errs.String())
		}
		if c.want != done && !strings.Contains(errs.String(), "hint: ") {
			t.Errorf("%v: no hint in\n%s", c.args, errs.String())
		}
	}
}
