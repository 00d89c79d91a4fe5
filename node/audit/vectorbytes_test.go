package audit_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
)

func sumOf(b []byte) translog.Hash { return sha256.Sum256(b) }

func signatureHash(b []byte) translog.Hash { return translog.Hash(envelope.SignatureHash(b)) }

func unmarshal(b []byte, m proto.Message) error { return envelope.StrictUnmarshal(b, m, len(b)) }

func marshalProto(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := envelope.Marshal(m)
	must(t, err)
	return b
}

// slackHash sets a bit of a leaf's root that belongs to no byte.
func slackHash(leaf string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.Index(leaf, `","size"`) - 1
	return leaf[:i] + string(digits[strings.IndexByte(digits, leaf[i])|1]) + leaf[i+1:]
}
