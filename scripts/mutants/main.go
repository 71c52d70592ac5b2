// Command mutants asks whether tests would notice a fault. It puts one small fault at a time into the source, as an overlay that
// leaves the files as they are, and runs the tests: a fault that they let pass is a survivor.
//
//	go run ./scripts/mutants -n 100 -seed 1 -tests 'go test ./internal/strategy' internal/strategy/*.go
//	go run ./scripts/mutants -faults FILE -tests 'go test ...'
//
// With files it makes the faults itself: conditions that are turned round, operators that are taken for their neighbours, statements
// that are left out, constants that are one off. With -faults they are those of a txtar file, as package edit reads it.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/edit"
)

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

func run(n int, seed uint64, given string, tests []string, limit time.Duration, least int) error {
	if len(tests) < 2 || tests[0] != "go" || tests[1] != "test" {
		return errors.New("-tests must be a go test command")
	}
	var faults []edit.Edit
	var err error
	if given != "" {
		faults, err = edit.Read(given)
		n = len(faults)
	} else {
		faults, err = makeFaults(flag.Args())
		dice := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // to be repeated
		dice.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	}
	if err != nil {
		return err
	}
	if v := try(context.Background(), edit.Edit{}, tests, limit); v != survived {
		return errors.New("the tests fail as the source is")
	}
	done, noticed := 0, 0
	for _, f := range faults {
		if done == n {
			break
		}
		start := time.Now()
		v := try(context.Background(), f, tests, limit)
		if v == notBuilt && given == "" {
			continue
		}
		done++
		if v == killed {
			noticed++
		}
		fmt.Printf("%-9s %4.0f s  %s\n", [...]string{"killed", "SURVIVED", "no build"}[v], time.Since(start).Seconds(), f.What)
	}
	fmt.Printf("%d faults, %d noticed (%d %%)\n", done, noticed, 100*noticed/max(1, done))
	if 100*noticed < least*done {
		return fmt.Errorf("fewer than %d %% were noticed", least)
	}
	return nil
}

// try runs the tests with a fault in the source.
func try(ctx context.Context, f edit.Edit, tests []string, limit time.Duration) verdict {
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	args := []string{"test", "-vet=off"}
	if f.Path != "" {
		overlay, err := edit.Overlay(dir, f)
		if err != nil {
			panic(err)
		}
		args = append(args, overlay)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", append(args, tests[2:]...)...).CombinedOutput()
	switch {
	case err == nil:
		return survived
	case bytes.Contains(out, []byte("[build failed]")) || bytes.Contains(out, []byte("[setup failed]")):
		return notBuilt
	}
	return killed
}

// neighbours are operators that are easily taken for one another.
var neighbours = map[token.Token]token.Token{
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.LAND: token.LOR, token.LOR: token.LAND, token.ADD: token.SUB, token.SUB: token.ADD,
}

// makeFaults gives all small faults that files can have.
func makeFaults(names []string) (faults []edit.Edit, err error) {
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
		add := func(from, to token.Pos, by, what string) {
			start, end := set.Position(from), set.Position(to)
			old, _, _ := strings.Cut(string(text[start.Offset:end.Offset]), "\n")
			faults = append(faults, edit.Edit{Path: path, From: start.Offset, To: end.Offset, By: by, What: fmt.Sprintf("%s:%d: %s: %.80s", name, start.Line, what, old)})
		}
		source := func(n ast.Node) string {
			return string(text[set.Position(n.Pos()).Offset:set.Position(n.End()).Offset])
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GenDecl:
				return n.Tok == token.VAR || n.Tok == token.CONST
			case *ast.IfStmt:
				add(n.Cond.Pos(), n.Cond.End(), "!("+source(n.Cond)+")", "turned round")
			case *ast.BinaryExpr:
				if other, ok := neighbours[n.Op]; ok {
					add(n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), other.String(), "to "+other.String()+" in "+strings.Join(strings.Fields(source(n)), " "))
				}
			case *ast.Ident:
				if other := map[string]string{"true": "false", "false": "true"}[n.Name]; other != "" {
					add(n.Pos(), n.End(), other, "to "+other)
				}
			case *ast.BasicLit:
				if v, err := strconv.Atoi(n.Value); n.Kind == token.INT && err == nil {
					add(n.Pos(), n.End(), strconv.Itoa(v+1), "one more")
				}
			case *ast.ExprStmt:
				add(n.Pos(), n.End(), "", "left out")
			case *ast.IncDecStmt:
				add(n.Pos(), n.End(), "", "left out")
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					add(n.Pos(), n.End(), "", "left out")
				}
			case *ast.CaseClause:
				if len(n.Body) > 0 {
					add(n.Body[0].Pos(), n.Body[len(n.Body)-1].End(), "", "left out")
				}
			}
			return true
		})
	}
	return faults, nil
}
