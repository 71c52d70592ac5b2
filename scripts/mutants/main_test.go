package main

import (
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/edit"
)

// The faults that were put aside fit the source as it is, so that they can be put back.
func TestFaultsFit(t *testing.T) {
	t.Chdir("../..")
	for _, name := range []string{"faults", "rowfaults"} {
		faults, err := edit.Read("internal/differential/testdata/" + name + ".txtar")
		if err != nil || len(faults) == 0 {
			t.Errorf("%s: %d faults, %v", name, len(faults), err)
		}
	}
}
