package envelope

// Context strings of this package: everything that is hashed, signed or encrypted here begins with one of them, so that nothing made
// for one purpose passes for another. crypto/README.md lists them beside all others; a test compares the two.
const (
	contextMessage    = "rogatory/v1/message\x00"            // names a Message
	contextSealing    = "rogatory/v1/sealing\x00"            // hash of a Sealing, which binds the encryption to it
	contextStatement  = "rogatory/v1/statement\x00"          // hash of a Statement
	contextSignature  = "rogatory/v1/signature\x00"          // hash of a BatchSignature, for leaves
	contextDocket     = "rogatory/v1/commitment/docket\x00"  // commitment to a docket
	contextContent    = "rogatory/v1/commitment/content\x00" // commitment to a content
	contextCiphertext = "rogatory/v1/ciphertext\x00"         // digest of a ciphertext
	contextWrapped    = "rogatory/v1/wrapped\x00"            // digest of a wrapped key
	contextWrap       = "rogatory/v1/wrap\x00"               // HPKE info
	contextAttachment = "rogatory/v1/attachment\x00"         // encryption context of an attachment

	// Payload types of DSSE's pre-authentication encoding.
	typeStatement = "application/vnd.rogatory.statement.v1+protobuf" // leaf of a batch
	typeBatch     = "application/vnd.rogatory.batch.v1"              // what the identity key signs
)
