package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"

	"github.com/rogatory/rogatory/node/store/backup"
)

func (p *program) backupCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "backup FOLDER",
		Short: "Have the running node copy its store into a new folder",
		Long: `backup copies both files and the attachments while the node goes on, and checks the copy. The key ring and the guard are not in it:
keep the ring's file and passphrase in a safe, and the guard nowhere else. A copy is deleted after 14 days, because what is erased
must be gone from every copy by then; the node itself takes the keys out of those that it still reaches, and backup expire out of others.`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			folder, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			if info, err := os.Stat(folder); err == nil && !info.IsDir() && p.address == "" {
				return usage(fmt.Errorf("%s is a file, and a new folder is wanted", folder), "name a folder that does not exist yet")
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
				return printJSON(p.out, resp)
			}
			p.out.Printf("%s: %d leaves, %d bytes; delete it on %s\n", folder, resp.GetLogSize(), resp.GetBytes(),
				time.Now().Add(backup.KeysAge).Format(time.DateOnly))
			return nil
		},
	}
	c.AddCommand(p.backupExpire())
	return c
}

const hintBackup = "give the folder that rogatory-node backup wrote"

// noBackup reports whether what was named is a backup at all.
func noBackup(err error) bool {
	return errors.Is(err, backup.ErrNone) || errors.Is(err, syscall.ENOTDIR)
}

// backupExpire destroys the keys of copies that the node does not reach.
func (p *program) backupExpire() *cobra.Command {
	return &cobra.Command{
		Use: "expire FOLDER…", Short: "Destroy the keys in copies that are older than 14 days; the rest of them stays", Args: atLeast(1),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, folder := range args {
				gone, err := backup.Expire(folder, time.Now())
				if noBackup(err) {
					return no(fmt.Errorf("%s is no backup", folder), hintBackup)
				}
				if err != nil {
					return err
				}
				what := "nothing to destroy yet, or no more"
				if gone {
					what = "keys destroyed"
				}
				if p.json {
					if err := p.out.Value(map[string]any{"folder": folder, "destroyed": gone}); err != nil {
						return err
					}
					continue
				}
				p.out.Printf("%s\t%s\n", folder, what)
			}
			return nil
		},
	}
}
