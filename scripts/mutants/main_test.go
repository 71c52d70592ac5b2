package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
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

const program = `package main

import "os"

func main() {
	n := 0
	ok := true
	for i := 1; i < 3; i++ {
		if len(os.Args) == 1 && i > 1 {
			n = n + i
		}
	}
	switch {
	case n <= 2 && ok:
		n *= 10
		println(n)
	}
}
`

// TestSwitches builds a program once, and turns on one fault after the other: what it does then is what it would do with the fault alone.
// A constant that is to be one at compile time has no switch.
func TestSwitches(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"main.go": program, "go.mod": "module m\ngo 1.26\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	faults, err := makeFaults([]string{"main.go"})
	if err != nil {
		t.Fatal(err)
	}
	b := &build{dir: filepath.Join(t.TempDir(), "switched")}
	if err := b.withSwitches(faults); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(b.dir, "program")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, b.overlay, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	says := map[string]string{}
	for i, f := range faults {
		if f.switched == nil {
			says[f.What] = "no switch"
			continue
		}
		if err := b.turnOn(i); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), path).CombinedOutput()
		if err != nil {
			out = append(out, err.Error()...)
		}
		says[f.What] = string(out)
	}
	want := map[string]string{
		"main.go:6: one more: 0":                              "",
		"main.go:7: to false: true":                           "",
		"main.go:8: left out: i++":                            "no switch",
		"main.go:8: one more: 1":                              "20\n",
		"main.go:8: one more: 3":                              "",
		"main.go:8: to <= in i < 3: <":                        "",
		"main.go:9: one more: 1":                              "0\n",
		"main.go:9: to != in len(os.Args) == 1: ==":           "0\n",
		"main.go:9: to >= in i > 1: >":                        "",
		"main.go:9: to || in len(os.Args) == 1 && i > 1: &&":  "",
		"main.go:9: turned round: len(os.Args) == 1 && i > 1": "10\n",
		"main.go:10: left out: n = n + i":                     "0\n",
		"main.go:10: to - in n + i: +":                        "-20\n",
		"main.go:14: one more: 2":                             "20\n",
		"main.go:14: to || in n <= 2 && ok: &&":               "20\n",
		"main.go:14: to < in n <= 2: <=":                      "",
		"main.go:15: left out: n *= 10":                       "2\n",
		"main.go:15: one more: 10":                            "22\n",
		"main.go:16: left out: println(n)":                    "",
	}
	if !maps.Equal(says, want) {
		t.Errorf("the program says %q,\nnot %q", says, want)
	}
}
