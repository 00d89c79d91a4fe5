package transport

import (
	"fmt"
	"strings"
)

// CheckCountry accepts two capital letters: nothing that has a meaning in a subject, stream name or config.
func CheckCountry(code string) error {
	if len(code) == 2 && capital(code[0]) && capital(code[1]) {
		return nil
	}
	if len(code) > 8 {
		code = code[:8]
	}
	return fmt.Errorf("%q: %w", code, ErrCountry)
}

// CheckPeer accepts every country but self.
func CheckPeer(self, peer string) error {
	if peer == self {
		return fmt.Errorf("%s is this node: %w", self, ErrCountry)
	}
	return CheckCountry(peer)
}

func capital(b byte) bool { return 'A' <= b && b <= 'Z' }

// CheckKind accepts 1 to 16 small letters.
func CheckKind(kind string) error {
	if len(kind) >= 1 && len(kind) <= 16 && strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz") == "" {
		return nil
	}
	return ErrKind
}

// CheckStatement accepts what PutStatement takes.
func CheckStatement(kind string, b []byte) error {
	if err := CheckKind(kind); err != nil {
		return err
	}
	if len(b) == 0 {
		return fmt.Errorf("%s statement: %w", kind, ErrEmpty)
	}
	if len(b) > MaxStatement {
		return fmt.Errorf("statement of %d bytes: %w", len(b), ErrTooLarge)
	}
	return nil
}
