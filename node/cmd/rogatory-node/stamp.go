package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/crypto/timestamp"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/internal/input"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

// This file has the time of the log confirmed by a time-stamping authority.

const (
	hintTSA      = "give --tsa URL; or --request FILE, have it answered where there is a way out, and --response FILE"
	hintTSALater = "nothing was kept, and nothing waits for it: try again later, or another authority"
	hintTSARoots = "certificates in PEM, as the authority publishes them for openssl ts -verify"
)

// A stamp is what is asked of an authority.
type stamp struct {
	tsa, request, response, roots string
}

func (p *program) logStampCommand() *cobra.Command {
	var s stamp
	c := &cobra.Command{
		Use:   "stamp",
		Short: "Have a time-stamping authority confirm the newest head of the log",
		Long: `stamp asks a time-stamping authority (RFC 3161) for a token over the newest signed head of the log and has the running node log it: what the head
holds existed at that time, says somebody who is no member. The authority learns a hash and nothing else. An export carries the token; with the
authority's roots rogatory-audit verify --tsa ROOTS.pem judges it, and says A4 when nothing was done since.

  rogatory-node log stamp --dir rs --tsa https://tsa.example/ --roots tsa.pem

A machine without a way out does it in two steps; in between the request is answered elsewhere, for example by
curl --data-binary @rs.tsq -H 'Content-Type: application/timestamp-query' https://tsa.example/ >rs.tsr

  rogatory-node log stamp --dir rs --request rs.tsq
  rogatory-node log stamp --dir rs --response rs.tsr

Once a day is enough; configs has a systemd timer. When the authority is away the command says so (exit 3), and nothing else waits for it.
HTTPS_PROXY, HTTP_PROXY and NO_PROXY count.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return p.stamp(c.Context(), s) },
	}
	f := c.Flags()
	f.StringVar(&s.tsa, "tsa", "", "URL of the authority")
	f.StringVar(&s.request, "request", "", "write the request to a new file and ask nobody")
	f.StringVar(&s.response, "response", "", "take the authority's answer to such a request from a file")
	f.StringVar(&s.roots, "roots", "", "take a token only if one of these certificates (PEM) vouches for it")
	return c
}

func (p *program) stamp(ctx context.Context, s stamp) error {
	given := 0
	for _, v := range []string{s.tsa, s.request, s.response} {
		if v != "" {
			given++
		}
	}
	if given != 1 {
		return usage(errors.New("one of --tsa, --request and --response is wanted"), hintTSA)
	}
	roots, err := readRoots(s.roots)
	if err != nil {
		return err
	}
	cl, err := p.dial()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := p.within(ctx)
	defer cancel()
	if s.response != "" {
		return p.stampAnswered(ctx, cl, s.response, roots)
	}
	head, err := cl.StampHead(ctx)
	if err != nil {
		return err
	}
	nonce, err := nonceOf(head.Size)
	if err != nil {
		return err
	}
	request, err := timestamp.Request(head.Imprint(), nonce)
	if err != nil {
		return err
	}
	if s.request != "" {
		return p.writeRequest(s.request, head, request)
	}
	answer, err := askAuthority(ctx, s.tsa, request)
	if err != nil {
		return err
	}
	token, err := timestamp.ParseResponse(answer)
	if err != nil {
		return unsure(fmt.Errorf("the authority's answer: %w", err), hintTSALater)
	}
	parsed, err := timestamp.Parse(token)
	if err != nil {
		return no(fmt.Errorf("the authority's answer: %w", err), hintTSALater)
	}
	if parsed.Imprint != head.Imprint() || parsed.Nonce == nil || parsed.Nonce.Cmp(nonce) != 0 {
		return no(errors.New("the authority answered something else than it was asked"), hintTSALater)
	}
	return p.keepToken(ctx, cl, head.Size, token, parsed, roots)
}

// readRoots reads the certificates that a token must lead to; none for an empty path.
func readRoots(path string) (*timestamp.Roots, error) {
	if path == "" {
		return nil, nil
	}
	b, err := input.Read(path, 1<<20)
	if err != nil {
		return nil, err
	}
	roots, err := timestamp.ReadRoots(b)
	if err != nil {
		return nil, usage(fmt.Errorf("--roots %s: %w", path, err), hintTSARoots)
	}
	return roots, nil
}

// nonceBits are the random ones. Those above them hold the size of the head, so that an answer which comes days later says what it is about.
const nonceBits = 64

func nonceOf(size int64) (*big.Int, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), nonceBits))
	if err != nil {
		return nil, err
	}
	return nonce.Add(nonce, new(big.Int).Lsh(big.NewInt(size), nonceBits)), nil
}

func sizeOf(nonce *big.Int) (int64, bool) {
	if nonce == nil || nonce.Sign() < 0 {
		return 0, false
	}
	size := new(big.Int).Rsh(nonce, nonceBits)
	return size.Int64(), size.IsInt64() && size.Int64() <= translog.MaxInt
}

// askAuthority sends a request as RFC 3161, section 3.4, has it. One that answers with another address is not followed: it is named with --tsa.
func askAuthority(ctx context.Context, address string, request []byte) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usage(errors.New("--tsa is no address of a web server"), "as https://tsa.example/")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/timestamp-query")
	web := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := web.Do(r)
	if err != nil {
		return nil, unsure(fmt.Errorf("asking the time-stamping authority: %w", err), hintTSALater)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, unsure(fmt.Errorf("%s answers %s", u.Redacted(), resp.Status), hintTSALater)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, timestamp.MaxResponse+1))
	if err != nil {
		return nil, unsure(fmt.Errorf("reading the answer of the time-stamping authority: %w", err), hintTSALater)
	}
	return answer, nil
}

// writeRequest writes a request to a file that is not there yet.
func (p *program) writeRequest(path string, head translog.Checkpoint, request []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return no(fmt.Errorf("%s is there already", path), "name a new file")
	}
	if err != nil {
		return err
	}
	_, err = f.Write(request)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if p.json {
		return p.out.Value(struct {
			Request string `json:"request"`
			Log     string `json:"log"`
			Size    int64  `json:"size"`
		}{path, head.Origin, head.Size})
	}
	p.out.Printf("%s asks for a time token over the head of %d leaves of %s.\nHave it answered, then: rogatory-node log stamp --response FILE\n", path, head.Size, head.Origin)
	return nil
}

// stampAnswered takes an answer from a file: that of an authority, or the bare token in it.
func (p *program) stampAnswered(ctx context.Context, cl *client.Client, path string, roots *timestamp.Roots) error {
	token, err := input.Read(path, timestamp.MaxResponse)
	if err != nil {
		return err
	}
	if inner, err := timestamp.ParseResponse(token); err == nil {
		token = inner
	} else if errors.Is(err, timestamp.ErrRefused) {
		return no(fmt.Errorf("%s: %w", path, err), hintTSALater)
	}
	parsed, err := timestamp.Parse(token)
	if err != nil {
		return no(fmt.Errorf("%s: %w", path, err), "the file that the authority answered with is wanted, byte for byte; nothing was kept")
	}
	size, ok := sizeOf(parsed.Nonce)
	if !ok {
		return no(fmt.Errorf("%s is no answer to a request of this program: its nonce is missing or another", path), "rogatory-node log stamp --request FILE writes a request; nothing was kept")
	}
	return p.keepToken(ctx, cl, size, token, parsed, roots)
}

// stamped is the result as --json prints it.
type stamped struct {
	Size  int64  `json:"size"`
	Index uint64 `json:"index"`
	Time  string `json:"time"`
	By    string `json:"by"`
	// Trusted says whether roots were given, which vouch for it.
	Trusted bool `json:"trusted"`
}

// keepToken has the node log a token.
func (p *program) keepToken(ctx context.Context, cl *client.Client, size int64, token []byte, parsed *timestamp.Token, roots *timestamp.Roots) error {
	if roots != nil {
		if err := parsed.Verify(roots); err != nil {
			return no(err, "nothing was kept; is --roots the list of this authority?")
		}
	}
	var resp *nodev1.StampResponse
	resp, err := cl.Stamp(ctx, size, token)
	if err != nil {
		return err
	}
	r := stamped{size, resp.GetIndex(), time.UnixMilli(int64(resp.GetTimeMs())).UTC().Format(time.RFC3339), resp.GetBy(), roots != nil}
	if p.json {
		return p.out.Value(r)
	}
	p.out.Printf("What stands below leaf %d existed at %s, says %s. The token is leaf %d.\n", r.Size, r.Time, terminal.OneLine(r.By), r.Index)
	if roots == nil {
		p.err.Printf("note: whose certificate that is was not checked: --roots does\n")
	}
	return nil
}
