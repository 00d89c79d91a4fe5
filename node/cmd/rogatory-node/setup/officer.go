package setup

import (
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/client"
)

// CreateOfficer writes an officer's key file and the public part beside it.
func CreateOfficer(path, pseudonym string, key *keyring.Officer, lock keyring.Lock) error {
	if err := keyring.CreateOfficer(path, key, lock); err != nil {
		return err
	}
	return writeNew(path+client.PublicSuffix, []byte(client.FormatPublic(pseudonym, key.Public())), 0o644)
}
