package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/store"
)

func (p *program) restoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "restore FOLDER",
		Short: "Put a backup in place of a lost store",
		Long: `restore puts a backup into the configured data folder, which must be empty or gone; what was erased since is erased again. The node
must not run. Restoring does not make the log whole: when the head guard or a peer has seen more of it, the node says so at its start and stops. Then
rogatory-node recover closes the log and opens the next one, and the peers give back what they have. Keep what is left of the lost store.`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.load()
			if err != nil {
				return err
			}
			ring, err := p.ring(cfg)
			if err != nil {
				return err
			}
			info, err := store.Restore(c.Context(), args[0], node.StoreOptions(cfg, ring))
			if noBackup(err) {
				return no(fmt.Errorf("%s is no backup", args[0]), hintBackup)
			}
			if errors.Is(err, store.ErrNotEmpty) {
				return no(err, "move what lies in the data folder away, then restore again; the node must not run")
			}
			if err != nil {
				return err
			}
			if p.json {
				return p.out.Value(info)
			}
			p.out.Printf("%s: %s leaves of %s, as of %s\n", cfg.Data, fmt.Sprint(info.Size), info.Origin, moment(uint64(info.MadeMS)))
			return nil
		},
	}
}
