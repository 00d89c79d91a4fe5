package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/online/recovery"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

var (
	isCode  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$`)
	isToken = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// errNeverRecovered says that there is no recovery to tell of.
var errNeverRecovered = errors.New("this node was never recovered")

func (p *program) recoverCommand() *cobra.Command {
	var opts node.RecoverOptions
	var yes, report bool
	var giveUp string
	wait := durationFlag(time.Minute)
	c := &cobra.Command{
		Use:   "recover",
		Short: "Go on after a rollback: close the log, open the next one",
		Long: `recover is for a node that does not start because its data folder is older than what it has signed, and whose newest folder is lost. It asks the
peers what they have of this node, says what it is going to do, and after a person has confirmed closes the log at its last head and opens the next
one, with the next number and epoch. What was erased stays erased. Then start the node: its peers give back the messages of the lost time, ours and
theirs, each once, with the time of its first receipt. recover --report says what came back and what did not.

A peer that never answers, or does not send what it said it would, is waited for: recover --give-up COUNTRY ends that, while the node does not run. What a
peer was asked to send again and has not sent after 14 days is given up by itself. The report names it.

Lost for good is what people did here in that time and nobody outside has seen: drafts, readings, approvals, assignments, enrolments.

The node must not run. Interrupted, or run again, it does no harm.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.load()
			if err != nil {
				return err
			}
			if report {
				return p.recoverReport(c.Context(), cfg)
			}
			if giveUp != "" {
				return p.recoverGiveUp(c.Context(), cfg, giveUp, yes)
			}
			switch {
			case !isCode.MatchString(opts.Ground):
				return usage(fmt.Errorf("ground %q is no code", opts.Ground), "one word, for example --ground disk-failure: it stands in the log")
			case opts.By != "" && !isToken.MatchString(opts.By):
				return usage(fmt.Errorf("%q is no pseudonym", opts.By), "letters, digits, - and _, no name of a person: it stands in the log")
			}
			if opts.Lock, err = p.ringLock(cfg); err != nil {
				return err
			}
			if err := stopped(cfg); err != nil {
				return err
			}
			opts.Logger, opts.Wait = logger(p.stderr, cfg.Log), time.Duration(wait)
			opts.Confirm = func(plan *node.RecoverPlan) error { return p.confirmRecovery(plan, yes) }
			if !p.json {
				p.err.Printf("asking the peers what they have of this node, for at most %s\n", time.Duration(wait))
			}
			done, plan, err := node.Recover(c.Context(), cfg, opts)
			switch err = p.keyError(err); {
			case errors.Is(err, node.ErrNothingLost):
				return no(err, "start the node: rogatory-node run; if it stops because of a rollback, run this again")
			case errors.Is(err, node.ErrUnheard):
				return unsure(err, "run it again when more peers are there; --alone goes on without them, if none is to be expected")
			case err != nil:
				return err
			}
			if p.json {
				return p.out.Value(map[string]any{"log": done.Log.Origin, "closed": done.Origin, "closed_size": done.Closed.Size, "moved": done.Moved, "plan": plan})
			}
			p.out.Printf("%s is closed at %d leaves, %s is open\n", done.Origin, done.Closed.Size, done.Log.Origin)
			p.out.Printf("now start the node: rogatory-node run; rogatory-node recover --report says what comes back\n")
			return nil
		},
	}
	f := c.Flags()
	f.BoolVar(&yes, "yes", false, "do not ask")
	f.BoolVar(&report, "report", false, "say what the last recovery brought back, and what not")
	f.StringVar(&giveUp, "give-up", "", "wait no more for what a peer has not given back, and name it as lost: its country, as HU")
	f.BoolVar(&opts.Alone, "alone", false, "recover though too few peers answer")
	f.StringVar(&opts.Ground, "ground", "rollback", "why, as a code: it stands in the log")
	f.StringVar(&opts.By, "by", "", "who orders it, as a pseudonym: it stands in the log")
	f.Var(&wait, "wait", "how long to wait for the peers")
	return c
}

// recoverGiveUp waits for a peer no more.
func (p *program) recoverGiveUp(ctx context.Context, cfg *configs.Node, peer string, yes bool) error {
	lock, err := p.ringLock(cfg)
	if err != nil {
		return err
	}
	const hint = "rogatory-node recover --report says who is waited for"
	switch report, err := node.RecoverReport(cfg, lock); {
	case errors.Is(err, store.ErrNotFound):
		return no(errNeverRecovered, "there is nothing to give up")
	case err != nil:
		return p.keyError(err)
	case !slices.Contains(report.Away(), peer):
		return no(fmt.Errorf("nothing of %s is waited for", peer), hint)
	}
	if err := p.confirmed(yes, fmt.Sprintf("Name as lost what %s has not given back?", peer)); err != nil {
		return err
	}
	if err := node.GiveUp(ctx, cfg, lock, peer); errors.Is(err, store.ErrNotFound) {
		return no(err, hint)
	} else if err != nil {
		return err
	}
	p.out.Printf("nothing of %s is waited for; start the node: rogatory-node run\n", peer)
	return nil
}

// confirmRecovery says what a recovery is going to do and asks.
func (p *program) confirmRecovery(plan *node.RecoverPlan, yes bool) error {
	if !p.json {
		p.err.Printf("%s, proof of the loss: %s\n", codeRollback, strings.Join(plan.Why, "; "))
		p.err.Printf("the store has %d leaves of %s\n", plan.Size, plan.Log)
		p.err.Printf("heard: %s\n", orNobody(plan.Heard))
		if len(plan.Unheard) > 0 {
			p.err.Printf("not heard: %s\n", strings.Join(plan.Unheard, ", "))
		}
		p.err.Printf("this closes %s for ever and opens %s; peers are told; what comes back comes when the node runs\n", plan.Log, plan.Next)
	}
	return p.confirmed(yes, fmt.Sprintf("Close %s and open %s?", plan.Log, plan.Next))
}

func orNobody(list []string) string {
	if len(list) == 0 {
		return "nobody"
	}
	return strings.Join(list, ", ")
}

// recoverReport prints the report of the last recovery, whether the node runs or not.
func (p *program) recoverReport(ctx context.Context, cfg *configs.Node) error {
	report, err := p.readReport(ctx, cfg)
	if errors.Is(err, store.ErrNotFound) {
		return no(errNeverRecovered, "rogatory-node recover is for a node that does not start because of a rollback ("+codeRollback+")")
	}
	if err != nil {
		return err
	}
	if p.json {
		return p.out.Value(report)
	}
	p.out.Printf("%s was closed at %d leaves, %s opened\n", report.Closed, report.ClosedSize, report.Log)
	for _, r := range report.Peers {
		state := "has given back what it has"
		if !r.Done {
			state = "must still give back"
		}
		p.out.Printf("%s %s: %d of our messages, %d of its %d\n", r.Peer, state, r.Returned, r.Resent, r.Expected)
		for _, m := range r.Lost {
			p.out.Printf("  lost: %s %d.%d (%s)\n", m.Direction, m.Epoch, m.Seq, m.Why)
		}
		if more := r.LostCount - len(r.Lost); more > 0 {
			p.out.Printf("  and %d more\n", more)
		}
		for _, f := range r.Files {
			where := "if " + r.Peer + " has not fetched it, send it again"
			if f.There {
				where = r.Peer + " has it"
			}
			p.out.Printf("  lost: attachment %s of case %s (%s)\n", f.ID, f.Case, where)
		}
		if more := r.FileCount - len(r.Files); more > 0 {
			p.out.Printf("  and %d more attachments\n", more)
		}
	}
	p.out.Printf("lost for good: %s\n", report.Lost)
	return nil
}

func (p *program) readReport(ctx context.Context, cfg *configs.Node) (*recovery.Report, error) {
	lock, err := p.ringLock(cfg)
	if err != nil {
		return nil, err
	}
	report, err := node.RecoverReport(cfg, lock)
	if !errors.Is(err, store.ErrLocked) {
		return report, err
	}
	// It runs: it says so itself.
	cl, err := p.dial()
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ctx, cancel := p.within(ctx)
	defer cancel()
	s, err := cl.Operator.Status(ctx, &nodev1.StatusRequest{})
	if err != nil {
		return nil, err
	}
	if len(s.GetRecoveryReport()) == 0 {
		return nil, store.ErrNotFound
	}
	report = &recovery.Report{}
	return report, json.Unmarshal(s.GetRecoveryReport(), report)
}
