package node

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/configs"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

// Whoever else lives on the machine finds no moment at which the socket is open to them, whatever the process's umask is.
func TestSocketIsItsOwnersFromTheFirstMoment(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir, err := os.MkdirTemp("", "rog") // short: the path of a socket has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	n := &node{cfg: &configs.Node{Socket: filepath.Join(dir, "s")}}
	var done atomic.Bool
	open := make(chan os.FileMode, 1)
	go func() {
		var worst os.FileMode
		for !done.Load() {
			if info, err := os.Lstat(n.cfg.Socket); err == nil {
				worst |= info.Mode().Perm() & 0o077
			}
		}
		open <- worst
	}()
	for range 300 {
		l, err := n.listenSocket()
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	done.Store(true)
	if worst := <-open; worst != 0 {
		t.Errorf("for a moment others could use the socket: %v", worst)
	}
}

// The limit of open calls holds for all connections together, and never shuts the operator out.
func TestCallsAreLimitedWhateverConnectionsTheyComeBy(t *testing.T) {
	g, ctx := make(gate, 2), context.Background()
	desk := &grpc.UnaryServerInfo{FullMethod: nodev1.DeskService_List_FullMethodName}
	var depth func(n int) error
	depth = func(n int) error {
		_, err := g.unary(ctx, nil, desk, func(context.Context, any) (any, error) {
			if n == 0 {
				return nil, nil
			}
			return nil, depth(n - 1)
		})
		return err
	}
	for range 3 {
		if err := depth(1); err != nil {
			t.Errorf("two calls at once: %v", err)
		}
		if err := depth(2); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("three calls at once: %v", err)
		}
	}
	g <- struct{}{}
	g <- struct{}{}
	if err := g.stream(nil, nil, &grpc.StreamServerInfo{FullMethod: nodev1.DeskService_Watch_FullMethodName}, nil); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a stream beyond the limit: %v", err)
	}
	operator := &grpc.UnaryServerInfo{FullMethod: nodev1.OperatorService_Status_FullMethodName}
	if _, err := g.unary(ctx, nil, operator, func(context.Context, any) (any, error) { return nil, nil }); err != nil {
		t.Errorf("the operator: %v", err)
	}
}
