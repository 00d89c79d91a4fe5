package audit_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit/forge"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// This file holds the vectors of archives, each with the line that says what it is.

const (
	quiet = "ok_quiet"
	day   = "ok_day"
)

// ordinaryDay is RS's log of a start, and then of a day of requests, a reply, an attempt to carry one again and a consultation.
func (m *maker) ordinaryDay() {
	w := m.w
	w.Round()
	m.quiet = w.Country("RS").Log.Copy()
	m.put(quiet, "a log with nothing in it but a start", "", m.of(w.Country("RS"), m.quiet))
	a := w.Ask("RS", "BG")
	w.Ask("GR", "RS")
	w.Reply(a)
	w.Consult("RS", a.Docket.GetCaseToken(), forge.Clerk, "investigation")
	d := forge.Request(1)
	d.CaseToken = w.NewToken("RS")
	b := w.Draft("RS", "GR", d, forge.First)
	w.Submit(forge.Second, b)
	w.Reseal(b)
	w.Deliver(b)
	w.Receipt(b)
	w.State("RS")
	w.Round()
	rs := w.Country("RS")
	m.put(day, "the log of RS after an ordinary day", "", m.of(rs, rs.Log))
	bg := w.Country("BG")
	m.put("ok_day_bg", "the log of BG of the same day", "", m.of(bg, bg.Log))
}

// file returns the name of a file of the quiet log.
func (m *maker) file(pattern string) string {
	list, err := filepath.Glob(filepath.Join(vectorsDir, quiet, "archive", pattern))
	must(m.t, err)
	if len(list) == 0 {
		m.t.Fatalf("no %s", pattern)
	}
	name, err := filepath.Rel(filepath.Join(vectorsDir, quiet, "archive"), list[0])
	must(m.t, err)
	return filepath.ToSlash(name)
}

// files are archives in which somebody changed files.
func (m *maker) files() {
	entries, hashes, sides := m.file("tile/entries/000.p/*"), m.file("tile/0/000.p/*"), m.file("sides/000.p/*")
	manifest := m.file("manifests/*")
	as := func(name, what, file string, do func([]byte) []byte, more ...func(*vector)) {
		m.t.Helper()
		m.edit(name, what, quiet, file, do, more...)
	}
	as("leaf_digit_fail", "a digit of a leaf is another", entries, replace(`"time":1`, `"time":2`))
	as("leaf_flipped_fail", "one bit of a leaf is flipped", entries, flip(700))
	as("entries_missing_fail", "the leaves are not there", entries, remove)
	as("entries_short_fail", "the last byte of the leaves is not there", entries, func(b []byte) []byte { return b[:len(b)-1] })
	as("entries_long_fail", "a byte follows the leaves", entries, func(b []byte) []byte { return append(b, 0) })
	as("hash_flipped_fail", "one bit of a hash in a tile is flipped", hashes, flip(40))
	as("hashes_missing_fail", "the tile of hashes is not there", hashes, remove)
	as("hashes_short_fail", "the tile of hashes lacks a byte", hashes, func(b []byte) []byte { return b[1:] })
	as("sides_missing_fail", "no side record is there", sides, remove)
	as("sides_short_fail", "the last side record ends early", sides, func(b []byte) []byte { return b[:len(b)-1] })
	as("sides_twice_fail", "the first side record stands twice", sides, func(b []byte) []byte {
		n := 2 + int(b[1])
		n += 4 + int(b[n])<<24 + int(b[n+1])<<16 + int(b[n+2])<<8 + int(b[n+3])
		return append(bytes.Clone(b[:n]), b...)
	})
	as("sides_beyond_fail", "a side record is of a leaf that the tile does not have", sides, func(b []byte) []byte { return append(b, 255, 1, 'x', 0, 0, 0, 0) })
	as("sides_empty_fail", "a file of side records without any", sides, func([]byte) []byte { return []byte{} })
	as("info_space_fail", "archive.json has a space", "archive.json", replace(`,"log"`, `, "log"`))
	as("info_zero_fail", "a number in archive.json has a leading zero", "archive.json", replace(`"from":0`, `"from":00`))
	as("info_format_fail", "archive.json names another format", "archive.json", replace("archive-1", "archive-2"))
	as("info_country_fail", "archive.json names another country", "archive.json", replace(`"RS"`, `"GR"`))
	as("info_log_fail", "archive.json names another log", "archive.json", replace("RS/log/1", "RS/log/2"))
	as("info_root_fail", "archive.json has another root", "archive.json", replace(`"root":"`, `"root":"A`), func(v *vector) { v.What += ", of 33 bytes" })
	as("info_root_other_fail", "archive.json has the root of another tree", "archive.json", func(b []byte) []byte {
		i := bytes.Index(b, []byte(`"root":"`)) + 8
		b[i] = "AB"[map[bool]int{true: 1}[b[i] == 'A']]
		return b
	})
	as("info_limited_fail", "archive.json says that the archive is limited", "archive.json", replace(`"case":""`, `"case":"RS-2026-000001"`))
	as("checkpoint_missing_fail", "the checkpoint is not there", "checkpoint", remove)
	as("checkpoint_crlf_fail", "the first line of the checkpoint ends in CR LF", "checkpoint", replace("\n", "\r\n"))
	as("checkpoint_zero_fail", "the size in the checkpoint has a leading zero", "checkpoint", replace("/log/1\n", "/log/1\n0"))
	as("checkpoint_plus_fail", "the size in the checkpoint has a sign", "checkpoint", replace("/log/1\n", "/log/1\n+"))
	as("checkpoint_extension_fail", "the checkpoint has an extension line", "checkpoint", replace("=\n\n", "=\nx\n\n"))
	as("checkpoint_signature_fail", "one bit of the log's signature is flipped", "checkpoint", lines(func(l []string) []string {
		c := l[0][len(l[0])-10]
		l[0] = l[0][:len(l[0])-10] + string("AB"[map[bool]int{true: 1}[c == 'A']]) + l[0][len(l[0])-9:]
		return l
	}))
	as("checkpoint_added_line_fail", "somebody added a signature line", "checkpoint", lines(func(l []string) []string {
		return append(l, "— somebody "+base64Of(bytes.Repeat([]byte{7}, 68)))
	}))
	as("checkpoint_twice_fail", "a signature line stands twice", "checkpoint", lines(func(l []string) []string { return append(l, l[len(l)-1]) }))
	as("checkpoint_order_fail", "the log's two lines have changed places", "checkpoint", lines(func(l []string) []string {
		l[0], l[1] = l[1], l[0]
		return l
	}))
	as("checkpoint_slack_fail", "the root has a bit that belongs to no byte", "checkpoint", func(b []byte) []byte {
		l := strings.SplitN(string(b), "\n", 4)
		l[2] = slack(l[2], 1)
		return []byte(strings.Join(l, "\n"))
	})
	as("checkpoint_padding_fail", "the root has no padding", "checkpoint", replace("=\n\n", "\n\n"))
	as("checkpoint_one_signature_fail", "the log's ML-DSA line is not there", "checkpoint", lines(func(l []string) []string { return slices.Delete(l, 1, 2) }))
	as("checkpoint_line_feed_fail", "the last line feed is not there", "checkpoint", func(b []byte) []byte { return b[:len(b)-1] })
	rs := m.w.Country("RS")
	as("checkpoint_older_fail", "the checkpoint is an older head", "checkpoint", func([]byte) []byte {
		b, err := translog.SignCheckpoint(lastHead(rs.Log, 9), rs.Log.Signer)
		must(m.t, err)
		return b
	})
	as("checkpoint_peer_fail", "the checkpoint is a peer's", "checkpoint", func([]byte) []byte { return m.w.Country("BG").Log.Note() })
	as("vkey_missing_fail", "log.vkey is not there", "log.vkey", remove)
	as("vkey_other_fail", "log.vkey has another log's keys", "log.vkey", func([]byte) []byte {
		ed, pq := m.w.Country("BG").Log.Signer.Verifier().VKeys()
		return []byte(ed + "\n" + pq + "\n")
	})
	as("vkey_line_fail", "log.vkey has three lines", "log.vkey", func(b []byte) []byte { return append(b, '\n') })
	as("vkey_id_fail", "a key identifier in log.vkey has capital letters", "log.vkey", func(b []byte) []byte {
		p := strings.SplitN(string(b), "+", 3)
		p[1] = strings.ToUpper(p[1]) + strings.Repeat(" ", map[bool]int{true: 1}[strings.ToUpper(p[1]) == p[1]])
		return []byte(strings.Join(p, "+"))
	})
	as("manifest_missing_fail", "a manifest that the log names is not there", manifest, remove)
	as("manifest_flipped_fail", "one bit of a manifest is flipped", manifest, flip(900))
	as("manifest_signature_fail", "one bit of a manifest's signature is flipped", manifest, flip(-20))
	as("manifest_malformed_fail", "a byte follows a manifest", manifest, func(b []byte) []byte { return append(b, 0) })
	as("directory_malformed_fail", "a byte follows the directory", "directories/1", func(b []byte) []byte { return append(b, 0) })
	as("directory_signature_fail", "one bit of a signature under the directory is flipped", "directories/1", flip(-20))
	as("directory_missing_member_fail", "a member's signature under the first directory is not there", "directories/1", func([]byte) []byte {
		s := new(rogatoryv1.SignedDirectory)
		must(m.t, unmarshal(m.w.Trusted(), s))
		s.Signatures = s.Signatures[1:]
		return marshalProto(m.t, s)
	})
	as("extra_file_fail", "a file that has no place", "README", func([]byte) []byte { return []byte("x") })
	as("extra_tile_fail", "a partial tile of another width", "tile/0/000.p/5", func([]byte) []byte { return make([]byte, 160) })
	as("extra_level_fail", "a tile of a level that the tree does not have", "tile/1/000", func([]byte) []byte { return make([]byte, 8192) })
	as("extra_name_fail", "a directory's version with a leading zero", "directories/01", func([]byte) []byte { return []byte("x") })
	as("extra_folder_fail", "an empty folder", "checkpoint", func(b []byte) []byte { return b }, func(v *vector) { v.Folders = []string{"forks"} })
	as("extra_link_fail", "a symbolic link", "checkpoint", func(b []byte) []byte { return b }, func(v *vector) { v.Links = []string{"forks/1-log"}; v.Folders = []string{"forks"} })
	as("extra_hidden_fail", "a file that an editor left", "tile/entries/.swp", func([]byte) []byte { return []byte("x") })
}

// lies are what the operator of RS makes of the log and signs anew.
func (m *maker) lies() {
	w := m.w
	rs, bg := w.Country("RS"), w.Country("BG")
	as := func(name, what string, do func(h *forge.History)) {
		m.t.Helper()
		base := day
		for _, prefix := range []string{"genesis", "dir_", "enrolment", "no_quorum", "time_token", "policy", "endorsement", "record"} {
			if strings.HasPrefix(name, prefix) {
				base = quiet
			}
		}
		m.lie(name, what, base, do)
	}
	side := func(kind, record string, do func([]byte) []byte) func(h *forge.History) {
		return func(h *forge.History) {
			for _, i := range h.Find(kind) {
				if h.Entries[i].Sides[record] == nil {
					continue
				}
				h.Alter(i, func(e *forge.Entry) {
					if b := do(e.Sides[record]); b != nil {
						e.Sides[record] = b
					} else {
						delete(e.Sides, record)
					}
				})
				return
			}
			m.t.Fatalf("no %s beside a %s", record, kind)
		}
	}
	body := func(kind string, do func(e *forge.Entry), fit ...func(translog.Entry) bool) func(h *forge.History) {
		return func(h *forge.History) { h.Alter(h.Find(kind, fit...)[0], do) }
	}
	out, in := isMsg(translog.Out), isMsg(translog.In)
	as("truncated_fail", "the end of the log was cut off", func(h *forge.History) { h.Truncate(len(h.Entries) - 6) })
	as("sent_removed_fail", "a message that was sent is not in the log", func(h *forge.History) { h.Delete(h.Find("msg", out)[0]) })
	as("arrived_removed_fail", "a message that arrived is not in the log", func(h *forge.History) { h.Delete(h.Find("msg", in)[0]) })
	as("receipt_removed_fail", "a receipt is not in the log", func(h *forge.History) { h.Delete(h.Find("rcpt")[0]) })
	as("messages_swapped_fail", "two messages have changed places", func(h *forge.History) {
		l := h.Find("msg", out)
		h.Swap(l[0], l[len(l)-1])
	})
	as("message_twice_fail", "a message that arrived stands twice", func(h *forge.History) {
		i := h.Find("msg", in)[0]
		h.Insert(i+1, h.Entries[i].Clone())
	})
	as("message_made_up_fail", "a message of BG that BG never signed", func(h *forge.History) { h.Append(w.Now, madeUp(m.t, w, bg, rs)) })
	as("message_epoch_fail", "a message in another epoch", body("msg", func(e *forge.Entry) { e.Body.(*translog.Msg).Epoch = 7 }, out))
	as("message_number_fail", "a message with a number that leaves others out", body("msg", func(e *forge.Entry) {
		l := e.Body.(*translog.Msg)
		l.Seq, l.Prev = 5, translog.Hash{9}
	}, out))
	as("message_other_fail", "the message beside a leaf is another", side("msg", "message", flip(-3)))
	as("message_stranger_fail", "a message between two other countries", body("msg", func(e *forge.Entry) { e.Body.(*translog.Msg).To = "BG" }, in))
	as("message_directory_fail", "a message by a directory that was not in force", body("msg", func(e *forge.Entry) { e.Body.(*translog.Msg).DirectoryVersion = 2 }))
	as("message_manifest_fail", "a message by a manifest that was not in force", body("msg", func(e *forge.Entry) { e.Body.(*translog.Msg).ManifestVersion = 99 }))
	as("message_first_at_fail", "first_at in a log that follows no other", body("msg", func(e *forge.Entry) { e.Body.(*translog.Msg).FirstAt = w.Now - 1 }, in))
	as("statement_other_fail", "one bit of a statement is flipped", side("msg", "statement", flip(-3)))
	as("statement_missing_fail", "a statement is not there", side("msg", "statement", remove))
	as("signature_other_fail", "one bit of a signature is flipped, and the leaf agrees with it", func(h *forge.History) {
		h.Alter(h.Find("msg", in)[0], func(e *forge.Entry) {
			b := e.Sides["signature"]
			b[100] ^= 1
			e.Body.(*translog.Msg).Sig = signatureHash(b)
		})
	})
	as("signature_ed25519_fail", "the Ed25519 half of a signature is broken, and the leaf agrees with it", func(h *forge.History) {
		h.Alter(h.Find("msg", in)[0], func(e *forge.Entry) {
			b := e.Sides["signature"]
			b[3+3309+10] ^= 1
			e.Body.(*translog.Msg).Sig = signatureHash(b)
		})
	})
	as("reseal_of_nothing_fail", "an attempt to carry a message that is not in the log", body("reseal", func(e *forge.Entry) { e.Body.(*translog.Reseal).Of = translog.Hash{5} }))
	as("reseal_twice_fail", "an attempt to carry a message stands twice", func(h *forge.History) {
		i := h.Find("reseal")[0]
		h.Insert(i+1, h.Entries[i].Clone())
	})
	as("docket_missing_fail", "a docket is not there, and no tombstone", side("msg", "docket", remove))
	as("docket_other_fail", "a docket is another", side("msg", "docket", flip(40)))
	as("assertion_missing_fail", "an assertion is not there", side("op", "assertion", remove))
	as("assertion_other_fail", "an assertion is another", side("op", "assertion", flip(-3)))
	as("enrolment_other_fail", "the signature under an enrolment is broken", side("actor", "enrolment", flip(-3)))
	as("enrolment_missing_fail", "an enrolment is not there", side("actor", "enrolment", remove))
	as("enrolment_twice_fail", "an enrolment counts twice", func(h *forge.History) {
		i := h.Find("actor")[0]
		h.Insert(i+1, h.Entries[i].Clone())
	})
	as("enrolment_late_fail", "an enrolment whose acts are a month old", body("actor", func(e *forge.Entry) { e.At += 30 * 86_400_000 }))
	as("snapshot_other_fail", "a snapshot is another", side("state", "snapshot", flip(-3)))
	as("policy_other_fail", "the country's own policy is another", side("policy", "policy", flip(-3)))
	as("record_added_fail", "a record that has no place beside its leaf", func(h *forge.History) {
		h.Alter(h.Find("node")[0], func(e *forge.Entry) { e.Sides["statement"] = []byte("x") })
	})
	as("endorsement_added_fail", "an endorsement beside the genesis of a first log", func(h *forge.History) {
		h.Alter(0, func(e *forge.Entry) { e.Sides["endorsement"] = make([]byte, 3373) })
	})
	as("time_back_fail", "a leaf is a day older than the one before it", func(h *forge.History) {
		h.Alter(20, func(e *forge.Entry) { e.At -= 86_400_000 })
	})
	as("clock_ahead_fail", "a day passes between arrival and cosignature, by the log's clock alone", func(h *forge.History) {
		for i := 5; i < len(h.Entries); i++ {
			h.Alter(i, func(e *forge.Entry) { e.At += 86_400_000 })
		}
	})
	as("genesis_country_fail", "the genesis is another country's", func(h *forge.History) {
		h.Alter(0, func(e *forge.Entry) { e.Body.(*translog.Genesis).Country = "BG" })
	})
	as("genesis_directory_fail", "the genesis names a directory that is not the auditor's", func(h *forge.History) {
		h.Alter(0, func(e *forge.Entry) { e.Body.(*translog.Genesis).Directory[0] ^= 1 })
	})
	as("genesis_founders_fail", "the genesis names other founders", func(h *forge.History) {
		h.Alter(0, func(e *forge.Entry) { e.Body.(*translog.Genesis).Founders[0][0] ^= 1 })
	})
	as("genesis_spec_fail", "the genesis names another specification", func(h *forge.History) {
		h.Alter(0, func(e *forge.Entry) { e.Body.(*translog.Genesis).Spec = "rogatory-log-2" })
	})
	as("genesis_missing_fail", "the log does not begin with a genesis", func(h *forge.History) { h.Delete(0) })
	as("dir_digest_fail", "a leaf names a manifest that is not there", body("dir", func(e *forge.Entry) { e.Body.(*translog.Dir).Digest[0] ^= 1 }))
	as("dir_version_fail", "a leaf gives a manifest another version", body("dir", func(e *forge.Entry) { e.Body.(*translog.Dir).Version++ }))
	as("dir_prev_fail", "a leaf names another manifest before", func(h *forge.History) {
		h.Alter(h.Find("dir", func(e translog.Entry) bool { return e.(*translog.Dir).Prev.IsZero() })[0], func(e *forge.Entry) { e.Body.(*translog.Dir).Prev = translog.Hash{1} })
	})
	as("dir_twice_fail", "a manifest comes into force twice", func(h *forge.History) {
		i := h.Find("dir")[0]
		h.Insert(i+1, h.Entries[i].Clone())
	})
	as("receipt_leaf_missing_fail", "the leaf of a receipt is not there", side("rcpt", "leaf", remove))
	as("receipt_head_missing_fail", "the head of a receipt is not there", side("rcpt", "checkpoint", remove))
	as("receipt_leaf_other_fail", "the leaf of a receipt is another", side("rcpt", "leaf", flip(20)))
	as("receipt_head_other_fail", "the signature of a receipt's head is broken", side("rcpt", "checkpoint", lines(func(l []string) []string {
		l[1] = l[1][:400] + string("AB"[map[bool]int{true: 1}[l[1][400] == 'A']]) + l[1][401:]
		return l
	})))
	as("receipt_head_line_fail", "a receipt's head has a line that is not listed", side("rcpt", "checkpoint", lines(func(l []string) []string {
		return append(l, "— somebody "+base64Of(bytes.Repeat([]byte{7}, 68)))
	})))
	as("receipt_root_fail", "a receipt names another root than its head has", body("rcpt", func(e *forge.Entry) { e.Body.(*translog.Rcpt).Root[0] ^= 1 }))
	as("receipt_index_fail", "a receipt names another index", body("rcpt", func(e *forge.Entry) { e.Body.(*translog.Rcpt).Index++ }))
	as("receipt_rej_fail", "a receipt is said to be a refusal", body("rcpt", func(e *forge.Entry) { e.Body.(*translog.Rcpt).Rej = "malformed" }))
	as("receipt_ref_fail", "receipts name another place of their messages", func(h *forge.History) {
		h.Alter(h.Find("rcpt")[0], func(e *forge.Entry) { e.Body.(*translog.Rcpt).Of = translog.Hash{3} })
	})
	as("receipt_twice_fail", "a receipt stands twice", func(h *forge.History) {
		i := h.Find("rcpt")[0]
		h.Insert(i+1, h.Entries[i].Clone())
	})
	as("receipt_of_other_fail", "a receipt of BG is shown for a message to GR", func(h *forge.History) {
		l := h.Find("rcpt")
		a, b := h.Entries[l[0]], h.Entries[l[len(l)-1]]
		h.Alter(l[0], func(e *forge.Entry) { e.Body.(*translog.Rcpt).Of = b.Body.(*translog.Rcpt).Of })
		h.Alter(l[len(l)-1], func(e *forge.Entry) { e.Body.(*translog.Rcpt).Of = a.Body.(*translog.Rcpt).Of })
	})
	as("unknown_whole_fail", "all attachments of a message that did not arrive", func(h *forge.History) {
		h.Append(w.Now, &translog.Whole{Msg: translog.Hash{4}, List: translog.Hash{4}})
	})
	as("rejected_twice_fail", "a message that was accepted is refused", func(h *forge.History) {
		name := h.Entries[h.Find("msg", in)[0]].Body.(*translog.Msg).Msg
		h.Append(w.Now, &translog.Rej{Code: "malformed", From: "GR", Msg: name})
	})
	as("witness_back_fail", "a smaller head was cosigned after a larger one", func(h *forge.History) {
		l := h.Find("wit")
		h.Alter(l[len(l)-1], func(e *forge.Entry) { e.Body.(*translog.Wit).Size = 1 })
	})
	as("witness_fork_fail", "two heads of one size were cosigned", func(h *forge.History) {
		l := h.Find("wit")
		e := h.Entries[l[len(l)-1]].Clone()
		e.Body.(*translog.Wit).Root[0] ^= 1
		h.Insert(l[len(l)-1]+1, e)
	})
	as("witness_own_fail", "the log cosigned itself", body("wit", func(e *forge.Entry) { e.Body.(*translog.Wit).Log = rs.Origin() }))
	as("no_quorum_fail", "nobody has cosigned the end of the log", func(h *forge.History) {
		h.Append(w.Now, &translog.Node{Event: translog.NodeStart, Program: "test"})
	})
	as("history_anew_fail", "a message was signed anew, and the history with it", func(h *forge.History) {
		w.Reissue(rs, h, h.Find("msg", out)[0], func(p *rogatoryv1.Message) { p.SubmittedMs++ })
	})
	as("op_list_fail", "an op has a list beside it that it does not name", func(h *forge.History) {
		h.Alter(h.Find("op")[0], func(e *forge.Entry) { e.Sides["of"] = make([]byte, 32) })
	})
	as("time_token_fail", "a time token over a head that this tree does not have", func(h *forge.History) {
		h.Append(w.Now, &translog.Time{Digest: translog.Hash{1}, Root: translog.Hash{2}, Size: 5, Time: w.Now, Type: "rfc3161"})
	})
	m.witnesses()
}

// witnesses are lies about cosigned heads; they are not dropped as Resign does.
func (m *maker) witnesses() {
	cos := func(name, what string, do func(h *forge.History, i int)) {
		m.t.Helper()
		h := m.quiet.Copy()
		l := h.Find("cos")
		do(h, l[len(l)-1])
		h.Rebuild()
		h.Cosigned = nil
		m.put(name, what, quiet, m.of(m.w.Country("RS"), h))
	}
	note := func(h *forge.History, i int, do func([]byte) []byte, count int64, by []string) {
		h.Alter(i, func(e *forge.Entry) {
			b := do(e.Sides["checkpoint"])
			e.Sides["checkpoint"] = b
			l := e.Body.(*translog.Cos)
			l.Digest, l.Count, l.By = sumOf(b), count, by
		})
	}
	all := func(h *forge.History, i int) []string { return h.Entries[i].Body.(*translog.Cos).By }
	cos("cos_digest_fail", "the cosigned head beside a leaf is another", func(h *forge.History, i int) {
		h.Alter(i, func(e *forge.Entry) { e.Sides["checkpoint"][10] ^= 1 })
	})
	cos("cos_missing_fail", "the cosigned head beside a leaf is not there", func(h *forge.History, i int) {
		h.Alter(i, func(e *forge.Entry) { delete(e.Sides, "checkpoint") })
	})
	cos("cos_repeated_fail", "the lines of one witness stand twice to make a quorum", func(h *forge.History, i int) {
		by := all(h, i)
		note(h, i, lines(func(l []string) []string { return []string{l[0], l[1], l[2], l[3], l[2], l[3]} }), 2, by)
	})
	cos("cos_one_witness_fail", "one of two witnesses has cosigned", func(h *forge.History, i int) {
		by := all(h, i)
		note(h, i, lines(func(l []string) []string { return l[:4] }), 1, by[:1])
	})
	cos("cos_half_fail", "a witness has cosigned with one of two keys", func(h *forge.History, i int) {
		by := all(h, i)
		note(h, i, lines(func(l []string) []string { return l[:5] }), 2, by)
	})
	cos("cos_order_fail", "witnesses are out of order", func(h *forge.History, i int) {
		by := all(h, i)
		note(h, i, lines(func(l []string) []string { return []string{l[0], l[1], l[4], l[5], l[2], l[3]} }), 2, by)
	})
	cos("cos_signature_fail", "a cosignature does not verify", func(h *forge.History, i int) {
		by := all(h, i)
		note(h, i, lines(func(l []string) []string {
			l[3] = l[3][:400] + string("AB"[map[bool]int{true: 1}[l[3][400] == 'A']]) + l[3][401:]
			return l
		}), 2, by)
	})
	cos("cos_other_head_fail", "a leaf names another head than its witnesses cosigned", func(h *forge.History, i int) {
		h.Alter(i, func(e *forge.Entry) { e.Body.(*translog.Cos).Size-- })
	})
	cos("cos_names_fail", "a leaf names other witnesses than its head has", func(h *forge.History, i int) {
		h.Alter(i, func(e *forge.Entry) { e.Body.(*translog.Cos).By[1] = "rogatory.example/witness/ZZ" })
	})
}

// leaves are logs with a leaf that is not in its one form, signed anew.
func (m *maker) leaves() {
	at := m.quiet.Find("wit")[0]
	good := string(m.quiet.Leaf(int64(at)))
	for _, c := range []struct{ name, what, raw string }{
		{"leaf_space_fail", "a leaf with a space", strings.Replace(good, ":", ": ", 1)},
		{"leaf_order_fail", "a leaf whose members are out of order", strings.Replace(strings.Replace(good, `"v":1`, `"x":1`, 1), `"k":"wit"`, `"v":1,"k":"wit"`, 1)},
		{"leaf_zero_fail", "a number with a leading zero", strings.Replace(good, `"at":`, `"at":0`, 1)},
		{"leaf_minus_fail", "a number with a sign", strings.Replace(good, `"at":`, `"at":-`, 1)},
		{"leaf_float_fail", "a number with a fraction", strings.Replace(good, `,"v":1`, `,"v":1.0`, 1)},
		{"leaf_exponent_fail", "a number with an exponent", strings.Replace(good, `,"v":1`, `,"v":1e0`, 1)},
		{"leaf_large_fail", "a number beyond 2^53-1", strings.Replace(good, `"size":`, `"size":9007199254740992`, 1)[:strings.Index(good, `"size":`)+7] + `9007199254740992,"time":1,"v":1}`},
		{"leaf_twice_fail", "a member twice", strings.Replace(good, `"k":"wit"`, `"k":"wit","k":"wit"`, 1)},
		{"leaf_escape_fail", "a backslash", strings.Replace(good, `"wit"`, `"\u0077it"`, 1)},
		{"leaf_null_fail", "null", strings.Replace(good, `,"v":1`, `,"v":null`, 1)},
		{"leaf_object_fail", "an object in a leaf", strings.Replace(good, `,"v":1`, `,"v":{}`, 1)},
		{"leaf_behind_fail", "bytes behind a leaf", good + " "},
		{"leaf_line_feed_fail", "a line feed behind a leaf", good + "\n"},
		{"leaf_slack_fail", "a hash with a bit that belongs to no byte", slackHash(good)},
		{"leaf_padding_fail", "a hash with padding", strings.Replace(good, `","size"`, `=","size"`, 1)},
		{"leaf_zero_hash_fail", "a hash of zeros", good[:strings.Index(good, `"root":"`)+8] + strings.Repeat("A", 43) + good[strings.Index(good, `","size"`):]},
		{"leaf_member_fail", "a member that the schema does not have", strings.Replace(good, `,"v":1`, `,"v":1,"x":1`, 1)},
		{"leaf_lacks_fail", "a member is not there", strings.Replace(good, `,"v":1`, ``, 1)},
		{"leaf_kind_fail", "an unknown kind", strings.Replace(good, `"wit"`, `"wot"`, 1)},
		{"leaf_string_fail", "a string where a number must be", strings.Replace(good, `,"v":1`, `,"v":"1"`, 1)},
		{"leaf_version_fail", "a schema of a later version", strings.Replace(good, `,"v":1`, `,"v":2`, 1)},
		{"leaf_version_zero_fail", "a schema of version 0, which never was", strings.Replace(good, `,"v":1`, `,"v":0`, 1)},
		{"leaf_index_fail", "a leaf that says that it stands elsewhere", strings.Replace(good, fmt.Sprintf(`"i":%d,`, at), fmt.Sprintf(`"i":%d,`, at+1), 1)},
		{"leaf_control_fail", "a control character", strings.Replace(good, `"wit"`, "\"w\tit\"", 1)},
		{"leaf_utf8_fail", "a letter beyond ASCII", strings.Replace(good, `"wit"`, `"wït"`, 1)},
		{"leaf_empty_fail", "an optional member that says nothing", strings.Replace(good, `"i":`, `"founders":[],"i":`, 1)},
	} {
		m.lie(c.name, c.what, quiet, func(h *forge.History) {
			if c.raw == good {
				m.t.Fatalf("%s changes nothing", c.name)
			}
			h.Alter(at, func(e *forge.Entry) { e.Raw = []byte(c.raw) })
		})
	}
}

// zips are the quiet log in one file.
func (m *maker) zips() {
	path := m.w.ArchiveOf(m.w.Country("RS"), m.quiet, m.t.TempDir()+"/RS.zip")
	good, err := os.ReadFile(path)
	must(m.t, err)
	put := func(name, what string, b []byte) {
		m.t.Helper()
		must(m.t, os.MkdirAll(filepath.Join(vectorsDir, name), 0o755))
		must(m.t, os.WriteFile(filepath.Join(vectorsDir, name, "archive.zip"), b, 0o644))
		m.expect(name, &vector{What: what, Directory: "directory"})
	}
	put("ok_zip", "the log with nothing but a start as one zip", good)
	put("zip_crc_fail", "one bit of a file's content is flipped", flip(bytes.Index(good, []byte("\ncosignature"))+len(good)/2)(bytes.Clone(good)))
	put("zip_comment_fail", "a comment at the end", append(bytes.Clone(good[:len(good)-2]), 1, 0, 'x'))
	put("zip_deflated_fail", "a zip as other programs make it", zipOf(m.t, map[string][]byte{"archive.json": files(m.t, filepath.Join(vectorsDir, quiet, "archive"))["archive.json"]}))
}

// elsewhere are histories of their own: what an ordinary day does not bring.
func (m *maker) elsewhere() {
	trusted, n := "", 1
	trust := func(signed []byte) string {
		n++
		name := fmt.Sprintf("directory%d", n)
		must(m.t, os.WriteFile(filepath.Join(vectorsDir, name), signed, 0o644))
		return name
	}
	honestDay := func() (*forge.World, *forge.Country) {
		w := forge.New(m.t, "BG", "GR", "RS")
		w.Round()
		trusted = trust(w.Trusted())
		return w, w.Country("RS")
	}
	own := func(v *vector) { v.Directory = trusted }
	of := func(name, what string, w *forge.World, base string, h *forge.History, more ...func(*vector)) {
		m.t.Helper()
		rs := w.Country("RS")
		m.put(name, what, base, files(m.t, w.ArchiveOf(rs, h, m.t.TempDir()+"/A")), append([]func(*vector){own}, more...)...)
	}
	w, rs := honestDay()
	ask := w.Ask("RS", "BG")
	w.Reply(ask)
	token := ask.Docket.GetCaseToken()
	w.Round()
	// A limited archive is made while the log is short.
	keep := func(i int64) bool {
		return i == 0 || slices.Contains([]string{"dir", "actor", "policy", "msg", "rcpt", "cos"}, rs.Log.Entries[i].Body.Kind())
	}
	limited := files(m.t, w.Limited("RS", token, m.t.TempDir()+"/L", keep))
	m.put("limited_fail", "an archive limited to a case; who cosigned is not in it", "", limited, own)
	alone := files(m.t, w.Limited("RS", token, m.t.TempDir()+"/L", func(i int64) bool { return rs.Log.Entries[i].Body.Kind() == "msg" }))
	m.put("limited_messages_fail", "an archive limited to messages, which nobody can place in time", "limited_fail", alone, own)
	for name, b := range limited {
		if strings.HasPrefix(name, "sides/") {
			m.edit("limited_flipped_fail", "one bit of a leaf in a limited archive is flipped", "limited_fail", name, flip(bytes.Index(b, []byte(`"country"`))+3), own)
		}
	}
	w.EndTerm("RS", token)
	w.Round()
	of("ok_erased", "a case's dockets are gone, and a tombstone says so; that it was too early, replay finds", w, "", rs.Log)
	h := rs.Log.Copy()
	h.Delete(h.Find("erase")...)
	h.Resign()
	of("erased_silently_fail", "a case's dockets are gone, and nothing says so", w, "ok_erased", h)

	w, rs = honestDay()
	w.Reply(w.Ask("RS", "BG"))
	w.Round()
	w.Recover("RS", rs.Log.Size())
	w.Reply(w.Ask("RS", "BG"))
	w.Round()
	of("ok_recovered", "a second log, which goes on from a closed one", w, "", rs.Log)
	of("ok_closed", "the log that was closed", w, "", rs.Closed[0])
	h = rs.Log.Copy()
	h.Alter(0, func(e *forge.Entry) { e.Sides["endorsement"][100] ^= 1 })
	h.Resign()
	of("endorsement_other_fail", "nobody endorsed the genesis of a second log", w, "ok_recovered", h)
	h = rs.Log.Copy()
	h.Alter(0, func(e *forge.Entry) { delete(e.Sides, "endorsement") })
	h.Resign()
	of("endorsement_missing_fail", "no endorsement is beside the genesis of a second log", w, "ok_recovered", h)
	h = rs.Log.Copy()
	h.Alter(1, func(e *forge.Entry) { e.Sides["report"] = append(e.Sides["report"], ' ') })
	h.Resign()
	of("report_other_fail", "the report on a recovery is another", w, "ok_recovered", h)

	w, rs = honestDay()
	bg := w.Country("BG")
	old := bg.Identities[0]
	w.Ask("BG", "RS")
	bg.Rotate(time.Minute)
	w.Sleep(2 * time.Hour)
	w.Ask("BG", "RS")
	w.Round()
	of("ok_rotated", "a peer's identity key was rotated", w, "", rs.Log)
	was := bg.Identities
	bg.Identities = append(bg.Identities[:0:0], old)
	w.Ask("BG", "RS")
	bg.Identities = was
	of("retired_key_fail", "a message signed with a key that was retired", w, "ok_rotated", rs.Log)

	w, rs = honestDay()
	var drafts []*forge.Message
	for range 6 {
		d := forge.Request(1)
		d.CaseToken = w.NewToken("RS")
		drafts = append(drafts, w.Draft("RS", "BG", d, forge.First))
	}
	w.Submit(forge.Second, drafts...)
	slices.Reverse(drafts)
	w.Deliver(drafts...)
	w.Receipt(drafts...)
	w.Round()
	of("ok_batched", "six messages under one signature, receipted under one head", w, "", rs.Log)
	swap := func(i, j int) func(h *forge.History) {
		return func(h *forge.History) {
			l := h.Find("msg")
			h.Swap(l[i], l[j])
			h.Resign()
		}
	}
	h = rs.Log.Copy()
	swap(0, 1)(h)
	of("numbers_swapped_fail", "messages with the numbers 1 and 2 have changed places", w, "ok_batched", h)
	h = rs.Log.Copy()
	h.Alter(h.Find("msg")[2], func(e *forge.Entry) { e.Body.(*translog.Msg).Prev = translog.Hash{8} })
	h.Resign()
	of("predecessor_fail", "a message names another before it than stands there", w, "ok_batched", h)
	h = rs.Log.Copy()
	h.Alter(h.Find("msg")[3], func(e *forge.Entry) { e.Body.(*translog.Msg).Seq = 2 })
	h.Resign()
	of("number_taken_fail", "two messages have one number", w, "ok_batched", h)
	m.rootAt(w, rs, own)

	w, rs = honestDay()
	held := trusted
	w.NextDirectory(w.Directories[0].Proto())
	w.Reply(w.Ask("RS", "BG"))
	w.Round()
	trusted = trust(w.Trusted())
	of("ok_next_directory", "a second directory came into force", w, "", rs.Log)
	of("newer_directory_fail", "the auditor holds the first directory only", w, "ok_next_directory", rs.Log, func(v *vector) { v.Directory = held })
	all := files(m.t, w.ArchiveOf(rs, rs.Log, m.t.TempDir()+"/A"))
	delete(all, "directories/1")
	m.put("directory_gap_fail", "the first directory is not there", "ok_next_directory", all, own)
	all["directories/1"] = all["directories/2"]
	m.put("directory_other_fail", "another directory in the place of the first", "ok_next_directory", all, own)

	other := forge.New(m.t, "BG", "RS")
	other.Round()
	of("strange_directory_fail", "the operator's own directory instead of the auditor's", other, "", other.Country("RS").Log, func(v *vector) { v.Directory = "directory" })

	w, rs = honestDay()
	w.Round()
	bg = w.Country("BG")
	lie := bg.Log.Copy()
	lie.Alter(len(lie.Entries)-1, func(e *forge.Entry) { e.At++ })
	lie.Rebuild()
	fork := func(name, what, kind string, proof []byte) {
		m.t.Helper()
		h := rs.Log.Copy()
		h.Cosigned = rs.Log.Cosigned
		h.PutFork(kind, proof)
		of(name, what, w, "ok_two_rounds", h)
	}
	of("ok_two_rounds", "a log with nothing in it but a start and two rounds", w, "", rs.Log)
	fork("fork_of_peer_fail", "proof that BG forked", "log", translog.FormatHeads(bg.Log.Note(), lie.Note(), nil))
	fork("fork_same_fail", "a proof of a fork with one head twice", "log", translog.FormatHeads(bg.Log.Note(), bg.Log.Note(), nil))
	smaller, err := translog.SignCheckpoint(lastHead(bg.Log, 5), bg.Log.Signer)
	must(m.t, err)
	fork("fork_two_sizes_fail", "two honest heads of two sizes, said to be a fork", "log", translog.FormatHeads(smaller, bg.Log.Note(), nil))
	fork("fork_unproven_fail", "two heads for which no proof came", "unproven", translog.FormatHeads(smaller, bg.Log.Note(), nil))
	fork("fork_garbage_fail", "a proof of a fork that is none", "tree", []byte("x\n"))
	fork("fork_kind_fail", "a proof of an unknown kind", "other", []byte("x\n"))
	fork("fork_sequence_fail", "a proof of two numbers that is none", "sequence", []byte{10, 1, 1})

	w, rs = honestDay()
	d := forge.Request(1)
	d.CaseToken = w.NewToken("RS")
	b := w.Draft("RS", "GR", d, forge.First)
	w.Submit(forge.Second, b)
	w.Round()
	of("ok_unreceipted", "a message that waits for its receipt", w, "", rs.Log)
	w.Reject("malformed", b)
	w.Receipt(b)
	w.Round()
	of("ok_rejected", "a message that the peer refused for good", w, "", rs.Log)
	for rs.Log.Size() < 260 {
		w.Consult("RS", d.CaseToken, forge.First, "investigation")
	}
	w.Round()
	of("ok_two_tiles", "more than one tile of leaves", w, "", rs.Log)
	for _, c := range []struct{ name, what, file string }{
		{"upper_tile_fail", "one bit of a hash in an upper tile is flipped", "tile/1/000.p/1"},
		{"full_tile_fail", "one bit of a hash in a full tile is flipped", "tile/0/000"},
	} {
		m.edit(c.name, c.what, "ok_two_tiles", c.file, flip(7), own)
	}
	m.edit("upper_missing_fail", "an upper tile is not there", "ok_two_tiles", "tile/1/000.p/1", remove, own)
	m.edit("upper_short_fail", "an upper tile lacks a byte", "ok_two_tiles", "tile/1/000.p/1", func(b []byte) []byte { return b[1:] }, own)
	m.edit("partial_and_full_fail", "a partial tile beside the full one", "ok_two_tiles", "tile/0/000.p/200", func([]byte) []byte { return make([]byte, 6400) }, own)
}

// rootAt are side records whose root signature stands elsewhere than they say.
func (m *maker) rootAt(w *forge.World, rs *forge.Country, own func(*vector)) {
	all := files(m.t, w.ArchiveOf(rs, rs.Log, m.t.TempDir()+"/A"))
	for name, b := range all {
		i := bytes.Index(b, []byte("\x07root-at\x00\x00\x00\x01"))
		if !strings.HasPrefix(name, "sides/") || i < 0 {
			continue
		}
		m.edit("root_at_itself_fail", "a signature of the root stands with a leaf that has none", "ok_batched", name, flip(i+12), own)
		m.edit("root_at_beyond_fail", "a signature of the root stands beyond the tile", "ok_batched", name, func(b []byte) []byte {
			b[i+12] = 255
			return b
		}, own)
	}
}
