// Package chunked implements C2SP chunked-encryption@v1 (https://c2sp.org/chunked-encryption) with SHA-512 and AES-256-GCM, also
// called Cobblestone-256: streaming encryption in chunks of 16 KiB that commits to its key and context, and that notices reordering,
// truncation and extension.
//
// A ciphertext is salt (24 bytes), commitment (32 bytes), then the sealed chunks. Every chunk but the last holds exactly 16 KiB; the
// last one holds less, and may be empty.
package chunked

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// KeySize is the input key's length in bytes.
	KeySize = 32
	// HeaderSize is the length of salt and commitment.
	HeaderSize = saltSize + commitmentSize
	// ChunkSize is the length of a whole chunk's plaintext.
	ChunkSize = 16 << 10
	// SealedChunkSize is the length of a whole chunk's ciphertext.
	SealedChunkSize = ChunkSize + tagSize

	saltSize       = 24
	commitmentSize = 32
	nonceSize      = 12
	tagSize        = 16

	// maxChunks is the specification's limit: 4 PiB.
	maxChunks = 1 << 38

	infoPrefix = "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"
)

var (
	// ErrKey means that the key is not 32 bytes long.
	ErrKey = errors.New("chunked encryption key is not 32 bytes long")
	// ErrCommitment means that key or context are not those of the ciphertext.
	ErrCommitment = errors.New("ciphertext belongs to another key or context")
	// ErrAuthentication means that a chunk was changed or moved.
	ErrAuthentication = errors.New("chunk does not authenticate")
	// ErrTruncated means that the ciphertext does not end with a short chunk.
	ErrTruncated = errors.New("ciphertext is truncated")
	// ErrTooLong means that the message exceeds 2^38 chunks.
	ErrTooLong = errors.New("message is too long")
	// ErrClosed means that a Writer was used after Close.
	ErrClosed = errors.New("writer is closed")
)

// SealedSize returns the ciphertext's length for a plaintext of n bytes.
func SealedSize(n int64) int64 {
	return HeaderSize + n + (n/ChunkSize+1)*tagSize
}

// PlainSize returns the plaintext's length for a ciphertext of n bytes, or ErrTruncated if no ciphertext has that length.
func PlainSize(n int64) (int64, error) {
	body := n - HeaderSize
	if body < 0 || body%SealedChunkSize < tagSize {
		return 0, ErrTruncated
	}
	return body - (body/SealedChunkSize+1)*tagSize, nil
}

// Offset returns where in the ciphertext chunk number i begins.
func Offset(i int64) int64 { return HeaderSize + i*SealedChunkSize }

// derived is the single-use state of one message.
type derived struct {
	aead  cipher.AEAD
	base  [nonceSize]byte
	chunk uint64
}

func derive(key, context, salt []byte) (*derived, []byte, error) {
	if len(key) != KeySize {
		return nil, nil, ErrKey
	}
	info := make([]byte, 0, len(infoPrefix)+len(salt)+len(context))
	info = append(info, infoPrefix...)
	info = append(info, salt...)
	info = append(info, context...)
	out, err := hkdf.Expand(sha512.New, key, string(info), KeySize+nonceSize+commitmentSize)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(out[:KeySize])
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, nil, err
	}
	return &derived{aead: aead, base: [nonceSize]byte(out[KeySize:])}, out[KeySize+nonceSize:], nil
}

// newHeader returns the state and the header of a new message.
func newHeader(key, context []byte) (*derived, []byte, error) {
	header := make([]byte, saltSize, HeaderSize)
	_, _ = rand.Read(header) // never fails: crypto/rand stops the program instead
	d, commitment, err := derive(key, context, header)
	if err != nil {
		return nil, nil, err
	}
	return d, append(header, commitment...), nil
}

// checkHeader returns the state for a header that commits to key and context.
func checkHeader(key, context, header []byte) (*derived, error) {
	if len(header) != HeaderSize {
		return nil, ErrTruncated
	}
	d, commitment, err := derive(key, context, header[:saltSize])
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(commitment, header[saltSize:]) != 1 {
		return nil, ErrCommitment
	}
	return d, nil
}

// nonce returns the next chunk's nonce: base XOR the chunk's number, big-endian.
func (d *derived) nonce() ([]byte, error) {
	if d.chunk >= maxChunks {
		return nil, ErrTooLong
	}
	n := d.base
	binary.BigEndian.PutUint64(n[4:], binary.BigEndian.Uint64(n[4:])^d.chunk)
	d.chunk++
	return n[:], nil
}

func (d *derived) seal(dst, plain []byte) ([]byte, error) {
	nonce, err := d.nonce()
	if err != nil {
		return nil, err
	}
	return d.aead.Seal(dst, nonce, plain, nil), nil
}

func (d *derived) open(dst, sealed []byte) ([]byte, error) {
	nonce, err := d.nonce()
	if err != nil {
		return nil, err
	}
	out, err := d.aead.Open(dst, nonce, sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("chunk %d: %w", d.chunk-1, ErrAuthentication)
	}
	return out, nil
}

// Seal returns the ciphertext of plain under key, which must be uniformly random, and context, which may be empty.
func Seal(key, context, plain []byte) ([]byte, error) {
	d, header, err := newHeader(key, context)
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, SealedSize(int64(len(plain)))), header...)
	for len(plain) >= ChunkSize {
		if out, err = d.seal(out, plain[:ChunkSize]); err != nil {
			return nil, err
		}
		plain = plain[ChunkSize:]
	}
	return d.seal(out, plain)
}

// Open returns the plaintext of a whole ciphertext, or nothing.
func Open(key, context, sealed []byte) ([]byte, error) {
	n, err := PlainSize(int64(len(sealed)))
	if err != nil {
		return nil, err
	}
	d, err := checkHeader(key, context, sealed[:HeaderSize])
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, n)
	for sealed = sealed[HeaderSize:]; len(sealed) >= SealedChunkSize; sealed = sealed[SealedChunkSize:] {
		if out, err = d.open(out, sealed[:SealedChunkSize]); err != nil {
			return nil, err
		}
	}
	return d.open(out, sealed)
}

// Writer encrypts what is written to it. It holds one chunk.
type Writer struct {
	w    io.Writer
	d    *derived
	buf  []byte
	out  []byte
	fail error
}

// NewWriter writes the header to w and returns a Writer. The ciphertext is complete only after Close.
func NewWriter(w io.Writer, key, context []byte) (*Writer, error) {
	d, header, err := newHeader(key, context)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(header); err != nil {
		return nil, err
	}
	return &Writer{w: w, d: d, buf: make([]byte, 0, ChunkSize), out: make([]byte, 0, SealedChunkSize)}, nil
}

// Write encrypts p. After an error nothing more can be written.
func (w *Writer) Write(p []byte) (int, error) {
	if w.fail != nil {
		return 0, w.fail
	}
	total := len(p)
	for len(p) > 0 {
		n := copy(w.buf[len(w.buf):ChunkSize], p)
		w.buf = w.buf[:len(w.buf)+n]
		p = p[n:]
		if len(w.buf) == ChunkSize {
			if err := w.flush(); err != nil {
				return total - len(p), err
			}
		}
	}
	return total, nil
}

// Close writes the short last chunk. It does not close the writer beneath.
func (w *Writer) Close() error {
	if w.fail != nil {
		return w.fail
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.fail = ErrClosed
	return nil
}

func (w *Writer) flush() error {
	out, err := w.d.seal(w.out[:0], w.buf)
	if err == nil {
		_, err = w.w.Write(out)
	}
	if err != nil {
		w.fail = err
		return err
	}
	w.buf = w.buf[:0]
	return nil
}

// Reader decrypts a ciphertext chunk by chunk: every byte that it returns is authentic, and that the message is whole is known when it
// returns io.EOF. It holds one chunk.
type Reader struct {
	r    io.Reader
	d    *derived
	in   []byte
	out  []byte // decrypted and not yet returned
	last bool
	fail error
}

// NewReader reads the header from r and returns a Reader, or ErrCommitment if key or context are not the ciphertext's.
func NewReader(r io.Reader, key, context []byte) (*Reader, error) {
	if len(key) != KeySize {
		return nil, ErrKey
	}
	var header [HeaderSize]byte
	if _, err := io.ReadFull(r, header[:]); err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil, ErrTruncated
	} else if err != nil {
		return nil, err
	}
	return ResumeReader(r, header[:], key, context, 0)
}

// ResumeReader returns a Reader that begins with the given chunk: r stands at Offset(chunk) of the ciphertext whose first HeaderSize
// bytes are header.
func ResumeReader(r io.Reader, header, key, context []byte, chunk int64) (*Reader, error) {
	if chunk < 0 || chunk >= maxChunks {
		return nil, ErrTooLong
	}
	d, err := checkHeader(key, context, header)
	if err != nil {
		return nil, err
	}
	d.chunk = uint64(chunk)
	return &Reader{r: r, d: d, in: make([]byte, SealedChunkSize)}, nil
}

// Read returns authentic plaintext. Its errors stay.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.fail == nil && r.last {
			r.fail = io.EOF
		}
		if r.fail != nil {
			return 0, r.fail
		}
		r.fail = r.next()
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

func (r *Reader) next() error {
	n, err := io.ReadFull(r.r, r.in)
	switch {
	case err == io.EOF, err == io.ErrUnexpectedEOF && n < tagSize:
		return ErrTruncated
	case err == io.ErrUnexpectedEOF:
		r.last = true
	case err != nil:
		return err
	}
	// Decrypting in place keeps the memory at one chunk.
	r.out, err = r.d.open(r.in[:0], r.in[:n])
	if err != nil {
		r.out = nil
	}
	return err
}
