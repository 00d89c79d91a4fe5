// Package export makes an archive of a store's log: all of it, or what concerns a period, a unit or a case.
//
// It reads a tile at a time, each in a view of its own, so that a node goes on while it is exported and memory holds one
// tile. What it reads is one state all the same: the size is fixed by a checkpoint before it begins, and leaves never
// change. Of the side records that do change, by erasing, it gives what is there when their tile is read.
//
// The same log, the same checkpoint and the same side records give the same archive.
package export
