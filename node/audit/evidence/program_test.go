package evidence_test

import (
	"os"
	"strings"
	"testing"
)

// Each verifier is one file that a stranger can read and run alone; what both need is in both, and stays the same in both.
func TestBothPythonVerifiersHoldTheSameMLDSA(t *testing.T) {
	block := func(file string) string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, from := strings.Cut(string(b), "\nQ, N = 8380417, 256\n")
		text, _, to := strings.Cut(rest, "\nMLDSA44, MLDSA65 = ")
		if !from || !to {
			t.Fatalf("%s holds no ML-DSA from Q to its two parameter sets", file)
		}
		return text
	}
	if block("program/check.py") != block("../../../scripts/verify.py") {
		t.Error("program/check.py and scripts/verify.py differ in ML-DSA: mend both")
	}
}
