// Package attack holds tests only: what an operator with all keys of a country does to its log, each act with the commands and codes that must
// find it; random lies in random histories; honest histories, in which nothing must be found; every bit of an export. What is found by whom
// stands in the README of package audit, which is compared with the tests.
package attack
