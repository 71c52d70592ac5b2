//go:build unix

package load

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/copycodec"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// literalTypes are column types that literals are tried on.
var literalTypes = []string{
	"smallint", "integer", "bigint", "numeric", "numeric(6,2)", "numeric(3,0)", "real", "double precision", "boolean", "text", "varchar", "varchar(5)",
	"char(3)", `"char"`, "name", "json", "jsonb", "uuid", "bytea", "date", "timestamp", "timestamptz", "timestamp(0)", "timestamptz(2)", "time", "timetz", "time(1)",
	"interval", "interval(0)", "interval hour to minute", "bit(3)", "bit varying(4)", "inet", "cidr", "macaddr", "point", "money", "oid", "xid", "regclass", "xml", "tsvector",
	"int4range", "tstzrange", "text[]", "integer[]", "varchar(3)[]", "numeric(4,1)[]", "uuid[]", "boolean[]", "bigint[]", "mood", "small", "short", "listed", "pair", "lsn",
}

// literals are spellings of values in an INSERT.
var literals = func() []string {
	quoted := []string{
		"", " ", "0", "1", "7", "48", " 48 ", "-48", "+48", "007", "-007", "1.0", "1.50", "1.005", "2.675", "-0", "-0.0", "0.0", "00.10", ".5", "5.", "1e3", "1E-3", "1e400", "1e-400",
		"123456", "1234.567", "99999", "0.004", "0.005", "0.00001", "10000", "100000000", "0.0001", "9999.9999", "123456789012345678901234567890.123456789", "2147483647", "2147483648", "-2147483648", "-2147483649", "32767", "32768", "-32768",
		"9223372036854775807", "9223372036854775808", "-9223372036854775808", "NaN", "nan", "Infinity", "-Infinity", "inf", "0x1F", "1_000", "3.4028236e38", "16777217", "0.1", "1e23", "9007199254740993",
		"t", "f", "true", "false", "TRUE", "T", "yes", "no", "on", "off", "of", "y", "n", "tr", "null", "NULL",
		"a", "abc", "abcdef", "abc   ", "ab''c", "''", `\`, `\\`, `\n`, `\N`, `\.`, "a\nb", "a\tb", "a\r\nb", "\n\\.\n", "ü€😀", "éé", "--", "/*", ":x", "$1", "a;b",
		`{"a": 1}`, `{"a":1, "a":2}`, `[1, 2.0, "x"]`, `"s"`, `{bad`, `{"k": "l\u00e9"}`, `{"k": "\u0000"}`,
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc999c0b4ef8bb6d6bb9bd380a11", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g",
		`\xdeadbeef`, `\xDEADBEEF`, `\xdead beef`, `\xdea`, `\x`, `\001\\`, "abc\\000",
		"2025-09-01", "2025-9-1", "0001-01-01", "9999-12-31", "2024-02-29", "2023-02-29", "2000-01-01", "1999-12-31", "1970-01-01", "20250901", "Sep 1 2025", "2025-13-01", "0000-01-01", "10000-01-01", "2025-09-01 BC", "infinity", "-infinity", "epoch",
		"2025-09-01T14:31:19.080Z", "2025-09-01 14:31:19.080Z", "2024-09-26 15:58:40", "2024-09-26T15:58:40", "2025-09-01T14:31:19+02", "2025-09-01T14:31:19+02:30", "2025-09-01T14:31:19-05:00", "2025-09-01 14:31:19.123456789Z", "2025-09-01 14:31:19.5 UTC",
		"2025-09-01 24:00:00", "2025-09-01 23:59:60", "2025-09-01 14:31", "2025-09-01T14:31:19.z", "2025-09-01T14:31:19.499999Z", "2025-09-01T14:31:19.5Z", "2025-09-01T14:31:19.005Z", "2025-09-01t14:31:19z", "2025-09-01T14:31:19+0230", "2025-09-01T14:31:19+15:59", "2025-09-01T14:31:19 Z",
		"14:31:19", "14:31:19.05+02", "1 day 02:03:04.567", "P1DT2H", "1 year 2 mons", "101", "10", "10101", "B101", "x1F",
		"10.0.0.1", "10.0.0.0/8", "::1", "08:00:2b:01:02:03", "(1,2)", "$1,234.56", "12.34", "pg_class", "<a/>", "a b c", "[1,5)", "[2025-01-01 00:00Z,)", "empty",
		"{}", "{a}", "{a,b}", `{"a b","c\"d"}`, "{1,2,3}", "{1,NULL,3}", "{ a , b }", "{{1,2},{3,4}}", "{a,}", "{,}", `{""}`, "{null}", `{"null"}`, `{a\,b}`, "[0:1]={1,2}", "{ü}", "{t,f}", `{"x`, "{1.25,2.5}", "{abcd}", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "{1}x",
		"happy", "sad", "Happy", "(1,x)", "(1,)", "16/B374D848",
	}
	var all []string
	for _, q := range quoted {
		all = append(all, "'"+strings.ReplaceAll(strings.ReplaceAll(q, "''", "'"), "'", "''")+"'")
	}
	return append(all, "NULL", "null", "true", "false", "TRUE", "False", "0", "1", "7", "48", "-48", "+48", "007", "-007", "1.0", "1.50", "1.005", "2.675", "-0", "-0.0", "+0.0", "00.10", ".5", "5.", "-.5", "1e3", "1E-3", "1e+2", "1e400", "1e-400",
		"123456", "1234.567", "99999", "0.004", "0.005", "10000", "100000000", "0.00010", "123456789012345678901234567890.123456789", "2147483647", "2147483648", "-2147483648", "-2147483649", "32768", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
		"123456789012345678", "1234567890123456789", "-9223372036854775809", "0000000000000000048", "-00000000000000000048", "'00000000000000000048'", "48e", "48.", "48$", "-", "+.5", "12345.6789", "-0.00000001", "90000000.0000000000", "3.4028236e38", "16777217", "9007199254740993", "0.1", "1e23", "- 5", "2.5", "3.5", "-2.5", "010.5", "0.50", "101", "1.", "000",
		"DEFAULT", "1+1", "'a' || 'b'", "E'a\\nb'", "E'it''s'", "U&'\\00e9'", "B'101'", "X'1F'", "N'abc'", "'a'::text", "now()", "(1)", "(SELECT 1)", "$$a$$", "'a'\n'b'", "'a' -- c\n", "-- c\n 1", "nullx", "trues", "'x'y")
}()

const literalSchema = `
CREATE TYPE mood AS ENUM ('happy', 'sad', '1', 'true');
CREATE DOMAIN small AS integer CHECK (VALUE < 100);
CREATE DOMAIN short AS varchar(4) NOT NULL CHECK (VALUE <> 'abc');
CREATE DOMAIN listed AS text[] CHECK (cardinality(VALUE) < 3);
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN lsn AS pg_lsn;`

// TestLiterals tries every literal on every type: what the encoder takes must end as the same value, or fail, as INSERT
// has it.
func TestLiterals(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"UTC", "America/New_York"} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			r := openRun(t, literalSchema)
			ctx := context.Background()
			must(t, r.exec(ctx, "SET TIME ZONE '"+zone+"'"))
			taken := map[string]int{}
			for i, typ := range literalTypes {
				if zone != "UTC" && !strings.HasPrefix(typ, "time") { // elsewhere the zone means nothing
					continue
				}
				table := fmt.Sprintf("t%d", i)
				must(t, r.exec(ctx, fmt.Sprintf("CREATE TABLE %s (v %s DEFAULT NULL)", table, typ)))
				plan, err := r.plan(ctx, []string{table})
				if err != nil || plan == nil || len(plan.Reasons) > 0 && !strings.Contains(typ, "(") && typ != "interval hour to minute" {
					t.Fatalf("%s: plan %+v, error %v", typ, plan, err)
				}
				for _, literal := range literals {
					want, wantErr := insertOne(t, r, table, literal)
					for _, binary := range []bool{false, true} {
						plan.text = !binary
						_, e, ok := plan.encoder(nil, 1)
						if !ok || binary && !e.Binary() {
							continue
						}
						rows, n, ok := e.Values(nil, []byte("("+literal+");"), false)
						if !ok {
							continue
						}
						taken[fmt.Sprint(binary)]++
						if n != 1 {
							t.Errorf("%s: %s gives %d rows", typ, literal, n)
						}
						got, gotErr := copyOne(t, r, table, rows, binary)
						if got != want || gotErr != wantErr {
							t.Errorf("%s: %s (binary %v): INSERT gives %q %s, COPY of %q gives %q %s", typ, literal, binary, want, wantErr, rows, got, gotErr)
						}
					}
				}
			}
			if zone == "UTC" && (taken["false"] < 5000 || taken["true"] < 1500) {
				t.Errorf("only %v literals were encoded: the fast way is hardly used", taken)
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openRun gives a run connected to a fresh database.
func openRun(t *testing.T, schema string) *run {
	t.Helper()
	url := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, url, schema)
	config, err := pgx.ParseConfig(url)
	must(t, err)
	r := newRun(Options{Target: config})
	must(t, r.connect(context.Background(), config))
	t.Cleanup(func() { r.session.Close(context.Background()) })
	return r
}

func insertOne(t *testing.T, r *run, table, literal string) (value, fault string) {
	t.Helper()
	return tryOne(t, r, table, func() error {
		return r.exec(context.Background(), "INSERT INTO "+table+" VALUES ("+literal+");")
	})
}

func copyOne(t *testing.T, r *run, table string, rows []byte, binary bool) (value, fault string) {
	t.Helper()
	return tryOne(t, r, table, func() error {
		sql := "COPY " + table + " FROM STDIN"
		if binary {
			sql += " WITH (FORMAT binary)"
			rows = append(append(bytes.Clone(copycodec.Header), rows...), copycodec.Trailer...)
		}
		_, err := r.session.CopyIn(context.Background(), sql, bytes.NewReader(rows))
		return err
	})
}

// tryOne runs something that adds one row, and gives the row's value as text, "<null>" for NULL, or "failed".
func tryOne(t *testing.T, r *run, table string, add func() error) (value, fault string) {
	t.Helper()
	ctx := context.Background()
	must(t, r.exec(ctx, "BEGIN"))
	defer func() { must(t, r.exec(ctx, "ROLLBACK")) }()
	if err := add(); err != nil {
		return "", "failed"
	}
	// The stored bytes are compared, not only what they look like.
	if err := r.session.Do(ctx, []byte("SELECT coalesce(v::text, '<null>') || ' ' || coalesce(pg_column_size(v)::text, '') FROM "+table), session.Handlers{
		Row: func(v [][]byte) { value = string(v[0]) }}); err != nil {
		t.Fatal(err)
	}
	return value, ""
}
