// Command demo plays a story of a smuggling network on a whole federation: a NATS server and twelve nodes, each with its own folder, keys
// and store, in one process. Everything is done as in earnest: officers with keys of their own act at their node's socket, nodes speak over TLS,
// and in the end the nodes are stopped and their stores are counted.
//
//	go run ./scripts/demo              plays the story, then stays up to be played with
//	go run ./scripts/demo --once       ends after the story
//
// Then an auditor looks at the logs, and at one that its operator has forged. In a folder that was named by --dir stay export/ with every country's
// log as an archive, and directory, which auditors trust.
//
// Exit status: 0 done, 1 the story failed or a message was lost, 2 wrong usage, 3 could not find out.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Exit statuses, as those of all programs here.
const (
	done       = 0
	answerIsNo = 1
	badUsage   = 2
	unknown    = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program. The context ends at an interrupt: the nodes are then stopped and counted.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	d := &demo{stdout: stdout, countries: members}
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&d.dir, "dir", "", "folder that keeps the data; running again on it goes on (default: a temporary one)")
	f.StringVar(&d.storyPath, "story", "", "file of another story, or none (default: the one that is built in)")
	f.StringVar(&d.requests, "requests", "", "folder of request files (*.json) to send after the story; who sends each is told by its sender's telephone number")
	f.BoolVar(&d.once, "once", false, "end after the story")
	f.BoolVar(&d.json, "json", false, "print the count as JSON on standard output, everything else on standard error")
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		return done
	} else if err != nil {
		return badUsage
	}
	if f.NArg() > 0 {
		fmt.Fprintf(stderr, "demo: %q is no flag\nhint: go run ./scripts/demo --help\n", f.Arg(0))
		return badUsage
	}
	d.out = newPrinter(stdout)
	if d.json {
		d.out = newPrinter(stderr)
	}
	status, err := d.run(ctx)
	if err != nil {
		fmt.Fprintf(stderr, "demo: %s\n", err)
	}
	return status
}

// A demo is one run of the program.
type demo struct {
	stdout    io.Writer
	out       *printer
	countries []string
	dir       string
	storyPath string
	requests  string
	once      bool
	json      bool

	cluster *cluster
	unwell  bool // a node has stopped by itself, or not well, or cannot hand out its log
}

// run returns the exit status, and why it is not 0.
func (d *demo) run(ctx context.Context) (status int, err error) {
	s, lib := &story{}, &library{}
	if d.storyPath != "none" {
		if s, lib, err = openStory(d.storyPath); err != nil {
			return badUsage, err
		}
	}
	if d.requests != "" {
		if info, err := os.Stat(d.requests); err != nil || !info.IsDir() {
			return badUsage, fmt.Errorf("--requests %s: %w", d.requests, errors.Join(err, errNoRequests))
		}
	}
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "rogatory-"); err != nil {
			return unknown, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	}
	if err := d.begin(ctx); err != nil {
		if errors.Is(err, errForeign) || errors.Is(err, errHalf) || errors.Is(err, errTooLong) || errors.Is(err, errTaken) {
			return badUsage, err
		}
		return unknown, err
	}
	defer func() { err = errors.Join(err, d.cluster.stop(), d.cluster.close()) }()

	p := &player{cluster: d.cluster, out: d.out, files: lib}
	failed := p.play(ctx, s)
	if failed == nil && d.requests != "" {
		failed = p.sendRequests(ctx, d.requests)
	}
	if failed != nil {
		d.out.event(red, "", "the story ends here: "+failed.Error())
	}
	t, err := d.count(ctx)
	if err != nil {
		return unknown, errors.Join(failed, err)
	}
	if ctx.Err() == nil && !d.unwell && failed == nil {
		if failed = d.audit(ctx, p); failed != nil {
			d.out.event(red, "", "the auditor stops here: "+failed.Error())
		}
	}
	if !d.once && ctx.Err() == nil {
		if t, err = d.stay(ctx, p); err != nil {
			return unknown, errors.Join(failed, err)
		}
	}
	if d.json {
		if err := json.NewEncoder(d.stdout).Encode(t); err != nil {
			return unknown, err
		}
	}
	if failed != nil || d.unwell || t.Lost > 0 {
		return answerIsNo, nil // it has been printed
	}
	return done, nil
}

// begin opens or founds the federation and starts it, officers and all.
func (d *demo) begin(ctx context.Context) error {
	d.out.printf("%s\n", d.out.paint(bold, fmt.Sprintf("Rogatory: %d countries, each with a node, keys and a store of its own; a broker between them that can read nothing", len(d.countries))))
	d.out.say("What an officer writes, another approves. It is logged and sealed for its recipient before it leaves, logged again where it arrives, and answered by a signed receipt, whoever was away in between.")
	began := time.Now()
	c, founded, err := openCluster(ctx, d.dir, d.countries)
	if err != nil {
		return err
	}
	d.cluster = c
	made := "were opened again"
	if founded {
		made = "were made; all members signed the directory"
	}
	d.out.event("", "hub", fmt.Sprintf("%d folders below %s %s", len(c.members), c.dir, made))
	err = c.start(ctx)
	if err == nil {
		err = c.each(func(m *member) error { return m.enrolAll(ctx) })
	}
	if err != nil {
		return errors.Join(err, c.stop(), c.close())
	}
	d.out.event("", "hub", fmt.Sprintf("%s run: peers have confirmed every log, officers stand on every register (%s)", strings.Join(c.countries(), " "), span(time.Since(began))))
	return nil
}

// count waits until all receipts are there and every log is witnessed, stops the nodes, and counts their stores. After an interrupt it waits less.
func (d *demo) count(ctx context.Context) (tally, error) {
	limit := patience
	if ctx.Err() != nil {
		limit = lastPatience
	}
	ctx = context.WithoutCancel(ctx)
	wait, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %s", limit))
	defer cancel()
	for _, m := range d.cluster.members {
		if m.running() {
			continue
		}
		if err := m.start(wait); err != nil { // a node that the story has left cut
			d.out.event(red, m.country, err.Error())
		}
	}
	if err := d.cluster.drain(wait); err != nil {
		d.out.event(red, "", "not everything has its receipt: "+err.Error())
	}
	if err := d.cluster.witnessed(wait, limit); err != nil {
		d.out.event(red, "", "not every log is witnessed: "+err.Error())
	}
	// Handing out is work, and has its own time: after an interrupt what was waited for before leaves it none.
	handing, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := d.export(handing); err != nil {
		d.out.event(red, "", "not every log was handed out: "+err.Error())
		d.unwell = true
	} else {
		d.out.event("", "hub", fmt.Sprintf("every log stands in %s for auditors, with what they trust in %s", filepath.Join(d.cluster.dir, exportFolder), filepath.Join(d.cluster.dir, directoryFile)))
	}
	if err := d.cluster.stop(); err != nil {
		d.out.event(red, "", "not every node has stopped well: "+err.Error())
		d.unwell = true
	}
	t, counts, err := recount(ctx, d.cluster)
	if err == nil {
		d.out.printTally(t, counts)
	}
	return t, err
}

// stay starts the nodes again and keeps them up until an interrupt.
func (d *demo) stay(ctx context.Context, p *player) (tally, error) {
	if err := d.cluster.start(ctx); err != nil && ctx.Err() == nil {
		return tally{}, err
	}
	d.out.title("The nodes run again. Play with them from another terminal, in this checkout:")
	for _, line := range d.invitation(p) {
		if strings.HasPrefix(line, "#") {
			line = d.out.paint(dim, line)
		}
		d.out.printf("  %s\n", line)
	}
	d.out.printf("Interrupt with Ctrl-C to stop and count again.\n")
	<-ctx.Done()
	d.out.printf("\n")
	return d.count(ctx)
}

// invitation lists commands that work as they stand, each below what it does.
func (d *demo) invitation(p *player) []string {
	from, to, token := d.pair("RS", "BG"), d.pair("BG", "RS"), ""
	for _, c := range p.cases {
		asker, errAsker := d.cluster.member(c.asker)
		peer, errPeer := d.cluster.member(c.peer)
		if errAsker == nil && errPeer == nil {
			from, to, token = asker, peer, c.token
			break
		}
	}
	as := func(m *member, i int) string {
		return fmt.Sprintf(" --dir %s --as %s", shell(m.dir), shell(m.officerFile(m.officer(unitNames[0], i))))
	}
	const program = "go run ./node/cmd/rogatory-node "
	list := []string{"# the cases of a desk in " + from.country, program + "request list" + as(from, 1)}
	if token != "" {
		list = append(list, "# one case as both sides have it; the reading is logged",
			program+"request show "+token+as(from, 1), program+"request show "+token+as(to, 1))
	}
	return append(list,
		"# write a request; a second officer approves the case whose number this prints",
		program+"request send configs/examples/police-request-urgent.json"+as(from, 1),
		program+"request approve CASE --yes"+as(from, 2),
		"# see it in "+to.country+" and answer it",
		program+"request list"+as(to, 1),
		program+`request no-information CASE --remarks "Nothing is known here."`+as(to, 1),
		program+"request release CASE --yes"+as(to, 2),
		"# the node itself",
		program+"status --dir "+shell(to.dir),
		program+"peers --dir "+shell(to.dir),
	)
}

// pair returns a member, else one that is not the other.
func (d *demo) pair(country, other string) *member {
	for _, m := range d.cluster.members {
		if m.country == country {
			return m
		}
	}
	for _, m := range d.cluster.members {
		if m.country != other {
			return m
		}
	}
	return d.cluster.members[0]
}

// shell quotes a word where a shell would break it.
func shell(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
