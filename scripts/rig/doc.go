// Package rig runs a small federation as real processes: a broker with TLS and a node for each country, all of them this same
// program started again. The crash test and the benchmark stand on it.
//
// A program that uses it passes its first steps on:
//
//	if len(os.Args) > 1 && os.Args[1] == rig.ChildArg {
//		os.Exit(rig.Child(os.Args[2:]))
//	}
//
// Everything of a cluster lies in one folder. A child ends when its standard input does, so that nothing outlives the program that
// started it, however that ended.
package rig

// ChildArg is the first argument of a program that is to be a child.
const ChildArg = "child"
