// Package store keeps what a node must not lose: its cases, the messages that wait for a receipt, the messages that have
// arrived, the signed log above all of them, and the contents under their keys.
//
// Two bbolt files lie in one folder. main.db holds everything but keys; keys.db holds one random key for each content,
// wrapped under the key of the unit that may read it, so that a content is erased for good by destroying 60 bytes. A third
// file, the head guard, lies outside the folder and outside its backups: it remembers how far the log had come, so that an
// older copy of the folder cannot pass for the newest.
//
// All writing goes through [Store.Update]. What happens in one call is there after a crash wholly or not at all: the
// state of a case, the leaves that say why, the entry of the outbox. Calls that wait at the same moment are committed
// together, which is why a function given to Update may run more than once. All reading goes through [Store.View], or
// through the methods of [Tx] in the middle of an Update; what they return belongs to the caller.
//
// [Store.Head] is the only head that may be signed: it is committed, and the guard knows it.
//
// The methods that read are on [Reader] and those that write on [Tx], a file for each noun: they are one package because what they write is one transaction.
// The rows are the messages of proto/rogatory/store/v1; bucket.go lists the buckets. Nothing here decides anything, seals anything or knows what a case means.
//
// What is an idea of its own is below, and knows nothing of this package:
//
//	batch   what waits at the same moment is done together
//	leaves  the logs' leaves in a bucket, and the trees over them
//	keys    keys.db
//	guard   what lies outside the folder: the head guard, and what must stay erased
//	backup  the folder of a copy
//	rows    keys that sort, values that are messages, long ones in pieces
//	disk    files: locked, named, overwritten
//
// What is left is in these files:
//
//	store, files, steps        opening and closing; what a crash leaves at each step
//	update, tx, bucket         the transaction: a batch of calls, committed and guarded; the list of buckets
//	log, logs, side, signature leaves and what stands beside them
//	message, outbox, seen, peer, witness, parked, attachment, content, case, number, draft, act
//	                           the nouns
//	erase, backup, restore     what is destroyed stays so
//	recover, nextlog, returned the next log after a rollback, and what peers give back
//	check, check_rows          everything held against everything else
package store
