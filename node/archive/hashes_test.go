package archive

import "testing"

func TestTheTilesThatAllProofsNeedStayInMemoryAndTheOthersTakeTurns(t *testing.T) {
	h := &hashes{}
	top := hashPlace{level: 1}
	h.keep(&hashTile{at: top})
	for n := range int64(5 * maxCached) {
		if h.cached(top) == nil {
			t.Fatalf("dropped after %d others", n)
		}
		at := hashPlace{n: n}
		if h.cached(at) != nil {
			t.Fatalf("tile %d was there", n)
		}
		h.keep(&hashTile{at: at})
		if h.tiles[at] == nil {
			t.Fatalf("tile %d was not kept", n)
		}
	}
	if len(h.tiles) != maxCached || len(h.clock) != maxCached {
		t.Errorf("%d tiles are kept", len(h.tiles))
	}
}
