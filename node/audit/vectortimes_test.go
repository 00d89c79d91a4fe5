package audit_test

import (
	"crypto/sha256"
	"flag"
	"os"
	"path/filepath"
	"time"

	"github.com/rogatory/rogatory/crypto/timestamp/authority"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit/forge"
)

var stampAnew = flag.Bool("update-times", false, "make the vectors of time tokens anew, and no others")

// times are vectors with time tokens. They have a federation and an authority of their own.
func (m *maker) times() {
	old, err := filepath.Glob(vectorsDir + "/*time_token*/expect.json")
	must(m.t, err)
	for _, path := range old {
		if name := filepath.Base(filepath.Dir(path)); name != "time_token_fail" {
			must(m.t, os.RemoveAll(filepath.Dir(path)))
		}
	}
	m.w = forge.New(m.t, "BG", "GR", "RS")
	w, rs := m.w, m.w.Country("RS")
	tsa := w.Authority("Example TSA")
	must(m.t, os.WriteFile(filepath.Join(vectorsDir, "directory_time"), w.Trusted(), 0o644))
	must(m.t, os.WriteFile(filepath.Join(vectorsDir, "tsa.pem"), tsa.Roots(), 0o644))
	const base = "ok_time_token"
	own := func(v *vector) { v.Directory, v.TSA = "directory_time", "tsa.pem" }
	w.Round()
	w.Reply(w.Ask("RS", "BG"))
	w.Round()
	before := rs.Log.Copy()
	w.Stamp("RS", tsa)
	m.put(base, "a time token stands over all that was done", "", m.of(rs, rs.Log), own)
	put := func(name, what string, h *forge.History) {
		m.t.Helper()
		h.Resign()
		m.put(name, what, base, m.of(rs, h), own)
	}
	// alter changes the token, and the leaf that names it.
	alter := func(name, what string, do func([]byte) []byte) {
		m.t.Helper()
		h := rs.Log.Copy()
		h.Alter(h.Find("time")[0], func(e *forge.Entry) {
			e.Sides["token"] = do(e.Sides["token"])
			e.Body.(*translog.Time).Digest = sumOf(e.Sides["token"])
		})
		put(name, what, h)
	}
	other := before.Copy()
	w.StampOf(other, w.Authority("Another TSA"), other.Head(), time.UnixMilli(w.Now))
	put("time_token_stranger_fail", "a time token of an authority that the auditor does not trust", other)
	now := time.UnixMilli(w.Now)
	expired, err := authority.New(authority.Options{Name: "Example TSA", NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(-1, 0, 0)})
	must(m.t, err)
	late := before.Copy()
	w.StampOf(late, expired, late.Head(), now)
	put("time_token_expired_fail", "a time token of an authority whose certificate had expired", late)
	alter("time_token_imprint_fail", "a time token over something else than the head", func([]byte) []byte {
		b, err := tsa.Token(sha256.Sum256([]byte("something else")), nil, time.UnixMilli(rs.Log.Entries[rs.Log.Find("time")[0]].Body.(*translog.Time).Time))
		must(m.t, err)
		return b
	})
	alter("time_token_behind_fail", "a byte follows a time token", func(b []byte) []byte { return append(b, 0) })
	alter("time_token_flipped_fail", "a bit of a time token's signature is flipped, and the leaf names it so", flip(-5))
	h := rs.Log.Copy()
	h.Alter(h.Find("time")[0], func(e *forge.Entry) { delete(e.Sides, "token") })
	put("time_token_missing_fail", "a time token is not there", h)
	h = rs.Log.Copy()
	h.Alter(h.Find("time")[0], func(e *forge.Entry) { e.Sides["token"][9] ^= 1 })
	put("time_token_other_fail", "another time token than the leaf names", h)
	ahead := before.Copy()
	ahead.Append(w.Now+3_600_000, &translog.Node{Event: translog.NodeStop, Program: "test"})
	w.StampOf(ahead, tsa, ahead.Head(), now)
	put("time_token_older_fail", "a leaf says that it is an hour younger than a time token over it", ahead)
	back := before.Copy()
	i := w.StampOf(back, tsa, back.Head(), now.Add(time.Hour))
	back.Alter(i, func(e *forge.Entry) { e.At -= 3_600_000 })
	put("time_token_ahead_fail", "a leaf is an hour older than the time token that it names", back)
	typed := rs.Log.Copy()
	typed.Alter(typed.Find("time")[0], func(e *forge.Entry) { e.Body.(*translog.Time).Type = "rfc9999" })
	put("time_token_type_fail", "a time token of a type that nobody knows", typed)
	w.Reply(w.Ask("GR", "RS"))
	w.Round()
	m.put("ok_time_token_before", "something was done since the newest time token: A3, and what it stands over is as old as it says", "", m.of(rs, rs.Log), own)
}
