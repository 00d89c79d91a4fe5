package main

import (
	"context"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/node/client"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// fillSender puts in who speaks when the file does not say: the contact that the configuration has for the sending unit. From
// another machine there is no configuration; then the linter asks for it.
func (p *program) fillSender(ctx context.Context, cl *client.Client, f *rogatoryv1.RequestFile) error {
	if f.GetContent() == nil || f.GetContent().GetSender() != nil || p.address != "" {
		return nil
	}
	cfg, err := p.load()
	if err != nil {
		return nil
	}
	unit, err := p.sendingUnit(ctx, cl, cfg, f)
	if err != nil || unit == nil {
		return err
	}
	f.Content.Sender = &rogatoryv1.Sender{
		Authority: rogatoryv1.Authority(rogatoryv1.Authority_value[string(unit.Authority)]),
		Name:      unit.Contact.Name, Officer: unit.Contact.Officer, Phone: unit.Contact.Phone, Email: unit.Contact.Email,
	}
	return nil
}

// aboutSender reports whether a finding is about who speaks.
func aboutSender(f *nodev1.Finding) bool { return strings.HasPrefix(f.GetPath(), "content.sender") }

// sendingUnit is the one that the file names, the only one, the officer's only one, or that of the case.
func (p *program) sendingUnit(ctx context.Context, cl *client.Client, cfg *configs.Node, f *rogatoryv1.RequestFile) (*configs.Unit, error) {
	if f.GetFromUnit() != "" {
		return cfg.Unit(f.GetFromUnit()), nil
	}
	if len(cfg.Units) == 1 {
		return &cfg.Units[0], nil
	}
	if err := cl.Identify(ctx); err != nil {
		return nil, err
	}
	resp, err := cl.Desk.Officers(ctx, &nodev1.OfficersRequest{})
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(resp.GetOfficers(), func(o *rogatoryv1.Officer) bool { return o.GetPseudonym() == cl.Officer().Pseudonym })
	if i >= 0 && len(resp.GetOfficers()[i].GetUnits()) == 1 {
		return cfg.Unit(resp.GetOfficers()[i].GetUnits()[0]), nil
	}
	if f.GetCaseToken() == "" {
		return nil, nil
	}
	req := &nodev1.ListRequest{Limit: 1000}
	for {
		page, err := cl.List(ctx, req)
		if err != nil {
			return nil, err
		}
		for _, row := range page.GetCases() {
			if row.GetCaseToken() == f.GetCaseToken() {
				return cfg.Unit(row.GetUnit()), nil
			}
		}
		if req.Page = page.GetNextPage(); req.Page == "" {
			return nil, nil
		}
	}
}
