package main

import (
	"cmp"
	"context"
	"fmt"
	"mime"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/internal/input"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// attachAll has the node seal the files that a request file names, and lists them in its content in their order. They lie in the file's folder or
// below: who writes a request file for an officer chooses nothing else of the officer's machine to be sent.
func (p *program) attachAll(ctx context.Context, cl *client.Client, f *requestFile) error {
	for _, a := range f.GetAttachments() {
		file, err := input.Below(f.folder, a.GetPath())
		if err != nil {
			return err
		}
		sealed, err := attach(ctx, cl, file, a.GetMediaType(), a.GetTitle())
		if err != nil {
			return err
		}
		f.Content.Attachments = append(f.Content.Attachments, sealed)
	}
	f.Attachments = nil
	return nil
}

// attach has the node seal an open file, and closes it.
func attach(ctx context.Context, cl *client.Client, file *os.File, mediaType, title string) (*rogatoryv1.Attachment, error) {
	defer file.Close()
	if mediaType == "" {
		mediaType = typeOf(file.Name())
	}
	return cl.Attach(ctx, file, mediaType, title)
}

// typeOf is a file's media type by its extension.
func typeOf(path string) string {
	t, _, _ := strings.Cut(mime.TypeByExtension(filepath.Ext(path)), ";")
	return cmp.Or(t, "application/octet-stream")
}

// nameTypes puts in the media types that a file leaves out.
func (f *requestFile) nameTypes() {
	for _, a := range f.GetAttachments() {
		a.MediaType = cmp.Or(a.MediaType, typeOf(a.Path))
	}
}

func (p *program) requestAttach() *cobra.Command {
	var mediaType, title string
	c := &cobra.Command{
		Use: "attach FILE", Short: "Have the node seal a file, and print what a content lists", Args: exactly(1),
		Long: "attach has the node seal a file and prints, as JSON, the entry for a content's attachments. It holds the file's key: treat it like the file. send does this by itself for the attachments that a request file names.",
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := p.dialAs()
			if err != nil {
				return err
			}
			defer cl.Close()
			file, err := input.Stream(args[0])
			if err != nil {
				return err
			}
			a, err := attach(c.Context(), cl, file, mediaType, title)
			if err != nil {
				return err
			}
			return printJSON(p.out, a)
		},
	}
	c.Flags().StringVar(&mediaType, "type", "", "media type (default: by the file's extension)")
	c.Flags().StringVar(&title, "title", "", "title for the reader")
	return c
}

func (p *program) requestFetch() *cobra.Command {
	var out, reason string
	var number int
	c := &cobra.Command{
		Use: "fetch CASE", Short: "Write a case's attachment to a file", Args: exactly(1),
		Long: "fetch writes an attachment of a case to a new file; the node pulls it from the peer first when needed. Attachments are numbered from 1, in the order of the case's messages. Reading is logged with its reason.",
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := p.dialAs()
			if err != nil {
				return err
			}
			defer cl.Close()
			shown, err := p.show(c.Context(), cl, args[0], reason)
			if err != nil {
				return err
			}
			var all []*rogatoryv1.Attachment
			for _, m := range shown.GetMessages() {
				all = append(all, m.GetContent().GetAttachments()...)
			}
			if number < 1 || number > len(all) {
				return no(fmt.Errorf("the case has %d attachment(s)", len(all)), "rogatory-node request show CASE lists them; --number counts from 1")
			}
			return p.fetch(c.Context(), cl, args[0], all[number-1], reason, out)
		},
	}
	f := c.Flags()
	f.IntVar(&number, "number", 1, "which attachment")
	f.StringVar(&out, "out", "", "file to write")
	f.StringVar(&reason, "reason", "case-work", "coded reason of the reading")
	_ = c.MarkFlagRequired("out")
	return c
}

// fetch writes the plaintext to a file that gets its name only when all is there.
func (p *program) fetch(ctx context.Context, cl *client.Client, token string, a *rogatoryv1.Attachment, reason, out string) (err error) {
	if exists(out) {
		return no(fmt.Errorf("%s exists already", out), "files are never overwritten: choose another path")
	}
	if info, err := os.Stat(filepath.Dir(out)); err != nil || !info.IsDir() {
		return usage(fmt.Errorf("there is no folder %s", filepath.Dir(out)), "make it first")
	}
	f, err := os.CreateTemp(filepath.Dir(out), "."+filepath.Base(out)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	n, err := cl.Fetch(ctx, token, a.GetId(), reason, f)
	if err == nil && uint64(n) != a.GetLength() {
		err = unsure(fmt.Errorf("%d bytes came, the message says %d", n, a.GetLength()), "try again")
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), out); err != nil {
		return err
	}
	if p.json {
		return p.out.Value(map[string]any{"file": out, "bytes": n, "mediaType": a.GetMediaType()})
	}
	p.out.Printf("%s: %d bytes, %s\n", out, n, terminal.OneLine(a.GetMediaType()))
	return nil
}
