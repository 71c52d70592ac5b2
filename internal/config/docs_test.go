package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

var updateFlag = flag.Bool("update", false, "write README.md and action.yml anew")

const (
	readme = "../../README.md"
)

// actions are the container action and the one that needs no Docker: the same inputs and outputs.
var actions = []string{"../../action.yml", "../../native/action.yml"}

// The README's table of settings is made from List: go test ./internal/config -update
func TestReadmeHoldsEverySetting(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("| setting | default | meaning |\n| --- | --- | --- |\n")
	for _, d := range List() {
		shown := d.Note
		if d.Default != "" {
			shown = "`" + d.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", d.Name, shown, strings.ReplaceAll(d.Help, "|", `\|`))
	}
	section(t, readme, "<!-- settings -->\n", "<!-- /settings -->", b.String())
}

// The actions' inputs are made from List as well. They have no default: of GitHub: it would come in as an input that the
// user has set, and beat the environment. Outputs are made from Outputs.
func TestActionsHoldEverySettingAndOutput(t *testing.T) {
	t.Parallel()
	var inputs, outputs strings.Builder
	for _, d := range List() {
		help := d.Help
		if d.Shown() != "" {
			help += " (default: " + d.Shown() + ")"
		}
		fmt.Fprintf(&inputs, "  %s:\n    description: %q\n    required: false\n", d.Name, help)
	}
	for _, o := range Outputs() {
		fmt.Fprintf(&outputs, "  %s:\n    description: %q\n", o.Name, o.Help)
	}
	for _, action := range actions {
		section(t, action, "  # settings: made by go test ./internal/config -update\n", "  # end of settings", inputs.String())
		section(t, action, "  # outputs: made by go test ./internal/config -update\n", "  # end of outputs", outputs.String())
	}
}

// The README's table of outputs is made from Outputs: go test ./internal/config -update
func TestReadmeHoldsEveryOutput(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("| output | meaning |\n| --- | --- |\n")
	for _, o := range Outputs() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", o.Name, strings.ReplaceAll(o.Help, "|", `\|`))
	}
	section(t, readme, "<!-- outputs -->\n", "<!-- /outputs -->", b.String())
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, topic := range []string{"", Run, Load, Demo, Version} {
		text := HelpText(topic)
		for line := range strings.Lines(text) {
			if len([]rune(line)) > 121 {
				t.Errorf("help %s: long line: %s", topic, line)
			}
		}
		if topic == "" {
			for _, d := range List() {
				if !d.input && !strings.Contains(text, "  --"+d.Name) {
					t.Errorf("no --%s", d.Name)
				}
			}
		}
	}
}

// writing is held while a file is replaced of which several tests have a part.
var writing sync.Mutex

// section compares, or with -update replaces, what a file holds between two marks.
func section(t *testing.T, file, begin, end, want string) {
	t.Helper()
	writing.Lock()
	defer writing.Unlock()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no part between %q and %q", file, begin, end)
	}
	if got == want {
		return
	}
	if !*updateFlag {
		t.Fatalf("%s does not hold the settings as they are declared; run go test ./internal/config -update", file)
	}
	if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
