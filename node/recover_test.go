package node_test

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/replay"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// RS loses two days: what it asked and answered in them, and what two peers asked and answered. It refuses to start, recovers, and everything is there again.
func TestTwoLostDaysComeBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG", "HU")
		rs, bg, hu := f.node["RS"].calm(), f.node["BG"].calm(), f.node["HU"].calm()
		all := []*inside{rs, bg, hu}
		for _, in := range all {
			in.clearedIn(time.Minute)
		}
		before := []string{rs.mustAsk("BG"), rs.mustAsk("HU"), bg.mustAsk("RS"), hu.mustAsk("RS")}
		settled(t, all)
		backup := filepath.Join(f.dir, "backup")
		_, err := rs.op.Backup(context.Background(), &nodev1.BackupRequest{Folder: backup})
		must(t, err)

		time.Sleep(time.Hour)
		bg.reply(before[0]) // an answer to what is known
		rs.reply(before[2])
		time.Sleep(24 * time.Hour)
		lost := []string{rs.mustAsk("BG"), rs.mustAsk("HU"), bg.mustAsk("RS")} // cases that nobody knows any more
		time.Sleep(time.Hour)
		settled(t, all)
		hu.reply(lost[1])
		rs.reply(lost[2])
		rs.reply(before[3])
		time.Sleep(23 * time.Hour)
		settled(t, all)
		cases := rs.rows()
		rs.halt()
		was := rs.messages()

		rs.restore(backup)
		if err := f.node["RS"].startErr(); !errors.Is(err, store.ErrRollback) {
			t.Fatalf("a node with an old data folder stopped with %v, not with a rollback", err)
		}
		done, plan, err := rs.recover()
		if err != nil {
			t.Fatal(err)
		}
		if done.Log.Origin != name+"/RS/log/2" || len(plan.Heard) != 2 || len(plan.Why) == 0 || done.Moved != 0 {
			t.Errorf("recovered %+v by %+v", done, plan)
		}
		if _, _, err := rs.recover(); !errors.Is(err, node.ErrNothingLost) {
			t.Errorf("recovering what was recovered: %v", err)
		}
		rs = f.node["RS"].calm()
		all[0] = rs
		within(t, 30*time.Minute, "end of the recovery", func() bool { return rs.state().GetRecovery() == nodev1.RecoveryState_RECOVERY_STATE_DONE })
		settled(t, all)
		now := rs.rows()
		for token, c := range cases {
			if n := now[token]; n == nil || n.GetState() != c.GetState() || n.GetDeadlineMs() != c.GetDeadlineMs() {
				t.Errorf("case %s is %v, it was %v", token, n, c)
			}
		}
		fresh := rs.mustAsk("BG")
		if _, old := cases[fresh]; old {
			t.Errorf("%s was given out twice", fresh)
		}
		time.Sleep(2 * time.Hour) // a round
		settled(t, all)
		for _, in := range all {
			in.halt()
		}
		is := rs.messages()
		wholeAgain(t, rs.country, was, is, bg.country, hu.country)
		if len(is) != len(was)+1 {
			t.Errorf("%d messages, there were %d", len(is), len(was))
		}
		for _, p := range rs.report().Peers {
			if !p.Done || p.LostCount != 0 || p.Resent != p.Expected || p.Returned == 0 {
				t.Errorf("report of %+v", p)
			}
		}

		closed, ended := f.audited(name+"/RS/log/1", nil)
		f.audited(name+"/RS/log/2", ended.Saved())
		open, end := f.audited(name+"/RS/log/2", nil)
		for token := range cases {
			kept := rs.kept(token)
			if got, ok := end.Saved().Case(token); !ok || got.Hash() != kept.Hash() {
				t.Errorf("case %s comes out as %s, and the node has it as %s", token, got.State, kept.State)
			}
		}
		for _, peer := range []string{"BG", "HU"} {
			if f.node[peer].leaves(func(l translog.Leaf) bool {
				e, ok := l.Entry.(*translog.Wit)
				return ok && e.Log == name+"/RS/log/2"
			}) == 0 {
				t.Errorf("%s has not cosigned the next log", peer)
			}
			other, _ := f.audited(name+"/"+peer+"/log/1", nil)
			if got := f.reconciled(open, other); got.Status != audit.OK || got.Cases == 0 {
				t.Errorf("%s %v", got.Line(), got.Findings)
			}
			// What was lost is not in the log that was closed, and the finding says where it goes on.
			got := f.reconciled(closed, other)
			if len(got.Findings) != 1 || got.Status != audit.Incomplete || !strings.Contains(got.Findings[0].Detail, "goes on as "+name+"/RS/log/2") {
				t.Errorf("%s %v", got.Line(), got.Findings)
			}
		}

		// The same backup once more, and everything from the beginning.
		rs.restore(backup)
		if done, _, err = rs.recover(); err != nil {
			if errors.Is(err, node.ErrUnheard) {
				bg, hu = f.node["BG"].calm(), f.node["HU"].calm()
				all[1], all[2] = bg, hu
				bg.clearedIn(time.Minute)
				hu.clearedIn(time.Minute)
				done, _, err = rs.recover()
			}
			must(t, err)
		}
		if done.Log.Number != 3 {
			t.Errorf("the second recovery opened %s", done.Log.Origin)
		}
		rs = f.node["RS"].calm()
		all[0] = rs
		within(t, 30*time.Minute, "end of the second recovery", func() bool { return rs.state().GetRecovery() == nodev1.RecoveryState_RECOVERY_STATE_DONE })
		settled(t, all)
		now = rs.rows()
		for _, token := range slices.Collect(maps.Keys(cases)) {
			if n := now[token]; n == nil || n.GetState() != cases[token].GetState() || n.GetDeadlineMs() != cases[token].GetDeadlineMs() {
				t.Errorf("after the second recovery case %s is %v, it was %v", token, n, cases[token])
			}
		}
		for _, in := range all {
			in.halt()
		}
		was, is = is, rs.messages()
		wholeAgain(t, rs.country, was, is, bg.country, hu.country)
	})
}

// Data folder and guard are old, so the node starts and only its peers notice. What it has logged until then moves into the new log. Then it is killed
// again and again while its peers give back what they have.
func TestRecoveryOfWhatOnlyPeersNoticeBearsInterruptions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG", "HU")
		rs, bg, hu := f.node["RS"].calm(), f.node["BG"].calm(), f.node["HU"].calm()
		all := []*inside{rs, bg, hu}
		for _, in := range all {
			in.clearedIn(time.Minute)
		}
		known := bg.mustAsk("RS")
		settled(t, all)
		rs.halt()
		old := rs.copied()
		rs = f.node["RS"].calm()
		all[0] = rs
		rs.clearedIn(time.Minute)
		rs.reply(known)
		for range 5 {
			rs.mustAsk("BG")
			hu.mustAsk("RS")
			bg.mustAsk("RS")
			time.Sleep(7 * time.Hour)
		}
		settled(t, all)
		cases := rs.rows()
		rs.halt()
		was := rs.messages()
		rs.putBack(old)
		f.node["RS"].calm().rolledBack()
		done, _, err := rs.recover()
		must(t, err)
		if done.Moved == 0 {
			t.Error("nothing was moved into the new log")
		}
		rs.check()
		for i := range 12 {
			rs = f.node["RS"].calm()
			time.Sleep(time.Duration(i) * 300 * time.Millisecond)
			rs.halt()
			rs.check()
		}
		rs = f.node["RS"].calm()
		all[0] = rs
		rs.recovered()
		settled(t, all)
		now := rs.rows()
		for token, c := range cases {
			if n := now[token]; n == nil || n.GetState() != c.GetState() || n.GetDeadlineMs() != c.GetDeadlineMs() {
				t.Errorf("case %s is %v, it was %v", token, n, c)
			}
		}
		for _, in := range all {
			in.halt()
		}
		wholeAgain(t, rs.country, was, rs.messages(), bg.country, hu.country)
		f.audited(name+"/RS/log/2", nil)
	})
}

// HU has seen heads in the lost part and had no proof of them yet: nobody can give one any more, and that is no finding against a log that says what it lost.
func TestWhatALostPartCannotProveIsHeldAgainstNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG", "HU")
		rs, bg, hu := f.node["RS"].calm(), f.node["BG"].calm(), f.node["HU"].calm()
		all := []*inside{rs, bg, hu}
		for _, in := range all {
			in.clearedIn(time.Minute)
		}
		hu.mustAsk("RS")
		settled(t, all)
		time.Sleep(2 * time.Hour)
		backup := filepath.Join(f.dir, "backup")
		_, err := rs.op.Backup(context.Background(), &nodev1.BackupRequest{Folder: backup})
		must(t, err)
		for range 2 {
			hu.mustAsk("RS")
			settled(t, all)
			time.Sleep(time.Second)
		}
		rs.halt()
		rs.restore(backup)
		_, _, err = rs.recover()
		must(t, err)
		rs = f.node["RS"].calm()
		rs.recovered()
		time.Sleep(6 * time.Hour) // rounds
		for _, in := range []*inside{rs, bg, hu} {
			in.halt()
		}
		f.audited(name+"/HU/log/1", nil)
	})
}

// A crash at any step of the recovery itself leaves the old log or the new one.
func TestRecoveryThatCrashesIsRunAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		rs.mustAsk("BG")
		settled(t, []*inside{rs, bg})
		backup := filepath.Join(f.dir, "backup")
		_, err := rs.op.Backup(context.Background(), &nodev1.BackupRequest{Folder: backup})
		must(t, err)
		rs.mustAsk("BG")
		settled(t, []*inside{rs, bg})
		rs.halt()
		rs.restore(backup)
		crash := errors.New("crash")
		_, _, err = rs.recover(func(o *node.RecoverOptions) { o.Confirm = func(*node.RecoverPlan) error { return crash } })
		if !errors.Is(err, crash) {
			t.Fatalf("not confirmed: %v", err)
		}
		if err := f.node["RS"].startErr(); !errors.Is(err, store.ErrRollback) {
			t.Fatalf("what was not confirmed has changed something: %v", err)
		}
		func() {
			defer func() { _ = recover() }()
			_, _, err = rs.recover(func(o *node.RecoverOptions) {
				o.Step = func(point string) {
					if point == store.StepCommitted { // the new log is there, the guard does not know it
						panic(crash)
					}
				}
			})
			t.Errorf("no crash: %v", err)
		}()
		if _, _, err := rs.recover(); !errors.Is(err, node.ErrNothingLost) {
			t.Fatalf("recovering after a crash behind the commit: %v", err)
		}
		rs = f.node["RS"].calm()
		rs.recovered()
		settled(t, []*inside{rs, bg})
		rs.halt()
		bg.halt()
		if n := len(rs.messages()); n != 2 {
			t.Errorf("%d messages, there were 2", n)
		}
	})
}

// The log that a recovery opens needs no other to be understood: it begins with those who were enrolled, however long ago, and with all cases. What an
// officer did in it to a draft of the log before is judged; and the state in which the log before ended bears it out.
func TestRecoveredLogStandsForItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		run := func(code string) *inside {
			return f.node[code].run(func(cfg *configs.Node) { cfg.Round = time.Hour; fourEyes(cfg) })
		}
		rs, bg := run("RS"), run("BG")
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		ask := func(p *person) (token string) {
			file := example(t, "police-request-normal.json")
			file.To, file.FromUnit = []string{"BG/police"}, "police"
			token, err := p.hand(file)
			must(t, err)
			return token
		}
		clerk, chief := rs.enrol("clerk", "police"), rs.enrol("chief", "police")
		sent := ask(clerk)
		must(t, chief.approve(sent))
		settled(t, []*inside{rs, bg})
		pass := func(days int) {
			rs.halt()
			bg.halt()
			time.Sleep(time.Duration(days) * 24 * time.Hour)
			rs, bg = run("RS"), run("BG")
			rs.clearedIn(time.Minute)
			bg.clearedIn(time.Minute)
		}
		pass(20)
		draft := ask(clerk.at(rs))
		rs.halt()
		old := rs.copied()
		rs = run("RS")
		rs.clearedIn(time.Minute)
		lost := ask(clerk.at(rs))
		must(t, chief.at(rs).approve(lost))
		settled(t, []*inside{rs, bg})
		rs.halt()
		rs.putBack(old)
		bg.halt()
		time.Sleep(20 * 24 * time.Hour)
		bg = run("BG")
		run("RS").rolledBack()
		moved := rs.leaves(ofKind((*translog.State)(nil).Kind()))
		if moved == 0 {
			t.Error("no state was noted at a start that nobody has confirmed")
		}
		// After so long no key of the day is known by which a peer could seal an answer.
		_, _, err := rs.recover(func(o *node.RecoverOptions) { o.Wait, o.Alone = 5*time.Second, true })
		must(t, err)
		rs = run("RS")
		rs.recovered()
		must(t, chief.at(rs).approve(draft))
		rs.enrol("another", "police")
		settled(t, []*inside{rs, bg})
		pass(40) // a state leaf is due
		settled(t, []*inside{rs, bg})
		rs.halt()
		bg.halt()
		if rs.leaves(ofKind((*translog.State)(nil).Kind())) < moved+2 {
			t.Error("no state was noted since the opening")
		}
		_, before := f.audited(name+"/RS/log/1", nil)
		open, end := f.audited(name+"/RS/log/2", nil)
		_, same := f.audited(name+"/RS/log/2", before.Saved())
		if end.State != same.State || end.Cases != 3 {
			t.Errorf("%s by itself, %s behind the log before", end.Line(), same.Line())
		}
		for _, token := range []string{sent, draft, lost} {
			if got, ok := end.Saved().Case(token); !ok || got.Hash() != rs.kept(token).Hash() {
				t.Errorf("case %s comes out as %s", token, got.State)
			}
		}
		other, _ := f.audited(name+"/BG/log/1", nil)
		if got := f.reconciled(open, other); got.Status != audit.OK || got.Cases != 2 { // that of the third was sent in the log before
			t.Errorf("%s %v", got.Line(), got.Findings)
		}

		// A log before that ended otherwise does not bear it out.
		anchor, err := audit.NewAnchor([][]byte{f.directory.Signed()})
		must(t, err)
		lie := func(what string, change func(*replay.Saved)) {
			b, err := replay.MarshalSaved(before.Saved())
			must(t, err)
			saved, err := replay.ParseSaved(b)
			must(t, err)
			change(saved)
			got, err := replay.Run(context.Background(), open, replay.Options{Anchor: anchor, From: saved})
			must(t, err)
			if !slices.ContainsFunc(got.Findings, func(f audit.Finding) bool { return f.Code == audit.CodeState }) {
				t.Errorf("%s: %s %v", what, got.Line(), got.Findings)
			}
		}
		lie("another state", func(s *replay.Saved) {
			c, _ := s.Case(sent)
			c.Assignee = "somebody"
			for i := range s.Cases {
				if s.Cases[i].Token == sent {
					h := c.Hash()
					s.Cases[i].Body, s.Cases[i].Hash = c.Encode(), h[:]
				}
			}
		})
		lie("a case that was left out", func(s *replay.Saved) {
			one := s.Cases[0]
			one.Token += "x"
			s.Cases = append(s.Cases, one)
		})
	})
}

// What a peer has erased meanwhile, and what it had refused, does not come back: the report names it. A peer that is away is waited for, and asked when it
// is back.
func TestWhatDoesNotComeBackIsNamed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG", "HU")
		rs, bg, hu := f.node["RS"].calm(), f.node["BG"].calm(), f.node["HU"].calm()
		all := []*inside{rs, bg, hu}
		for _, in := range all {
			in.clearedIn(time.Minute)
		}
		backup := filepath.Join(f.dir, "backup")
		rs.mustAsk("BG")
		settled(t, all)
		_, err := rs.op.Backup(context.Background(), &nodev1.BackupRequest{Folder: backup})
		must(t, err)
		erased, forgotten := bg.mustAsk("RS"), rs.mustAsk("BG")
		other := hu.mustAsk("RS")
		settled(t, all)
		for _, in := range all {
			in.halt()
		}
		destroy(t, bg.country, erased)
		destroy(t, bg.country, forgotten)
		rs.restore(backup)
		soon := func(o *node.RecoverOptions) { o.Wait = 20 * time.Second } // a question that is lost is asked again after five
		if _, plan, err := rs.recover(soon); !errors.Is(err, node.ErrUnheard) || len(plan.Heard) != 0 {
			t.Fatalf("recovering with nobody there: %+v, %v", plan, err)
		}
		bg = f.node["BG"].calm()
		if _, plan, err := rs.recover(soon); err != nil || len(plan.Heard) != 1 || len(plan.Unheard) != 1 {
			t.Fatalf("recovering with one peer there: %+v, %v", plan, err)
		}
		rs = f.node["RS"].calm()
		time.Sleep(24 * time.Hour)
		if s := rs.state(); s.GetRecovery() != nodev1.RecoveryState_RECOVERY_STATE_RUNNING || len(s.GetWarnings()) == 0 {
			t.Errorf("while HU is away: %v, %q", s.GetRecovery(), s.GetWarnings())
		}
		hu = f.node["HU"].calm()
		rs.recovered()
		all = []*inside{rs, bg, hu}
		settled(t, all)
		now := rs.rows()
		if now[other] == nil || now[forgotten] == nil || now[erased] != nil {
			t.Errorf("cases that came back: %v", now)
		}
		for _, in := range all {
			in.halt()
		}
		var why []string
		for _, p := range rs.report().Peers {
			for _, m := range p.Lost {
				why = append(why, p.Peer+" "+m.Direction+" "+m.Why)
			}
		}
		slices.Sort(why)
		if want := []string{"BG in erased", "BG out erased"}; !slices.Equal(why, want) {
			t.Errorf("lost are %q, not %q", why, want)
		}
	})
}

// A message whose case is gone stands in the log without an effect: ours as it was sent, and of the peer's that it is refused.
func TestWhatItsCaseDoesNotAllowIsNamed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		settled(t, []*inside{rs, bg})
		time.Sleep(2 * time.Hour)
		rs.halt()
		old := rs.copied()
		rs = f.node["RS"].run()
		rs.clearedIn(time.Minute)
		withdrawn, answered := rs.mustAsk("BG"), rs.mustAsk("BG")
		settled(t, []*inside{rs, bg})
		file := example(t, "withdrawal.json")
		file.CaseToken = withdrawn
		_, err := rs.send(file)
		must(t, err)
		bg.reply(answered)
		settled(t, []*inside{rs, bg})
		rs.halt()
		bg.halt()
		s := bg.open()
		_, err = s.Update(context.Background(), func(tx *store.Tx) error {
			for _, token := range []string{withdrawn, answered} {
				places, err := tx.CaseMessages(token)
				if err == nil {
					err = tx.ExpireDocket(places[0])
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		must(t, errors.Join(err, s.Close()))
		bg = f.node["BG"].run()
		rs.putBack(old)
		f.node["RS"].run().rolledBack()
		_, _, err = rs.recover()
		must(t, err)
		rs = f.node["RS"].run()
		rs.recovered()
		settled(t, []*inside{rs, bg})
		if now := rs.rows(); now[withdrawn] != nil || now[answered] != nil {
			t.Errorf("cases without their requests: %v", now)
		}
		rs.halt()
		bg.halt()
		var why []string
		for _, p := range rs.report().Peers {
			for _, m := range p.Lost {
				why = append(why, m.Direction+" "+m.Why)
			}
		}
		slices.Sort(why)
		if want := []string{"in case", "out case", "out docket", "out docket"}; !slices.Equal(why, want) {
			t.Errorf("lost are %q, not %q", why, want)
		}
		f.audited(name+"/RS/log/2", nil)
	})
}

// What a peer said it sends again and never sends is given up after 14 days, and a peer that never answers by an operator's word.
func TestRecoveryDoesNotWaitForEver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG", "HU")
		rs, bg, hu := f.node["RS"].calm(), f.node["BG"].calm(), f.node["HU"].calm()
		all := []*inside{rs, bg, hu}
		for _, in := range all {
			in.clearedIn(time.Minute)
		}
		settled(t, all)
		time.Sleep(2 * time.Hour)
		rs.halt()
		old := rs.copied()
		rs = f.node["RS"].calm()
		rs.clearedIn(time.Minute)
		rs.mustAsk("BG")
		settled(t, []*inside{rs, bg})
		rs.halt()
		hu.halt()
		rs.putBack(old)
		_, _, err := rs.recover(func(o *node.RecoverOptions) { o.Wait, o.Alone = 5*time.Second, true })
		must(t, err)
		rs = f.node["RS"].calm()
		rs.clearedIn(time.Minute)
		time.Sleep(time.Minute)
		rs.halt()
		s := rs.open()
		_, err = s.Update(context.Background(), func(tx *store.Tx) error {
			row, _, err := tx.Recovery("BG")
			if err != nil {
				return err
			}
			if row.GetStage() != store.StageDone {
				t.Errorf("BG is at stage %d", row.GetStage())
			}
			row.Stage, row.AskedMs = store.StageResend, uint64(time.Now().Add(-14*24*time.Hour+time.Hour).UnixMilli())
			row.Expected++
			return errors.Join(tx.PutRecovery(row), tx.PutExpected("BG", 1, 9, &storev1.Expected{Msg: make([]byte, 32)}))
		})
		must(t, errors.Join(err, s.Close()))
		must(t, node.GiveUp(context.Background(), rs.load(), keyring.Plain(), "HU"))
		if err := node.GiveUp(context.Background(), rs.load(), keyring.Plain(), "HU2"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("giving up a stranger: %v", err)
		}
		rs = f.node["RS"].calm()
		rs.clearedIn(time.Minute)
		time.Sleep(10 * time.Minute)
		if s := rs.state(); s.GetRecovery() != nodev1.RecoveryState_RECOVERY_STATE_RUNNING {
			t.Errorf("before the 14 days are over: %v", s.GetRecovery())
		}
		time.Sleep(time.Hour)
		rs.recovered()
		rs.halt()
		bg.halt()
		var why []string
		for _, p := range rs.report().Peers {
			for _, m := range p.Lost {
				why = append(why, p.Peer+" "+m.Direction+" "+m.Why)
			}
		}
		slices.Sort(why)
		if want := []string{"BG in never", "HU in peer"}; !slices.Equal(why, want) {
			t.Errorf("lost are %q, not %q", why, want)
		}
	})
}

// A message of before the backup whose receipt got lost is receipted again by the log that was closed.
func TestReceiptsOfAClosedLogCount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG", "HU")
		rs, bg, hu := f.node["RS"].calm(), f.node["BG"].calm(), f.node["HU"].calm()
		for _, in := range []*inside{rs, bg, hu} {
			in.clearedIn(time.Minute)
		}
		time.Sleep(3 * time.Minute)
		bg.mustAsk("RS")
		hu.mustAsk("RS")
		settled(t, []*inside{rs, bg, hu})
		f.net.Delay("BG", "RS", 10*time.Second)
		f.net.Delay("RS", "BG", 10*time.Second)
		token := bg.mustAsk("RS")
		within(t, time.Minute, "arrival", func() bool { return rs.has(token) })
		f.net.Cut("RS", "BG") // with the receipt on its way
		time.Sleep(time.Minute)
		backup := filepath.Join(f.dir, "backup")
		_, err := rs.op.Backup(context.Background(), &nodev1.BackupRequest{Folder: backup})
		must(t, err)
		time.Sleep(time.Minute)
		hu.mustAsk("RS")
		settled(t, []*inside{rs, hu})
		rs.halt()
		rs.restore(backup)
		_, _, err = rs.recover(func(o *node.RecoverOptions) { o.Wait, o.Alone = 10*time.Second, true })
		must(t, err)
		f.net.Heal("RS", "BG")
		f.net.Delay("BG", "RS", 0)
		f.net.Delay("RS", "BG", 0)
		rs = f.node["RS"].calm()
		rs.clearedIn(time.Minute)
		rs.recovered()
		settled(t, []*inside{rs, bg, hu})
		for _, in := range []*inside{rs, bg, hu} {
			in.halt()
		}
		n := bg.leaves(func(l translog.Leaf) bool {
			e, ok := l.Entry.(*translog.Rcpt)
			return ok && e.Log == name+"/RS/log/1"
		})
		if n != 2 {
			t.Errorf("%d receipts of the closed log, not 2", n)
		}
	})
}
