package post

import "time"

// quota is a bucket that fills evenly with a peer's messages an hour; a tenth of an hour's may come at once. Not safe for several
// goroutines.
type quota struct {
	perHour int
	left    float64
	at      time.Time
}

// take takes one message, or returns how long until there is room for one.
func (q *quota) take(now time.Time) time.Duration {
	if q.perHour == 0 {
		return 0
	}
	burst := max(float64(q.perHour)/10, 1)
	if q.at.IsZero() {
		q.left = burst
	} else {
		q.left = min(q.left+now.Sub(q.at).Hours()*float64(q.perHour), burst)
	}
	q.at = now
	if q.left < 1 {
		return time.Duration((1 - q.left) / float64(q.perHour) * float64(time.Hour))
	}
	q.left--
	return 0
}
