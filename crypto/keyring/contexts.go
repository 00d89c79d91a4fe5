package keyring

// Context strings of this package. crypto/README.md lists them beside all others; a test compares the two.
const (
	// contextKID names a public key: kid = SHA-256(contextKID || public key), first 8 bytes.
	contextKID = "rogatory/v1/kid\x00"
	// contextFingerprint is hashed before a public key to give the digits that people read to each other.
	contextFingerprint = "rogatory/v1/fingerprint\x00"
	// contextIdentity is hashed before a new identity key that the one before it endorses.
	contextIdentity = "rogatory/v1/identity\x00"
	// contextSealingFile is the additional data of the encrypted file of sealing seeds.
	contextSealingFile = "rogatory/v1/sealing-file\x00"
)
