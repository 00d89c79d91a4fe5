package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

func (p *program) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say how the node is",
		Long:  "status says how the node is. Exit status 0: well, 1: an operator should look at something, 3: it does not answer.",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := p.dial()
			if err != nil {
				return err
			}
			defer cl.Close()
			ctx, cancel := p.within(c.Context())
			defer cancel()
			s, err := cl.Operator.Status(ctx, &nodev1.StatusRequest{})
			if err != nil {
				return err
			}
			if p.json {
				err = printJSON(p.out, s)
			} else {
				p.printStatus(s)
			}
			if err == nil && (len(s.GetWarnings()) > 0 || !s.GetConnected() || !s.GetCleared()) {
				return &failure{answerIsNo, errSilent, ""}
			}
			return err
		},
	}
}

func (p *program) printStatus(s *nodev1.StatusResponse) {
	line := func(name, format string, args ...any) { p.out.Printf("%-12s%s\n", name, fmt.Sprintf(format, args...)) }
	yes := func(ok bool, yes, no string) string {
		if ok {
			return p.out.Paint(terminal.Green, yes)
		}
		return p.out.Paint(terminal.Red, no)
	}
	line("node", "%s, version %s, up for %s", p.out.Paint(terminal.Bold, s.GetCountry()), s.GetVersion(), span(time.Since(time.UnixMilli(int64(s.GetStartedMs())))))
	line("backbone", "%s", yes(s.GetConnected(), "connected", "not connected"))
	line("cleared", "%s", yes(s.GetCleared(), "yes", "no: "+terminal.OneLine(s.GetUnclearedReason())))
	line("log", "%d leaves", s.GetLogSize())
	line("witnesses", "%s", witnesses(s.GetRound()))
	line("directory", "version %d", s.GetDirectoryVersion())
	line("manifest", "version %d", s.GetManifestVersion())
	line("outbox", "%d waiting for a receipt", s.GetOutbox())
	line("parked", "%d", s.GetParked())
	line("seen again", "%d, answered with the receipt they had", s.GetDuplicates())
	line("refused", "%d not authentic", s.GetInauthentic())
	for _, w := range s.GetWarnings() {
		line(p.out.Paint(terminal.Yellow, "warning"), "%s", terminal.OneLine(w))
	}
}

// witnesses says how the newest round head fares.
func witnesses(r *nodev1.RoundHead) string {
	switch {
	case r.GetWitnesses() == 0:
		return "no other members"
	case r.GetSize() == 0:
		return fmt.Sprintf("no round head yet; %d of %d members must cosign one", r.GetQuorum(), r.GetWitnesses())
	}
	text := fmt.Sprintf("%d of %d have cosigned %d leaves, %d must", r.GetCosigned(), r.GetWitnesses(), r.GetSize(), r.GetQuorum())
	if len(r.GetLagging()) > 0 {
		text += "; not yet: " + strings.Join(r.GetLagging(), " ")
	}
	return text
}
