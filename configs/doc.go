// Package configs reads the configuration of a node, strictly: a key that is not known, a key given twice, a value of the
// wrong kind or outside its bounds is a mistake, and Load reports all mistakes of a file at once, each with its place, the
// line and what to write instead.
//
// The comments on the fields of Node are the reference. node.yaml, beside this file and embedded in it, is the same in the
// form of an example; a test keeps the two equal.
//
// The package reads one file and nothing else: it opens no key, no store and no socket, and it never sees a passphrase.
package configs
