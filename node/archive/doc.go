// Package archive is the form in which a country hands out its log: a folder, or the same tree in one zip, that a stranger
// reads without asking that country. README.md in this folder says what every byte is.
//
// A [Writer] makes an archive from entries given in order, and continues one that is there. A [Reader] opens one strictly:
// every name is looked at, every file is bounded before it is read and has one spelling. What a Reader returns is read,
// not believed: hashes, signatures and the meaning of side records are judged by packages audit and replay.
//
// An archive never holds contents. A limited one (a period, a unit, a case) holds the hashes of all leaves, and the leaves
// that were asked for beside them, so that each is proven to stand where it stands.
package archive
