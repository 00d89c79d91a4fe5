package evidence

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/federation"
)

// After a rollback a country closes its log and opens the next one, so an export is of one of several. What stands in which is said here as far
// as anything names them; it helps a person to the right export and proves nothing.

// numbersOfLog is how many numbers of a year's cases each of a country's logs has for itself: those of log n begin behind (n-1) times as many.
const numbersOfLog = 10_000_000

// A NotFoundError says where a message or case was sought. It wraps ErrNotFound.
type NotFoundError struct {
	About, Subject string
	// Log is that of the export, of Size leaves; Country writes it.
	Country, Log string
	Size         int64
	// Other is the country's log in which it stands, or may stand, as far as is known; empty when none is.
	Other string
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%s %s is %v: %d leaves of %s", e.About, e.Subject, ErrNotFound, e.Size, e.Log)
}

// Unwrap returns ErrNotFound.
func (e *NotFoundError) Unwrap() error { return ErrNotFound }

// Later returns the newest log of the country of an export that is later than that of the export, as far as the directory, the export or others
// name one; else it returns an empty string. What happened since the log was closed stands there.
func Later(a *audit.Anchor, r *archive.Reader, others ...*archive.Reader) string {
	info := r.Info()
	own, _ := federation.LogNumber(a.Newest().Federation(), info.Country, info.Log)
	if n := newest(a, info.Country, append(others, r)); own > 0 && n > own {
		return federation.Origin(a.Newest().Federation(), info.Country, n)
	}
	return ""
}

// newest returns the largest number of a log of a country that anything names.
func newest(a *audit.Anchor, country string, readers []*archive.Reader) (n uint64) {
	name := func(origin string) {
		if k, err := federation.LogNumber(a.Newest().Federation(), country, origin); err == nil {
			n = max(n, k)
		}
	}
	if m := memberOf(a.Newest(), country); m != nil {
		name(m.Log().Origin())
	}
	for _, r := range readers {
		if r == nil {
			continue
		}
		if r.Info().Country == country {
			name(r.Info().Log)
		}
		for _, digest := range r.Manifests() {
			signed, err := r.Manifest(digest)
			if err != nil {
				continue // a help: what is wrong with it, the checks say
			}
			if p, err := poolOf(signed, digest); err == nil && p.country == country {
				name(p.log)
			}
		}
	}
	return n
}

// notFound says that an export does not hold what evidence is sought of: the log that a case of this country began in is told by its number, else
// a later one may have it, else the one before.
func notFound(a *audit.Anchor, x *Index, r *archive.Reader, others ...*archive.Reader) error {
	info := r.Info()
	e := &NotFoundError{About: x.About, Subject: x.Subject, Country: info.Country, Log: info.Log, Size: info.Size}
	if x.About == AboutCase && began(x.Subject, info.Country) > 0 {
		e.Other = federation.Origin(a.Newest().Federation(), info.Country, began(x.Subject, info.Country))
	}
	if e.Other == "" || e.Other == e.Log {
		e.Other = cmp.Or(Later(a, r, others...), before(r))
	}
	return e
}

// began returns the number of the log in which a case of a country began; 0 for a case of another country.
func began(token, country string) uint64 {
	own, rest, _ := strings.Cut(token, "-")
	_, number, _ := strings.Cut(rest, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if own != country || err != nil || n == 0 {
		return 0
	}
	return (n-1)/numbersOfLog + 1
}

// before returns the log that an export's goes on from, as its first leaf names it.
func before(r *archive.Reader) string {
	first, err := r.Entry(0)
	if err != nil {
		return ""
	}
	leaf, err := translog.ParseLeaf(first.Leaf)
	if err != nil {
		return ""
	}
	if g, ok := leaf.Entry.(*translog.Genesis); ok {
		return g.PrevLog
	}
	return ""
}
