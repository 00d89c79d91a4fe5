package main

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"github.com/rogatory/rogatory/crypto/timestamp"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
)

// trustTime reads whom the auditor believes about time. What lies in an export is the operator's.
func (p *program) trustTime(a *audit.Anchor, exports []string) error {
	path := cmp.Or(p.tsa, os.Getenv("ROGATORY_TSA"))
	if path == "" {
		return nil
	}
	const hint = "the certificates that the authority publishes, as openssl ts -verify -CAfile takes them, from a source that you trust"
	for _, export := range exports {
		if within(path, export) {
			return usage(fmt.Errorf("--tsa %s belongs to the export %s, whose operator wrote it", path, export), hint)
		}
	}
	b, err := readFile(path)
	if err != nil {
		return err
	}
	roots, err := timestamp.ReadRoots(b)
	if err != nil {
		return usage(fmt.Errorf("--tsa %s: %w", path, err), hint)
	}
	a.TrustTime(roots)
	return nil
}

// timed tells a person what time tokens say; in JSON it stands in the result.
func (p *program) timed(t audit.Timed) {
	if t.Size > 0 {
		p.err.Printf("time: what stands below leaf %s existed at %s, says %s\n", count(t.Size), time.UnixMilli(t.At).UTC().Format(time.RFC3339), terminal.OneLine(t.By))
	}
	if t.Unjudged > 0 {
		p.err.Printf("time: %s tokens not judged: --tsa says whom you believe\n", count(t.Unjudged))
	}
}
