package seal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/federation/founding"
	"github.com/rogatory/rogatory/node/peers"
)

const pingMethod = "/rogatory.peer.v1.PeerService/Ping"

// A member is one country: its keys, what it knows of the others, and the Sealer of the process that runs.
type member struct {
	ring   *keyring.Ring
	keys   *keyring.SealingKeys
	book   *peers.Book
	sealer *Sealer
}

// restart has another process run.
func (m *member) restart() { m.sealer = New(m.book, m.ring.Identity, m.keys) }

// met returns members that have each other's manifests.
func met(t testing.TB, countries ...string) map[string]*member {
	t.Helper()
	dir, founders := founding.New(t, countries...)
	members := map[string]*member{}
	for c, f := range founders {
		m := &member{ring: f.Ring, book: peers.New(c, dir)}
		m.keys = must(m.ring.OpenSealing(filepath.Join(t.TempDir(), keyring.SealingFile)))(t)
		if _, _, err := m.keys.EnsureDays(time.Now()); err != nil {
			t.Fatal(err)
		}
		m.restart()
		members[c] = m
	}
	for c, f := range founders {
		signed := f.Manifest(t, nil, 0, members[c].keys)
		for _, m := range members {
			_ = must(m.book.Learn(signed, c, time.Now()))(t)
		}
	}
	return members
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// acquaint has from know the process that runs in to, as after a refusal.
func acquaint(from, to *member) { from.sealer.other(to.book.Country()).learn(to.sealer.boot) }

func seal(t *testing.T, from, to *member, method, payload string) []byte {
	t.Helper()
	return must(from.sealer.Seal(t.Context(), to.book.Country(), method, []byte(payload)))(t)
}

func TestSealedPartArrivesAndShowsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := met(t, "BG", "RS")
		bg, rs := r["BG"], r["RS"]
		acquaint(bg, rs)
		b := seal(t, bg, rs, pingMethod, "a payload")
		if bytes.Contains(b, []byte("payload")) || bytes.Contains(b, []byte("Ping")) {
			t.Error("something is in clear")
		}
		got, err := rs.sealer.Open(t.Context(), "BG", "", b)
		if err != nil || string(got) != "a payload" {
			t.Fatalf("opened %q, %v", got, err)
		}
		// The first call of a peer has taught its process.
		if _, err := bg.sealer.Open(t.Context(), "RS", pingMethod, seal(t, rs, bg, pingMethod, "an answer")); err != nil {
			t.Error(err)
		}
	})
}

func TestPartOpensOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := met(t, "BG", "RS")
		bg, rs := r["BG"], r["RS"]
		acquaint(bg, rs)
		b := seal(t, bg, rs, pingMethod, "x")
		for at := time.Duration(0); at < 200*time.Second; at += 7 * time.Second {
			_, err := rs.sealer.Open(t.Context(), "BG", "", b)
			switch {
			case at == 0 && err != nil:
				t.Fatal(err)
			case at > 0 && err == nil:
				t.Fatalf("opened again after %s", at)
			case at > 0 && at < 140*time.Second && !errors.Is(err, ErrReplayed):
				t.Errorf("after %s: %v", at, err)
			}
			time.Sleep(7 * time.Second)
		}
		// What is forgotten is what can no longer be opened, with a new part as the occasion.
		if _, err := rs.sealer.Open(t.Context(), "BG", "", seal(t, bg, rs, pingMethod, "y")); err != nil {
			t.Error(err)
		}
		if n := rs.sealer.other("BG").nonces.count; n != 1 {
			t.Errorf("%d nonces remembered", n)
		}
	})
}

func TestReplayFromBeforeARestartIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := met(t, "BG", "RS")
		bg, rs := r["BG"], r["RS"]
		acquaint(bg, rs)
		opened, waiting := seal(t, bg, rs, pingMethod, "x"), seal(t, bg, rs, pingMethod, "y")
		if _, err := rs.sealer.Open(t.Context(), "BG", "", opened); err != nil {
			t.Fatal(err)
		}
		rs.restart()
		for _, b := range [][]byte{opened, waiting} {
			if _, err := rs.sealer.Open(t.Context(), "BG", "", b); !isRestarted(err) || status.Code(err) != codes.Unavailable {
				t.Errorf("got %v", err)
			}
		}
		// The refusal teaches the new process, and the next part is opened.
		refused := must(rs.sealer.Seal(t.Context(), "BG", "", []byte("refused")))(t)
		if _, err := bg.sealer.Open(t.Context(), "RS", pingMethod, refused); err != nil {
			t.Fatal(err)
		}
		if _, err := rs.sealer.Open(t.Context(), "BG", "", seal(t, bg, rs, pingMethod, "z")); err != nil {
			t.Error(err)
		}
	})
}

func TestChangedOrMisdeliveredPartIsNotOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := met(t, "BG", "GR", "RS")
		bg, gr, rs := r["BG"], r["GR"], r["RS"]
		acquaint(bg, rs)
		acquaint(bg, gr)
		b := seal(t, bg, rs, pingMethod, "x")
		for i := 0; i < len(b); i += 97 {
			bad := bytes.Clone(b)
			bad[i] ^= 1
			if _, err := rs.sealer.Open(t.Context(), "BG", "", bad); err == nil {
				t.Fatalf("byte %d may be changed", i)
			}
		}
		if _, err := gr.sealer.Open(t.Context(), "BG", "", b); err == nil {
			t.Error("opened by another country")
		}
		if _, err := rs.sealer.Open(t.Context(), "GR", "", b); err == nil {
			t.Error("opened as another country's")
		}
		if _, err := rs.sealer.Open(t.Context(), "XX", "", b); err == nil {
			t.Error("opened as a stranger's")
		}
		if _, err := rs.sealer.Open(t.Context(), "BG", "/rogatory.peer.v1.PeerService/Head", seal(t, bg, rs, pingMethod, "x")); !errors.Is(err, ErrMethod) {
			t.Errorf("opened for another method: %v", err)
		}
		if _, err := rs.sealer.Open(t.Context(), "BG", "", b); err != nil {
			t.Error("the attempts have used it up:", err)
		}
	})
}

func TestRetryableRefusalsAreStatuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := met(t, "BG", "RS")
		bg, rs := r["BG"], r["RS"]
		acquaint(bg, rs)
		b := seal(t, bg, rs, pingMethod, "x")
		time.Sleep(envelope.OnlineLife + envelope.Skew + time.Second)
		if _, err := rs.sealer.Open(t.Context(), "BG", "", b); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "clock") {
			t.Errorf("expired: %v", err)
		}
		time.Sleep(20 * 24 * time.Hour)
		if _, err := bg.sealer.Seal(t.Context(), "RS", pingMethod, nil); status.Code(err) != codes.Unavailable {
			t.Errorf("no key of the day: %v", err)
		}
		if _, err := bg.sealer.Seal(t.Context(), "RS", pingMethod, make([]byte, maxPayload+1)); err == nil {
			t.Error("too large a part was sealed")
		}
	})
}

func TestLargestPartFits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := met(t, "BG", "RS")
		bg, rs := r["BG"], r["RS"]
		acquaint(bg, rs)
		payload := strings.Repeat("x", maxPayload)
		got, err := rs.sealer.Open(t.Context(), "BG", "", seal(t, bg, rs, "/"+strings.Repeat("m", 255), payload))
		if err != nil || string(got) != payload {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	})
}

func TestPartsThatWaitTogetherAreSignedTogether(t *testing.T) {
	r := met(t, "BG", "RS")
	bg, rs := r["BG"], r["RS"]
	acquaint(bg, rs)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			b, err := bg.sealer.Seal(context.Background(), "RS", pingMethod, fmt.Append(nil, i))
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := rs.sealer.Open(context.Background(), "BG", "", b); err != nil || string(got) != fmt.Sprint(i) {
				t.Errorf("part %d is %q, %v", i, got, err)
			}
		})
	}
	wg.Wait()
	bg.sealer.pen.mu.Lock()
	defer bg.sealer.pen.mu.Unlock()
	if len(bg.sealer.pen.waiting) != 0 {
		t.Error("somebody waits still")
	}
}

func TestFloodOfNoncesIsBounded(t *testing.T) {
	var n nonces
	now := time.Unix(1_800_000_000, 0)
	add := func(i uint64, at time.Time) nonceVerdict {
		var v nonce
		binary.BigEndian.PutUint64(v[:], i)
		return n.add(v, at.Add(envelope.OnlineLife), at)
	}
	for i := range uint64(maxNonces) {
		if add(i, now) != nonceNew {
			t.Fatalf("no room for nonce %d", i)
		}
	}
	if add(maxNonces, now) != nonceNoRoom {
		t.Error("the bound does not hold")
	}
	if add(7, now) != nonceSeen {
		t.Error("full, and the replay is not seen")
	}
	later := now.Add(envelope.OnlineLife + envelope.Skew + 2*nonceSpan)
	if add(maxNonces, later) != nonceNew || n.count != 1 {
		t.Errorf("%d nonces remembered after their time", n.count)
	}
}

// FuzzOpen: what was sealed opens to the same bytes, and no change of any byte is opened.
func FuzzOpen(f *testing.F) {
	r := met(f, "BG", "RS")
	bg, rs := r["BG"], r["RS"]
	acquaint(bg, rs)
	f.Add([]byte("payload"), uint(0), byte(1))
	f.Add([]byte{}, uint(5000), byte(0x80))
	f.Add([]byte(strings.Repeat("x", 2000)), uint(1<<20), byte(0xff))
	f.Fuzz(func(t *testing.T, payload []byte, at uint, change byte) {
		b, err := bg.sealer.Seal(context.Background(), "RS", pingMethod, payload)
		if err != nil {
			t.Skip(err) // too large
		}
		if change != 0 {
			bad := bytes.Clone(b)
			bad[at%uint(len(bad))] ^= change
			if _, err := rs.sealer.Open(context.Background(), "BG", "", bad); err == nil {
				t.Errorf("byte %d may be changed", at%uint(len(bad)))
			}
		}
		if got, err := rs.sealer.Open(context.Background(), "BG", "", b); err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes opened to %d, %v", len(payload), len(got), err)
		}
	})
}
