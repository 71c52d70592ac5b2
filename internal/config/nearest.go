package config

import (
	"maps"
	"slices"

	"github.com/fabricate-seed/fabricate-seed/internal/nearest"
)

// didYouMean gives `: did you mean x?` for the word nearest to the one written, or nothing if none is near.
func didYouMean(written string, words []string) string {
	if word := nearest.Word(written, words); word != "" {
		return ": did you mean " + word + "?"
	}
	return ""
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
