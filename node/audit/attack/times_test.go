package attack_test

import (
	"crypto/sha256"
	"math/big"
	"slices"
	"time"

	"github.com/rogatory/rogatory/crypto/timestamp"
	"github.com/rogatory/rogatory/crypto/timestamp/authority"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit/forge"
)

func init() {
	i := slices.IndexFunc(attacks, func(a attack) bool { return a.name == "a message accepted twice" })
	attacks = slices.Insert(attacks, i, timeAttacks...)
}

// timeAttacks are lies about external time: what an operator puts into the log as a time token. The authority itself is honest, and the auditor
// trusts it.
var timeAttacks = []attack{
	{"a time token, honestly", "", func(s *scene) []found {
		s.stamp(s.authority())
		return s.show()
	}},
	{"a time token of an authority that the auditor does not trust", "verify E-KEY", func(s *scene) []found {
		s.authority()
		s.stamp(s.w.Authority("The operator's own"))
		return s.show()
	}},
	{"a time token of an authority whose certificate had expired", "verify E-KEY", func(s *scene) []found {
		now := time.UnixMilli(s.w.Now)
		s.stamp(s.trusts(authority.Options{Name: "Expired", NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(-1, 0, 0)}))
		return s.show()
	}},
	{"a time token by a key that is for other uses, too", "verify E-KEY", func(s *scene) []found {
		now := time.UnixMilli(s.w.Now)
		s.stamp(s.trusts(authority.Options{Name: "Server", NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0), AnyPurpose: true}))
		return s.show()
	}},
	{"a time token over something else", "verify E-LEAFSIG", func(s *scene) []found {
		a := s.authority()
		s.token(s.stamp(a), func([]byte) []byte {
			b, err := a.Token(sha256.Sum256([]byte("something else")), big.NewInt(1), time.UnixMilli(s.w.Now))
			if err != nil {
				s.t.Fatal(err)
			}
			return b
		})
		return s.show()
	}},
	{"a time token with a byte behind it", "verify E-LEAFSIG", func(s *scene) []found {
		s.token(s.stamp(s.authority()), func(b []byte) []byte { return append(b, 0) })
		return s.show()
	}},
	{"a bit of a time token's signature flipped", "verify E-LEAFSIG", func(s *scene) []found {
		s.token(s.stamp(s.authority()), func(b []byte) []byte { b[len(b)-5] ^= 1; return b })
		return s.show()
	}},
	{"another time token than the leaf names", "verify E-LEAFSIG", func(s *scene) []found {
		i := s.stamp(s.authority())
		s.h.Alter(i, func(e *forge.Entry) { e.Sides["token"][100] ^= 1 })
		return s.show()
	}},
	{"a time token left out", "verify E-MISSING", func(s *scene) []found {
		i := s.stamp(s.authority())
		s.h.Alter(i, func(e *forge.Entry) { delete(e.Sides, "token") })
		return s.show()
	}},
	{"another time in the leaf than in its time token", "verify E-LEAFSIG", func(s *scene) []found {
		i := s.stamp(s.authority())
		s.h.Alter(i, func(e *forge.Entry) { e.Body.(*translog.Time).Time -= 60_000 })
		return s.show()
	}},
	{"a time token over a head of another history", "verify E-HEAD", func(s *scene) []found {
		head := s.h.Head()
		head.Root[0] ^= 1
		s.w.StampOf(s.h, s.authority(), head, time.UnixMilli(s.w.Now))
		return s.show()
	}},
	{"clock set an hour ahead, and a time token over it", "verify E-TIME", func(s *scene) []found {
		a := s.authority()
		now := time.UnixMilli(s.w.Now)
		s.h.Append(s.w.Now+3_600_000, &translog.Node{Event: translog.NodeStop, Program: "forge"})
		s.h.Rebuild()
		s.w.StampOf(s.h, a, s.h.Head(), now)
		return s.show()
	}},
	{"clock set an hour back, and a time token in it", "verify E-TIME", func(s *scene) []found {
		a := s.authority()
		i := s.w.StampOf(s.h, a, s.h.Head(), time.UnixMilli(s.w.Now+3_600_000))
		s.h.Alter(i, func(e *forge.Entry) { e.At -= 3_600_000 })
		return s.show()
	}},
}

// authority makes one that the auditor trusts.
func (s *scene) authority() *authority.Authority {
	s.t.Helper()
	now := time.UnixMilli(s.w.Now)
	return s.trusts(authority.Options{Name: "Example TSA", NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0)})
}

func (s *scene) trusts(o authority.Options) *authority.Authority {
	s.t.Helper()
	a, err := authority.New(o)
	if err != nil {
		s.t.Fatal(err)
	}
	roots, err := timestamp.ReadRoots(a.Roots())
	if err != nil {
		s.t.Fatal(err)
	}
	s.anchor.TrustTime(roots)
	return a
}

// stamp puts a token at the end of RS's log and returns its index.
func (s *scene) stamp(a *authority.Authority) int {
	s.t.Helper()
	return s.w.StampOf(s.h, a, s.h.Head(), time.UnixMilli(s.w.Now))
}

// token alters a token, and the leaf with it.
func (s *scene) token(i int, change func([]byte) []byte) {
	s.t.Helper()
	s.h.Alter(i, func(e *forge.Entry) {
		e.Sides["token"] = change(e.Sides["token"])
		e.Body.(*translog.Time).Digest = sha256.Sum256(e.Sides["token"])
	})
}

// timed gives a world an authority that confirms its logs now and then, for as long as a history may last.
func timed(w *forge.World) *timestamp.Roots {
	w.T.Helper()
	now := time.UnixMilli(w.Now)
	a, err := authority.New(authority.Options{Name: "Example TSA", NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(50, 0, 0)})
	if err != nil {
		w.T.Fatalf("an authority: %v", err)
	}
	roots, err := timestamp.ReadRoots(a.Roots())
	if err != nil {
		w.T.Fatalf("its root: %v", err)
	}
	w.TSA = a
	return roots
}
