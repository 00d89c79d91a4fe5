package keyring

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// PublishAhead is how many days before its own a sealing key is made and published.
	PublishAhead = 14
	// KeepAfter is how long after its day's end a sealing key is destroyed.
	KeepAfter = 72 * time.Hour
)

// SealingFile is the customary name of the file of sealing seeds. It is never backed up: a copy of it opens what was sealed to this node
// long after the node has destroyed the keys.
const SealingFile = "sealing.keys"

const (
	sealingMagic   = "rogatory sealing file v1\n"
	sealingHeader  = "rogatory sealing keys v1\n"
	maxSealingFile = 16 << 10
)

// SealingKeys are a node's daily X-Wing keys and the file they live in. It is safe for use by several goroutines.
type SealingKeys struct {
	redacted
	path string
	aead hidden[cipher.AEAD]

	mu   sync.RWMutex
	days map[Day]*SealingKey // replaced as a whole, never changed
}

// OpenSealing opens the file of sealing seeds with the ring's key. A file that is not there is an empty set: EnsureDays makes the keys.
// ErrForeign means that the file was written under another ring, or is damaged.
func (r *Ring) OpenSealing(path string) (*SealingKeys, error) {
	block, err := aes.NewCipher(r.sealing.b()[:])
	if err != nil {
		return nil, err
	}
	// The file is written about once a day, so random nonces cannot come near a collision.
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	s := &SealingKeys{path: path, aead: hide(aead), days: map[Day]*SealingKey{}}
	b, err := readPrivate(path, maxSealingFile)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening sealing keys: %w", err)
	}
	ct, ok := bytes.CutPrefix(b, []byte(sealingMagic))
	if !ok {
		return nil, fmt.Errorf("opening sealing keys %s: %w", path, ErrForeign)
	}
	plain, err := aead.Open(nil, nil, ct, []byte(contextSealingFile))
	if err != nil {
		return nil, fmt.Errorf("opening sealing keys %s: %w", path, ErrForeign)
	}
	defer clear(plain)
	if s.days, err = parseSealing(plain); err != nil {
		return nil, fmt.Errorf("opening sealing keys %s: %w", path, err)
	}
	return s, nil
}

// EnsureDays makes the keys that are missing from today to 14 days ahead and destroys those whose day ended 72 hours ago or
// earlier, and those of later days, which a clock that was ahead has made: no manifest may name them yet. The file is written, and the change durable, before it shows in memory and returns; without a change nothing is
// written. The days come back in order. A day that the node slept through gets no key.
//
// Destroyed means: no longer in the file, and forgotten here. Blocks of the file before may survive on the disk; they are encrypted under the ring.
func (s *SealingKeys) EnsureDays(now time.Time) (added, destroyed []Day, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := make(map[Day]*SealingKey, PublishAhead+4)
	for d, k := range s.days {
		if d.End().Add(KeepAfter).After(now) && d <= DayOf(now)+PublishAhead {
			next[d] = k
		} else {
			destroyed = append(destroyed, d)
		}
	}
	slices.Sort(destroyed)
	for d, last := DayOf(now), DayOf(now)+PublishAhead; d <= last; d++ {
		if next[d] == nil {
			if next[d], err = NewSealingKey(d, GenerateSecret()); err != nil {
				return nil, nil, err
			}
			added = append(added, d)
		}
	}
	if added == nil && destroyed == nil {
		return nil, nil, nil
	}
	plain := formatSealing(next)
	defer clear(plain)
	sealed := s.aead().Seal([]byte(sealingMagic), nil, plain, []byte(contextSealingFile))
	if err := replaceFile(s.path, sealed); err != nil {
		return nil, nil, fmt.Errorf("writing sealing keys: %w", err)
	}
	for _, d := range destroyed {
		s.days[d].seed.Destroy()
	}
	s.days = next
	return added, destroyed, nil
}

// Key returns the key with this identifier, nil if it is not here (any more).
func (s *SealingKeys) Key(kid KID) *SealingKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, k := range s.days {
		if k.KID() == kid {
			return k
		}
	}
	return nil
}

// All returns the keys in the order of their days.
func (s *SealingKeys) All() []*SealingKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	keys := make([]*SealingKey, 0, len(s.days))
	for _, d := range slices.Sorted(maps.Keys(s.days)) {
		keys = append(keys, s.days[d])
	}
	return keys
}

func formatSealing(days map[Day]*SealingKey) []byte {
	var b bytes.Buffer
	b.WriteString(sealingHeader)
	for _, d := range slices.Sorted(maps.Keys(days)) {
		fmt.Fprintf(&b, "day %s %s\n", d, encodeSecret(days[d].seed))
	}
	return b.Bytes()
}

func parseSealing(text []byte) (map[Day]*SealingKey, error) {
	body, ok := strings.CutPrefix(string(text), sealingHeader)
	if !ok {
		return nil, fmt.Errorf("%w: first line", ErrFormat)
	}
	days := map[Day]*SealingKey{}
	for line := range strings.Lines(body) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] != "day" {
			return nil, fmt.Errorf("%w: not a day", ErrFormat)
		}
		t, err := time.Parse(time.DateOnly, f[1])
		if err != nil || t.Year() < 1970 {
			return nil, fmt.Errorf("%w: date", ErrFormat)
		}
		seed, err := decodeSecret(f[2])
		if err != nil {
			return nil, err
		}
		if days[DayOf(t)], err = NewSealingKey(DayOf(t), seed); err != nil {
			return nil, err
		}
	}
	// Order, doubles, white space and second spellings are refused at once: the file says exactly what we would write.
	if !bytes.Equal(formatSealing(days), text) {
		return nil, fmt.Errorf("%w: not in canonical form", ErrFormat)
	}
	return days, nil
}
