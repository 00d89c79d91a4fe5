package leaves

import (
	"strconv"
	"strings"
)

// SplitOrigin returns an origin without the number at its end, by which a country counts its logs, and the number; 0 for one without.
func SplitOrigin(origin string) (stem string, number uint64) {
	i := strings.LastIndexByte(origin, '/')
	n, err := strconv.ParseUint(origin[i+1:], 10, 32)
	if err != nil {
		return origin, 0
	}
	return origin[:i+1], n
}

// Number returns the number at the end of an origin, and 1 for one without.
func Number(origin string) uint64 {
	_, n := SplitOrigin(origin)
	return max(n, 1)
}
