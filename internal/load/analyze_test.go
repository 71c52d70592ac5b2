//go:build unix

package load_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// TestAnalyzeCommitted holds what becomes of a load whose ANALYZE comes after its COMMIT: that it fails or is interrupted costs
// no row, and is told.
func TestAnalyzeCommitted(t *testing.T) {
	t.Parallel()
	const (
		text    = "TRUNCATE a, b; INSERT INTO a SELECT generate_series(1, 100000); INSERT INTO b VALUES (1), (2);\n"
		waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'ANALYZE (SKIP_LOCKED)%' AND state = 'active'"
		// The index's function does as it is told while ANALYZE looks at what it gives.
		schema = `CREATE TABLE told (what text); CREATE TABLE a (id int); CREATE TABLE b (id int);
			CREATE FUNCTION watched(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
				IF current_query() LIKE 'ANALYZE (SKIP_LOCKED)%' THEN
					IF EXISTS (SELECT FROM public.told WHERE what = 'fail') THEN RAISE 'as told'; END IF;
					IF EXISTS (SELECT FROM public.told WHERE what = 'wait') THEN PERFORM pg_sleep(600); END IF;
				END IF;
				RETURN $1; END $$;
			CREATE INDEX ON b (watched(id));`
	)
	for name, tt := range map[string]struct{ told, warning, failure, limit string }{
		"all is well":          {},
		"it fails":             {told: "fail", warning: "ANALYZE failed, statistics are as they were: as told"},
		"interrupted":          {told: "wait", failure: "The load is complete: it was committed before."},
		"no second connection": {limit: "CONNECTION LIMIT 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Shared(t).NewDatabase(t)
			role, roleURL := newRole(t, url)
			pgtest.Exec(t, url, schema+"GRANT SELECT ON told TO "+role+"; ALTER TABLE a OWNER TO "+role+"; ALTER TABLE b OWNER TO "+role+"; INSERT INTO told VALUES ('"+tt.told+"')")
			if tt.limit != "" {
				pgtest.Exec(t, url, "ALTER ROLE "+role+" "+tt.limit)
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			watched := make(chan struct{})
			go func() {
				defer close(watched)
				for ctx.Err() == nil {
					if tt.told == "wait" && value(t, url, waiting) != "0" {
						cancel()
					}
					time.Sleep(5 * time.Millisecond)
				}
			}()
			var warnings []string
			_, err := load.Run(ctx, load.Options{Target: target(t, roleURL), Script: script(text), Transaction: load.Single,
				Events: load.Events{Warn: func(s string) { warnings = append(warnings, s) }}})
			cancel()
			<-watched
			var p *problem.Error
			switch {
			case tt.failure == "" && err != nil, strings.Join(warnings, "\n") != tt.warning:
				t.Errorf("%v, warnings %q", err, warnings)
			case tt.failure != "" && (!errors.As(err, &p) || p.Code != problem.Interrupted || !strings.Contains(p.Error(), tt.failure)):
				t.Errorf("%v", err)
			}
			if got := value(t, url, "SELECT (SELECT count(*) FROM a) || ' and ' || (SELECT count(*) FROM b)"); got != "100000 and 2" {
				t.Errorf("there are %s rows", got)
			}
			if got := value(t, url, waiting); got != "0" {
				t.Errorf("%s statements run on", got)
			}
			if got := value(t, url, "SELECT reltuples FROM pg_class WHERE relname = 'b'"); tt.told == "" && got != "2" {
				t.Errorf("statistics know %s rows", got)
			}
		})
	}
}
