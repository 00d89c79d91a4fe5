package configs

import _ "embed"

// Example is the annotated example of a node's configuration: every key, with what it is for.
//
//go:embed node.yaml
var Example []byte
