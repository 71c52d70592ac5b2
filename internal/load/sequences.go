package load

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"

	"github.com/jackc/pgx/v5"
)

// fedQuery finds the sequences that feed a whole-number column of the tables $1, with every column that each of them feeds,
// in whatever table: columns that own the sequence (serial, identity), columns whose default takes nextval of it, defaults
// that name it as text (nextval(('s'::text)::regclass), as old dumps have it), and columns of a domain with such a default.
const fedQuery = `
WITH fed AS (
	SELECT d.objid AS seq, d.refobjid AS rel, d.refobjsubid::int AS att FROM pg_catalog.pg_sequence q
	JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = q.seqrelid
		AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
	UNION
	SELECT d.refobjid, taker.rel, taker.att FROM pg_catalog.pg_sequence q
	JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = q.seqrelid
	CROSS JOIN LATERAL (
		SELECT ad.adrelid, ad.adnum::int FROM pg_catalog.pg_attrdef ad WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND ad.oid = d.objid
		UNION ALL
		SELECT a.attrelid, a.attnum::int FROM pg_catalog.pg_type dom JOIN pg_catalog.pg_attribute a ON a.atttypid = dom.oid AND a.attnum > 0
		WHERE d.classid = 'pg_catalog.pg_type'::regclass AND dom.oid = d.objid AND dom.typtype = 'd'
	) taker(rel, att)
	UNION
	SELECT pg_catalog.to_regclass(replace(substring(pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) FROM 'nextval\(\(''((?:[^'']|'''')+)''::text\)::regclass\)'), '''''', ''''))::oid,
		ad.adrelid, ad.adnum::int
	FROM pg_catalog.pg_attrdef ad WHERE ad.adrelid = ANY ($1::oid[])
)
SELECT s.oid, pg_catalog.format('%I.%I', sn.nspname, s.relname), q.seqincrement, q.seqmin, q.seqmax, q.seqstart, q.seqcycle,
	pg_catalog.has_sequence_privilege(s.oid, 'SELECT') AND pg_catalog.has_sequence_privilege(s.oid, 'UPDATE'), pg_catalog.pg_has_role(s.relowner, 'USAGE'),
	t.oid, pg_catalog.format('%I.%I', tn.nspname, t.relname), quote_ident(a.attname), base.oid = 'numeric'::regtype,
	t.oid = ANY ($1::oid[]) AND pg_catalog.has_column_privilege(t.oid, a.attnum, 'SELECT'), pg_catalog.row_security_active(t.oid)
FROM fed
JOIN pg_catalog.pg_class s ON s.oid = fed.seq AND s.relkind = 'S'
JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
JOIN pg_catalog.pg_class t ON t.oid = fed.rel AND t.relkind IN ('r', 'p')
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = fed.att AND NOT a.attisdropped
JOIN pg_catalog.pg_type declared ON declared.oid = a.atttypid
JOIN pg_catalog.pg_type base ON base.oid = CASE declared.typtype WHEN 'd' THEN declared.typbasetype ELSE declared.oid END
WHERE base.oid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
	AND fed.seq IN (SELECT f.seq FROM fed f WHERE f.rel = ANY ($1::oid[]))
ORDER BY 2, 11, 12`

// sequence is one sequence and the columns that it feeds.
type sequence struct {
	oid             uint32
	name            string
	increment       int64
	min, max, start int64
	cycle           bool
	allowed         bool     // the role may read and set it
	owned           bool     // the role owns it
	columns         []string // scalar subqueries, one a column of a loaded table: the value that is furthest on
	replaced        bool     // every table that it feeds was emptied by the script
}

// sequencesTogether is how many sequences one query asks for.
const sequencesTogether = 50

// syncSequences lets each sequence that feeds a column of the tables go on behind the furthest value there (the largest, or
// the smallest if it counts down), so that the next insert with a default does not collide. Where all tables of a sequence
// were emptied by the script it goes exactly there; else it never goes back.
func (r *run) syncSequences(ctx context.Context, oids []uint32) error {
	sequences, err := r.fedSequences(ctx, oids)
	if err != nil {
		return err
	}
	var asked []sequence
	var forbidden []string
	for _, s := range sequences {
		switch {
		case len(s.columns) == 0:
		case s.allowed:
			asked = append(asked, s)
		default:
			forbidden = append(forbidden, s.name)
		}
	}
	if len(forbidden) > 0 {
		names := strings.Join(forbidden, ", ")
		r.warn(fmt.Sprintf("the role may not move the sequence %s, so the next default value may collide with a loaded row: GRANT SELECT, UPDATE ON SEQUENCE %[1]s TO %s",
			names, sqltext.QuoteName(r.session.Config().User)))
	}
	var moves []string
	for part := range slices.Chunk(asked, sequencesTogether) {
		more, err := r.moves(ctx, part)
		if err != nil {
			return err
		}
		moves = append(moves, more...)
	}
	if len(moves) == 0 {
		return nil
	}
	if r.began { // what may still fail must fail before: no rollback takes setval back
		moves = append([]string{"SET CONSTRAINTS ALL IMMEDIATE"}, moves...)
	}
	return r.exec(ctx, strings.Join(moves, "; "))
}

// fedSequences reads the catalog.
func (r *run) fedSequences(ctx context.Context, oids []uint32) ([]sequence, error) {
	rows, err := r.session.Conn().Query(ctx, fedQuery, oidList(oids))
	if err != nil {
		return nil, err
	}
	var found []sequence
	var s sequence
	var table uint32
	var tableName, column string
	var numeric, loaded, hidden bool
	_, err = pgx.ForEachRow(rows, []any{&s.oid, &s.name, &s.increment, &s.min, &s.max, &s.start, &s.cycle, &s.allowed, &s.owned,
		&table, &tableName, &column, &numeric, &loaded, &hidden}, func() error {
		if n := len(found); n == 0 || found[n-1].oid != s.oid {
			s.replaced = true
			found = append(found, s)
		}
		last := &found[len(found)-1]
		last.replaced = last.replaced && slices.Contains(r.emptied.oids, table)
		if loaded && hidden {
			r.warn(fmt.Sprintf("row security hides rows of %s from the role, so the sequence %s may not be past the largest of them: ALTER ROLE %s BYPASSRLS, or load as the table's owner",
				tableName, s.name, sqltext.QuoteName(r.session.Config().User)))
		}
		if loaded {
			far, filter := "max", ""
			if s.increment < 0 {
				far = "min"
			}
			if numeric { // NaN and infinities are no numbers to go on from
				filter = fmt.Sprintf(" FILTER (WHERE abs(%s) < 1e19)", column)
			}
			last.columns = append(last.columns, fmt.Sprintf("(SELECT %s(%s)%s FROM %s)", far, column, filter, tableName))
		}
		return nil
	})
	return found, err
}

// moves asks where the sequences and their columns stand, and gives the statements that move those that must be.
func (r *run) moves(ctx context.Context, sequences []sequence) ([]string, error) {
	var parts []string
	for i, s := range sequences {
		far := "greatest"
		if s.increment < 0 {
			far = "least"
		}
		parts = append(parts, fmt.Sprintf("SELECT %d, s.last_value, s.is_called, CASE WHEN far IS NOT NULL THEN least(greatest(trunc(far), %d), %d)::bigint END FROM %s s, (SELECT %s(%s)::numeric) f(far)",
			i, math.MinInt64, math.MaxInt64, s.name, far, strings.Join(s.columns, ", ")))
	}
	rows, err := r.session.Conn().Query(ctx, strings.Join(parts, " UNION ALL "))
	if err != nil {
		return nil, err
	}
	var moves []string
	var i int
	var last int64
	var called bool
	var far *int64
	_, err = pgx.ForEachRow(rows, []any{&i, &last, &called, &far}, func() error {
		if far == nil {
			return nil // no rows: the sequence stays
		}
		s := sequences[i]
		target, use := s.target(*far)
		if s.usedUp(*far) {
			r.warn(fmt.Sprintf("sequence %s has no value left after %d, the furthest that its tables hold", s.name, *far))
		}
		switch forward := s.further(target, last) || target == last && use && !called; {
		case forward:
			moves = append(moves, fmt.Sprintf("SELECT pg_catalog.setval(%d, %d, %t)", s.oid, target, use))
		case target == last && use == called || !s.replaced || r.began && !s.owned:
		case r.began: // RESTART gives the sequence a new file, which a rollback throws away together with the setval
			moves = append(moves, "ALTER SEQUENCE "+s.name+" RESTART", fmt.Sprintf("SELECT pg_catalog.setval(%d, %d, %t)", s.oid, target, use))
		default:
			moves = append(moves, fmt.Sprintf("SELECT pg_catalog.setval(%d, %d, %t)", s.oid, target, use))
		}
		return nil
	})
	return moves, err
}

// further tells whether a comes later in the sequence than b.
func (s sequence) further(a, b int64) bool {
	if s.increment < 0 {
		return a < b
	}
	return a > b
}

// target is what the sequence has to be set to when its columns have come as far as far; use says that this value is taken.
func (s sequence) target(far int64) (value int64, use bool) {
	switch {
	case s.further(s.start, far): // only values before the first: nothing to collide with
		return s.start, false
	case far > s.max:
		return s.max, true
	case far < s.min:
		return s.min, true
	}
	return far, true
}

// usedUp tells whether there is no value behind far.
func (s sequence) usedUp(far int64) bool {
	if s.cycle {
		return false
	}
	if s.increment < 0 {
		return far < s.min-s.increment // min is small enough for this not to overflow where it matters
	}
	return far > s.max-s.increment
}
