package envelope

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/rogatory/rogatory/crypto/envelope/chunked"
	"github.com/rogatory/rogatory/crypto/keyring"
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func sealAttachment(t *testing.T, file []byte, id AttachmentID, key keyring.Secret) ([]byte, SealedAttachment) {
	t.Helper()
	var ct bytes.Buffer
	sealed, err := SealAttachment(&ct, bytes.NewReader(file), id, key)
	if err != nil {
		t.Fatal(err)
	}
	return ct.Bytes(), sealed
}

func TestAttachmentComesBack(t *testing.T) {
	id, key := NewAttachmentID(), keyring.GenerateSecret()
	for _, n := range []int{0, 1, AttachmentChunk - 1, AttachmentChunk, 3*AttachmentChunk + 5} {
		file := randomBytes(n)
		ct, sealed := sealAttachment(t, file, id, key)
		if sealed.Length != int64(n) || sealed.Digest != sha256.Sum256(ct) || int64(len(ct)) != AttachmentSize(int64(n)) {
			t.Errorf("%d bytes: %+v of %d", n, sealed, len(ct))
		}
		var out bytes.Buffer
		if err := OpenAttachment(&out, bytes.NewReader(ct), id, key, sealed); err != nil || !bytes.Equal(out.Bytes(), file) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestOnlyTheNamedAttachmentOpens(t *testing.T) {
	id, key := NewAttachmentID(), keyring.GenerateSecret()
	file := randomBytes(40_000)
	ct, sealed := sealAttachment(t, file, id, key)
	again, _ := sealAttachment(t, file, id, key)
	flipped := bytes.Clone(ct)
	flipped[20_000] ^= 1
	otherLength, negative := sealed, sealed
	otherLength.Length--
	negative.Length = -1
	for name, tc := range map[string]struct {
		ct   []byte
		id   AttachmentID
		key  keyring.Secret
		want SealedAttachment
		err  error
	}{
		"another id":             {ct, NewAttachmentID(), key, sealed, chunked.ErrCommitment},
		"another key":            {ct, id, keyring.GenerateSecret(), sealed, chunked.ErrCommitment},
		"no key":                 {ct, id, keyring.Secret{}, sealed, chunked.ErrKey},
		"sealed a second time":   {again, id, key, sealed, ErrAttachment},
		"a bit flipped":          {flipped, id, key, sealed, chunked.ErrAuthentication},
		"cut at a chunk":         {ct[:chunked.Offset(2)], id, key, sealed, chunked.ErrTruncated},
		"another length":         {ct, id, key, otherLength, ErrAttachment},
		"a negative length":      {ct, id, key, negative, ErrAttachment},
		"more than was promised": {append(bytes.Clone(ct), make([]byte, 1000)...), id, key, sealed, chunked.ErrAuthentication},
	} {
		if err := OpenAttachment(io.Discard, bytes.NewReader(tc.ct), tc.id, tc.key, tc.want); !errors.Is(err, tc.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAttachmentReadsFromAnyChunkAndWhileItArrives(t *testing.T) {
	id, key := NewAttachmentID(), keyring.GenerateSecret()
	file := randomBytes(5*AttachmentChunk + 100)
	ct, _ := sealAttachment(t, file, id, key)
	for _, offset := range []int64{0, AttachmentChunk, 5 * AttachmentChunk} {
		for _, limit := range []int64{0, 1, AttachmentChunk + 1, 1 << 40} {
			var out bytes.Buffer
			want := file[offset:]
			want = want[:min(int64(len(want)), limit)]
			if err := ReadAttachment(&out, bytes.NewReader(ct), id, key, offset, limit); err != nil || !bytes.Equal(out.Bytes(), want) {
				t.Errorf("%d bytes from %d: %d bytes, %v", limit, offset, out.Len(), err)
			}
		}
	}
	for _, bad := range []int64{-AttachmentChunk, 1, AttachmentChunk - 1} {
		if err := ReadAttachment(io.Discard, bytes.NewReader(ct), id, key, bad, 1); !errors.Is(err, ErrOffset) {
			t.Errorf("from %d: %v", bad, err)
		}
	}
	for end, want := range map[int64]error{chunked.Offset(2): io.ErrUnexpectedEOF, chunked.Offset(2) + 8000: chunked.ErrAuthentication} {
		var out bytes.Buffer
		err := ReadAttachment(&out, bytes.NewReader(ct[:end]), id, key, 0, 1<<40)
		if !errors.Is(err, want) || !bytes.Equal(out.Bytes(), file[:2*AttachmentChunk]) {
			t.Errorf("when %d bytes have arrived: %d bytes, %v", end, out.Len(), err)
		}
	}
	if err := ReadAttachment(io.Discard, bytes.NewReader(ct[:30]), id, key, 0, 1); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("of half a header: %v", err)
	}
}

// endless yields n bytes that need no memory.
func endless(n int64) io.Reader { return io.LimitReader(zeros{}, n) }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// checkAttachmentMemory seals n bytes into a pipe and opens them at its other end, and fails if the heap grew by more than limit.
func checkAttachmentMemory(t *testing.T, n int64, limit uint64) {
	id, key := NewAttachmentID(), keyring.GenerateSecret()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)

	r, w := io.Pipe()
	sealed := make(chan SealedAttachment, 1)
	go func() {
		s, err := SealAttachment(w, endless(n), id, key)
		sealed <- s
		w.CloseWithError(err)
	}()
	cr, err := chunked.NewReader(r, key.Bytes(), attachmentContext(id))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.Copy(io.Discard, cr)
	if err != nil || got != n {
		t.Fatalf("%d bytes, %v", got, err)
	}
	if s := <-sealed; s.Length != n {
		t.Errorf("sealed %d bytes", s.Length)
	}

	// Not collected, and Sys rather than the live heap: what was ever asked of the system counts.
	runtime.ReadMemStats(&after)
	if grown := after.Sys - before.Sys; after.Sys > before.Sys && grown > limit {
		t.Errorf("%d MiB took %d MiB more memory", n>>20, grown>>20)
	}
	if total := after.TotalAlloc - before.TotalAlloc; total > limit {
		t.Errorf("%d MiB allocated %d MiB", n>>20, total>>20)
	}
}

func TestAttachmentsStreamInLittleMemory(t *testing.T) {
	checkAttachmentMemory(t, 32<<20, 8<<20)
}
