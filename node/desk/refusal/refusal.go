// Package refusal is what people and agencies are told when something is not done: the errors of the desk and its rooms, one sentence each, and the one table
// that says of any error which status outsiders get, whether to try again, and what now.
package refusal

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/timestamp"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
)

// Errors of requests.
var (
	ErrUnit       = errors.New("no such unit here")
	ErrCase       = errors.New("no such case in your units")
	ErrNotToken   = errors.New("not a case token")
	ErrOwnCountry = errors.New("a message to our own country")
	ErrUnsent     = errors.New("nothing was sent in this case yet")
	ErrFollows    = errors.New("the case holds nothing that this message could follow")
	ErrRequest    = errors.New("request is not well-formed")
	ErrCommitment = errors.New("what is to be sent is not what the act commits to")
	ErrFindings   = errors.New("the linter finds errors")
	ErrReused     = errors.New("idempotency key was used for something else")
	ErrToken      = errors.New("case token is not one of ours, or is taken")
	ErrNoDraft    = errors.New("no draft waits for this")
	ErrAttachment = errors.New("attachment is not here")
	ErrTooMuch    = errors.New("file is larger than this node takes")
	ErrNoSpace    = errors.New("too little disk space is left")
	ErrUnattached = errors.New("no file was sealed here under this name")
	ErrFreed      = errors.New("our copy of the attachment is gone")
	ErrLost       = errors.New("our copy of the attachment was lost in a rollback")
	ErrNotAwaited = errors.New("attachment was not fetched: too many of that country were awaited when it was listed")
	ErrOnItsWay   = errors.New("a message of the case still waits for its receipt")
	ErrReserved   = errors.New("too many case tokens are reserved and not used")
	ErrPending    = errors.New("a draft in the case waits for its approver")
	ErrMessage    = errors.New("the case holds no such message")
	ErrNotErased  = errors.New("what the notice asks to erase is still here")
	ErrExpired    = errors.New("the term of the case's dockets has ended")
	ErrTokenHead  = errors.New("the time token is not over a head of this log")
	ErrTokenTime  = errors.New("the time token does not agree with the times in the log")
)

// outcome is what outsiders are told of an error: a code, whether and when to try again, and what now.
type outcome struct {
	err    error
	code   codes.Code
	reason string
	hint   string
	retry  time.Duration
}

// outcomes is the one table of what outsiders are told. The first that fits decides.
var outcomes = []outcome{
	{ErrUnit, codes.NotFound, "unit", "look at `rogatory-node unit list`", 0},
	{ErrNotToken, codes.InvalidArgument, "case-token-form", "a case token looks like RS-2026-000123; `rogatory-node request list` shows yours", 0},
	{ErrOwnCountry, codes.InvalidArgument, "own-country", "is --dir the right node? Units of one country hand cases over: `rogatory-node request transfer`", 0},
	{ErrUnsent, codes.FailedPrecondition, "unsent", "`rogatory-node request decline CASE` gives a draft back to its drafter, and once more discards it", 0},
	{ErrFollows, codes.FailedPrecondition, "nothing-to-follow", "`rogatory-node request show CASE` tells what it holds; another case, or another message, was meant", 0},
	{ErrCase, codes.NotFound, "case", "look at `rogatory-node request list`; a unit sees only its own cases", 0},
	{ErrRequest, codes.InvalidArgument, "request", "change what is named, and send it again", 0},
	{ErrCommitment, codes.InvalidArgument, "commitment", "prepare the act again and sign that", 0},
	{ErrFindings, codes.FailedPrecondition, "lint", "mend what the linter says and prepare it again", 0},
	{ErrReused, codes.AlreadyExists, "idempotency-key", "use a new key for a new act", 0},
	{ErrToken, codes.FailedPrecondition, "case-token", "reserve a new one", 0},
	{ErrNoDraft, codes.NotFound, "draft", "look at the case: it may have been approved or declined already", 0},
	{ErrAttachment, codes.Unavailable, "attachment", "the peer has not delivered it yet; try again later", 30 * time.Second},
	{ErrTooMuch, codes.InvalidArgument, "attachment-size", "split the file, or raise limits.max_attachment", 0},
	{ErrNoSpace, codes.ResourceExhausted, "disk", "free disk space; nothing was lost", time.Minute},
	{ErrUnattached, codes.FailedPrecondition, "unattached", "attach the file again: what no message lists within seven days is removed", 0},
	{ErrFreed, codes.NotFound, "attachment-freed", "ours is kept until 14 days after every recipient has it; ask for the original", 0},
	{ErrLost, codes.NotFound, "attachment-lost", "the other side has it if it fetched it in time; if it did not, send it again in a new message", 0},
	{ErrNotAwaited, codes.NotFound, "attachment-not-awaited", "ask the other side to send it again, in a new message", 0},
	{ErrOnItsWay, codes.FailedPrecondition, "on-its-way", "wait for the receipt", 0},
	{ErrReserved, codes.ResourceExhausted, "reserved", "use the tokens that you have; what is not used stops counting after an hour", 10 * time.Second},
	{ErrPending, codes.FailedPrecondition, "pending", "approve or decline it first", 0},
	{ErrMessage, codes.NotFound, "message", "`rogatory-node request show CASE` tells the names of its messages", 0},
	{ErrNotErased, codes.FailedPrecondition, "not-erased", "`rogatory-node erase CASE --item MESSAGE` erases it; or dispute the notice", 0},
	{ErrExpired, codes.FailedPrecondition, "docket-term-ended", "nothing can happen in it any more; open a new case", 0},
	{ErrTokenHead, codes.FailedPrecondition, "token-head", "is --dir the right node? Nothing was kept; `rogatory-node log stamp` asks about the newest head", 0},
	{ErrTokenTime, codes.FailedPrecondition, "token-time", "compare the clocks of this machine and of who stamped it; nothing was kept", 0},
	{timestamp.ErrForm, codes.InvalidArgument, "time-token", "nothing was kept; ask another authority", 0},
	{timestamp.ErrTooLarge, codes.InvalidArgument, "time-token", "nothing was kept; ask another authority", 0},
	{timestamp.ErrSignature, codes.InvalidArgument, "time-token", "nothing was kept; ask again", 0},
	{post.ErrOutboxFull, codes.ResourceExhausted, "outbox-full", "the recipient is away or slow; wait", 10 * time.Second},
	{post.ErrStranger, codes.InvalidArgument, "stranger", "look at `rogatory-node peers`", 0},
	{post.ErrUncleared, codes.Unavailable, "uncleared", "the node waits until a majority of its peers has confirmed its log", 5 * time.Second},
	{post.ErrUnconfirmed, codes.Unavailable, "unconfirmed", "the recipient has not been heard of since the node started; look at `rogatory-node peers`", 5 * time.Second},
	{post.ErrStopped, codes.Unavailable, "stopping", "try again when the node is back", 5 * time.Second},
	{store.ErrDisk, codes.ResourceExhausted, "disk", "", 30 * time.Second},
	{store.ErrClosed, codes.Unavailable, "stopping", "try again when the node is back", 5 * time.Second},
	{store.ErrErased, codes.FailedPrecondition, "erased", "its docket and receipts remain", 0},
	{store.ErrExists, codes.AlreadyExists, "used", "this act was done already; prepare a new one", 0},
	{store.ErrNotEmpty, codes.FailedPrecondition, "not-empty", "name a new folder: a backup is never written over something", 0},
	{store.ErrBroken, codes.Unavailable, "broken", "", 5 * time.Second},
	{store.ErrKey, codes.FailedPrecondition, "content-key", "", 0},
	{store.ErrTooLarge, codes.InvalidArgument, "too-large", "shorten it, or send parts of it as attachments", 0},
	{post.ErrStillNotUnderstood, codes.FailedPrecondition, "not-understood", "start a newer version of rogatory-node, or drop it", 0},
	{store.ErrNotFound, codes.NotFound, "not-found", "", 0},
	{envelope.ErrTooLarge, codes.InvalidArgument, "too-large", "shorten it, or send parts of it as attachments", 0},
	{envelope.ErrNotUnderstood, codes.InvalidArgument, "request", "this node does not know a field or code in it: it may be older than your program", 0},
	{envelope.ErrMalformed, codes.InvalidArgument, "request", "", 0},
	{federation.ErrUnknownOfficer, codes.PermissionDenied, "officer", "is --dir the right node, and --as one of its officers' keys? `rogatory-node officer list` shows who is on its register", 0},
	{federation.ErrRevoked, codes.PermissionDenied, "officer", "", 0},
	{federation.ErrSignature, codes.PermissionDenied, "signature", "", 0},
	{federation.ErrActTime, codes.PermissionDenied, "act-time", "", 0},
	{federation.ErrRight, codes.PermissionDenied, "right", "", 0},
	{federation.ErrUnit, codes.PermissionDenied, "unit", "", 0},
	{federation.ErrFourEyes, codes.PermissionDenied, "four-eyes", "", 0},
	{federation.ErrOtherAct, codes.PermissionDenied, "other-act", "", 0},
	{federation.ErrActUsed, codes.AlreadyExists, "used", "", 0},
	{federation.ErrTooFewEnrollers, codes.FailedPrecondition, "enrollers", "", 0},
	{federation.ErrKey, codes.InvalidArgument, "key", "", 0},
	{federation.ErrForm, codes.InvalidArgument, "request", "", 0},
	{context.Canceled, codes.Canceled, "canceled", "", 0},
	{context.DeadlineExceeded, codes.DeadlineExceeded, "deadline", "it may have been done: look at the case, or send it again with the same idempotency key", 0},
}

// Tell returns the status that outsiders get for err: its text, a stable reason, a hint in ErrorInfo's metadata, and RetryInfo when it
// is worth trying again.
func Tell(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	o := outcome{code: codes.Internal, reason: "internal", hint: "look at the node's log"}
	var transition *exchange.TransitionError
	if errors.As(err, &transition) {
		o = outcome{code: codes.FailedPrecondition, reason: "transition-" + string(transition.Code)}
	} else {
		for _, candidate := range outcomes {
			if errors.Is(err, candidate.err) {
				o = candidate
				break
			}
		}
	}
	if o.hint == "" {
		o.hint = hintOf(err)
	}
	info := &errdetails.ErrorInfo{Reason: o.reason, Domain: "rogatory"}
	if o.hint != "" {
		info.Metadata = map[string]string{"hint": o.hint}
	}
	if transition != nil {
		info.Metadata = map[string]string{"state": string(transition.State), "step": string(transition.Step), "field": transition.Field}
		var stuck *stuckError
		if errors.As(err, &stuck) {
			info.Metadata["moves"] = strings.Join(stuck.moves, ",")
		}
	}
	details := []protoadapt.MessageV1{info}
	if o.retry > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(o.retry)})
	}
	s := status.New(o.code, err.Error())
	if with, err := s.WithDetails(details...); err == nil {
		s = with
	}
	return s.Err()
}

// stuckError is a step that the state of a case does not allow, with what people may do there instead.
type stuckError struct {
	*exchange.TransitionError
	moves []string
}

func (e *stuckError) Unwrap() error { return e.TransitionError }

// InCase adds to an illegal step of a person's what is possible in the case.
func InCase(c exchange.Case, err error) error {
	var t *exchange.TransitionError
	if !errors.As(err, &t) || t.Code != exchange.CodeIllegal || t.Who != exchange.Officer && t.Who != exchange.Agency {
		return err
	}
	stuck := &stuckError{TransitionError: t}
	for _, m := range exchange.Moves(c) {
		sends := strings.HasPrefix(string(m.Step), string(exchange.EventSent)+".") || m.Step == exchange.Step(exchange.EventRegister)
		if sends && slices.Contains(m.Who, t.Who) {
			stuck.moves = append(stuck.moves, string(m.Step))
		}
	}
	return stuck
}

// hintOf asks the packages below what a person can do.
func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return store.Hint(err)
}
