package load

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/copycodec"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"
)

// tablePlan is what the catalog says of a table, and what has become of it in the meantime.
type tablePlan struct {
	strategy.Table
	oid         uint32
	name        string // schema-qualified and quoted
	replica     bool   // the present replication role is replica: no foreign key is checked row by row
	partitioned bool
	together    bool          // its rows refer to each other, and are checked at the end of each statement: they must come in one, however few
	limit       time.Duration // that the server sets for each statement, 0 for none

	columns []planColumn
	indexes []string // those that may be switched off while rows come, as REINDEX takes them
	text    bool     // some value was not one that the binary format is sure of: COPY in text from now on
	off     bool     // the indexes are switched off
	rebuild []rebuild
	twins   []string // indexes that these build beside those in use
}

// rebuild brings back an index that is switched off.
type rebuild struct {
	what string // the index, by its qualified name, where it can be kept by itself, else the table
	sql  string
}

type planColumn struct {
	name   string
	rule   copycodec.Rule
	binary copycodec.Codec // nil if there is none
	// given is false for a column that COPY would take a value for and INSERT would not: GENERATED ALWAYS.
	given bool
}

// plan asks the catalog about a table once; the first time also about the others that the script is known to fill, for that
// takes little longer. nil means that there is no such table. Answers to what was posted come first.
func (r *run) plan(ctx context.Context, parts []string) (*tablePlan, error) {
	key := sqltext.QuoteName(parts...)
	k := r.known
	if p, ok := k.plans[key]; ok {
		return p, nil
	}
	if _, ok := k.foreknown[key]; !ok {
		if f := r.answered(ctx); f != nil {
			return nil, &failedBefore{f}
		}
		if err := r.readPlans(ctx, append(r.foreseen, key)); err != nil {
			return nil, err
		}
		r.foreseen = nil
	}
	p := k.foreknown[key]
	delete(k.foreknown, key)
	for _, other := range k.plans {
		if p != nil && other != nil && other.oid == p.oid {
			p = other // another spelling of the same table
		}
	}
	k.plans[key] = p
	return p, nil
}

// failedBefore is the failure of a statement that was sent before the one in hand.
type failedBefore struct{ f *failure }

func (e *failedBefore) Error() string { return e.f.err.Error() }
func (e *failedBefore) Unwrap() error { return e.f.err }

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
// among the partitions; types with types of the user's inside; and expressions that are not made of constants, columns and immutable
// functions in C alone: what is written in SQL or PL/pgSQL may read tables, whatever it says of itself. Each is a reason by name.
//
// An expression's functions are read from its tree (pg_node_tree), because pg_depend does not list the server's own. Classes: 1 as
// said, 2 also what is the same in a transaction, or what nobody can expect, 3 also nextval, 4 anything else; and 5 where a domain may refuse what is of the others.
const planQuery = `
SELECT asked.name, plan.* FROM unnest($1::text[], $2::oid[]) asked(name, oid), LATERAL (
WITH role AS (SELECT pg_catalog.current_setting('session_replication_role') = 'replica' AS replica
), rels AS (
	SELECT c.oid, c.relkind, c.oid = root.oid AS is_root
	FROM (SELECT asked.oid AS oid) root
	JOIN LATERAL (
		SELECT root.oid UNION SELECT relid::oid FROM pg_catalog.pg_partition_tree(root.oid::regclass)
	) tree(oid) ON true
	JOIN pg_catalog.pg_class c ON c.oid = tree.oid
), cols AS (
	SELECT a.attnum, a.attname, a.attidentity, a.attgenerated, coalesce(b.typname, t.typname) AS typname, coalesce(b.typnamespace, t.typnamespace) AS typnamespace,
		CASE WHEN b.oid IS NULL THEN a.atttypmod ELSE t.typtypmod END AS typmod,
		coalesce(b.typtype, t.typtype) AS typtype, coalesce(b.typrelid, t.typrelid) AS typrelid, e.oid AS element_oid, e.typtype AS element_typtype, coalesce(e.typname, b.typname, t.typname) AS element,
		t.typtype = 'd' AND (t.typnotnull OR EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid)) AS guarded,
		CASE WHEN a.attgenerated = '' THEN coalesce(d.adbin::text, CASE WHEN t.typtype = 'd' THEN t.typdefaultbin::text END) END AS tree
	FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
	LEFT JOIN pg_catalog.pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
	LEFT JOIN pg_catalog.pg_type e ON e.oid = coalesce(b.typelem, t.typelem) AND e.typarray = coalesce(b.oid, t.oid)
	LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	WHERE a.attrelid = asked.oid AND a.attnum > 0 AND NOT a.attisdropped
), trees(what, attnum, tree) AS (
	SELECT 'default', attnum, tree FROM cols WHERE tree IS NOT NULL
	UNION ALL
	SELECT 'a generated column', 0, string_agg(d.adbin::text, ' ') FROM rels JOIN pg_catalog.pg_attrdef d ON d.adrelid = rels.oid
	JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated <> ''
	UNION ALL
	SELECT 'a check', 0, concat_ws(' ', (SELECT string_agg(k.conbin::text, ' ') FROM rels JOIN pg_catalog.pg_constraint k ON k.conrelid = rels.oid WHERE k.contype = 'c'),
		(SELECT string_agg(k.conbin::text, ' ') FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_constraint k ON k.contypid = a.atttypid
			WHERE a.attrelid = asked.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 16384 AND k.contype = 'c'))
	UNION ALL
	SELECT 'an index', 0, string_agg(concat_ws(' ', x.indexprs::text, x.indpred::text), ' ') FROM rels JOIN pg_catalog.pg_index x ON x.indrelid = rels.oid
	UNION ALL
	SELECT 'the partition key', 0, string_agg(p.partexprs::text, ' ') FROM rels JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = rels.oid
), judged AS (
	SELECT what, attnum, greatest(
		CASE WHEN EXISTS (SELECT 1 FROM unnest(string_to_array(tree, '{')) WITH ORDINALITY n(node, i) WHERE i > 1 AND split_part(node, ' ', 1) <> ALL ('{CONST,VAR,FUNCEXPR,OPEXPR,BOOLEXPR,NULLTEST,BOOLEANTEST,RELABELTYPE,SCALARARRAYOPEXPR,ARRAY,ARRAYEXPR,ARRAYCOERCEEXPR,COALESCE,COALESCEEXPR,CASE,CASEEXPR,WHEN,CASEWHEN,CASETESTEXPR,COERCETODOMAINVALUE,COERCEVIAIO,COLLATE,COLLATEEXPR,NULLIFEXPR,DISTINCTEXPR,SQLVALUEFUNCTION}'::text[]))
			THEN 4 WHEN tree LIKE '%{SQLVALUEFUNCTION %' THEN 2 ELSE 1 END,
		(SELECT max(CASE WHEN p.oid IS NULL THEN 4 WHEN p.provolatile = 'i' AND p.prolang IN (12, 13) THEN 1
			WHEN p.pronamespace = 'pg_catalog'::regnamespace AND p.proname IN ('now', 'transaction_timestamp', 'timestamp', 'timestamptz', 'date', 'time', 'timetz', 'gen_random_uuid', 'random', 'txid_current', 'pg_current_xact_id', 'pg_backend_pid') THEN 2
			WHEN p.prolang = 13 AND p.proname IN ('uuid_generate_v1', 'uuid_generate_v1mc', 'uuid_generate_v4') THEN 2
			WHEN p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = 'nextval' THEN 3 ELSE 4 END)
		FROM (SELECT split_part(f, ' ', 1)::oid AS oid FROM unnest(string_to_array(tree, ' :funcid ')) WITH ORDINALITY u(f, i) WHERE i > 1
			UNION ALL
			SELECT o.oprcode::oid FROM unnest(string_to_array(tree, ' :opno ')) WITH ORDINALITY u(f, i) LEFT JOIN pg_catalog.pg_operator o ON o.oid = split_part(f, ' ', 1)::oid WHERE i > 1
		) called LEFT JOIN pg_catalog.pg_proc p ON p.oid = called.oid)) AS class
	FROM trees WHERE tree <> ''
)
SELECT c.oid, role.replica,
	role.replica OR NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k
		WHERE k.contype = 'f' AND (k.conrelid IN (SELECT oid FROM rels) OR k.confrelid IN (SELECT oid FROM rels))),
	(SELECT u.rolsuper FROM pg_catalog.pg_roles u WHERE u.rolname = current_user),
	pg_catalog.pg_has_role(c.relowner, 'USAGE'), c.relkind = 'p', c.relpersistence = 't',
	ARRAY(SELECT 'it is no plain table' WHERE c.relkind NOT IN ('r', 'p') OR c.relnamespace = 'pg_catalog'::regnamespace
		UNION ALL SELECT 'row security applies to the role' WHERE pg_catalog.row_security_active(c.oid)
		UNION ALL SELECT 'a partition is a foreign table' WHERE c.relkind = 'p' AND EXISTS (SELECT 1 FROM rels WHERE relkind NOT IN ('r', 'p'))
		UNION ALL SELECT 'it has a rule on INSERT' WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite w JOIN rels ON rels.oid = w.ev_class WHERE w.ev_type = '3')
		UNION ALL SELECT 'it has a trigger on INSERT' WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_trigger t JOIN rels ON rels.oid = t.tgrelid, role
			WHERE NOT t.tgisinternal AND t.tgtype & 4 <> 0 AND (t.tgenabled = 'A' OR t.tgenabled = CASE WHEN role.replica THEN 'R' ELSE 'O' END))
		UNION ALL SELECT DISTINCT what || ' calls a function that may do anything' FROM judged WHERE what <> 'default' AND class > 1
		UNION ALL SELECT 'an index uses operators of the user''s' WHERE EXISTS (SELECT 1 FROM rels JOIN pg_catalog.pg_index x ON x.indrelid = rels.oid,
			LATERAL unnest(x.indclass::oid[]) o(oid) JOIN pg_catalog.pg_opclass oc ON oc.oid = o.oid AND oc.oid >= 16384
			JOIN pg_catalog.pg_amproc ap ON ap.amprocfamily = oc.opcfamily JOIN pg_catalog.pg_proc p ON p.oid = ap.amproc WHERE p.prolang NOT IN (12, 13))
		UNION ALL SELECT 'a constraint uses operators of the user''s' WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k,
			LATERAL unnest(k.conexclop || k.conpfeqop) o(oid) JOIN pg_catalog.pg_operator op ON op.oid = o.oid JOIN pg_catalog.pg_proc p ON p.oid = op.oprcode
			WHERE k.conrelid IN (SELECT oid FROM rels) AND p.prolang NOT IN (12, 13))),
	NOT role.replica AND EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k
		WHERE k.contype = 'f' AND k.conrelid IN (SELECT oid FROM rels) AND k.confrelid IN (SELECT oid FROM rels)),
	ARRAY(SELECT a.attname::text FROM cols a ORDER BY a.attnum),
	ARRAY(SELECT CASE WHEN a.attidentity = 'a' OR a.attgenerated <> '' THEN 'always'
		WHEN a.typmod >= 0 AND a.element NOT IN ('varchar', 'bpchar', 'numeric', 'timestamp', 'timestamptz', 'time', 'timetz', 'interval', 'bit', 'varbit') THEN 'modified'
		WHEN a.typtype NOT IN ('b', 'e', 'c') AND (a.typtype NOT IN ('r', 'm') OR a.typnamespace <> 'pg_catalog'::regnamespace) THEN 'modified'
		WHEN a.typtype = 'c' AND EXISTS (SELECT 1 FROM pg_catalog.pg_attribute f JOIN pg_catalog.pg_type ft ON ft.oid = f.atttypid
			LEFT JOIN pg_catalog.pg_type fe ON fe.oid = ft.typelem AND fe.typarray = ft.oid
			WHERE f.attrelid = a.typrelid AND f.attnum > 0 AND NOT f.attisdropped AND (ft.typtype NOT IN ('b', 'e') OR fe.typtype NOT IN ('b', 'e'))) THEN 'modified'
		WHEN a.element_oid IS NOT NULL AND a.element_typtype NOT IN ('b', 'e') AND (a.element_typtype NOT IN ('r', 'm') OR a.typnamespace <> 'pg_catalog'::regnamespace) THEN 'modified'
		WHEN a.typnamespace = 'pg_catalog'::regnamespace THEN a.typname WHEN a.typtype = 'e' THEN 'enum' ELSE '' END FROM cols a ORDER BY a.attnum),
	ARRAY(SELECT CASE WHEN a.attgenerated <> '' THEN 1 WHEN a.attidentity <> '' THEN 3 WHEN a.guarded THEN CASE WHEN j.class = 4 THEN 4 ELSE 5 END
		ELSE coalesce(j.class, 1) END FROM cols a LEFT JOIN judged j ON j.what = 'default' AND j.attnum = a.attnum ORDER BY a.attnum),
	ARRAY(SELECT CASE WHEN a.element_oid IS NULL THEN '' ELSE a.element END FROM cols a ORDER BY a.attnum),
	ARRAY(SELECT coalesce(a.element_oid::int8, 0) FROM cols a ORDER BY a.attnum),
	NOT EXISTS (SELECT 1 FROM rels WHERE relkind = 'r' AND pg_catalog.pg_relation_size(rels.oid) > 0),
	NOT EXISTS (SELECT 1 FROM rels WHERE relkind = 'r' AND NOT EXISTS (
		SELECT 1 FROM pg_catalog.pg_locks l WHERE l.pid = pg_catalog.pg_backend_pid() AND l.relation = rels.oid
			AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
			AND l.mode = 'AccessExclusiveLock' AND l.granted)),
	NOT EXISTS (SELECT 1 FROM rels WHERE relkind = 'r' AND NOT EXISTS (
		SELECT 1 FROM pg_catalog.pg_locks l WHERE l.pid = pg_catalog.pg_backend_pid() AND l.relation = rels.oid
			AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
			AND l.mode IN ('ExclusiveLock', 'AccessExclusiveLock') AND l.granted)),
	ARRAY(SELECT pg_catalog.format('%I.%I', n.nspname, i.relname) FROM pg_catalog.pg_index x
		JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace
		WHERE x.indrelid IN (SELECT oid FROM rels) AND i.relkind = 'i' AND x.indisvalid AND x.indisready AND x.indislive AND x.indimmediate
			AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
		ORDER BY i.oid),
	concat_ws(' and ', CASE WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_event_trigger WHERE evtenabled IN ('O', 'A') OR evtenabled = 'R' AND role.replica) THEN 'an event trigger would see it' END,
		CASE WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_cursors WHERE name <> '') THEN 'a cursor is open' END,
		CASE WHEN pg_catalog.current_setting('statement_timeout') <> '0' THEN 'statement_timeout is set' END),
	EXISTS (SELECT 1 FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class s ON s.oid = l.relation WHERE l.pid = pg_catalog.pg_backend_pid() AND l.mode = 'RowExclusiveLock' AND s.relkind = 'S'),
	(extract(epoch FROM pg_catalog.current_setting('statement_timeout')::interval) * 1000)::int8,
	coalesce(pg_catalog.current_setting('transaction_timeout', true), '0') <> '0',
	pg_catalog.current_setting('array_nulls') = 'on',
	(SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_namespace n WHERE n.oid = c.relnamespace)
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
		r.known.foreknown[key] = nil
	}
	zone := r.session.Parameter("TimeZone")
	utc := zone == "UTC" || zone == "Etc/UTC" || zone == "GMT" || zone == "Etc/GMT"
	owners := r.way.inForce()
	drawn, found := false, false
	var row tablePlan
	var key string
	var names, types, elements []string
	var elementOIDs, classes []int64
	var exclusive, closed, nulls, draws bool
	var limit int64
	err = r.session.Ask(ctx, planQuery, []any{keys, oids}, []any{&key, &row.oid, &row.replica, &row.AnyOrder, &row.Superuser, &row.Owned, &row.partitioned, &row.Temporary,
		&row.Reasons, &row.together, &names, &types, &classes, &elements, &elementOIDs, &row.Empty, &exclusive, &closed, &row.indexes, &row.Watched, &draws, &limit,
		&row.TransactionEnds, &nulls, &row.name}, func() error {
		one := row
		p := &one
		row = tablePlan{} // lists are not shared
		drawn, found = drawn || draws, true
		p.limit = time.Duration(limit) * time.Millisecond
		p.indexes = slices.DeleteFunc(p.indexes, func(index string) bool { return r.lessons.keep[index] })
		p.Exclusive, p.Indexes = p.Empty && exclusive, len(p.indexes)
		p.Online = r.o.Online && closed && !p.Exclusive
		if p.Online && r.online.MinimalWAL && p.Watched == "" {
			p.Watched = "wal_level is minimal" // what is written to a new file is then not logged, and only under its own name
		}
		p.replica = p.replica || owners
		if r.lessons.keep[p.name] && p.Watched == "" {
			p.Watched = "one of them could not be built from the rows"
		}
		p.SelfReferencing = p.together && !owners // there a key of its own stays on that the replica role would not check
		for i, name := range names {
			c := planColumn{name: name, rule: copycodec.RuleFor(types[i]), given: types[i] != "always", binary: copycodec.CodecFor(types[i], utc)}
			switch elements[i] {
			case "text", "varchar", "int4", "int8", "uuid", "bool":
				c.binary = nil
				if nulls {
					c.binary = copycodec.ArrayCodec(uint32(elementOIDs[i]), copycodec.CodecFor(elements[i], utc))
				}
			}
			p.columns = append(p.columns, c)
			p.Columns = append(p.Columns, strategy.Column{Name: name, Default: strategy.Default(classes[i] - 1)})
			if types[i] == "modified" {
				p.Reasons = append(p.Reasons, fmt.Sprintf("the type of column %q takes other ways by COPY", name))
			}
		}
		r.known.foreknown[key] = p
		return nil
	})
	if err != nil {
		return err
	}
	r.known.drawn = r.known.drawn && (drawn || !found) // the server holds a lock on each sequence that the transaction has used
	return nil
}

// encoder gives the columns that an INSERT names, or the first n if it names none, and how their values are encoded. ok is
// false when one does not exist, takes no value or comes twice.
func (p *tablePlan) encoder(named []string, n int) (names []string, e *copycodec.Encoder, ok bool) {
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
	var how []copycodec.Column
	binary := !p.text
	for _, c := range columns {
		if !c.given || slices.Contains(names, c.name) {
			return nil, nil, false
		}
		names, how = append(names, c.name), append(how, copycodec.Column{Rule: c.rule, Codec: c.binary})
		binary = binary && c.binary != nil
	}
	return names, copycodec.NewEncoder(how, binary), len(columns) > 0
}
