package keys

import (
	"fmt"
	"log/slog"
)

// UnitKey wraps the keys of a unit's contents: 32 bytes of AES-256. It prints as "[key]" however it is printed.
type UnitKey [32]byte

const shown = "[key]"

// String returns "[key]".
func (UnitKey) String() string { return shown }

// GoString returns "[key]".
func (UnitKey) GoString() string { return shown }

// Format prints "[key]" whatever the verb.
func (UnitKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(shown)) }

// LogValue returns "[key]".
func (UnitKey) LogValue() slog.Value { return slog.StringValue(shown) }

// MarshalText returns "[key]".
func (UnitKey) MarshalText() ([]byte, error) { return []byte(shown), nil }
