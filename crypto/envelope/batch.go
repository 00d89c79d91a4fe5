package envelope

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"

	"github.com/rogatory/rogatory/crypto/keyring"
)

// MaxBatch is how many statements one signature covers at most.
const MaxBatch = 256

// maxSignature bounds a BatchSignature's bytes: the root signature, eight hashes and room for what a later version adds.
const maxSignature = 4 << 10

var (
	errPath      = errors.New("path does not fit the batch")
	errSignature = errors.New("signature's parts have wrong lengths")
)

// PAE returns DSSE's pre-authentication encoding (secure-systems-lab/dsse, v1) of a payload and its type.
func PAE(payloadType string, payload []byte) []byte {
	return appendPAE(make([]byte, 0, len(payloadType)+len(payload)+32), payloadType, payload)
}

func appendPAE(b []byte, payloadType string, payload []byte) []byte {
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(payloadType)), 10)
	b = append(b, ' ')
	b = append(b, payloadType...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	b = append(b, ' ')
	return append(b, payload...)
}

type node = [sha256.Size]byte

// leafHash is SHA-256(0x00 || PAE("application/vnd.rogatory.statement.v1+protobuf", statement)), RFC 6962.
func leafHash(statement []byte) node {
	var room [1 << 10]byte // as much as most statements take
	return sha256.Sum256(appendPAE(room[:1], typeStatement, statement))
}

// parent is SHA-256(0x01 || left || right), RFC 6962.
func parent(left, right node) node {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// tree returns the RFC 6962 root of the leaves and every leaf's audit path. A last node without a sibling rises as it is, which gives the
// same tree as RFC 6962's split at the largest power of two.
func tree(leaves []node) (root node, paths [][][]byte) {
	paths = make([][][]byte, len(leaves))
	level, width := leaves, 1 // width: leaves under a whole node of this level
	for len(level) > 1 {
		for i := range leaves {
			if sibling := (i / width) ^ 1; sibling < len(level) {
				paths[i] = append(paths[i], level[sibling][:])
			}
		}
		next := make([]node, 0, (len(level)+1)/2)
		for i := 0; i+1 < len(level); i += 2 {
			next = append(next, parent(level[i], level[i+1]))
		}
		if len(level)%2 == 1 {
			next = append(next, level[len(level)-1])
		}
		level, width = next, width*2
	}
	return level[0], paths
}

// climb returns the root that a leaf and its audit path lead to (RFC 9162, 2.1.3.2), or errPath.
func climb(leaf node, index, size uint64, path [][]byte) (node, error) {
	if size < 1 || size > MaxBatch || index >= size || len(path) > bits.Len(MaxBatch-1) {
		return node{}, errPath
	}
	for last := size - 1; last > 0; index, last = index/2, last/2 {
		if index == last && index%2 == 0 {
			continue // no sibling: rises as it is
		}
		if len(path) == 0 || len(path[0]) != sha256.Size {
			return node{}, errPath
		}
		if sibling := node(path[0]); index%2 == 1 {
			leaf = parent(sibling, leaf)
		} else {
			leaf = parent(leaf, sibling)
		}
		path = path[1:]
	}
	if len(path) != 0 {
		return node{}, errPath
	}
	return leaf, nil
}

// signedRoot is what the identity key signs: PAE("application/vnd.rogatory.batch.v1", u64be(size) || root).
func signedRoot(size uint64, root node) []byte {
	var b [8 + sha256.Size]byte
	binary.BigEndian.PutUint64(b[:8], size)
	copy(b[8:], root[:])
	return PAE(typeBatch, b[:])
}

// SignedBatch returns what the identity key signed when it signed the batch that a statement belongs to, from the statement's and the
// BatchSignature's bytes: a PAE, which the composite signature covers. It checks no signature.
func SignedBatch(statement, signature []byte) ([]byte, error) {
	sig := new(rogatoryv1.BatchSignature)
	if err := StrictUnmarshal(signature, sig, len(signature)); err != nil {
		return nil, err
	}
	root, err := climb(leafHash(statement), uint64(sig.GetIndex()), uint64(sig.GetTreeSize()), sig.GetPath())
	if err != nil {
		return nil, err
	}
	return signedRoot(uint64(sig.GetTreeSize()), root), nil
}

// Signed is an envelope ready to travel.
type Signed struct {
	// Envelope is the Envelope's bytes.
	Envelope []byte
	// Signature is the BatchSignature's bytes within it, which the log keeps beside the leaf.
	Signature []byte
	// Hash is the BatchSignature's hash: sig in leaves.
	Hash [32]byte
}

// SignBatch signs 1 to 256 sealed messages with one signature and returns their envelopes in the same order. ErrBatch means an empty or
// too large batch, or a sealing that names another signing key.
func SignBatch(key *keyring.Identity, batch []*Sealed) ([]Signed, error) {
	if len(batch) == 0 || len(batch) > MaxBatch {
		return nil, fmt.Errorf("%d statements: %w", len(batch), ErrBatch)
	}
	leaves := make([]node, len(batch))
	for i, s := range batch {
		if s.From != key.KID() {
			return nil, fmt.Errorf("statement %d names key %s: %w", i, s.From, ErrBatch)
		}
		leaves[i] = leafHash(s.Statement)
	}
	root, paths := tree(leaves)
	size := uint64(len(batch))
	rootSignature, err := key.Sign(signedRoot(size, root))
	if err != nil {
		return nil, err
	}
	out := make([]Signed, len(batch))
	for i, s := range batch {
		sig := &rogatoryv1.BatchSignature{RootSignature: rootSignature, TreeSize: size, Index: uint64(i), Path: paths[i]}
		if out[i].Signature, err = Marshal(sig); err != nil {
			return nil, err
		}
		out[i].Hash = SignatureHash(out[i].Signature)
		if out[i].Envelope, err = Marshal(&rogatoryv1.Envelope{Statement: s.Statement, Sig: sig, Wrap: s.Wrap, Ct: s.Ct}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Verifier checks batch signatures and remembers the roots that verified, so that 256 statements cost one check of a signature. The
// zero Verifier is ready; it is safe for use by several goroutines.
type Verifier struct {
	mu sync.Mutex
	// Two generations: when the young one is full it becomes the old one. A root in use is found in either.
	young, old map[signedBy]string
}

// signedBy is what was signed, and by which key. A Verifier has the signature that verified last.
type signedBy struct {
	key, root node
	size      uint64
}

// verifierRoots bounds each generation of a Verifier: 3.4 KiB each.
const verifierRoots = 512

func (v *Verifier) knows(id *signedBy, signature []byte) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s, ok := v.young[*id]; ok && s == string(signature) {
		return true
	}
	s, ok := v.old[*id]
	return ok && s == string(signature)
}

func (v *Verifier) learn(id *signedBy, signature []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.young == nil || len(v.young) >= verifierRoots {
		v.old, v.young = v.young, make(map[signedBy]string)
	}
	v.young[*id] = string(signature)
}

// VerifyStatement returns nil if the BatchSignature's bytes are a signature of the statement's bytes by key. The error is an *Error with
// ReasonOuter, ReasonPath or ReasonSignature. Whether the key is valid, and whose it is, is the caller's to know.
func (v *Verifier) VerifyStatement(key *keyring.PublicKey, statement, signature []byte) error {
	if err := checkStrict(signature, batchSignature, maxSignature); err != nil {
		return notAuthentic(ReasonOuter, err)
	}
	var path [8][]byte
	root, size, index, rest := cutSignature(signature, path[:0])
	return v.verify(key, statement, root, size, index, rest)
}

var batchSignature = new(rogatoryv1.BatchSignature).ProtoReflect().Descriptor()

// cutSignature returns the fields of a BatchSignature whose bytes are the one encoding of it. They refer to b; path is appended to.
func cutSignature(b []byte, path [][]byte) (root []byte, size, index uint64, _ [][]byte) {
	for len(b) > 0 {
		var num protowire.Number
		var value uint64
		var list []byte
		num, value, list, b = cutField(b)
		switch num {
		case 1:
			root = list
		case 2:
			size = value
		case 3:
			index = value
		case 4:
			path = append(path, list)
		}
	}
	return root, size, index, path
}

func (v *Verifier) verify(key *keyring.PublicKey, statement, signature []byte, size, index uint64, path [][]byte) error {
	root, err := climb(leafHash(statement), index, size, path)
	if err != nil {
		return notAuthentic(ReasonPath, err)
	}
	if len(signature) != keyring.IdentitySignatureSize {
		return notAuthentic(ReasonSignature, errSignature)
	}
	// What is remembered is the whole of what was checked: key, what was signed, signature.
	id := signedBy{key.Hash(), root, size}
	if v.knows(&id, signature) {
		return nil
	}
	if err := key.Verify(signedRoot(size, root), signature); err != nil {
		return notAuthentic(ReasonSignature, err)
	}
	v.learn(&id, signature)
	return nil
}
