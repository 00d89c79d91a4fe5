package replay_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/rogatory/rogatory/node/audit/replay"
)

// A saved state has one spelling.
func FuzzParseSaved(f *testing.F) {
	w, _, _ := days(f)
	res := run(f, w, w.Archive("RS", filepath.Join(f.TempDir(), "RS")), replay.Options{})
	b, err := replay.MarshalSaved(res.Saved())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := replay.ParseSaved(b)
		if err != nil {
			return
		}
		if again, err := replay.MarshalSaved(s); err != nil || !bytes.Equal(b, again) {
			t.Errorf("another spelling: %v", err)
		}
	})
}
