package rules

import "errors"

// ErrRules says that a policy table, calendar or limit contradicts itself.
var ErrRules = errors.New("rules not usable")
