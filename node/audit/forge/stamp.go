package forge

import (
	"crypto/sha256"
	"time"

	"github.com/rogatory/rogatory/crypto/timestamp/authority"
	"github.com/rogatory/rogatory/crypto/translog"
)

// Authority makes a time-stamping authority whose certificate is valid for a year around the World's time.
func (w *World) Authority(name string) *authority.Authority {
	w.T.Helper()
	now := time.UnixMilli(w.Now)
	a, err := authority.New(authority.Options{Name: name, NotBefore: now.AddDate(0, -6, 0), NotAfter: now.AddDate(0, 6, 0)})
	w.must(err)
	return a
}

// Stamp logs a time token over the newest head of a country, and returns its index.
func (w *World) Stamp(country string, a *authority.Authority) int {
	w.T.Helper()
	w.tick()
	h := w.Country(country).Log
	i := w.StampOf(h, a, h.Head(), time.UnixMilli(w.Now))
	w.tick()
	return i
}

// StampOf logs a time token over a head that says a time.
func (w *World) StampOf(h *History, a *authority.Authority, head translog.Checkpoint, at time.Time) int {
	w.T.Helper()
	token, err := a.Token(head.Imprint(), nil, at)
	w.must(err)
	leaf := &translog.Time{Digest: sha256.Sum256(token), Root: head.Root, Size: head.Size, Time: at.UnixMilli(), Type: "rfc3161"}
	i := int(h.Append(max(w.Now, at.UnixMilli()), leaf))
	h.Entries[i].put("token", token)
	return i
}
