package edit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const program = `package main

func main() {
	println("one")
	println("two")
	println("three")
}
`

const edits = `
-- main.go first --
	println("one")
----
	println("eins")
	println("more")
-- main.go last --
"three"
----
"drei"
-- main.go stale --
"four"
----
"vier"
-- main.go twice --
println
----
print
`

// TestOverlay builds a program with edits, and without: its file stays as it is.
func TestOverlay(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"main.go": program, "go.mod": "module m\n", "edits.txtar": edits} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	all, err := Read("edits.txtar")
	if len(all) != 2 || all[1].What != "last" || err == nil || !strings.Contains(err.Error(), "main.go stale") || !strings.Contains(err.Error(), "main.go twice") {
		t.Fatalf("edits %+v, %v", all, err)
	}
	for _, c := range []struct {
		edits []Edit
		want  string
	}{
		{nil, "one\ntwo\nthree\n"},
		{all[:1], "eins\nmore\ntwo\nthree\n"},
		{all, "eins\nmore\ntwo\ndrei\n"},
	} {
		flag, err := Overlay(t.TempDir(), c.edits...)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := exec.CommandContext(t.Context(), "go", "run", flag, ".").CombinedOutput(); err != nil || string(got) != c.want {
			t.Errorf("with %d edits it says %q, %v", len(c.edits), got, err)
		}
	}
}
