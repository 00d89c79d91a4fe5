package call

// A Lane is one of the two ways of frames between two endpoints: what callers send, and what callees send.
type Lane string

const (
	LaneCall  Lane = "call"
	LaneReply Lane = "reply"
)
