// Command mutants asks whether tests would notice a fault. It puts one small fault at a time into the source, as an overlay that
// leaves the files as they are, and runs the tests: a fault that they let pass is a survivor.
//
//	go run ./scripts/mutants -n 100 -seed 1 -tests 'go test ./internal/strategy' internal/strategy/*.go
//	go run ./scripts/mutants -faults FILE -tests 'go test ...'
//
// With files it makes the faults itself: conditions that are turned round, operators that are taken for their neighbours, statements
// that are left out, constants that are one off. With -faults they are those of a txtar file, as package edit reads it.
//
// Packages of the go test command are asked in its order, up to the first test that fails. To build them takes much longer than to
// run them, so that most faults are built at once, each behind a switch (switched.go). A fault that does not compile counts for nothing.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/edit"
)

// fault is one change of a file.
type fault struct {
	edit.Edit
	line     int
	switched []insertion // the same with a switch; none if it cannot have one
	order    int         // of all: what is in another fault's piece of source comes after it
}

// verdict is what the tests make of a fault.
type verdict int

const (
	killed verdict = iota
	survived
	notBuilt // it does not compile, and counts for nothing
)

func main() {
	n := flag.Int("n", 100, "how many faults to make")
	seed := flag.Uint64("seed", 1, "which of all that are possible")
	given := flag.String("faults", "", "a txtar file of faults, instead of making them")
	tests := flag.String("tests", "", "the go test command that should notice")
	limit := flag.Duration("limit", 5*time.Minute, "how long it may take for one fault; longer is noticed, too")
	least := flag.Int("least", 0, "per cent of the faults that must be noticed")
	flag.Parse()
	if err := run(*n, *seed, *given, strings.Fields(*tests), *limit, *least); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(n int, seed uint64, given string, command []string, limit time.Duration, least int) error {
	tests, err := parseTests(command, limit)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var faults []fault
	switched := &build{dir: filepath.Join(dir, "switched"), overlay: "-overlay="}
	if given != "" {
		var edits []edit.Edit
		edits, err = edit.Read(given)
		for _, e := range edits {
			faults = append(faults, fault{Edit: e})
		}
		n = len(faults)
	} else {
		faults, err = makeFaults(flag.Args())
		dice := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // to be repeated
		dice.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
		if err == nil {
			err = switched.withSwitches(faults)
		}
	}
	if err != nil {
		return err
	}
	if v := tests.ask(switched); v != survived {
		return errors.New("the tests fail as the source is")
	}
	var counts [3]int
	for i, f := range faults {
		if counts[killed]+counts[survived] == n {
			break
		}
		start := time.Now()
		b := switched
		if len(f.switched) > 0 {
			err = b.turnOn(i)
		} else {
			b = &build{dir: filepath.Join(dir, strconv.Itoa(i))}
			err = b.edit(f.Edit)
		}
		if err != nil {
			return err
		}
		v := tests.ask(b)
		if b != switched {
			_ = os.RemoveAll(b.dir)
		}
		counts[v]++
		if v != notBuilt || given != "" {
			fmt.Printf("%-9s %4.1f s  %s\n", [...]string{"killed", "SURVIVED", "no build"}[v], time.Since(start).Seconds(), f.What)
		}
	}
	done := counts[killed] + counts[survived]
	fmt.Printf("%d faults, %d noticed (%d %%), and %d that do not compile\n", done, counts[killed], 100*counts[killed]/max(1, done), counts[notBuilt])
	if 100*counts[killed] < least*done || given != "" && counts[notBuilt] > 0 {
		return fmt.Errorf("fewer than %d %% were noticed", least)
	}
	return nil
}

// suite is a go test command, taken apart.
type suite struct {
	packages []string // as they are given
	args     []string // of the programs that it builds
	limit    time.Duration
	took     map[string]time.Duration // a package's tests, where they noticed nothing
}

func parseTests(command []string, limit time.Duration) (s suite, err error) {
	if len(command) < 2 || command[0] != "go" || command[1] != "test" {
		return s, errors.New("-tests must be a go test command")
	}
	s.limit, s.took = limit, map[string]time.Duration{}
	for _, arg := range command[2:] {
		switch {
		case strings.HasPrefix(arg, "./"):
			s.packages = append(s.packages, arg)
			continue
		case len(s.packages) == 0 && strings.HasPrefix(arg, "-"): // go test's own
			arg = "-test." + arg[1:]
		}
		s.args = append(s.args, arg)
	}
	return s, nil
}

// build is the source with faults in it, and what was built of it.
type build struct {
	dir      string
	overlay  string            // go's flag
	programs map[string]string // the tests of a package
}

func (b *build) edit(edits ...edit.Edit) (err error) {
	if err = os.MkdirAll(b.dir, 0o700); err == nil {
		b.overlay, err = edit.Overlay(b.dir, edits...)
	}
	return err
}

// program builds the tests of a package, once.
func (b *build) program(pkg string) (path string, ok bool) {
	if path, ok = b.programs[pkg]; ok {
		return path, true
	}
	path = filepath.Join(b.dir, strconv.Itoa(len(b.programs))+".test")
	if exec.CommandContext(context.Background(), "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-o", path, b.overlay, pkg).Run() != nil {
		return "", false
	}
	if b.programs == nil {
		b.programs = map[string]string{}
	}
	b.programs[pkg] = path
	return path, true
}

// ask runs the tests of one package after the other, until one notices.
func (s suite) ask(b *build) verdict {
	for _, pkg := range s.packages {
		program, ok := b.program(pkg)
		if !ok {
			return notBuilt
		}
		limit, start := s.limit, time.Now()
		if took, known := s.took[pkg]; known { // what goes round for ever need not do so for minutes
			limit = min(limit, max(10*time.Second, 20*took))
		}
		if s.fails(b, pkg, program, limit) {
			return killed
		}
		s.took[pkg] = max(s.took[pkg], time.Since(start))
	}
	return survived
}

// fails runs tests up to the first one that fails. As test2json has it, each is told of as it ends, those within others too.
func (s suite) fails(b *build, pkg, program string, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	temp := filepath.Join(b.dir, "tmp") // what is ended leaves things behind
	defer func() { _ = os.RemoveAll(temp) }()
	if err := os.MkdirAll(temp, 0o700); err != nil {
		panic(err)
	}
	cmd := exec.CommandContext(ctx, program, append([]string{"-test.v=test2json"}, s.args...)...)
	cmd.Dir, cmd.Env = pkg, append(os.Environ(), "TMPDIR="+temp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		panic(err)
	}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	failed := false
	for lines := bufio.NewScanner(out); !failed && lines.Scan(); {
		failed = strings.HasPrefix(strings.TrimLeft(lines.Text(), "\x16 "), "--- FAIL:")
	}
	if failed {
		_ = cmd.Process.Kill()
	}
	_, _ = io.Copy(io.Discard, out) // a line may be longer than a Scanner takes
	return cmd.Wait() != nil || failed
}

// neighbours are operators that are easily taken for one another.
var neighbours = map[token.Token]token.Token{
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.LAND: token.LOR, token.LOR: token.LAND, token.ADD: token.SUB, token.SUB: token.ADD,
}

// makeFaults gives all small faults that files can have.
func makeFaults(names []string) (faults []fault, err error) {
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		path, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		offset := func(p token.Pos) int { return set.Position(p).Offset }
		source := func(n ast.Node) string { return string(text[offset(n.Pos()):offset(n.End())]) }
		add := func(from, to token.Pos, by, what string, switched ...insertion) {
			old, _, _ := strings.Cut(string(text[offset(from):offset(to)]), "\n")
			line := set.Position(from).Line
			faults = append(faults, fault{line: line, switched: switched, order: len(faults), Edit: edit.Edit{Path: path, From: offset(from), To: offset(to), By: by,
				What: fmt.Sprintf("%s:%d: %s: %.80s", name, line, what, old)}})
		}
		around := func(n ast.Node, before, behind string) []insertion {
			return []insertion{{at: offset(n.Pos()), text: before, opens: true}, {at: offset(n.End()), text: behind}}
		}
		leaveOut := func(parent, first, last ast.Node) {
			var switched []insertion
			if mayBeLeftOut(parent, last) {
				switched = []insertion{{at: offset(first.Pos()), text: "if !mutant(%d) { ", opens: true}, {at: offset(last.End()), text: " }"}}
			}
			add(first.Pos(), last.End(), "", "left out", switched...)
		}
		parents := []ast.Node{nil}
		ast.Inspect(file, func(n ast.Node) bool {
			if n == nil {
				parents = parents[:len(parents)-1]
				return true
			}
			parent := parents[len(parents)-1]
			switch n := n.(type) {
			case *ast.GenDecl:
				if n.Tok != token.VAR && n.Tok != token.CONST {
					return false
				}
			case *ast.IfStmt:
				if b, ok := n.Cond.(*ast.BinaryExpr); ok && (b.Op == token.EQL || b.Op == token.NEQ) {
					break // it is turned round as an operator
				}
				add(n.Cond.Pos(), n.Cond.End(), "!("+source(n.Cond)+")", "turned round", around(n.Cond, "((", ") != mutant(%d))")...)
			case *ast.BinaryExpr:
				if other, ok := neighbours[n.Op]; ok {
					end := n.OpPos + token.Pos(len(n.Op.String()))
					add(n.OpPos, end, other.String(), "to "+other.String()+" in "+strings.Join(strings.Fields(source(n)), " "),
						operatorSwitch(n.Op, offset(n.Pos()), offset(n.X.End()), offset(n.OpPos), offset(end), offset(n.Y.Pos()), offset(n.End()))...)
				}
			case *ast.Ident:
				if other := map[string]string{"true": "false", "false": "true"}[n.Name]; other != "" {
					add(n.Pos(), n.End(), other, "to "+other, around(n, "(", " != mutant(%d))")...)
				}
			case *ast.BasicLit:
				if v, err := strconv.Atoi(n.Value); n.Kind == token.INT && err == nil {
					add(n.Pos(), n.End(), strconv.Itoa(v+1), "one more", around(n, "mutantOneMore(%d, ", ")")...)
				}
			case *ast.ExprStmt, *ast.IncDecStmt:
				leaveOut(parent, n, n)
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					leaveOut(parent, n, n)
				}
			case *ast.CaseClause:
				if len(n.Body) > 1 { // one alone is left out as a statement
					leaveOut(n, n.Body[0], n.Body[len(n.Body)-1])
				}
			}
			parents = append(parents, n)
			return true
		})
	}
	return faults, nil
}
