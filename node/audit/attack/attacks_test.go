package attack_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// elsewhere are attacks that are no lies of an operator, with the tests that make them.
var elsewhere = [][2]string{
	{"kill -9 a hundred times", "`scripts/crash`: nothing that was acknowledged is lost, the log goes on and verifies"},
	{"EIO, ENOSPC, SIGKILL at every write, fsync and rename", "`scripts/faults`: the same"},
	{"torn tail of bbolt", "`node/store`: the store opens at the last commit, or says that it is damaged"},
	{"restored backup, at the node itself", "`node`: the node is uncleared, E-ROLLBACK, and says how to recover"},
	{"every bit of an export flipped, folder and zip", "`TestEveryBitOfASmallExportCounts`: opening or verify finds each"},
}

// attacks are those of the design's list, and some more. The first column of the README's table.
var attacks = []attack{
	{"nothing: the honest history", "", func(s *scene) []found { return s.show() }},

	// What is done to the whole history.
	{"truncated", "verify W-UNWITNESSED, reconcile W-UNKNOWN", func(s *scene) []found { s.h.Truncate(s.h.Find("msg")[5]); return s.show() }},
	{"restored from a backup, and gone on", "verify W-UNWITNESSED, reconcile E-ABSENT-OWN E-ABSENT-PEER E-ROLLBACK W-UNKNOWN", func(s *scene) []found {
		s.h.Truncate(s.h.Find("wit")[2] + 1)
		s.h.Resign()
		s.h.Append(s.w.Now+3_600_000, &translog.Node{Event: translog.NodeStart, Program: "x"})
		return s.show()
	}},
	{"two messages in another order", "verify E-HEAD E-KEY E-RCPT-OTHER E-SEQ E-TIME W-UNRECEIPTED W-UNWITNESSED, replay E-STATE E-TRANS, reconcile E-FORK E-HEAD E-RCPT-OTHER", func(s *scene) []found {
		out := s.h.Find("msg", msg(translog.Out, "BG"))
		s.h.Swap(out[0], out[1])
		return s.show()
	}},
	{"a message removed from the middle", "verify E-HEAD E-RCPT-OTHER E-SEQ W-UNWITNESSED, replay E-STATE E-TRANS, reconcile E-ABSENT-OWN E-FORK E-HEAD E-RCPT-OTHER", func(s *scene) []found { s.h.Delete(s.find("msg", msg(translog.Out, "BG"))); return s.show() }},
	{"the last message removed, with all that names it", "verify W-UNWITNESSED, reconcile E-ABSENT-OWN E-ROLLBACK", func(s *scene) []found {
		m := s.h.Entries[last(s.h.Find("msg", msg(translog.Out, "BG")))].Body.(*translog.Msg)
		var gone []int
		for i, e := range s.h.Entries {
			switch x := e.Body.(type) {
			case *translog.Msg:
				if x.Msg == m.Msg {
					gone = append(gone, i)
				}
			case *translog.Rcpt:
				if x.Of == m.Msg {
					gone = append(gone, i)
				}
			case *translog.Case:
				if x.Of == m.Msg || x.Of == m.DocketCommit {
					gone = append(gone, i)
				}
			}
		}
		s.h.Delete(gone...)
		s.h.Resign()
		s.h.Append(s.w.Now+3_600_000, &translog.Node{Event: translog.NodeStart, Program: "x"})
		return s.show()
	}},
	{"a received message forged", "verify E-KEY E-MISSING W-UNWITNESSED", func(s *scene) []found {
		l := &liar{r: chance(1, "forged", 0), w: s.w, c: s.rs, h: s.h}
		l.inventArrival()
		return s.show()
	}},
	{"a sent message swapped for another", "verify E-HEAD E-PREV E-RCPT-OTHER W-UNWITNESSED, replay E-RCPT-MISSING E-RIGHT E-STATE, reconcile E-ABSENT-OWN E-ABSENT-PEER E-FORK E-HEAD E-RCPT-OTHER", func(s *scene) []found {
		s.w.Reissue(s.rs, s.h, s.find("msg", msg(translog.Out, "BG")), func(m *rogatoryv1.Message) { m.ContentCommit[0] ^= 1 })
		return s.show()
	}},
	{"all history signed anew", "verify E-HEAD E-TIME W-UNWITNESSED, reconcile E-FORK E-HEAD E-RCPT-OTHER", func(s *scene) []found {
		s.h.Alter(3, func(e *forge.Entry) { e.At-- })
		return s.show()
	}},
	{"all history signed anew, and every witness colludes", "verify E-PREV E-RCPT-OTHER, replay E-RCPT-MISSING E-STATE", func(s *scene) []found {
		s.w.Reissue(s.rs, s.h, s.find("msg", msg(translog.Out, "BG")), func(m *rogatoryv1.Message) { m.SubmittedMs++ })
		return s.inTime()
	}},
	{"split view: another history for each of two peers", "verify W-UNWITNESSED, reconcile E-HEAD, check E-FORK", func(s *scene) []found {
		other := s.h.Copy()
		other.Append(s.w.Now, &translog.Node{Event: translog.NodeStart, Program: "for-bg"})
		s.h.Append(s.w.Now, &translog.Node{Event: translog.NodeStart, Program: "for-gr"})
		s.w.Show(other, "BG") // GR never sees it, and BG not the one that the auditor gets
		s.h.Resign()
		s.w.Cosign(s.h, s.w.Show(s.h, "BG", "GR"))
		list := append(s.show(), s.checks(s.h.Note(), other.Note())...)
		return list
	}},
	{"fork: two heads of one size", "check E-FORK", func(s *scene) []found {
		other := s.h.Copy()
		other.Alter(len(other.Entries)-1, func(e *forge.Entry) { e.At++ })
		other.Rebuild()
		return s.checks(s.h.Note(), other.Note())
	}},
	{"fork that a peer holds the proof of", "verify E-FORK", func(s *scene) []found {
		other := s.h.Copy()
		other.Alter(len(other.Entries)-1, func(e *forge.Entry) { e.At++ })
		other.Rebuild()
		s.bg.Log.PutFork("log", translog.FormatHeads(s.h.Note(), other.Note(), nil))
		return s.one(s.w.Archive("BG", s.in+"/BG.zip"))
	}},
	{"a witness that goes back", "verify E-ROLLBACK", func(s *scene) []found {
		s.h.Alter(last(s.h.Find("wit")), func(e *forge.Entry) { e.Body.(*translog.Wit).Size = 1 })
		return s.show()
	}},
	{"a cosignature that was never logged", "verify E-HEAD W-UNWITNESSED, reconcile E-ABSENT-PEER E-FORK E-HEAD E-RCPT-OTHER", func(s *scene) []found {
		s.h.Delete(s.find("wit", func(e translog.Entry) bool { return e.(*translog.Wit).Log == s.bg.Origin() }))
		return s.show()
	}},

	// Receipts.
	{"a receipt deleted", "verify E-HEAD W-UNRECEIPTED W-UNWITNESSED, replay E-RCPT-MISSING E-STATE, reconcile E-FORK E-HEAD E-RCPT-OTHER W-UNRECEIPTED", func(s *scene) []found { s.h.Delete(s.find("rcpt")); return s.show() }},
	{"a receipt deleted with its step", "verify E-HEAD W-UNRECEIPTED W-UNWITNESSED, replay E-STATE, reconcile E-FORK E-HEAD E-RCPT-OTHER W-UNKNOWN W-UNRECEIPTED", func(s *scene) []found {
		i := s.find("rcpt")
		s.h.Delete(i, i+1)
		return s.show()
	}},
	{"a receipt's proof lost", "verify E-RCPT-MISSING", func(s *scene) []found {
		s.h.Alter(s.find("rcpt"), func(e *forge.Entry) { delete(e.Sides, "path") })
		return s.show()
	}},
	{"a receipt made up", "verify E-RCPT-MISSING E-RCPT-OTHER W-UNWITNESSED, reconcile E-HEAD E-RCPT-OTHER", func(s *scene) []found {
		l := &liar{r: chance(1, "receipt", 0), w: s.w, c: s.rs, h: s.h}
		l.inventReceipt()
		return s.show()
	}},
	{"receipts stalled by the peer", "verify W-UNRECEIPTED, reconcile W-UNRECEIPTED", func(s *scene) []found {
		m := s.w.Draft("RS", "BG", s.w.Follow(s.asked, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_FEEDBACK}), forge.First)
		s.w.Submit(forge.Second, m)
		s.w.Deliver(m)
		s.w.Round()
		s.h = s.rs.Log.Copy()
		return s.show()
	}},

	// Clocks.
	{"clock set a day ahead", "verify E-TIME W-SKEW, replay E-DEADLINE E-RIGHT", func(s *scene) []found {
		for i := s.find("msg", msg(translog.Out, "BG")); i < len(s.h.Entries); i++ {
			s.h.Alter(i, func(e *forge.Entry) { e.At += 86_400_000 })
		}
		return s.inTime()
	}},
	{"clock set a day back", "verify E-KEY E-TIME W-SKEW, replay E-DEADLINE E-RIGHT", func(s *scene) []found {
		for i := s.find("msg", msg(translog.Out, "BG")); i < len(s.h.Entries); i++ {
			s.h.Alter(i, func(e *forge.Entry) { e.At = max(e.At-86_400_000, s.h.Entries[i-1].At) })
		}
		return s.inTime()
	}},
	{"a leaf a day older than the one before it", "verify E-TIME, replay E-RIGHT", func(s *scene) []found {
		s.h.Alter(20, func(e *forge.Entry) { e.At -= 86_400_000 })
		return s.inTime()
	}},

	// Duplicates.
	{"a message accepted twice", "verify E-DUP, replay E-STATE", func(s *scene) []found {
		i := s.find("msg", msg(translog.In, "BG"))
		s.h.Insert(i+2, s.h.Entries[i].Clone())
		s.h.Entries[i+2].At = s.h.Entries[i+1].At
		return s.inTime()
	}},
	{"one number for two messages", "verify E-DUP E-RCPT-OTHER E-SEQ, replay E-RCPT-MISSING", func(s *scene) []found {
		out := s.h.Find("msg", msg(translog.Out, "BG"))
		s.w.Reissue(s.rs, s.h, out[1], func(m *rogatoryv1.Message) { m.Seq, m.Prev = 1, make([]byte, 32) })
		return s.inTime()
	}},
	{"a late message said to have been submitted in time", "verify E-TIME", func(s *scene) []found {
		m := s.w.Draft("RS", "BG", s.w.Follow(s.asked, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_FEEDBACK}), forge.First)
		m.Backdated = 3_600_000
		s.w.Submit(forge.Second, m)
		s.w.Deliver(m)
		s.w.Receipt(m)
		s.w.Round()
		s.h = s.rs.Log.Copy()
		return s.inTime()
	}},
	{"an attempt made twice", "verify E-DUP", func(s *scene) []found {
		m := s.w.Draft("RS", "BG", s.w.Follow(s.asked, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_FEEDBACK}), forge.First)
		s.w.Submit(forge.Second, m)
		s.w.Reseal(m)
		s.w.Deliver(m)
		s.w.Receipt(m)
		s.w.Round()
		s.h = s.rs.Log.Copy()
		i := s.find("reseal")
		s.h.Insert(i+1, s.h.Entries[i].Clone())
		return s.inTime()
	}},

	// Keys.
	{"a message signed with a key that was retired", "verify E-KEY", func(s *scene) []found {
		old := s.rs.Identities[0]
		s.rs.Rotate(time.Minute)
		s.w.Sleep(2 * time.Hour)
		was := s.rs.Identities
		s.rs.Identities = []keyring.DatedIdentity{old}
		s.w.Ask("RS", "BG")
		s.rs.Identities = was
		s.w.Round()
		s.h = s.rs.Log.Copy()
		return s.show()
	}},
	{"a key rotated in mid-log, honestly", "", func(s *scene) []found {
		s.rs.Rotate(24 * time.Hour)
		s.w.Ask("RS", "BG")
		s.w.Sleep(30 * time.Hour)
		s.w.Ask("RS", "BG")
		s.w.Round()
		s.h = s.rs.Log.Copy()
		return s.show()
	}},
	{"the operator's directory instead of the auditor's", "verify E-KEY E-RIGHT, replay E-DEADLINE E-KEY E-RIGHT", func(s *scene) []found {
		s.auditor = newAuditor(s.t, forge.New(s.t.(forge.T), "BG", "GR", "RS").Trusted())
		return s.one(s.w.ArchiveOf(s.rs, s.h, s.in+"/RS.zip"))
	}},
	{"a genesis of other founders", "verify E-KEY", func(s *scene) []found {
		s.h.Alter(0, func(e *forge.Entry) { e.Body.(*translog.Genesis).Founders[0][0] ^= 1 })
		return s.inTime()
	}},

	// Erasure.
	{"a docket destroyed without a tombstone", "verify E-MISSING, replay E-MISSING", func(s *scene) []found {
		s.h.Alter(s.find("msg"), func(e *forge.Entry) { delete(e.Sides, "docket") })
		return s.inTime()
	}},
	{"a docket destroyed before the end of its term", "replay E-RIGHT W-UNKNOWN", func(s *scene) []found {
		m := s.h.Entries[s.find("msg")].Body.(*translog.Msg)
		s.h.Alter(s.find("msg"), func(e *forge.Entry) { delete(e.Sides, "docket") })
		s.h.Append(s.w.Now, &translog.Erase{Basis: "docket-term.3-years", By: "docket-term", Of: []translog.Hash{m.Msg}, OfCount: 1, What: []string{"docket"}})
		return s.inTime()
	}},
	{"a docket said to be destroyed, and its salt kept", "verify E-EXTRA, replay E-RIGHT", func(s *scene) []found {
		m := s.h.Entries[s.find("msg")].Body.(*translog.Msg)
		s.h.Append(s.w.Now, &translog.Erase{Basis: "docket-term.3-years", By: "docket-term", Of: []translog.Hash{m.Msg}, OfCount: 1, What: []string{"docket"}})
		return s.inTime()
	}},
	{"erased by nobody", "replay E-RIGHT", func(s *scene) []found {
		m := s.h.Entries[s.find("msg")].Body.(*translog.Msg)
		s.h.Append(s.w.Now, &translog.Erase{Basis: "none", By: "operator", Of: []translog.Hash{m.Msg}, OfCount: 1, What: []string{"content"}})
		return s.inTime()
	}},
	{"erased on one side, honestly", "", func(s *scene) []found {
		s.w.EraseItem("RS", s.asked)
		s.w.Round()
		s.h = s.rs.Log.Copy()
		return s.show()
	}},
	{"erased on both sides, honestly", "", func(s *scene) []found {
		s.w.EraseItem("RS", s.asked)
		s.w.EraseItem("BG", s.asked)
		s.w.Round()
		s.h = s.rs.Log.Copy()
		return s.show()
	}},
	{"erased on both sides, one without a tombstone", "replay E-MISSING", func(s *scene) []found {
		s.w.EraseItem("RS", s.asked)
		s.w.EraseItem("BG", s.asked)
		s.w.Round()
		s.h = s.rs.Log.Copy()
		s.h.Delete(s.find("erase"))
		return s.inTime()
	}},
	{"a tombstone without the step that two people made", "replay E-RIGHT", func(s *scene) []found {
		s.w.EraseItem("RS", s.asked)
		s.w.Round()
		s.h = s.rs.Log.Copy()
		s.h.Delete(s.find("case", step("erase-item")))
		return s.inTime()
	}},

	// Schemas and canonical forms.
	{"two schema versions in one log", "verify W-UNKNOWN, replay W-UNKNOWN", func(s *scene) []found {
		return s.leaf(1, func(l string) string { return strings.Replace(l, `"v":1`, `"v":2`, 1) })
	}},
	{"a leaf of no known kind", "verify E-SCHEMA, replay E-SCHEMA", func(s *scene) []found {
		return s.leaf(1, func(l string) string { return strings.Replace(l, `"k":"`, `"k":"x`, 1) })
	}},
	{"white space in a leaf", "verify E-CANON, replay E-CANON", func(s *scene) []found {
		return s.leaf(1, func(l string) string { return strings.Replace(l, `":`, `": `, 1) })
	}},
	{"a line feed, or CR LF, behind a leaf", "verify E-CANON, replay E-CANON", func(s *scene) []found {
		return s.leaf(1, func(l string) string { return l + "\r\n" })
	}},
	{"leading zeros in a leaf", "verify E-CANON, replay E-CANON", func(s *scene) []found {
		return s.leaf(1, func(l string) string { return strings.Replace(l, `"i":`, `"i":0`, 1) })
	}},
	{"a key twice in a leaf", "verify E-CANON, replay E-CANON", func(s *scene) []found {
		return s.leaf(1, func(l string) string { return strings.Replace(l, `{"at":`, `{"at":1,"at":`, 1) })
	}},
	{"keys in another order", "verify E-CANON, replay E-CANON", func(s *scene) []found {
		return s.leaf(1, func(l string) string {
			return "{" + strings.TrimSuffix(l[strings.IndexByte(l, ',')+1:], "}") + "," + l[1:strings.IndexByte(l, ',')] + "}"
		})
	}},
	{"slack bits in the base64 of a leaf", "verify E-SCHEMA, replay E-SCHEMA", func(s *scene) []found {
		i := s.find("wit")
		root := s.h.Entries[i].Body.(*translog.Wit).Root.String()
		return s.leaf(i, func(l string) string { return strings.Replace(l, root, slack(root), 1) })
	}},
	{"an escape in a leaf", "verify E-CANON, replay E-CANON", func(s *scene) []found {
		return s.leaf(1, func(l string) string { return strings.Replace(l, `"k":"`, `"k":"\u0063`, 1) })
	}},
	{"a leaf of more than 8,192 bytes", "verify E-CANON W-UNWITNESSED, replay E-CANON", func(s *scene) []found {
		return s.edit("tile/entries/000.p/"+fmt.Sprint(s.h.Size()), func(b []byte) []byte {
			return slices.Concat([]byte{0xff, 0xff}, bytes.Repeat([]byte{'x'}, 0xffff), b[2+len(s.h.Leaf(0)):])
		})
	}},
	{"CR LF in the checkpoint", "verify E-CANON", func(s *scene) []found {
		return s.edit("checkpoint", func(b []byte) []byte { return bytes.Replace(b, []byte("\n"), []byte("\r\n"), 1) })
	}},
	{"leading zeros in the size of the checkpoint", "verify E-CANON", func(s *scene) []found {
		size := fmt.Sprintf("\n%d\n", s.h.Size())
		return s.edit("checkpoint", func(b []byte) []byte { return bytes.Replace(b, []byte(size), []byte("\n0"+size[1:]), 1) })
	}},
	{"slack bits in a signature of the checkpoint", "verify E-CANON", func(s *scene) []found {
		return s.edit("checkpoint", func(b []byte) []byte {
			lines := strings.SplitAfter(string(b), "\n")
			i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "— ") })
			for !strings.HasSuffix(lines[i], "=\n") {
				i++
			}
			lines[i] = slackPadded(lines[i])
			return []byte(strings.Join(lines, ""))
		})
	}},
	{"a signature line added to the checkpoint", "verify E-CANON", func(s *scene) []found {
		return s.edit("checkpoint", func(b []byte) []byte {
			return append(b, "— example.com/x "+base64.StdEncoding.EncodeToString(make([]byte, 72))+"\n"...)
		})
	}},
	{"quorum lines repeated", "verify E-CANON", func(s *scene) []found {
		return s.edit("checkpoint", func(b []byte) []byte {
			lines := strings.SplitAfter(strings.TrimSuffix(string(b), "\n"), "\n")
			tail := lines[len(lines)-2:]
			return []byte(strings.Join(lines, "") + "\n" + strings.Join(tail, "") + "\n")
		})
	}},
	{"a witness taken out of the checkpoint", "verify E-CANON", func(s *scene) []found {
		return s.edit("checkpoint", func(b []byte) []byte {
			lines := strings.SplitAfter(string(b), "\n")
			return []byte(strings.Join(lines[:len(lines)-3], ""))
		})
	}},
	{"white space in archive.json", "verify E-CANON", func(s *scene) []found {
		return s.edit("archive.json", func(b []byte) []byte { return bytes.Replace(b, []byte(":"), []byte(": "), 1) })
	}},
	{"leading zeros in archive.json", "verify E-CANON", func(s *scene) []found {
		return s.edit("archive.json", func(b []byte) []byte { return bytes.Replace(b, []byte(`"size":`), []byte(`"size":0`), 1) })
	}},
	{"other keys in log.vkey", "verify E-KEY", func(s *scene) []found {
		ed, pq := s.bg.Log.Signer.Verifier().VKeys()
		return s.edit("log.vkey", func([]byte) []byte { return []byte(ed + "\n" + pq + "\n") })
	}},
	{"a record spelled in another way", "verify E-LEAFSIG, replay E-LEAFSIG E-STATE E-TRANS", func(s *scene) []found {
		s.h.Alter(s.find("case", step("register")), func(e *forge.Entry) {
			b := e.Sides["docket"]
			e.Sides["docket"] = append(b, 0xb8, 0x3e, 0) // a field with its zero value
		})
		return s.inTime()
	}},

	// Files.
	{"an extra file", "verify E-EXTRA", func(s *scene) []found { return s.put("notes.txt", []byte("believe me")) }},
	{"a manifest that nothing names", "verify E-CANON", func(s *scene) []found { return s.put("manifests/"+strings.Repeat("ab", 32), []byte("x")) }},
	{"a tile with leading zeros in its name", "verify E-EXTRA", func(s *scene) []found { return s.put("tile/0/x000/000", make([]byte, 8192)) }},
	{"a symlink", "verify E-EXTRA", func(s *scene) []found {
		return s.folder(func(path string) {
			if err := os.Symlink("/etc/passwd", path+"/directories/9"); err != nil {
				s.t.Fatal(err)
			}
		})
	}},
	{"a symlink in the place of a tile", "verify E-EXTRA E-MISSING W-UNWITNESSED, replay E-MISSING", func(s *scene) []found {
		return s.folder(func(path string) {
			name := path + "/tile/entries/000.p/" + fmt.Sprint(s.h.Size())
			b, err := os.ReadFile(name)
			if err == nil {
				err = os.Remove(name)
			}
			if err == nil {
				err = os.WriteFile(s.in+"/away", b, 0o600)
			}
			if err == nil {
				err = os.Symlink(s.in+"/away", name)
			}
			if err != nil {
				s.t.Fatal(err)
			}
		})
	}},
	{"a path that leads out of a zip", "verify E-CANON", func(s *scene) []found { return s.zipped(zip.Store, "../../etc/passwd", []byte("x")) }},
	{"a zip bomb", "verify E-CANON", func(s *scene) []found { return s.zipped(zip.Deflate, "forks/1-log", make([]byte, 1<<26)) }},
	{"the torn tail of a tile", "verify E-CANON W-UNWITNESSED, replay E-CANON", func(s *scene) []found {
		return s.edit("tile/entries/000.p/"+fmt.Sprint(s.h.Size()), func(b []byte) []byte { return b[:len(b)-7] })
	}},
	{"the torn tail of the side records", "verify E-CANON W-UNWITNESSED, replay E-CANON", func(s *scene) []found {
		return s.edit("sides/000.p/"+fmt.Sprint(s.h.Size()), func(b []byte) []byte { return b[:len(b)-7] })
	}},
	{"a tile missing", "verify E-EXTRA E-MISSING W-UNWITNESSED", func(s *scene) []found {
		return s.folder(func(path string) {
			if err := os.Remove(path + "/tile/0/000.p/" + fmt.Sprint(s.h.Size())); err != nil {
				s.t.Fatal(err)
			}
		})
	}},
	{"a fork proof of 17 MiB", "verify E-CANON", func(s *scene) []found { return s.put("forks/1-log", make([]byte, 17<<20)) }},
	{"a path of a thousand hashes", "verify E-RCPT-OTHER", func(s *scene) []found {
		s.h.Alter(s.find("rcpt"), func(e *forge.Entry) { e.Sides["path"] = make([]byte, 32_000) })
		return s.inTime()
	}},
	{"a proof of a megabyte of lines", "check unreadable", func(s *scene) []found {
		p := translog.Proof{Extra: s.h.Leaf(1), Index: 1, Hashes: s.h.Inclusion(1), Checkpoint: s.h.Note()}
		b, err := p.Marshal()
		if err != nil {
			s.t.Fatal(err)
		}
		line := base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n"
		return s.checks(bytes.Replace(b, []byte("\n\n"), []byte("\n"+strings.Repeat(line, 25_000)+"\n"), 1))
	}},
	{"a proof with one hash altered", "check does not hold", func(s *scene) []found {
		p := translog.Proof{Extra: s.h.Leaf(1), Index: 1, Hashes: s.h.Inclusion(1), Checkpoint: s.h.Note()}
		p.Hashes[0][5] ^= 1
		b, err := p.Marshal()
		if err != nil {
			s.t.Fatal(err)
		}
		return s.checks(b)
	}},

	// Lawfulness.
	{"approved by the drafter", "replay E-RIGHT E-STATE E-TRANS", func(s *scene) []found {
		i := s.find("case", step("approve"))
		_, x := s.act(i)
		x.Actor = forge.First
		a := s.rs.Sign(forge.First, x)
		s.h.Alter(i, func(e *forge.Entry) {
			s.behind(e, a)
			redocket(s, e, func(d *rogatoryv1.Docket) { d.Actor = forge.First })
		})
		s.h.Alter(i+1, func(e *forge.Entry) { s.behind(e, a) })
		return s.inTime()
	}},
	{"sent without approval", "replay E-RIGHT E-STATE E-TRANS", func(s *scene) []found { s.h.Delete(s.find("case", step("approve"))); return s.inTime() }},
	{"an officer's assertion forged", "replay E-RIGHT", func(s *scene) []found {
		i := s.find("case", step("register"))
		s.h.Alter(i, func(e *forge.Entry) {
			a, _ := s.act(i)
			a.Signature[5] ^= 1
			s.behind(e, a)
		})
		return s.inTime()
	}},
	{"an officer's assertion left out", "replay E-RIGHT E-STATE E-TRANS", func(s *scene) []found {
		s.h.Alter(s.find("case", step("register")), func(e *forge.Entry) {
			delete(e.Sides, "assertion")
			e.Body.(*translog.Case).Assertion = translog.Hash{}
		})
		return s.inTime()
	}},
	{"an officer's assertion used twice", "replay E-RIGHT", func(s *scene) []found {
		i := s.find("op")
		s.h.Insert(i+1, s.h.Entries[i].Clone())
		return s.inTime()
	}},
	{"an answer without right", "replay E-RIGHT", func(s *scene) []found {
		s.h.Alter(s.find("case", step("arrived.request")), func(e *forge.Entry) { e.Body.(*translog.Case).Decision = "answer" })
		return s.inTime()
	}},
	{"a decision by a policy that is not in force", "replay E-RIGHT", func(s *scene) []found {
		s.h.Alter(s.find("case", step("arrived.request")), func(e *forge.Entry) { e.Body.(*translog.Case).Policy[0] ^= 1 })
		return s.inTime()
	}},
	{"a deadline moved", "replay E-DEADLINE", func(s *scene) []found {
		s.h.Alter(s.find("case", step("arrived.request")), func(e *forge.Entry) { e.Body.(*translog.Case).Due += 3_600_000 })
		return s.inTime()
	}},
	{"a deadline moved in the state that is kept", "replay E-DEADLINE", func(s *scene) []found {
		s.w.State("RS")
		s.w.Round()
		s.h = s.rs.Log.Copy()
		s.h.Alter(s.find("state"), func(e *forge.Entry) {
			list, err := exchange.ParseSnapshot(e.Sides["snapshot"])
			if err != nil {
				s.t.Fatal(err)
			}
			for i := range list {
				k, err := exchange.Decode(list[i].Body)
				if err != nil {
					s.t.Fatal(err)
				}
				k.Clock.Start += 60_000
				list[i].Body, list[i].Hash = k.Encode(), k.Hash()
			}
			x := e.Body.(*translog.State)
			x.State, x.Snapshot = exchange.FoldState([32]byte{}, list), exchange.SnapshotDigest(list)
			e.Sides["snapshot"] = exchange.EncodeSnapshot(list)
		})
		return s.inTime()
	}},
	{"a step left out", "replay E-STATE", func(s *scene) []found { s.h.Delete(s.find("case", step("arrived.reply.final"))); return s.inTime() }},
	{"a step that the state does not allow", "replay E-TRANS", func(s *scene) []found {
		i := s.find("case", step("register"))
		_, x := s.act(i)
		e := s.h.Entries[i].Clone()
		s.behind(e, s.rs.Sign(forge.First, x))
		s.h.Insert(i+1, e)
		return s.inTime()
	}},
	{"a reading for another reason than was signed", "replay E-RIGHT", func(s *scene) []found {
		s.h.Alter(s.find("op"), func(e *forge.Entry) { e.Body.(*translog.Op).Why = "curiosity" })
		return s.inTime()
	}},
	{"a reading hidden after a head behind it was seen", "verify E-HEAD W-UNWITNESSED, reconcile E-FORK E-HEAD E-RCPT-OTHER", func(s *scene) []found { s.h.Delete(s.find("op")); return s.show() }},
	{"a reading never logged (see below)", "", func(s *scene) []found {
		s.h.Delete(s.find("op"))
		(&liar{h: s.h}).fix()
		return s.inTime()
	}},
}

// slack sets the unused bits of the last character of base64url.
func slack(b64 string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, b64[len(b64)-1])
	return b64[:len(b64)-1] + alphabet[i^1:i^1+1]
}

// slackPadded does so before the padding of a line.
func slackPadded(line string) string {
	i := strings.IndexByte(line, '=')
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	c := strings.IndexByte(alphabet, line[i-1])
	return line[:i-1] + alphabet[c^1:c^1+1] + line[i:]
}

// zipped has a zip audited that the standard library wrote of the archive, with one more file in it.
func (s *scene) zipped(method uint16, name string, content []byte) []found {
	s.t.Helper()
	s.h.Resign()
	path := s.w.ArchiveOf(s.rs, s.h, s.in+"/RS")
	f, err := os.Create(s.in + "/other.zip")
	if err != nil {
		s.t.Fatal(err)
	}
	z := zip.NewWriter(f)
	if err := z.AddFS(os.DirFS(path)); err != nil {
		s.t.Fatal(err)
	}
	x, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
	if err == nil {
		_, err = x.Write(content)
	}
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return s.one(f.Name())
}

// act returns the assertion beside a leaf, and its act.
func (s *scene) act(i int) (*rogatoryv1.Assertion, *rogatoryv1.Act) {
	s.t.Helper()
	a := new(rogatoryv1.Assertion)
	if err := envelope.StrictUnmarshal(s.h.Entries[i].Sides["assertion"], a, 1<<20); err != nil {
		s.t.Fatal(err)
	}
	x, err := federation.ParseAct(a.GetAct())
	if err != nil {
		s.t.Fatal(err)
	}
	return a, x
}

// behind puts an assertion behind a leaf.
func (s *scene) behind(e *forge.Entry, a *rogatoryv1.Assertion) {
	s.t.Helper()
	b, err := envelope.Marshal(a)
	if err != nil {
		s.t.Fatal(err)
	}
	h, err := federation.AssertionDigest(a)
	if err != nil {
		s.t.Fatal(err)
	}
	e.Sides["assertion"] = b
	switch x := e.Body.(type) {
	case *translog.Case:
		x.Assertion = h
	case *translog.Op:
		x.Assertion = h
	}
}

// redocket writes the local docket of a step anew.
func redocket(s *scene, e *forge.Entry, change func(*rogatoryv1.Docket)) {
	s.t.Helper()
	d := new(rogatoryv1.Docket)
	if err := envelope.StrictUnmarshal(e.Sides["docket"][32:], d, 1<<20); err != nil {
		s.t.Fatal(err)
	}
	change(d)
	b, err := envelope.Marshal(d)
	if err != nil {
		s.t.Fatal(err)
	}
	e.Sides["docket"] = append(e.Sides["docket"][:32:32], b...)
	e.Body.(*translog.Case).Docket = envelope.Commit(envelope.Salt(e.Sides["docket"][:32]), envelope.Docket, b)
}
