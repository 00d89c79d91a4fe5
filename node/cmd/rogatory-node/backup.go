package main

import (
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"

	"github.com/rogatory/rogatory/node/store"
)

func (p *program) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FOLDER",
		Short: "Have the running node copy its store into a new folder",
		Long: `backup copies both files and the attachments while the node goes on, and checks the copy. The key ring and the guard are not in it:
keep the ring's file and passphrase in a safe, and the guard nowhere else. A copy is deleted after 14 days, because what is erased
must be gone from every copy by then.`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			folder, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			cl, err := p.dial()
			if err != nil {
				return err
			}
			defer cl.Close()
			// The copy takes as long as it takes; SIGINT ends it.
			resp, err := cl.Operator.Backup(c.Context(), &nodev1.BackupRequest{Folder: folder})
			if err != nil {
				return err
			}
			if p.json {
				return p.out.message(resp)
			}
			p.out.printf("%s: %d leaves, %d bytes; delete it on %s\n", folder, resp.GetLogSize(), resp.GetBytes(),
				time.Now().Add(store.KeysAge).Format(time.DateOnly))
			return nil
		},
	}
}
