package main

import (
	"strings"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	"github.com/rogatory/rogatory/scripts/rig"
)

const token = "RS-2026-000001"

// two returns what two stores say after one request has gone from RS to BG, and the request.
func two() (map[string]*ledger, *rig.Submission) {
	name, root := translog.Hash{1}, translog.Hash{2}
	fill := func(country string) *ledger {
		return &ledger{
			country: country, in: map[string][]*entry{}, out: map[string][]*entry{}, leaves: map[int64]translog.Entry{},
			rcpts: map[translog.Hash][]*translog.Rcpt{}, heads: map[int64]translog.Hash{9: root}, cases: map[string]int{token: 1},
		}
	}
	message := func(index int64, dir string) *entry {
		return &entry{
			index: index, content: []byte("content"), row: &storev1.LoggedMessage{Docket: []byte("docket"), ReceiptPlusOne: 6},
			leaf: &translog.Msg{Dir: dir, Msg: name, From: "RS", To: "BG", Epoch: 1, Seq: 1},
		}
	}
	rs, bg := fill("RS"), fill("BG")
	rs.out[token] = []*entry{message(4, translog.Out)}
	bg.in[token] = []*entry{message(8, translog.In)}
	rs.rcpts[name] = []*translog.Rcpt{{Of: name, Index: 8, Ref: 4, Size: 9, Root: root}}
	return map[string]*ledger{"RS": rs, "BG": bg}, &rig.Submission{
		From: "RS", To: "BG", CaseToken: token, Docket: []byte("docket"), Content: []byte("content"),
	}
}

func findings(ledgers map[string]*ledger, s *rig.Submission) []string {
	j := &judge{report: &Report{}, ledgers: ledgers}
	j.once(s)
	for _, l := range ledgers {
		j.nothingElse(l, map[string]bool{token: true}, nil)
	}
	return j.report.Findings
}

func TestOneEffectOnEachSideIsNoFinding(t *testing.T) {
	if found := findings(two()); len(found) > 0 {
		t.Error(found)
	}
}

func TestTheOracleSeesWhatIsWrong(t *testing.T) {
	for want, spoil := range map[string]func(rs, bg *ledger){
		"left RS 0 times":       func(rs, _ *ledger) { delete(rs.out, token) },
		"arrived in BG 0 times": func(_, bg *ledger) { delete(bg.in, token) },
		"arrived in BG 2 times": func(_, bg *ledger) { bg.in[token] = append(bg.in[token], bg.in[token][0]) },
		"the content in BG":     func(_, bg *ledger) { bg.in[token][0].content = []byte("Content") },
		"the content in RS":     func(rs, _ *ledger) { rs.out[token][0].content = nil },
		"the docket in BG":      func(_, bg *ledger) { bg.in[token][0].row.Docket = nil },
		"two messages":          func(_, bg *ledger) { bg.in[token][0].leaf.Seq = 2 },
		"without its leaf":      func(rs, _ *ledger) { rs.out[token][0].leaf = nil },
		"0 receipts":            func(rs, _ *ledger) { clear(rs.rcpts) },
		"2 receipts": func(rs, _ *ledger) {
			rs.rcpts[translog.Hash{1}] = append(rs.rcpts[translog.Hash{1}], rs.rcpts[translog.Hash{1}][0])
		},
		"receipt is for leaf 7":     func(rs, _ *ledger) { rs.rcpts[translog.Hash{1}][0].Index = 7 },
		"refers to leaf 3":          func(rs, _ *ledger) { rs.rcpts[translog.Hash{1}][0].Ref = 3 },
		"root at size 9":            func(_, bg *ledger) { bg.heads[9] = translog.Hash{3} },
		"does not know its receipt": func(rs, _ *ledger) { rs.out[token][0].row.ReceiptPlusOne = 0 },
		"1 cases in RS, 0 in BG":    func(_, bg *ledger) { clear(bg.cases) },
		"nobody opened":             func(_, bg *ledger) { bg.cases["RS-2026-000002"] = 1 },
		"nobody sent":               func(_, bg *ledger) { bg.in["RS-2026-000002"] = bg.in[token] },
		"refuses a message":         func(_, bg *ledger) { bg.take(5, &translog.Rej{Code: "malformed"}) },
	} {
		ledgers, s := two()
		spoil(ledgers["RS"], ledgers["BG"])
		if found := findings(ledgers, s); !strings.Contains(strings.Join(found, "\n"), want) {
			t.Errorf("wanted %q, found %q", want, found)
		}
	}
}
