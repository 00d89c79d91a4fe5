package officers

import (
	"fmt"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/node/desk/refusal"
)

// KnownUnit refuses a unit that a node does not have, with those that there are.
func KnownUnit(node *configs.Node, name string) error {
	if node.Unit(name) != nil {
		return nil
	}
	return fmt.Errorf("unit %q of %s (there is %v): %w", name, node.Country, UnitsOf(node), refusal.ErrUnit)
}

// UnitsOf returns the names of a node's units.
func UnitsOf(node *configs.Node) (names []string) {
	for _, u := range node.Units {
		names = append(names, u.Name)
	}
	return names
}
