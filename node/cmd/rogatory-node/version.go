package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node"
)

// programVersion is the release, and behind it the revision that was built, if known.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return node.Version
	}
	revision, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = "+" + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ".changed"
		}
	}
	return node.Version + revision + changed
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if p.json {
				return p.out.Value(map[string]string{"version": programVersion(), "go": runtime.Version()})
			}
			p.out.Printf("rogatory-node %s %s %s/%s\n", programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
