package audit

import "slices"

// Code names a kind of finding. Codes are stable: programs and letters quote them. E stands before what is wrong, W before what
// a reader should know.
type Code string

// The codes.
const (
	CodeRoot        Code = "E-ROOT"
	CodeLeafSig     Code = "E-LEAFSIG"
	CodeSeq         Code = "E-SEQ"
	CodePrev        Code = "E-PREV"
	CodeDup         Code = "E-DUP"
	CodeTime        Code = "E-TIME"
	CodeRcptMissing Code = "E-RCPT-MISSING"
	CodeRcptOther   Code = "E-RCPT-OTHER"
	CodeHead        Code = "E-HEAD"
	CodeRollback    Code = "E-ROLLBACK"
	CodeFork        Code = "E-FORK"
	CodeAbsentPeer  Code = "E-ABSENT-PEER"
	CodeAbsentOwn   Code = "E-ABSENT-OWN"
	CodeDiff        Code = "E-DIFF"
	CodeState       Code = "E-STATE"
	CodeTrans       Code = "E-TRANS"
	CodeRight       Code = "E-RIGHT"
	CodeDeadline    Code = "E-DEADLINE"
	CodeMissing     Code = "E-MISSING"
	CodeKey         Code = "E-KEY"
	CodeCanon       Code = "E-CANON"
	CodeExtra       Code = "E-EXTRA"
	CodeSchema      Code = "E-SCHEMA"
	CodeUnreceipted Code = "W-UNRECEIPTED"
	CodeSkew        Code = "W-SKEW"
	CodeUnwitnessed Code = "W-UNWITNESSED"
	CodeUnknown     Code = "W-UNKNOWN"
)

type severity int

const (
	wrong   severity = iota // the log is not as it must be
	unknown                 // it could not be judged
	notable                 // nothing is wrong; a reader should know
)

// An Explanation tells a person what a code means.
type Explanation struct {
	Code    Code   `json:"code"`
	Title   string `json:"title"`
	Meaning string `json:"meaning"`
	Suspect string `json:"suspect"` // who can have done it
	Do      string `json:"do"`
	weight  severity
}

// explanations are in the order of log.md's list; Codes keeps it.
var explanations = []Explanation{
	{CodeRoot, "The entries do not hash to the root",
		"A leaf, a hash in a tile, or the root is not what the tree of the others makes it. What stands in the archive is not what was signed.",
		"Whoever exported, carried or stored the archive; the log's operator, if a new copy from the node says the same.",
		"Ask for another copy. If it differs as well, compare with the heads that peers hold: the leaf at the index, or one in its tile, was altered after it was signed.", wrong},
	{CodeLeafSig, "A record is not what its leaf commits to, or a signature does not verify",
		"A statement, a signature, a docket, an assertion, an enrolment or a time token beside the leaf is not the one whose digest the leaf holds, or the signature in it is not its signer's.",
		"The log's operator; for an arrived message whose records have the right digests, the operator made the entry up: the peer never signed it.",
		"Treat the entry as forged. Ask the other country for its own log and reconcile the two.", wrong},
	{CodeSeq, "Numbers do not run on",
		"Messages to a peer are numbered 1, 2, 3 in every epoch, in the order of the log. Here a number is missing, too early, or of an epoch that is over.",
		"The log's operator: entries were left out, put into another order, or the history was written anew.",
		"Reconcile with the peer's log: the message with the missing number is there, with this country's signature.", wrong},
	{CodePrev, "A message does not name the one before it",
		"Every message names the one with the number before it. Here the name is another's.",
		"The sender, if its signature verifies: it gave one number to two messages. Else the log's operator, who swapped an entry.",
		"Reconcile with the other side: one of the two logs holds the message that is named.", wrong},
	{CodeDup, "A message or number stands twice",
		"A message was accepted or numbered twice, or two messages have one number.",
		"The log's operator; a sender, if two different messages carry its signature and one number.",
		"Keep both: two signed messages with one number prove that their sender lied, whoever sent them.", wrong},
	{CodeTime, "Time runs backwards",
		"A leaf is older than the one before it, which a node never writes: it keeps the time of the last leaf when its clock goes back. Or a message of the log's country says that it was submitted at another time than its leaf, by more than two minutes. Or a time token was there before the leaf that names it, or before leaves that it stands over: a node takes none that its own times contradict.",
		"The log's operator: the entry was written later, or put elsewhere, or says another time than it was.",
		"Compare with the times of receipts, of cosignatures and of time tokens around the index.", wrong},
	{CodeRcptMissing, "A receipt is claimed and not there",
		"The log says that it holds a peer's receipt, and the receipt's leaf, its path or its checkpoint is not in the archive.",
		"The log's operator, who lost or deleted it; whoever made the archive.",
		"Ask the peer: a receipt can be made anew at any time from its log.", wrong},
	{CodeRcptOther, "A receipt is for something else, or proves nothing",
		"The leaf that is shown as a receipt is not in the peer's tree, was not signed by the peer's log, or speaks of another message than ours.",
		"The log's operator, if the signature or path fails; the peer, if both hold and its leaf says something else than what was sent.",
		"Reconcile with the peer's log. What the peer has signed binds the peer.", wrong},
	{CodeHead, "A head or the genesis is not this log's",
		"A checkpoint, a cosigned head or the first leaf is not the one that this tree has, that the directory names, or that a quorum stands behind.",
		"The log's operator: the history was signed anew, or another one was shown to witnesses.",
		"Ask members for the heads of this log that they hold. Two signed heads of one size with different roots prove a fork.", wrong},
	{CodeRollback, "A head went back",
		"A larger head of this log exists elsewhere, or a witness cosigned a smaller head after a larger one: a copy of an older state took the place of the newer.",
		"The operator of the log that went back: a backup was restored without the recovery that a restore takes.",
		"The node's operator recovers with the next log, which names the last provable head. What was lost is named in its first leaves.", wrong},
	{CodeFork, "Two histories",
		"There is proof, signed by its keeper, that a log showed two different entries or heads where there can be one, or that a member gave one number to two messages.",
		"Whoever signed both.",
		"Keep the proof. Stop cosigning that log, tell all members: anybody can check the proof with the directory alone.", wrong},
	{CodeAbsentPeer, "The peer's log lacks what this one has",
		"A message stands in this log, receipted or received, and its counterpart is not in the peer's.",
		"The peer's operator, if its receipt is here; else this log's.",
		"Look at the receipt: rogatory-audit prove and check. A receipt for an entry that the log does not have proves a fork.", wrong},
	{CodeAbsentOwn, "This log lacks what the peer has",
		"The peer's log holds a message or a receipt of this country that is not in this log.",
		"This log's operator, if the signature under it verifies.",
		"Take the peer's record as evidence: it carries this country's signature.", wrong},
	{CodeDiff, "Two logs say different things of one message",
		"Both logs hold the message and disagree about what it fixes: sender, number, predecessor or commitments.",
		"The one whose leaf does not follow from the message's own bytes, which the sender signed.",
		"Hash the message's bytes: its name decides which log tells the truth.", wrong},
	{CodeState, "The state is another one",
		"The state of a case, or of all cases, that the log states does not follow from the entries before it.",
		"The log's operator: an entry was left out or changed, or the node did not keep to its rules.",
		"Replay with --at to the index before, and compare.", wrong},
	{CodeTrans, "A step that the rules do not allow",
		"A case made a step that its state does not let it make, or that this actor may not make.",
		"The log's operator, whose node refuses such steps.",
		"Show the case: the steps before it tell what was possible.", wrong},
	{CodeRight, "Done without the right to do it",
		"The act lacks an assertion, or its actor had no right to it: not on the register, not of the unit, the drafter's own approval, no justification, or a decision that the rules do not give.",
		"The officer named, if the signature verifies; the log's operator, if it is missing.",
		"Ask the country's supervisory authority who stands behind the pseudonym, and on what ground it was done.", wrong},
	{CodeDeadline, "A deadline is not what the rules make it",
		"A limit was moved, or something that must come within a time came late or not at all.",
		"The log's operator, or the officer who let it pass.",
		"Show the case: the receipt that starts the clock, and the delay notices, stand in it.", wrong},
	{CodeMissing, "Something that must be there is not",
		"A file, a record beside a leaf, or an entry that another one names is missing, and no tombstone says that it was erased.",
		"Whoever made the archive; the log's operator, who destroyed it without saying so.",
		"Ask for a complete export. If it is missing there too, it was destroyed outside the rules.", wrong},
	{CodeKey, "A key that was not valid then, or a directory that is not the auditor's",
		"The signing key does not lead back to the directory, was not in force at this point of the log, or the directory or manifest that the log names is not the one that the members signed. Of a time token: the roots that you gave do not vouch for its authority at its time.",
		"The log's operator, or whoever holds an old or stolen key; of a time token nobody, if you trust other authorities than the country does.",
		"Compare the directory's digest with another member. What was signed outside a key's time counts for nothing.", wrong},
	{CodeCanon, "Not in its one canonical form",
		"Bytes that may be spelled in one way only are spelled in another: white space, order, slack bits, a line too many.",
		"Whoever wrote or carried the file. No node writes such bytes.",
		"Ask for another copy, and compare the two.", wrong},
	{CodeExtra, "Something that has no place there",
		"A file or record stands in the archive that nothing in the log commits to.",
		"Whoever made or carried the archive.",
		"Do not believe what it says. Ask for another copy.", wrong},
	{CodeSchema, "An entry that fits no schema",
		"A leaf is canonical and of no known kind, or lacks a member, or one is out of its bounds.",
		"The log's operator; a damaged copy shows as E-ROOT as well.",
		"If a newer version of the node wrote it, use a newer auditor.", wrong},
	{CodeUnreceipted, "No receipt yet",
		"A message was sent and its receipt is not in the log. It may be under way, the peer may be away, or it keeps silent.",
		"Nobody as such; a peer that stalls, if it lasts.",
		"Reconcile with the peer's log: if the message is there, the receipt is owed.", notable},
	{CodeSkew, "Clocks disagree",
		"The time of an entry does not fit the times that others signed around it, by more than two minutes.",
		"The log's operator, or the other side: one of two clocks was wrong, or was set.",
		"Compare with other peers' receipts of the same hour: they tell whose clock it was.", notable},
	{CodeUnwitnessed, "No quorum stands behind it",
		"From this index on no head was cosigned by two thirds of the members and one more. The log could still be rewritten there without a witness noticing.",
		"Nobody as such: rounds take a minute, and peers may be away.",
		"Export again later. If it stays, ask the members why they do not cosign.", unknown},
	{CodeUnknown, "Could not be judged",
		"Something is newer than this program or than the directory that the auditor holds, or does not lie within a limited archive.",
		"Nobody.",
		"Get the newest directory from another member, or the newest version of this program, and audit again.", unknown},
}

// Codes lists all codes.
func Codes() []Code {
	list := make([]Code, len(explanations))
	for i := range explanations {
		list[i] = explanations[i].Code
	}
	return list
}

// Explain returns what a code means; false for an unknown one.
func Explain(code Code) (Explanation, bool) {
	i := slices.IndexFunc(explanations, func(e Explanation) bool { return e.Code == code })
	if i < 0 {
		return Explanation{}, false
	}
	return explanations[i], true
}

func severityOf(code Code) severity {
	e, _ := Explain(code)
	return e.weight // an unknown code is wrong
}
