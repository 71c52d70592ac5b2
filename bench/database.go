package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// template is the database that a run's own is made from.
type template string

const (
	schema  template = ""          // the shop's tables, with all keys and indexes
	keyless template = "keyless"   // the shop's tables, with neither
	guarded template = "guarded"   // the shop's tables, with triggers that fire for the replica role, too, and change nothing
	nothing template = "template0" // no tables
)

// schemaTemplate is the name of the database with the shop's tables.
const schemaTemplate = "schema"

// target is the name of the database that every run loads into.
const target = "target"

// index is a secondary index: one that belongs to no key.
type index struct{ name, definition string }

// startServer starts a server with PostgreSQL's own defaults, durability included, but for transactions that may be prepared, and makes the
// templates.
func (b *bench) startServer(ctx context.Context) error {
	defaults := map[string]string{"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "max_prepared_transactions": "16"}
	server, err := pgtest.Start(ctx, pgtest.Options{Settings: defaults})
	if err != nil {
		return err
	}
	b.server = server
	if b.admin, err = pgx.Connect(ctx, server.URL("postgres")); err != nil {
		return err
	}
	if err := b.admin.QueryRow(ctx, "SHOW server_version_num").Scan(&b.facts.server); err != nil {
		return err
	}
	if err := b.makeTemplate(ctx, schemaTemplate, "template0", shop.Schema()); err != nil {
		return err
	}
	if err := b.makeTemplate(ctx, string(keyless), schemaTemplate, dropKeys); err != nil {
		return err
	}
	if err := b.makeTemplate(ctx, string(guarded), schemaTemplate, addTriggers); err != nil {
		return err
	}
	if err := b.readSecondary(ctx); err != nil {
		return err
	}
	if _, err := b.admin.Exec(ctx, "CHECKPOINT"); err != nil {
		return err
	}
	return b.restart(ctx, func() error { return copyFolder(ctx, b.server.DataDir(), b.asMade()) })
}

// asMade is the folder with the server's files as they are before any run.
func (b *bench) asMade() string { return filepath.Join(b.dir, "server") }

// restart starts the server again, with what is done to its files in between.
func (b *bench) restart(ctx context.Context, between func() error) error {
	err := b.admin.Close(ctx)
	if err == nil {
		err = b.server.Restart(ctx, between)
	}
	if err == nil {
		b.admin, err = pgx.Connect(ctx, b.server.URL("postgres"))
	}
	return err
}

// copyFolder copies a folder with all that the system knows of its files; Go's own way leaves out the owner.
func copyFolder(ctx context.Context, from, to string) error {
	if out, err := exec.CommandContext(ctx, "cp", "-a", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w\n%s", err, out)
	}
	return nil
}

func (b *bench) readSecondary(ctx context.Context) error {
	return b.in(ctx, schemaTemplate, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
			FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
			WHERE c.relnamespace = 'public'::regnamespace
			AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u', 'x'))
			ORDER BY 1`)
		if err != nil {
			return err
		}
		b.secondary, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (index, error) {
			var i index
			return i, row.Scan(&i.name, &i.definition)
		})
		return err
	})
}

func (b *bench) makeTemplate(ctx context.Context, name, from, script string) error {
	if _, err := b.admin.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, from)); err != nil {
		return err
	}
	return b.in(ctx, name, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, script)
		return err
	})
}

// dropKeys leaves tables without any index.
const dropKeys = `
DO $$
DECLARE
	made record;
BEGIN
	FOR made IN
		SELECT conrelid::regclass AS relation, conname FROM pg_constraint
		WHERE connamespace = 'public'::regnamespace AND contype IN ('f', 'p', 'u') ORDER BY contype
	LOOP
		EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', made.relation, made.conname);
	END LOOP;
	FOR made IN
		SELECT oid::regclass AS index FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'i'
	LOOP
		EXECUTE format('DROP INDEX %s', made.index);
	END LOOP;
END
$$`

// addTriggers gives each table a trigger.
const addTriggers = `
CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
DO $$
DECLARE
	relation regclass;
BEGIN
	FOR relation IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
		EXECUTE format('CREATE TRIGGER pass BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION pass()', relation);
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER pass', relation);
	END LOOP;
END
$$`

// idle waits until no connection to the target is left: what its process took is known then.
func (b *bench) idle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	for {
		var busy bool
		err := b.admin.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend')", target).Scan(&busy)
		if err != nil || !busy {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// in runs do in a connection of its own to a database.
func (b *bench) in(ctx context.Context, database string, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, b.server.URL(database))
	if err != nil {
		return err
	}
	return errors.Join(do(conn), conn.Close(context.WithoutCancel(ctx)))
}

// fresh makes the server anew and the target in it, as they are for a job in CI, whatever ran before. A server that goes on from
// run to run keeps files of its write-ahead log to be written to again: more of them after a way that writes much, and the next
// way has the use of them. A first connection fills the new database's caches, which costs the first of any two programs something.
func (b *bench) fresh(ctx context.Context, from template) error {
	err := b.restart(ctx, func() error {
		data := b.server.DataDir()
		if err := os.RemoveAll(data); err != nil {
			return err
		}
		return copyFolder(ctx, b.asMade(), data)
	})
	if err != nil {
		return err
	}
	if from == schema {
		from = schemaTemplate
	}
	if _, err := b.admin.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", target, from)); err != nil {
		return err
	}
	err = b.in(ctx, target, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SELECT")
		return err
	})
	if err != nil {
		return err
	}
	_, err = b.admin.Exec(ctx, "CHECKPOINT")
	return err
}

// content is what a database holds.
type content struct {
	rows    map[string]int    // of each table
	sums    map[string]string // of each table: of its rows, in any order
	indexes string            // definition and state of every index and constraint
}

// content reads it from the target. With indexes it also sees to it that each holds every row, where the extension for
// that is installed.
func (b *bench) content(ctx context.Context, indexes bool) (*content, error) {
	c := &content{rows: map[string]int{}, sums: map[string]string{}}
	return c, b.in(ctx, target, func(conn *pgx.Conn) error {
		for _, table := range shop.Tables() {
			var rows int
			var sum string
			err := conn.QueryRow(ctx, "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM "+
				pgx.Identifier{table}.Sanitize()+" t").Scan(&rows, &sum)
			if err != nil {
				return err
			}
			c.rows[table], c.sums[table] = rows, sum
		}
		err := conn.QueryRow(ctx, `
			SELECT string_agg(line, E'\n' ORDER BY line) FROM (
				SELECT pg_get_indexdef(indexrelid) || concat_ws(' ', '', indisvalid, indisready, indislive) AS line
				FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relnamespace = 'public'::regnamespace
				UNION ALL
				SELECT conrelid::regclass || '.' || conname || ' ' || pg_get_constraintdef(oid)
				FROM pg_constraint WHERE connamespace = 'public'::regnamespace
			) lines`).Scan(&c.indexes)
		if err != nil || !indexes || !b.facts.amcheck {
			return err
		}
		_, err = conn.Exec(ctx, `
			CREATE EXTENSION amcheck;
			SELECT bt_index_check(oid, true) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'i'`)
		return err
	})
}

// verify compares what a way left in the target with what is right.
func (b *bench) verify(ctx context.Context, x *export, w way) error {
	got, err := b.content(ctx, w.ours)
	if err != nil {
		return fmt.Errorf("looking at what %s left: %w", w.name, err)
	}
	if x.right == nil {
		x.right, x.rightBy = got, w.name
	}
	if wrong := x.differences(got, w.start); len(wrong) > 0 {
		return fmt.Errorf("%s: %s", w.name, strings.Join(wrong, "; "))
	}
	return nil
}

// differences gives what is not as it should be in a database that was made from a template and loaded.
func (x *export) differences(got *content, from template) []string {
	var wrong []string
	for _, table := range shop.Tables() {
		if got.rows[table] != x.size.Table(table) {
			wrong = append(wrong, fmt.Sprintf("%s has %d rows instead of %d", table, got.rows[table], x.size.Table(table)))
		}
	}
	if !maps.Equal(got.sums, x.right.sums) {
		wrong = append(wrong, "rows differ from those of "+x.rightBy)
	}
	if got.indexes != x.right.indexes && from != keyless {
		wrong = append(wrong, "indexes or constraints differ from those of "+x.rightBy+":\n"+got.indexes)
	}
	return wrong
}
