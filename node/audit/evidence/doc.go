// Package evidence puts what two countries' logs say of one message, or of one case, into one file that a court can keep: all that is needed
// to check it without either country, without a network and, if need be, without this program.
//
// # The file
//
// A stored zip in the layout of ETSI EN 319 162-1 (ASiC-E): `mimetype` first, META-INF/ASiCManifest.xml with the SHA-256 of every other
// file. The layout only: the signatures in it are those of the logs and of the sender, not CAdES. The same input gives the same bytes.
//
//	evidence.json                       what it is about; which directory its maker trusted
//	messages/0001/message.bin           the Message, fixed when it was submitted; its name is its hash
//	messages/0001/statement.bin         what the sender signed
//	messages/0001/signature.bin         how: a BatchSignature
//	messages/0001/docket.bin            salt and docket, unless its term is over
//	messages/0001/content.bin           salt and content, where somebody opened it
//	messages/0001/CC.tlog-proof         the leaf in the log of each country that gave its export, and that it stands there
//	messages/0001/reseal.tlog-proof     the sender's leaf of the attempt that arrived, where it was not the first
//	messages/0001/receipt.tlog-proof    the recipient's leaf, as the sender holds it
//	leaves/CC-N.tlog-proof              tombstones, and of a case the steps
//	heads/CC.checkpoint                 the head above these leaves with its witnesses' signatures
//	times/CC.tst, .head, .path          a time token over a later head, its text, and that the signed head and this one are of one history
//	directories/N, manifests/HEX        what leads from the directory to the keys
//	*.leaf, keys/, signed.bin           the same once more, in forms that sha256sum and openssl take
//	report.txt, report.html             for people
//	VERIFY.sh, check.py, check_test.py  how to check it: openssl and sha256sum, or the program, which needs Python alone
//
// A small file leaves out directories, heads, and manifests where the directory itself has the key: whoever checks has the directory anyway.
//
// # What it discloses
//
// Nothing of other cases. The one thing in it that is of another message is `prev`, the name of the message with the number before, which
// every message and its leaf carry; a name is a hash over salted commitments. A tombstone that also names messages of other cases stays
// outside: evidence.json has its index.
//
// # Checking
//
// [Check] believes nothing but the anchor's directory. It verifies every signature, proof, commitment and digest, and then makes the whole
// file anew from its sources and compares it byte for byte, so that no byte of it can be another. Reports written by another version of this
// program may differ in wording: that is W-UNKNOWN, and [Result.Report] has what this version says.
package evidence
