//go:build e2e

package e2e

// scenarios gives every run, in order. The patterns and texts are what a user relies on, not wording for its own sake.
func scenarios() []scenario {
	return []scenario{
		{
			name:     "step",
			workflow: "e2e/workflows/step.yml",
			outputs: map[string]string{
				"task-id":      `[0-9a-f-]{36}`,
				"data-path":    `seed-data`,
				"content-type": `application/zip`,
				"sha256":       `[0-9a-f]{64}`,
				"rows":         `[1-9][0-9]*`,
				"tables":       `\[\{"table":"public\..*\}\]`,
				"skipped":      `false|`,
				"duration-ms":  `[0-9]+`,
			},
			summary: []string{"public.users"},
			log:     []string{"the rows are there"},
		},
		{
			name:     "container job",
			workflow: "e2e/workflows/container-job.yml",
			outputs:  map[string]string{"rows": `[1-9][0-9]*`},
			log:      []string{"the rows are there"},
		},
		{
			name:     "wrong key",
			workflow: "e2e/workflows/wrong-key.yml",
			outputs:  map[string]string{},
			log:      []string{"401", "::error", "the database is as before"},
		},
		{
			name:     "no such label",
			workflow: "e2e/workflows/no-such-label.yml",
			log:      []string{"postgress", "::error", "the database is as before"},
		},
		{
			name:     "task error",
			workflow: "e2e/workflows/task-error.yml",
			log:      []string{"::error", "the database is as before"},
		},
	}
}
