package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

var updateFlag = flag.Bool("update", false, "write README.md and action.yml anew")

const (
	readme = "../../README.md"
	action = "../../action.yml"
)

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

// The action's inputs are made from List as well. They have no default: of GitHub: it would come in as an input that the
// user has set, and beat the environment.
func TestActionHoldsEverySetting(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, d := range List() {
		help := d.Help
		if d.Shown() != "" {
			help += " (default: " + d.Shown() + ")"
		}
		fmt.Fprintf(&b, "  %s:\n    description: %q\n    required: false\n", d.Name, help)
	}
	section(t, action, "  # settings: made by go test ./internal/config -update\n", "  # end of settings", b.String())

	text, err := os.ReadFile(action)
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct {
		Inputs  map[string]map[string]any    `json:"inputs"`
		Outputs map[string]map[string]string `json:"outputs"`
	}
	if err := yaml.Unmarshal(text, &parsed); err != nil {
		t.Fatal(err)
	}
	if len(parsed.Inputs) != len(List()) {
		t.Errorf("%d inputs, want %d", len(parsed.Inputs), len(List()))
	}
	for name, input := range parsed.Inputs {
		if _, ok := input["default"]; ok {
			t.Errorf("input %s has a default", name)
		}
	}
	for _, name := range []string{"task-id", "data-path", "content-type", "sha256", "rows", "tables", "skipped", "duration-ms"} {
		if parsed.Outputs[name]["description"] == "" {
			t.Errorf("output %s is not described", name)
		}
	}
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
				if !strings.Contains(text, "  --"+d.Name) {
					t.Errorf("no --%s", d.Name)
				}
			}
		}
	}
}

// section compares, or with -update replaces, what a file holds between two marks.
func section(t *testing.T, file, begin, end, want string) {
	t.Helper()
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
