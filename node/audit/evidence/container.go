package evidence

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

const (
	mimetypeName = "mimetype"
	mimetype     = "application/vnd.etsi.asic-e+zip"
	listing      = "META-INF/ASiCManifest.xml"
	// maxFile bounds an evidence file, maxFiles the files in it.
	maxFile  = 64 << 20
	maxFiles = 20_000
	// dosDay is 1980-01-01, the first day that a zip can tell: the file's bytes follow from what it holds, not from when it was made.
	dosDay = 1<<5 | 1
)

// Is reports whether bytes begin as an evidence file does.
func Is(b []byte) bool {
	const at = 30 // of the first name in a zip
	return bytes.HasPrefix(b, []byte("PK\x03\x04")) && len(b) > at && bytes.HasPrefix(b[at:], []byte(mimetypeName+mimetype))
}

// pack returns the zip of files, without mimetype and listing, which it adds.
func pack(files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	add := func(name string, b []byte) error {
		h := &zip.FileHeader{
			Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(b), CompressedSize64: uint64(len(b)), UncompressedSize64: uint64(len(b)),
		}
		//lint:ignore SA1019 CreateRaw writes these two and never looks at Modified, which would add a field that ASiC readers do not expect
		h.ModifiedDate = dosDay
		mode := fs.FileMode(0o644)
		if path.Ext(name) == ".sh" {
			mode = 0o755
		}
		h.SetMode(mode)
		f, err := w.CreateRaw(h)
		if err == nil {
			_, err = f.Write(b)
		}
		return err
	}
	names := slices.Sorted(maps.Keys(files))
	if err := add(mimetypeName, []byte(mimetype)); err != nil {
		return nil, err
	}
	if err := add(listing, list(files, names)); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := add(name, files[name]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if out.Len() > maxFile {
		return nil, fmt.Errorf("evidence of %d bytes: the limit is %d MiB", out.Len(), maxFile>>20)
	}
	return out.Bytes(), nil
}

// list is the ASiCManifest: every file with its digest. What it calls the signature is the first proof: the head in it is signed.
func list(files map[string][]byte, names []string) []byte {
	var b bytes.Buffer
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<asic:ASiCManifest xmlns:asic=\"http://uri.etsi.org/02918/v1.2.1#\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\n")
	for _, name := range names {
		if path.Ext(name) == extProof {
			fmt.Fprintf(&b, " <asic:SigReference URI=\"%s\" MimeType=\"text/plain\"/>\n", name)
			break
		}
	}
	for _, name := range names {
		sum := sha256.Sum256(files[name])
		fmt.Fprintf(&b, " <asic:DataObjectReference URI=\"%s\"><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue>%s</ds:DigestValue></asic:DataObjectReference>\n",
			name, base64.StdEncoding.EncodeToString(sum[:]))
	}
	b.WriteString("</asic:ASiCManifest>\n")
	return b.Bytes()
}

// unpack returns the files of a zip that pack could have written: stored, in order, of plain names. That the bytes are those of pack, its
// caller finds out by packing again.
func unpack(b []byte) (map[string][]byte, error) {
	if !Is(b) || len(b) > maxFile {
		return nil, ErrForm
	}
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if len(r.File) > maxFiles {
		return nil, fmt.Errorf("%d files: %w", len(r.File), ErrForm)
	}
	files := make(map[string][]byte, len(r.File))
	for _, f := range r.File {
		if f.Method != zip.Store || f.UncompressedSize64 > uint64(len(b)) || !plainName(f.Name) || files[f.Name] != nil {
			return nil, fmt.Errorf("file %q: %w", f.Name, ErrForm)
		}
		c, err := f.OpenRaw()
		if err != nil {
			return nil, fmt.Errorf("file %q: %w: %w", f.Name, ErrForm, err)
		}
		body, err := io.ReadAll(c)
		if err != nil {
			return nil, fmt.Errorf("file %q: %w: %w", f.Name, ErrForm, err)
		}
		files[f.Name] = append([]byte{}, body...)
	}
	return files, nil
}

// plainName reports whether a name leads nowhere but into the file.
func plainName(s string) bool {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-/", r)) {
			return false
		}
	}
	return fs.ValidPath(s) && s != "."
}
