package desk

import (
	"context"

	"github.com/rogatory/rogatory/node/exchange"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
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
