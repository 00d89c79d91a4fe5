package store

import (
	"errors"

	"github.com/rogatory/rogatory/node/store/backup"
	"github.com/rogatory/rogatory/node/store/batch"
	"github.com/rogatory/rogatory/node/store/disk"
	"github.com/rogatory/rogatory/node/store/guard"
	"github.com/rogatory/rogatory/node/store/keys"
	"github.com/rogatory/rogatory/node/store/rows"
)

// Errors of opening.
var (
	// ErrLocked says that another process has the store open.
	ErrLocked = disk.ErrLocked
	// ErrForeign says that a file is not this node's store, or not a store at all.
	ErrForeign = disk.ErrForeign
	// ErrSchema says that the store was written by a later version of this program.
	ErrSchema = disk.ErrSchema
	// ErrKeysMissing says that main.db is there and keys.db is not.
	ErrKeysMissing = errors.New("keys.db is missing")
	// ErrRollback says that the head guard has seen more of the log than the database holds.
	ErrRollback = guard.ErrRollback
	// ErrGuard says that the head guard is there and cannot be read.
	ErrGuard = guard.ErrDamaged
)

// Errors of writing.
var (
	// ErrDisk says that a file could not be written. Nothing of the transaction is there, [ErrUnguarded] excepted.
	ErrDisk = disk.ErrWrite
	// ErrUnguarded says that the transaction is committed and its head is not yet in the guard: nothing that depends
	// on it may be sent. The store goes on trying.
	ErrUnguarded = errors.New("committed, but the head guard could not be written")
	// ErrBroken says that an earlier commit ended without anybody knowing how. Restarting finds out.
	ErrBroken = errors.New("store must be opened anew")
	// ErrClosed says that the store was closed.
	ErrClosed = batch.ErrClosed
	// ErrChore says that the transaction is committed and work in keys.db that follows it is not done. It is done
	// again with the next such work and at the next start.
	ErrChore = errors.New("committed, but keys.db does not follow yet")
)

// Errors of rows.
var (
	// ErrNotFound says that there is no such row.
	ErrNotFound = rows.ErrNotFound
	// ErrExists says that there is such a row already, and that it differs.
	ErrExists = errors.New("exists already")
	// ErrErased says that the content was erased.
	ErrErased = errors.New("content is erased")
	// ErrKey says that a content's key is missing, or does not open it.
	ErrKey = keys.ErrKey
	// ErrInvalid says that a row breaks a rule of the store.
	ErrInvalid = errors.New("row is not valid")
	// ErrTooLarge says that a value is larger than the store takes.
	ErrTooLarge = errors.New("larger than the store takes")
	// ErrInconsistent says that [Store.Check] found something.
	ErrInconsistent = errors.New("store is inconsistent")
)

// Errors of backups.
var (
	// ErrTooOld says that a backup of keys is older than they may be kept.
	ErrTooOld = backup.ErrTooOld
	// ErrNotEmpty says that the folder to write to has something in it.
	ErrNotEmpty = backup.ErrNotEmpty
)

// RollbackError proves [ErrRollback]: it carries the two heads.
type RollbackError = guard.RollbackError

// Fatal reports whether err says that the store is of no use any more, until it is opened anew.
func Fatal(err error) bool { return errors.Is(err, ErrBroken) || errors.Is(err, ErrClosed) }

// Hint returns what a person can do about err, in one sentence, or "" when there is nothing to say.
func Hint(err error) string {
	for _, h := range hints {
		if errors.Is(err, h.err) {
			return h.text
		}
	}
	return ""
}

var hints = []struct {
	err  error
	text string
}{
	{ErrLocked, "stop the other rogatory-node of this folder, or name another folder"},
	{ErrForeign, "name the folders of data and guard that this country's node was made with"},
	{ErrSchema, "start the newer version of rogatory-node again"},
	{ErrKeysMissing, "put keys.db back beside main.db, or restore both from one backup"},
	{ErrRollback, "put the newest data folder and head guard back; if they are lost: rogatory-node recover, which opens the next log and has the peers give back what they have"},
	{ErrGuard, "move the head guard's file away; the node then asks its peers how far its log had come"},
	{ErrUnguarded, "free space on the disk of the head guard; the store goes on trying"},
	{ErrChore, "free space on the disk; the key is destroyed or wrapped anew with the next such work or restart"},
	{ErrBroken, "restart the node"},
	{ErrDisk, "free space on the disk, or look for its faults in the system's log; then repeat what you did"},
	{ErrKey, "restore keys.db from the newest backup, or name the unit's right key"},
	{ErrTooOld, "use a newer backup"},
	{ErrNotEmpty, "name an empty folder, or one that does not exist"},
	{ErrInconsistent, "stop the node, keep a copy of the folder, and restore the newest backup"},
}
