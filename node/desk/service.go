package desk

import (
	"context"

	"google.golang.org/grpc"

	"github.com/rogatory/rogatory/node/desk/deeds"
	"github.com/rogatory/rogatory/node/desk/officers"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

// Officers lists the register, and the units that there are.
func (d *Desk) Officers(context.Context, *nodev1.OfficersRequest) (*nodev1.OfficersResponse, error) {
	return &nodev1.OfficersResponse{Officers: d.officers.Now().Officers(), Units: officers.UnitsOf(d.cfg.Node)}, nil
}

// Enrol adds an enrolment or a revocation that two people have signed. The same one again changes nothing.
func (d *Desk) Enrol(ctx context.Context, r *nodev1.EnrolRequest) (*nodev1.EnrolResponse, error) {
	return &nodev1.EnrolResponse{}, refusal.Tell(d.officers.Enrol(ctx, r.GetEnrolment()))
}

// Lint says everything at once that would make a file refused.
func (d *Desk) Lint(_ context.Context, r *nodev1.LintRequest) (*nodev1.LintResponse, error) {
	out, err := d.proof.Lint(r)
	return out, refusal.Tell(err)
}

// Reserve hands out case tokens. It takes no signature and tells of no case.
func (d *Desk) Reserve(ctx context.Context, r *nodev1.ReserveRequest) (*nodev1.ReserveResponse, error) {
	list, err := d.tokens.Reserve(ctx, int(r.GetCount()))
	return &nodev1.ReserveResponse{CaseTokens: list}, refusal.Tell(err)
}

// Commit does what an assertion says, once for each idempotency key.
func (d *Desk) Commit(ctx context.Context, r *nodev1.CommitRequest) (*nodev1.CommitResponse, error) {
	out, err := d.deeds.Commit(ctx, r)
	return out, refusal.Tell(err)
}

// Release sends what was approved and could not be sent.
func (d *Desk) Release(ctx context.Context) error { return d.deeds.Release(ctx) }

// Waiting returns how many approved messages wait to be sent, by recipient.
func (d *Desk) Waiting(r *store.Reader) (map[string]int, error) { return deeds.Waiting(r) }

// List returns the cases of the actor's units, newest first.
func (d *Desk) List(ctx context.Context, r *nodev1.ListRequest) (*nodev1.ListResponse, error) {
	out, err := d.reading.List(ctx, r)
	return out, refusal.Tell(err)
}

// Show returns a case with its messages. That it is read, by whom and why, is in the log before any content is released.
func (d *Desk) Show(ctx context.Context, r *nodev1.ShowRequest) (*nodev1.ShowResponse, error) {
	out, err := d.reading.Show(ctx, r)
	return out, refusal.Tell(err)
}

// Watch tells of changes in the actor's units until the call ends.
func (d *Desk) Watch(r *nodev1.WatchRequest, stream grpc.ServerStreamingServer[nodev1.WatchResponse]) error {
	return refusal.Tell(d.reading.Watch(stream.Context(), r, func(row *nodev1.CaseRow) error { return stream.Send(&nodev1.WatchResponse{Case: row}) }))
}

// Consultations tells a supervisor who consulted data on a case or on a person.
func (d *Desk) Consultations(ctx context.Context, r *nodev1.ConsultationsRequest) (*nodev1.ConsultationsResponse, error) {
	in, err := d.records.Inspect(ctx, r.GetAssertion(), r.GetIdentifiers(), r.GetSalt())
	if err != nil {
		return nil, refusal.Tell(err)
	}
	lines, err := in.Consultations(ctx)
	return &nodev1.ConsultationsResponse{Consultations: lines, Closed: in.Closed}, refusal.Tell(err)
}

// Holdings tells a supervisor what is held on a case or on a person.
func (d *Desk) Holdings(ctx context.Context, r *nodev1.HoldingsRequest) (*nodev1.HoldingsResponse, error) {
	in, err := d.records.Inspect(ctx, r.GetAssertion(), r.GetIdentifiers(), r.GetSalt())
	if err != nil {
		return nil, refusal.Tell(err)
	}
	lines, err := in.Consultations(ctx)
	return &nodev1.HoldingsResponse{Holdings: in.Found, Consultations: lines, Closed: in.Closed}, refusal.Tell(err)
}
