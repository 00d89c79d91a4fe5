package chunked

import (
	"bytes"
	"compress/zlib"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/c2sp/wycheproof"
)

type vectorFile struct {
	TestGroups []struct {
		AEAD  string `json:"aead"`
		Tests []struct {
			TcID      int      `json:"tcId"`
			Comment   string   `json:"comment"`
			Key       string   `json:"key"`
			Ctx       string   `json:"ctx"`
			Ct        string   `json:"ct"`
			AEADKey   string   `json:"aeadKey"`
			BaseNonce string   `json:"baseNonce"`
			MsgLength int      `json:"msgLength"`
			MsgSHA512 string   `json:"msgSha512"`
			Result    string   `json:"result"`
			Flags     []string `json:"flags"`
		} `json:"tests"`
	} `json:"testGroups"`
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readAll reads until an error, then checks that the error stays.
func readAll(r *Reader) ([]byte, error) {
	b, err := io.ReadAll(r)
	for range 3 {
		n, again := r.Read(make([]byte, 10))
		if n != 0 || (err == nil && again != io.EOF) || (err != nil && !errors.Is(again, err)) {
			return b, fmt.Errorf("after %v, another read gives %d bytes and %v", err, n, again)
		}
	}
	return b, err
}

func TestAgreesWithWycheproof(t *testing.T) {
	raw, err := fs.ReadFile(wycheproof.TestVectors, "c2sp_chunked_encryption_aes_256_gcm_test.json")
	if err != nil {
		t.Fatal(err)
	}
	var f vectorFile
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, g := range f.TestGroups {
		if g.AEAD != "AEAD_AES_256_GCM" {
			t.Fatalf("group of %s", g.AEAD)
		}
		for _, tc := range g.Tests {
			count++
			t.Run(fmt.Sprintf("%d %s", tc.TcID, tc.Comment), func(t *testing.T) {
				key, ctx := unhex(t, tc.Key), unhex(t, tc.Ctx)
				z, err := zlib.NewReader(bytes.NewReader(unhex(t, tc.Ct)))
				if err != nil {
					t.Fatal(err)
				}
				ct, err := io.ReadAll(z)
				if err != nil {
					t.Fatal(err)
				}
				is := func(msg []byte) bool {
					sum := sha512.Sum512(msg)
					return len(msg) == tc.MsgLength && hex.EncodeToString(sum[:]) == tc.MsgSHA512
				}
				valid := tc.Result == "valid"

				msg, err := Open(key, ctx, ct)
				if (err == nil) != valid || valid && !is(msg) || !valid && msg != nil {
					t.Errorf("Open: %d bytes, %v", len(msg), err)
				}
				r, err := NewReader(iotest.HalfReader(bytes.NewReader(ct)), key, ctx)
				if slices.Contains(tc.Flags, "HeaderFailure") && err == nil {
					t.Error("NewReader accepts the header")
				}
				if err == nil {
					msg, err = readAll(r)
				}
				if (err == nil) != valid || valid && !is(msg) {
					t.Errorf("Reader: %d bytes, %v", len(msg), err)
				}
				if slices.Contains(tc.Flags, "PartialPlaintext") && !is(msg) {
					t.Errorf("Reader gives %d bytes before its error, want %d", len(msg), tc.MsgLength)
				}
				if !valid {
					return
				}
				if n, err := PlainSize(int64(len(ct))); err != nil || n != int64(tc.MsgLength) || SealedSize(n) != int64(len(ct)) {
					t.Errorf("PlainSize: %d, %v", n, err)
				}
				testResume(t, key, ctx, ct, msg)

				// Encryption is deterministic once the salt is given.
				d, commitment, err := derive(key, ctx, ct[:saltSize])
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(d.base[:], unhex(t, tc.BaseNonce)) {
					t.Error("another base nonce")
				}
				var out bytes.Buffer
				out.Write(ct[:saltSize])
				out.Write(commitment)
				w := &Writer{w: &out, d: d, buf: make([]byte, 0, ChunkSize)}
				if _, err := w.Write(msg); err != nil {
					t.Fatal(err)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(out.Bytes(), ct) {
					t.Error("another ciphertext")
				}
			})
		}
	}
	if count == 0 {
		t.Fatal("no vectors")
	}
}

func testResume(t *testing.T, key, ctx, ct, msg []byte) {
	chunks := int64(len(msg)/ChunkSize + 1)
	for _, i := range []int64{0, 1, chunks / 2, chunks - 1} {
		if i >= chunks {
			continue
		}
		r, err := ResumeReader(bytes.NewReader(ct[Offset(i):]), ct[:HeaderSize], key, ctx, i)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readAll(r); err != nil || !bytes.Equal(got, msg[i*ChunkSize:]) {
			t.Errorf("from chunk %d: %d bytes, %v", i, len(got), err)
		}
		// A chunk counts only in its own place.
		if r, err = ResumeReader(bytes.NewReader(ct[Offset(i):]), ct[:HeaderSize], key, ctx, i+1); err != nil {
			t.Fatal(err)
		}
		if got, err := readAll(r); !errors.Is(err, ErrAuthentication) || len(got) != 0 {
			t.Errorf("chunk %d passes for chunk %d", i, i+1)
		}
	}
}

var testKey = bytes.Repeat([]byte{7}, KeySize)

func TestEveryWayOfWritingGivesWhatEveryWayOfReadingReads(t *testing.T) {
	for _, n := range []int{0, 1, ChunkSize - 1, ChunkSize, ChunkSize + 1, 3 * ChunkSize, 3*ChunkSize + 17} {
		msg := bytes.Repeat([]byte("x"), n)
		once, err := Seal(testKey, []byte("c"), msg)
		if err != nil {
			t.Fatal(err)
		}
		var streamed bytes.Buffer
		w, err := NewWriter(&streamed, testKey, []byte("c"))
		if err != nil {
			t.Fatal(err)
		}
		for rest := msg; len(rest) > 0; rest = rest[min(len(rest), 1000):] {
			if _, err := w.Write(rest[:min(len(rest), 1000)]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for name, ct := range map[string][]byte{"Seal": once, "Writer": streamed.Bytes()} {
			if int64(len(ct)) != SealedSize(int64(n)) {
				t.Errorf("%s of %d bytes gives %d, SealedSize says %d", name, n, len(ct), SealedSize(int64(n)))
			}
			if got, err := Open(testKey, []byte("c"), ct); err != nil || !bytes.Equal(got, msg) {
				t.Errorf("%s of %d bytes, Open: %v", name, n, err)
			}
			r, err := NewReader(iotest.OneByteReader(bytes.NewReader(ct)), testKey, []byte("c"))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := readAll(r); err != nil || !bytes.Equal(got, msg) {
				t.Errorf("%s of %d bytes, Reader: %v", name, n, err)
			}
		}
		if _, err := w.Write([]byte("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("writing after Close: %v", err)
		}
		if err := w.Close(); !errors.Is(err, ErrClosed) {
			t.Errorf("closing twice: %v", err)
		}
	}
}

func TestKeyAndContextAreCommittedTo(t *testing.T) {
	ct, err := Seal(testKey, []byte("c"), []byte("m"))
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Repeat([]byte{8}, KeySize)
	if _, err := Open(other, []byte("c"), ct); !errors.Is(err, ErrCommitment) {
		t.Errorf("another key: %v", err)
	}
	if _, err := Open(testKey, []byte("d"), ct); !errors.Is(err, ErrCommitment) {
		t.Errorf("another context: %v", err)
	}
	if _, err := Open(testKey[:16], []byte("c"), ct); !errors.Is(err, ErrKey) {
		t.Errorf("a short key: %v", err)
	}
	if _, err := NewReader(bytes.NewReader(ct), nil, nil); !errors.Is(err, ErrKey) {
		t.Errorf("no key: %v", err)
	}
}

func TestEveryByteCounts(t *testing.T) {
	msg := bytes.Repeat([]byte("m"), 200)
	ct, err := Seal(testKey, nil, msg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ct {
		for bit := range 8 {
			ct[i] ^= 1 << bit
			if _, err := Open(testKey, nil, ct); err == nil {
				t.Fatalf("bit %d of byte %d does not count", bit, i)
			}
			ct[i] ^= 1 << bit
		}
	}
	for i := range ct {
		if _, err := Open(testKey, nil, ct[:i]); err == nil {
			t.Fatalf("cut to %d bytes it passes", i)
		}
	}
}

func TestTheLimitOfChunksHolds(t *testing.T) {
	d, _, err := newHeader(testKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.chunk = maxChunks - 1
	if _, err := d.seal(nil, nil); err != nil {
		t.Error(err)
	}
	if _, err := d.seal(nil, nil); !errors.Is(err, ErrTooLong) {
		t.Errorf("chunk 2^38: %v", err)
	}
	if _, err := ResumeReader(nil, nil, testKey, nil, maxChunks); !errors.Is(err, ErrTooLong) {
		t.Errorf("resuming at chunk 2^38: %v", err)
	}
}

func TestErrorsOfTheStreamBeneathAreNotTruncation(t *testing.T) {
	ct, err := Seal(testKey, nil, make([]byte, 2*ChunkSize))
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	r, err := NewReader(io.MultiReader(bytes.NewReader(ct[:HeaderSize+100]), iotest.ErrReader(broken)), testKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(r); !errors.Is(err, broken) || len(got) != 0 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	w, err := NewWriter(&limitedWriter{HeaderSize}, testKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, ChunkSize)); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a full disk: %v", err)
	}
	if err := w.Close(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("closing after a full disk: %v", err)
	}
}

// limitedWriter takes n bytes and no more.
type limitedWriter struct{ n int }

func (w *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > w.n {
		return 0, io.ErrShortWrite
	}
	w.n -= len(p)
	return len(p), nil
}

func FuzzOpen(f *testing.F) {
	for _, n := range []int{0, 1, ChunkSize} {
		ct, err := Seal(testKey, nil, make([]byte, n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(ct)
		f.Add(ct[:len(ct)-1])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, ct []byte) {
		whole, err := Open(testKey, nil, ct)
		r, errNew := NewReader(bytes.NewReader(ct), testKey, nil)
		if errNew != nil {
			if err == nil {
				t.Fatalf("Open accepts what NewReader refuses: %v", errNew)
			}
			return
		}
		streamed, errRead := readAll(r)
		if (err == nil) != (errRead == nil) || err == nil && !bytes.Equal(whole, streamed) {
			t.Fatalf("Open: %v, Reader: %v", err, errRead)
		}
	})
}

func BenchmarkWriter(b *testing.B) {
	msg := make([]byte, 1<<20)
	b.SetBytes(int64(len(msg)))
	w, err := NewWriter(io.Discard, testKey, nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := w.Write(msg); err != nil {
			b.Fatal(err)
		}
	}
}
