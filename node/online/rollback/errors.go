package rollback

import (
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
)

var (
	// Err means that something of ours is known outside that our store does not know.
	Err = errors.New("data folder is older than what others have of this node")
	// ErrUnproven means that a peer says to have seen a number of ours that our store has not given out, and does not show our signature.
	ErrUnproven = errors.New("peer shows no proof of a number that this node has not given out")
	// ErrHead means that what a peer shows as ours is malformed or not signed by us.
	ErrHead = errors.New("what the peer shows is not of this node")
	// ErrClosed means that a peer shows a head of a log of ours that a recovery has closed: it has not taken up the next one yet.
	ErrClosed = fmt.Errorf("the log that the peer knows was closed by a recovery: %w", ErrHead)
)

// Error says what [Err] was found by: one of a checkpoint, a cosignature, a manifest and a message, each signed by us.
type Error struct {
	// Peer is the country that has it; our own for a manifest, which was published.
	Peer string
	// Note is the signed text of a checkpoint that our log does not contain, Held what it says, and Size the number of leaves that our log has.
	Note []byte
	Held translog.Checkpoint
	Size int64
	// Cosigned is a checkpoint of the peer's log with our cosignature, Held what it says, and Size the largest that our store has cosigned.
	Cosigned []byte
	// Manifest is the published SignedManifest, and Version its version; Kept is the largest version that our store had at the start.
	Manifest      []byte
	Version, Kept uint64
	// Epoch and Seq are the largest number of ours that the peer has seen, GivenEpoch and Given the last that our store has given out to it; Statement
	// is that of the message, and Signature the BatchSignature over it.
	Epoch, GivenEpoch    uint32
	Seq, Given           uint64
	Statement, Signature []byte
}

func (e *Error) Error() string {
	switch {
	case e.Note != nil:
		what := "which is larger"
		if e.Held.Size <= e.Size {
			what = "whose root is not ours at that size"
		}
		return fmt.Sprintf("%s holds a checkpoint that we signed at %d leaves, %s; our log has %d: %v", e.Peer, e.Held.Size, what, e.Size, Err)
	case e.Cosigned != nil:
		return fmt.Sprintf("%s holds our cosignature of its log at %d leaves; the last that our store knows is at %d: %v", e.Peer, e.Held.Size, e.Size, Err)
	case e.Manifest != nil:
		return fmt.Sprintf("manifest %d of %s is published and signed by us; our store had manifest %d and never that one: %v", e.Version, e.Peer, e.Kept, Err)
	}
	return fmt.Sprintf("%s has our message %d.%d, which we signed; the last that our store has numbered for it is %d.%d: %v",
		e.Peer, e.Epoch, e.Seq, e.GivenEpoch, e.Given, Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return Err }

// Hint says what to do.
func (e *Error) Hint() string {
	return "the data folder was restored from an older copy, or another node runs with our keys: stop that one, put the newest data folder and head guard " +
		"back and start again; if they are lost: rogatory-node recover, which opens the next log and has the peers give back what they have"
}
