package supervision

import (
	"errors"
	"testing"

	"github.com/rogatory/rogatory/node/desk/refusal"
)

func TestAPersonIsFoundAsAskedForAndNotInsideOtherWords(t *testing.T) {
	q, err := newQuest([]string{"Testko Primerović", "0101990710008"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"PRIMEROVIC, Testko":                 false, // a text has the words in their order; a name has them in any
		"seen with TESTKO  PRIMEROVIĆ today": true,
		"Testko Primerovićev brat":           false,
		"number 0101990-710008":              false, // parted within a text
		"number 0101990710008.":              true,
		"":                                   false,
	} {
		if got := q.within(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
	for value, want := range map[string]bool{"0101990-710008": true, "010199071000": false, "testko primerovic": true} {
		if got := q.is(value); got != want {
			t.Errorf("%q: %t", value, got)
		}
	}
	for _, short := range []string{"", "ab", " . - "} {
		if _, err := newQuest([]string{short}); !errors.Is(err, refusal.ErrRequest) {
			t.Errorf("%q is searched for", short)
		}
	}
}

func FuzzWordsAreTheSameAgain(f *testing.F) {
	f.Add("Testko Primerović")
	f.Add("Тестко Примеровић 12-34")
	f.Add("ﬁ\u0301 İ \xff")
	f.Fuzz(func(t *testing.T, s string) {
		words := wordsOf(s)
		for _, w := range words {
			if again := wordsOf(w); len(again) == 0 {
				t.Errorf("%q is no word of %q", w, s)
			}
		}
	})
}
