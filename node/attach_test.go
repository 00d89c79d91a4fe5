package node_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/translog"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// stream is the node's end of a call within the process.
type stream struct{ ctx context.Context }

func (s stream) Context() context.Context   { return s.ctx }
func (stream) SetHeader(metadata.MD) error  { return nil }
func (stream) SendHeader(metadata.MD) error { return nil }
func (stream) SetTrailer(metadata.MD)       {}
func (stream) SendMsg(any) error            { return nil }
func (stream) RecvMsg(any) error            { return io.EOF }

var _ grpc.ServerStream = stream{}

// upload is a client's file on its way in.
type upload struct {
	stream
	pieces []*nodev1.AttachRequest
	got    *nodev1.AttachResponse
}

func (u *upload) Recv() (*nodev1.AttachRequest, error) {
	if len(u.pieces) == 0 {
		return nil, io.EOF
	}
	next := u.pieces[0]
	u.pieces = u.pieces[1:]
	return next, nil
}

func (u *upload) SendAndClose(r *nodev1.AttachResponse) error {
	u.got = r
	return nil
}

// download collects a file on its way out.
type download struct {
	stream
	bytes.Buffer
}

func (d *download) Send(r *nodev1.FetchResponse) error {
	_, err := d.Write(r.GetChunk())
	return err
}

// attach has the node seal a file.
func (p *person) attach(file []byte) (*rogatoryv1.Attachment, error) {
	u := &upload{stream: stream{context.Background()}, pieces: []*nodev1.AttachRequest{{
		Assertion: p.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_ATTACH}, time.Now()), MediaType: "image/png", Title: "A picture of nothing",
	}}}
	for rest := file; len(rest) > 0; {
		n := min(len(rest), 256<<10)
		u.pieces = append(u.pieces, &nodev1.AttachRequest{Chunk: rest[:n]})
		rest = rest[n:]
	}
	err := p.desk.Attach(u)
	return u.got.GetAttachment(), err
}

// fetch returns an attachment's plaintext.
func (p *person) fetch(ctx context.Context, token string, id []byte) ([]byte, error) {
	a := p.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: token, Reason: "case-work"}, time.Now())
	d := &download{stream: stream{ctx}}
	err := p.desk.Fetch(&nodev1.FetchRequest{Assertion: a, Id: id}, d)
	return d.Bytes(), err
}

// noise is a file of which no two pieces are alike.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

// with sends the example request with attachments.
func (p *person) with(t *testing.T, to string, list ...*rogatoryv1.Attachment) string {
	t.Helper()
	f := request(t, to)
	f.Content.Attachments = list
	token, err := p.hand(f)
	must(t, err)
	return token
}

func (p *person) here(t *testing.T, token string) int {
	t.Helper()
	shown, err := p.show(token)
	must(t, err)
	return len(shown.GetMessages()[0].GetAttachmentsHere())
}

func TestAttachmentIsPulledReceiptedFetchedAndFreed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		file := noise(700 << 10)
		listed, err := k.rs.attach(file)
		must(t, err)
		empty, err := k.rs.attach(nil)
		must(t, err)
		token := k.rs.with(t, "BG/police", listed, empty)
		within(t, time.Minute, "arrival", func() bool { return k.bg.has(token) })
		within(t, 10*time.Second, "the pull", func() bool { return k.bg.here(t, token) == 2 })
		for _, p := range []*person{k.rs, k.bg} {
			got, err := p.fetch(context.Background(), token, listed.GetId())
			must(t, err)
			if !bytes.Equal(got, file) {
				t.Errorf("%s fetches %d bytes that differ", p.code, len(got))
			}
		}
		if got, err := k.bg.fetch(context.Background(), token, empty.GetId()); err != nil || len(got) != 0 {
			t.Errorf("an empty file has %d bytes: %v", len(got), err)
		}
		_, err = k.bg.enrol("bg-fiu-1", "fiu").fetch(context.Background(), token, listed.GetId())
		refused(t, "fetching by another unit", err, "case")

		// Ours is kept for 14 days after the recipient has it.
		k.rest(15 * 24 * time.Hour)
		_, err = k.rs.fetch(context.Background(), token, listed.GetId())
		refused(t, "fetching what was freed", err, "attachment-freed")
		if got, err := k.bg.fetch(context.Background(), token, listed.GetId()); err != nil || !bytes.Equal(got, file) {
			t.Errorf("the recipient's copy is gone as well: %v", err)
		}
		k.end()
		if n := len(entries[*translog.Whole](k.f.node["BG"])); n != 1 {
			t.Errorf("%d whole leaves, not 1", n)
		}
		whole := 0
		for _, r := range entries[*translog.Rcpt](k.f.node["RS"]) {
			if r.Whole {
				whole++
			}
		}
		if whole != 1 {
			t.Errorf("%d receipts of the attachments, not 1", whole)
		}
	})
}

// The second message lists what came with the first, the third that and something new: each gets a `whole` leaf and a receipt of its own, and the
// sender's copies go.
func TestEachMessageThatListsAnAttachmentIsToldThatItIsHere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		listed, err := k.rs.attach(noise(1000))
		must(t, err)
		other, err := k.rs.attach(noise(2000))
		must(t, err)
		for _, list := range [][]*rogatoryv1.Attachment{{listed}, {listed}, {listed, other}} {
			token := k.rs.with(t, "BG/police", list...)
			within(t, time.Minute, "arrival", func() bool { return k.bg.has(token) })
			time.Sleep(time.Minute)
		}
		k.rest(15 * 24 * time.Hour)
		if n := blobs(t, k.rs.inside); n != 0 {
			t.Errorf("the sender keeps %d copies", n)
		}
		k.end()
		seen := map[translog.Hash]bool{}
		for _, w := range entries[*translog.Whole](k.f.node["BG"]) {
			if seen[w.Msg] {
				t.Error("one message is told twice")
			}
			seen[w.Msg] = true
		}
		if len(seen) != 3 {
			t.Errorf("%d messages are told, not 3", len(seen))
		}
		whole := 0
		for _, r := range entries[*translog.Rcpt](k.f.node["RS"]) {
			if r.Whole {
				whole++
			}
		}
		if whole != 3 {
			t.Errorf("%d receipts of attachments, not 3", whole)
		}
	})
}

func TestAttachmentGoesOnAfterACut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		file := noise(3 << 20)
		listed, err := k.rs.attach(file)
		must(t, err)
		k.f.net.Delay("RS", "BG", 100*time.Millisecond)
		token := k.rs.with(t, "BG/police", listed)
		within(t, time.Minute, "arrival", func() bool { return k.bg.has(token) })
		k.f.net.Cut("RS", "BG")
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, err = k.bg.fetch(ctx, token, listed.GetId())
		refused(t, "fetching while the line is cut", err, "attachment")
		k.bg.halt() // and the node goes away
		k.f.net.Heal("RS", "BG")
		k.bg.inside = k.f.node["BG"].run(slow)
		within(t, time.Minute, "the rest", func() bool { return k.bg.here(t, token) == 1 })
		got, err := k.bg.fetch(context.Background(), token, listed.GetId())
		must(t, err)
		if !bytes.Equal(got, file) {
			t.Error("the file differs")
		}
		k.end()
	})
}

func TestAttachmentThatNobodyListsIsRemovedAndOneTooLargeRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		small := func(c *configs.Node) { c.Limits.MaxAttachment = 1 << 20 }
		rs, bg := f.node["RS"].run(slow, small), f.node["BG"].run(slow, small)
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		p := rs.founder(1)
		_, err := p.attach(noise(1<<20 + 1))
		refused(t, "a file that is too large", err, "attachment-size")
		if n := blobs(t, rs); n != 0 {
			t.Errorf("%d files were left of it", n)
		}
		forgotten, err := p.attach(noise(1000))
		must(t, err)
		kept, err := p.attach(noise(1000))
		must(t, err)
		bg.halt()
		token := p.with(t, "BG/police", kept)
		rest := func(d time.Duration) {
			rs.halt()
			time.Sleep(d)
			rs = f.node["RS"].run(slow, small)
			time.Sleep(time.Minute)
		}
		rest(6 * 24 * time.Hour)
		if n := blobs(t, rs); n != 2 {
			t.Errorf("after six days %d files, not 2", n)
		}
		rest(2 * 24 * time.Hour)
		p = p.at(rs)
		if n := blobs(t, rs); n != 1 {
			t.Errorf("after eight days %d files, not 1", n)
		}
		bg = f.node["BG"].run(slow, small)
		rs.clearedIn(time.Minute)
		file := request(t, "BG/police")
		file.Content.Attachments = []*rogatoryv1.Attachment{forgotten}
		_, err = p.hand(file)
		refused(t, "listing what was removed", err, "unattached")
		within(t, time.Minute, "the listed one", func() bool { return bg.has(token) && bg.founder(1).here(t, token) == 1 })
		rs.halt()
		bg.halt()
	})
}

// blobs counts the files of attachments.
func blobs(t *testing.T, in *inside) int {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(in.load().Data, "blobs"))
	must(t, err)
	return len(files)
}
