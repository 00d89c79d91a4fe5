//go:build many || long

package node_test

func init() {
	for seed := uint64(2); seed <= 4; seed++ {
		seeds, honestSeeds = append(seeds, seed), append(honestSeeds, seed)
	}
}
