package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
)

func (p *program) certificateCommand() *cobra.Command {
	var operator bool
	c := &cobra.Command{
		Use: "certificate NAME", Short: "Issue a client certificate for a gateway, an agency or an operator elsewhere", Args: exactly(1),
		Long: `certificate writes NAME.pem and NAME-key.pem into the node's folder tls, signed by the authority that init made there. Whoever has them may
knock at the node's mTLS address; acts still take an officer's signature. The authority's key (ca-key.pem) is needed for this command only:
keep it elsewhere otherwise.`,
		RunE: func(_ *cobra.Command, args []string) error {
			role := setup.RoleDesk
			if operator {
				role = setup.RoleOperator
			}
			dir := filepath.Join(p.dir, setup.TLSFolder)
			if !pseudonymLike(args[0]) {
				return usage(errors.New("the name is a file's name too"), "small letters, digits and hyphens")
			}
			err := setup.IssueClient(dir, args[0], role, time.Now())
			if errors.Is(err, fs.ErrExist) {
				return no(fmt.Errorf("a certificate of the name %s is there already", args[0]), "choose another name: keys are never overwritten")
			}
			if errors.Is(err, fs.ErrNotExist) {
				return no(fmt.Errorf("the authority's certificate or key is not in %s", dir), "is --dir the node's folder? init made ca.pem and ca-key.pem there; put back what is kept elsewhere")
			}
			if err != nil {
				return err
			}
			cert := filepath.Join(dir, args[0]+".pem")
			if p.json {
				return p.out.Value(map[string]string{"cert": cert, "key": filepath.Join(dir, args[0]+"-key.pem"), "role": role})
			}
			p.out.Printf("%s: for --cert, beside its key; role %s\n", cert, role)
			return nil
		},
	}
	c.Flags().BoolVar(&operator, "operator", false, "may also use the operator's commands")
	return c
}

// pseudonymLike accepts 1 to 64 of a-z, 0-9 and -.
func pseudonymLike(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
