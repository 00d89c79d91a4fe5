package transport

import "fmt"

// Allowed are the subjects that a user may publish and subscribe; everything else is denied.
type Allowed struct {
	Publish   []string
	Subscribe []string
}

// Permissions returns what the user of country may do on the backbone, among countries.
//
// Publishing names each recipient and never the country itself. JetStream's acks are allowed for the country's own mailbox
// only, in both forms that servers use; the form with a domain is allowed for no domain ("_"), because a wildcard there would also match acks
// of other mailboxes.
func Permissions(country string, countries []string) (Allowed, error) {
	if err := checkCountry(country); err != nil {
		return Allowed{}, err
	}
	box := mailStream(country)
	a := Allowed{
		Publish: []string{
			subjectPrefix + "all.*." + country,
			"$JS.API.DIRECT.GET." + statementsStream,
			"$JS.ACK." + box + ".>",
			"$JS.ACK._.*." + box + ".>",
		},
		Subscribe: []string{
			subject(country, laneCall, "*"),
			subject(country, laneReply, "*"),
			subjectPrefix + "all.>",
			inboxPrefix(country) + ".>",
		},
	}
	member := false
	for _, peer := range countries {
		if err := checkCountry(peer); err != nil {
			return Allowed{}, err
		}
		if peer == country {
			member = true
			continue
		}
		for _, l := range []lane{laneMail, laneCall, laneReply} {
			a.Publish = append(a.Publish, subject(peer, l, country))
		}
		a.Publish = append(a.Publish, "$JS.API.CONSUMER.MSG.NEXT."+box+"."+peer)
	}
	if !member {
		return Allowed{}, fmt.Errorf("%s: %w", country, ErrCountry)
	}
	return a, nil
}
