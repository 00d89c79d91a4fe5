package desk

import (
	"context"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// keepOn keeps a reviewed case, or gives up the proposal to erase one message.
func (a *deed) keepOn(ctx context.Context) (*nodev1.CommitResponse, error) {
	if len(a.act.GetSubject()) == 0 {
		return a.onCase(ctx, exchange.EventKeep, nil)
	}
	if err := a.verifyOnCase(); err != nil {
		return nil, err
	}
	return a.move(ctx, exchange.EventKeepItem, exchange.Name(a.act.GetSubject()), nil)
}

// reasonOf is the coded reason of an assertion that was verified.
func reasonOf(a *rogatoryv1.Assertion) string {
	act, err := federation.ParseAct(a.GetAct())
	if err != nil {
		return ""
	}
	return act.GetReason()
}
