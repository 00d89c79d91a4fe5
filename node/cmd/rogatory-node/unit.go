package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func (p *program) unitCommand() *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "List the units and what each takes", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := p.load()
			if err != nil {
				return err
			}
			return p.listUnits(cfg)
		},
	}
	var kind, from string
	routing := &cobra.Command{
		Use: "routing", Short: "Say which unit takes a message that names none", Args: noArgs,
		Example: "  rogatory-node unit routing --kind fiu-request --from fiu",
		RunE: func(*cobra.Command, []string) error {
			cfg, err := p.load()
			if err != nil {
				return err
			}
			k, err := parseTerm[rogatoryv1.Kind]("--kind", kind)
			if err != nil {
				return err
			}
			a, err := parseTerm[rogatoryv1.Authority]("--from", from)
			if err != nil {
				return err
			}
			u := cfg.Route(k.String(), a.String())
			if p.json {
				return p.out.Value(map[string]string{"kind": kind, "from": from, "unit": u.Name})
			}
			p.out.Printf("%s/%s\n", cfg.Country, u.Name)
			return nil
		},
	}
	routing.Flags().StringVar(&kind, "kind", "request", "kind of message")
	routing.Flags().StringVar(&from, "from", "police", "kind of authority that asks")
	complete[rogatoryv1.Kind](routing, "kind")
	complete[rogatoryv1.Authority](routing, "from")
	return group("unit", "The authorities behind this contact point", list, routing, p.unitKey())
}

func (p *program) listUnits(cfg *configs.Node) error {
	var rows [][]terminal.Cell
	for _, u := range cfg.Units {
		kinds, authorities := []string{}, []string{}
		for _, k := range u.Kinds {
			kinds = append(kinds, k.Code())
		}
		for _, a := range u.Authorities {
			authorities = append(authorities, a.Code())
		}
		if p.json {
			if err := p.out.Value(map[string]any{
				"unit": cfg.Country + "/" + u.Name, "authority": u.Authority.Code(), "default": u.Default, "fourEyes": u.FourEyes,
				"kinds": kinds, "authorities": authorities, "agencies": append([]string{}, u.Agencies...),
			}); err != nil {
				return err
			}
			continue
		}
		takes := strings.Join(append(kinds, authorities...), ", ")
		if u.Default {
			takes = strings.TrimPrefix(takes+", what no other takes", ", ")
		}
		eyes := "two officers"
		if !u.FourEyes {
			eyes = "one officer"
		}
		rows = append(rows, terminal.Plain(cfg.Country+"/"+u.Name, u.Authority.Code(), eyes, takes))
	}
	if !p.json {
		p.out.Table([]string{"UNIT", "AUTHORITY", "SENDING TAKES", "TAKES WITHOUT BEING NAMED"}, rows)
	}
	return nil
}

// unitKey makes the key of a unit that joined the configuration later.
func (p *program) unitKey() *cobra.Command {
	return &cobra.Command{
		Use: "key NAME", Short: "Make the key of a unit that is new in the configuration", Args: exactly(1),
		Long: "key adds a unit's key to the key ring. Make a copy of the ring for the safe afterwards: contents of the unit open with no other key.",
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := p.load()
			if err != nil {
				return err
			}
			if cfg.Unit(args[0]) == nil {
				return usage(fmt.Errorf("the configuration has no unit %s", args[0]), "add it there first")
			}
			lock, err := p.ringLock(cfg)
			if err != nil {
				return err
			}
			ring, err := keyring.OpenRing(cfg.RingFile(), lock)
			if err != nil {
				return p.keyError(err)
			}
			if err := ring.AddUnit(args[0]); err != nil {
				return no(err, "it has a key already: nothing needs to be done")
			}
			if err := keyring.SaveRing(cfg.RingFile(), ring, lock); err != nil {
				return p.keyError(err)
			}
			p.out.Printf("%s/%s has a key; copy %s to the safe\n", cfg.Country, args[0], cfg.RingFile())
			return nil
		},
	}
}
