package backbone_test

import (
	"testing"

	"github.com/fullstorydev/grpchan/grpchantesting"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/backbone"
)

func TestGRPCOverNATSBehavesAsGRPC(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{})
	callee := r.open("RS", transport.CallOptions{})
	grpchantesting.RegisterTestServiceServer(callee, &grpchantesting.TestServer{})
	conn := r.open("BG", transport.CallOptions{}).Dial("RS")
	serve(t, callee, conn)
	grpchantesting.RunChannelTestCases(t, conn, true)
}
