package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/cmd/internal/input"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/names"
)

func (p *program) registerCommand() *cobra.Command {
	return group("register", "The register of names, which two people open together", p.registerNames())
}

// nameFlags are shared by the commands of the register of names.
type nameFlags struct {
	file, first, second string
	work                int
}

func (p *program) registerNames() *cobra.Command {
	n := &nameFlags{}
	c := group("names", "Turn a pseudonym into an officer's name, by two people", p.namesNew(n), p.namesPut(n), p.namesShow(n), p.namesList(n), p.namesErase(n))
	c.Long = `names keeps who stands behind the pseudonyms of the log: in one file, outside the node's folder and its backups, that takes the passphrases of two
people, each of whom types one and knows only that. Each name has a term of its own and goes at its end. No node reads the file.`
	f := c.PersistentFlags()
	f.StringVar(&n.file, "file", "", "the register's file")
	f.StringVar(&n.first, "first-passphrase-file", "", "file whose first line is the first person's passphrase (else ROGATORY_NAMES_FIRST, else asked for)")
	f.StringVar(&n.second, "second-passphrase-file", "", "file whose first line is the second person's passphrase (else ROGATORY_NAMES_SECOND, else asked for)")
	f.IntVar(&n.work, "work", 0, "scrypt's work factor, for tests")
	_ = f.MarkHidden("work")
	_ = c.MarkPersistentFlagRequired("file")
	return c
}

// lock asks both people. making asks each twice.
func (p *program) namesLock(n *nameFlags, making bool) (names.Lock, error) {
	ask := p.passphrase
	// Nobody types a passphrase for a file that is not there, or that is not to be overwritten.
	if making {
		ask = p.newPassphrase
		if _, err := os.Lstat(n.file); err == nil {
			return names.Lock{}, no(fmt.Errorf("%s exists already", n.file), "files are never overwritten: choose another path")
		}
	} else if f, err := input.Stream(n.file); err != nil {
		return names.Lock{}, err
	} else if err := f.Close(); err != nil {
		return names.Lock{}, err
	}
	first, err := ask("ROGATORY_NAMES_FIRST", n.first, "passphrase of the first person")
	if err != nil {
		return names.Lock{}, err
	}
	second, err := ask("ROGATORY_NAMES_SECOND", n.second, "passphrase of the second person")
	if err != nil {
		return names.Lock{}, err
	}
	l, err := names.NewLock(first, second)
	if err != nil {
		return l, usage(err, "each of two people types a passphrase of their own")
	}
	if n.work != 0 {
		l = l.Work(n.work)
	}
	return l, nil
}

// outside refuses a register inside a node's folder: it would be in its backups, and its operator would have it.
func (p *program) outside(path string) error {
	file, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	for _, folder := range p.nodeFolders() {
		if rel, err := filepath.Rel(folder, file); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return usage(fmt.Errorf("%s lies in the node's folder %s", path, folder), "keep it elsewhere, best on another machine: neither the node nor its backups hold names")
		}
	}
	return nil
}

// nodeFolders are where the node of --dir or --config keeps its things, if there is one.
func (p *program) nodeFolders() (folders []string) {
	if !exists(p.configFile()) {
		return nil
	}
	if abs, err := filepath.Abs(filepath.Dir(p.configFile())); err == nil {
		folders = append(folders, abs)
	}
	if cfg, err := p.load(); err == nil {
		folders = append(folders, cfg.Data)
	}
	return folders
}

// book opens the register and hands it to change; what change has done is saved when it says so.
func (p *program) book(n *nameFlags, change func(*names.Book) (save bool, err error)) error {
	l, err := p.namesLock(n, false)
	if err != nil {
		return err
	}
	b, err := names.Open(n.file, l)
	if err != nil {
		return nameHint(err)
	}
	save, err := change(b)
	if err != nil {
		return nameHint(err)
	}
	if save {
		return b.Save(l)
	}
	return nil
}

func nameHint(err error) error {
	switch {
	case errors.Is(err, names.ErrPassphrase):
		return no(err, "the first person's comes first; nobody's alone opens it")
	case errors.Is(err, names.ErrUnknown):
		return no(err, "register names list tells the pseudonyms; a name whose term has ended is not told any more")
	case errors.Is(err, names.ErrTaken):
		return no(err, "register names erase takes it out first")
	case errors.Is(err, names.ErrExposed):
		return no(err, "run chmod 600 on it")
	case errors.Is(err, names.ErrEntry):
		return usage(err, "a pseudonym has 1 to 64 of a-z, 0-9 and -; the day is YYYY-MM-DD")
	case errors.Is(err, names.ErrFormat):
		return no(err, "name the file that register names new made")
	}
	return err
}

func (p *program) namesNew(n *nameFlags) *cobra.Command {
	return &cobra.Command{
		Use: "new", Short: "Make an empty register", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := p.outside(n.file); err != nil {
				return err
			}
			l, err := p.namesLock(n, true)
			if err != nil {
				return err
			}
			if err := names.New(n.file, l); err != nil {
				return err
			}
			p.out.Printf("%s\n", n.file)
			return nil
		},
	}
}

func (p *program) namesPut(n *nameFlags) *cobra.Command {
	var until string
	c := &cobra.Command{
		Use: "put PSEUDONYM", Short: "Note who somebody is; the name is read from standard input", Args: exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := p.outside(n.file); err != nil {
				return err
			}
			return p.book(n, func(b *names.Book) (bool, error) {
				line, err := bufio.NewReader(io.LimitReader(p.stdin, 1024)).ReadString('\n')
				if err != nil && !errors.Is(err, io.EOF) {
					return false, fmt.Errorf("reading the name: %w", err)
				}
				b.Expire(time.Now())
				return true, b.Put(names.Entry{Pseudonym: args[0], Name: strings.TrimSpace(line), Until: until})
			})
		},
	}
	c.Flags().StringVar(&until, "until", "", "last day of the entry's term, YYYY-MM-DD")
	_ = c.MarkFlagRequired("until")
	return c
}

func (p *program) namesShow(n *nameFlags) *cobra.Command {
	return &cobra.Command{
		Use: "show PSEUDONYM", Short: "Tell who somebody is", Args: exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return p.book(n, func(b *names.Book) (bool, error) {
				e, err := b.Get(args[0], time.Now())
				if err != nil {
					return false, err
				}
				if p.json {
					return false, p.out.Value(e)
				}
				p.out.Printf("%s\t%s\t%s\n", e.Pseudonym, terminal.OneLine(e.Name), e.Until)
				return false, nil
			})
		},
	}
}

func (p *program) namesList(n *nameFlags) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the pseudonyms and the ends of their terms, without names", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return p.book(n, func(b *names.Book) (bool, error) {
				for _, e := range b.Terms() {
					if p.json {
						if err := p.out.Value(map[string]string{"pseudonym": e.Pseudonym, "until": e.Until}); err != nil {
							return false, err
						}
						continue
					}
					p.out.Printf("%s\t%s\n", e.Pseudonym, e.Until)
				}
				return false, nil
			})
		},
	}
}

func (p *program) namesErase(n *nameFlags) *cobra.Command {
	var expired bool
	c := &cobra.Command{
		Use: "erase [PSEUDONYM]", Short: "Erase a name, or with --expired all whose term has ended", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if expired == (len(args) == 1) {
				return usage(errors.New("a pseudonym, or --expired"), "name one, or erase all whose term has ended")
			}
			return p.book(n, func(b *names.Book) (bool, error) {
				if !expired {
					return true, b.Erase(args[0])
				}
				gone := b.Expire(time.Now())
				p.out.Printf("%d\n", gone)
				return gone > 0, nil
			})
		},
	}
	c.Flags().BoolVar(&expired, "expired", false, "all whose term has ended")
	return c
}
