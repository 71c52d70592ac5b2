package twophase_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/twophase"
)

func TestMain(m *testing.M) { leaks.Main(pgtest.Tests{M: m}) }

// crew is three transactions, each with a row of its own.
type crew struct {
	url   string
	run   twophase.Run
	conns []*pgx.Conn
}

func begin(t *testing.T, n int) *crew {
	t.Helper()
	url := pgtest.Shared(t).NewDatabase(t)
	c := &crew{url: url}
	pgtest.Exec(t, url, "CREATE TABLE t (i int)")
	for i := range n {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		if i == 0 {
			var database uint32
			if err := conn.QueryRow(t.Context(), "SELECT oid FROM pg_database WHERE datname = current_database()").Scan(&database); err != nil {
				t.Fatal(err)
			}
			c.run = twophase.New(database, n)
		}
		c.conns = append(c.conns, conn)
		c.do(t, i+1, fmt.Sprintf("BEGIN; INSERT INTO t VALUES (%d)", i+1))
	}
	c.do(t, n, c.run.Lock())
	return c
}

func (c *crew) do(t *testing.T, i int, sql string) {
	t.Helper()
	if _, err := c.conns[i-1].Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (c *crew) open(t *testing.T) *session.Session {
	t.Helper()
	config, err := pgx.ParseConfig(c.url)
	if err != nil {
		t.Fatal(err)
	}
	s, err := session.Open(t.Context(), config, session.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

// state gives how many rows are committed, and how many transactions prepared.
func (c *crew) state(t *testing.T, q *session.Session) (rows, prepared int) {
	t.Helper()
	if err := q.Ask(t.Context(), "SELECT (SELECT count(*) FROM public.t)::int4, (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database())::int4", nil, []any{&rows, &prepared}, nil); err != nil {
		t.Fatal(err)
	}
	return rows, prepared
}

// TestRecover has a run die at every point between the first PREPARE and the last COMMIT, and another find it: all is committed once the
// decider was prepared, and nothing before.
func TestRecover(t *testing.T) {
	t.Parallel()
	const n = 3
	for prepared := range n + 1 {
		for committed := 0; committed == 0 || prepared == n && committed <= n; committed++ {
			t.Run(fmt.Sprintf("%d prepared, %d committed", prepared, committed), func(t *testing.T) {
				t.Parallel()
				c := begin(t, n)
				for i := 1; i <= prepared; i++ {
					c.do(t, i, c.run.Prepare(i))
				}
				for i := 1; i <= committed; i++ {
					c.do(t, i, c.run.Commit(i))
				}
				q := c.open(t)
				if prepared > 0 && prepared < n { // it is alive: nothing is done
					found, err := twophase.Recover(t.Context(), q)
					if err != nil || len(found) != 1 || found[0].State != twophase.Alive {
						t.Fatalf("alive: %+v %v", found, err)
					}
				}
				for i := prepared + 1; i <= n; i++ { // the process dies
					c.do(t, i, "ROLLBACK")
				}
				want, left := twophase.RolledBack, prepared-committed
				if prepared == n {
					want = twophase.Committed
				}
				found, err := twophase.Recover(t.Context(), q)
				if err != nil || left == 0 != (len(found) == 0) || left > 0 && (found[0].State != want || found[0].Err != nil) {
					t.Errorf("found %+v, %v", found, err)
				}
				rows := 0
				if prepared == n {
					rows = n
				}
				if got, left := c.state(t, q); got != rows || left != 0 {
					t.Errorf("%d rows, %d prepared; want %d and none", got, left, rows)
				}
			})
		}
	}
}

// TestRecoverAtOnce has several find the same run, which one of them could finish under the eyes of the others.
func TestRecoverAtOnce(t *testing.T) {
	t.Parallel()
	const n, finders = 4, 4
	for _, prepared := range []int{n - 1, n} {
		c := begin(t, n)
		for i := 1; i <= prepared; i++ {
			c.do(t, i, c.run.Prepare(i))
		}
		if prepared < n {
			c.do(t, n, "ROLLBACK")
		}
		errs := make(chan error, finders)
		for range finders {
			q := c.open(t)
			go func() {
				found, err := twophase.Recover(t.Context(), q)
				for _, f := range found {
					if err == nil {
						err = f.Err
					}
				}
				errs <- err
			}()
		}
		for range finders {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		rows, left := c.state(t, c.open(t))
		if want := map[bool]int{true: n}[prepared == n]; rows != want || left != 0 {
			t.Errorf("%d of %d prepared: %d rows, %d prepared", prepared, n, rows, left)
		}
	}
}

// TestNames holds that names are short enough for the server, and that nobody else's are touched.
func TestNames(t *testing.T) {
	t.Parallel()
	r := twophase.New(4294967295, 64)
	for i := range r.N {
		if name := r.Name(i + 1); len(name) > 200 {
			t.Errorf("%s has %d bytes", name, len(name))
		}
	}
	c := begin(t, 1)
	others := []string{"mine", "fabricate_seed:x", fmt.Sprintf("fabricate_seed:%d:abc:3/2", c.run.Database), fmt.Sprintf("fabricate_seed:%d:abc:1/2 ", c.run.Database)}
	c.do(t, 1, "ROLLBACK")
	for _, name := range others {
		c.do(t, 1, "BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION '"+name+"'")
	}
	found, err := twophase.Recover(t.Context(), c.open(t))
	if err != nil || len(found) != 0 {
		t.Errorf("%+v %v", found, err)
	}
	if _, left := c.state(t, c.open(t)); left != len(others) {
		t.Errorf("%d of %d are left", left, len(others))
	}
	for _, name := range slices.Backward(others) {
		c.do(t, 1, "ROLLBACK PREPARED '"+name+"'")
	}
}
