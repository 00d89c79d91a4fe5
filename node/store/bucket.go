package store

import (
	"encoding/binary"
	"fmt"

	"github.com/rogatory/rogatory/node/store/disk"
	"github.com/rogatory/rogatory/node/store/rows"
)

// schema is the version of the format that this program writes and the largest that it reads.
const schema = 1

// The buckets of main.db. Keys sort by arrival wherever a bucket grows without end; only small buckets, and those that
// lead from a random token to a number, have random keys. A commit writes at least two pages of each bucket that it
// changes, so that rows which are written together stand in one bucket, side by side, and differ in the ends of their keys.
var (
	bucketIdentity    = disk.Identity             // "identity" -> Identity, and what is owed at the next start
	bucketLeaves      = []byte("leaves")          // place -> leaf, and the tree over them: package leaves
	bucketLogs        = []byte("logs")            // number -> LogRow, from the second on
	bucketCheckpoint  = []byte("checkpoint")      // "uncleared" -> index; "rollback" -> why; "newest" -> OwnCheckpoint; "cosigned", piece -> CosignedHead
	bucketSides       = []byte("sides")           // what stands beside leaves: index, name -> side record; index, name, piece -> a long one; index, endMessage and the like
	bucketOutbox      = []byte("outbox")          // peer, epoch, seq -> OutboxEntry
	bucketOutgoing    = []byte("outgoing")        // peer -> Outgoing
	bucketIncoming    = []byte("incoming")        // peer, epoch -> Incoming
	bucketSeen        = []byte("seen")            // peer, epoch, seq -> Seen
	bucketTokens      = []byte("tokens")          // case token -> number
	bucketCases       = []byte("cases")           // number, piece -> CaseRow; number, index -> direction of a message of the case
	bucketByUnit      = []byte("cases_by_unit")   // unit, updated, number -> CaseSummary
	bucketWake        = []byte("cases_by_wake")   // wake, number -> case token
	bucketNumbers     = []byte("case_numbers")    // year -> the largest reserved
	bucketContents    = []byte("contents")        // content -> ContentHead; content, piece -> ciphertext
	bucketPools       = []byte("pools")           // unit -> number of the newest key that a content has
	bucketChores      = []byte("chores")          // content -> Chore
	bucketParked      = []byte("parked")          // number, piece -> Parked
	bucketDrafts      = []byte("drafts")          // id -> Draft
	bucketSubmissions = []byte("submissions")     // unit, key -> Submission
	bucketNonces      = []byte("act_nonces")      // expiry, nonce -> nothing
	bucketOfficers    = []byte("officers")        // pseudonym -> OfficerRow
	bucketLatest      = []byte("manifest_latest") // peer -> LatestManifest
	bucketManifests   = []byte("manifests")       // digest -> SignedManifest's bytes
	bucketDirectories = []byte("directories")     // version -> SignedDirectory's bytes
	bucketHeads       = []byte("peer_heads")      // origin -> PeerHead
	bucketRecoveries  = []byte("recoveries")      // peer -> Recovery
	bucketReturned    = []byte("returned")        // peer, epoch, seq -> ReturnedMessage
	bucketLost        = []byte("lost")            // peer, epoch, seq, direction -> LostMessage
	bucketExpected    = []byte("expected")        // peer, epoch, seq -> Expected
	bucketPeerLogs    = []byte("peer_logs")       // origin -> PeerLog
	bucketWitnessed   = []byte("witnessed")       // origin -> Witnessed
	bucketForks       = []byte("fork_proofs")     // number -> ForkProof
	bucketAttachments = []byte("attachments")     // id -> Attachment

	mainBuckets = [][]byte{
		bucketIdentity, bucketLeaves, bucketCheckpoint, bucketSides, bucketOutbox, bucketOutgoing, bucketIncoming, bucketSeen,
		bucketTokens, bucketCases, bucketByUnit, bucketWake, bucketNumbers, bucketContents, bucketPools, bucketChores, bucketParked,
		bucketDrafts, bucketSubmissions, bucketNonces, bucketOfficers, bucketLatest, bucketManifests, bucketDirectories, bucketHeads,
		bucketForks, bucketAttachments, bucketWitnessed, bucketLogs, bucketRecoveries, bucketReturned, bucketLost, bucketExpected, bucketPeerLogs,
	}
)

var (
	rowNewest    = []byte("newest")
	rowCosigned  = []byte("cosigned")
	rowUncleared = []byte("uncleared")
	rowRollback  = []byte("rollback")
)

// The ends of keys in sides, behind the index of a leaf. The names of side records have no such bytes.
const (
	endMessage   = 1 // LoggedMessage
	endStatement = 2 // LoggedStatement
	endSignature = 3 // root signature that several messages or statements share
)

// indexed is the key of what stands beside the leaf at index.
func indexed[N int64 | uint64](index N, end byte) []byte { return append(rows.U64(index), end) }

// isIndexed reports whether key was made by indexed with this end.
func isIndexed(key []byte, end byte) bool { return len(key) == 9 && key[8] == end }

// place is the key of one message of one peer.
func place(peer string, epoch uint32, seq uint64) []byte {
	return rows.Named(peer, binary.BigEndian.AppendUint32(nil, epoch), rows.U64(seq))
}

// sequenceOf is the inverse of place, for a key of that peer.
func sequenceOf(peer string, key []byte) (epoch uint32, seq uint64) {
	at := len(peer) + 1
	return binary.BigEndian.Uint32(key[at:]), rows.Number(key[at+4:])
}

// checkName bounds a name that becomes part of a key.
func checkName(what, name string) error {
	if name == "" || len(name) > 128 {
		return fmt.Errorf("%s of %d bytes: %w", what, len(name), ErrInvalid)
	}
	for i := range len(name) {
		if name[i] < 0x21 || name[i] > 0x7E {
			return fmt.Errorf("%s with a byte outside 0x21-0x7E: %w", what, ErrInvalid)
		}
	}
	return nil
}
