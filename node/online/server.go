package online

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/node/limit"
	"github.com/rogatory/rogatory/node/online/attachment"
	"github.com/rogatory/rogatory/node/online/rollback"
	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/witness"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
)

// server answers peers. Who calls is known by the Sealer.
type server struct {
	peerv1.UnimplementedPeerServiceServer
	l *Lane
}

// enter returns who calls, if there is room for the call.
func (s *server) enter(ctx context.Context, room *limit.Rate) (string, error) {
	caller, ok := transport.Caller(ctx)
	if !ok {
		return "", status.Error(codes.Unauthenticated, "caller is not known")
	}
	return caller, room.Allow(caller, time.Now())
}

// Ping says that we are there.
func (s *server) Ping(ctx context.Context, _ *peerv1.PingRequest) (*peerv1.PingResponse, error) {
	caller, err := s.enter(ctx, &s.l.calls)
	if err != nil {
		return nil, err
	}
	s.l.cfg.Office.Heard(caller)
	return &peerv1.PingResponse{NowMs: uint64(time.Now().UnixMilli()), Version: s.l.cfg.Version}, nil
}

// Head exchanges heads. What the caller shows of ours clears us as well as an answer would.
func (s *server) Head(ctx context.Context, r *peerv1.HeadRequest) (*peerv1.HeadResponse, error) {
	l := s.l
	caller, err := s.enter(ctx, &l.calls)
	if err != nil {
		return nil, err
	}
	l.cfg.Office.Heard(caller)
	switch err := l.weigh(caller, r); {
	case errors.Is(err, rollback.Err):
		return nil, status.Error(codes.FailedPrecondition, "this node has lost a part of what it has done and stops")
	case errors.Is(err, rollback.ErrHead):
		l.complain("head refused", caller, err)
	case err != nil && !errors.Is(err, rollback.ErrUnproven):
		return nil, err
	}
	answer := &peerv1.HeadResponse{}
	if answer.Held, err = l.held(caller); err != nil {
		return nil, err
	}
	if err := l.keepHead(ctx, caller, r.GetOwn()); err != nil {
		l.complain("head refused", caller, err)
	}
	answer.Own = l.checkpoint()
	answer.ManifestVersion = l.cfg.Peers.OwnVersion()
	had, err := l.arrived(caller)
	if err != nil {
		return nil, err
	}
	answer.SeenEpoch, answer.SeenSeq, answer.Gaps = had.epoch, had.seq, had.gaps
	answer.SeenStatement, answer.SeenSignature = had.statement, had.signature
	l.watch.Overhear(caller, r.GetGossip())
	var told func()
	answer.Gossip, told = l.watch.Gossip(caller)
	told()
	return answer, nil
}

// Cosign cosigns the caller's round head. A cosignature of ours that our store does not know ends the node.
func (s *server) Cosign(ctx context.Context, r *peerv1.CosignRequest) (*peerv1.CosignResponse, error) {
	caller, err := s.enter(ctx, &s.l.calls)
	if err != nil {
		return nil, err
	}
	s.l.cfg.Office.Heard(caller)
	answer, err := s.l.watch.Cosign(ctx, caller, r)
	var lost *witness.RollbackError
	if errors.As(err, &lost) {
		s.l.stop(&rollback.Error{Peer: lost.Peer, Cosigned: lost.Note, Held: lost.Head, Size: lost.Size})
		return nil, status.Error(codes.FailedPrecondition, "this node has lost a part of what it has done and stops")
	}
	return answer, err
}

// Consistency proves that heads of our log, which the caller has seen, are heads of one tree.
func (s *server) Consistency(ctx context.Context, r *peerv1.ConsistencyRequest) (*peerv1.ConsistencyResponse, error) {
	if _, err := s.enter(ctx, &s.l.calls); err != nil {
		return nil, err
	}
	return s.l.watch.Consistency(r)
}

// Manifest returns our manifest.
func (s *server) Manifest(ctx context.Context, _ *peerv1.ManifestRequest) (*peerv1.ManifestResponse, error) {
	if _, err := s.enter(ctx, &s.l.calls); err != nil {
		return nil, err
	}
	m := s.l.cfg.Peers.Manifest(s.l.country)
	if m == nil {
		return nil, status.Error(codes.Unavailable, "no manifest is made yet: call again")
	}
	return &peerv1.ManifestResponse{Manifest: m.Signed()}, nil
}

// errUncleared is told to who asks for what this node has before it is cleared.
var errUncleared = status.Error(codes.Unavailable, "this node has just started and has not been cleared by its peers: call again")

// Attachment streams the ciphertext of an attachment of a message to the caller.
func (s *server) Attachment(r *peerv1.AttachmentRequest, out grpc.ServerStreamingServer[peerv1.AttachmentResponse]) error {
	l := s.l
	caller, err := s.enter(out.Context(), &l.streams)
	if err != nil {
		return err
	}
	if !l.cfg.Office.Cleared() {
		return errUncleared
	}
	if err := l.busy.Take(caller); err != nil {
		return err
	}
	defer l.busy.Give(caller)
	return attachment.Send(l.cfg.Store, caller, r, out)
}

// Recover gives a peer back what we have of the part of its log that it has lost.
func (s *server) Recover(r *peerv1.RecoverRequest, out grpc.ServerStreamingServer[peerv1.RecoverResponse]) error {
	l := s.l
	caller, err := s.enter(out.Context(), &l.streams)
	if err != nil {
		return err
	}
	if l.cfg.Recovery == nil {
		return status.Error(codes.Unimplemented, "nothing is given back here")
	}
	if !l.cfg.Office.Cleared() {
		return errUncleared
	}
	if err := l.busy.Take(caller); err != nil {
		return err
	}
	defer l.busy.Give(caller)
	l.cfg.Office.Heard(caller)
	return l.keeper.Recover(caller, r, out)
}

// Resend puts what the lost part of a peer's log had receipted into the outbox again.
func (s *server) Resend(ctx context.Context, r *peerv1.ResendRequest) (*peerv1.ResendResponse, error) {
	l := s.l
	caller, err := s.enter(ctx, &l.streams)
	if err != nil {
		return nil, err
	}
	if l.cfg.Recovery == nil {
		return nil, status.Error(codes.Unimplemented, "nothing is sent again here")
	}
	return l.keeper.Resend(ctx, caller, r)
}
