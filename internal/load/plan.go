package load

import (
	"context"
	"slices"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// tablePlan is what the catalog says of loading a table by COPY.
type tablePlan struct {
	oid         uint32
	replica     bool // the present replication role is replica: no foreign key is checked row by row
	free        bool // no foreign key is checked row by row: tables may be loaded in any order
	superuser   bool
	owned       bool // the role may do what the table's owner may
	asCopy      bool // INSERTs of literals may go as COPY
	alone       bool // it is empty, and nobody else can see it until the transaction ends
	partitioned bool
	together    bool // its rows refer to each other, and are checked at the end of each statement: they must come in one, however few
	text        bool // some value was not one that the binary format is sure of: COPY in text from now on
	columns     []planColumn
	indexes     []string // those that may be switched off while rows come, as REINDEX takes them; empty when that may not be
	off         bool     // they are
	rebuild     []string // statements that bring them back
}

type planColumn struct {
	name   string
	rule   literalRule
	binary codec // nil if there is none
	// numbered says that a sequence gives the value if the INSERT does not. What was taken from a sequence is not given back
	// when rows are refused.
	numbered bool
	// given is false for a column that COPY would take a value for and INSERT would not: GENERATED ALWAYS.
	given bool
}

// plan asks the catalog about a table once; the first time also about the others that the script is known to fill, for that
// takes little longer. nil means that INSERTs into it go as written.
func (r *run) plan(ctx context.Context, parts []string) (*tablePlan, error) {
	key := sqltext.QuoteName(parts...)
	if p, ok := r.plans[key]; ok {
		return p, nil
	}
	if _, ok := r.foreknown[key]; !ok {
		if err := r.readPlans(ctx, append(r.foreseen, key)); err != nil {
			return nil, err
		}
		r.foreseen = nil
	}
	p := r.foreknown[key]
	delete(r.foreknown, key)
	for _, other := range r.plans {
		if p != nil && other != nil && other.oid == p.oid {
			p = other // another spelling of the same table
		}
	}
	r.plans[key] = p
	return p, nil
}

// forgetPlans must be called when the catalog, the role or the search path may have changed.
func (r *run) forgetPlans() {
	clear(r.foreknown)
	for key, p := range r.plans {
		if p == nil || !p.off { // one that is off is forgotten when its indexes are back
			delete(r.plans, key)
		}
	}
}

// foresee keeps the names of tables for the first plan. Where other statements stand between their rows, what is asked beforehand
// would be forgotten.
func (r *run) foresee(s *survey) {
	if s.mixed || s.unforeseen {
		return
	}
	for _, h := range s.heads {
		if key := sqltext.QuoteName(h.parts...); len(r.foreseen) < maxForeseen && !slices.Contains(r.foreseen, key) {
			r.foreseen = append(r.foreseen, key)
		}
	}
}

// maxForeseen is how many tables are asked for at once, at half a millisecond each.
const maxForeseen = 200

// planQuery asks all at once. A table's rows go the same way by COPY as by INSERT unless one of these is in between:
// rules, which COPY passes by; row security, which COPY refuses; triggers, which would see other command boundaries (in
// the present replication role; the ones of foreign keys only matter where a table refers to itself); foreign tables
// among the partitions; and expressions that call a function which may read tables.
const planQuery = `
SELECT asked.name, plan.* FROM unnest($1::text[], $2::oid[]) asked(name, oid), LATERAL (
WITH cols AS (
	SELECT a.attnum, a.attname, a.attidentity, a.attgenerated, coalesce(b.typname, t.typname) AS typname, coalesce(b.typnamespace, t.typnamespace) AS typnamespace,
		CASE WHEN b.oid IS NULL THEN a.atttypmod ELSE t.typtypmod END AS typmod, coalesce(b.typtype = 'd', false) AS nested,
		coalesce(b.typtype, t.typtype) AS typtype, e.oid AS element_oid, coalesce(e.typname, b.typname, t.typname) AS element
	FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
	LEFT JOIN pg_catalog.pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
	LEFT JOIN pg_catalog.pg_type e ON e.oid = coalesce(b.typelem, t.typelem) AND e.typarray = coalesce(b.oid, t.oid)
	WHERE a.attrelid = asked.oid AND a.attnum > 0 AND NOT a.attisdropped
), rels AS (
	SELECT c.oid, c.relkind, c.oid = root.oid AS is_root
	FROM (SELECT asked.oid AS oid) root
	JOIN LATERAL (
		SELECT root.oid UNION SELECT relid::oid FROM pg_catalog.pg_partition_tree(root.oid::regclass)
	) tree(oid) ON true
	JOIN pg_catalog.pg_class c ON c.oid = tree.oid
), role AS (SELECT pg_catalog.current_setting('session_replication_role') = 'replica' AS replica)
SELECT c.oid, role.replica,
	role.replica OR NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k
		WHERE k.contype = 'f' AND (k.conrelid IN (SELECT oid FROM rels) OR k.confrelid IN (SELECT oid FROM rels))),
	(SELECT u.rolsuper FROM pg_catalog.pg_roles u WHERE u.rolname = current_user),
	pg_catalog.pg_has_role(c.relowner, 'USAGE'), c.relkind = 'p',
	c.relkind IN ('r', 'p') AND c.relnamespace <> 'pg_catalog'::regnamespace
	AND NOT pg_catalog.row_security_active(c.oid)
	AND NOT EXISTS (SELECT 1 FROM rels WHERE relkind NOT IN ('r', 'p'))
	AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite w JOIN rels ON rels.oid = w.ev_class WHERE w.ev_type = '3')
	AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_trigger t JOIN rels ON rels.oid = t.tgrelid, role
		WHERE NOT t.tgisinternal AND t.tgtype & 4 <> 0 AND (t.tgenabled = 'A' OR t.tgenabled = CASE WHEN role.replica THEN 'R' ELSE 'O' END))
	AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc p ON d.refclassid = 'pg_catalog.pg_proc'::regclass AND d.refobjid = p.oid
		WHERE p.provolatile <> 'i' AND (
			(d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid IN (SELECT a.oid FROM pg_catalog.pg_attrdef a JOIN rels ON rels.oid = a.adrelid))
			OR (d.classid = 'pg_catalog.pg_constraint'::regclass AND d.objid IN (SELECT k.oid FROM pg_catalog.pg_constraint k
				WHERE k.conrelid IN (SELECT oid FROM rels) OR k.contypid IN (SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid)))
		)),
	NOT role.replica AND EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k
		WHERE k.contype = 'f' AND k.conrelid IN (SELECT oid FROM rels) AND k.confrelid IN (SELECT oid FROM rels)),
	ARRAY(SELECT a.attname::text FROM cols a ORDER BY a.attnum),
	ARRAY(SELECT CASE WHEN a.attidentity = 'a' OR a.attgenerated <> '' THEN 'always'
		WHEN a.typmod >= 0 AND a.element NOT IN ('varchar', 'bpchar', 'numeric', 'timestamp', 'timestamptz', 'time', 'timetz', 'interval', 'bit', 'varbit') THEN 'modified'
		WHEN a.nested THEN 'modified'
		WHEN a.typnamespace = 'pg_catalog'::regnamespace THEN a.typname WHEN a.typtype = 'e' THEN 'enum' ELSE '' END FROM cols a ORDER BY a.attnum),
	ARRAY(SELECT a.attidentity <> '' OR coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%', false)
		FROM cols a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum ORDER BY a.attnum),
	ARRAY(SELECT CASE WHEN a.element_oid IS NULL THEN '' ELSE a.element END FROM cols a ORDER BY a.attnum),
	ARRAY(SELECT coalesce(a.element_oid::int8, 0) FROM cols a ORDER BY a.attnum),
	NOT EXISTS (SELECT 1 FROM rels WHERE relkind = 'r' AND (pg_catalog.pg_relation_size(rels.oid) > 0 OR NOT EXISTS (
		SELECT 1 FROM pg_catalog.pg_locks l WHERE l.pid = pg_catalog.pg_backend_pid() AND l.relation = rels.oid
			AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
			AND l.mode = 'AccessExclusiveLock' AND l.granted))),
	ARRAY(SELECT pg_catalog.format('%I.%I', n.nspname, i.relname) FROM pg_catalog.pg_index x
		JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace
		WHERE x.indrelid IN (SELECT oid FROM rels) AND i.relkind = 'i' AND x.indisvalid AND x.indisready AND x.indislive AND x.indimmediate
			AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
		ORDER BY i.oid)
FROM pg_catalog.pg_class c, role
WHERE c.oid = asked.oid
) plan`

// readPlans asks for plans, which are then foreknown; those of tables that there are not, as the server will say, are nil.
func (r *run) readPlans(ctx context.Context, keys []string) error {
	oids, err := catalog.Names(ctx, r.session, keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		r.foreknown[key] = nil
	}
	zone := r.session.Parameter("TimeZone")
	utc := zone == "UTC" || zone == "Etc/UTC" || zone == "GMT" || zone == "Etc/GMT"
	owners := r.way != nil && r.way.active
	var row tablePlan
	var key string
	var names, types, elements []string
	var elementOIDs []int64
	var numbered []bool
	return r.session.Ask(ctx, planQuery, []any{keys, oids}, []any{&key, &row.oid, &row.replica, &row.free, &row.superuser, &row.owned, &row.partitioned, &row.asCopy, &row.together,
		&names, &types, &numbered, &elements, &elementOIDs, &row.alone, &row.indexes}, func() error {
		one := row
		p := &one
		row = tablePlan{} // lists are not shared
		if !p.alone {
			p.indexes = nil
		}
		p.replica = p.replica || owners
		p.asCopy = p.asCopy && (!p.together || owners) // there a key of its own stays on that the replica role would not check
		for i, name := range names {
			c := planColumn{name: name, rule: ruleFor(types[i]), given: types[i] != "always", binary: codecFor(types[i], utc), numbered: numbered[i]}
			switch elements[i] {
			case "text", "varchar", "int4", "int8", "uuid", "bool":
				c.binary = arrayCodec(uint32(elementOIDs[i]), codecFor(elements[i], utc))
			}
			p.columns = append(p.columns, c)
			p.asCopy = p.asCopy && types[i] != "modified"
		}
		r.foreknown[key] = p
		return nil
	})
}

// ruleFor says what a column of a type of pg_catalog (or a domain over it) takes besides strings and NULL.
func ruleFor(typname string) literalRule {
	switch typname {
	case "int2", "int4", "int8":
		return literalRule{number: wholeNumber, size: int(typname[3] - '0')}
	case "numeric":
		return literalRule{number: anyNumber}
	case "float4", "float8":
		return literalRule{number: signedZero}
	case "text", "varchar", "bpchar":
		return literalRule{number: spelledNumber, boolean: true}
	case "bool":
		return literalRule{boolean: true}
	}
	return literalRule{}
}

// encoder gives the columns that an INSERT names, or the first n if it names none, and how their values are encoded. ok is
// false when one does not exist, takes no value or comes twice.
func (p *tablePlan) encoder(named []string, n int) (names []string, e *encoder, ok bool) {
	var columns []planColumn
	if named == nil {
		if n > len(p.columns) {
			return nil, nil, false
		}
		columns = p.columns[:n]
	}
	for _, name := range named {
		i := slices.IndexFunc(p.columns, func(c planColumn) bool { return c.name == name })
		if i < 0 {
			return nil, nil, false
		}
		columns = append(columns, p.columns[i])
	}
	e = &encoder{}
	binary := !p.text
	for _, c := range columns {
		if !c.given || slices.Contains(names, c.name) {
			return nil, nil, false
		}
		names, e.rules, e.codecs = append(names, c.name), append(e.rules, c.rule), append(e.codecs, c.binary)
		binary = binary && c.binary != nil
	}
	if !binary {
		e.codecs = nil
	}
	return names, e, len(columns) > 0
}

// numbers tells whether a sequence gives a value to a column that is not among names.
func (p *tablePlan) numbers(names []string) bool {
	return slices.ContainsFunc(p.columns, func(c planColumn) bool { return c.numbered && !slices.Contains(names, c.name) })
}
