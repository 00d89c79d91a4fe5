//go:build long

package node_test

func init() {
	for seed := uint64(5); seed <= 20; seed++ {
		seeds, honestSeeds = append(seeds, seed), append(honestSeeds, 100+seed)
	}
}
