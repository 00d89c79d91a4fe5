//go:build long

package node_test

func init() {
	for seed := uint64(3); seed <= 20; seed++ {
		seeds = append(seeds, seed)
	}
}
