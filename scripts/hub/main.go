// Hub is the backbone of a federation on one machine: an authority that signs the members' requests, and a NATS server with the rules
// that keep members apart.
//
//	go run ./scripts/hub sign --dir hub RS=rs/tls/nats.csr BG=bg/tls/nats.csr
//	go run ./scripts/hub run --dir hub --listen 127.0.0.1:4222 RS BG
//	go run ./scripts/hub conf --dir hub --listen 0.0.0.0:4222 --host nats.example RS BG > nats-server.conf
//	go run ./scripts/hub streams --dir hub --url tls://nats.example:4222 --replicas 3 RS BG
//
// `run` is for tests and small federations. In earnest the operator runs nats-server with what `conf` prints, a cluster of three, and
// makes the streams once with `streams`. The hub's operator can delay and drop messages and see who writes to whom; nothing else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rogatory/rogatory/node/transport/backbone"
	"github.com/rogatory/rogatory/node/transport/broker"
)

const usage = `usage: hub sign    --dir DIR CC=FILE.csr …        signs members' requests; nats.pem and nats-ca.pem land beside each
       hub run     --dir DIR [--listen HOST:PORT] CC …   runs the server
       hub conf    --dir DIR [--listen HOST:PORT] [--host NAME] CC …   prints nats-server.conf
       hub streams --dir DIR --url URL [--replicas N] CC …   makes the streams on a running server
`

var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "hub:", err)
		os.Exit(1)
	}
}

// options are the flags of all commands.
type options struct {
	dir, listen, host, url string
	replicas               int
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	var o options
	flags := flag.NewFlagSet("hub", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {}
	flags.StringVar(&o.dir, "dir", "hub", "folder of authority and streams")
	flags.StringVar(&o.listen, "listen", "127.0.0.1:4222", "address to listen on")
	flags.StringVar(&o.host, "host", "", "name that members know the server by")
	flags.StringVar(&o.url, "url", "", "address of a running server")
	flags.IntVar(&o.replicas, "replicas", 1, "copies of each stream in a cluster")
	if flags.Parse(args[1:]) != nil || flags.NArg() == 0 {
		return errUsage
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	authority, err := broker.OpenAuthority(o.dir)
	if err != nil {
		return err
	}
	switch args[0] {
	case "sign":
		return sign(authority, flags.Args(), stdout)
	case "run":
		return serve(ctx, authority, o, flags.Args(), stdout)
	case "conf":
		return conf(authority, o, flags.Args(), stdout)
	case "streams":
		return streams(ctx, authority, o, flags.Args())
	}
	return errUsage
}

// sign answers signing requests, given as CC=FILE.
func sign(a *broker.Authority, requests []string, stdout io.Writer) error {
	for _, r := range requests {
		country, file, ok := strings.Cut(r, "=")
		if !ok {
			return errUsage
		}
		request, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		cert, err := a.Sign(request, country)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		folder := filepath.Dir(file)
		if err := errors.Join(
			os.WriteFile(filepath.Join(folder, "nats.pem"), cert, 0o644),
			os.WriteFile(filepath.Join(folder, "nats-ca.pem"), a.Roots(), 0o644),
		); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s signed: %s\n", country, filepath.Join(folder, "nats.pem"))
	}
	return nil
}

// serve runs a server until ctx ends.
func serve(ctx context.Context, a *broker.Authority, o options, countries []string, stdout io.Writer) error {
	host, portText, err := net.SplitHostPort(o.listen)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return fmt.Errorf("port %q: %w", portText, errUsage)
	}
	pair, err := a.Server(hosts(host, o.host)...)
	if err != nil {
		return err
	}
	cert, err := pair.Certificate()
	if err != nil {
		return err
	}
	b, err := broker.Start(broker.Options{
		Dir: filepath.Join(o.dir, "jetstream"), Host: host, Port: port, Countries: countries, Certificate: cert, Roots: a.Roots(),
	})
	if err != nil {
		return err
	}
	defer b.Shutdown()
	o.url = b.URL()
	if err := streams(ctx, a, o, countries); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "backbone of %s at %s\n", strings.Join(countries, " "), b.URL())
	<-ctx.Done()
	return nil
}

func hosts(names ...string) []string {
	out := []string{"localhost", "127.0.0.1"}
	for _, n := range names {
		if n != "" && n != "0.0.0.0" && n != "::" {
			out = append(out, n)
		}
	}
	return out
}

// conf prints a configuration for nats-server, and makes the server's certificate.
func conf(a *broker.Authority, o options, countries []string, stdout io.Writer) error {
	pair, err := a.Server(hosts(o.host)...)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	if err := errors.Join(pair.WriteFiles(dir, "server"), os.WriteFile(filepath.Join(dir, "roots.pem"), a.Roots(), 0o644)); err != nil {
		return err
	}
	text, err := broker.Config(broker.Files{
		Listen: o.listen, Store: filepath.Join(dir, "jetstream"),
		Cert: filepath.Join(dir, "server.pem"), Key: filepath.Join(dir, "server-key.pem"), Roots: filepath.Join(dir, "roots.pem"),
	}, countries)
	if err != nil {
		return err
	}
	_, err = io.WriteString(stdout, text)
	return err
}

// streams makes what the members need on a running server. What is there already stays as it is.
func streams(ctx context.Context, a *broker.Authority, o options, countries []string) error {
	pair, err := a.Operator()
	if err != nil {
		return err
	}
	cert, err := pair.Certificate()
	if err != nil {
		return err
	}
	config, err := backbone.ClientTLS(cert, a.Roots())
	if err != nil {
		return err
	}
	nc, err := nats.Connect(o.url, nats.Secure(config), nats.Name("rogatory operator"))
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", o.url, err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return backbone.EnsureStreams(ctx, js, countries, backbone.StreamOptions{Replicas: o.replicas})
}
