package trust

import "maps"

// Listed gives the names of all functions that the lists let a script call.
func Listed() map[string]bool {
	all := maps.Clone(harmless)
	maps.Copy(all, aggregates)
	maps.Copy(all, generators)
	return all
}
