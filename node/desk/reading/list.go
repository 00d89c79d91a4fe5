package reading

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Verify verifies an assertion that only looks, and returns who it is.
func (in *Room) Verify(a *rogatoryv1.Assertion, verb rogatoryv1.Verb, unit string) (*rogatoryv1.Officer, error) {
	act, err := federation.ParseAct(a.GetAct())
	if err != nil {
		return nil, err
	}
	if unit == "" {
		o, err := in.officers.Now().Officer(act.GetActor())
		if err != nil {
			return nil, err
		}
		if len(o.GetUnits()) > 0 {
			unit = o.GetUnits()[0]
		}
	}
	v, err := in.officers.Now().VerifyAssertion(a, time.Now(), federation.ActWant{Verb: verb, CaseToken: act.GetCaseToken(), Unit: unit})
	if err != nil {
		return nil, err
	}
	return v.Officer, nil
}

// List returns the cases of the actor's units, newest first.
func (in *Room) List(ctx context.Context, r *nodev1.ListRequest) (*nodev1.ListResponse, error) {
	officer, err := in.Verify(r.GetAssertion(), rogatoryv1.Verb_VERB_LIST, r.GetUnit())
	if err != nil {
		return nil, err
	}
	if err := in.officers.Once(ctx, r.GetAssertion()); err != nil {
		return nil, err
	}
	limit := int(r.GetLimit())
	if limit == 0 {
		limit = 100
	}
	if limit > 1000 {
		return nil, fmt.Errorf("listing %d cases, at most 1000: %w", limit, refusal.ErrRequest)
	}
	// A page is named by its unit and the place within it.
	units := officer.GetUnits()
	if r.GetUnit() != "" {
		units = []string{r.GetUnit()}
	}
	filter := store.CaseFilter{States: r.GetStates(), Peer: r.GetPeer()}
	if r.GetPage() != "" {
		unit, place, ok := strings.Cut(r.GetPage(), ".")
		before, err := base64.RawURLEncoding.DecodeString(place)
		i := slices.Index(units, unit)
		if !ok || err != nil || i < 0 {
			return nil, fmt.Errorf("page token: %w", refusal.ErrRequest)
		}
		units = units[i:]
		if len(before) > 0 {
			filter.Before = before
		}
	}
	out := &nodev1.ListResponse{}
	now := time.Now().UnixMilli()
	err = in.store.View(func(tx *store.Reader) error {
		for i, unit := range units {
			filter.Limit = limit - len(out.Cases)
			page, err := tx.Cases(unit, filter)
			if err != nil {
				return err
			}
			for _, s := range page.Cases {
				c, err := casefile.Load(tx, s.GetToken())
				if err != nil {
					return err
				}
				row, err := rowOf(tx, c, now)
				if err != nil {
					return err
				}
				out.Cases = append(out.Cases, row)
			}
			filter.Before = nil
			if page.Next != nil {
				out.NextPage = unit + "." + base64.RawURLEncoding.EncodeToString(page.Next)
				return nil
			}
			if len(out.Cases) == limit && i+1 < len(units) {
				out.NextPage = units[i+1] + "."
				return nil
			}
		}
		return nil
	})
	return out, err
}
