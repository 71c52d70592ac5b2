package databases_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/databases"
	"github.com/fabricate-seed/fabricate-seed/internal/dbname"
	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

func TestMain(m *testing.M) { leaks.Main(pgtest.Tests{M: m}) }

var names atomic.Int64

// name gives a name for a database that no other test has, and drops what is left of it and its clones at the end.
func name(t *testing.T) string {
	t.Helper()
	n := fmt.Sprintf("Some shop %04d", names.Add(1))
	t.Cleanup(func() {
		for _, database := range like(t, n) {
			pgtest.Exec(t, url(t, "postgres"), `DROP DATABASE "`+database+`" WITH (FORCE)`)
		}
	})
	return n
}

func url(t *testing.T, database string) string { return pgtest.Shared(t).URL(database) }

// query gives the first column of the answer, a row each.
func query(t *testing.T, database, sql string, args ...any) []string {
	t.Helper()
	conn := dial(t, database)
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// like gives the databases whose names begin so, sorted.
func like(t *testing.T, prefix string) []string {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url(t, "postgres")) // also when the test's own context has ended
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(context.Background(), "SELECT datname::text FROM pg_database WHERE starts_with(datname::text, $1) ORDER BY 1", prefix)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// dial connects as the superuser, until the test ends.
func dial(t *testing.T, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url(t, database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// server is the server for a role; "" is the superuser.
func server(t *testing.T, role string) databases.Server {
	t.Helper()
	config, err := pgx.ParseConfig(url(t, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if role != "" {
		config.User, config.Password = role, "pw"
	}
	return databases.Server{Target: config, Options: session.Options{LockTimeout: 20 * time.Second}}
}

func TestCreateAndDrop(t *testing.T) {
	t.Parallel()
	s, shop := server(t, ""), name(t)
	for i, want := range []bool{true, false} {
		made, err := s.Create(t.Context(), shop, "")
		if err != nil || made != want {
			t.Fatalf("attempt %d: made %v, %v", i, made, err)
		}
	}
	pgtest.Exec(t, url(t, shop), "CREATE TABLE t AS SELECT 1 AS a")
	dial(t, shop) // somebody is connected
	if _, err := s.Clone(t.Context(), shop+"-none", []string{shop + " x"}); err == nil {
		t.Error("a clone of a database that is not there was made")
	}
	for i, want := range [][]string{{shop}, nil} {
		dropped, err := s.Drop(t.Context(), shop)
		if err != nil || !slices.Equal(dropped, want) {
			t.Fatalf("attempt %d: dropped %q, %v", i, dropped, err)
		}
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	s, shop := server(t, ""), name(t)
	if _, err := s.Create(t.Context(), shop, ""); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, url(t, shop), "CREATE TABLE t AS SELECT 7 AS a")
	if _, err := s.Create(t.Context(), shop+" b", shop); err != nil {
		t.Fatal(err)
	}
	if got := query(t, shop+" b", "SELECT a::text FROM t"); !slices.Equal(got, []string{"7"}) {
		t.Errorf("rows of the template: %q", got)
	}
	_, err := s.Create(t.Context(), shop+" c", "no such template")
	if p := (*problem.Error)(nil); !errors.As(err, &p) || p.Code != problem.Database || !strings.Contains(p.Remedy, "template") {
		t.Errorf("no such template: %v", err)
	}
	if got := like(t, shop+" c"); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}

// What others have made stays, whatever is asked for.
func TestForeignDatabasesAreNeverDropped(t *testing.T) {
	t.Parallel()
	s, shop := server(t, ""), name(t)
	comments := map[string]string{
		"none": "", "other": "the shop of the sales department", "like": "made by fabricate-seed: by hand", "empty": "made by fabricate-seed: {}",
	}
	for suffix, comment := range comments {
		database := shop + " " + suffix
		pgtest.Exec(t, url(t, "postgres"), `CREATE DATABASE "`+database+`"`)
		if comment != "" {
			pgtest.Exec(t, url(t, "postgres"), `COMMENT ON DATABASE "`+database+`" IS '`+comment+`'`)
		}
		if dropped, err := s.Drop(t.Context(), database); problem.CodeOf(err) != problem.Database || dropped != nil {
			t.Errorf("%s: dropped %q, %v", suffix, dropped, err)
		}
		if made, err := s.Create(t.Context(), database, ""); err != nil || made {
			t.Errorf("%s: made %v, %v", suffix, made, err)
		}
	}
	if _, err := s.Create(t.Context(), shop, ""); err != nil {
		t.Fatal(err)
	}
	made, err := s.Clone(t.Context(), shop, []string{shop + " x", shop + " other"})
	if problem.CodeOf(err) != problem.Database || made != nil {
		t.Errorf("made %q, %v", made, err)
	}
	// A database of ours, but no clone of this one, is as foreign.
	if _, err := s.Create(t.Context(), shop+" own", ""); err != nil {
		t.Fatal(err)
	}
	if made, err := s.Clone(t.Context(), shop, []string{shop + " own"}); problem.CodeOf(err) != problem.Database || made != nil {
		t.Errorf("made %q, %v", made, err)
	}
	want := []string{shop, shop + " empty", shop + " like", shop + " none", shop + " other", shop + " own"}
	slices.Sort(want)
	if got := like(t, shop); !slices.Equal(got, want) {
		t.Errorf("there are %q, want %q", got, want)
	}
	for _, own := range []string{"postgres", "template0", "template1", "", strings.Repeat("x", 64), "a\nb"} {
		if _, err := s.Drop(t.Context(), own); problem.CodeOf(err) != problem.Settings {
			t.Errorf("drop %q: %v", own, err)
		}
	}
}

// everything is what TEMPLATE leaves out, of a database: owner, limit, grants, settings.
const everything = `SELECT concat_ws(' ', 'owner', pg_get_userbyid(datdba), 'limit', datconnlimit, 'grants', (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(datacl) a))
		FROM pg_database WHERE datname = $1
	UNION ALL SELECT concat_ws(' ', 'settings', setrole::regrole, unnest(setconfig))
		FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = $1 ORDER BY 1`

func TestClonesAreAsTheirSource(t *testing.T) {
	t.Parallel()
	s, shop := server(t, ""), name(t)
	owner := fmt.Sprintf("owner_%d", names.Add(1))
	pgtest.Exec(t, url(t, "postgres"), `CREATE ROLE `+owner+` LOGIN CREATEDB PASSWORD 'pw'`)
	t.Cleanup(func() { pgtest.Exec(t, url(t, "postgres"), "DROP ROLE "+owner) })
	if _, err := server(t, owner).Create(t.Context(), shop, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before the role, which owns them
		for _, database := range like(t, shop) {
			pgtest.Exec(t, url(t, "postgres"), `DROP DATABASE "`+database+`" WITH (FORCE)`)
		}
	})
	pgtest.Exec(t, url(t, shop), "CREATE TABLE t AS SELECT generate_series(1, 1000) AS a")
	for _, sql := range []string{
		`ALTER DATABASE %s SET search_path = app, "Odd ""name""", public`,
		`ALTER DATABASE %s SET "my.level" = 'it''s 100%%s \'`,
		`ALTER DATABASE %s SET timezone = 'Asia/Kolkata'`,
		`ALTER DATABASE %s SET temp_tablespaces = ''`,
		`ALTER DATABASE %s CONNECTION LIMIT 17`,
		`ALTER ROLE ` + owner + ` IN DATABASE %s SET work_mem = '7MB'`,
		`REVOKE CONNECT ON DATABASE %s FROM PUBLIC`,
		`GRANT CREATE, CONNECT ON DATABASE %s TO ` + owner + ` WITH GRANT OPTION`,
		`GRANT TEMPORARY ON DATABASE %s TO pg_monitor`,
	} {
		pgtest.Exec(t, url(t, "postgres"), fmt.Sprintf(sql, `"`+shop+`"`))
	}
	want := query(t, "postgres", everything, shop)
	for round := range 3 { // each time they take the place of those before, of which somebody has made one a template
		clones := dbname.Names("{database} {n}", shop, 6)
		made, err := s.Clone(t.Context(), shop, clones)
		if err != nil || !slices.Equal(made, clones) {
			t.Fatalf("round %d: made %q, %v", round, made, err)
		}
		for _, clone := range clones {
			if got := query(t, "postgres", everything, clone); !slices.Equal(got, want) {
				t.Errorf("%s:\n%s\nwant\n%s", clone, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if got := query(t, clone, "SELECT sum(a)::text FROM t"); !slices.Equal(got, []string{"500500"}) {
				t.Errorf("%s: rows %q", clone, got)
			}
			pgtest.Exec(t, url(t, clone), "CREATE TABLE old ()")
		}
		pgtest.Exec(t, url(t, "postgres"), `ALTER DATABASE "`+clones[0]+`" IS_TEMPLATE true`)
		pgtest.Exec(t, url(t, shop), "TRUNCATE t; INSERT INTO t VALUES (500500)")
	}
	dropped, err := s.Drop(t.Context(), shop)
	if err != nil || len(dropped) != 7 || len(like(t, shop)) != 0 {
		t.Errorf("dropped %q, left %q, %v", dropped, like(t, shop), err)
	}
}

// A role that owns nothing but what it makes: it clones its own database, with warnings for what it may not set.
func TestClonesByAMereOwner(t *testing.T) {
	t.Parallel()
	shop := name(t)
	owner := fmt.Sprintf("mere_%d", names.Add(1))
	pgtest.Exec(t, url(t, "postgres"), `CREATE ROLE `+owner+` LOGIN CREATEDB PASSWORD 'pw'`)
	t.Cleanup(func() { pgtest.Exec(t, url(t, "postgres"), "DROP ROLE "+owner) })
	t.Cleanup(func() {
		for _, database := range like(t, shop) {
			pgtest.Exec(t, url(t, "postgres"), `DROP DATABASE "`+database+`" WITH (FORCE)`)
		}
	})
	s := server(t, owner)
	var mu sync.Mutex
	var warnings []string
	s.Options.Warn = func(text string) { mu.Lock(); defer mu.Unlock(); warnings = append(warnings, text) }
	if _, err := s.Create(t.Context(), shop, ""); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, url(t, "postgres"), `ALTER ROLE postgres IN DATABASE "`+shop+`" SET work_mem = '7MB'`)
	for range 2 { // the second one takes the place of the first, which somebody of the owner's is connected to
		warnings = nil
		if made, err := s.Clone(t.Context(), shop, []string{shop + " x"}); err != nil || len(made) != 1 {
			t.Fatalf("made %q, %v", made, err)
		}
		config := server(t, owner).Target.Copy()
		config.Database = shop + " x"
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "work_mem of postgres") {
		t.Errorf("warnings %q", warnings)
	}
	// Without the right to make databases it says which right.
	other := fmt.Sprintf("none_%d", names.Add(1))
	pgtest.Exec(t, url(t, "postgres"), `CREATE ROLE `+other+` LOGIN PASSWORD 'pw'`)
	t.Cleanup(func() { pgtest.Exec(t, url(t, "postgres"), "DROP ROLE "+other) })
	for what, err := range map[string]error{
		"create": second(server(t, other).Create(t.Context(), shop+" y", "")),
		"drop":   second(server(t, other).Drop(t.Context(), shop)),
	} {
		if p := (*problem.Error)(nil); !errors.As(err, &p) || p.Code != problem.Database || !strings.Contains(p.Remedy, "CREATEDB") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Who is connected to the source is waited for, named, and then told as what stands in the way.
func TestSessionsInTheSource(t *testing.T) {
	t.Parallel()
	s, shop := server(t, ""), name(t)
	if _, err := s.Create(t.Context(), shop, ""); err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(url(t, shop))
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["application_name"] = "the till"
	till, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	short := s
	short.Options.LockTimeout = time.Millisecond
	made, err := short.Clone(t.Context(), shop, []string{shop + " x"})
	if p := (*problem.Error)(nil); !errors.As(err, &p) || p.Code != problem.Timeout || !strings.Contains(p.What, "the till") || made != nil {
		t.Errorf("made %q, %v", made, err)
	}
	if got := like(t, shop); len(got) != 1 {
		t.Errorf("there are %q", got)
	}
	s.Options.Notice = func(text string) { // it is told, and the session ends
		if strings.Contains(text, "the till") {
			_ = till.Close(context.Background())
		}
	}
	if made, err := s.Clone(t.Context(), shop, []string{shop + " x"}); err != nil || len(made) != 1 {
		t.Errorf("made %q, %v", made, err)
	}
}

// What somebody who was killed has left is nobody's, and goes when the name is wanted again. A database of that name that people
// can connect to is somebody's.
func TestWhatWasLeftUnfinished(t *testing.T) {
	t.Parallel()
	s, shop := server(t, ""), name(t)
	left := databases.Unfinished(shop, shop)
	pgtest.Exec(t, url(t, "postgres"), "CREATE DATABASE "+left+" ALLOW_CONNECTIONS false")
	if made, err := s.Create(t.Context(), shop, ""); !made || err != nil {
		t.Fatalf("made %v, %v", made, err)
	}
	if got := like(t, left); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
	pgtest.Exec(t, url(t, "postgres"), `DROP DATABASE "`+shop+`"`)
	pgtest.Exec(t, url(t, "postgres"), "CREATE DATABASE "+left)
	if made, err := s.Create(t.Context(), shop, ""); made || problem.CodeOf(err) != problem.Database {
		t.Errorf("made %v, %v", made, err)
	}
	if got := like(t, left); len(got) != 1 {
		t.Error("a database that people can connect to was dropped")
	}
	if dropped, err := s.Drop(t.Context(), shop); err != nil || len(dropped) != 0 || len(like(t, left)) != 1 {
		t.Errorf("dropped %q, left %q, %v", dropped, like(t, left), err)
	}
	pgtest.Exec(t, url(t, "postgres"), "DROP DATABASE "+left)
	// Whoever drops the source drops what is left of its clones, and of no others'.
	mine, other := databases.Unfinished(shop, shop+" x"), databases.Unfinished(shop+" x", shop+" x")
	for _, n := range []string{mine, other} {
		pgtest.Exec(t, url(t, "postgres"), "CREATE DATABASE "+n+" ALLOW_CONNECTIONS false")
	}
	if _, err := s.Drop(t.Context(), shop); err != nil || len(like(t, mine)) != 0 || len(like(t, other)) != 1 {
		t.Errorf("left %q and %q, %v", like(t, mine), like(t, other), err)
	}
	pgtest.Exec(t, url(t, "postgres"), "DROP DATABASE "+other)
}

// A database whose DROP was interrupted, by a crash of the server, can only be dropped: it is no database to load into.
func TestInvalid(t *testing.T) {
	t.Parallel()
	s, shop := server(t, ""), name(t)
	invalid := func(name string) {
		pgtest.Exec(t, url(t, "postgres"), "UPDATE pg_database SET datconnlimit = -2 WHERE datname = '"+name+"'")
	}
	if _, err := s.Create(t.Context(), shop, ""); err != nil {
		t.Fatal(err)
	}
	invalid(shop)
	if made, err := s.Create(t.Context(), shop, ""); err != nil || !made {
		t.Errorf("made %v, %v", made, err)
	}
	dial(t, shop)
	clone := shop + " x"
	for range 2 {
		if made, err := server(t, "").Clone(t.Context(), shop+" b", []string{clone}); err == nil {
			t.Errorf("made %q of what is not there", made)
		}
		if _, err := s.Create(t.Context(), shop+" b", ""); err != nil {
			t.Fatal(err)
		}
		if made, err := s.Clone(t.Context(), shop+" b", []string{clone}); err != nil || len(made) != 1 {
			t.Errorf("made %q, %v", made, err)
		}
		invalid(clone)
		invalid(shop + " b")
		if dropped, err := s.Drop(t.Context(), shop+" b"); err != nil || len(dropped) != 2 {
			t.Errorf("dropped %q, %v", dropped, err)
		}
	}
	pgtest.Exec(t, url(t, "postgres"), `CREATE DATABASE "`+shop+` c"`)
	invalid(shop + " c")
	if made, err := s.Create(t.Context(), shop+" c", ""); made || problem.CodeOf(err) != problem.Database || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("made %v, %v", made, err)
	}
}

// Whoever is interrupted leaves nothing that has a name.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	s, shop := server(t, ""), name(t)
	if _, err := s.Create(t.Context(), shop, ""); err != nil {
		t.Fatal(err)
	}
	till := dial(t, shop) // keeps the clone waiting
	ctx, cancel := context.WithCancel(t.Context())
	s.Options.Notice = func(string) { cancel() }
	made, err := s.Clone(ctx, shop, []string{shop + " x"})
	if !errors.Is(err, context.Canceled) || made != nil {
		t.Errorf("made %q, %v", made, err)
	}
	_ = till.Close(t.Context())
	if got := like(t, shop); len(got) != 1 {
		t.Errorf("there are %q", got)
	}
}

// Several at work on one name take turns: one makes it, the others find it.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s, shop := server(t, ""), name(t)
	var made atomic.Int64
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			m, err := s.Create(t.Context(), shop, "")
			if err != nil {
				t.Error(err)
			}
			if m {
				made.Add(1)
			}
		})
	}
	wait.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times", made.Load())
	}
	for range 3 {
		wait.Go(func() {
			if _, err := s.Clone(t.Context(), shop, dbname.Names("{database}_{n}", shop, 2)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got, want := like(t, shop), []string{shop, shop + "_1", shop + "_2"}; !slices.Equal(got, want) {
		t.Errorf("there are %q, want %q", got, want)
	}
}
