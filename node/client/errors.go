package client

import (
	"errors"
	"fmt"
	"strings"

	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

// Dialling.
var (
	// ErrAddress means that neither a socket nor an address was given, or both.
	ErrAddress = errors.New("give the node's socket, or its address with certificates")
	// ErrCertificate means that certificate, key or authority are no such, or do not belong together.
	ErrCertificate = errors.New("no use as a certificate")
)

// Before signing.
var (
	// ErrNoOfficer means that the client has no officer's key, so it can sign nothing.
	ErrNoOfficer = errors.New("no officer's key")
	// ErrCaseToken says that what is named as a case is not a case token.
	ErrCaseToken = errors.New("not a case token")
	// ErrCode says that a reason, pseudonym or unit has another form than the log takes.
	ErrCode = errors.New("not a code")
	// ErrNotOnRegister means that the node's register holds nobody with the officer's key.
	ErrNotOnRegister = errors.New("the officer's key is not on the node's register")
	// ErrNotAsked means that the node prepared something else than it was asked to; nothing was signed.
	ErrNotAsked = errors.New("the node prepared something else than was asked")
)

// ErrExport means that the node sent something that is no export, or not all of it. What was written so far is completed by the next one.
var ErrExport = errors.New("no complete export came")

// ErrHead means that the node answered with something that is no head of a log.
var ErrHead = errors.New("program and node do not understand each other")

// FindingsError means that the linter stopped the message. It carries what the linter says.
type FindingsError struct{ Findings []*nodev1.Finding }

// Error lists the codes and paths of what stops the message, without the texts.
func (e *FindingsError) Error() string {
	var parts []string
	for _, f := range e.Findings {
		if !f.GetWarning() {
			parts = append(parts, strings.TrimSpace(f.GetCode()+" "+f.GetPath()))
		}
	}
	return fmt.Sprintf("the message would be refused: %s", strings.Join(parts, "; "))
}
