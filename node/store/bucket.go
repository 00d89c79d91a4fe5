package store

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/store/disk"
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
func indexed[N int64 | uint64](index N, end byte) []byte { return append(u64(index), end) }

// isIndexed reports whether key was made by indexed with this end.
func isIndexed(key []byte, end byte) bool { return len(key) == 9 && key[8] == end }

// u64 is a number as a key: big-endian, so that keys sort as numbers do.
func u64[N int64 | uint64](n N) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func number(key []byte) uint64 { return binary.BigEndian.Uint64(key) }

// named is a name that ends, so that none is the beginning of another, followed by what sorts within it.
func named(name string, rest ...[]byte) []byte {
	k := append(make([]byte, 0, len(name)+1+16), name...)
	k = append(k, 0)
	for _, r := range rest {
		k = append(k, r...)
	}
	return k
}

// place is the key of one message of one peer.
func place(peer string, epoch uint32, seq uint64) []byte {
	return named(peer, binary.BigEndian.AppendUint32(nil, epoch), u64(seq))
}

// sequenceOf is the inverse of place, for a key of that peer.
func sequenceOf(peer string, key []byte) (epoch uint32, seq uint64) {
	at := len(peer) + 1
	return binary.BigEndian.Uint32(key[at:]), number(key[at+4:])
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

// read unmarshals the row at key into m and reports whether there is one.
func read(b *bbolt.Bucket, key []byte, m proto.Message) (bool, error) {
	v := b.Get(key)
	if v == nil {
		return false, nil
	}
	return true, parse(v, m)
}

// A rowOf is a message that is kept as a row.
type rowOf[T any] interface {
	*T
	proto.Message
}

// find returns the row at key, or [ErrNotFound].
func find[T any, M rowOf[T]](b *bbolt.Bucket, key []byte) (M, error) {
	m := M(new(T))
	ok, err := read(b, key, m)
	if err == nil && !ok {
		err = ErrNotFound
	}
	return m, err
}

// eachRow calls each with the rows of b whose keys begin with prefix, from a key on, in order, until it returns false.
func eachRow[T any, M rowOf[T]](b *bbolt.Bucket, prefix, from []byte, each func(key []byte, row M) bool) error {
	c := b.Cursor()
	for k, v := c.Seek(from); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		m := M(new(T))
		if err := parse(v, m); err != nil {
			return err
		}
		if !each(k, m) {
			break
		}
	}
	return nil
}

func parse(v []byte, m proto.Message) error {
	if err := proto.Unmarshal(v, m); err != nil {
		return fmt.Errorf("reading %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return nil
}

// isPiece reports whether key is that of a piece of a numbered value, and of which.
func isPiece(key []byte) (piece int, ok bool) {
	if len(key) != 10 {
		return 0, false
	}
	return int(binary.BigEndian.Uint16(key[8:])), true
}

const (
	// maxPiece is the largest value of a bucket; longer ones are kept in pieces.
	maxPiece = 60 << 10
	// smallPiece is the piece of a value of a few KiB. bbolt puts at least two rows into a page, and two of these fill one.
	smallPiece = 2000
	// fewPieces is up to how many small pieces a value has; a longer one has large pieces, which waste less of its size.
	fewPieces = 8
)

func pieceSize(length int) int {
	if length <= fewPieces*smallPiece {
		return smallPiece
	}
	return maxPiece
}

// pieceKey is the key of one piece of a value.
func pieceKey(key []byte, piece int) []byte {
	return binary.BigEndian.AppendUint16(append(make([]byte, 0, len(key)+2), key...), uint16(piece))
}

// readPieces joins the pieces of the value at key; nil when there is none. No other keys of b are as long.
func readPieces(b *bbolt.Bucket, key []byte) []byte {
	var v []byte
	for i := 0; ; i++ {
		p := b.Get(pieceKey(key, i))
		if p == nil {
			return v
		}
		v = append(v, p...)
	}
}
