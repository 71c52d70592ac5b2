package seed

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/overrides/texts"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
)

// What the API receives is what each text says, whether it is given inline or in a file; or nothing is sent, and the place is told.
func TestOverridesAsTheyArrive(t *testing.T) {
	t.Parallel()
	for _, text := range texts.All() {
		w := newWorld(t, simulator.Options{})
		file := filepath.Join(w.workspace, "overrides.txt")
		if err := os.WriteFile(file, []byte(text.Text), 0o600); err != nil {
			t.Fatal(err)
		}
		args := [][]string{{"--load=false", "--overrides=@overrides.txt"}}
		if !strings.Contains(text.Text, "\x00") && !strings.HasPrefix(text.Text, "${{") {
			args = append(args, []string{"--load=false", "--overrides=" + text.Text})
		}
		for _, args := range args {
			asked := len(w.api.Requests(simulator.Create))
			res, log := w.run(t, args...) // the simulator knows no such tables and says so, which is exit code 3
			sent := w.api.Requests(simulator.Create)[asked:]
			if !text.Sent() {
				told := strings.Contains(log, text.Want) || strings.HasSuffix(text.Want, "this is no object") && strings.Contains(log, "is not an object")
				if res.ExitCode != problem.Settings || len(sent) > 0 || !told {
					t.Errorf("%q: exit code %d, %d requests, not %s:\n%s", args, res.ExitCode, len(sent), text.Want, log)
				}
				continue
			}
			var body struct{ Overrides json.RawMessage }
			if len(sent) != 1 {
				t.Errorf("%q: %d requests\n%s", args, len(sent), log)
			} else if err := json.Unmarshal([]byte(sent[0].Body), &body); err != nil || string(body.Overrides) != text.Want {
				t.Errorf("%q\ngot  %s (%v)\nwant %s", args, body.Overrides, err, text.Want)
			}
		}
	}
}
