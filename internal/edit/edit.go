// Package edit changes the source in one build of it, as an overlay that leaves the files as they are: to see what tests say of a fault,
// or what a program is without one of its parts. It is for development alone.
package edit

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"
)

// Edit is one change of a file.
type Edit struct {
	Path     string // absolute
	From, To int    // offsets of what is replaced
	By       string
	What     string
}

// Read reads the edits of a txtar file. Each of its files is named after a source file and what the edit is, as in
// "internal/load/plan.go zone that is not forgotten", and holds the text to be replaced, which must be there exactly once, a line "----",
// and what it is replaced by. Paths are relative to the present folder. The error names each edit that does not fit, and the
// others are given nevertheless.
func Read(name string) (edits []Edit, err error) {
	archive, err := txtar.ParseFile(name)
	if err != nil {
		return nil, err
	}
	var stale []error
	for _, f := range archive.Files {
		path, what, _ := strings.Cut(f.Name, " ")
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		before, after, ok := strings.Cut(string(f.Data), "----\n")
		before, after = strings.TrimSuffix(before, "\n"), strings.TrimSuffix(after, "\n")
		if !ok || strings.Count(string(text), before) != 1 {
			stale = append(stale, fmt.Errorf("%s: what is to be replaced is not there exactly once", f.Name))
			continue
		}
		path, err = filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		at := strings.Index(string(text), before)
		edits = append(edits, Edit{path, at, at + len(before), after, what})
	}
	return edits, errors.Join(stale...)
}

// Overlay writes the edited files into a folder, and gives the flag with which go builds from them. There must be no overlap.
func Overlay(dir string, edits ...Edit) (flag string, err error) {
	edits = slices.Clone(edits)
	slices.SortFunc(edits, func(a, b Edit) int { return b.From - a.From }) // from the end, so that offsets stay true
	replace := map[string]string{}
	for _, e := range edits {
		from := e.Path
		if replace[e.Path] == "" {
			replace[e.Path] = filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		} else {
			from = replace[e.Path]
		}
		text, err := os.ReadFile(from)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(replace[e.Path], slices.Concat(text[:e.From], []byte(e.By), text[e.To:]), 0o600); err != nil {
			return "", err
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return "-overlay=" + name, os.WriteFile(name, overlay, 0o600)
}
