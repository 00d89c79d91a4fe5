package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/client"
)

const (
	exportFolder  = "export"
	directoryFile = "directory"
	// quorumPatience is how long the peers' cosignatures on the last head are waited for.
	quorumPatience = 4 * round
)

// export leaves what auditors need in the folder: every country's log as an archive, and the directory that they trust. The nodes run, so that
// their peers cosign the heads.
func (d *demo) export(ctx context.Context) error {
	c := d.cluster
	b, err := os.ReadFile(c.members[0].cfg.Directory)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.dir, directoryFile), b, 0o644); err != nil {
		return err
	}
	return c.each(func(m *member) error { return m.export(ctx, filepath.Join(c.dir, exportFolder, m.country)) })
}

// export writes the node's log as `rogatory-node log export` does, until peers have cosigned the head that it ends with.
func (m *member) export(ctx context.Context, out string) error {
	conn, err := m.as("")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	for end := time.Now().Add(quorumPatience); ; {
		if _, err := conn.Export(ctx, out, client.Export{}); err != nil {
			return fmt.Errorf("exporting: %w", err)
		}
		r, err := archive.Open(out)
		if err != nil {
			return err
		}
		note, err := r.Checkpoint()
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
		// Two signatures are the log's own.
		if bytes.Count(note, []byte("\n— ")) > 2 || time.Now().After(end) {
			return nil
		}
		select {
		case <-time.After(round / 2):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
