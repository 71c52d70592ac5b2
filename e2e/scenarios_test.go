//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"
)

// scenarios gives every run, in order. The patterns and texts are what a user relies on, not wording for its own sake.
func scenarios() []scenario {
	const (
		positive  = `[1-9][0-9]*`
		uuid      = `[0-9a-f-]{36}`
		unchanged = "the database is as before"
		loaded    = "the rows are there"
	)
	seeded := map[string]step{"seed": {outputs: map[string]string{"rows": positive}}}
	nothing := func(task string) map[string]string {
		return map[string]string{"task-id": task, "rows": `0`, "tables": `\[\]`, "data-path": ``, "skipped": `false`, "cache-hit": `false`, "duration-ms": positive}
	}
	return []scenario{
		{
			name:     "step",
			workflow: "e2e/workflows/step.yml",
			steps: map[string]step{"dry": {
				outputs: map[string]string{"rows": positive, "dry-run": `true`, "task-id": ``},
				summary: []string{"### ✅ Dry run: ", "A dry run: everything below was rolled back."},
			}, "seed": {
				outputs: map[string]string{
					"task-id":      uuid,
					"data-path":    `seed-data`,
					"content-type": `application/zip`,
					"sha256":       `[0-9a-f]{64}`,
					"rows":         positive,
					"tables":       `\[\{"table":"public\..*\}\]`,
					"skipped":      `false`,
					"cache-hit":    `false`,
					"duration-ms":  positive,
				},
				summary: []string{"| public.users |", "Where the time went", "| workspace | shop |"},
			}},
			log: []string{loaded},
		},
		{
			name:     "container job",
			workflow: "e2e/workflows/container-job.yml",
			steps:    seeded,
			log:      []string{loaded},
		},
		{
			name:     "localhost",
			workflow: "e2e/workflows/localhost.yml",
			steps: map[string]step{
				"seed": {
					outputs:  map[string]string{"rows": positive},
					warnings: []string{"nothing listens on localhost:5433 in this container, so port 5433 published on the job's machine (1"},
					summary:  []string{"write the service's label and the port inside its container instead, such as postgresql:"},
				},
				"unpublished": {
					exit:    6,
					outputs: map[string]string{"rows": `0`, "task-id": ``, "duration-ms": `[12][0-9]{4}`}, // long before connect-timeout
					error: []string{"nothing listens on localhost:5499 in this container, and port 5499 is not published on the job's machine (1",
						"database-url: postgresql://app:PASSWORD@postgres:5432/shop"},
				},
			},
			log: []string{loaded},
		},
		{
			name:     "failures",
			workflow: "e2e/workflows/failures.yml",
			fails:    true,
			steps: map[string]step{
				"wrong-key": {
					exit: 3, outputs: nothing(``), error: []string{"401", "Check the setting api-key"}, summary: []string{"401"},
				},
				"no-such-label": {
					exit: 6, outputs: nothing(``), error: []string{`there is no host "postgress"`, "The host is the label of the service"},
				},
				"script-error": {
					exit: 6, outputs: nothing(``), error: []string{"no-such-column.sql:3:", "no column nick"},
					summary: []string{"INSERT INTO users (id, email, name, nick)"},
				},
				"task-error": {
					exit: 3, outputs: nothing(uuid), error: []string{"the column users.email has no generator"},
				},
			},
			log: []string{unchanged},
		},
		{
			name:     "cancelled",
			workflow: "e2e/workflows/cancelled.yml",
			fails:    true,
			during:   cancelWhileLoading,
			steps: map[string]step{"seed": {
				exit: 130, outputs: map[string]string{"task-id": uuid, "rows": `0`, "sha256": `[0-9a-f]{64}`},
				error:   []string{"interrupted while loading", "The database is as it was"},
				summary: []string{"interrupted while loading"},
			}},
			log: []string{unchanged},
		},
		{
			name:     "example: workflow step",
			workflow: "examples/workflow-step.yml",
			asUser:   true,
			steps:    seeded,
		},
		{
			name:     "example: preview of a pull request",
			workflow: "examples/pr-preview.yml",
			event:    "pull_request",
			payload:  pullRequest("opened"),
			asUser:   true,
			steps:    seeded,
			after: func(t *testing.T, w *world, _ result) {
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
			after: func(t *testing.T, w *world, _ result) {
				left := w.psql(t, "postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'preview%'")
				if left != "0" {
					t.Errorf("databases left: %s", left)
				}
				// What the next scenario refreshes.
				w.withTables(t, "staging")
				w.psql(t, "staging", "CREATE MATERIALIZED VIEW a_total AS SELECT n FROM (SELECT count(*) AS n FROM users) x; "+
					"CREATE MATERIALIZED VIEW known AS SELECT id FROM users; CREATE UNIQUE INDEX ON known (id); CREATE UNIQUE INDEX ON a_total (n); "+
					"CREATE MATERIALIZED VIEW \"A total of known\" AS SELECT count(*) AS n FROM known; CREATE UNIQUE INDEX ON \"A total of known\" (n)")
			},
		},
		{
			name:     "example: parallel tests",
			workflow: "examples/parallel-tests.yml",
			asUser:   true,
			steps:    map[string]step{"seed": {outputs: map[string]string{"rows": positive, "clones": `\["app_1","app_2","app_3","app_4"\]`}}},
			log:      []string{"tested in 4 databases"},
		},
		{
			name:     "example: scheduled refresh",
			workflow: "examples/scheduled-refresh.yml",
			event:    "schedule",
			asUser:   true,
			steps:    seeded,
			after: func(t *testing.T, w *world, r result) {
				if users := w.psql(t, "staging", "SELECT count(*) > 0 FROM users"); users != "t" {
					t.Errorf("users in staging: %s", users)
				}
				for _, view := range []string{"a_total", `"A total of known"`} {
					if shown := w.psql(t, "staging", "SELECT n = (SELECT count(*) FROM users) FROM "+view); shown != "t" {
						t.Errorf("%s does not show the new rows", view)
					}
				}
				if said := strings.Join(r.steps["seed"].warnings, "\n"); strings.Contains(said, "materialized") {
					t.Errorf("warned of views that were refreshed: %s", said)
				}
			},
		},
		{
			name:     "example: many databases",
			workflow: "examples/many-databases.yml",
			event:    "workflow_dispatch",
			asUser:   true,
			steps:    seeded,
			after: func(t *testing.T, w *world, _ result) {
				for _, tenant := range []string{"acme", "globex", "initech"} {
					if users := w.psql(t, "tenant_"+tenant, "SELECT count(*) > 0 FROM users"); users != "t" {
						t.Errorf("users of %s: %s", tenant, users)
					}
				}
			},
		},
		{
			name:     "example: generate once",
			workflow: "examples/generate-once.yml",
			asUser:   true,
			steps:    seeded,
			log:      []string{"shard 1 tests with", "shard 2 tests with"},
		},
		{
			name:     "example: cached seed",
			workflow: "examples/cached-seed.yml",
			asUser:   true,
			steps:    map[string]step{"seed": {outputs: map[string]string{"rows": positive, "task-id": uuid, "cache-hit": `false`}}},
			log:      []string{"nothing is kept as seed-", "saved seed-", "test with"},
			after:    func(_ *testing.T, w *world, r result) { w.task = r.steps["seed"].outputs["task-id"] },
		},
		{
			name:      "example: cached seed, for a pull request from a fork",
			workflow:  "examples/cached-seed.yml",
			event:     "pull_request",
			payload:   strings.Replace(pullRequest("opened"), `"fork": false`, `"fork": true`, 1),
			asUser:    true,
			noSecrets: true, // so that it cannot start a task
			steps: map[string]step{"seed": {
				outputs: map[string]string{"rows": positive, "task-id": uuid, "cache-hit": `true`},
				summary: []string{"| From the cache | generated "},
			}},
			log: []string{"restored seed-", "test with"},
			after: func(t *testing.T, w *world, r result) {
				if task := r.steps["seed"].outputs["task-id"]; task != w.task {
					t.Errorf("task %s, want %s", task, w.task)
				}
				// For the next scenario.
				shell(t, w.user, `echo '-- a migration' >>db/schema.sql`)
			},
		},
		{
			name:     "example: cached seed, after a migration",
			workflow: "examples/cached-seed.yml",
			asUser:   true,
			steps:    map[string]step{"seed": {outputs: map[string]string{"rows": positive, "cache-hit": `false`}}},
			log:      []string{"nothing is kept as seed-", "saved seed-"},
			after: func(t *testing.T, w *world, r result) {
				if task := r.steps["seed"].outputs["task-id"]; task == w.task {
					t.Errorf("task %s again", task)
				}
			},
		},
		{
			name:      "example: check the schema, which fits",
			workflow:  "examples/check-schema.yml",
			event:     "pull_request",
			payload:   pullRequest("opened"),
			asUser:    true,
			noSecrets: true,
			steps:     map[string]step{"check": {outputs: map[string]string{"cache-hit": `true`}}},
			log:       []string{"restored seed-", "The export fits "},
			after: func(t *testing.T, w *world, _ result) { // for the next scenario
				shell(t, w.user, `echo 'ALTER TABLE users ADD COLUMN since date NOT NULL;' >>db/schema.sql`)
			},
		},
		{
			name:      "example: check the schema, which the data does not fit any more",
			workflow:  "examples/check-schema.yml",
			event:     "pull_request",
			payload:   pullRequest("synchronize"),
			asUser:    true,
			noSecrets: true,
			fails:     true,
			steps:     map[string]step{"check": {exit: 6, error: []string{"column since of public.users is NOT NULL and has no default, and the export does not give it"}}},
			after: func(t *testing.T, w *world, _ result) { // the other scenarios' schema is without
				shell(t, w.user, `sed -i '/ADD COLUMN since/d' db/schema.sql`)
			},
		},
	}
}

// pullRequest gives the event of pull request 7.
func pullRequest(action string) string {
	return `{"action": "` + action + `", "number": 7,
		"pull_request": {"number": 7, "head": {"ref": "feature", "repo": {"fork": false}}, "base": {"ref": "main"}}}`
}

// cancelWhileLoading cancels the workflow when the load is in its midst, after a look at what others can see of the action.
func cancelWhileLoading(t *testing.T, w *world, cancel func()) {
	t.Helper()
	service := "postgresql://app:" + password + "@localhost:5432/shop" // as it is published
	wait(t, "the load", func() bool {
		out, err := output(`docker run --rm --network host fabricate-seed-e2e/runner psql -AtX "$1" -c "$2"`, service,
			"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fabricate-seed' AND wait_event = 'PgSleep'")
		return err == nil && out == "1"
	})
	id := shell(t, ".", `docker ps -q --filter ancestor=act-dockeraction`)
	seen := shell(t, ".", `docker inspect "$1" --format '{{json .Path}} {{json .Args}} {{json .Config.Cmd}} {{json .Config.Entrypoint}} {{json .Config.Labels}}'
		docker top "$1" -eo pid,args`, id)
	for _, secret := range []string{apiKey, password} {
		if strings.Contains(seen, secret) {
			t.Errorf("the secret %q can be seen from outside: %s", secret, seen)
		}
	}
	start := time.Now()
	cancel()
	if code := shell(t, ".", `docker wait "$1"`, id); code != "130" {
		t.Errorf("exit code %s, want 130", code)
	}
	if took := time.Since(start); took > 7*time.Second { // GitHub's runner sends the next signal after 7.5 s
		t.Errorf("ended %s after it was cancelled", took)
	}
}
