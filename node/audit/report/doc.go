// Package report tells people what logs come to: statistics of a year, and one page that says what was verified and what was found.
//
// # Statistics
//
// [Count] counts requests from dockets alone, modelled on Directive (EU) 2023/977 article 18: no content is needed, so the figures are the
// same before and after contents are erased. It folds each log as package replay does. A case whose dockets' term is over is taken from the
// snapshots beside the `state` leaves, as far as they still have it; how many cases and authorities are missing stands beside the figures.
//
// A request belongs to the year, in UTC, in which it was submitted, on both sides. A reopened case is one request. What became of it is as
// the log has it at its end. What is counted has not been verified: verify and replay do that.
//
// # Small cells
//
// A figure from 1 to 4 is not shown. So that nobody can take it from a total, a column that hides one figure hides another, the smallest
// first, as long as what is hidden could be computed; a figure that stands in two tables, of one country or of two, is hidden in both; a
// total that is hidden hides its whole column. Tables whose total is a figure of another divide that one and no other, so that no two
// tables together tell more than each. Totals that make no sum (grounds, delays) are not given.
package report
