//go:build unix

package load_test

import (
	"context"
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

const formatsSchema = `
CREATE TYPE mood AS ENUM ('sad', 'it''s fine', 'a,b'); CREATE DOMAIN small AS int CHECK (VALUE < 1000); CREATE TYPE pair AS (a int, b text);
CREATE TABLE "P" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "na me" text, twice text GENERATED ALWAYS AS ("na me" || "na me") STORED);
CREATE TABLE c (id serial PRIMARY KEY, p bigint REFERENCES "P", up int REFERENCES c, t text, v varchar(9), n numeric, f float8, b bool, d date, ts timestamptz, u uuid, j jsonb, js json,
	ta text[], na numeric[], by bytea, m mood, ms mood[], s small, pr pair, prs pair[], r int4range, iv interval, ip inet);`

// randomRows fills them; its parameter is a seed between -1 and 1. Texts hold what each format has to escape.
const randomRows = `
SELECT setseed(%s);
CREATE FUNCTION pg_temp.txt() RETURNS text LANGUAGE sql AS $f$
	SELECT string_agg((ARRAY['a', 'Z', ' ', '"', '''', ',', '\', E'\n', E'\r', E'\t', '{', '}', 'NULL', '\N', '\.', 'é', '😀', ';', '--', '$$', '(', ')', 'null'])[1 + floor(random() * 23)], '')
	FROM generate_series(1, floor(random() * 6)::int) $f$;
CREATE FUNCTION pg_temp.maybe(anyelement) RETURNS anyelement LANGUAGE sql AS $f$ SELECT CASE WHEN random() < 0.8 THEN $1 END $f$;
INSERT INTO "P" ("na me") SELECT coalesce(pg_temp.txt(), '') FROM generate_series(1, 40);
INSERT INTO c (p, up, t, v, n, f, b, d, ts, u, j, js, ta, na, by, m, ms, s, pr, prs, r, iv, ip)
SELECT 1 + floor(random() * 40), 1 + floor(random() * 300), pg_temp.maybe(coalesce(pg_temp.txt(), '')), left(pg_temp.txt(), 9),
	pg_temp.maybe(round((random() * 1e6 - 5e5)::numeric, (random() * 9)::int)), (random() - 0.5) * 10 ^ (random() * 40)::int,
	pg_temp.maybe(random() < 0.5), pg_temp.maybe(date '2026-01-01' - (random() * 40000)::int), timestamptz '2026-01-01' - random() * interval '90 years', pg_temp.maybe(md5(random()::text)::uuid),
	pg_temp.maybe(jsonb_build_object(coalesce(pg_temp.txt(), ''), pg_temp.txt(), 'n', random(), 'l', jsonb_build_array(pg_temp.txt(), null, 1.5))),
	json_build_array(pg_temp.txt(), true, json_build_object('k', pg_temp.txt())),
	pg_temp.maybe(ARRAY[pg_temp.txt(), coalesce(pg_temp.txt(), ''), NULL]), ARRAY[round(random()::numeric, 3), NULL], decode(md5(random()::text), 'hex'),
	pg_temp.maybe((enum_range(NULL::mood))[1 + floor(random() * 3)]), pg_temp.maybe(enum_range(NULL::mood)), pg_temp.maybe((random() * 999)::int)::small,
	pg_temp.maybe(ROW((random() * 9)::int, pg_temp.txt())::pair), ARRAY[ROW(1, pg_temp.txt())::pair, NULL], pg_temp.maybe(int4range(1, 2 + (random() * 9)::int)), random() * interval '9 days',
	pg_temp.maybe('10.0.0.0'::inet + (random() * 255)::int)
FROM generate_series(1, 300)`

// TestFormatsOfRandomRows lets the server write the same random rows as SQL, CSV and JSON lines, and loads each as a superuser and
// as an owner: every database ends like the one that the rows are from.
func TestFormatsOfRandomRows(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	for round := range 2 {
		source := server.NewDatabase(t)
		prepare(t, source, map[string]string{"schema.sql": formatsSchema})
		pgtest.Exec(t, source, fmt.Sprintf(randomRows, fmt.Sprintf("0.%d", 1+round)))
		want := withoutSequences(pgtest.SortedDump(t, source, "-O", "-x"))
		files := func(ending, query string) *load.Rows {
			all := fstest.MapFS{}
			for name, table := range map[string]string{"P": `"P"`, "c": "c"} {
				text, stderr, code := pgtest.Psql(t, source, "-qAt", "-c", fmt.Sprintf(query, table))
				if code != 0 {
					t.Fatal(stderr)
				}
				all["x/"+name+ending] = &fstest.MapFile{Data: []byte(text)}
			}
			return rowsOf(t, all)
		}
		for format, o := range map[string]load.Options{
			"sql":   {Script: script(asReplica("TRUNCATE c, \"P\";\n" + pgtest.Dump(t, source, "--data-only", "--inserts")))},
			"csv":   {Rows: files(".csv", "COPY (SELECT * FROM %s) TO STDOUT WITH (FORMAT csv, HEADER)")},
			"jsonl": {Rows: files(".jsonl", "SELECT row_to_json(whole) FROM %s whole")},
		} {
			for _, as := range []string{"superuser", "owner"} {
				url := server.NewDatabase(t)
				roleURL := prepare(t, url, map[string]string{"schema.sql": formatsSchema})
				if as == "superuser" {
					roleURL = url
				}
				o.Target, o.Events, o.ForeignKeys = target(t, roleURL), events(t), load.Enforce
				if _, err := load.Run(context.Background(), o); err != nil {
					t.Fatalf("round %d, %s, %s: %v", round, format, as, err)
				}
				if got := withoutSequences(pgtest.SortedDump(t, url, "-O", "-x")); got != want {
					t.Fatalf("round %d, %s, %s:\n%s", round, format, as, difference(want, got))
				}
				pgtest.Exec(t, url, everythingHolds)
			}
		}
	}
}
