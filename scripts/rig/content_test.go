package rig

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/lint"
)

func TestRequestsOfEverySizeMayBeSent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{600, 4096, 9000, 65_536, 200_000, MaxContent} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			c := Request("RS", size, r)
			if got := proto.Size(c); got < size-64 || got > size+64 {
				t.Errorf("content has %d bytes", got)
			}
			for _, f := range lint.Content(c, nil, lint.Context{Now: time.Now(), Peer: "BG", PeerLanguages: []string{"en"}}) {
				t.Errorf("%s at %s: %v", f.Code, f.Path, f.Severity)
			}
		})
	}
}
