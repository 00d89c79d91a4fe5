package limit

import (
	"math"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
)

// messageBytes is what a message of a peer's capacity may weigh on average: contents of some KiB. Whoever sends larger ones sends fewer.
const messageBytes = 16 << 10

// Quota is a bucket that fills evenly with what may come of one peer in an hour; a tenth of an hour's, and not less than least, may come at once. Not
// safe for several goroutines.
type Quota struct {
	perHour int64 // 0 sets no limit
	least   int64
	left    float64
	at      time.Time
}

// Messages returns the quota of so many messages an hour; 0 sets no limit.
func Messages(perHour int) Quota { return Quota{perHour: int64(perHour), least: 1} }

// Bytes returns the quota of the bytes of so many messages' envelopes.
func Bytes(perHour int) Quota {
	return Quota{perHour: int64(perHour) * messageBytes, least: 4 * envelope.MaxEnvelope}
}

// Room returns how much may be taken now.
func (q *Quota) Room(now time.Time) int64 {
	if q.perHour == 0 {
		return math.MaxInt64
	}
	burst := float64(max(q.perHour/10, q.least))
	if q.at.IsZero() {
		q.left = burst
	} else {
		q.left = min(q.left+now.Sub(q.at).Hours()*float64(q.perHour), burst)
	}
	q.at = now
	return int64(q.left)
}

// Take takes n, for which there is room.
func (q *Quota) Take(n int64) {
	if q.perHour != 0 {
		q.left -= float64(n)
	}
}

// Wait returns how long after the last call of Room there is room for n.
func (q *Quota) Wait(n int64) time.Duration {
	if q.perHour == 0 {
		return 0
	}
	return time.Duration(max(float64(n)-q.left, 0) / float64(q.perHour) * float64(time.Hour))
}
