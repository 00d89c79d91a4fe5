package lint

// Code says what a finding is about. Package codes holds its sentence and its hint in every language; the comment names
// its parameters.
type Code string

const (
	// Required: a mandatory field is empty.
	Required Code = "required"
	// TooLarge: the content is larger than max bytes.
	TooLarge Code = "too-large"
	// TooLong: the text has more than max characters.
	TooLong Code = "too-long"
	// TooMany: the list has more than max entries.
	TooMany Code = "too-many"
	// Length: the field is not want bytes long.
	Length Code = "length"
	// Characters: the text holds control characters, or marks that turn its direction.
	Characters Code = "characters"
	// UnknownCode: the coded field holds a number that has no meaning.
	UnknownCode Code = "unknown-code"
	// Identifier: the identifier of this kind is wrong; fault is shape, length, date, check or country.
	Identifier Code = "identifier"
	// IdentifierCountry: the number of this kind does not belong to that country.
	IdentifierCountry Code = "identifier-country"
	// BirthDate: the number holds another day of birth than the person has.
	BirthDate Code = "birth-date-differs"
	// Date: no such date, or not in the form of the proto.
	Date Code = "date"
	// Moment: a time of day with its offset is needed.
	Moment Code = "moment"
	// Future: the date lies in the future.
	Future Code = "date-future"
	// Past: the date has passed.
	Past Code = "date-past"
	// Order: the end lies before the beginning.
	Order Code = "date-order"
	// Range: the number is not between min and max.
	Range Code = "range"
	// Duplicate: it stands there twice.
	Duplicate Code = "duplicate"
	// ReferenceUnknown: nothing in the content has this name.
	ReferenceUnknown Code = "reference-unknown"
	// AttachmentNumber: there is no attachment with this number.
	AttachmentNumber Code = "attachment-number"
	// AttachmentPath: the path leaves the request file's folder.
	AttachmentPath Code = "attachment-path"
	// Contradicts: it contradicts the field named.
	Contradicts Code = "contradicts"
	// DocketDiffers: the docket does not follow from the content.
	DocketDiffers Code = "docket-differs"

	// LanguageUndeclared: the peer has not declared this language, and there is no translation into one that it has.
	LanguageUndeclared Code = "language-undeclared"
	// TranslationPath: the path names no text of the content.
	TranslationPath Code = "translation-path"
	// TranslationUnchecked: a machine's translation that nobody has checked.
	TranslationUnchecked Code = "translation-unchecked"

	// UrgencyReason: urgent, without a reason in words.
	UrgencyReason Code = "urgency-reason"
	// BreakGlass: one officer alone sends only on danger to life.
	BreakGlass Code = "break-glass-urgency"
	// Offence: no offence is named.
	Offence Code = "offence"
	// PenaltyLow: an offence punished by up to one year may be refused.
	PenaltyLow Code = "penalty-low"
	// PurposeLink: nothing links the person to the purpose.
	PurposeLink Code = "purpose-link"
	// Role: the person has no role.
	Role Code = "role"
	// RoleInQuery: nobody with this role is asked about.
	RoleInQuery Code = "role-in-query"
	// ProtectedTarget: a victim or a smuggled migrant is the target; role says which.
	ProtectedTarget Code = "protected-target"
	// TargetReason: a person with this role is the target, without a reason.
	TargetReason Code = "target-reason"
	// FinancialRole: the person's or organisation's part in the flow of money is missing.
	FinancialRole Code = "financial-role"
	// InformantNamed: an informant carries more than a source code.
	InformantNamed Code = "informant-named"
	// Nothing: the entity, item or list holds nothing that could be looked for or used.
	Nothing Code = "nothing-in-it"
	// RegimeAuthority: this authority does not work under this regime.
	RegimeAuthority Code = "regime-authority"

	// Handling: the handling is missing.
	Handling Code = "handling"
	// HandlingText: H3 without a text.
	HandlingText Code = "handling-text"
	// HandlingWeaker: weaker, in this part, than the handling of what is quoted.
	HandlingWeaker Code = "handling-weaker"
	// Evaluation: the evaluation is missing.
	Evaluation Code = "evaluation"
	// EvaluationChanged: only the provider changes an evaluation.
	EvaluationChanged Code = "evaluation-changed"
	// QuotedUnknown: the quoted item is not at hand, so its handling was not compared.
	QuotedUnknown Code = "quoted-unknown"
	// Outcome: what is provided and refused does not fit the outcome.
	Outcome Code = "outcome"
	// Ground: the ground does not exist under this kind of reply.
	Ground Code = "ground"
	// FourEyes: released and approved by the same officer.
	FourEyes Code = "four-eyes"
)

// Codes lists every Code, for the catalogue's coverage test.
func Codes() []Code {
	return []Code{
		Required, TooLarge, TooLong, TooMany, Length, Characters, UnknownCode, Identifier,
		IdentifierCountry, BirthDate, Date, Moment, Future, Past, Order, Range, Duplicate,
		ReferenceUnknown, AttachmentNumber, AttachmentPath, Contradicts, DocketDiffers,
		LanguageUndeclared, TranslationPath, TranslationUnchecked, UrgencyReason, BreakGlass, Offence,
		PenaltyLow, PurposeLink, Role, RoleInQuery, ProtectedTarget, TargetReason, FinancialRole,
		InformantNamed, Nothing, RegimeAuthority, Handling, HandlingText, HandlingWeaker,
		Evaluation, EvaluationChanged, QuotedUnknown, Outcome, Ground, FourEyes,
	}
}
