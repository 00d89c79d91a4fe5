package translog

import (
	"crypto/sha256"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func h(s string) Hash { return sha256.Sum256([]byte(s)) }

func seed(s string) []byte {
	x := h("seed " + s)
	return x[:]
}

// samples has one full and, where members are optional, one bare entry of each kind.
func samples() []Entry {
	return []Entry{
		&Genesis{Country: "RS", Directory: h("dir"), Epoch: 2, Founders: []Hash{h("f1"), h("f2")}, Log: "rogatory.example/RS/log/2",
			Spec: "rogatory-log-1", PrevLog: "rogatory.example/RS/log/1", PrevRoot: h("root"), PrevSize: 77},
		&Genesis{Country: "RS", Directory: h("dir"), Epoch: 1, Log: "rogatory.example/RS/log/1", Spec: "rogatory-log-1"},
		sampleMsg(),
		&Msg{ContentCommit: h("c"), Dir: Out, DirectoryVersion: 3, DocketCommit: h("d"), Epoch: 1, From: "RS", To: "BG",
			ManifestVersion: 4, Msg: h("m"), Seq: 1, Size: 900},
		&Reseal{Of: h("m"), Sig: h("sig"), Stmt: h("stmt")},
		&Whole{List: h("list"), Msg: h("m")},
		&Rcpt{Index: 9, Log: "rogatory.example/BG/log/1", Of: h("m"), Ref: 4, Root: h("root"), Size: 12},
		&Rcpt{Index: 9, Log: "rogatory.example/BG/log/1", Of: h("m"), Ref: 4, Rej: "not_understood", Root: h("root"), Size: 12},
		&Rej{Code: "not_understood", From: "BG", Msg: h("m")},
		&Stray{Counts: []Count{{"bad_signature", 12}, {"oversize", 1}}, Hour: 1_763_913_600_000},
		&Wit{Log: "rogatory.example/BG/log/1", Root: h("root"), Size: 12, Time: 1_763_917_200},
		&Cos{By: []string{"rogatory.example/witness/BG", "rogatory.example/witness/HU"}, Count: 2, Digest: h("note"),
			Log: "rogatory.example/RS/log/1", Root: h("root"), Size: 12},
		&Cos{Count: 65, Digest: h("note"), Log: "rogatory.example/RS/log/1", Root: h("root"), Size: 12},
		&Op{Assertion: h("a"), Basis: "art7", Case: "c7Qx", Of: []Hash{h("x"), h("y")}, OfCount: 2, Recipient: "BG/police",
			Verb: Disclose, Who: "p1", Why: "request"},
		&Op{Basis: "art7", OfCount: 70, OfDigest: h("list"), Verb: Consult, Who: "p1", Why: "request"},
		&Erase{Assertion: h("a"), Basis: "term", By: "timer", Of: []Hash{h("x")}, OfCount: 1, What: []string{"content", "docket"}},
		&Case{Case: "c7Qx", Docket: h("docket"), Event: "drafted", ToState: "draft"},
		&Case{Assertion: h("a"), Case: "c7Qx", Decision: "refuse", Docket: h("docket"), Due: 1_763_920_800_000, Event: "decided", FromState: "received",
			Manifest: 4, Of: h("m"), Policy: h("p"), Rule: "fiu-only", ToState: "refused", Unit: "fiu"},
		&Policy{Assertion: h("a"), Digest: h("p"), Name: "rules", Version: 3},
		&Actor{By: []string{"p1", "p2"}, Digest: h("enrolment"), Event: "enrol", Who: "p3"},
		&Dataset{Count: 1000, Digest: h("ds"), Name: "vehicles"},
		&Filter{Dataset: "vehicles", Day: 20261123, Digest: h("filter")},
		&Match{Count: 3, Dataset: "vehicles", Digest: h("bz"), Dir: In, Peer: "HU", Purpose: "investigation"},
		&Alarm{Detector: "enumeration", Digest: h("alarm"), Peer: "HU"},
		&State{Size: 1000, Snapshot: h("snap"), State: h("state")},
		&Key{Event: "publish", Key: h("key"), NotAfter: 1_764_000_000_000, NotBefore: 1_763_900_000_000, Use: "sealing"},
		&Dir{Digest: h("manifest"), Member: "BG", Prev: h("before"), Version: 9, What: DirManifest},
		&Dir{Digest: h("directory"), Version: 1, What: DirDirectory},
		&Time{Digest: h("token"), Root: h("root"), Size: 12, Time: 1_763_917_200_000, Type: "rfc3161"},
		&Node{Digest: h("report"), Event: NodeRestore, Program: "v1.0.0"},
	}
}

func sampleMsg() *Msg {
	return &Msg{ContentCommit: h("c"), Dir: In, DirectoryVersion: 3, DocketCommit: h("d"), Epoch: 1, FirstAt: 1_763_917_200_001,
		From: "BG", To: "RS", ManifestVersion: 4, Msg: h("m"), Prev: h("prev"), Seq: 2, Sig: h("sig"), Size: 4096, Stmt: h("stmt")}
}

func mustMarshal(t testing.TB, index int64, e Entry) []byte {
	t.Helper()
	b, err := Marshal(1_763_917_200_123, index, e)
	if err != nil {
		t.Fatalf("%+v: %v", e, err)
	}
	return b
}

// index returns 0 for the kind that stands nowhere else, and 7 for all others.
func index(e Entry) int64 {
	if e.Kind() == "genesis" {
		return 0
	}
	return 7
}

// A memory keeps stored hashes as golang.org/x/mod/sumdb/tlog counts them.
type memory []Hash

func (m memory) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, n := range at {
		out[i] = tlog.Hash(m[n])
	}
	return out, nil
}

const testOrigin = "rogatory.example/RS/log/1"

func logSigner(t testing.TB) *LogSigner {
	t.Helper()
	s, err := NewLogSigner(testOrigin, seed("log ed"), seed("log pq"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func witness(t testing.TB, country string) *WitnessSigner {
	t.Helper()
	s, err := NewWitnessSigner("rogatory.example/witness/"+country, "rogatory.example/"+country+"/log/2", seed(country+" ed"), seed(country+" pq"),
		"rogatory.example/"+country+"/log/1")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tree returns the leaves, stored hashes and edge of a small log.
func tree(t testing.TB, n int) ([][]byte, memory, Edge) {
	t.Helper()
	var leaves [][]byte
	var stored memory
	var e Edge
	for i := range n {
		m := sampleMsg()
		m.Seq = int64(i) + 1
		leaf := mustMarshal(t, int64(i), m)
		leaves = append(leaves, leaf)
		var err error
		if stored, err = e.Append(stored, LeafHash(leaf)); err != nil {
			t.Fatal(err)
		}
	}
	return leaves, stored, e
}
