package federation

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// Bounds of what a supervisor searches for.
const (
	MaxIdentifiers = 64
	MaxIdentifier  = 200 // bytes
)

// SearchSubject returns the subject of a VERB_SUPERVISE act that searches for a person: a commitment to the identifiers, so that the log proves what was
// searched to whoever knows them and the salt, and tells nobody else. The salt is kept nowhere.
//
//	HMAC-SHA256(salt, "rogatory/v1/search\0" || for each identifier: u64be length || bytes)
func SearchSubject(salt [32]byte, identifiers []string) ([32]byte, error) {
	if len(identifiers) == 0 || len(identifiers) > MaxIdentifiers {
		return [32]byte{}, form("search for %d identifiers, from 1 to %d", len(identifiers), MaxIdentifiers)
	}
	mac := hmac.New(sha256.New, salt[:])
	mac.Write([]byte(contextSearch))
	for i, id := range identifiers {
		if id == "" || len(id) > MaxIdentifier {
			return [32]byte{}, form("identifier %d of %d bytes, from 1 to %d", i, len(id), MaxIdentifier)
		}
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(id))))
		mac.Write([]byte(id))
	}
	return [32]byte(mac.Sum(nil)), nil
}
