package envelope

import (
	"bytes"
	"testing"
)

// flipStride says which bytes of an envelope's long random parts are flipped in the ordinary run; see TestEveryByteOfAnEnvelopeCounts.
const flipStride = 7

// An envelope that was changed anywhere is refused, and never at the price of a panic.
func TestEveryByteOfAnEnvelopeCounts(t *testing.T) {
	p := newPair()
	signed := p.sign(t,
		p.seal(t, p.attempt(t, Durable, []byte("docket"), []byte("content"), nil)),
		p.seal(t, p.attempt(t, Durable, []byte("docket"), []byte("other"), nil)),
		p.seal(t, p.attempt(t, Durable, []byte("docket"), []byte("third"), nil)))[1]
	good := signed.Envelope
	here := p.recipient(Durable)
	// One Verifier for all: a root that it remembers must not help a forgery.
	var v Verifier
	if _, err := p.open(&v, good, here); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, i int, b []byte) {
		t.Helper()
		if _, err := p.open(&v, b, here); err == nil {
			t.Fatalf("%s %d does not count", what, i)
		} else {
			refusal(t, err)
		}
	}
	// The root signature is one random field of 3,373 bytes; package keyring flips it on its own.
	sigStart := bytes.Index(good, signed.Signature[:64])
	inSignature := func(i int) bool { return i > sigStart+64 && i < sigStart+3300 }
	b := bytes.Clone(good)
	for i := range b {
		if inSignature(i) && i%flipStride != 0 {
			continue
		}
		for bit := range 8 {
			if bit > 0 && (inSignature(i) || i > sigStart) && bit != i%8 {
				continue
			}
			b[i] ^= 1 << bit
			refused("flipping a bit of byte", i, b)
			b[i] = good[i]
		}
	}
	for i := 0; i < len(good); i += 5 {
		refused("cutting at byte", i, good[:i])
		refused("removing byte", i, append(bytes.Clone(good[:i]), good[i+1:]...))
		refused("doubling byte", i, append(bytes.Clone(good[:i+1]), good[i:]...))
	}
}

func FuzzEnvelope(f *testing.F) {
	p := newPair()
	for _, lane := range []Lane{Durable, Online} {
		s := p.seal(f, p.attempt(f, lane, []byte("docket"), []byte("content"), nil))
		f.Add(p.sign(f, s)[0].Envelope)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, lane := range []Lane{Durable, Online} {
			got, err := p.open(new(Verifier), b, p.recipient(lane))
			if err != nil {
				refusal(t, err)
				continue
			}
			// Only what the test itself sealed can open.
			if string(got.Docket.Bytes) != "docket" || string(got.Content.Bytes) != "content" {
				t.Fatalf("a forgery opens: %x", b)
			}
		}
	})
}

// FuzzFlip changes a genuine envelope in one place: it must be refused whatever the place and the change.
func FuzzFlip(f *testing.F) {
	p := newPair()
	good := p.sign(f, p.seal(f, p.attempt(f, Durable, []byte("docket"), []byte("content"), nil)))[0].Envelope
	f.Add(uint(0), byte(1), false)
	f.Add(uint(100), byte(0), true)
	f.Fuzz(func(t *testing.T, at uint, change byte, insert bool) {
		i := int(at % uint(len(good)))
		b := bytes.Clone(good)
		if insert {
			b = append(b[:i:i], append([]byte{change}, b[i:]...)...)
		} else {
			b[i] ^= change
		}
		if _, err := p.open(new(Verifier), b, p.recipient(Durable)); (err == nil) != bytes.Equal(b, good) {
			t.Fatalf("byte %d changed by %d, inserted %t: %v", i, change, insert, err)
		}
	})
}

func FuzzInner(f *testing.F) {
	for _, lane := range []Lane{Durable, Online} {
		b, err := packInner(lane, Part{Bytes: []byte("d"), Salt: Salt{1}}, Part{Bytes: []byte("content")}, 0)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:71])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, lane := range []Lane{Durable, Online} {
			docket, content, err := unpackInner(lane, b)
			if err != nil {
				continue
			}
			again, err := packInner(lane, docket, content, len(b))
			if err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%x packs as %x, %v", b, again, err)
			}
		}
	})
}

func TestPaddingHidesLengths(t *testing.T) {
	for n := range 100_000 {
		size := padme(n)
		if size < n || n > 8 && float64(size) > 1.12*float64(n) || padme(size) != size {
			t.Fatalf("%d bytes are padded to %d", n, size)
		}
	}
	// The published example: 9 bytes to 10, and a mebibyte and one byte to the next of its steps.
	if padme(9) != 10 || padme(1<<20+1) != 1<<20+1<<15 {
		t.Errorf("9 to %d, 1 MiB + 1 to %d", padme(9), padme(1<<20+1))
	}
	d, c := Part{Bytes: make([]byte, 200)}, Part{Bytes: make([]byte, 5000)}
	if b, err := packInner(Durable, d, c, 0); err != nil || len(b) != InnerSize(d, c) {
		t.Errorf("the inner part has %d bytes, InnerSize says %d, %v", len(b), InnerSize(d, c), err)
	}
	short, long := 72, 900
	if a, b := paddedSize(Online, short, 0), paddedSize(Online, long, 0); a != b {
		t.Errorf("online answers of %d and %d bytes are padded to %d and %d", short, long, a, b)
	}
	if n := paddedSize(Online, short, 5000); n != 16<<10 {
		t.Errorf("least 5000 gives %d", n)
	}
	if paddedSize(Online, MaxInner+1, 0) != 0 || paddedSize(Durable, MaxInner+1, 0) != 0 || paddedSize(Durable, MaxInner, 0) != MaxInner {
		t.Error("the limit does not hold")
	}
}
