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
// The methods that read are on [Reader] and those that write on [Tx], a file for each noun. The rows are the messages of
// proto/rogatory/store/v1. Nothing here decides anything, seals anything or knows what a case means.
package store
