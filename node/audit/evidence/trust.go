package evidence

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/federation"
)

// trust holds what leads from the anchor's directory to keys.
type trust struct {
	chain     []*federation.Directory // ascending; the last is the anchor's newest
	manifests []*federation.Manifest
}

// lead reads directories and manifests, and keeps those that lead to the anchor.
func (f *facts) lead(a *audit.Anchor) {
	newest := a.Newest()
	f.trust.chain = []*federation.Directory{newest}
	have := map[uint64][]byte{}
	for _, name := range f.s.under(dirDirs) {
		v, err := strconv.ParseUint(path.Base(name), 10, 64)
		if err != nil {
			f.note(audit.CodeCanon, name, err.Error())
			continue
		}
		have[v] = f.s[name]
		_, digest, err := federation.ReadDirectory(f.s[name])
		switch {
		case err != nil:
			f.note(audit.CodeCanon, name, err.Error())
		case v > newest.Version():
			f.note(audit.CodeUnknown, name, "the directory is newer than the auditor's")
		case v == newest.Version() && digest != newest.Digest():
			f.note(audit.CodeKey, name, "the directory is not the auditor's")
		case v == newest.Version():
			if _, err := federation.ParseDirectory(f.s[name], digest); err != nil {
				f.note(audit.CodeKey, name, err.Error())
			}
		}
	}
	for v := newest.Version() - 1; v > 0 && have[v] != nil; v-- {
		d, err := federation.ParseDirectory(have[v], [32]byte(f.trust.chain[0].Proto().GetPrevious()))
		if err != nil {
			f.note(audit.CodeKey, fmt.Sprintf("%s/%d", dirDirs, v), err.Error())
			break
		}
		if have[v+1] != nil {
			if _, err := federation.CheckProgress(d, have[v+1]); err != nil {
				f.note(audit.CodeKey, fmt.Sprintf("%s/%d", dirDirs, v+1), err.Error())
			}
		}
		f.trust.chain = slices.Insert(f.trust.chain, 0, d)
	}
	for v := range have {
		if v < f.trust.chain[0].Version() {
			f.note(audit.CodeUnknown, fmt.Sprintf("%s/%d", dirDirs, v), "nothing here leads from the auditor's directory to this one")
		}
	}
	if !f.x.Small && have[f.x.DirectoryVersion] == nil {
		f.note(audit.CodeMissing, fmt.Sprintf("%s/%d", dirDirs, f.x.DirectoryVersion), "the directory that the maker trusted is missing")
	}
	if d := f.trust.version(f.x.DirectoryVersion); d != nil {
		if digest := d.Digest(); hex.EncodeToString(digest[:]) != f.x.Directory {
			f.note(audit.CodeKey, indexName, "the maker trusted another directory of this version")
		}
	}
	for _, name := range f.s.under(dirManifest) {
		p, err := poolOf(f.s[name], [32]byte{})
		if err != nil {
			f.note(audit.CodeCanon, name, err.Error())
			continue
		}
		m, err := f.trust.manifest(f.s[name], p.directory)
		if err != nil {
			f.note(audit.CodeKey, name, err.Error())
			continue
		}
		if digest := m.Digest(); hex.EncodeToString(digest[:]) != path.Base(name) {
			f.note(audit.CodeKey, name, "another manifest than its name says")
			continue
		}
		f.trust.manifests = append(f.trust.manifests, m)
	}
}

// version returns a version of the directory, nil when it is not there.
func (t *trust) version(v uint64) *federation.Directory {
	for _, d := range t.chain {
		if d.Version() == v {
			return d
		}
	}
	return nil
}

// manifest reads a manifest that leads by itself to the directory that it names, or to the newest.
func (t *trust) manifest(signed []byte, directory uint64) (*federation.Manifest, error) {
	err := federation.ErrChain
	for _, d := range []*federation.Directory{t.version(directory), t.chain[len(t.chain)-1]} {
		if d == nil {
			continue
		}
		made, e := madeOf(signed)
		if e != nil {
			return nil, e
		}
		var m *federation.Manifest
		if m, err = federation.ParseManifest(signed, d, made, nil); err == nil {
			return m, nil
		}
	}
	return nil, err
}

// log returns the keys of a log: of the directory, or of a manifest that leads to it.
func (t *trust) log(origin string) *translog.LogVerifier {
	for _, d := range slices.Backward(t.chain) {
		for _, m := range d.Members() {
			if m.Log().Origin() == origin {
				return m.Log()
			}
		}
	}
	for _, m := range t.manifests {
		if m.Log().Origin() == origin {
			return m.Log()
		}
	}
	return nil
}

var errNoKey = errors.New("no directory or manifest here leads to this key")

// signer returns the key of a country that was valid at a time, in milliseconds since 1970, and where it stands. version is that of the
// manifest that the leaf names.
func (t *trust) signer(country string, kid keyring.KID, version uint64, at int64) (*keyring.PublicKey, string, error) {
	for _, m := range t.manifests {
		if m.Country() == country && m.Version() == version {
			// A message that was verified a moment before its leaf was written counts.
			for _, ms := range []int64{at, at - federation.ClockSkew.Milliseconds()} {
				if k, err := m.IdentityAt(kid, time.UnixMilli(ms)); err == nil {
					return k, fmt.Sprintf("manifest %d of %s", version, country), nil
				}
			}
		}
	}
	for _, d := range slices.Backward(t.chain) {
		if m := memberOf(d, country); m != nil && m.RootKey().KID() == kid {
			return m.RootKey(), "the directory's root key of " + country, nil
		}
	}
	return nil, "", fmt.Errorf("key %s of %s: %w", kid, country, errNoKey)
}

// witnesses returns who may cosign, by keys that lead to the directory.
func (t *trust) witnesses() []*translog.WitnessVerifier {
	var list []*translog.WitnessVerifier
	seen := map[string]bool{}
	for _, m := range t.manifests {
		if ed, _ := m.Witness().VKeys(); !seen[ed] {
			seen[ed] = true
			list = append(list, m.Witness())
		}
	}
	return list
}
