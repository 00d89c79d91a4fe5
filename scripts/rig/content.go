package rig

import (
	"fmt"
	"math/rand/v2"

	"google.golang.org/protobuf/proto"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// MaxContent is the largest content that Request makes, in bytes.
const MaxContent = 500_000

// textRoom is how much prose one field takes.
const textRoom = 7900

// Request is an invented request for information whose encoding has size bytes, give or take a few; the smallest has about 600.
func Request(from string, size int, r *rand.Rand) *rogatoryv1.Content {
	req := &rogatoryv1.RequestForInformation{
		Urgency: rogatoryv1.Urgency_URGENCY_NORMAL,
		Matter: &rogatoryv1.Matter{
			Purpose:  rogatoryv1.Purpose_PURPOSE_INVESTIGATION,
			Offences: []rogatoryv1.Offence{rogatoryv1.Offence_OFFENCE_SMUGGLING_ENTRY},
			Facts:    "Invented facts.", MaximumPenaltyYears: 8,
		},
		OwnReference:     fmt.Sprintf("EX-%d", r.Uint32()),
		Wants:            []rogatoryv1.Want{rogatoryv1.Want_WANT_VEHICLES},
		Wanted:           "Vehicles that are registered to the invented suspect.",
		ReasonsToBelieve: "An invented residence card.",
		Necessity:        "The vehicles lead to the drivers.",
		Handling: &rogatoryv1.Handling{
			Code: rogatoryv1.HandlingCode_HANDLING_CODE_H0, Onward: rogatoryv1.Onward_ONWARD_DOMESTIC, Judicial: rogatoryv1.Choice_CHOICE_FREE,
		},
		ReplyLanguages: []string{"en"},
	}
	c := &rogatoryv1.Content{
		Language: "en",
		Sender: &rogatoryv1.Sender{
			Authority: rogatoryv1.Authority_AUTHORITY_POLICE, Name: "Invented police of " + from, Officer: "Duty officer",
			Phone: "+381110000000", Email: "duty@police.example",
		},
		Body: &rogatoryv1.Content_Request{Request: req},
	}
	texts := []*string{&req.Matter.Facts}
	for n := 1; n == 1 || n*textRoom < min(size, MaxContent) && n < 90; n++ {
		s := &rogatoryv1.Subject{
			PurposeLink: "Invented organiser.", Target: true,
			Entity: &rogatoryv1.Entity{Id: fmt.Sprintf("p%d", n), Kind: &rogatoryv1.Entity_Person{Person: &rogatoryv1.Person{
				Role:      rogatoryv1.Role_ROLE_SUSPECT,
				Names:     []*rogatoryv1.Name{{Kind: rogatoryv1.NameKind_NAME_KIND_LEGAL, Given: "Testko", Family: "Primerović"}},
				BirthDate: "1990-01-01",
			}}},
		}
		req.Subjects = append(req.Subjects, s)
		texts = append(texts, &s.PurposeLink)
	}
	for _, t := range texts {
		if missing := size - proto.Size(c); missing > 0 {
			*t += prose(min(missing, textRoom-len(*t)), r)
		}
	}
	return c
}

// prose is n bytes of invented words.
func prose(n int, r *rand.Rand) string {
	b := make([]byte, max(n, 0))
	for i := range b {
		b[i] = 'a' + byte(r.IntN(26))
		if i%8 == 0 && i+1 < len(b) {
			b[i] = ' '
		}
	}
	return string(b)
}
