package transport_test

import (
	"testing"

	"github.com/fullstorydev/grpchan/grpchantesting"

	"github.com/rogatory/rogatory/node/transport"
)

func TestGRPCOverNATSBehavesAsGRPC(t *testing.T) {
	t.Parallel()
	r := newRig(t, transport.StreamOptions{})
	callee := r.open("RS", transport.CallOptions{})
	grpchantesting.RegisterTestServiceServer(callee, &grpchantesting.TestServer{})
	conn := r.open("BG", transport.CallOptions{}).Dial("RS")
	serve(t, callee, conn)
	grpchantesting.RunChannelTestCases(t, conn, true)
}

func TestGRPCOverMemoryBehavesAsGRPC(t *testing.T) {
	t.Parallel()
	m := transport.NewMemory(transport.MemoryOptions{Calls: inClear}, members...)
	runConformance(t, m)
}

func TestGRPCSurvivesRepeatedAndReorderedFrames(t *testing.T) {
	t.Parallel()
	m := transport.NewMemory(transport.MemoryOptions{Seed: 7, Calls: inClear}, members...)
	m.Duplicate(0.4)
	m.Reorder(0.4)
	runConformance(t, m)
}

func runConformance(t *testing.T, m *transport.Memory) {
	callee := m.Port("RS")
	grpchantesting.RegisterTestServiceServer(callee, &grpchantesting.TestServer{})
	conn := m.Port("BG").Dial("RS")
	serve(t, callee, conn)
	grpchantesting.RunChannelTestCases(t, conn, true)
}
