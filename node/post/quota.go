package post

import (
	"math"
	"time"
)

// quota is a bucket that fills evenly with a peer's messages an hour; a tenth of an hour's may come at once. Not safe for several
// goroutines.
type quota struct {
	perHour int // 0 sets no limit
	left    float64
	at      time.Time
}

// room returns how many messages may be taken now.
func (q *quota) room(now time.Time) int64 {
	if q.perHour == 0 {
		return math.MaxInt64
	}
	burst := max(float64(q.perHour)/10, 1)
	if q.at.IsZero() {
		q.left = burst
	} else {
		q.left = min(q.left+now.Sub(q.at).Hours()*float64(q.perHour), burst)
	}
	q.at = now
	return int64(q.left)
}

// take takes one message, if there is room.
func (q *quota) take(now time.Time) bool {
	if q.room(now) < 1 {
		return false
	}
	q.left--
	return true
}

// wait returns how long after the last call of room or take there is room for one.
func (q *quota) wait() time.Duration {
	if q.perHour == 0 {
		return 0
	}
	return time.Duration(max(1-q.left, 0) / float64(q.perHour) * float64(time.Hour))
}
