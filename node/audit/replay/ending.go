package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
)

// finish looks at what is still open at the end.
func (c *course) finish(ctx context.Context) error {
	end := &line{index: c.done}
	whole := c.done == c.r.Info().Size
	if whole {
		c.unreceipted(end)
		c.effectless(end)
		c.tombless(end)
		for of, n := range c.notices {
			c.report.note(audit.CodeRight, n.index, "a notice that nobody has released", "", of.String())
		}
	}
	for of, m := range c.pending {
		// What a replay that ends early has not reached yet is no finding.
		if m.index >= c.from && (whole || m.index+archive.TileWidth < c.done) && m.docket != nil {
			c.report.note(audit.CodeState, m.index, "a message without its step", fmt.Sprintf("%s of %s", m.leaf.Dir, of), "")
		}
	}
	if err := c.flush(ctx); err != nil {
		return err
	}
	if err := c.ask(ctx, func(*folder) {}); err != nil {
		return err
	}
	if whole {
		c.unfinished()
	}
	return c.missing()
}

// unfinished notes the steps that follow by themselves and have not come before the log ends.
func (c *course) unfinished() {
	for _, f := range c.folders {
		for _, k := range f.cases {
			if len(k.expect) > 0 && !k.lost {
				c.report.note(audit.CodeState, c.done-1, "a step of case "+k.token+" that follows by itself is missing", k.expect[0].event, "")
			}
		}
	}
}

// missing judges the dockets that were not there, now that all tombstones are known.
func (c *course) missing() error {
	all := []gone{}
	for _, f := range c.folders {
		all = append(all, f.gone...)
	}
	if len(all) == 0 {
		return nil
	}
	if err := c.laterTombs(); err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b gone) int { return cmp.Compare(a.index, b.index) })
	told := map[string]bool{}
	for _, g := range all {
		covered := g.judged
		for _, name := range g.names {
			covered = covered || c.tombs[name]
		}
		k := c.folders[c.folderOf(g.token)].cases[g.token]
		switch {
		case !covered:
			c.report.note(audit.CodeMissing, g.index, "the docket is not there, and no tombstone says why", "docket", "")
		case k.lost && (k.dirty || k.hash == [32]byte{}) && !told[g.token]:
			told[g.token] = true
			c.report.note(audit.CodeUnknown, g.index, "a docket of case "+g.token+" is gone by its term, or the case began in the log before, and no later snapshot has it", "", "")
		}
	}
	return nil
}

// laterTombs reads the tombstones that stand after the end of the replay.
func (c *course) laterTombs() error {
	var buf archive.Buffer
	for n := c.done / archive.TileWidth; n*archive.TileWidth < c.r.Info().Size; n++ {
		t, err := c.parser.make(n, c.r.Info().Size, &buf)
		if err != nil {
			return err
		}
		for i := range t.lines {
			if e, ok := t.lines[i].leaf.Entry.(*translog.Erase); ok {
				c.entomb(&t.lines[i], e)
			}
		}
	}
	return nil
}

func (c *course) entomb(l *line, e *translog.Erase) {
	if slices.Contains(e.What, "docket") {
		for _, name := range l.list {
			c.tombs[name] = true
		}
	}
}
