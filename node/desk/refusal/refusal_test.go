package refusal

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/node/exchange"
)

func TestEveryErrorOfTheDeskIsTold(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "refusal.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared, told := map[string]bool{}, map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for _, name := range n.Names {
				declared[name.Name] = strings.HasPrefix(name.Name, "Err")
			}
		case *ast.CompositeLit:
			if len(n.Elts) > 0 {
				if name, ok := n.Elts[0].(*ast.Ident); ok {
					told[name.Name] = true
				}
			}
		}
		return true
	})
	for name, is := range declared {
		if is && !told[name] {
			t.Errorf("what outsiders are told of %s is not in the table", name)
		}
	}
}

func TestOutsidersAreToldWhatAndWhenAgain(t *testing.T) {
	for _, c := range []struct {
		err    error
		code   codes.Code
		reason string
		hint   bool
		retry  time.Duration
	}{
		{fmt.Errorf("case RS-2026-000001: %w", ErrCase), codes.NotFound, "case", true, 0},
		{fmt.Errorf("keeping: %w", ErrNoSpace), codes.ResourceExhausted, "disk", true, time.Minute},
		{&exchange.TransitionError{Code: exchange.CodeIllegal}, codes.FailedPrecondition, "transition-illegal", false, 0},
		{errors.New("anything else"), codes.Internal, "internal", true, 0},
	} {
		s := status.Convert(Tell(c.err))
		if s.Code() != c.code || s.Message() != c.err.Error() {
			t.Errorf("%v is told as %v %q", c.err, s.Code(), s.Message())
		}
		var retry time.Duration
		for _, d := range s.Details() {
			switch d := d.(type) {
			case *errdetails.ErrorInfo:
				if d.GetReason() != c.reason || (d.GetMetadata()["hint"] != "") != c.hint {
					t.Errorf("%v: reason %q, %v", c.err, d.GetReason(), d.GetMetadata())
				}
			case *errdetails.RetryInfo:
				retry = d.GetRetryDelay().AsDuration()
			}
		}
		if retry != c.retry {
			t.Errorf("%v: again in %v", c.err, retry)
		}
	}
	if Tell(nil) != nil {
		t.Error("nothing is told as something")
	}
}
