// Package rules is what the steps of a case are judged by and that is neither case nor event: the table of legal limits, the zones and holidays
// of the directory, and the country's own policy of who may send something alone. It computes deadlines.
//
// It is pure, and all of it is an input whose digest is logged, so that an auditor judges by the same.
package rules
