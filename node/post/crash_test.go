package post

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/node/store"
)

// copyTree copies a folder as a crash would leave it.
func copyTree(t testing.TB, from, to string) {
	t.Helper()
	must(t, filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	}))
}

// A node dies at a step: what it has sent until then is on the backbone, its files are those of that moment. It starts from them, and in
// the end there is one effect and one receipt. A caller who was told nothing asks again, as an idempotency key lets it.
func TestACrashAtEachStepLeavesOneEffectAndOneReceipt(t *testing.T) {
	sides := map[string]string{} // which side passes a step first; the steps of the store are passed by both
	for _, step := range []string{StepSealed, StepSubmitted, StepPublished, StepProven, StepSettled, StepResealed} {
		sides[step] = "RS"
	}
	for _, step := range []string{StepOpened, StepTaken, StepReceipted, StepCheckpoint} {
		sides[step] = "BG"
	}
	for _, step := range Steps() {
		if sides[step] == "" {
			t.Fatalf("step %s is not in the table", step)
		}
	}
	for _, step := range []string{store.StepRan, store.StepCommitted, store.StepGuardTorn, store.StepGuarded} {
		for _, side := range []string{"RS", "BG"} {
			sides[step+" "+side] = side
		}
	}
	for name, side := range sides {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, w *world) { crash(t, w, name, side, store.DatabaseFirst) }, "RS", "BG")
		})
	}
	for _, step := range []string{store.StepCommitted, store.StepGuardTorn, store.StepGuarded} {
		for _, side := range []string{"RS", "BG"} {
			t.Run(step+" "+side+", guard first", func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T, w *world) { crash(t, w, step+" "+side, side, store.GuardFirst) }, "RS", "BG")
			})
		}
	}
}

func crash(t *testing.T, w *world, name, side string, order store.Order) {
	rs, bg := w.members["RS"], w.members["BG"]
	victim := w.members[side]
	victim.order = order
	crashed := t.TempDir()
	var mu sync.Mutex
	armed, hit := false, false
	die := func(c *Config) {
		c.Step = func(point string) {
			mu.Lock()
			defer mu.Unlock()
			if armed && !hit && (point == name || point+" "+side == name) {
				hit = true
				copyTree(t, filepath.Join(victim.folder, "data"), filepath.Join(crashed, "data"))
				copyTree(t, filepath.Join(victim.folder, "guard"), filepath.Join(crashed, "guard"))
				w.net.Disconnect(side) // a dead node sends and takes nothing
			}
		}
	}
	for _, m := range []*member{rs, bg} {
		if m == victim {
			m.start(die)
		} else {
			m.start()
		}
	}
	time.Sleep(time.Second)
	if name == StepResealed { // a day's key is gone while the message waits
		w.net.Disconnect("RS")
		rs.send("BG", "RS-1")
		for range 5 {
			time.Sleep(24 * time.Hour)
			rs.publish()
			bg.publish()
		}
		w.net.Connect("RS")
	}
	mu.Lock()
	armed = true
	mu.Unlock()
	if name != StepResealed {
		rs.send("BG", "RS-1")
	}
	time.Sleep(20 * time.Second)
	mu.Lock()
	if !hit {
		t.Fatal("the step was not passed")
	}
	mu.Unlock()

	must(t, victim.stop())
	victim.stop = nil
	must(t, victim.port.Close())
	must(t, victim.store.Close())
	victim.folder = crashed
	victim.start()
	w.net.Connect(side)
	if rs.story("RS-1") == nil { // the caller knows of nothing
		rs.send("BG", "RS-1")
	}
	time.Sleep(3 * time.Hour)
	if got := bg.story("RS-1"); len(got) != 1 {
		t.Errorf("BG says %q", got)
	}
	if got := rs.story("RS-1"); len(got) != 2 {
		t.Errorf("RS says %q", got)
	}
	if rs.waiting("BG") != 0 {
		t.Error("no receipt")
	}
	kinds := rs.kinds(0)
	if n := len(kinds) - len(slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return k == "rcpt" })); n != 1 || fmt.Sprint(bg.kinds(0)) != "[msg]" {
		t.Errorf("leaves are %v and %v", kinds, bg.kinds(0))
	}
	synctest.Wait()
}
