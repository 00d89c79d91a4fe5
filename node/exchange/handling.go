package exchange

import rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"

// Strictest returns the strictest of several handling codes: the highest in the order H0, H1, H2, H3. An unspecified code
// is below all others; a code that this version does not know is above them, because it may forbid anything.
func Strictest(codes ...rogatoryv1.HandlingCode) rogatoryv1.HandlingCode {
	out := rogatoryv1.HandlingCode_HANDLING_CODE_UNSPECIFIED
	for _, c := range codes {
		if handlingRank(c) > handlingRank(out) {
			out = c
		}
	}
	return out
}

// Weaker reports whether code a permits what code b forbids, which is what a document that quotes b must not carry.
func Weaker(a, b rogatoryv1.HandlingCode) bool { return handlingRank(a) < handlingRank(b) }

func handlingRank(c rogatoryv1.HandlingCode) int64 {
	if c < 0 {
		return 1<<32 + int64(-c)
	}
	return int64(c)
}

// StrictestChoice returns the strictest of several answers to "may the recipient": free, then consent, then no. An
// unspecified answer is below all others, an unknown one counts as no.
func StrictestChoice(choices ...rogatoryv1.Choice) rogatoryv1.Choice {
	out := rogatoryv1.Choice_CHOICE_UNSPECIFIED
	for _, c := range choices {
		if c < 0 || c > rogatoryv1.Choice_CHOICE_NO {
			c = rogatoryv1.Choice_CHOICE_NO
		}
		out = max(out, c)
	}
	return out
}
