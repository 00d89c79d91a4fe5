package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The authority of the script stamp: openssl as RFC 3161 has it, behind a web server.
const opensslConf = `
[req]
distinguished_name = dn
prompt = no
[dn]
CN = Invented TSA
[root]
basicConstraints = critical, CA:TRUE
[signer]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa1]
serial = serial
signer_digest = sha256
default_policy = 1.3.6.1.4.1.32473.1
digests = sha256
`

// startAuthority DIR makes an authority in a folder, with root.pem and other.pem, which is not its root, and starts its server: TSA_URL answers, TSA_DOWN is
// out of order, TSA_LIES answers each request with the token of the first one.
func startAuthority(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: authority folder")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(os.WriteFile(filepath.Join(dir, "conf"), []byte(opensslConf), 0o600))
	ts.Check(os.WriteFile(filepath.Join(dir, "serial"), []byte("01\n"), 0o600))
	openssl := func(words string) {
		c := exec.Command("openssl", strings.Fields(words)...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			ts.Fatalf("openssl %s: %v\n%s", words, err, out)
		}
	}
	const key = " -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config conf "
	openssl("req -x509 -extensions root -days 30 -keyout root.key -out root.pem -subj /CN=root" + key)
	openssl("req -x509 -extensions root -days 30 -keyout other.key -out other.pem -subj /CN=other" + key)
	openssl("req -new -keyout tsa.key -out tsa.csr" + key)
	openssl("x509 -req -in tsa.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 -extfile conf -extensions signer -out tsa.pem")
	var mu sync.Mutex
	var first []byte
	answer := func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
		if err != nil || r.Header.Get("Content-Type") != "application/timestamp-query" || r.URL.Path == "/down" {
			http.Error(w, "out of order", http.StatusServiceUnavailable)
			return
		}
		if r.URL.Path != "/lies" || first == nil {
			if err := os.WriteFile(filepath.Join(dir, "query"), b, 0o600); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			c := exec.CommandContext(r.Context(), "openssl", strings.Fields("ts -reply -config conf -section tsa1 -queryfile query -signer tsa.pem -inkey tsa.key")...)
			c.Dir = dir
			out, err := c.Output()
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			if first == nil {
				first = out
			}
			b = out
		} else {
			b = first
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(b)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	s := &http.Server{Handler: http.HandlerFunc(answer), ReadHeaderTimeout: time.Minute}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	ts.Defer(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		ts.Check(s.Shutdown(ctx))
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			ts.Check(err)
		}
	})
	base := "http://" + l.Addr().String()
	ts.Setenv("TSA_URL", base+"/")
	ts.Setenv("TSA_DOWN", base+"/down")
	ts.Setenv("TSA_LIES", base+"/lies")
}

// buildAuditor FILE builds the auditor's program.
func buildAuditor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: auditor file")
	}
	out, err := exec.Command("go", "build", "-o", ts.MkAbs(args[0]), "github.com/rogatory/rogatory/node/cmd/rogatory-audit").CombinedOutput()
	if err != nil {
		ts.Fatalf("building the auditor's program: %v\n%s", err, out)
	}
}
