package proto_test

import (
	"bytes"
	"testing"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A receiptVector is the beginning of HU's log, and what HU answers RS from it.
type receiptVector struct {
	Keys       []string `json:"keys"`
	Leaves     []string `json:"leaves"`
	Root       hexBytes `json:"root"`
	Checkpoint string   `json:"checkpoint"`
	// Receipts is what stands in a frame.
	Receipts hexBytes `json:"receipts"`
	// Answers says what each receipt answers, in their order.
	Answers []answerVector `json:"answers"`
}

type answerVector struct {
	Index int64      `json:"index"`
	Kind  string     `json:"kind"`
	Msg   hexBytes   `json:"msg"`
	Path  []hexBytes `json:"path"`
}

// huBeginning are the first leaves of HU's log, older than any message.
func huBeginning(t *testing.T, w *world) [][]byte {
	t.Helper()
	return leaves(t, 0,
		&translog.Genesis{Log: w.members["HU"].logInfo().Origin, Country: "HU", Directory: w.directory(t).Digest(), Epoch: 1, Spec: "rogatory-log-1"},
		&translog.Node{Event: translog.NodeStart, Program: "example:1"})
}

// huLeaves are those, and what HU answers RS.
func huLeaves(t *testing.T, w *world) [][]byte {
	t.Helper()
	sent := readVector[[]envelopeVector](t, "envelope")
	m, err := envelope.ParseMessage(sent[0].Message)
	if err != nil {
		t.Fatal(err)
	}
	return append(huBeginning(t, w), leaves(t, 2,
		&translog.Msg{
			Dir: translog.In, Msg: translog.Hash(sent[0].Name), Stmt: translog.Hash(sent[0].Stmt), Sig: translog.Hash(sent[0].Sig), From: m.From, To: m.To,
			Epoch: int64(m.Epoch), Seq: int64(m.Seq), Prev: translog.Hash(m.Prev), DocketCommit: translog.Hash(m.DocketCommit),
			ContentCommit: translog.Hash(m.ContentCommit), DirectoryVersion: 1, ManifestVersion: 7, Size: int64(len(sent[0].Inner)),
		},
		&translog.Rej{Code: "transition:wrong-message", From: "RS", Msg: translog.Hash(sent[1].Name)},
		&translog.Whole{Msg: translog.Hash(sent[0].Name), List: translog.Hash(seed("list of attachments"))})...)
}

func leaves(t *testing.T, first int64, entries ...translog.Entry) [][]byte {
	t.Helper()
	var leaves [][]byte
	for i, e := range entries {
		b, err := translog.Marshal(noon.UnixMilli()+first+int64(i), first+int64(i), e)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, b)
	}
	return leaves
}

func logHashes(leaves [][]byte) (hashes [][]byte) {
	for _, l := range leaves {
		hashes = append(hashes, sum([]byte{0}, l))
	}
	return hashes
}

func logRoot(leaves [][]byte) []byte { return merkle(logHashes(leaves)) }

func makeReceipt(t *testing.T, w *world) receiptVector {
	leaves := huLeaves(t, w)
	c := w.members["HU"]
	v := receiptVector{Keys: c.logInfo().Keys, Root: logRoot(leaves)}
	note, err := translog.SignCheckpoint(translog.Checkpoint{Origin: c.logInfo().Origin, Size: int64(len(leaves)), Root: translog.Hash(v.Root)}, c.log)
	if err != nil {
		t.Fatal(err)
	}
	v.Checkpoint = string(note)
	out := &rogatoryv1.Receipts{Checkpoint: note}
	for i, b := range leaves {
		v.Leaves = append(v.Leaves, string(b))
		leaf, err := translog.ParseLeaf(b)
		if err != nil {
			t.Fatal(err)
		}
		var msg translog.Hash
		switch e := leaf.Entry.(type) {
		case *translog.Msg:
			msg = e.Msg
		case *translog.Rej:
			msg = e.Msg
		case *translog.Whole:
			msg = e.Msg
		default:
			continue
		}
		a := answerVector{Index: int64(i), Kind: leaf.Entry.Kind(), Msg: msg[:]}
		r := &rogatoryv1.Receipt{Leaf: b, Index: uint64(i), Hashes: path(logHashes(leaves), i)}
		for _, h := range r.Hashes {
			a.Path = append(a.Path, h)
		}
		out.Receipts, v.Answers = append(out.Receipts, r), append(v.Answers, a)
	}
	v.Receipts = encode(t, out)
	return v
}

func checkReceipt(t *testing.T, w *world, v receiptVector) {
	log, err := translog.ParseLogVerifier(v.Keys[0], v.Keys[1])
	if err != nil {
		t.Fatal(err)
	}
	receipts := &rogatoryv1.Receipts{}
	if err := envelope.StrictUnmarshal(v.Receipts, receipts, 1<<20); err != nil {
		t.Fatal(err)
	}
	same(t, "checkpoint", receipts.Checkpoint, []byte(v.Checkpoint))
	cp, err := translog.ParseCheckpoint(receipts.Checkpoint, log)
	if err != nil {
		t.Fatal(err)
	}
	var leaves [][]byte
	for _, l := range v.Leaves {
		leaves = append(leaves, []byte(l))
	}
	same(t, "root", logRoot(leaves), v.Root)
	same(t, "root of the checkpoint", cp.Root[:], v.Root)
	if len(receipts.Receipts) != len(v.Answers) {
		t.Fatalf("%d receipts", len(receipts.Receipts))
	}
	for i, r := range receipts.Receipts {
		a := v.Answers[i]
		var hashes []translog.Hash
		var want [][]byte
		for _, h := range r.Hashes {
			hashes = append(hashes, translog.Hash(h))
		}
		for _, h := range a.Path {
			want = append(want, h)
		}
		same(t, "path", bytes.Join(r.Hashes, nil), bytes.Join(want, nil))
		same(t, "path from the leaves", bytes.Join(path(logHashes(leaves), int(a.Index)), nil), bytes.Join(want, nil))
		leaf, msg, err := translog.VerifyReceipt(translog.Receipt{Leaf: r.Leaf, Index: int64(r.Index), Hashes: hashes}, cp)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "message", msg[:], a.Msg)
		if leaf.Kind != a.Kind || leaf.Index != a.Index {
			t.Errorf("receipt %d is a %s at %d", i, leaf.Kind, leaf.Index)
		}
	}
}
