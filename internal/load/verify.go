package load

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

var errNoRows = pgx.ErrNoRows

// sampleKeys is how many broken keys a warning shows.
const sampleKeys = 5

// verify makes the loaded tables ready for an application: sequences, foreign keys, statistics.
func (r *run) verify(ctx context.Context) error {
	oids := r.tally.oids()
	if len(oids) == 0 {
		return nil
	}
	if !r.o.KeepSequences {
		if err := r.syncSequences(ctx, oids); err != nil {
			return (&failure{err: err}).problem()
		}
	}
	if r.o.ForeignKeys != Off && r.unguarded {
		if err := r.checkForeignKeys(ctx, oids); err != nil {
			return (&failure{err: err}).problem()
		}
	}
	if !r.o.SkipAnalyze {
		var names []string
		for _, t := range r.tally.result().Tables {
			names = append(names, t.Name)
		}
		if err := r.exec(ctx, "ANALYZE "+strings.Join(names, ", ")); err != nil {
			return (&failure{err: err}).problem()
		}
	}
	return nil
}

// syncSequences moves each sequence that feeds a column of the tables past the column's largest value (smallest, if it
// counts down), so that the next insert with a default does not collide. A sequence is never moved back.
func (r *run) syncSequences(ctx context.Context, oids []uint32) error {
	rows, err := r.conn.Query(ctx, `
		SELECT DISTINCT format('%I.%I', sn.nspname, s.relname), format('%I.%I', tn.nspname, t.relname), quote_ident(a.attname), q.seqincrement
		FROM pg_catalog.pg_depend d
		LEFT JOIN pg_catalog.pg_attrdef ad ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = ad.oid
		JOIN pg_catalog.pg_class s ON s.relkind = 'S' AND s.oid = CASE WHEN ad.oid IS NULL THEN d.objid ELSE d.refobjid END
		JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
		JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
		JOIN pg_catalog.pg_class t ON t.oid = CASE WHEN ad.oid IS NULL THEN d.refobjid ELSE ad.adrelid END
		JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
		JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = CASE WHEN ad.oid IS NULL THEN d.refobjsubid ELSE ad.adnum END
		WHERE t.oid = ANY ($1::oid[]) AND NOT a.attisdropped AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
			AND ((d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0)
				OR (ad.oid IS NOT NULL AND d.refclassid = 'pg_catalog.pg_class'::regclass))
		ORDER BY 1, 2`, oidList(oids))
	if err != nil {
		return err
	}
	type feed struct {
		sequence, table, column string
		increment               int64
	}
	feeds, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f feed, err error) {
		return f, row.Scan(&f.sequence, &f.table, &f.column, &f.increment)
	})
	if err != nil {
		return err
	}
	for _, f := range feeds {
		far, past := "max", ">"
		if f.increment < 0 {
			far, past = "min", "<"
		}
		// setval only where the next value would not be past the column's: is_called tells whether last_value was used.
		if err := r.exec(ctx, fmt.Sprintf(`SELECT pg_catalog.setval('%s', m.v::bigint, true) FROM (SELECT %s(%s) AS v FROM %s) m, %s s
			WHERE m.v IS NOT NULL AND (m.v %s s.last_value OR (m.v = s.last_value AND NOT s.is_called))`,
			strings.ReplaceAll(f.sequence, "'", "''"), far, f.column, f.table, f.sequence, past)); err != nil {
			return err
		}
	}
	return nil
}

// checkForeignKeys looks for rows that break a foreign key of, or to, the tables: the replica role does not check any.
// Keys marked NOT VALID promise nothing and are left out.
func (r *run) checkForeignKeys(ctx context.Context, oids []uint32) error {
	rows, err := r.conn.Query(ctx, `
		SELECT quote_ident(c.conname), format('%I.%I', fn.nspname, f.relname), format('%I.%I', pn.nspname, p.relname), c.confmatchtype = 'f',
			array(SELECT quote_ident(a.attname) FROM unnest(c.conkey) WITH ORDINALITY k(n, i) JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.i),
			array(SELECT quote_ident(a.attname) FROM unnest(c.confkey) WITH ORDINALITY k(n, i) JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY k.i),
			array(SELECT format('OPERATOR(%I.%s)', onn.nspname, o.oprname) FROM unnest(c.conpfeqop) WITH ORDINALITY k(n, i) JOIN pg_catalog.pg_operator o ON o.oid = k.n JOIN pg_catalog.pg_namespace onn ON onn.oid = o.oprnamespace ORDER BY k.i)
		FROM pg_catalog.pg_constraint c
		JOIN pg_catalog.pg_class f ON f.oid = c.conrelid JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
		JOIN pg_catalog.pg_class p ON p.oid = c.confrelid JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
		WHERE c.contype = 'f' AND c.convalidated AND c.conparentid = 0 AND (c.conrelid = ANY ($1::oid[]) OR c.confrelid = ANY ($1::oid[]))
		ORDER BY 2, 1`, oidList(oids))
	if err != nil {
		return err
	}
	type key struct {
		name, table, parent string
		full                bool
		from, to, equal     []string
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k key, err error) {
		return k, row.Scan(&k.name, &k.table, &k.parent, &k.full, &k.from, &k.to, &k.equal)
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		var match, set, null, shown []string
		for i := range k.from {
			match = append(match, fmt.Sprintf("p.%s %s f.%s", k.to[i], k.equal[i], k.from[i]))
			set = append(set, fmt.Sprintf("f.%s IS NOT NULL", k.from[i]))
			null = append(null, fmt.Sprintf("f.%s IS NULL", k.from[i]))
			shown = append(shown, fmt.Sprintf("coalesce(f.%s::text, 'NULL')", k.from[i]))
		}
		broken := fmt.Sprintf("%s AND NOT EXISTS (SELECT 1 FROM %s p WHERE %s)", strings.Join(set, " AND "), k.parent, strings.Join(match, " AND "))
		if k.full { // MATCH FULL: all columns null, or none
			broken = fmt.Sprintf("(%s) OR ((%s) AND NOT (%s))", broken, strings.Join(null, " OR "), strings.Join(null, " AND "))
		}
		var count int64
		var sample []string
		// The sample is taken while counting, so that the tables are read once.
		if err := r.conn.QueryRow(ctx, fmt.Sprintf("SELECT count(*), (array_agg(concat_ws(', ', %s)))[1:%d] FROM %s f WHERE %s",
			strings.Join(shown, ", "), sampleKeys, k.table, broken)).Scan(&count, &sample); err != nil {
			return err
		}
		if count == 0 {
			continue
		}
		text := fmt.Sprintf("foreign key %s: %d rows of %s (%s) have no match in %s (%s), for example %s", k.name, count, k.table,
			strings.Join(k.from, ", "), k.parent, strings.Join(k.to, ", "), strings.Join(sample, "; "))
		if r.o.ForeignKeys == Enforce {
			return &problem.Error{Code: problem.Database, Where: "table " + k.table, What: text,
				Remedy: "Mend the data in Fabricate, or set foreign-keys to check or off."}
		}
		r.warn(text)
	}
	return nil
}

// oidList writes an array constant: pgx has no encoding for []uint32 as oid[] without asking the server.
func oidList(oids []uint32) string {
	texts := make([]string, len(oids))
	for i, o := range oids {
		texts[i] = fmt.Sprint(o)
	}
	return "{" + strings.Join(texts, ",") + "}"
}
