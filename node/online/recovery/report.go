package recovery

import (
	"encoding/json"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// Report is what a recovery has brought back, and what it has not. It is kept beside the `node` leaf that ends the recovery.
type Report struct {
	// Log is the one that was opened, Closed the one before it, with the number of leaves that it keeps.
	Log        string `json:"log"`
	Closed     string `json:"closed"`
	ClosedSize int64  `json:"closed_size"`
	// Guard is the log that the head guard had seen, with the number of its leaves: those beyond the closed ones are lost.
	Guard     string       `json:"guard"`
	GuardSize int64        `json:"guard_size"`
	Peers     []PeerReport `json:"peers"`
	// Lost says in words what no peer can give back.
	Lost string `json:"lost"`
}

// PeerReport is the part of one peer.
type PeerReport struct {
	Peer string `json:"peer"`
	// Done is false while something is still to come.
	Done bool `json:"done"`
	// Returned is how many of our messages came back, Resent how many of the peer's have come again, of Expected.
	Returned uint64 `json:"returned"`
	Resent   uint64 `json:"resent"`
	Expected uint64 `json:"expected"`
	// Lost are the messages of which the peer knows and that do not come back, LostCount how many they are: the first 200 are named.
	Lost      []LostReport `json:"lost"`
	LostCount int          `json:"lost_count"`
	// Files are the attachments of messages of ours to the peer that only the lost store had, FileCount how many they are: the first 200 are named.
	Files     []LostFile `json:"attachments_lost"`
	FileCount int        `json:"attachments_lost_count"`
}

// LostFile is an attachment of ours that only the lost store had.
type LostFile struct {
	// ID is the attachment's, Msg the message's that lists it, in hexadecimal.
	ID   string `json:"id"`
	Case string `json:"case"`
	Msg  string `json:"msg"`
	// There says that the peer has it.
	There bool `json:"there"`
}

// LostReport is one message that does not come back, or not wholly.
type LostReport struct {
	// Direction is out for ours.
	Direction string `json:"direction"`
	Epoch     uint32 `json:"epoch"`
	Seq       uint64 `json:"seq"`
	Msg       string `json:"msg"`
	Why       string `json:"why"`
}

// maxLost is how many lost messages of one peer a report names.
const maxLost = 200

// lostWords is what is always lost.
const lostWords = "what people did here in the lost time and nobody outside has seen: drafts, readings, approvals, assignments, enrolments, erasures; " +
	"messages that no peer had received"

// ReadReport returns the report of the last recovery as the store knows it now; [store.ErrNotFound] when there was none.
func ReadReport(r *store.Reader) (*Report, error) {
	logs, err := r.Logs()
	if err != nil {
		return nil, err
	}
	last := logs[len(logs)-1]
	row, err := r.LogRow(last.Number)
	if err != nil {
		return nil, err
	}
	out := &Report{
		Log: row.GetOrigin(), Closed: row.GetClosedOrigin(), ClosedSize: logs[len(logs)-2].Size,
		Guard: row.GetGuardOrigin(), GuardSize: int64(row.GetGuardSize()), Peers: []PeerReport{}, Lost: lostWords,
	}
	rows, err := r.Recoveries()
	for _, row := range rows {
		p := PeerReport{
			Peer: row.GetPeer(), Done: row.GetStage() == store.StageDone,
			Returned: row.GetReturned(), Resent: row.GetResent(), Expected: row.GetExpected(), Lost: []LostReport{},
		}
		if err := r.EachLost(p.Peer, func(m *storev1.LostMessage) bool {
			direction := translog.In
			if m.GetOutgoing() {
				direction = translog.Out
			}
			p.LostCount++
			if len(p.Lost) < maxLost {
				p.Lost = append(p.Lost, LostReport{direction, m.GetEpoch(), m.GetSeq(), fmt.Sprintf("%x", m.GetMsg()), m.GetWhy()})
			}
			return true
		}); err != nil {
			return nil, err
		}
		if err := p.files(r); err != nil {
			return nil, err
		}
		out.Peers = append(out.Peers, p)
	}
	return out, err
}

// files names the attachments of messages to the peer of which nothing is here: what is attached here is here from the beginning.
func (p *PeerReport) files(r *store.Reader) error {
	p.Files = []LostFile{}
	return r.EachAttachment(func(a *storev1.Attachment) bool {
		if !a.GetOutgoing() || a.GetWhole() {
			return true
		}
		for _, c := range a.GetCopies() {
			if c.GetPeer() != p.Peer {
				continue
			}
			p.FileCount++
			if len(p.Files) < maxLost {
				p.Files = append(p.Files, LostFile{fmt.Sprintf("%x", a.GetId()), c.GetCaseToken(), fmt.Sprintf("%x", c.GetMsg()), c.GetWhole()})
			}
		}
		return true
	})
}

// Away returns the peers of whom something is still to come.
func (r *Report) Away() (list []string) {
	for _, p := range r.Peers {
		if !p.Done {
			list = append(list, p.Peer)
		}
	}
	return list
}

// Encode returns the report as it is kept.
func (r *Report) Encode() ([]byte, error) { return json.Marshal(r) }
