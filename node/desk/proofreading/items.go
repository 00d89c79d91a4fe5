package proofreading

import (
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Findings about items of the case.
const (
	// FindingItem: consent is asked for an item that its message does not carry.
	FindingItem = "no-such-item"
	// FindingNotRefused: an objection disputes what was not refused.
	FindingNotRefused = "not-refused"
)

// Unfitting finds what a content says of items that its case, if it is the unit's, does not have.
func (p *Reader) Unfitting(token, unit string, content *rogatoryv1.Content, language string) (findings []*nodev1.Finding, err error) {
	consents, disputed := content.GetConsentRequest().GetItems(), content.GetObjection().GetItems()
	if token == "" || len(consents)+len(disputed) == 0 {
		return nil, nil
	}
	err = p.store.View(func(r *store.Reader) error {
		c, err := casefile.Load(r, token)
		if err != nil || !c.Told || c.Unit != unit {
			return err
		}
		for i, item := range consents {
			count, known, err := carried(r, c, item.GetRef().GetMsg())
			if err != nil {
				return err
			}
			if known && item.GetRef().GetItem() >= count {
				findings = append(findings, finding(FindingItem, fmt.Sprintf("content.consentRequest.items[%d].ref.item", i), language,
					map[string]string{"item": fmt.Sprint(item.GetRef().GetItem()), "count": fmt.Sprint(count)}))
			}
		}
		refused := c.Refusals()
		for i, item := range disputed {
			if len(refused) > 0 && !slices.ContainsFunc(refused, func(x exchange.Refusal) bool { return x.Want == item }) {
				findings = append(findings, finding(FindingNotRefused, fmt.Sprintf("content.objection.items[%d]", i), language,
					map[string]string{"item": item.String()}))
			}
		}
		return nil
	})
	return findings, err
}

// carried is how many items a message of the case carries; false when it is not here.
func carried(r *store.Reader, c *casefile.File, name []byte) (count uint32, known bool, err error) {
	if len(name) != len(exchange.Name{}) {
		return 0, false, nil
	}
	m, ok := c.Message(exchange.Name(name))
	if !ok {
		return 0, false, nil
	}
	row, err := r.Message(int64(m.Index))
	if err != nil || len(row.GetDocket()) == 0 {
		return 0, false, err
	}
	docket, err := casefile.ParseDocket(row.GetDocket())
	return docket.GetCounts().GetItems(), err == nil, err
}
