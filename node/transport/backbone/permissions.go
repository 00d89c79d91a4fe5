package backbone

import (
	"fmt"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/call"
)

// Allowed is what a member may do on the backbone; everything else is denied.
//
// Publish and Subscribe are the permissions of its user. Services and Queries are what its account imports from the
// hub's account, which owns the streams: services answer once or never, queries answer several times. Exports are the
// streams of messages that its account offers to the other members', Imports those it takes from theirs.
type Allowed struct {
	Publish   []string
	Subscribe []string

	Services []string
	Queries  []string
	Exports  []string
	Imports  []Import
}

// Import is a stream of messages from a peer's account.
type Import struct {
	Peer    string
	Subject string
}

// Permissions returns what country may do among countries.
//
// Publishing names each recipient and never the country itself. JetStream's acks are allowed for the country's own mailbox
// only, in both forms that servers use; the form with a domain is allowed for no domain ("_"), because a wildcard there would also
// match acks of other mailboxes.
//
// Each member needs an account of its own; see package broker for why a user's permissions alone do not suffice.
func Permissions(country string, countries []string) (Allowed, error) {
	if err := transport.CheckCountry(country); err != nil {
		return Allowed{}, err
	}
	box := mailStream(country)
	acks := []string{"$JS.ACK." + box + ".>", "$JS.ACK._.*." + box + ".>"}
	a := Allowed{
		Publish: append([]string{
			statementSubject("*", country),
			"$JS.API.DIRECT.GET." + statementsStream,
		}, acks...),
		Subscribe: []string{
			subject(country, call.LaneCall, "*"),
			subject(country, call.LaneReply, "*"),
			statementSubject("*", "*"),
			inboxPrefix(country) + ".>",
		},
		Services: append([]string{
			statementSubject("*", country),
			subject("*", laneMail, country),
		}, acks...),
		Queries: []string{
			"$JS.API.DIRECT.GET." + statementsStream,
			"$JS.API.CONSUMER.MSG.NEXT." + box + ".*",
		},
		Exports: []string{
			subject("*", call.LaneCall, country),
			subject("*", call.LaneReply, country),
			statementSubject("*", country),
		},
	}
	member := false
	for _, peer := range countries {
		if err := transport.CheckCountry(peer); err != nil {
			return Allowed{}, err
		}
		if peer == country {
			member = true
			continue
		}
		for _, l := range []call.Lane{laneMail, call.LaneCall, call.LaneReply} {
			a.Publish = append(a.Publish, subject(peer, l, country))
		}
		a.Publish = append(a.Publish, "$JS.API.CONSUMER.MSG.NEXT."+box+"."+peer)
		a.Imports = append(a.Imports,
			Import{peer, subject(country, call.LaneCall, peer)},
			Import{peer, subject(country, call.LaneReply, peer)},
			Import{peer, statementSubject("*", peer)})
	}
	if !member {
		return Allowed{}, fmt.Errorf("%s: %w", country, transport.ErrCountry)
	}
	return a, nil
}
