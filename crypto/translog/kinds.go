package translog

// Each type below is one kind of leaf. Its method members is its schema, the only place where it is written down; the
// names come sorted. README.md has the same as a table, and a test compares the two.

// Genesis is leaf 0 of a log and of no other place.
type Genesis struct {
	Country   string // who keeps this log
	Directory Hash   // the directory version that was in force
	Epoch     int64  // rises by one with each log of a country
	Founders  []Hash // digests of the public keys from which every enrolment chains
	Log       string // the origin
	Spec      string // the specification that the log follows, as "rogatory-log-1"
	// The last provable head of the log before this one; empty in a country's first log.
	PrevLog  string
	PrevRoot Hash
	PrevSize int64
}

// Kind returns "genesis".
func (*Genesis) Kind() string { return "genesis" }

func (e *Genesis) members(c *codec) {
	c.text("country", &e.Country, country, required)
	c.hash("directory", &e.Directory, required)
	c.integer("epoch", &e.Epoch, required)
	c.hashes("founders", &e.Founders, optional)
	c.text("log", &e.Log, origin, required)
	c.text("prev_log", &e.PrevLog, origin, optional)
	c.hash("prev_root", &e.PrevRoot, optional)
	c.integer("prev_size", &e.PrevSize, optional)
	c.text("spec", &e.Spec, code, required)
}

func (e *Genesis) check() string {
	if some, all := e.PrevLog != "" || !e.PrevRoot.IsZero() || e.PrevSize != 0, e.PrevLog != "" && !e.PrevRoot.IsZero() && e.PrevSize != 0; some != all {
		return "the previous log's head is given in part"
	}
	return ""
}

// Directions of a [Msg].
const (
	Out = "out"
	In  = "in"
)

// Msg says that a message was committed to the outbox (dir out) or accepted from a peer (dir in).
type Msg struct {
	ContentCommit    Hash
	Dir              string // Out or In
	DirectoryVersion int64
	DocketCommit     Hash
	Epoch            int64
	FirstAt          int64  // after a rollback, the time of the leaf that was lost. In: its `at`, as receipted; out: the message's submission
	From, To         string // countries; units stand in the docket
	ManifestVersion  int64  // the sender's manifest: in force (out), verified against (in)
	Msg              Hash   // the stable name
	Prev             Hash   // the name of the sender's message before this one to the same peer; zero for the first
	Seq              int64
	Sig              Hash  // digest of the signature; zero while an outgoing message is not sealed
	Size             int64 // bytes of the padded inner plaintext
	Stmt             Hash  // digest of the statement; zero while an outgoing message is not sealed
}

// Kind returns "msg".
func (*Msg) Kind() string { return "msg" }

var direction = enum(In, Out)

func (e *Msg) members(c *codec) {
	c.hash("content_commit", &e.ContentCommit, required)
	c.text("dir", &e.Dir, direction, required)
	c.integer("directory_version", &e.DirectoryVersion, required)
	c.hash("docket_commit", &e.DocketCommit, required)
	c.integer("epoch", &e.Epoch, required)
	c.integer("first_at", &e.FirstAt, optional)
	c.text("from", &e.From, country, required)
	c.integer("manifest_version", &e.ManifestVersion, required)
	c.hash("msg", &e.Msg, required)
	c.hash("prev", &e.Prev, emptiable)
	c.integer("seq", &e.Seq, required)
	c.hash("sig", &e.Sig, emptiable)
	c.integer("size", &e.Size, required)
	c.hash("stmt", &e.Stmt, emptiable)
	c.text("to", &e.To, country, required)
}

func (e *Msg) check() string {
	switch {
	case e.Sig.IsZero() != e.Stmt.IsZero():
		return "one of sig and stmt is empty"
	case e.Dir == In && e.Sig.IsZero():
		return "an arrived message has neither sig nor stmt"
	case e.FirstAt != 0 && e.Sig.IsZero():
		return "a message of before a rollback has neither sig nor stmt"
	case e.From == e.To:
		return "from and to are one"
	}
	return ""
}

// Reseal is another attempt to carry a message of our outbox, committed before it is sent.
type Reseal struct {
	Of   Hash // the message's stable name
	Sig  Hash
	Stmt Hash
}

// Kind returns "reseal".
func (*Reseal) Kind() string { return "reseal" }

func (e *Reseal) members(c *codec) {
	c.hash("of", &e.Of, required)
	c.hash("sig", &e.Sig, required)
	c.hash("stmt", &e.Stmt, required)
}

func (*Reseal) check() string { return "" }

// Whole says that all attachments of an arrived message are here.
type Whole struct {
	List Hash // salted digest of the list of attachments
	Msg  Hash
}

// Kind returns "whole".
func (*Whole) Kind() string { return "whole" }

func (e *Whole) members(c *codec) {
	c.hash("list", &e.List, required)
	c.hash("msg", &e.Msg, required)
}

func (*Whole) check() string { return "" }

// Rcpt says that we hold a peer's receipt for a message of ours.
type Rcpt struct {
	Index int64 // of the leaf in the peer's log
	Log   string
	Of    Hash   // our message
	Ref   int64  // index of our own out leaf
	Rej   string // the code, when the peer's leaf is a Rej
	Root  Hash   // of the peer's tree at Size
	Size  int64
	Whole bool // the peer's leaf is a Whole
}

// Kind returns "rcpt".
func (*Rcpt) Kind() string { return "rcpt" }

func (e *Rcpt) members(c *codec) {
	c.integer("index", &e.Index, required)
	c.text("log", &e.Log, origin, required)
	c.hash("of", &e.Of, required)
	c.integer("ref", &e.Ref, required)
	c.text("rej", &e.Rej, code, optional)
	c.hash("root", &e.Root, required)
	c.integer("size", &e.Size, required)
	c.flag("whole", &e.Whole)
}

func (e *Rcpt) check() string {
	switch {
	case e.Index >= e.Size:
		return "index is outside the tree"
	case e.Whole && e.Rej != "":
		return "a refusal is never whole"
	}
	return ""
}

// Rej says that an authentic message was refused for good.
type Rej struct {
	Code string
	From string
	Msg  Hash
}

// Kind returns "rej".
func (*Rej) Kind() string { return "rej" }

func (e *Rej) members(c *codec) {
	c.text("code", &e.Code, code, required)
	c.text("from", &e.From, country, required)
	c.hash("msg", &e.Msg, required)
}

func (*Rej) check() string { return "" }

// Stray counts what arrived in one hour and was not authentic, so that no stranger makes the log grow.
type Stray struct {
	Counts []Count // by reason, ascending
	Hour   int64   // its start, in milliseconds since 1970
}

// Kind returns "stray".
func (*Stray) Kind() string { return "stray" }

func (e *Stray) members(c *codec) {
	c.counts("counts", &e.Counts)
	c.integer("hour", &e.Hour, required)
}

func (e *Stray) check() string {
	if e.Hour%3_600_000 != 0 {
		return "hour is not the start of one"
	}
	return ""
}

// Wit says that we cosigned a peer's head.
type Wit struct {
	Log  string // the peer's
	Root Hash
	Size int64
	Time int64 // of both cosignatures, in seconds since 1970
}

// Kind returns "wit".
func (*Wit) Kind() string { return "wit" }

func (e *Wit) members(c *codec) {
	c.text("log", &e.Log, origin, required)
	c.hash("root", &e.Root, required)
	c.integer("size", &e.Size, required)
	c.integer("time", &e.Time, required)
}

func (*Wit) check() string { return "" }

// Cos says that a head of ours reached its quorum. The cosignatures are a side record.
type Cos struct {
	By     []string // names of the witnesses, ascending; left out when more than 64
	Count  int64
	Digest Hash // SHA-256 of the cosigned checkpoint, in its export form
	Log    string
	Root   Hash
	Size   int64
}

// Kind returns "cos".
func (*Cos) Kind() string { return "cos" }

func (e *Cos) members(c *codec) {
	c.texts("by", &e.By, origin, optional)
	c.integer("count", &e.Count, required)
	c.hash("digest", &e.Digest, required)
	c.text("log", &e.Log, origin, required)
	c.hash("root", &e.Root, required)
	c.integer("size", &e.Size, required)
}

func (e *Cos) check() string { return countFits(len(e.By), e.Count) }

// countFits judges a list that may have become a side record: it is whole, or left out and longer than maxList.
func countFits(n int, count int64) string {
	if int64(n) != count && (n != 0 || count <= maxList) {
		return "list and count differ"
	}
	return ""
}

// Verbs of an [Op].
const (
	Collect  = "collect"
	Alter    = "alter"
	Consult  = "consult"
	Disclose = "disclose"
	Transfer = "transfer"
	Combine  = "combine"
	EraseOp  = "erase"
)

// Op is one line of the statutory log: who did what to whose records, and why. It is committed before the content is
// released.
type Op struct {
	Assertion Hash   // digest of the actor's assertion, where the act needs one
	Basis     string // legal basis
	Case      string // token of the case
	Of        []Hash // salted names of what was acted upon; left out when more than 64
	OfCount   int64
	OfDigest  Hash   // of the side record with the whole list, only when Of is left out
	Recipient string // to whom it was disclosed or transferred
	Verb      string
	Who       string // pseudonym
	Why       string
}

// Kind returns "op".
func (*Op) Kind() string { return "op" }

var verb = enum(Alter, Collect, Combine, Consult, Disclose, EraseOp, Transfer)

func (e *Op) members(c *codec) {
	c.hash("assertion", &e.Assertion, optional)
	c.text("basis", &e.Basis, code, required)
	c.text("case", &e.Case, token, optional)
	c.hashes("of", &e.Of, optional)
	c.integer("of_count", &e.OfCount, required)
	c.hash("of_digest", &e.OfDigest, optional)
	c.text("recipient", &e.Recipient, address, optional)
	c.text("verb", &e.Verb, verb, required)
	c.text("who", &e.Who, token, required)
	c.text("why", &e.Why, code, required)
}

func (e *Op) check() string { return listFits(len(e.Of), e.OfCount, e.OfDigest) }

// listFits judges a list with its count and digest: short lists stand in the leaf, longer ones as digest only.
func listFits(n int, count int64, digest Hash) string {
	if digest.IsZero() != (count <= maxList) {
		return "digest and count do not fit"
	}
	return countFits(n, count)
}

// Erase is a tombstone: it is committed before keys, salts and ciphertexts are destroyed.
type Erase struct {
	Assertion Hash
	Basis     string
	By        string // pseudonym, or the name of the timer that fell due
	Of        []Hash
	OfCount   int64
	OfDigest  Hash
	What      []string // what is destroyed, as content, docket; ascending
}

// Kind returns "erase".
func (*Erase) Kind() string { return "erase" }

func (e *Erase) members(c *codec) {
	c.hash("assertion", &e.Assertion, optional)
	c.text("basis", &e.Basis, code, required)
	c.text("by", &e.By, token, required)
	c.hashes("of", &e.Of, optional)
	c.integer("of_count", &e.OfCount, required)
	c.hash("of_digest", &e.OfDigest, optional)
	c.texts("what", &e.What, code, required)
}

func (e *Erase) check() string { return listFits(len(e.Of), e.OfCount, e.OfDigest) }

// Case is one step of the state machine, as replay folds it again.
type Case struct {
	Assertion Hash // digest of the actor's assertion, where the step needs one
	Case      string
	Decision  string
	Docket    Hash   // salted commitment to the message's docket, else to the local docket of this step
	Due       int64  // the next limit after the event and all that it set off, milliseconds since 1970
	Event     string // its code
	FromState string // left out in the first step
	Manifest  int64  // version of our own manifest under which Rule decided
	Of        Hash   // the message that caused it; in the steps of a draft, the draft
	Policy    Hash   // digest of the policy under which Rule decided
	Rule      string
	ToState   string
	Unit      string // of ours that a message which arrived went to
}

// Kind returns "case".
func (*Case) Kind() string { return "case" }

func (e *Case) members(c *codec) {
	c.hash("assertion", &e.Assertion, optional)
	c.text("case", &e.Case, token, required)
	c.text("decision", &e.Decision, code, optional)
	c.hash("docket", &e.Docket, required)
	c.integer("due", &e.Due, optional)
	c.text("event", &e.Event, code, required)
	c.text("from_state", &e.FromState, code, optional)
	c.integer("manifest", &e.Manifest, optional)
	c.hash("of", &e.Of, optional)
	c.hash("policy", &e.Policy, optional)
	c.text("rule", &e.Rule, code, optional)
	c.text("to_state", &e.ToState, code, required)
	c.text("unit", &e.Unit, token, optional)
}

func (e *Case) check() string {
	if (e.Rule == "") != e.Policy.IsZero() {
		return "one of rule and policy is missing"
	}
	if e.Manifest != 0 && e.Rule == "" {
		return "a manifest without a rule"
	}
	return ""
}

// Policy says that a version of the country's own policy came into force.
type Policy struct {
	Assertion Hash
	Digest    Hash
	Name      string
	Version   int64
}

// Kind returns "policy".
func (*Policy) Kind() string { return "policy" }

func (e *Policy) members(c *codec) {
	c.hash("assertion", &e.Assertion, optional)
	c.hash("digest", &e.Digest, required)
	c.text("name", &e.Name, code, required)
	c.integer("version", &e.Version, required)
}

func (*Policy) check() string { return "" }

// Actor is an enrolment of a person or machine, or a change of its roles. The public part is a side record.
type Actor struct {
	By     []string // pseudonyms of those who attest it, ascending; empty for a founder
	Digest Hash     // of the enrolment: pseudonym, public key, roles, assertions
	Event  string   // as enrol, change, suspend, revoke
	Who    string   // pseudonym
}

// Kind returns "actor".
func (*Actor) Kind() string { return "actor" }

func (e *Actor) members(c *codec) {
	c.texts("by", &e.By, token, optional)
	c.hash("digest", &e.Digest, required)
	c.text("event", &e.Event, code, required)
	c.text("who", &e.Who, token, required)
}

func (*Actor) check() string { return "" }

// Dataset says that a dataset was loaded, from which queries are answered.
type Dataset struct {
	Count  int64 // records
	Digest Hash  // salted
	Name   string
}

// Kind returns "dataset".
func (*Dataset) Kind() string { return "dataset" }

func (e *Dataset) members(c *codec) {
	c.integer("count", &e.Count, required)
	c.hash("digest", &e.Digest, required)
	c.text("name", &e.Name, code, required)
}

func (*Dataset) check() string { return "" }

// Filter is the filter of a day, made for one peer or given to it.
type Filter struct {
	Dataset string
	Day     int64 // as 20261123
	Digest  Hash
}

// Kind returns "filter".
func (*Filter) Kind() string { return "filter" }

func (e *Filter) members(c *codec) {
	c.text("dataset", &e.Dataset, code, required)
	c.integer("day", &e.Day, required)
	c.hash("digest", &e.Digest, required)
}

func (*Filter) check() string { return "" }

// Match is a private query, asked or answered: the digest of what was blinded, evaluated and proven.
type Match struct {
	Count   int64 // elements
	Dataset string
	Digest  Hash // of (B, Z, proof)
	Dir     string
	Peer    string
	Purpose string
}

// Kind returns "match".
func (*Match) Kind() string { return "match" }

func (e *Match) members(c *codec) {
	c.integer("count", &e.Count, required)
	c.text("dataset", &e.Dataset, code, required)
	c.hash("digest", &e.Digest, required)
	c.text("dir", &e.Dir, direction, required)
	c.text("peer", &e.Peer, country, required)
	c.text("purpose", &e.Purpose, code, required)
}

func (*Match) check() string { return "" }

// Alarm is raised by a detector of unusual queries.
type Alarm struct {
	Detector string
	Digest   Hash // of what it found
	Peer     string
}

// Kind returns "alarm".
func (*Alarm) Kind() string { return "alarm" }

func (e *Alarm) members(c *codec) {
	c.text("detector", &e.Detector, code, required)
	c.hash("digest", &e.Digest, required)
	c.text("peer", &e.Peer, country, optional)
}

func (*Alarm) check() string { return "" }

// State commits to the state of all cases after the first Size leaves.
type State struct {
	Size     int64
	Snapshot Hash // digest of the canonical snapshot beside the log
	State    Hash // H(state before || sorted (case, hash) changed since)
}

// Kind returns "state".
func (*State) Kind() string { return "state" }

func (e *State) members(c *codec) {
	c.integer("size", &e.Size, required)
	c.hash("snapshot", &e.Snapshot, optional)
	c.hash("state", &e.State, required)
}

func (*State) check() string { return "" }

// Key is one step in the life of a key of this node.
type Key struct {
	Event     string // as create, publish, activate, retire, revoke, destroy
	Key       Hash   // SHA-256 of the public key; of a data key's salted name
	NotAfter  int64  // milliseconds since 1970
	NotBefore int64
	Use       string // as identity, sealing, log, witness, content
}

// Kind returns "key".
func (*Key) Kind() string { return "key" }

func (e *Key) members(c *codec) {
	c.text("event", &e.Event, code, required)
	c.hash("key", &e.Key, required)
	c.integer("not_after", &e.NotAfter, optional)
	c.integer("not_before", &e.NotBefore, optional)
	c.text("use", &e.Use, code, required)
}

func (*Key) check() string { return "" }

// What a [Dir] leaf is about.
const (
	DirDirectory = "directory"
	DirManifest  = "manifest"
)

// Dir says that a version of the directory, or of a member's manifest, is in force here from now on.
type Dir struct {
	Digest  Hash
	Member  string // whose manifest; left out for the directory
	Prev    Hash   // digest of the version before
	Version int64
	What    string // DirDirectory or DirManifest
}

// Kind returns "dir".
func (*Dir) Kind() string { return "dir" }

var document = enum(DirDirectory, DirManifest)

func (e *Dir) members(c *codec) {
	c.hash("digest", &e.Digest, required)
	c.text("member", &e.Member, country, optional)
	c.hash("prev", &e.Prev, optional)
	c.integer("version", &e.Version, required)
	c.text("what", &e.What, document, required)
}

func (e *Dir) check() string {
	if (e.What == DirManifest) != (e.Member != "") {
		return "a manifest has a member, a directory none"
	}
	return ""
}

// Time holds the digest of an outside time token over a head of this log.
type Time struct {
	Digest Hash
	Root   Hash
	Size   int64
	Time   int64  // as the token says, in milliseconds since 1970
	Type   string // as rfc3161
}

// Kind returns "time".
func (*Time) Kind() string { return "time" }

func (e *Time) members(c *codec) {
	c.hash("digest", &e.Digest, required)
	c.hash("root", &e.Root, required)
	c.integer("size", &e.Size, required)
	c.integer("time", &e.Time, required)
	c.text("type", &e.Type, code, required)
}

func (*Time) check() string { return "" }

// Events of a [Node].
const (
	NodeStart   = "start"
	NodeStop    = "stop"
	NodeRecover = "recover"
	NodeUpgrade = "upgrade"
	NodeRestore = "restore"
)

// Node is one step in the life of the node's program.
type Node struct {
	Digest  Hash // of the report that belongs to it: what a recovery lost, what a restore brought
	Event   string
	Program string // its version
}

// Kind returns "node".
func (*Node) Kind() string { return "node" }

var life = enum(NodeRecover, NodeRestore, NodeStart, NodeStop, NodeUpgrade)

func (e *Node) members(c *codec) {
	c.hash("digest", &e.Digest, optional)
	c.text("event", &e.Event, life, required)
	c.text("program", &e.Program, code, required)
}

func (*Node) check() string { return "" }
