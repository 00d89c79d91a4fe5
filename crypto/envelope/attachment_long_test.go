//go:build long

package envelope

import "testing"

// go test -tags long -run Gibibyte ./crypto/envelope
func TestAGibibyteTakesUnder64MiB(t *testing.T) {
	checkAttachmentMemory(t, 1<<30, 64<<20)
}
