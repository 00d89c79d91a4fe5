package lint

import (
	"path"
	"strings"

	"golang.org/x/text/language"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/lint/ident"
)

// fieldCheck is what a field's value should be. Strings are checked by is when it is there, dates by when, numbers by min and max.
type fieldCheck struct {
	kind     string // of identifier, for the finding's parameter
	is       func(string) ident.Fault
	when     when
	min, max uint64
}

// when says in which time a date may lie.
type when int

const (
	notDate     when = iota
	pastDate         // not after today
	anyDate          // any
	laterDate        // today or later
	pastMoment       // not after now, with time and offset
	laterMoment      // not before now, with time and offset
)

// fieldChecks holds the check of each field that has one, by message and field name. A test keeps it true.
var fieldChecks = map[string]fieldCheck{
	"Account.balance_date":                     {when: pastDate},
	"Account.bic":                              {kind: "bic", is: ident.BIC},
	"Account.closed":                           {when: pastDate},
	"Account.currency":                         {kind: "currency", is: ident.Currency},
	"Account.iban":                             {kind: "iban", is: ident.IBAN},
	"Account.opened":                           {when: pastDate},
	"Address.country":                          {kind: "country", is: ident.Country},
	"Attachment.media_type":                    {kind: "media-type", is: ident.MediaType},
	"Card.expires":                             {when: anyDate},
	"Card.first_digits":                        {kind: "card-digits", is: ident.FirstDigits},
	"Card.last_digits":                         {kind: "card-digits", is: ident.LastDigits},
	"ConsentAnswer.until":                      {when: laterMoment},
	"ConsentItem.recipient":                    {kind: "unit", is: ident.UnitAddress},
	"Content.language":                         {kind: "language", is: ident.Language},
	"Coordinates.accuracy_metres":              {max: 1_000_000},
	"CorrectionReceipt.done":                   {when: pastDate},
	"CorrectionReceipt.told":                   {kind: "unit", is: ident.UnitAddress},
	"Document.expires":                         {when: anyDate},
	"Document.issued":                          {when: pastDate},
	"Document.issuing_state":                   {kind: "country", is: ident.Nationality},
	"Document.mrz":                             {kind: "mrz"},
	"Entity.id":                                {kind: "entity", is: ident.EntityName},
	"Event.persons":                            {max: 1_000_000},
	"Feedback.arrests":                         {max: 100_000},
	"Firearm.country":                          {kind: "country", is: ident.Country},
	"Firearm.year":                             {min: 1700, max: 2200},
	"FiuRequest.earlier_references":            {kind: "case", is: ident.CaseToken},
	"FiuRequest.reply_languages":               {kind: "language", is: ident.Language},
	"GovernanceNotice.units":                   {kind: "unit", is: ident.UnitAddress},
	"Handling.named":                           {kind: "unit", is: ident.UnitAddress},
	"Handling.retain_until":                    {when: laterDate},
	"InternetAddress.address":                  {kind: "ip", is: ident.IP},
	"InternetAddress.at":                       {when: pastMoment},
	"InternetAddress.port":                     {min: 1, max: 65535},
	"Item.as_of":                               {when: pastDate},
	"JointDecision.agreed":                     {kind: "unit", is: ident.UnitAddress},
	"JointDecision.disagreed":                  {kind: "unit", is: ident.UnitAddress},
	"JointEvaluation.arrests":                  {max: 100_000},
	"JointEvaluation.convictions":              {max: 100_000},
	"JointGrant.unit":                          {kind: "unit", is: ident.UnitAddress},
	"JointLeader.unit":                         {kind: "unit", is: ident.UnitAddress},
	"JointProposal.parties":                    {kind: "unit", is: ident.UnitAddress},
	"JointProposal.third_parties":              {kind: "unit", is: ident.UnitAddress},
	"Matter.maximum_penalty_years":             {max: 100},
	"MeansOfCommunication.email":               {kind: "email", is: ident.Email},
	"MeansOfCommunication.imei":                {kind: "imei", is: ident.IMEI},
	"MeansOfCommunication.imsi":                {kind: "imsi", is: ident.IMSI},
	"MeansOfCommunication.phone":               {kind: "phone", is: ident.E164},
	"MeansOfCommunication.url":                 {kind: "url", is: ident.URL},
	"MeansOfTransport.container":               {kind: "container", is: ident.Container},
	"MeansOfTransport.country":                 {kind: "country", is: ident.Country},
	"MeansOfTransport.imo":                     {kind: "imo", is: ident.IMO},
	"MeansOfTransport.vin":                     {kind: "vin", is: ident.VIN},
	"MeansOfTransport.year":                    {min: 1880, max: 2200},
	"Money.amount":                             {kind: "amount", is: ident.Amount},
	"Money.currency":                           {kind: "currency", is: ident.Currency},
	"Name.script":                              {kind: "script", is: ident.Script},
	"NationalNumber.country":                   {kind: "country", is: ident.Country},
	"Organisation.country":                     {kind: "country", is: ident.Country},
	"Organisation.dissolved":                   {when: pastDate},
	"Organisation.founded":                     {when: pastDate},
	"Organisation.lei":                         {kind: "lei", is: ident.LEI},
	"Person.birth_country":                     {kind: "country", is: ident.Country},
	"Person.birth_date":                        {when: pastDate},
	"Person.death_date":                        {when: pastDate},
	"Person.nationalities":                     {kind: "country", is: ident.Nationality},
	"Person.source_code":                       {kind: "source-code", is: ident.SourceCode},
	"Postponement.until":                       {when: laterMoment},
	"RequestForInformation.earlier_references": {kind: "case", is: ident.CaseToken},
	"RequestForInformation.reply_languages":    {kind: "language", is: ident.Language},
	"Sender.email":                             {kind: "email", is: ident.Email},
	"Sender.phone":                             {kind: "phone", is: ident.E164},
	"Transaction.date":                         {when: pastDate},
	"TransactionParty.country":                 {kind: "country", is: ident.Country},
	"Translation.language":                     {kind: "language", is: ident.Language},
	"Wallet.chain":                             {kind: "chain", is: ident.Chain},
	// Periods and references are checked with the message they stand in.
}

// textFields are the fields whose comments in the proto begin with "Text".
var textFields = keySet(
	"Acknowledge.remarks", "ClarificationAnswer.answers", "Close.remarks", "Connection.description",
	"ConsentDecision.reasons", "ConsentRequest.reason", "ConsentWithdrawal.reason", "CorrectionNotice.reason",
	"CorrectionReceipt.explanation", "Event.description", "Feedback.text", "Firearm.description", "FiuReply.remarks",
	"FiuRequest.intended_use", "FiuRequest.reasons_to_believe", "FiuRequest.suspicion", "FiuRequest.urgency_reason",
	"FiuRequest.wanted", "GovernanceNotice.text", "Handling.text", "Item.text", "JointClose.text", "JointDecision.text",
	"JointDecline.reason", "JointEvaluation.text", "JointEvidence.provenance", "JointLeave.reason",
	"JointProposal.arrangements", "JointProposal.evidence_rules", "JointRead.justification", "Location.description",
	"Matter.facts", "MeansOfTransport.description", "Objection.reasons", "ObjectionDecision.reasons",
	"Person.description", "Postponement.explanation", "Question.text", "RefusedItem.explanation", "Reminder.text",
	"Reopening.missing", "Reopening.urgency_reason", "Reply.remarks", "RequestForInformation.necessity",
	"RequestForInformation.reasons_to_believe", "RequestForInformation.urgency_reason", "RequestForInformation.wanted",
	"SpontaneousAcknowledge.remarks", "SpontaneousInformation.relevance", "SpontaneousInformation.urgency_reason",
	"Subject.purpose_link", "Subject.target_reason", "Transaction.description", "Translation.text", "Withdrawal.explanation",
)

// listBounds are the lists whose comments in the proto allow another number of entries than 100.
var listBounds = map[string]int{
	"Content.translations":         maxItems,
	"FiuReply.items":               maxItems,
	"FiuRequest.transactions":      maxItems,
	"GovernanceNotice.messages":    maxItems,
	"JointDecision.agreed":         exchange.MaxParties,
	"JointDecision.disagreed":      exchange.MaxParties,
	"JointEvidence.items":          maxItems,
	"JointProposal.parties":        exchange.MaxParties,
	"Reply.items":                  maxItems,
	"SpontaneousInformation.items": maxItems,
}

// byteFields are the sizes of the bytes fields.
var byteFields = map[string]int{
	"Attachment.ciphertext_sha256": 32,
	"Attachment.id":                16,
	"Attachment.key":               32,
	"Card.number_sha256":           32,
	"GovernanceNotice.messages":    32,
	"HitRef.msg":                   32,
	"ItemRef.msg":                  32,
}

func keySet(keys ...string) map[string]bool {
	m := make(map[string]bool, len(keys))
	for _, k := range keys {
		m[k] = true
	}
	return m
}

// check applies a field's check to its value.
func (l *linter) check(s string, c fieldCheck) {
	if c.is != nil {
		if f := c.is(s); f != ident.FaultNone {
			l.identifier("", c.kind, f)
		}
	}
	if c.when != notDate {
		l.date("", s, c.when)
	}
}

func (l *linter) identifier(field, kind string, f ident.Fault) {
	if f != ident.FaultNone {
		l.err(Identifier, field, Param{"kind", kind}, Param{"fault", string(f)})
	}
}

// date checks a date's form and where it lies.
func (l *linter) date(field, s string, w when) {
	first, after, moment, ok := ident.Date(s)
	if !ok {
		l.err(Date, field)
		return
	}
	if (w == pastMoment || w == laterMoment) && !moment {
		l.err(Moment, field)
		return
	}
	if l.ctx.Now.IsZero() {
		return
	}
	switch w {
	case pastDate, pastMoment:
		if aheadOf(first, l.ctx.Now, moment) {
			l.err(Future, field)
		}
	case laterDate, laterMoment:
		// A day lasts until it has ended everywhere.
		if !moment {
			after = after.Add(12 * 3600e9)
		}
		if !after.After(l.ctx.Now) {
			l.err(Past, field)
		}
	}
}

// speaks reports whether a language is among those declared: the same primary language, and the same script when both name one.
func speaks(declared []string, tag string) bool {
	want, err := language.Parse(tag)
	if err != nil {
		return false
	}
	base, _ := want.Base()
	script, _ := want.Script()
	_, scriptSaid, _ := want.Raw()
	for _, d := range declared {
		t, err := language.Parse(d)
		if err != nil {
			continue
		}
		b, _ := t.Base()
		s, _ := t.Script()
		_, said, _ := t.Raw()
		if b == base && (s == script || said == (language.Script{}) || scriptSaid == (language.Script{})) {
			return true
		}
	}
	return false
}

// insideFolder reports whether a path stays below the folder it is relative to.
func insideFolder(p string) bool {
	return p != "" && !path.IsAbs(p) && !strings.ContainsAny(p, "\\:\x00") && path.Clean(p) == p && p != ".." &&
		!strings.HasPrefix(p, "../") && p != "."
}
