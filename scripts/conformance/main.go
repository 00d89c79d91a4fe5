// Command conformance lets other people's programs judge our exported logs. It is a module of its own, so that nobody's go.mod grows by
// them, and imports nothing of ours: it sees what a stranger sees, a folder.
//
//	go run . [-audit PROGRAM] FOLDER...
//
// Each tool has to accept the folder, and to refuse a copy of it in which one byte is changed where that tool looks: a check that cannot
// fail checks nothing. One line each; exit status 1 if one of them is not as it should be.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A tool is somebody else's program, or library.
type tool struct {
	name  string
	check func(ctx context.Context, a *archive) error
	// spoil names the file in which a changed byte must make it refuse.
	spoil func(a *archive) string
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(stderr)
	audit := flags.String("audit", "", "the `program` rogatory-audit: its proofs are checked too")
	if err := flags.Parse(args); err != nil || flags.NArg() == 0 {
		fmt.Fprintln(stderr, "usage: conformance [-audit PROGRAM] FOLDER...")
		return 2
	}
	tools := []tool{
		{"golang.org/x/mod note.Open", openNote, checkpointFile},
		{"transparency-dev/formats, both signatures", parseCheckpoint, checkpointFile},
		{"transparency-dev/tessera fsck", fsckTiles, entriesFile},
		{"torchwood AllEntries", allEntries, entriesFile},
		{"transparency-dev/merkle over torchwood's proofs", merkleProofs, hashesFile},
		{"litewitness", cosign, checkpointFile},
		{"openssl pkeyutl", openssl, checkpointFile},
	}
	if *audit != "" {
		tools = append(tools, tool{"torchwood VerifyProof over rogatory-audit prove", verifyProofs(*audit), nil})
	}
	status := 0
	for _, dir := range flags.Args() {
		for _, t := range tools {
			if err := judge(t, dir); err != nil {
				fmt.Fprintf(stdout, "FAIL  %s: %s: %v\n", filepath.Base(dir), t.name, err)
				status = 1
				continue
			}
			fmt.Fprintf(stdout, "ok    %s: %s\n", filepath.Base(dir), t.name)
		}
	}
	return status
}

// judge wants the tool to accept dir and to refuse a spoiled copy.
func judge(t tool, dir string) error {
	ctx := context.Background()
	a, err := open(dir)
	if err != nil {
		return err
	}
	if err := t.check(ctx, a); err != nil {
		return err
	}
	if t.spoil == nil {
		return nil
	}
	bad, err := a.spoiled(t.spoil(a))
	if err != nil {
		return err
	}
	defer os.RemoveAll(bad.dir)
	if t.check(ctx, bad) == nil {
		return fmt.Errorf("a changed byte of %s was accepted", t.spoil(a))
	}
	return nil
}
