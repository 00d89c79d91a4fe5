package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/online/recovery"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// operator serves who runs the node.
type operator struct{ n *node }

var _ nodev1.OperatorServiceServer = (*operator)(nil)

// Status says how the node is.
func (o *operator) Status(context.Context, *nodev1.StatusRequest) (*nodev1.StatusResponse, error) {
	n := o.n
	out := &nodev1.StatusResponse{
		Country: n.cfg.Country, Version: Version, Connected: n.net.Connected(), Cleared: n.office.Cleared(),
		LogSize: uint64(n.store.Head().Size), StartedMs: uint64(n.started.UnixMilli()),
		DirectoryVersion: n.book.Directory().Version(), ManifestVersion: n.book.OwnVersion(),
		Duplicates: n.office.Duplicates.Load(), Inauthentic: n.office.Inauthentic.Load(),
	}
	if !out.Cleared {
		out.UnclearedReason = "a majority of the members with a manifest has not confirmed the head of the log yet"
	}
	if note, _, err := n.office.Checkpoint(0); err == nil {
		out.Checkpoint = note
	}
	round, err := n.lane.Watch().Status()
	if err != nil {
		return nil, refusal.Tell(err)
	}
	out.Round = &nodev1.RoundHead{
		Size: uint64(round.Size), Due: round.Due, Cosigned: uint32(len(round.Cosigned)), Quorum: uint32(round.Quorum),
		Witnesses: uint32(len(round.Cosigned) + len(round.Lagging)), Lagging: round.Lagging, QuorumSize: uint64(round.QuorumSize),
	}
	if round.Size > 0 {
		out.Round.MadeMs = uint64(round.Made.UnixMilli())
	}
	if round.Late(time.Now(), n.cfg.Round) {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%d of %d members have cosigned the newest round head, %d must", len(round.Cosigned), out.Round.Witnesses, round.Quorum))
	}
	err = n.store.View(func(r *store.Reader) error {
		held, err := n.desk.Waiting(r)
		if err != nil {
			return err
		}
		for _, waits := range held {
			out.Held += uint64(waits)
		}
		if out.Held > 0 {
			out.Warnings = append(out.Warnings, fmt.Sprintf("%d approved messages wait to be sent: until the node is cleared, the recipient was heard of since the start, or the outbox has room", out.Held))
		}
		_, waiting := r.OutboxPeers()
		for _, w := range waiting {
			out.Outbox += uint64(w)
		}
		forks := map[string]bool{}
		if err := r.EachForkProof(func(p *storev1.ForkProof) bool { forks[p.GetPeer()] = true; return true }); err != nil {
			return err
		}
		for peer := range forks {
			out.Warnings = append(out.Warnings, fmt.Sprintf("%s shows two histories; the proof is kept", peer))
		}
		return r.EachParked(func(*storev1.Parked) bool { out.Parked++; return true })
	})
	if out.Parked > 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%d envelopes are parked: `rogatory-node parked list`", out.Parked))
	}
	if err := n.book.Directory().ValidAt(time.Now()); err != nil {
		out.Warnings = append(out.Warnings, err.Error())
	}
	return out, refusal.Tell(errors.Join(err, n.recovery(out)))
}

// recovery says how far the last recovery after a rollback has come.
func (n *node) recovery(out *nodev1.StatusResponse) error {
	out.Log = n.store.Log().Origin
	var report *recovery.Report
	err := n.store.View(func(r *store.Reader) (err error) {
		report, err = recovery.ReadReport(r)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	out.Recovery = nodev1.RecoveryState_RECOVERY_STATE_DONE
	if away := report.Away(); len(away) > 0 {
		out.Recovery = nodev1.RecoveryState_RECOVERY_STATE_RUNNING
		out.Warnings = append(out.Warnings, fmt.Sprintf("after the rollback %s must still give back what was lost", strings.Join(away, ", ")))
	}
	out.RecoveryReport, err = report.Encode()
	return err
}

// Peers lists what is known of the other members.
func (o *operator) Peers(context.Context, *nodev1.PeersRequest) (*nodev1.PeersResponse, error) {
	n, now := o.n, time.Now()
	out := &nodev1.PeersResponse{}
	round, err := n.lane.Watch().Status()
	if err != nil {
		return nil, refusal.Tell(err)
	}
	err = n.store.View(func(r *store.Reader) error {
		_, waiting := r.OutboxPeers()
		held, err := n.desk.Waiting(r)
		if err != nil {
			return err
		}
		for _, member := range n.book.Directory().Members() {
			if member.Country() == n.cfg.Country {
				continue
			}
			p, err := n.peer(r, member, now)
			if err != nil {
				return err
			}
			p.Waiting, p.Held = uint64(waiting[member.Country()]), uint64(held[member.Country()])
			p.Confirmed = n.office.Open(member.Country())
			p.CosignedSize = uint64(round.Sizes[member.Country()])
			out.Peers = append(out.Peers, p)
		}
		return nil
	})
	return out, refusal.Tell(err)
}

func (n *node) peer(r *store.Reader, member *federation.Member, now time.Time) (*nodev1.Peer, error) {
	country := member.Country()
	p := &nodev1.Peer{Country: country}
	origin := member.Log().Origin()
	if m := n.book.Manifest(country); m != nil {
		p.ManifestVersion, p.ManifestMadeMs, p.Stale = m.Version(), uint64(m.Made().UnixMilli()), m.Stale(now)
		origin = m.Log().Origin()
	}
	if heard := n.book.Heard(country); !heard.IsZero() {
		p.HeardMs = uint64(heard.UnixMilli())
	}
	oldest, err := r.Outbox(country, 0, 0, 1)
	if err != nil {
		return nil, err
	}
	if len(oldest) > 0 {
		p.OldestMs = oldest[0].GetSubmittedMs()
	}
	head, ok, err := r.PeerHead(origin)
	if err != nil {
		return nil, err
	}
	if ok {
		p.LogSize = head.GetSize()
	}
	witnessed, _, err := r.Witnessed(origin)
	if err != nil {
		return nil, err
	}
	p.WitnessedSize, p.Stopped = witnessed.GetSize(), witnessed.GetStopped()
	if p.Gaps, err = r.Gaps(country, r.LatestEpoch(country), 64); err != nil {
		return nil, err
	}
	return p, r.EachForkProof(func(f *storev1.ForkProof) bool {
		p.Forked = p.Forked || f.GetPeer() == country
		return true
	})
}

// Recosign cosigns a peer's log again, by the operator's word.
func (o *operator) Recosign(ctx context.Context, r *nodev1.RecosignRequest) (*nodev1.RecosignResponse, error) {
	if o.n.book.Log(r.GetCountry()) == nil || r.GetCountry() == o.n.cfg.Country {
		return nil, refusal.Tell(fmt.Errorf("%q is no other member: %w", r.GetCountry(), refusal.ErrRequest))
	}
	stopped, err := o.n.lane.Watch().Resume(ctx, r.GetCountry())
	return &nodev1.RecosignResponse{Stopped: stopped}, refusal.Tell(err)
}

// Parked lists the envelopes that were not understood.
func (o *operator) Parked(context.Context, *nodev1.ParkedRequest) (*nodev1.ParkedResponse, error) {
	out := &nodev1.ParkedResponse{}
	err := o.n.store.View(func(r *store.Reader) error {
		return r.EachParked(func(p *storev1.Parked) bool {
			out.Parked = append(out.Parked, &nodev1.ParkedRow{
				Id: p.GetId(), From: p.GetPeer(), Msg: p.GetMsg(), Reason: p.GetReason(), AtMs: p.GetAtMs(),
			})
			return true
		})
	})
	return out, refusal.Tell(err)
}

// Unpark takes a parked envelope in, or drops it.
func (o *operator) Unpark(ctx context.Context, r *nodev1.UnparkRequest) (*nodev1.UnparkResponse, error) {
	token, err := o.n.office.Unpark(ctx, r.GetId(), r.GetDrop())
	return &nodev1.UnparkResponse{CaseToken: token}, refusal.Tell(err)
}

// Backup writes a consistent copy of the store while the node runs.
func (o *operator) Backup(ctx context.Context, r *nodev1.BackupRequest) (*nodev1.BackupResponse, error) {
	if !filepath.IsAbs(r.GetFolder()) {
		return nil, refusal.Tell(fmt.Errorf("backup into %q, which is not an absolute path: %w", r.GetFolder(), refusal.ErrRequest))
	}
	info, err := o.n.store.Backup(ctx, r.GetFolder())
	if err != nil {
		return nil, refusal.Tell(err)
	}
	out := &nodev1.BackupResponse{LogSize: uint64(info.Size)}
	err = filepath.WalkDir(r.GetFolder(), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			out.Bytes += uint64(info.Size())
		}
		return err
	})
	return out, refusal.Tell(err)
}
