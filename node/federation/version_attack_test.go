package federation

import (
	"testing"
	"time"
)

// Whoever has a member's identity key for an hour cannot put the member's later manifests out of force for ever: what the owner makes some minutes
// later counts again.
func TestStolenKeyCannotUseUpTheVersions(t *testing.T) {
	nodes, dir := four(t)
	rs := nodes[2]
	first := parseManifest(t, rs.publish(t, dir, nil, rs.manifestDraft(t, noon), noon), dir, noon, nil)
	highest := func(now time.Time) uint64 { return uint64(now.Unix()) }

	for _, version := range []uint64{highest(noon) + 1, 1 << 40, 1<<53 - 1} {
		d := rs.manifestDraft(t, noon)
		d.Version = version
		_, err := MakeManifest(dir, first, d, noon)
		wantErr(t, err, ErrForm)
	}
	d := rs.manifestDraft(t, noon)
	d.Version = highest(noon)
	stolen := parseManifest(t, rs.publish(t, dir, first, d, noon), dir, noon, first)

	later := noon.Add(ClockSkew + time.Second)
	if m := parseManifest(t, rs.publish(t, dir, stolen, rs.manifestDraft(t, noon), later), dir, later, stolen); m.Version() != stolen.Version()+1 {
		t.Errorf("version %d after %d", m.Version(), stolen.Version())
	}
}
