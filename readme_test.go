package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// What the README shows is what there is: its step is the example's, its links lead somewhere, every example is linked, and
// outputs and exit codes are those of the action and the program. (Its settings are held by package config.)
func TestReadme(t *testing.T) {
	t.Parallel()
	readme := read(t, "README.md")

	shown := regexp.MustCompile("(?s)<!-- from (\\S+) -->\n```yaml\n(.*?)```").FindAllStringSubmatch(readme, -1)
	if len(shown) == 0 {
		t.Error("no example is shown")
	}
	for _, example := range shown {
		if !strings.Contains(read(t, example[1]), example[2]) {
			t.Errorf("what is shown is not in %s:\n%s", example[1], example[2])
		}
	}

	linked := map[string]bool{}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(readme, -1) {
		linked[link[1]] = true
		if _, err := os.Stat(link[1]); err != nil {
			t.Error(err)
		}
	}
	for _, picture := range regexp.MustCompile(`(?:src|srcset)="([^"]+)"`).FindAllStringSubmatch(readme, -1) {
		if _, err := os.Stat(picture[1]); err != nil {
			t.Error(err)
		}
	}
	examples, err := filepath.Glob("examples/*")
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples (%v)", err)
	}
	list := read(t, "examples/README.md")
	for _, example := range examples {
		if !linked[filepath.ToSlash(example)] {
			t.Errorf("%s is not linked", example)
		}
		if name := filepath.Base(example); name != "README.md" && !strings.Contains(list, "]("+name+")") {
			t.Errorf("%s is not in examples/README.md", name)
		}
	}

	var action struct {
		Outputs map[string]any `yaml:"outputs"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "action.yml")), &action); err != nil {
		t.Fatal(err)
	}
	_, outputs, _ := strings.Cut(readme, "\n## Outputs\n")
	outputs, _, _ = strings.Cut(outputs, "\n## ")
	named := regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\|").FindAllStringSubmatch(outputs, -1)
	if len(named) != len(action.Outputs) {
		t.Errorf("%d outputs, want %d", len(named), len(action.Outputs))
	}
	for _, name := range named {
		if action.Outputs[name[1]] == nil {
			t.Errorf("action.yml has no output %s", name[1])
		}
	}

	codes := regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(readme, -1)
	want := []problem.Code{
		problem.OK, problem.Unexpected, problem.Settings, problem.API, problem.Timeout, problem.Data, problem.Database,
		problem.Interrupted,
	}
	if len(codes) != len(want) {
		t.Fatalf("%d exit codes, want %d", len(codes), len(want))
	}
	for i, code := range codes {
		if code[1] != strconv.Itoa(int(want[i])) {
			t.Errorf("exit code %s, want %d", code[1], want[i])
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestNamedTests holds that every test named in the documents is there: its function, and what its subtest is called.
func TestNamedTests(t *testing.T) {
	t.Parallel()
	sources := map[string]string{} // test function -> the files of its folder, with the names of its fixtures
	declared := regexp.MustCompile(`(?m)^func (Test\w+|Fuzz\w+|Benchmark\w+)\(`)
	folders := map[string]*strings.Builder{}
	functions := map[string]string{} // test function -> its folder
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		folder := filepath.Dir(path)
		if before, _, fixtures := strings.Cut(folder, string(filepath.Separator)+"testdata"); fixtures {
			folder = before
		}
		if folders[folder] == nil {
			folders[folder] = &strings.Builder{}
		}
		if !strings.HasSuffix(path, "_test.go") {
			folders[folder].WriteString("\"" + strings.TrimSuffix(d.Name(), filepath.Ext(d.Name())) + "\"\n")
			return nil
		}
		text := read(t, path)
		folders[folder].WriteString(text)
		for _, m := range declared.FindAllStringSubmatch(text, -1) {
			functions[m[1]] = folder
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for function, folder := range functions {
		sources[function] = folders[folder].String()
	}
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w*|…)((?:/[^`]*)?)`")
	found := 0
	for _, document := range append(documents, "README.md") {
		function := ""
		for _, m := range named.FindAllStringSubmatch(read(t, document), -1) {
			if m[1] != "…" {
				function = m[1]
			}
			source, known := sources[function]
			if !known {
				t.Errorf("%s: there is no test %s", document, function)
				continue
			}
			found++
			for _, part := range strings.Split(m[2], "/") {
				part = strings.Trim(part, "… *")
				if part != "" && !strings.Contains(source, `"`+part) && !strings.Contains(source, "`"+part) {
					t.Errorf("%s: %s has no subtest %q", document, function, part)
				}
			}
		}
	}
	if found < 40 {
		t.Errorf("%d tests are named: the pattern is off", found)
	}
}

// CONTRIBUTING's map of tests has every folder with tests, and names no other.
func TestMapOfTests(t *testing.T) {
	t.Parallel()
	text := read(t, "CONTRIBUTING.md")
	_, text, _ = strings.Cut(text, "\n## Map of tests\n")
	text, _, _ = strings.Cut(text, "\n## ")
	var rows []string
	for line := range strings.Lines(text) {
		if row, ok := strings.CutPrefix(line, "| `"); ok {
			where, _, _ := strings.Cut(row, " | ")
			rows = append(rows, regexp.MustCompile("[`(),]").ReplaceAllString("`"+where, " "))
		}
	}
	all := " " + strings.Join(rows, " ") + " "
	for _, name := range strings.Fields(all) {
		if _, err := os.Stat(name); err != nil && name != "make" {
			t.Errorf("the map names %s, which is not there", name)
		}
	}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "bin" || path == ".git"):
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		folder := filepath.ToSlash(filepath.Dir(path))
		for f := folder; f != "."; f = filepath.ToSlash(filepath.Dir(f)) { // a folder within one that is named belongs to it
			if strings.Contains(all, " "+f+" ") {
				return nil
			}
		}
		if folder != "." {
			t.Errorf("the map of tests in CONTRIBUTING.md lacks %s", folder)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
