package proto_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"math/bits"
	"testing"

	"github.com/rogatory/rogatory/crypto/envelope"
)

type commitmentVector struct {
	Kind   string   `json:"kind"`
	Salt   hexBytes `json:"salt"`
	Bytes  hexBytes `json:"bytes"`
	Commit hexBytes `json:"commit"`
}

// commit is HMAC-SHA256(salt, "rogatory/v1/commitment/KIND\0" || u64be(len) || bytes).
func commit(kind string, salt, b []byte) []byte {
	h := hmac.New(sha256.New, salt)
	h.Write([]byte("rogatory/v1/commitment/" + kind + "\x00"))
	h.Write(u64(uint64(len(b))))
	h.Write(b)
	return h.Sum(nil)
}

func makeCommitments(t *testing.T, _ *world) []commitmentVector {
	var out []commitmentVector
	for _, kind := range []string{"docket", "content"} {
		for _, b := range [][]byte{{}, []byte("x"), bytes.Repeat([]byte("rogatory"), 20)} {
			salt := seed(kind + " salt")
			out = append(out, commitmentVector{kind, salt, b, commit(kind, salt, b)})
		}
	}
	return out
}

func checkCommitments(t *testing.T, w *world, v []commitmentVector) {
	equalJSON(t, v, makeCommitments(t, w))
	for _, c := range v {
		kind := envelope.Docket
		if c.Kind == "content" {
			kind = envelope.Content
		}
		got := envelope.Commit(envelope.Salt(c.Salt), kind, c.Bytes)
		same(t, "commitment", got[:], c.Commit)
	}
}

// paddingVectors are lengths before and after padding, and inner parts whole.
type paddingVectors struct {
	// Durable lane: length of salts, lengths, docket and content; length after padding, 0 if it is too long.
	Durable [][2]int `json:"durable"`
	// Online lane: the same, with the least length that the sender asked for between.
	Online [][3]int      `json:"online"`
	Inner  []innerVector `json:"inner"`
	// Inner parts that a recipient refuses.
	Refused []refusedInner `json:"refused"`
}

type innerVector struct {
	Lane        string   `json:"lane"`
	DocketSalt  hexBytes `json:"docket_salt"`
	ContentSalt hexBytes `json:"content_salt"`
	Docket      hexBytes `json:"docket"`
	Content     hexBytes `json:"content"`
	Inner       hexBytes `json:"inner"`
}

type refusedInner struct {
	About string   `json:"about"`
	Lane  string   `json:"lane"`
	Inner hexBytes `json:"inner"`
}

const maxInner = 960 << 10

// padme is the durable lane's padded length: with E = floor(log2 n) and S = floor(log2 E) + 1, the low E-S bits are rounded up.
func padme(n int) int {
	e := bits.Len(uint(n)) - 1
	s := bits.Len(uint(e))
	low := 1<<(e-s) - 1
	if n = (n + low) &^ low; n > maxInner {
		return 0
	}
	return n
}

// bucket is the online lane's padded length.
func bucket(n, least int) int {
	for _, size := range []int{1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, maxInner} {
		if size >= max(n, least) {
			return size
		}
	}
	return 0
}

// pack is docket salt || content salt || u32be len(docket) || u32be len(content) || docket || content || zeros.
func pack(lane string, docketSalt, contentSalt, docket, content []byte) []byte {
	b := bytes.Join([][]byte{docketSalt, contentSalt, u32(len(docket)), u32(len(content)), docket, content}, nil)
	size := padme(len(b))
	if lane == "online" {
		size = bucket(len(b), 0)
	}
	return append(b, make([]byte, size-len(b))...)
}

func makePaddings(t *testing.T, _ *world) paddingVectors {
	var v paddingVectors
	for _, n := range []int{72, 73, 79, 80, 100, 127, 128, 129, 255, 256, 257, 1000, 1024, 1025, 4096, 5000, 65535, 65536, 65537, 100_000, 950_000, 983_040, 983_041} {
		v.Durable = append(v.Durable, [2]int{n, padme(n)})
	}
	for _, c := range [][2]int{{72, 0}, {1024, 0}, {1025, 0}, {4096, 0}, {4097, 0}, {100, 16384}, {100, 5000}, {262_145, 0}, {983_040, 0}, {983_041, 0}} {
		v.Online = append(v.Online, [3]int{c[0], c[1], bucket(c[0], c[1])})
	}
	d, c := seed("docket salt"), seed("content salt")
	for _, lane := range []string{"durable", "online"} {
		docket, content := []byte("a docket"), bytes.Repeat([]byte("content "), 9)
		v.Inner = append(v.Inner, innerVector{lane, d, c, docket, content, pack(lane, d, c, docket, content)})
	}
	good := pack("durable", d, c, []byte("docket"), bytes.Repeat([]byte{1}, 120))
	bad := func(about, lane string, b []byte) { v.Refused = append(v.Refused, refusedInner{about, lane, b}) }
	bad("71 bytes", "durable", good[:71])
	bad("longer than Padmé says", "durable", append(bytes.Clone(good), make([]byte, 8)...))
	bad("shorter than Padmé says", "durable", good[:len(good)-1])
	last := bytes.Clone(good)
	last[len(last)-1] = 1
	bad("padding that is not zero", "durable", last)
	long := bytes.Clone(good)
	copy(long[68:], u32(len(good)))
	bad("lengths beyond the end", "durable", long)
	bad("no bucket of the online lane", "online", good)
	return v
}

func checkPaddings(t *testing.T, w *world, v paddingVectors) {
	equalJSON(t, v, makePaddings(t, w))
	hu := w.members["HU"]
	for _, c := range v.Durable {
		if got := envelope.InnerSize(envelope.Part{}, envelope.Part{Bytes: make([]byte, c[0]-72)}); c[1] != 0 && got != c[1] || c[1] == 0 && got <= maxInner {
			t.Errorf("%d bytes are padded to %d, the vector says %d", c[0], got, c[1])
		}
	}
	for _, c := range v.Online {
		s := &seal{w: w, from: "RS", to: hu, lane: "online", content: make([]byte, c[0]-72)}
		s.compose(t)
		sealed, err := envelope.Seal(envelope.Attempt{
			Message: s.message, Docket: s.docketPart(), Content: s.contentPart(), Key: hu.today.Public(), From: s.signer().KID(), Now: noon, Least: c[1],
		})
		if (err == nil) != (c[2] != 0) {
			t.Errorf("%v: %v", c, err)
		}
		if err != nil {
			continue
		}
		// The ciphertext is 56 bytes of header, and for each chunk of 16 KiB, the last one not full, a tag.
		if got := len(sealed.Ct); got != 56+c[2]+16*(c[2]>>14+1) {
			t.Errorf("%v: ciphertext of %d bytes", c, got)
		}
	}
	for _, c := range v.Inner {
		s := &seal{w: w, from: "RS", to: hu, lane: c.Lane, docketSalt: c.DocketSalt, contentSalt: c.ContentSalt, docket: c.Docket, content: c.Content}
		s.compose(t)
		s.inner = c.Inner
		opened, err := s.send(t).open(t, w)
		if err != nil {
			t.Errorf("%s: %v", c.Lane, err)
			continue
		}
		same(t, "docket", opened.Docket.Bytes, c.Docket)
		same(t, "content", opened.Content.Bytes, c.Content)
	}
	for _, c := range v.Refused {
		s := &seal{w: w, from: "RS", to: hu, lane: c.Lane, docket: []byte("docket")}
		s.compose(t)
		s.inner = c.Inner
		_, err := s.send(t).open(t, w)
		wantRefusal(t, c.About, err, envelope.ReasonInner, envelope.Refused)
	}
}
