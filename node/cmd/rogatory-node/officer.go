package main

import (
	"encoding/hex"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func (p *program) officerCommand() *cobra.Command {
	return group("officer", "The register of officers: keys, enrolment by two people, revocation",
		group("key", "An officer's own key", p.officerKeyNew(), p.officerKeyShow(), p.officerKeyPassphrase()),
		p.officerEnrol(), p.officerConfirm(), p.officerRevoke(), p.officerList())
}

func rights(o *rogatoryv1.Officer) []string {
	var out []string
	for _, r := range o.GetRights() {
		out = append(out, termCode(r))
	}
	return out
}

func (p *program) officers(c *cobra.Command) ([]*rogatoryv1.Officer, error) {
	cl, err := p.dial()
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ctx, cancel := p.within(c.Context())
	defer cancel()
	resp, err := cl.Desk.Officers(ctx, &nodev1.OfficersRequest{})
	return resp.GetOfficers(), err
}

func (p *program) officerList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the register", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			officers, err := p.officers(c)
			if err != nil {
				return err
			}
			var rows [][]terminal.Cell
			for _, o := range officers {
				if p.json {
					if err := printJSON(p.out, o); err != nil {
						return err
					}
					continue
				}
				kind := "officer"
				if o.GetAgency() {
					kind = "agency"
				}
				kid := keyring.KIDOf(o.GetPublicKey())
				rows = append(rows, terminal.Plain(o.GetPseudonym(), kind, strings.Join(o.GetUnits(), " "), strings.Join(rights(o), " "), hex.EncodeToString(kid[:])))
			}
			if !p.json {
				p.out.Table([]string{"PSEUDONYM", "KIND", "UNITS", "RIGHTS", "KEY"}, rows)
			}
			return nil
		},
	}
}
