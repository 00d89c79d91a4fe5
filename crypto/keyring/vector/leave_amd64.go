package vector

import "golang.org/x/sys/cpu"

var avx = cpu.X86.HasAVX

// Leave ends the use of wide registers. It takes about a nanosecond.
func Leave() {
	if avx {
		zeroUpper()
	}
}

// zeroUpper executes VZEROUPPER.
func zeroUpper()
