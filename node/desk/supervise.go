package desk

import (
	"context"

	"github.com/rogatory/rogatory/node/desk/refusal"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

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
