package proofreading

import (
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/lint"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Quoted returns the items of a unit's case that a content quotes, so that the linter can compare how they are handled. Items of other cases
// are not looked for: the linter then says that it could not compare.
func (p *Reader) Quoted(token, unit string, content *rogatoryv1.Content) (map[lint.ItemKey]*rogatoryv1.Item, error) {
	refs := refsOf(content)
	if len(refs) == 0 || token == "" {
		return nil, nil
	}
	found := map[lint.ItemKey]*rogatoryv1.Item{}
	err := p.store.View(func(r *store.Reader) error {
		c, err := casefile.Load(r, token)
		if err != nil || !c.Told || c.Unit != unit {
			return err
		}
		read := map[exchange.Name][]*rogatoryv1.Item{}
		for _, ref := range refs {
			if len(ref.GetMsg()) != len(exchange.Name{}) {
				continue
			}
			name := exchange.Name(ref.GetMsg())
			m, ok := c.Message(name)
			if !ok {
				continue
			}
			items, known := read[name]
			if !known {
				kept, err := c.Read(r, int64(m.Index), p.log)
				if err != nil {
					return err
				}
				items = itemsOf(kept.GetContent())
				read[name] = items
			}
			if i := ref.GetItem(); int64(i) < int64(len(items)) {
				found[lint.ItemKey{Msg: name, Item: i}] = items[i]
			}
		}
		return nil
	})
	return found, err
}

// itemsOf returns the items that a content hands over, by their numbers.
func itemsOf(c *rogatoryv1.Content) []*rogatoryv1.Item {
	switch b := c.GetBody().(type) {
	case *rogatoryv1.Content_Reply:
		return b.Reply.GetItems()
	case *rogatoryv1.Content_FiuReply:
		return b.FiuReply.GetItems()
	case *rogatoryv1.Content_Spontaneous:
		return b.Spontaneous.GetItems()
	case *rogatoryv1.Content_Joint:
		return b.Joint.GetAddEvidence().GetItems()
	case *rogatoryv1.Content_Correction:
		return b.Correction.GetCorrected()
	}
	return nil
}

// refsOf returns what a content quotes.
func refsOf(c *rogatoryv1.Content) (refs []*rogatoryv1.ItemRef) {
	for _, i := range itemsOf(c) {
		refs = append(refs, i.GetQuotes()...)
	}
	var subjects []*rogatoryv1.Subject
	switch b := c.GetBody().(type) {
	case *rogatoryv1.Content_Request:
		subjects = b.Request.GetSubjects()
	case *rogatoryv1.Content_FiuRequest:
		subjects = b.FiuRequest.GetSubjects()
	case *rogatoryv1.Content_ClarificationAnswer:
		subjects = b.ClarificationAnswer.GetSubjects()
	}
	for _, s := range subjects {
		refs = append(refs, s.GetQuotes()...)
	}
	return refs
}
