package lint

import (
	"bytes"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/lint/ident"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// message checks what an entity, or another message inside a body, needs wherever it stands.
func (l *linter) message(m proto.Message) {
	switch m := m.(type) {
	case *rogatoryv1.Entity:
		l.entity(m)
	case *rogatoryv1.Person:
		l.person(m)
	case *rogatoryv1.Name:
		l.something("", m.Given, m.Family, m.Full)
	case *rogatoryv1.NationalNumber:
		l.nationalNumber(m)
	case *rogatoryv1.Organisation:
		l.need(m.Name != "", "name")
		l.ordered(m.Founded, m.Dissolved, "dissolved")
	case *rogatoryv1.MeansOfTransport:
		l.something("", m.Plate, m.Vin, m.Imo, m.Container, m.Aircraft, m.Description)
		if m.Plate != "" {
			l.need(m.Country != "", "country")
		}
	case *rogatoryv1.Document:
		l.document(m)
	case *rogatoryv1.Firearm:
		l.something("", m.SerialNumber, m.Make, m.Model, m.Description)
	case *rogatoryv1.MeansOfPayment:
		if m.Means == nil {
			l.err(Nothing, "")
		}
	case *rogatoryv1.Account:
		l.something("", m.Iban, m.Number)
		l.ordered(m.Opened, m.Closed, "closed")
		if m.Balance != nil {
			l.need(m.BalanceDate != "", "balanceDate")
		}
	case *rogatoryv1.AccountParty:
		l.need(m.Role != 0, "role")
		if m.Party == nil {
			l.err(Nothing, "")
		}
		l.refer(m.GetEntity(), "entity")
	case *rogatoryv1.Card:
		l.something("", string(m.NumberSha256), m.FirstDigits, m.LastDigits)
	case *rogatoryv1.Wallet:
		l.need(m.Chain != "", "chain")
		l.need(m.Address != "", "address")
		if m.Address != "" && ident.Chain(m.Chain) == ident.FaultNone {
			l.identifier("address", "wallet", ident.Wallet(m.Chain, m.Address))
		}
	case *rogatoryv1.Transfer:
		l.need(m.Reference != "", "reference")
	case *rogatoryv1.Money:
		l.need(m.Amount != "", "amount")
		l.need(m.Currency != "", "currency")
	case *rogatoryv1.MeansOfCommunication:
		l.communication(m)
	case *rogatoryv1.InternetAddress:
		l.need(m.Address != "", "address")
		l.need(m.At != "", "at")
	case *rogatoryv1.PlatformAccount:
		l.need(m.Platform != "", "platform")
		l.something("", m.Handle, m.Number)
	case *rogatoryv1.Location:
		if m.Address == nil && m.Coordinates == nil {
			l.something("", m.CrossingPoint, m.Description)
		}
	case *rogatoryv1.Address:
		l.something("", m.Street, m.PostalCode, m.Town, m.Region, m.Country)
	case *rogatoryv1.Coordinates:
		l.degrees(m.Latitude, 90, "latitude")
		l.degrees(m.Longitude, 180, "longitude")
	case *rogatoryv1.Event:
		l.need(m.Kind != 0, "kind")
		for i, p := range m.Participants {
			l.refer(p, at("participants", i))
		}
	case *rogatoryv1.Connection:
		l.connection(m)
	case *rogatoryv1.Period:
		l.period(m)
	case *rogatoryv1.Handling:
		l.handling(m)
	case *rogatoryv1.Evaluation:
		if m.Source == 0 || m.Information == 0 {
			l.err(Evaluation, "")
		}
	case *rogatoryv1.ItemRef:
		l.need(len(m.Msg) > 0, "msg")
	case *rogatoryv1.HitRef:
		l.need(len(m.Msg) > 0, "msg")
	case *rogatoryv1.Transaction:
		l.need(m.Date != "", "date")
		l.need(m.Mode != 0, "mode")
		l.need(m.Amount != nil, "amount")
		if m.From == nil && m.To == nil {
			l.err(Nothing, "")
		}
	case *rogatoryv1.TransactionParty:
		if m.Party == nil && m.Country == "" {
			l.err(Nothing, "")
		}
		l.refer(m.GetEntity(), "entity")
	case *rogatoryv1.OutsideReference:
		l.need(m.System != "", "system")
		l.need(m.Reference != "", "reference")
	case *rogatoryv1.Attachment:
		l.attachment(m)
	case *rogatoryv1.Subject:
		l.subject(m)
	case *rogatoryv1.Item:
		l.item(m)
	case *rogatoryv1.Question:
		l.need(m.Text != "", "text")
	case *rogatoryv1.RefusedItem:
		l.need(m.Item != 0, "item")
		l.need(m.Ground != 0, "ground")
		l.need(m.Explanation != "", "explanation")
		l.ground(m.Ground)
	case *rogatoryv1.Postponement:
		l.need(m.Reason != 0, "reason")
		l.need(m.Until != "", "until")
		l.need(m.Explanation != "", "explanation")
	case *rogatoryv1.ConsentItem:
		l.need(m.Ref != nil, "ref")
		l.need(m.Purpose != 0, "purpose")
	case *rogatoryv1.ConsentAnswer:
		l.consentAnswer(m)
	case *rogatoryv1.JointLeader:
		l.need(m.Unit != "", "unit")
	}
}

// something notes that none of the fields that would make the message useful is filled.
func (l *linter) something(field string, values ...string) {
	for _, v := range values {
		if v != "" {
			return
		}
	}
	l.err(Nothing, field)
}

// refer notes a reference to an entity of the content.
func (l *linter) refer(id, field string) {
	if id != "" {
		l.refs = append(l.refs, entityRef{id, string(l.path) + "." + field})
	}
}

func (l *linter) entity(e *rogatoryv1.Entity) {
	if e.Kind == nil {
		l.err(Nothing, "")
	}
	if e.Id == "" {
		return
	}
	if _, ok := l.ids[e.Id]; ok {
		l.err(Duplicate, "id")
		return
	}
	l.ids[e.Id] = string(l.path)
}

// person checks that a person has a role, and something to be known by; an informant has a code and nothing else.
func (l *linter) person(p *rogatoryv1.Person) {
	if p.Role == 0 {
		l.err(Role, "role")
	}
	if p.Role == rogatoryv1.Role_ROLE_INFORMANT {
		l.need(p.SourceCode != "", "sourceCode")
		if !proto.Equal(p, &rogatoryv1.Person{Role: p.Role, SourceCode: p.SourceCode}) {
			l.err(InformantNamed, "")
		}
		return
	}
	if p.SourceCode != "" {
		l.err(Contradicts, "sourceCode", Param{"field", "role"})
	}
	if len(p.Names) == 0 && len(p.Documents) == 0 && len(p.NationalNumbers) == 0 && len(p.Communications) == 0 {
		l.something("", p.Description)
	}
	l.ordered(p.BirthDate, p.DeathDate, "deathDate")
	for i, n := range p.NationalNumbers[:min(len(p.NationalNumbers), maxList)] {
		if day := ident.BirthDate(n.Kind, n.Value); day != "" && p.BirthDate != "" && !strings.HasPrefix(day, p.BirthDate) {
			l.warn(BirthDate, at("nationalNumbers", i)+".value")
		}
	}
}

func (l *linter) nationalNumber(n *rogatoryv1.NationalNumber) {
	l.need(n.Kind != 0, "kind")
	l.need(n.Value != "", "value")
	kind := strings.ToLower(strings.TrimPrefix(n.Kind.String(), "NATIONAL_NUMBER_KIND_"))
	if n.Value != "" {
		l.identifier("value", kind, ident.National(n.Kind, n.Value))
	}
	if n.Kind == rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_OTHER {
		l.need(n.Country != "", "country")
	}
	if in, ok := ident.NationalCountries[n.Kind]; ok && ident.Country(n.Country) == ident.FaultNone && !strings.Contains(in, n.Country) {
		l.err(IdentifierCountry, "country", Param{"kind", kind}, Param{"country", n.Country})
	}
}

func (l *linter) document(d *rogatoryv1.Document) {
	if len(d.Mrz) == 0 {
		l.need(d.Number != "", "number")
	} else {
		l.identifier("mrz", "mrz", ident.MRZ(d.Mrz))
	}
	l.need(d.IssuingState != "", "issuingState")
	l.ordered(d.Issued, d.Expires, "expires")
}

func (l *linter) communication(m *rogatoryv1.MeansOfCommunication) {
	switch v := m.Means.(type) {
	case nil:
		l.err(Nothing, "")
	case *rogatoryv1.MeansOfCommunication_Phone:
		l.need(v.Phone != "", "phone")
	case *rogatoryv1.MeansOfCommunication_Imsi:
		l.need(v.Imsi != "", "imsi")
	case *rogatoryv1.MeansOfCommunication_Imei:
		l.need(v.Imei != "", "imei")
	case *rogatoryv1.MeansOfCommunication_Email:
		l.need(v.Email != "", "email")
	case *rogatoryv1.MeansOfCommunication_Url:
		l.need(v.Url != "", "url")
	}
}

// degrees refuses what lies outside the globe, and what is no number.
func (l *linter) degrees(v, limit float64, field string) {
	if !(v >= -limit && v <= limit) {
		l.err(Range, field, Param{"min", itoa(-int(limit))}, Param{"max", itoa(int(limit))})
	}
}

func (l *linter) connection(c *rogatoryv1.Connection) {
	l.need(c.From != "", "from")
	l.need(c.To != "", "to")
	l.need(c.Kind != 0, "kind")
	l.refer(c.From, "from")
	l.refer(c.To, "to")
	if c.From != "" && c.From == c.To {
		l.err(Contradicts, "to", Param{"field", "from"})
	}
	if l.provides() {
		l.codes(c.Handling, c.Evaluation)
	}
}

// period checks both ends, their order, and that a period that can only be past is not in the future.
func (l *linter) period(p *rogatoryv1.Period) {
	l.something("", p.From, p.Until)
	w := anyDate
	if path := string(l.path); !strings.HasSuffix(path, "atter.period") && !strings.HasSuffix(path, ".governance.period") &&
		!strings.HasSuffix(path, ".propose.period") && !strings.HasSuffix(path, ".amend.period") {
		w = pastDate
	}
	if p.From != "" {
		l.date("from", p.From, w)
	}
	if p.Until != "" {
		l.date("until", p.Until, anyDate)
	}
	l.ordered(p.From, p.Until, "until")
}

// ordered notes that a later date lies before an earlier one, as far as their precision tells.
func (l *linter) ordered(from, until, field string) {
	first, _, _, ok := ident.Date(from)
	_, after, _, ok2 := ident.Date(until)
	if ok && ok2 && !after.After(first) {
		l.err(Order, field)
	}
}

// attachment checks that a listed attachment can be fetched and opened.
func (l *linter) attachment(a *rogatoryv1.Attachment) {
	l.need(len(a.Id) > 0, "id")
	l.need(len(a.Key) > 0, "key")
	l.need(len(a.CiphertextSha256) > 0, "ciphertextSha256")
	l.need(a.MediaType != "", "mediaType")
	l.need(a.Title != "", "title")
	if a.CiphertextLength < a.Length {
		l.err(Contradicts, "ciphertextLength", Param{"field", "length"})
	}
}

// itemKey reads a reference; false when it is malformed.
func itemKey(r *rogatoryv1.ItemRef) (ItemKey, bool) {
	k := ItemKey{Item: r.GetItem()}
	if len(r.GetMsg()) != len(k.Msg) {
		return k, false
	}
	copy(k.Msg[:], r.Msg)
	return k, true
}

// duplicateRefs notes items that a list names twice.
func (l *linter) duplicateRefs(field string, refs []*rogatoryv1.ItemRef) {
	for i, r := range refs {
		for _, before := range refs[:min(i, maxList)] {
			if r.GetItem() == before.GetItem() && bytes.Equal(r.GetMsg(), before.GetMsg()) {
				l.err(Duplicate, at(field, i))
				break
			}
		}
	}
}
