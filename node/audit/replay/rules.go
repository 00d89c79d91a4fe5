package replay

import (
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/exchange/rules"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// directory makes a version of the directory the one in force.
func (c *course) directory(l *line, digest translog.Hash) {
	d := c.chain.Digest(digest)
	if d == nil {
		c.note(audit.CodeKey, l.index, "no such directory leads to the auditor's", "", digest.String())
		return
	}
	if c.world.dir != nil && c.world.dir.Digest() == d.Digest() {
		return
	}
	w := *c.world
	w.dir, w.before, w.since = d, c.world.dir, l.leaf.At
	versions := c.versions
	if len(versions) == 0 || versions[len(versions)-1].GetVersion() < d.Version() {
		versions = append(versions, d.Proto())
	}
	law, err := rules.Of(versions...)
	if err == nil {
		w.rules = law
		if w.register == nil {
			w.register, err = federation.NewRegister(d, c.country)
		} else {
			w.register, err = w.register.Follow(d)
		}
	}
	if err != nil {
		c.note(audit.CodeKey, l.index, err.Error(), "", "")
		return
	}
	c.world, c.versions = &w, versions
}

// A shelved manifest was named by the log.
type shelved struct {
	r       *archive.Reader
	digest  [32]byte
	version int64
	at      int64 // when the log named it
	read    *rogatoryv1.Manifest
}

// maxShelved is how many manifests of a country are remembered.
const maxShelved = 64

func (c *course) shelve(e *translog.Dir, at int64) {
	list := append(c.shelves[e.Member], &shelved{r: c.r, digest: e.Digest, version: e.Version, at: at})
	if len(list) > maxShelved {
		list = slices.Delete(list, 0, len(list)-maxShelved)
	}
	c.shelves[e.Member] = list
}

// manifest reads it, once; the course alone calls it, before it gives a message to a folder.
func (s *shelved) manifest() *rogatoryv1.Manifest {
	if s.read == nil {
		m, err := readManifest(s.r, s.digest)
		if err != nil {
			m = &rogatoryv1.Manifest{} // audit.Verify reads it too, and says what is the matter
		}
		// Keys are not needed, and a year's manifests would fill the memory.
		s.read = &rogatoryv1.Manifest{Version: m.GetVersion(), MadeMs: m.GetMadeMs(), Units: m.GetUnits(), CapacityPerHour: m.GetCapacityPerHour()}
	}
	return s.read
}

// inForce returns the manifests of a country that may be in force at a time: the newest, and the one before it as long as a decision may have begun under
// that.
func inForce(shelf []*shelved, at int64) []*shelved {
	n := len(shelf)
	if n > 1 && at-shelf[n-1].at <= federation.ClockSkew.Milliseconds() {
		return slices.Clone(shelf[n-2:]) // the shelf goes on changing
	}
	return slices.Clone(shelf[max(0, n-1):])
}

func (c *course) policy(l *line, e *translog.Policy) {
	if e.Name != rules.HousePolicy {
		c.note(audit.CodeUnknown, l.index, "a policy that this program does not know", rules.HousePolicy, e.Name)
		return
	}
	if e.Version != l.index && !c.world.goesOn {
		c.note(audit.CodeState, l.index, "the version of a policy is the index of its leaf", fmt.Sprint(l.index), fmt.Sprint(e.Version))
	}
	if l.record == nil {
		c.note(audit.CodeMissing, l.index, "the policy is not beside its leaf", e.Digest.String(), "")
		return
	}
	h, err := rules.ParseHouse(l.record)
	if err != nil {
		c.note(audit.CodeSchema, l.index, err.Error(), "", "")
		return
	}
	w := *c.world
	w.house = h
	c.world = &w
}

// consult reads the manifests that a decision depends on.
func (m *message) consult() {
	if !asks(m.docket) {
		return
	}
	if m.sender != nil {
		m.sender.manifest()
	}
	for _, s := range m.own {
		s.manifest()
	}
}
