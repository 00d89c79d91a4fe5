package online

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Recovery is what a recovery after a rollback needs of the durable lane: *post.Office.
type Recovery interface {
	// Bar has nothing of a peer taken until Unbar.
	Bar(peer string, erased map[[32]byte]bool)
	Unbar(peer string)
	// Again carries what was put into the outbox again.
	Again(peer string) error
	// GiveBack gives the messages their places that a peer gave back and that were submitted up to a time.
	GiveBack(ctx context.Context, peer string, until int64) error
	// Keep keeps the content of a message that was given back.
	Keep(tx *store.Tx, unit string, content envelope.Part) (uint64, error)
	// Receipt returns the receipt that a leaf of ours is.
	Receipt(place int64) (*rogatoryv1.Receipts, error)
	// Receipts checks a peer's receipt for a message, ProvenBy any one against its checkpoint; both return the leaf and the path.
	Receipts(peer string, rs *rogatoryv1.Receipts, name envelope.Name) (translog.Leaf, []byte, error)
	ProvenBy(rs *rogatoryv1.Receipts, cp translog.Checkpoint, name envelope.Name) (translog.Leaf, []byte, error)
}

const (
	// firstRecover and lastRecover are the pauses between two attempts to ask a peer for what was lost.
	firstRecover = time.Second
	lastRecover  = time.Minute
	// recoverTimeout bounds one attempt.
	recoverTimeout = 30 * time.Minute
	// maxExpected is how many messages of one peer come again after a recovery.
	maxExpected = 1 << 20
	// lookAgain is how often it is looked whether all is here.
	lookAgain = 2 * time.Second
	// giveUpAfter is how long a message is waited for that a peer was asked to send again.
	giveUpAfter = 14 * 24 * time.Hour
)

// recovering are the peers that have not yet given back what they have.
type recovering struct {
	mu    sync.Mutex
	peers map[string]bool
}

func (r *recovering) has(peer string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.peers[peer]
}

func (r *recovering) set(peer string, waits bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.peers == nil {
		r.peers = map[string]bool{}
	}
	r.peers[peer] = waits
}

// BarLost keeps the durable lane from taking anything of peers before they have given back what was lost. It comes before the office runs.
func (l *Lane) BarLost() error {
	rows, err := l.recoveries()
	if err != nil || len(rows) == 0 {
		return err
	}
	if l.erased, err = l.cfg.Store.ErasedMessages(); err != nil {
		return err
	}
	for _, row := range rows {
		if row.GetStage() == store.StageDone {
			continue
		}
		l.cfg.Recovery.Bar(row.GetPeer(), l.erased)
		if row.GetStage() == store.StageResend {
			l.cfg.Recovery.Unbar(row.GetPeer())
		} else {
			l.lost.set(row.GetPeer(), true)
		}
	}
	return err
}

func (l *Lane) recoveries() (rows []*storev1.Recovery, err error) {
	if l.cfg.Recovery == nil {
		return nil, nil
	}
	err = l.cfg.Store.View(func(r *store.Reader) (err error) {
		rows, err = r.Recoveries()
		return err
	})
	return rows, err
}

// recoverLoop has the peers give back what was lost, and writes the report when all have. Only errors that end the node come back.
func (l *Lane) recoverLoop(ctx context.Context) error {
	rows, err := l.recoveries()
	if err != nil || len(rows) == 0 {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	for _, row := range rows {
		if row.GetStage() < store.StageResend {
			g.Go(func() error { return l.recoverFrom(gctx, row.GetPeer()) })
		}
	}
	g.Go(func() error { return l.reportLoop(gctx) })
	return g.Wait()
}

// recoverFrom asks one peer until it has answered.
func (l *Lane) recoverFrom(ctx context.Context, peer string) error {
	for wait := firstRecover; ctx.Err() == nil; wait = min(2*wait, lastRecover) {
		book, net := l.cfg.Peers.Changed(), l.cfg.Net.Changed()
		if _, ok := l.cfg.Peers.SealingKey(peer, time.Now()); ok && l.cfg.Net.Connected() && l.cfg.Office.Cleared() {
			call, cancel := context.WithTimeout(ctx, recoverTimeout)
			err := l.recoverOnce(call, peer)
			cancel()
			switch {
			case err == nil:
				l.lost.set(peer, false)
				l.cfg.Recovery.Unbar(peer)
				if l.answers.has(peer) {
					l.cfg.Office.Confirm(peer)
				}
				return nil
			case ends(err):
				return err
			}
			l.log.Warn("asking a peer for what was lost failed", "peer", peer, "err", err)
		}
		pause(ctx, wait, book, net)
	}
	return nil
}

// recoverOnce makes the steps that are left with a peer.
func (l *Lane) recoverOnce(ctx context.Context, peer string) error {
	var row *storev1.Recovery
	if err := l.cfg.Store.View(func(r *store.Reader) (err error) {
		row, _, err = r.Recovery(peer)
		return err
	}); err != nil {
		return err
	}
	if row.GetStage() == store.StageAsk {
		err := l.askBack(ctx, peer, row)
		if status.Code(err) == codes.Unimplemented {
			return l.stage(ctx, peer, []*storev1.LostMessage{{Why: store.LostPeer}}, func(row *storev1.Recovery) { row.Stage = store.StageDone })
		}
		if err != nil {
			return err
		}
	}
	first := int64(math.MaxInt64)
	if err := l.cfg.Store.View(func(r *store.Reader) error {
		return r.EachExpected(peer, func(_ uint32, _ uint64, e *storev1.Expected) bool {
			first = min(first, int64(e.GetFirstAt()))
			return true
		})
	}); err != nil {
		return err
	}
	if err := l.cfg.Recovery.GiveBack(ctx, peer, first); err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := l.client(peer).Resend(call, &peerv1.ResendRequest{Log: l.cfg.Store.Log().Origin}); err != nil {
		return err
	}
	if err := l.stage(ctx, peer, nil, func(row *storev1.Recovery) {
		row.Stage, row.AskedMs = store.StageResend, uint64(time.Now().UnixMilli())
	}); err != nil {
		return err
	}
	return l.cfg.Recovery.GiveBack(ctx, peer, first) // that may be all
}

// stage notes how far the recovery has come with a peer, and what does not come back from it.
func (l *Lane) stage(ctx context.Context, peer string, lost []*storev1.LostMessage, change func(*storev1.Recovery)) error {
	_, err := l.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		for _, m := range lost {
			if err := tx.PutLost(peer, m); err != nil {
				return err
			}
		}
		row, _, err := tx.Recovery(peer)
		if err != nil {
			return err
		}
		change(row)
		return tx.PutRecovery(row)
	})
	return err
}

// askBack calls Recover and keeps what comes. The peer may first ask for a proof from one of the heads that it knows.
func (l *Lane) askBack(ctx context.Context, peer string, row *storev1.Recovery) error {
	r, err := l.recoverRequest(row)
	if err != nil {
		return err
	}
	for range 2 {
		want, err := l.gather(ctx, peer, row, r)
		if err != nil || want == 0 {
			return err
		}
		if err := l.proveFrom(r, want); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s asks for one proof after another: %w", peer, ErrHead)
}

// showGenesis shows a peer the genesis of our log once more, and asks for nothing: it was restored itself, or has joined since.
func (l *Lane) showGenesis(ctx context.Context, peer string) error {
	r, err := l.recoverRequest(&storev1.Recovery{GivenEpoch: math.MaxUint32, GivenSeq: math.MaxUint64})
	if err != nil {
		return err
	}
	for range 2 {
		stream, err := l.client(peer).Recover(ctx, r)
		if err != nil {
			return err
		}
		want := uint64(0)
		for {
			answer, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			want = max(want, answer.GetWantSize())
		}
		if want == 0 {
			return nil
		}
		if err := l.proveFrom(r, want); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s asks for one proof after another: %w", peer, ErrHead)
}

// recoverRequest shows the genesis of our log.
func (l *Lane) recoverRequest(row *storev1.Recovery) (*peerv1.RecoverRequest, error) {
	r := &peerv1.RecoverRequest{GivenEpoch: row.GetGivenEpoch(), GivenSeq: row.GetGivenSeq()}
	log := l.cfg.Store.Log()
	err := l.cfg.Store.View(func(rd *store.Reader) (err error) {
		if r.Genesis, err = rd.Leaf(log.Base); err != nil {
			return err
		}
		if r.Endorsement, err = rd.Side(log.Base, store.SideEndorsement); err != nil {
			return err
		}
		opened, err := rd.LogRow(log.Number)
		r.Closed = opened.GetClosed()
		return err
	})
	return r, err
}

// proveFrom puts the proof from a size of the closed log into a request.
func (l *Lane) proveFrom(r *peerv1.RecoverRequest, from uint64) error {
	return l.cfg.Store.View(func(rd *store.Reader) error {
		logs, err := rd.Logs()
		if err != nil || len(logs) < 2 {
			return errors.Join(err, ErrHead)
		}
		closed := logs[len(logs)-2]
		if from == 0 || from >= uint64(closed.Size) {
			return fmt.Errorf("a proof from %d to %d: %w", from, closed.Size, ErrHead)
		}
		proof, err := rd.In(closed).Consistency(int64(from), closed.Size)
		if err != nil {
			return err
		}
		r.FromSize, r.Proof = from, nil
		for i := range proof {
			r.Proof = append(r.Proof, proof[i][:])
		}
		return nil
	})
}

// gather makes one call and keeps what comes, each in its own transaction; when all is here the recovery with the peer has its next stage.
func (l *Lane) gather(ctx context.Context, peer string, row *storev1.Recovery, r *peerv1.RecoverRequest) (want uint64, err error) {
	stream, err := l.client(peer).Recover(ctx, r)
	if err != nil {
		return 0, err
	}
	var returned, expected uint64
	var lost []*storev1.LostMessage
	var content []byte
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		switch {
		case answer.GetWantSize() != 0:
			return answer.GetWantSize(), nil
		case len(answer.GetPiece()) > 0:
			if len(content)+len(answer.GetPiece()) > envelope.MaxInner {
				return 0, fmt.Errorf("content from %s: %w", peer, envelope.ErrTooLarge)
			}
			content = append(content, answer.GetPiece()...)
		case answer.GetReturned() != nil:
			why, m, err := l.takeBack(ctx, peer, row, answer.GetReturned(), content)
			content = nil
			switch {
			case errors.Is(err, ErrHead):
				l.log.Warn("what a peer gave back is not ours, or not whole", "peer", peer, "err", err)
			case err != nil:
				return 0, err
			case why != "":
				name := envelope.MessageName(answer.GetReturned().GetMessage())
				lost = append(lost, &storev1.LostMessage{Outgoing: true, Epoch: m.GetEpoch(), Seq: m.GetSeq(), Msg: name[:], Why: why})
			default:
				returned++
			}
			if err == nil && why == "" && answer.GetReturned().GetErased() {
				name := envelope.MessageName(answer.GetReturned().GetMessage())
				lost = append(lost, &storev1.LostMessage{Outgoing: true, Epoch: m.GetEpoch(), Seq: m.GetSeq(), Msg: name[:], Why: store.LostErased})
			}
		case answer.GetReceipted() != nil:
			if expected == maxExpected {
				return 0, fmt.Errorf("more than %d messages of %s were receipted in the lost time: %w", maxExpected, peer, ErrHead)
			}
			gone, err := l.expect(ctx, peer, answer.GetReceipted())
			if err != nil {
				return 0, err
			}
			if gone {
				m := answer.GetReceipted()
				lost = append(lost, &storev1.LostMessage{Epoch: m.GetEpoch(), Seq: m.GetSeq(), Msg: m.GetMsg(), Why: store.LostErased})
			} else {
				expected++
			}
		}
	}
	l.log.Info("a peer has given back what it has", "peer", peer, "returned", returned, "expected", expected, "lost", len(lost))
	return 0, l.stage(ctx, peer, lost, func(row *storev1.Recovery) {
		row.Stage, row.Returned, row.Expected = store.StageHere, returned, expected
	})
}

// takeBack keeps a message of ours that a peer gave back, if all of it proves to be ours. why is set when nothing of it can be kept.
func (l *Lane) takeBack(ctx context.Context, peer string, row *storev1.Recovery, g *peerv1.ReturnedMessage, content []byte) (why string, m *rogatoryv1.Message, err error) {
	bad := func(what string, err error) (string, *rogatoryv1.Message, error) {
		return "", m, errors.Join(fmt.Errorf("%s: %w", what, ErrHead), err)
	}
	if m, err = envelope.ParseMessage(g.GetMessage()); err != nil {
		return bad("message", err)
	}
	name := envelope.MessageName(g.GetMessage())
	known := m.GetEpoch() < row.GetGivenEpoch() || m.GetEpoch() == row.GetGivenEpoch() && m.GetSeq() <= row.GetGivenSeq()
	if m.GetFrom() != l.country || m.GetTo() != peer || m.GetSeq() == 0 || m.GetEpoch() == 0 || m.GetEpoch() >= l.cfg.Epoch || known {
		return bad("message", nil)
	}
	if err := l.signed(g, m); err != nil {
		return bad("statement", err)
	}
	leaf, path, err := l.cfg.Recovery.Receipts(peer, g.GetReceipt(), name)
	if err != nil {
		return bad("receipt", err)
	}
	if _, refused := leaf.Entry.(*translog.Rej); refused {
		return store.LostRefused, m, nil
	}
	if len(g.GetDocket()) == 0 || len(g.GetDocketSalt()) != len(envelope.Salt{}) {
		return store.LostDocket, m, nil
	}
	if c := envelope.Commit(envelope.Salt(g.GetDocketSalt()), envelope.Docket, g.GetDocket()); string(c[:]) != string(m.GetDocketCommit()) {
		return bad("docket", nil)
	}
	docket := &rogatoryv1.Docket{}
	if err := envelope.StrictUnmarshal(g.GetDocket(), docket, maxDocket); err != nil {
		return bad("docket", err)
	}
	part := envelope.Part{}
	if !g.GetErased() {
		if len(content) < len(envelope.Salt{}) {
			return bad("content", nil)
		}
		part = envelope.Part{Salt: envelope.Salt(content[:32]), Bytes: content[32:]}
		if c := envelope.Commit(part.Salt, envelope.Content, part.Bytes); string(c[:]) != string(m.GetContentCommit()) {
			return bad("content", nil)
		}
	}
	if l.cfg.Node.Unit(docket.GetFromUnit()) == nil {
		return store.LostUnit, m, nil
	}
	r := g.GetReceipt().GetReceipts()[0]
	_, err = l.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		if tx.HasReturned(peer, m.GetEpoch(), m.GetSeq()) {
			return nil // an attempt before this one
		}
		kept := &storev1.ReturnedMessage{
			Peer: peer, Msg: name[:], Message: g.GetMessage(), Docket: g.GetDocket(), DocketSalt: g.GetDocketSalt(),
			Statement: g.GetStatement(), Signature: g.GetSignature(),
			Leaf: r.GetLeaf(), Index: r.GetIndex(), Path: path, Checkpoint: g.GetReceipt().GetCheckpoint(),
		}
		var err error
		if kept.ContentId, err = l.cfg.Recovery.Keep(tx, docket.GetFromUnit(), part); err != nil {
			return err
		}
		if g.GetErased() || l.erased[name] {
			if err := tx.EraseReturned(kept.ContentId); err != nil {
				return err
			}
		}
		return tx.PutReturned(m.GetEpoch(), m.GetSeq(), kept)
	})
	return "", m, err
}

// signed checks that a statement with our signature carries the message.
func (l *Lane) signed(g *peerv1.ReturnedMessage, m *rogatoryv1.Message) error {
	_, message, err := carried(g.GetStatement())
	if err != nil {
		return err
	}
	if string(message) != string(g.GetMessage()) {
		return errors.New("it carries another message")
	}
	return l.proven(m.GetTo(), &peerv1.HeadResponse{
		SeenEpoch: m.GetEpoch(), SeenSeq: m.GetSeq(), SeenStatement: g.GetStatement(), SeenSignature: g.GetSignature(),
	})
}

// expect notes a message of the peer that comes again, with the time of the lost leaf that our own receipt proves.
func (l *Lane) expect(ctx context.Context, peer string, m *peerv1.ReceiptedMessage) (gone bool, err error) {
	if m.GetGone() {
		return true, nil
	}
	if len(m.GetMsg()) != len(envelope.Name{}) || m.GetEpoch() == 0 || m.GetSeq() == 0 {
		return false, fmt.Errorf("%s says that we have receipted a message without a name: %w", peer, ErrHead)
	}
	at, refused := int64(0), false
	if leaf, err := l.ownReceipt(m); err != nil {
		l.log.Warn("a receipt of ours from the lost time is not proven: the message counts from when it comes again", "peer", peer, "err", err)
	} else {
		at = leaf.At
		_, refused = leaf.Entry.(*translog.Rej)
		if e, ok := leaf.Entry.(*translog.Msg); ok && e.FirstAt != 0 {
			at = min(at, e.FirstAt)
		}
	}
	_, err = l.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		return tx.PutExpected(peer, m.GetEpoch(), m.GetSeq(), &storev1.Expected{Msg: m.GetMsg(), FirstAt: uint64(at), Refused: refused})
	})
	return false, err
}

// ownReceipt returns the lost leaf of ours that a receipt proves.
func (l *Lane) ownReceipt(m *peerv1.ReceiptedMessage) (translog.Leaf, error) {
	cp, err := l.anyOwn(m.GetReceipt().GetCheckpoint())
	if err != nil {
		return translog.Leaf{}, err
	}
	leaf, _, err := l.cfg.Recovery.ProvenBy(m.GetReceipt(), cp, envelope.Name(m.GetMsg()))
	return leaf, err
}

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

// reportLoop writes the `node` leaf that ends a recovery when all peers have given back what they have.
func (l *Lane) reportLoop(ctx context.Context) error {
	for {
		if !l.cfg.Office.Cleared() { // what the log says before is signed by nobody
			if !pause(ctx, lookAgain) {
				return nil
			}
			continue
		}
		done, err := false, l.giveUp(ctx)
		if err == nil {
			done, err = l.report(ctx)
		}
		if err != nil && ends(err) {
			return err
		}
		if err != nil {
			l.log.Error("writing the report of a recovery failed", "err", err)
		}
		if done || !pause(ctx, lookAgain) {
			return nil
		}
	}
}

// giveUp waits no more for what does not come, and has what was given back get its place when all else is here.
func (l *Lane) giveUp(ctx context.Context) error {
	rows, err := l.recoveries()
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.GetStage() != store.StageResend {
			continue
		}
		peer, awaits := row.GetPeer(), false
		if err := l.cfg.Store.View(func(r *store.Reader) error { awaits = r.Awaits(peer); return nil }); err != nil {
			return err
		}
		if awaits {
			if row.GetAskedMs() == 0 { // an earlier program has asked
				if err := l.stage(ctx, peer, nil, func(row *storev1.Recovery) { row.AskedMs = uint64(time.Now().UnixMilli()) }); err != nil {
					return err
				}
				continue
			}
			if time.Since(time.UnixMilli(int64(row.GetAskedMs()))) < giveUpAfter {
				continue
			}
			if _, err := l.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.GiveUp(peer) }); err != nil {
				return err
			}
			l.log.Warn("a peer does not send again what it said it would: the report names it", "peer", peer)
		}
		if err := l.cfg.Recovery.GiveBack(ctx, peer, 0); err != nil {
			return err
		}
	}
	return nil
}

// report writes the report if the recovery has ended and it was not written before: its rows go with it.
func (l *Lane) report(ctx context.Context) (done bool, err error) {
	var report *Report
	if err := l.cfg.Store.View(func(r *store.Reader) (err error) {
		report, err = ReadReport(r)
		return err
	}); err != nil || len(report.Away()) > 0 {
		return false, err
	}
	b, err := report.Encode()
	if err != nil {
		return false, err
	}
	_, err = l.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		noted, err := tx.Reported(report.Log)
		if err != nil || noted {
			return err
		}
		index, err := tx.Append(&translog.Node{Event: translog.NodeRecover, Program: "rogatory-node:" + l.cfg.Version, Digest: sha256.Sum256(b)})
		if err != nil {
			return err
		}
		return errors.Join(tx.PutSide(index, store.SideReport, b), tx.NoteReported(report.Log))
	})
	if err == nil {
		l.log.Info("the recovery has ended", "log", report.Log)
	}
	return err == nil, err
}
