package archive

import (
	"crypto/sha256"
	"errors"
	"maps"
	"path/filepath"
	"testing"
)

// A failing sink works until its steps are used up; then the program that uses it is gone.
type failing struct {
	*folderSink
	left int
}

var errGone = errors.New("gone")

func (s *failing) step() error {
	if s.left--; s.left < 0 {
		return errGone
	}
	return nil
}

func (s *failing) put(name string, b []byte) error {
	if err := s.step(); err != nil {
		return err
	}
	return s.folderSink.put(name, b)
}

func (s *failing) sync() error {
	if err := s.step(); err != nil {
		return err
	}
	return s.folderSink.sync()
}

func (s *failing) finish(keep func(place) bool) error {
	if err := s.step(); err != nil {
		return err
	}
	return s.folderSink.finish(keep)
}

// abandon cleans nothing up: who is gone does not.
func (s *failing) abandon() error { return s.folderSink.close() }

// What a crash leaves at each step of continuing an archive: until the checkpoint is replaced the old archive with files of the new one beside it,
// and always something that the next Writer completes.
func TestACrashAtAnyStepIsMendedByTheNextWriter(t *testing.T) {
	g := newRig(t)
	const was, is = 300, 800
	info, cp := g.head(is)
	once := filepath.Join(t.TempDir(), "once")
	g.finish(g.create(once, is), info, cp)
	want := files(t, once)
	for steps := 0; ; steps++ {
		dir := g.archive(filepath.Join(t.TempDir(), "archive"), was)
		w, err := Create(dir, Info{Country: "RS", Log: testLog})
		if err != nil {
			t.Fatal(err)
		}
		w.sink = &failing{w.sink.(*folderSink), steps}
		err = func() error {
			for i := w.From(); i < is; i++ {
				if err := w.Add(g.entry(i)); err != nil {
					return err
				}
			}
			if err := errors.Join(
				w.PutDirectory(1, []byte("directory 1")), w.PutManifest(sha256.Sum256([]byte("manifest")), []byte("signed manifest")),
				w.PutFork(1, "checkpoints", []byte("fork")),
			); err != nil {
				return err
			}
			return w.Finish(info, cp, g.signer.Verifier())
		}()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			if steps < 15 {
				t.Errorf("there were only %d steps", steps)
			}
			return
		}
		if !errors.Is(err, errGone) {
			t.Fatal(err)
		}
		r := g.open(dir)
		if n := len(r.Missing()); r.Info().Size == was && n != 0 {
			t.Errorf("after %d steps %d files are missing", steps, n)
		}
		for n := range r.Tiles() {
			if _, err := r.Tile(n, nil); err != nil {
				t.Fatalf("after %d steps: %v", steps, err)
			}
		}
		g.finish(g.create(dir, is), info, cp)
		if !maps.Equal(files(t, dir), want) {
			t.Errorf("after %d steps and the next writer the archive differs", steps)
		}
	}
}
