package exchange

// LintCode says what a finding is about. Package codes holds its sentence and its hint in every language; the comment names
// its parameters.
type LintCode string

const (
	// LintRequired: a mandatory field is empty.
	LintRequired LintCode = "required"
	// LintTooLarge: the content is larger than max bytes.
	LintTooLarge LintCode = "too-large"
	// LintTooLong: the text has more than max characters.
	LintTooLong LintCode = "too-long"
	// LintTooMany: the list has more than max entries.
	LintTooMany LintCode = "too-many"
	// LintLength: the field is not want bytes long.
	LintLength LintCode = "length"
	// LintCharacters: the text holds control characters, or marks that turn its direction.
	LintCharacters LintCode = "characters"
	// LintUnknownCode: the coded field holds a number that has no meaning.
	LintUnknownCode LintCode = "unknown-code"
	// LintIdentifier: the identifier of this kind is wrong; fault is shape, length, date, check or country.
	LintIdentifier LintCode = "identifier"
	// LintIdentifierCountry: the number of this kind does not belong to that country.
	LintIdentifierCountry LintCode = "identifier-country"
	// LintBirthDate: the number holds another day of birth than the person has.
	LintBirthDate LintCode = "birth-date-differs"
	// LintDate: no such date, or not in the form of the proto.
	LintDate LintCode = "date"
	// LintMoment: a time of day with its offset is needed.
	LintMoment LintCode = "moment"
	// LintFuture: the date lies in the future.
	LintFuture LintCode = "date-future"
	// LintPast: the date has passed.
	LintPast LintCode = "date-past"
	// LintOrder: the end lies before the beginning.
	LintOrder LintCode = "date-order"
	// LintRange: the number is not between min and max.
	LintRange LintCode = "range"
	// LintDuplicate: it stands there twice.
	LintDuplicate LintCode = "duplicate"
	// LintReferenceUnknown: nothing in the content has this name.
	LintReferenceUnknown LintCode = "reference-unknown"
	// LintAttachmentNumber: there is no attachment with this number.
	LintAttachmentNumber LintCode = "attachment-number"
	// LintAttachmentPath: the path leaves the request file's folder.
	LintAttachmentPath LintCode = "attachment-path"
	// LintContradicts: it contradicts the field named.
	LintContradicts LintCode = "contradicts"
	// LintDocketDiffers: the docket does not follow from the content.
	LintDocketDiffers LintCode = "docket-differs"

	// LintLanguageUndeclared: the peer has not declared this language, and there is no translation into one that it has.
	LintLanguageUndeclared LintCode = "language-undeclared"
	// LintTranslationPath: the path names no text of the content.
	LintTranslationPath LintCode = "translation-path"
	// LintTranslationUnchecked: a machine's translation that nobody has checked.
	LintTranslationUnchecked LintCode = "translation-unchecked"

	// LintUrgencyReason: urgent, without a reason in words.
	LintUrgencyReason LintCode = "urgency-reason"
	// LintBreakGlass: one officer alone sends only on danger to life.
	LintBreakGlass LintCode = "break-glass-urgency"
	// LintOffence: no offence is named.
	LintOffence LintCode = "offence"
	// LintPenaltyLow: an offence punished by up to one year may be refused.
	LintPenaltyLow LintCode = "penalty-low"
	// LintPurposeLink: nothing links the person to the purpose.
	LintPurposeLink LintCode = "purpose-link"
	// LintRole: the person has no role.
	LintRole LintCode = "role"
	// LintRoleInQuery: nobody with this role is asked about.
	LintRoleInQuery LintCode = "role-in-query"
	// LintProtectedTarget: a victim or a smuggled migrant is the target; role says which.
	LintProtectedTarget LintCode = "protected-target"
	// LintTargetReason: a person with this role is the target, without a reason.
	LintTargetReason LintCode = "target-reason"
	// LintFinancialRole: the person's or organisation's part in the flow of money is missing.
	LintFinancialRole LintCode = "financial-role"
	// LintInformantNamed: an informant carries more than a source code.
	LintInformantNamed LintCode = "informant-named"
	// LintNothing: the entity, item or list holds nothing that could be looked for or used.
	LintNothing LintCode = "nothing-in-it"
	// LintRegimeAuthority: this authority does not work under this regime.
	LintRegimeAuthority LintCode = "regime-authority"

	// LintHandling: the handling is missing.
	LintHandling LintCode = "handling"
	// LintHandlingText: H3 without a text.
	LintHandlingText LintCode = "handling-text"
	// LintHandlingWeaker: weaker, in this part, than the handling of what is quoted.
	LintHandlingWeaker LintCode = "handling-weaker"
	// LintEvaluation: the evaluation is missing.
	LintEvaluation LintCode = "evaluation"
	// LintEvaluationChanged: only the provider changes an evaluation.
	LintEvaluationChanged LintCode = "evaluation-changed"
	// LintQuotedUnknown: the quoted item is not at hand, so its handling was not compared.
	LintQuotedUnknown LintCode = "quoted-unknown"
	// LintOutcome: what is provided and refused does not fit the outcome.
	LintOutcome LintCode = "outcome"
	// LintGround: the ground does not exist under this kind of reply.
	LintGround LintCode = "ground"
	// LintFourEyes: released and approved by the same officer.
	LintFourEyes LintCode = "four-eyes"
)

// LintCodes lists every LintCode, for the catalogue's coverage test.
func LintCodes() []LintCode {
	return []LintCode{
		LintRequired, LintTooLarge, LintTooLong, LintTooMany, LintLength, LintCharacters, LintUnknownCode, LintIdentifier,
		LintIdentifierCountry, LintBirthDate, LintDate, LintMoment, LintFuture, LintPast, LintOrder, LintRange, LintDuplicate,
		LintReferenceUnknown, LintAttachmentNumber, LintAttachmentPath, LintContradicts, LintDocketDiffers,
		LintLanguageUndeclared, LintTranslationPath, LintTranslationUnchecked, LintUrgencyReason, LintBreakGlass, LintOffence,
		LintPenaltyLow, LintPurposeLink, LintRole, LintRoleInQuery, LintProtectedTarget, LintTargetReason, LintFinancialRole,
		LintInformantNamed, LintNothing, LintRegimeAuthority, LintHandling, LintHandlingText, LintHandlingWeaker,
		LintEvaluation, LintEvaluationChanged, LintQuotedUnknown, LintOutcome, LintGround, LintFourEyes,
	}
}
