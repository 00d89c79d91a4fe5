package envelope

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/rogatory/rogatory/crypto/envelope/chunked"
	"github.com/rogatory/rogatory/crypto/keyring"
)

// AttachmentID is an attachment's random name. It says nothing about what the attachment is.
type AttachmentID [16]byte

// NewAttachmentID returns a random name.
func NewAttachmentID() AttachmentID {
	var id AttachmentID
	_, _ = rand.Read(id[:]) // never fails: crypto/rand stops the program instead
	return id
}

// AttachmentChunk is the length of a chunk's plaintext: reading resumes at multiples of it.
const AttachmentChunk = chunked.ChunkSize

// ErrAttachment means that an attachment's length or digest are not those that the content names.
var ErrAttachment = errors.New("attachment is not the one that the content names")

// ErrOffset means that an attachment was resumed elsewhere than at the beginning of a chunk.
var ErrOffset = errors.New("offset is not at the beginning of a chunk")

// AttachmentSize is the ciphertext's length for an attachment of n bytes.
func AttachmentSize(n int64) int64 { return chunked.SealedSize(n) }

func attachmentContext(id AttachmentID) []byte { return append([]byte(contextAttachment), id[:]...) }

// SealedAttachment is what a content says of an attachment, beside its id and key.
type SealedAttachment struct {
	// Length is the plaintext's length in bytes.
	Length int64
	// Digest is the SHA-256 of the ciphertext.
	Digest [sha256.Size]byte
}

// SealAttachment reads an attachment from r to its end and writes its ciphertext to w: C2SP chunked-encryption@v1 with context
// "rogatory/v1/attachment\0" || id. It holds a few chunks of memory, whatever the length. key is random and used for this id only; one
// ciphertext serves all recipients. After an error what was written is of no use.
func SealAttachment(w io.Writer, r io.Reader, id AttachmentID, key keyring.Secret) (SealedAttachment, error) {
	h := sha256.New()
	raw := key.Bytes()
	defer clear(raw)
	cw, err := chunked.NewWriter(io.MultiWriter(w, h), raw, attachmentContext(id))
	if err != nil {
		return SealedAttachment{}, fmt.Errorf("sealing attachment: %w", err)
	}
	n, err := io.CopyBuffer(cw, onlyReader{r}, make([]byte, 4*AttachmentChunk))
	if err == nil {
		err = cw.Close()
	}
	if err != nil {
		return SealedAttachment{}, fmt.Errorf("sealing attachment: %w", err)
	}
	return SealedAttachment{Length: n, Digest: [sha256.Size]byte(h.Sum(nil))}, nil
}

// OpenAttachment reads a whole ciphertext from r and writes the attachment to w. Every byte it writes is authentic for id and key; that it is the
// very ciphertext that the content names is known when it returns nil. A breach is ErrAttachment or an error of package chunked.
func OpenAttachment(w io.Writer, r io.Reader, id AttachmentID, key keyring.Secret, want SealedAttachment) error {
	if want.Length < 0 {
		return fmt.Errorf("opening attachment: %w", ErrAttachment)
	}
	h := sha256.New()
	// One byte more than expected is enough to see that it is too long.
	limited := io.LimitReader(r, AttachmentSize(want.Length)+1)
	raw := key.Bytes()
	defer clear(raw)
	cr, err := chunked.NewReader(io.TeeReader(limited, h), raw, attachmentContext(id))
	if err != nil {
		return fmt.Errorf("opening attachment: %w", err)
	}
	n, err := io.CopyBuffer(onlyWriter{w}, cr, make([]byte, AttachmentChunk))
	if err != nil {
		return fmt.Errorf("opening attachment: %w", err)
	}
	if n != want.Length || [sha256.Size]byte(h.Sum(nil)) != want.Digest {
		return fmt.Errorf("opening attachment: %w", ErrAttachment)
	}
	return nil
}

// ReadAttachment writes the attachment's bytes from offset on to w, at most limit of them: for showing or resuming a part. offset is a multiple
// of AttachmentChunk, else ErrOffset. ciphertext is the whole ciphertext or as much of its beginning as has arrived: what is written
// is authentic, and io.ErrUnexpectedEOF says that the next chunk has not begun to arrive. A chunk that is there in part does not authenticate.
func ReadAttachment(w io.Writer, ciphertext io.ReaderAt, id AttachmentID, key keyring.Secret, offset, limit int64) error {
	if offset < 0 || offset%AttachmentChunk != 0 {
		return fmt.Errorf("reading attachment: %w", ErrOffset)
	}
	var header [chunked.HeaderSize]byte
	if n, err := ciphertext.ReadAt(header[:], 0); n < len(header) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("reading attachment: %w", err)
	}
	first := offset / AttachmentChunk
	start := chunked.Offset(first)
	raw := key.Bytes()
	defer clear(raw)
	cr, err := chunked.ResumeReader(io.NewSectionReader(ciphertext, start, 1<<62-start), header[:], raw, attachmentContext(id), first)
	if err != nil {
		return fmt.Errorf("reading attachment: %w", err)
	}
	_, err = io.CopyBuffer(onlyWriter{w}, io.LimitReader(cr, limit), make([]byte, AttachmentChunk))
	if errors.Is(err, chunked.ErrTruncated) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("reading attachment: %w", err)
	}
	return nil
}

// onlyReader and onlyWriter hide ReadFrom and WriteTo, which would make io.CopyBuffer read or write in pieces of their own choosing.
type onlyReader struct{ io.Reader }
type onlyWriter struct{ io.Writer }
