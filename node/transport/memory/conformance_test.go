package memory_test

import (
	"testing"

	"github.com/fullstorydev/grpchan/grpchantesting"

	"github.com/rogatory/rogatory/node/transport/memory"
)

func TestGRPCOverMemoryBehavesAsGRPC(t *testing.T) {
	t.Parallel()
	m := memory.New(memory.Options{Calls: inClear}, members...)
	runConformance(t, m)
}

func TestGRPCSurvivesRepeatedAndReorderedFrames(t *testing.T) {
	t.Parallel()
	m := memory.New(memory.Options{Seed: 7, Calls: inClear}, members...)
	m.Duplicate(0.4)
	m.Reorder(0.4)
	runConformance(t, m)
}

func runConformance(t *testing.T, m *memory.Backbone) {
	callee := m.Port("RS")
	grpchantesting.RegisterTestServiceServer(callee, &grpchantesting.TestServer{})
	conn := m.Port("BG").Dial("RS")
	serve(t, callee, conn)
	grpchantesting.RunChannelTestCases(t, conn, true)
}
