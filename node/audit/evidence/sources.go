package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/crypto/translog"
)

// Names of files, and how they end.
const (
	indexName   = "evidence.json"
	extProof    = ".tlog-proof"
	extHead     = ".checkpoint"
	dirMessages = "messages"
	dirLeaves   = "leaves"
	dirHeads    = "heads"
	dirDirs     = "directories"
	dirManifest = "manifests"

	fileMessage   = "message.bin"
	fileStatement = "statement.bin"
	fileSignature = "signature.bin"
	fileDocket    = "docket.bin"
	fileContent   = "content.bin"
	fileReceipt   = "receipt" + extProof
	fileReseal    = "reseal" + extProof
)

// format is the form of an evidence file.
const format = "rogatory-evidence-1"

// What evidence is about.
const (
	AboutMessage = "message"
	AboutCase    = "case"
)

// Index is evidence.json.
type Index struct {
	About            string     `json:"about"`
	Directory        string     `json:"directory"` // digest of the newest that the maker trusted, hexadecimal
	DirectoryVersion uint64     `json:"directory_version"`
	Format           string     `json:"format"`
	Language         string     `json:"language"`
	Small            bool       `json:"small"`
	Subject          string     `json:"subject"` // name of the message, or token of the case
	Withheld         []Withheld `json:"withheld"`
}

// Withheld is a tombstone that also names what belongs to other cases, so that it is not here. Nothing here proves it.
type Withheld struct {
	Index int64  `json:"index"`
	Log   string `json:"log"`
}

func (x *Index) marshal() ([]byte, error) {
	b, err := json.Marshal(x)
	return append(b, '\n'), err
}

func parseIndex(b []byte) (*Index, error) {
	x := new(Index)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(x); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", indexName, ErrForm, err)
	}
	again, err := x.marshal()
	if err != nil || !bytes.Equal(again, b) || x.Format != format || x.About != AboutMessage && x.About != AboutCase {
		return nil, fmt.Errorf("%s: %w", indexName, ErrForm)
	}
	return x, nil
}

// sources are the files from which all others follow.
type sources map[string][]byte

var sourceNames = regexp.MustCompile(`^(evidence\.json|messages/[0-9]{4}/((message|statement|signature|docket|content)\.bin|(receipt|reseal|[A-Z][A-Z0-9-]{1,15})\.tlog-proof)|` +
	`leaves/[A-Z][A-Z0-9-]{1,15}-(0|[1-9][0-9]{0,15})\.tlog-proof|heads/[A-Z][A-Z0-9-]{1,15}\.checkpoint|times/[A-Z][A-Z0-9-]{1,15}\.(tst|head|path)|directories/[1-9][0-9]{0,15}|manifests/[0-9a-f]{64})$`)

// sourcesOf returns the sources among files.
func sourcesOf(files map[string][]byte) sources {
	s := sources{}
	for name, b := range files {
		if sourceNames.MatchString(name) {
			s[name] = b
		}
	}
	return s
}

func folder(n int) string { return fmt.Sprintf("%s/%04d", dirMessages, n+1) }

// under lists the names in a folder, in order.
func (s sources) under(folder string) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if path.Dir(name) == folder {
			list = append(list, name)
		}
	}
	return list
}

// messages lists the folders of messages, in order.
func (s sources) messages() []string {
	var list []string
	for name := range s {
		if dir := path.Dir(name); path.Dir(dir) == dirMessages {
			list = append(list, dir)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// countryOf returns the country in the name of a log, as FEDERATION/CC/log/N.
func countryOf(origin string) string {
	parts := strings.Split(origin, "/")
	if len(parts) < 4 {
		return ""
	}
	return parts[len(parts)-3]
}

// bare returns a head with its log's own two signatures and no others.
func bare(note []byte) []byte {
	text, lines, ok := bytes.Cut(note, []byte("\n\n"))
	all := bytes.SplitAfterN(lines, []byte("\n"), 3)
	if !ok || len(all) < 2 {
		return note
	}
	return slices.Concat(text, []byte("\n\n"), all[0], all[1])
}

// stem is a name without its ending.
func stem(name, ext string) string { return strings.TrimSuffix(path.Base(name), ext) }

// hashes cuts a list of hashes.
func hashes(of []translog.Hash, beside []byte) []translog.Hash {
	of = slices.Clone(of)
	for ; len(beside) >= translog.HashSize; beside = beside[translog.HashSize:] {
		of = append(of, translog.Hash(beside))
	}
	return of
}
