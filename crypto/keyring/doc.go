// Package keyring holds the keys that a node signs, opens and logs with, and the files they live in.
//
// A Ring is what a node keeps for years: identity keys, log and witness seeds, one key for each unit. It stands in one file under
// a passphrase and belongs in backups. SealingKeys are the keys of the day: they stand in a second file, encrypted under a key that
// the ring holds, are never backed up, and are destroyed when their time is over. An Officer is one person's key, in a file of its own.
//
// Every private key is kept as its 32-byte seed. A secret has a type that prints as "[key]" whatever prints it. The package decides
// nothing: whether a key is admitted, valid or revoked is the directory's and the manifest's business.
package keyring
