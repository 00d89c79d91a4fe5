package federation

// sentinel is an error with advice for people. It is compared by identity, like any sentinel.
type sentinel struct{ text, hint string }

// Error says what happened.
func (s *sentinel) Error() string { return s.text }

// Hint says what to do now, in one sentence. Find it with errors.As and an interface that has this method.
func (s *sentinel) Hint() string { return s.hint }

// Errors of any signed statement.
var (
	// ErrForm says that the bytes are too large, not in the one canonical encoding, or hold a value out of its bounds.
	ErrForm error = &sentinel{"not well-formed", "ask whoever sent it for the file again; if it comes out the same, their version is not ours"}
	// ErrSignature says that a signature does not verify.
	ErrSignature error = &sentinel{"signature does not verify", "the bytes or the signature were changed on the way, or somebody else signed"}
	// ErrStranger says that a country is not a member of the federation, or a key belongs to no one in it.
	ErrStranger error = &sentinel{"not in the directory", "compare the directory versions of both sides"}
	// ErrKey says that a public key, a vkey or a key identifier is malformed, or used for two purposes.
	ErrKey error = &sentinel{"malformed or doubly used key", "every purpose takes a key of its own"}
)

// Errors of a new version of the directory.
var (
	// ErrNotPinned says that a first directory is not the one that the operator pinned.
	ErrNotPinned error = &sentinel{"directory is not the pinned one", "compare the digest with another member over the telephone"}
	// ErrOlder says that a directory or manifest is of a version before the one in force.
	ErrOlder error = &sentinel{"older than the version in force", "a version that was replaced never comes back; fetch the newest"}
	// ErrSame says that the directory is the one in force.
	ErrSame error = &sentinel{"already in force", "nothing needs to be done"}
	// ErrGap says that versions between the one in force and this one are missing.
	ErrGap error = &sentinel{"versions in between are missing", "take every version in turn: each is signed by members of the one before"}
	// ErrFork says that two different statements carry the same version, or that one does not follow the version in force.
	ErrFork error = &sentinel{"two histories", "keep both files: whoever signed both has lied, or has lost a key"}
	// ErrThreshold says that too few members of the directory in force signed the next one.
	ErrThreshold error = &sentinel{"too few members signed", "join the signatures of more members"}
	// ErrUnproven says that a new member, or a member with a new root key, has not signed with it.
	ErrUnproven error = &sentinel{"a new root key has not signed", "a new key signs the directory that names it, and so proves that somebody holds it"}
	// ErrNotYet says that the directory does not hold yet.
	ErrNotYet error = &sentinel{"not valid yet", "keep the file and take it again when its time has come; check the clock"}
	// ErrExpired says that a directory, a manifest's signing key or an identity is no longer valid.
	ErrExpired error = &sentinel{"no longer valid", "fetch the newest; if there is none, its members must sign one; check the clock"}
)

// Errors of manifests.
var (
	// ErrFuture says that a manifest was made later than the clocks' difference allows.
	ErrFuture error = &sentinel{"made in the future", "one of the two clocks is wrong"}
	// ErrGenesis says that the genesis of a log behind a country's first does not follow the log that it names.
	ErrGenesis error = &sentinel{"genesis does not follow the log that it names", "ask the member's operator what its recovery has closed"}
	// ErrChain says that no endorsement leads from a known key to an identity key.
	ErrChain error = &sentinel{"identity key without a chain to the directory", "after a change of its identity key the member has the directory name the new one, before it changes again"}
	// ErrLog says that a manifest names another log than the directory, or other keys for the same log.
	ErrLog error = &sentinel{"not the log of the directory", "a member that changes its log opens the next one, after a recovery"}
	// ErrNoSealingKey says that the manifest has no sealing key for the day.
	ErrNoSealingKey error = &sentinel{"no sealing key published for the day", "messages wait until the member publishes one"}
	// ErrNoIdentity says that the manifest has no identity key of that identifier which is valid at the time.
	ErrNoIdentity error = &sentinel{"no such identity key valid now", "fetch the member's newest manifest"}
)

// Errors of the register and of acts.
var (
	// ErrUnknownOfficer says that no one on the register has the key or pseudonym.
	ErrUnknownOfficer error = &sentinel{"not on the register", "two people who are on it can enrol another"}
	// ErrRevoked says that the officer, pseudonym or key was taken off the register.
	ErrRevoked error = &sentinel{"taken off the register", "pseudonyms and keys never come back: enrol under new ones"}
	// ErrRight says that the officer lacks the right for the act.
	ErrRight error = &sentinel{"no right to do this", "two people with the right to enrol can give it"}
	// ErrUnit says that the officer does not belong to the unit.
	ErrUnit error = &sentinel{"not a member of the unit", "an officer acts in the units on the register only"}
	// ErrFourEyes says that one person stands where two must.
	ErrFourEyes error = &sentinel{"the same person twice", "somebody else must do the second part"}
	// ErrActTime says that the act's time is not close enough to the node's.
	ErrActTime error = &sentinel{"time of the act is too far from the node's", "check the clock of the device, and sign again"}
	// ErrOtherAct says that the act is not the one that the node is asked to do.
	ErrOtherAct error = &sentinel{"signed another act", "look at what is to be done and sign that"}
	// ErrActUsed says that an act that counts once has been used.
	ErrActUsed error = &sentinel{"act was used before", "sign again"}
	// ErrTooFewEnrollers says that fewer than two people would be left who can enrol others.
	ErrTooFewEnrollers error = &sentinel{"fewer than two people could enrol others", "give the right to enrol to another officer first"}
)
