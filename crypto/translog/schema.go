package translog

// A Member describes one member of a kind of leaf.
type Member struct {
	Name     string
	Type     string // int, flag, hash, "hash or empty", hash[], a charset or its list, an enumeration a|b, [code,int][]
	Optional bool   // left out when it is zero
}

// Kinds returns the names of all kinds, as README.md lists them.
func Kinds() []string {
	return []string{
		"genesis", "msg", "reseal", "whole", "rcpt", "rej", "stray", "wit", "cos", "op", "erase", "case",
		"policy", "actor", "dataset", "filter", "match", "alarm", "state", "key", "dir", "time", "node",
	}
}

// Schema returns the members of a kind in their order, without the four that every leaf has: `at`, `i`, `k` and `v`. It
// returns nil for an unknown kind.
func Schema(kind string) []Member {
	e := newEntry([]byte(kind))
	if e == nil {
		return nil
	}
	c := codec{mode: describing}
	e.members(&c)
	return c.schema
}

// Charsets returns, for each charset of the schemas, its name and its pattern in RE2 syntax.
func Charsets() [][2]string {
	var out [][2]string
	for _, t := range []*textType{code, token, country, address, origin} {
		out = append(out, [2]string{t.name, t.pattern})
	}
	return out
}

func newEntry(kind []byte) Entry {
	switch string(kind) {
	case "genesis":
		return new(Genesis)
	case "msg":
		return new(Msg)
	case "reseal":
		return new(Reseal)
	case "whole":
		return new(Whole)
	case "rcpt":
		return new(Rcpt)
	case "rej":
		return new(Rej)
	case "stray":
		return new(Stray)
	case "wit":
		return new(Wit)
	case "cos":
		return new(Cos)
	case "op":
		return new(Op)
	case "erase":
		return new(Erase)
	case "case":
		return new(Case)
	case "policy":
		return new(Policy)
	case "actor":
		return new(Actor)
	case "dataset":
		return new(Dataset)
	case "filter":
		return new(Filter)
	case "match":
		return new(Match)
	case "alarm":
		return new(Alarm)
	case "state":
		return new(State)
	case "key":
		return new(Key)
	case "dir":
		return new(Dir)
	case "time":
		return new(Time)
	case "node":
		return new(Node)
	}
	return nil
}
