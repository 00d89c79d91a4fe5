package archive

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// A class is what a file of an archive is.
type class uint8

const (
	noClass class = iota
	classInfo
	classKeys
	classCheckpoint
	classHashes // tile/<L>
	classEntries
	classSides
	classDirectory
	classManifest
	classFork
)

// Names of the files that stand alone.
const (
	infoName       = "archive.json"
	keysName       = "log.vkey"
	checkpointName = "checkpoint"
)

// maxLevel is the highest level of tiles in a tree of [MaxSize] leaves.
const maxLevel = 5

// A place is where a file stands in an archive. It is comparable.
type place struct {
	class  class
	level  uint8    // of classHashes
	n      int64    // number of the tile; version of the directory; number of the fork
	width  int      // of a tile: 1…256
	digest [32]byte // of the manifest
	name   string   // of the fork
}

// path returns the one name of a place.
func (p place) path() string {
	var b []byte
	switch p.class {
	case classInfo:
		return infoName
	case classKeys:
		return keysName
	case classCheckpoint:
		return checkpointName
	case classHashes:
		b = append(b, "tile/"...)
		b = append(b, '0'+p.level, '/')
	case classEntries:
		b = append(b, "tile/entries/"...)
	case classSides:
		b = append(b, "sides/"...)
	case classDirectory:
		return "directories/" + strconv.FormatInt(p.n, 10)
	case classManifest:
		return "manifests/" + hex.EncodeToString(p.digest[:])
	case classFork:
		return "forks/" + p.name
	}
	b = appendTile(b, p.n)
	if p.width != TileWidth {
		b = append(b, ".p/"...)
		b = strconv.AppendInt(b, int64(p.width), 10)
	}
	return string(b)
}

// appendTile writes the number of a tile as C2SP tlog-tiles does: groups of three digits, an x before all but the last.
func appendTile(b []byte, n int64) []byte {
	digits := strconv.FormatInt(n, 10)
	for len(digits)%3 != 0 {
		digits = "0" + digits
	}
	for ; len(digits) > 3; digits = digits[3:] {
		b = append(b, 'x')
		b = append(b, digits[:3]...)
		b = append(b, '/')
	}
	return append(b, digits...)
}

// parsePlace is the strict inverse of path.
func parsePlace(path string) (place, bool) {
	p, ok := readPlace(path)
	return p, ok && p.path() == path
}

func readPlace(path string) (place, bool) {
	switch path {
	case infoName:
		return place{class: classInfo}, true
	case keysName:
		return place{class: classKeys}, true
	case checkpointName:
		return place{class: classCheckpoint}, true
	}
	if rest, ok := strings.CutPrefix(path, "tile/entries/"); ok {
		return readTile(place{class: classEntries}, rest)
	}
	if rest, ok := strings.CutPrefix(path, "tile/"); ok {
		if len(rest) < 2 || rest[0] < '0' || rest[0] > '0'+maxLevel || rest[1] != '/' {
			return place{}, false
		}
		return readTile(place{class: classHashes, level: rest[0] - '0'}, rest[2:])
	}
	if rest, ok := strings.CutPrefix(path, "sides/"); ok {
		return readTile(place{class: classSides}, rest)
	}
	if rest, ok := strings.CutPrefix(path, "directories/"); ok {
		n, err := strconv.ParseInt(rest, 10, 64)
		return place{class: classDirectory, n: n}, err == nil && n > 0
	}
	if rest, ok := strings.CutPrefix(path, "manifests/"); ok {
		d, err := hex.DecodeString(rest)
		if err != nil || len(d) != 32 {
			return place{}, false
		}
		return place{class: classManifest, digest: [32]byte(d)}, true
	}
	if rest, ok := strings.CutPrefix(path, "forks/"); ok {
		return readFork(rest)
	}
	return place{}, false
}

// maxTile is behind the number of the last tile in a tree of [MaxSize] leaves.
const maxTile = (MaxSize + 1) / TileWidth

func readTile(p place, rest string) (place, bool) {
	p.width = TileWidth
	if tile, width, ok := strings.Cut(rest, ".p/"); ok {
		w, err := strconv.Atoi(width)
		if err != nil || w < 1 || w >= TileWidth {
			return place{}, false
		}
		rest, p.width = tile, w
	}
	for group := range strings.SplitSeq(rest, "/") {
		digits := strings.TrimPrefix(group, "x")
		v, err := strconv.Atoi(digits)
		if err != nil || len(digits) != 3 || v < 0 {
			return place{}, false
		}
		if p.n = p.n*1000 + int64(v); p.n >= maxTile {
			return place{}, false
		}
	}
	return p, true
}

// readFork reads <n>-<kind>: a number from 1 and a kind of lower-case letters.
func readFork(name string) (place, bool) {
	number, kind, ok := strings.Cut(name, "-")
	n, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || n < 1 || strconv.FormatInt(n, 10) != number || len(kind) < 1 || len(kind) > 32 {
		return place{}, false
	}
	for _, c := range []byte(kind) {
		if (c < 'a' || c > 'z') && c != '-' {
			return place{}, false
		}
	}
	return place{class: classFork, n: n, name: name}, true
}

// isFolder reports whether files of an archive may stand below this path.
func isFolder(path string) bool {
	switch path {
	case "tile", "tile/entries", "sides", "directories", "manifests", "forks":
		return true
	}
	rest, ok := strings.CutPrefix(path, "sides/")
	if !ok {
		if rest, ok = strings.CutPrefix(path, "tile/entries/"); !ok {
			if rest, ok = strings.CutPrefix(path, "tile/"); !ok || rest == "" || rest[0] < '0' || rest[0] > '0'+maxLevel {
				return false
			}
			if len(rest) == 1 {
				return true
			}
			if rest[1] != '/' {
				return false
			}
			rest = rest[2:]
		}
	}
	// A group before the last, or the folder of partial tiles: a file below has a place, so the folder has one too.
	if strings.HasSuffix(rest, ".p") {
		_, ok = parsePlace("sides/" + rest + "/1")
		return ok
	}
	_, ok = parsePlace("sides/" + rest + "/000")
	return ok
}

// width returns how many hashes a tree of the given size has in tile n of a level: 0 for none.
func width(size int64, level uint8, n int64) int {
	rest := size>>(8*level) - n*TileWidth
	return int(max(0, min(rest, TileWidth)))
}
