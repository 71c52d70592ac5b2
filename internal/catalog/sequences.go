package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Sequence is one that gives values to a column.
type Sequence struct {
	OID             uint32
	Name            string // schema-qualified and quoted
	Increment       int64
	Min, Max, Start int64
	Cycle           bool
	Allowed         bool // the role may read and set it
	Owned           bool // the role has its owner's rights
	Feeds           []Fed
}

// Fed is a column that a sequence gives values to. Names are quoted.
type Fed struct {
	Table     uint32
	TableName string
	Column    string
	Numeric   bool
	Visible   bool // it is of one of the tables asked for, and the role may read it
	Hidden    bool // row security hides rows of the table from the role
}

// oldDefaultQuery asks for defaults that name their sequence as text, as old dumps have it: nextval(('s'::text)::regclass).
const oldDefaultQuery = `
SELECT ad.adrelid, ad.adnum::int4, replace(substring(pg_get_expr(ad.adbin, ad.adrelid) FROM 'nextval\(\(''((?:[^'']|'''')+)''::text\)::regclass\)'), '''''', '''')
FROM pg_attrdef ad WHERE ad.adrelid = ANY ($1::oid[]) AND pg_get_expr(ad.adbin, ad.adrelid) ~ 'nextval\(\(''(?:[^'']|'''')+''::text\)::regclass\)'`

// sequenceQuery finds the sequences that feed a whole-number column of the tables $1, with every column that each of them feeds, in
// whatever table: columns that own the sequence (serial, identity), columns whose default takes nextval of it, columns of a domain
// with such a default, and those that were found by the text of their default ($2 sequence, $3 table, $4 column).
const sequenceQuery = `
WITH fed AS (
	SELECT d.objid AS seq, d.refobjid AS rel, d.refobjsubid::int AS att FROM pg_sequence q
	JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = q.seqrelid
		AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
	UNION
	SELECT d.refobjid, taker.rel, taker.att FROM pg_sequence q
	JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = q.seqrelid
	CROSS JOIN LATERAL (
		SELECT ad.adrelid, ad.adnum::int FROM pg_attrdef ad WHERE d.classid = 'pg_attrdef'::regclass AND ad.oid = d.objid
		UNION ALL
		SELECT a.attrelid, a.attnum::int FROM pg_type dom JOIN pg_attribute a ON a.atttypid = dom.oid AND a.attnum > 0
		WHERE d.classid = 'pg_type'::regclass AND dom.oid = d.objid AND dom.typtype = 'd'
	) taker(rel, att)
	UNION
	SELECT seq, rel, att::int FROM unnest($2::oid[], $3::oid[], $4::int8[]) old(seq, rel, att)
)
SELECT s.oid, s.name, s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcycle,
	has_sequence_privilege(s.oid, 'SELECT') AND has_sequence_privilege(s.oid, 'UPDATE'), pg_has_role(s.relowner, 'USAGE'),
	t.oid, t.relnamespace::regnamespace || '.' || quote_ident(t.relname), quote_ident(a.attname), base.oid = 'numeric'::regtype,
	t.oid = ANY ($1::oid[]) AND has_column_privilege(t.oid, a.attnum, 'SELECT'), row_security_active(t.oid)
FROM (
	SELECT s.oid, s.relnamespace::regnamespace || '.' || quote_ident(s.relname) AS name, s.relowner, q.*, fed.rel, fed.att
	FROM fed JOIN pg_class s ON s.oid = fed.seq AND s.relkind = 'S' JOIN pg_sequence q ON q.seqrelid = s.oid
	WHERE fed.seq IN (SELECT f.seq FROM fed f WHERE f.rel = ANY ($1::oid[]))
	OFFSET 0 -- planned by itself, which takes less time than all of it together
) s
JOIN pg_class t ON t.oid = s.rel AND t.relkind IN ('r', 'p')
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = s.att AND NOT a.attisdropped
CROSS JOIN LATERAL (SELECT CASE d.typtype WHEN 'd' THEN d.typbasetype ELSE d.oid END AS oid FROM pg_type d WHERE d.oid = a.atttypid) base
WHERE base.oid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
ORDER BY 2, 11, 12`

// SequencesOf gives the sequences that feed a whole-number column of the tables, with every column that each of them feeds.
func SequencesOf(ctx context.Context, q Querier, oids []uint32) ([]Sequence, error) {
	type old struct {
		rel  uint32
		att  int64
		name string
	}
	olds, err := collect(ctx, q.Ask, oldDefaultQuery, []any{oids}, func(o *old) []any { return []any{&o.rel, &o.att, &o.name} })
	if err != nil {
		return nil, err
	}
	var names []string
	var rels []uint32
	var atts []int64
	for _, o := range olds {
		names, rels, atts = append(names, o.name), append(rels, o.rel), append(atts, o.att)
	}
	meant, err := Names(ctx, q, names)
	if err != nil {
		return nil, err
	}
	type row struct {
		Sequence
		Fed
	}
	rows, err := collect(ctx, q.Ask, sequenceQuery, []any{oids, meant, rels, atts}, func(r *row) []any {
		return []any{&r.OID, &r.Name, &r.Increment, &r.Min, &r.Max, &r.Start, &r.Cycle, &r.Allowed, &r.Owned,
			&r.Table, &r.TableName, &r.Column, &r.Numeric, &r.Visible, &r.Hidden}
	})
	var all []Sequence
	for _, r := range rows {
		if len(all) == 0 || all[len(all)-1].OID != r.OID {
			all = append(all, r.Sequence)
		}
		last := &all[len(all)-1]
		last.Feeds = append(last.Feeds, r.Fed)
	}
	return all, err
}

// State is where a sequence stands, and how far its columns have come.
type State struct {
	Last   int64
	Called bool   // Last was given out
	Far    *int64 // nil where no column has a value
}

// States asks where sequences and their columns stand. far has an expression for each, which gives how far its columns have come.
func States(ctx context.Context, q Querier, names, far []string) ([]State, error) {
	states := make([]State, len(names))
	if len(names) == 0 {
		return states, nil
	}
	var parts []string
	for i, name := range names {
		parts = append(parts, fmt.Sprintf("SELECT %d, %s AS far, s.last_value, s.is_called FROM %s s", i, far[i], name))
	}
	var i int
	var one State
	return states, q.Ask(ctx, strings.Join(parts, " UNION ALL "), nil, []any{&i, &one.Far, &one.Last, &one.Called}, func() error {
		states[i] = one
		one.Far = nil
		return nil
	})
}

// Before gives what a load is compared with later: where all sequences that the role may look at stand, as one text to compare, and in
// which files the rows of materialized views lie. A REFRESH gives a view a new one, unless it is CONCURRENTLY.
func Before(ctx context.Context, q Querier) (sequences string, views map[uint32]uint32, err error) {
	var oids, files []int64
	err = q.Ask(ctx, `SELECT md5(coalesce(string_agg(c.oid::text || ':' || coalesce(CASE WHEN has_sequence_privilege(c.oid, 'USAGE,SELECT') THEN pg_sequence_last_value(c.oid)::text END, ''),
				',' ORDER BY c.oid) FILTER (WHERE c.relkind = 'S'), '')),
			coalesce(array_agg(c.oid::int8 ORDER BY c.oid) FILTER (WHERE c.relkind = 'm'), '{}'), coalesce(array_agg(c.relfilenode::int8 ORDER BY c.oid) FILTER (WHERE c.relkind = 'm'), '{}')
		FROM pg_class c WHERE c.relkind IN ('S', 'm') AND c.relpersistence <> 't'`, nil, []any{&sequences, &oids, &files}, nil)
	views = map[uint32]uint32{}
	for i := range oids {
		views[uint32(oids[i])] = uint32(files[i])
	}
	return sequences, views, err
}

// Stand is where one sequence stands.
type Stand struct {
	Name   string // schema-qualified and quoted
	Last   int64
	Called bool // Last was given out
}

// String writes it for people.
func (s Stand) String() string {
	if !s.Called {
		return fmt.Sprintf("before %d", s.Last)
	}
	return fmt.Sprint(s.Last)
}

// Stands gives where all sequences that the role may look at stand, by their oids.
func Stands(ctx context.Context, q Querier) (map[uint32]Stand, error) {
	type named struct {
		oid  uint32
		name string
	}
	all, err := collect(ctx, q.Ask, `SELECT c.oid, format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE CASE WHEN c.relkind = 'S' AND c.relpersistence <> 't' THEN has_sequence_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE') END
		ORDER BY c.oid`, nil, func(s *named) []any { return []any{&s.oid, &s.name} })
	if err != nil {
		return nil, err
	}
	stands := map[uint32]Stand{}
	const together = 50
	for part := range slices.Chunk(all, together) {
		var selects []string
		names := map[uint32]string{}
		for _, s := range part {
			names[s.oid] = s.name
			selects = append(selects, fmt.Sprintf("SELECT %d::oid, last_value, is_called FROM %s", s.oid, s.name))
		}
		var oid uint32
		var one Stand
		err := q.Ask(ctx, strings.Join(selects, " UNION ALL "), nil, []any{&oid, &one.Last, &one.Called}, func() error {
			one.Name = names[oid]
			stands[oid] = one
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return stands, nil
}

// Noted is what a call of setval would have set, as it was noted in a parameter (see sqltext.WithoutSetval).
type Noted struct {
	OID      uint32
	Name     string // schema-qualified and quoted
	Value    int64
	Called   bool
	Sequence bool // the relation is one
	Allowed  bool // the role may set it
	Min, Max int64
}

// NotedIn gives what is noted in a parameter, the first call first.
func NotedIn(ctx context.Context, q Querier, parameter string) ([]Noted, error) {
	const query = `SELECT c.oid, format('%I.%I', n.nspname, c.relname), split_part(line, ' ', 2)::int8, split_part(line, ' ', 3)::bool, c.relkind = 'S',
		CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'UPDATE') ELSE false END, coalesce(s.seqmin, 0), coalesce(s.seqmax, 0)
		FROM regexp_split_to_table(current_setting($1::text, true), E'\n') WITH ORDINALITY AS noted(line, i)
			JOIN pg_class c ON c.oid = split_part(line, ' ', 1)::oid JOIN pg_namespace n ON n.oid = c.relnamespace
			LEFT JOIN pg_sequence s ON s.seqrelid = c.oid
		WHERE line <> '' ORDER BY noted.i DESC`
	return collect(ctx, q.Ask, query, []any{parameter}, func(n *Noted) []any {
		return []any{&n.OID, &n.Name, &n.Value, &n.Called, &n.Sequence, &n.Allowed, &n.Min, &n.Max}
	})
}
