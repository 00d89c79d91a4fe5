package exchange

import (
	"mime"
	"net/netip"
	"net/url"
	"path"
	"strings"

	"golang.org/x/text/language"
)

// fieldCheck is what a field's value should be. Strings are checked by is when it is there, dates by when, numbers by min and max.
type fieldCheck struct {
	kind     string // of identifier, for the finding's parameter
	is       func(string) fault
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
	"Account.bic":                              {kind: "bic", is: bic},
	"Account.closed":                           {when: pastDate},
	"Account.currency":                         {kind: "currency", is: currency},
	"Account.iban":                             {kind: "iban", is: iban},
	"Account.opened":                           {when: pastDate},
	"Address.country":                          {kind: "country", is: countryCode},
	"Attachment.media_type":                    {kind: "media-type", is: mediaType},
	"Card.expires":                             {when: anyDate},
	"Card.first_digits":                        {kind: "card-digits", is: firstDigits},
	"Card.last_digits":                         {kind: "card-digits", is: lastDigits},
	"ConsentAnswer.until":                      {when: laterMoment},
	"ConsentItem.recipient":                    {kind: "unit", is: unitAddress},
	"Content.language":                         {kind: "language", is: languageTag},
	"Coordinates.accuracy_metres":              {max: 1_000_000},
	"CorrectionReceipt.done":                   {when: pastDate},
	"CorrectionReceipt.told":                   {kind: "unit", is: unitAddress},
	"Document.expires":                         {when: anyDate},
	"Document.issued":                          {when: pastDate},
	"Document.issuing_state":                   {kind: "country", is: nationality},
	"Document.mrz":                             {kind: "mrz"},
	"Entity.id":                                {kind: "entity", is: entityName},
	"Event.persons":                            {max: 1_000_000},
	"Feedback.arrests":                         {max: 100_000},
	"Firearm.country":                          {kind: "country", is: countryCode},
	"Firearm.year":                             {min: 1700, max: 2200},
	"FiuRequest.earlier_references":            {kind: "case", is: caseToken},
	"FiuRequest.reply_languages":               {kind: "language", is: languageTag},
	"GovernanceNotice.units":                   {kind: "unit", is: unitAddress},
	"Handling.named":                           {kind: "unit", is: unitAddress},
	"Handling.retain_until":                    {when: laterDate},
	"InternetAddress.address":                  {kind: "ip", is: ipAddress},
	"InternetAddress.at":                       {when: pastMoment},
	"InternetAddress.port":                     {min: 1, max: 65535},
	"Item.as_of":                               {when: pastDate},
	"JointDecision.agreed":                     {kind: "unit", is: unitAddress},
	"JointDecision.disagreed":                  {kind: "unit", is: unitAddress},
	"JointEvaluation.arrests":                  {max: 100_000},
	"JointEvaluation.convictions":              {max: 100_000},
	"JointGrant.unit":                          {kind: "unit", is: unitAddress},
	"JointLeader.unit":                         {kind: "unit", is: unitAddress},
	"JointProposal.parties":                    {kind: "unit", is: unitAddress},
	"JointProposal.third_parties":              {kind: "unit", is: unitAddress},
	"Matter.maximum_penalty_years":             {max: 100},
	"MeansOfCommunication.email":               {kind: "email", is: email},
	"MeansOfCommunication.imei":                {kind: "imei", is: imei},
	"MeansOfCommunication.imsi":                {kind: "imsi", is: imsi},
	"MeansOfCommunication.phone":               {kind: "phone", is: e164},
	"MeansOfCommunication.url":                 {kind: "url", is: webAddress},
	"MeansOfTransport.container":               {kind: "container", is: container},
	"MeansOfTransport.country":                 {kind: "country", is: countryCode},
	"MeansOfTransport.imo":                     {kind: "imo", is: imo},
	"MeansOfTransport.vin":                     {kind: "vin", is: vin},
	"MeansOfTransport.year":                    {min: 1880, max: 2200},
	"Money.amount":                             {kind: "amount", is: amount},
	"Money.currency":                           {kind: "currency", is: currency},
	"Name.script":                              {kind: "script", is: script},
	"NationalNumber.country":                   {kind: "country", is: countryCode},
	"Organisation.country":                     {kind: "country", is: countryCode},
	"Organisation.dissolved":                   {when: pastDate},
	"Organisation.founded":                     {when: pastDate},
	"Organisation.lei":                         {kind: "lei", is: lei},
	"Person.birth_country":                     {kind: "country", is: countryCode},
	"Person.birth_date":                        {when: pastDate},
	"Person.death_date":                        {when: pastDate},
	"Person.nationalities":                     {kind: "country", is: nationality},
	"Person.source_code":                       {kind: "source-code", is: sourceCode},
	"Postponement.until":                       {when: laterMoment},
	"RequestForInformation.earlier_references": {kind: "case", is: caseToken},
	"RequestForInformation.reply_languages":    {kind: "language", is: languageTag},
	"Sender.email":                             {kind: "email", is: email},
	"Sender.phone":                             {kind: "phone", is: e164},
	"Transaction.date":                         {when: pastDate},
	"TransactionParty.country":                 {kind: "country", is: countryCode},
	"Translation.language":                     {kind: "language", is: languageTag},
	"Wallet.chain":                             {kind: "chain", is: chain},
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
	"JointDecision.agreed":         maxParties,
	"JointDecision.disagreed":      maxParties,
	"JointEvidence.items":          maxItems,
	"JointProposal.parties":        maxParties,
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
		if f := c.is(s); f != faultNone {
			l.identifier("", c.kind, f)
		}
	}
	if c.when != notDate {
		l.date("", s, c.when)
	}
}

func (l *linter) identifier(field, kind string, f fault) {
	if f != faultNone {
		l.err(LintIdentifier, field, Param{"kind", kind}, Param{"fault", string(f)})
	}
}

// date checks a date's form and where it lies.
func (l *linter) date(field, s string, w when) {
	first, after, moment, ok := readDate(s)
	if !ok {
		l.err(LintDate, field)
		return
	}
	if (w == pastMoment || w == laterMoment) && !moment {
		l.err(LintMoment, field)
		return
	}
	if l.ctx.Now.IsZero() {
		return
	}
	switch w {
	case pastDate, pastMoment:
		if aheadOf(first, l.ctx.Now, moment) {
			l.err(LintFuture, field)
		}
	case laterDate, laterMoment:
		// A day lasts until it has ended everywhere.
		if !moment {
			after = after.Add(12 * 3600e9)
		}
		if !after.After(l.ctx.Now) {
			l.err(LintPast, field)
		}
	}
}

// countryCode checks a country's code (ISO 3166-1 alpha-2, and XK).
func countryCode(s string) fault {
	if len(s) != 2 || s[0] < 'A' || s[0] > 'Z' || s[1] < 'A' || s[1] > 'Z' {
		return faultShape
	}
	if !isCountry(s) {
		return faultCountry
	}
	return faultNone
}

func isCountry(s string) bool {
	// The parser forgives lower case and knows withdrawn codes and a few that no state has.
	r, err := language.ParseRegion(s)
	return err == nil && r.IsCountry() && r.Canonicalize().String() == s
}

// nationality checks a country's code, or one of the two that ICAO 9303 has for people without: here XX and XA.
func nationality(s string) fault {
	if s == "XX" || s == "XA" {
		return faultNone
	}
	return countryCode(s)
}

// unitAddress checks "CC" or "CC/unit".
func unitAddress(s string) fault {
	cc, unit, has := strings.Cut(s, "/")
	if f := countryCode(cc); f != faultNone {
		return f
	}
	if has {
		return unitName(unit)
	}
	return faultNone
}

// unitName checks a unit's name: 1 to 32 of [a-z0-9-], the first a letter.
func unitName(s string) fault {
	if len(s) < 1 || len(s) > 32 {
		return faultLength
	}
	if s[0] < 'a' || s[0] > 'z' || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return faultShape
	}
	return faultNone
}

// entityName checks an entity's name inside a content.
func entityName(s string) fault {
	if len(s) > 32 {
		return faultLength
	}
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return faultShape
	}
	return faultNone
}

// caseToken checks "RS-2026-000123".
func caseToken(s string) fault {
	if len(s) < 14 || len(s) > 20 || s[2] != '-' || s[7] != '-' || !allDigits(s[3:7]) || !allDigits(s[8:]) {
		return faultShape
	}
	return countryCode(s[:2])
}

// languageTag checks a language tag (BCP 47) in its usual spelling, for example "sr-Latn".
func languageTag(s string) fault {
	if !isLanguage(s) {
		return faultShape
	}
	return faultNone
}

func isLanguage(s string) bool {
	t, err := language.Raw.Parse(s)
	return err == nil && t.String() == s && s != "und" && len(s) <= 35
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

// script checks a script's code (ISO 15924).
func script(s string) fault {
	sc, err := language.ParseScript(s)
	if err != nil || sc.String() != s {
		return faultShape
	}
	return faultNone
}

// email checks the shape of a mailbox: one "@", something on both sides, a host with a dot, no blanks or quotes.
func email(s string) fault {
	local, host, ok := strings.Cut(s, "@")
	if !ok || local == "" || strings.ContainsAny(s, " \"<>(),;:\\[]") || strings.Contains(host, "@") ||
		!strings.Contains(strings.Trim(host, "."), ".") || host != strings.Trim(host, ".") {
		return faultShape
	}
	return faultNone
}

func ipAddress(s string) fault {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return faultShape
	}
	return faultNone
}

func webAddress(s string) fault {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return faultShape
	}
	return faultNone
}

func mediaType(s string) fault {
	t, _, err := mime.ParseMediaType(s)
	if err != nil || !strings.Contains(t, "/") {
		return faultShape
	}
	return faultNone
}

func firstDigits(s string) fault {
	if len(s) < 6 || len(s) > 8 {
		return faultLength
	}
	return digitsOnly(s, len(s))
}

func lastDigits(s string) fault { return digitsOnly(s, 4) }

// sourceCode checks the code of an informant: nothing that could be a name.
func sourceCode(s string) fault {
	if len(s) > 32 {
		return faultLength
	}
	if strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" || !strings.ContainsAny(s, "0123456789") {
		return faultShape
	}
	return faultNone
}

// insideFolder reports whether a path stays below the folder it is relative to.
func insideFolder(p string) bool {
	return p != "" && !path.IsAbs(p) && !strings.ContainsAny(p, "\\:\x00") && path.Clean(p) == p && p != ".." &&
		!strings.HasPrefix(p, "../") && p != "."
}
