package transport_test

import (
	"testing"

	"github.com/fullstorydev/grpchan/grpchantesting"

	"github.com/rogatory/rogatory/node/transport"
)

func TestGRPCOverNATSBehavesAsGRPC(t *testing.T) {
	r := newRig(t, transport.StreamOptions{})
	callee := r.open("RS", transport.CallOptions{})
	grpchantesting.RegisterTestServiceServer(callee, &grpchantesting.TestServer{})
	serve(t, callee)
	caller := r.open("BG", transport.CallOptions{})
	grpchantesting.RunChannelTestCases(t, caller.Dial("RS"), true)
}
