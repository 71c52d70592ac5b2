package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/edit"
)

// insertion is a piece of text that goes into a file, and of "%d" in it the number of its fault.
type insertion struct {
	at    int // offset
	text  string
	opens bool // it belongs to what follows, not to what it stands behind
	cut   int  // bytes that it stands for
}

// imports and switches are put into one file of each package. The switch that is on is named in a file, so that processes that tests
// start have the same one, whatever their environment is.
const (
	imports  = `; import (mutantcmp "cmp"; mutantos "os"; mutantstrconv "strconv")`
	switches = `
var mutantOn = func() int {
	text, _ := mutantos.ReadFile(%q)
	n, err := mutantstrconv.Atoi(string(text))
	if err != nil {
		return -1
	}
	return n
}()

func mutant(n int) bool { return n == mutantOn }

type mutantNumber interface { ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float64 }

func mutantOneMore[T mutantNumber](n int, v T) T { if mutant(n) { return v + 1 }; return v }
func mutantSum[T mutantNumber](n int, a, b T) T { if mutant(n) { return a - b }; return a + b }
func mutantDifference[T mutantNumber](n int, a, b T) T { if mutant(n) { return a + b }; return a - b }
func mutantLess[T mutantcmp.Ordered](n int, a, b T) bool { return a < b || mutant(n) && a == b }
func mutantAtMost[T mutantcmp.Ordered](n int, a, b T) bool { return a < b || !mutant(n) && a == b }
func mutantMore[T mutantcmp.Ordered](n int, a, b T) bool { return a > b || mutant(n) && a == b }
func mutantAtLeast[T mutantcmp.Ordered](n int, a, b T) bool { return a > b || !mutant(n) && a == b }
`
)

// operatorSwitch gives an operator, between its operands, a switch to its neighbour.
func operatorSwitch(op token.Token, x, xEnd, from, to, y, yEnd int) []insertion {
	function := map[token.Token]string{token.LSS: "mutantLess", token.LEQ: "mutantAtMost", token.GTR: "mutantMore", token.GEQ: "mutantAtLeast",
		token.ADD: "mutantSum", token.SUB: "mutantDifference"}[op]
	switch {
	case function != "":
		return []insertion{{at: x, text: function + "(%d, ", opens: true}, {at: from, text: ",", cut: to - from}, {at: yEnd, text: ")"}}
	case op == token.LAND, op == token.LOR: // one is the other of what is turned round, turned round
		return []insertion{{at: x, text: "((((", opens: true}, {at: xEnd, text: ") != mutant(%d))"},
			{at: y, text: "((", opens: true}, {at: yEnd, text: ") != mutant(%d))) != mutant(%[1]d))"}}
	}
	return []insertion{{at: x, text: "((", opens: true}, {at: yEnd, text: ") != mutant(%d))"}}
}

// mayBeLeftOut reports whether statements may stand in an if: they are of a block, and no function needs them at its end.
func mayBeLeftOut(parent, last ast.Node) bool {
	switch last := last.(type) {
	case *ast.ReturnStmt, *ast.IfStmt, *ast.SwitchStmt, *ast.ForStmt, *ast.BlockStmt:
		return false
	case *ast.BranchStmt:
		return last.Tok != token.FALLTHROUGH
	}
	switch parent.(type) {
	case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
		return true
	}
	return false
}

// withSwitches edits files so that each fault in them can be turned on. Those that do not compile so, as where a constant is wanted, lose
// their switch.
func (b *build) withSwitches(faults []fault) error {
	for {
		args := []string{"build", "-gcflags=-e"}
		var edits []edit.Edit
		done := map[string]bool{}
		for _, f := range faults {
			if done[f.Path] {
				continue
			}
			text, err := os.ReadFile(f.Path)
			if err != nil {
				return err
			}
			with, behind := string(insert(text, f.Path, faults)), ""
			if dir := filepath.Dir(f.Path); !done[dir] { // one file of the package has what all need
				with, behind = packageClause.ReplaceAllString(with, "$0"+imports), fmt.Sprintf(switches, filepath.Join(b.dir, "on"))
				args = append(args, dir)
				done[dir] = true
			}
			done[f.Path] = true
			edits = append(edits, edit.Edit{Path: f.Path, To: len(text), By: "//line " + f.Path + ":1\n" + with + behind})
		}
		if err := b.edit(edits...); err != nil {
			return err
		}
		out, err := exec.CommandContext(context.Background(), "go", slices.Insert(args, 1, b.overlay)...).CombinedOutput()
		if err == nil {
			return nil
		}
		if !lose(faults, out) {
			return fmt.Errorf("what has switches does not compile: %s", out)
		}
	}
}

var (
	packageClause = regexp.MustCompile(`(?m)^package \w+`)
	complaint     = regexp.MustCompile(`(?m)^(\S+\.go):(\d+):`)
)

// lose takes the switches of all faults on the lines that a compiler complains of.
func lose(faults []fault, complaints []byte) (some bool) {
	for _, m := range complaint.FindAllSubmatch(complaints, -1) {
		path, _ := filepath.Abs(string(m[1])) // go has it from where it is called, if that is shorter
		line, _ := strconv.Atoi(string(m[2]))
		for i := range faults {
			if f := &faults[i]; f.Path == path && f.line == line && f.switched != nil {
				f.switched, some = nil, true
			}
		}
	}
	return some
}

// insert gives the text of a file with the switches of all its faults.
func insert(text []byte, path string, faults []fault) []byte {
	type numbered struct {
		insertion
		n int
	}
	var all []numbered
	for n, f := range faults {
		for _, in := range f.switched {
			if f.Path == path {
				all = append(all, numbered{in, n})
			}
		}
	}
	// What ends somewhere ends before what begins there. Of those that begin in one place the first begins first, and ends last.
	slices.SortStableFunc(all, func(a, b numbered) int {
		if a.at != b.at || a.opens != b.opens {
			return cmp.Or(cmp.Compare(a.at, b.at), map[bool]int{true: 1, false: -1}[a.opens])
		}
		first := cmp.Compare(faults[a.n].order, faults[b.n].order)
		if a.opens {
			return first
		}
		return -first
	})
	var out bytes.Buffer
	at := 0
	for _, in := range all {
		out.Write(text[at:in.at])
		if strings.Contains(in.text, "%") {
			fmt.Fprintf(&out, in.text, in.n)
		} else {
			out.WriteString(in.text)
		}
		at = in.at + in.cut
	}
	out.Write(text[at:])
	return out.Bytes()
}

// turnOn turns on the switch of a fault, and that of no other.
func (b *build) turnOn(n int) error {
	return os.WriteFile(filepath.Join(b.dir, "on"), []byte(strconv.Itoa(n)), 0o600)
}
