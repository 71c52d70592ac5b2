//go:build e2e

package e2e

import "testing"

// scenarios gives every run, in order. The patterns and texts are what a user relies on, not wording for its own sake.
func scenarios() []scenario {
	const (
		positive  = `[1-9][0-9]*`
		unchanged = "the database is as before"
		loaded    = "the rows are there"
	)
	return []scenario{
		{
			name:     "step",
			workflow: "e2e/workflows/step.yml",
			outputs: map[string]string{
				"task-id":      `[0-9a-f-]{36}`,
				"data-path":    `seed-data`,
				"content-type": `application/zip`,
				"sha256":       `[0-9a-f]{64}`,
				"rows":         positive,
				"tables":       `\[\{"table":"public\..*\}\]`,
				"skipped":      `false`,
				"duration-ms":  positive,
			},
			summary: []string{"public.users"},
			log:     []string{loaded},
		},
		{
			name:     "container job",
			workflow: "e2e/workflows/container-job.yml",
			outputs:  map[string]string{"rows": positive},
			log:      []string{loaded},
		},
		{
			name:     "wrong key",
			workflow: "e2e/workflows/wrong-key.yml",
			fails:    true,
			log:      []string{"401", unchanged},
		},
		{
			name:     "no such label",
			workflow: "e2e/workflows/no-such-label.yml",
			fails:    true,
			log:      []string{"postgress", unchanged},
		},
		{
			name:     "task error",
			workflow: "e2e/workflows/task-error.yml",
			fails:    true,
			log:      []string{"the column users.email has no generator", unchanged},
		},
		{
			name:     "example: workflow step",
			workflow: "examples/workflow-step.yml",
			asUser:   true,
			outputs:  map[string]string{"rows": positive},
		},
		{
			name:     "example: preview of a pull request",
			workflow: "examples/pr-preview.yml",
			event:    "pull_request",
			payload:  pullRequest("opened"),
			asUser:   true,
			outputs:  map[string]string{"rows": positive},
			after: func(t *testing.T, w *world) {
				if users := w.psql(t, "preview_7", "SELECT count(*) > 0 FROM users"); users != "t" {
					t.Errorf("users in the preview: %s", users)
				}
			},
		},
		{
			name:     "example: pull request closed",
			workflow: "examples/pr-preview.yml",
			event:    "pull_request",
			payload:  pullRequest("closed"),
			asUser:   true,
			after: func(t *testing.T, w *world) {
				left := w.psql(t, "postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'preview%'")
				if left != "0" {
					t.Errorf("databases left: %s", left)
				}
				// What the next scenario refreshes.
				w.psql(t, "postgres", "CREATE DATABASE staging")
				shell(t, w.user, `docker run --rm -i --network host fabricate-seed-e2e/runner \
					psql -qX -v ON_ERROR_STOP=1 "$1" <db/schema.sql`, "postgresql://postgres:"+password+"@"+w.database+"/staging")
			},
		},
		{
			name:     "example: scheduled refresh",
			workflow: "examples/scheduled-refresh.yml",
			event:    "schedule",
			asUser:   true,
			outputs:  map[string]string{"rows": positive},
			after: func(t *testing.T, w *world) {
				if users := w.psql(t, "staging", "SELECT count(*) > 0 FROM users"); users != "t" {
					t.Errorf("users in staging: %s", users)
				}
			},
		},
		{
			name:     "example: generate once",
			workflow: "examples/generate-once.yml",
			asUser:   true,
			outputs:  map[string]string{"rows": positive},
			log:      []string{"shard 1 tests with", "shard 2 tests with"},
		},
	}
}

// pullRequest gives the event of pull request 7.
func pullRequest(action string) string {
	return `{"action": "` + action + `", "number": 7,
		"pull_request": {"number": 7, "head": {"ref": "feature", "repo": {"fork": false}}, "base": {"ref": "main"}}}`
}
