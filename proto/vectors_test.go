// Package proto_test keeps README.md true: it holds the vectors that a second implementation is checked with, and compares the
// document with the messages, constants and tests that it names.
package proto_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/envelope"
)

var update = flag.Bool("update", false, "make the vectors anew")

// A hexBytes is written as lower-case hexadecimal digits.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// TestVectorsHold checks each file of testdata/vectors against the packages of the node, and against what README.md says, written
// out once more here. With -update it makes the files anew: signatures and ciphertexts then change, for they hold fresh randomness.
//
// Topics build on those before them: directory, manifest and docket come before envelope, envelope before receipt.
func TestVectorsHold(t *testing.T) {
	w := newWorld(t)
	t.Run("keys", func(t *testing.T) { hold(t, w, "keys", makeKeys, checkKeys) })
	t.Run("encoding", func(t *testing.T) { hold(t, w, "encoding", makeEncodings, checkEncodings) })
	t.Run("message", func(t *testing.T) { hold(t, w, "message", makeMessages, checkMessages) })
	t.Run("commitment", func(t *testing.T) { hold(t, w, "commitment", makeCommitments, checkCommitments) })
	t.Run("padding", func(t *testing.T) { hold(t, w, "padding", makePaddings, checkPaddings) })
	t.Run("directory", func(t *testing.T) { hold(t, w, "directory", makeDirectory, checkDirectory) })
	t.Run("manifest", func(t *testing.T) { hold(t, w, "manifest", makeManifests, checkManifests) })
	t.Run("act", func(t *testing.T) { hold(t, w, "act", makeActs, checkActs) })
	t.Run("docket", func(t *testing.T) { hold(t, w, "docket", makeDockets, checkDockets) })
	t.Run("part", func(t *testing.T) { hold(t, w, "part", makeParts, checkParts) })
	t.Run("envelope", func(t *testing.T) { hold(t, w, "envelope", makeEnvelopes, checkEnvelopes) })
	t.Run("refused", func(t *testing.T) { hold(t, w, "refused", makeRefused, checkRefused) })
	t.Run("receipt", func(t *testing.T) { hold(t, w, "receipt", makeReceipt, checkReceipt) })
}

// hold makes a vector file anew if asked to, reads it strictly, and checks it.
func hold[V any](t *testing.T, w *world, topic string, create func(*testing.T, *world) V, check func(*testing.T, *world, V)) {
	t.Helper()
	path := filepath.Join("testdata", "vectors", topic+".json")
	if *update {
		b, err := json.MarshalIndent(create(t, w), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check(t, w, readVector[V](t, topic))
}

func readVector[V any](t *testing.T, topic string) (v V) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "vectors", topic+".json"))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("reading %s.json: %v", topic, err)
	}
	return v
}

// same compares what a vector says with what was computed.
func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s is %x, the vector says %x", what, got, want)
	}
}

func encode(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := envelope.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// asJSON returns the protobuf JSON mapping of m without white space.
func asJSON(t *testing.T, m proto.Message) json.RawMessage {
	t.Helper()
	b, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// says checks that the JSON of a vector and its bytes are the same message.
func says(t *testing.T, j json.RawMessage, b []byte, empty proto.Message) {
	t.Helper()
	fromJSON, fromBytes := proto.Clone(empty), proto.Clone(empty)
	if err := protojson.Unmarshal(j, fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := envelope.StrictUnmarshal(b, fromBytes, 4<<20); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(fromJSON, fromBytes) {
		t.Errorf("JSON and bytes are different messages:\n%v\n%v", fromJSON, fromBytes)
	}
	same(t, "encoding of the JSON", encode(t, fromJSON), b)
}

// labelled is SHA-256 over a context string and bytes, as README.md writes H("context\0" || bytes).
func labelled(context string, b ...[]byte) []byte {
	h := sha256.New()
	h.Write([]byte(context))
	for _, p := range b {
		h.Write(p)
	}
	return h.Sum(nil)
}
