package catalog

import "context"

// Facts is what the catalog, the session's settings and its locks say of a table, as far as the way of rows into it depends on that.
type Facts struct {
	Asked           string // the name that was asked about
	OID             uint32
	Name            string   // schema-qualified and quoted
	Replica         bool     // the present replication role is replica
	AnyOrder        bool     // no foreign key checks rows as they come
	Superuser       bool     // the role is one
	Owned           bool     // by the role
	Partitioned     bool     // the table is
	Temporary       bool     // the table is
	Reasons         []string // why rows must go as they are written
	SelfReferencing bool     // its rows refer to each other, and that is checked
	Empty           bool     // no page of it is there
	Exclusive       bool     // the session holds the lock that stops readers
	Closed          bool     // the session holds a lock that stops writers
	Indexes         []string // that may be switched off, qualified and quoted
	Watched         string   // why they may not be
	Drawn           bool     // the transaction has drawn numbers from a sequence
	Limit           int64    // of one statement, in milliseconds; 0 for none
	TransactionEnds bool     // at a limit of the server's
	Nulls           bool     // NULL in the text of an array is one
	ReadOnly        bool     // the transaction in which it was asked is
	NextReadOnly    bool     // the transaction that begins next will be

	Columns     []string
	Types       []string // of each: its type's name if it is the server's own; "always", "modified" or "enum"
	Defaults    []int64  // of each: a class, see factsQuery
	Elements    []string // of each that is an array, the name of its elements' type; else ""
	ElementOIDs []int64
}

// Reasons that are gone where rules and triggers are switched off.
const (
	HasRule    = "it has a rule on INSERT"
	HasTrigger = "it has a trigger on INSERT"
)

// Other reasons by name.
const (
	NoPlainTable = "it is no plain table"
	HasPolicies  = "row security applies to the role"
)

// Parts of questions about an expression's tree (pg_node_tree), as text in tree. An expression calls the functions and operators that are named in it,
// and no others if it is made of some nodes alone.
const (
	callsMore       = `EXISTS (SELECT 1 FROM unnest(string_to_array(tree, '{')) WITH ORDINALITY n(node, i) WHERE i > 1 AND split_part(node, ' ', 1) <> ALL ('{CONST,VAR,FUNCEXPR,OPEXPR,BOOLEXPR,NULLTEST,BOOLEANTEST,RELABELTYPE,SCALARARRAYOPEXPR,ARRAY,ARRAYEXPR,ARRAYCOERCEEXPR,COALESCE,COALESCEEXPR,CASE,CASEEXPR,WHEN,CASEWHEN,CASETESTEXPR,COERCETODOMAINVALUE,COERCEVIAIO,COLLATE,COLLATEEXPR,NULLIFEXPR,DISTINCTEXPR,SQLVALUEFUNCTION}'::text[]))`
	calledFunctions = `(SELECT split_part(f, ' ', 1)::oid AS oid FROM unnest(string_to_array(tree, ' :funcid ')) WITH ORDINALITY u(f, i) WHERE i > 1
			UNION ALL
			SELECT o.oprcode::oid FROM unnest(string_to_array(tree, ' :opno ')) WITH ORDINALITY u(f, i) LEFT JOIN pg_catalog.pg_operator o ON o.oid = split_part(f, ' ', 1)::oid WHERE i > 1
		) called LEFT JOIN pg_catalog.pg_proc p ON p.oid = called.oid`
)

// converted reports that an expression's tree may have text read as a value of a type whose reading looks at more than the text, by a cast that
// calls no function by name: 'now' as a time, a name as an object. Types are those of the list, by number.
const converted = `tree LIKE '%{COERCEVIAIO %' AND EXISTS (SELECT 1 FROM unnest(string_to_array(tree, ' :resulttype ')) WITH ORDINALITY u(f, i)
	WHERE i > 1 AND split_part(f, ' ', 1) <> ALL ('{16,17,18,19,20,21,23,25,114,700,701,1009,1015,1042,1043,1560,1562,1700,2950,3802}'::text[]))`

// factsQuery asks all at once. A table's rows go the same way by COPY as by INSERT unless one of these is in between:
// rules, which COPY passes by; row security, which COPY refuses; triggers, which would see other command boundaries (in
// the present replication role; the ones of foreign keys only matter where a table refers to itself); foreign tables
// among the partitions; types with types of the user's inside; and expressions that are not made of constants, columns and immutable
// functions in C alone: what is written in SQL or PL/pgSQL may read tables, whatever it says of itself. Each is a reason by name.
//
// Of types: what a number counts in an array of intervals of some fields is said to COPY alone; a composite that has a name of an object in it counts
// as such a name; and where a cast of the user's makes text of numbers, texts are of a type that is not known.
//
// An expression's functions are read from its tree (pg_node_tree), because pg_depend does not list the server's own. Classes: 1 as
// said, 2 also what is the same in a transaction, or what nobody can expect, 3 also nextval, 4 anything else; and 5 where a domain may refuse what is of the others.
const factsQuery = `
SELECT asked.name, plan.* FROM unnest($1::text[], $2::oid[]) asked(name, oid), LATERAL (
WITH role AS (SELECT pg_catalog.current_setting('session_replication_role') = 'replica' AS replica,
	EXISTS (SELECT 1 FROM pg_catalog.pg_cast WHERE castsource IN (20, 21, 23, 1700) AND casttarget IN (25, 1042, 1043) AND castmethod = 'f') AS casts
), rels AS (
	SELECT c.oid, c.relkind, c.oid = root.oid AS is_root
	FROM (SELECT asked.oid AS oid) root
	JOIN LATERAL (
		SELECT root.oid UNION SELECT relid::oid FROM pg_catalog.pg_partition_tree(root.oid::regclass)
	) tree(oid) ON true
	JOIN pg_catalog.pg_class c ON c.oid = tree.oid
), family AS ( -- and what it is a partition of
	SELECT oid FROM rels UNION SELECT relid::oid FROM pg_catalog.pg_partition_ancestors(asked.oid)
), fkeys AS ( -- that are checked in the present replication role
	SELECT k.conrelid, k.confrelid FROM pg_catalog.pg_constraint k, role
	WHERE k.contype = 'f' AND (k.conrelid IN (SELECT oid FROM rels) OR k.confrelid IN (SELECT oid FROM rels))
		AND (NOT role.replica OR EXISTS (SELECT 1 FROM pg_catalog.pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled IN ('A', 'R')))
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
	SELECT 'the partition key', 0, string_agg(p.partexprs::text, ' ') FROM family JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = family.oid
), judged AS (
	SELECT what, attnum, greatest(
		CASE WHEN ` + callsMore + ` OR ` + converted + `
			THEN 4 WHEN tree LIKE '%{SQLVALUEFUNCTION %' THEN 2 ELSE 1 END,
		(SELECT max(CASE WHEN p.oid IS NULL THEN 4 WHEN p.provolatile = 'i' AND p.prolang IN (12, 13) THEN 1
			WHEN p.pronamespace = 'pg_catalog'::regnamespace AND p.proname IN ('now', 'transaction_timestamp', 'timestamp', 'timestamptz', 'date', 'time', 'timetz', 'gen_random_uuid', 'txid_current', 'pg_current_xact_id', 'pg_backend_pid') THEN 2
			WHEN p.prolang = 13 AND p.proname IN ('uuid_generate_v1', 'uuid_generate_v1mc', 'uuid_generate_v4') THEN 2
			WHEN p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = 'nextval' THEN 3 ELSE 4 END)
		FROM ` + calledFunctions + `)) AS class
	FROM trees WHERE tree <> ''
)
SELECT c.oid, role.replica,
	NOT EXISTS (SELECT 1 FROM fkeys),
	(SELECT u.rolsuper FROM pg_catalog.pg_roles u WHERE u.rolname = current_user),
	pg_catalog.pg_has_role(c.relowner, 'USAGE'), c.relkind = 'p', c.relpersistence = 't',
	ARRAY(SELECT '` + NoPlainTable + `' WHERE c.relkind NOT IN ('r', 'p') OR c.relnamespace = 'pg_catalog'::regnamespace
		UNION ALL SELECT '` + HasPolicies + `' WHERE pg_catalog.row_security_active(c.oid)
		UNION ALL SELECT 'a partition is a foreign table' WHERE c.relkind = 'p' AND EXISTS (SELECT 1 FROM rels WHERE relkind NOT IN ('r', 'p'))
		UNION ALL SELECT '` + HasRule + `' WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite w JOIN rels ON rels.oid = w.ev_class WHERE w.ev_type = '3')
		UNION ALL SELECT '` + HasTrigger + `' WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_trigger t JOIN rels ON rels.oid = t.tgrelid, role
			WHERE NOT t.tgisinternal AND t.tgtype & 4 <> 0 AND (t.tgenabled = 'A' OR t.tgenabled = CASE WHEN role.replica THEN 'R' ELSE 'O' END))
		UNION ALL SELECT DISTINCT what || ' calls a function that may do anything' FROM judged WHERE what <> 'default' AND class > 1
		UNION ALL SELECT 'an index or a partition key uses operators of the user''s' WHERE EXISTS (SELECT 1 FROM (
			SELECT unnest(x.indclass::oid[]) FROM rels JOIN pg_catalog.pg_index x ON x.indrelid = rels.oid
			UNION ALL SELECT unnest(p.partclass::oid[]) FROM family JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = family.oid) o(oid) JOIN pg_catalog.pg_opclass oc ON oc.oid = o.oid AND oc.oid >= 16384
			JOIN pg_catalog.pg_amproc ap ON ap.amprocfamily = oc.opcfamily JOIN pg_catalog.pg_proc p ON p.oid = ap.amproc WHERE p.prolang NOT IN (12, 13))
		UNION ALL SELECT 'a constraint uses operators of the user''s' WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k,
			LATERAL unnest(k.conexclop || k.conpfeqop) o(oid) JOIN pg_catalog.pg_operator op ON op.oid = o.oid JOIN pg_catalog.pg_proc p ON p.oid = op.oprcode
			WHERE k.conrelid IN (SELECT oid FROM rels) AND p.prolang NOT IN (12, 13))),
	EXISTS (SELECT 1 FROM fkeys WHERE conrelid IN (SELECT oid FROM rels) AND confrelid IN (SELECT oid FROM family)),
	ARRAY(SELECT a.attname::text FROM cols a ORDER BY a.attnum),
	ARRAY(SELECT CASE WHEN a.attidentity = 'a' OR a.attgenerated <> '' THEN 'always'
		WHEN a.typmod >= 0 AND a.element = 'interval' AND a.element_oid IS NOT NULL THEN 'modified'
		WHEN a.typmod >= 0 AND a.element NOT IN ('varchar', 'bpchar', 'numeric', 'timestamp', 'timestamptz', 'time', 'timetz', 'interval', 'bit', 'varbit') THEN 'modified'
		WHEN a.typtype NOT IN ('b', 'e', 'c') AND (a.typtype NOT IN ('r', 'm') OR a.typnamespace <> 'pg_catalog'::regnamespace) THEN 'modified'
		WHEN a.typtype = 'c' AND EXISTS (SELECT 1 FROM pg_catalog.pg_attribute f JOIN pg_catalog.pg_type ft ON ft.oid = f.atttypid
			LEFT JOIN pg_catalog.pg_type fe ON fe.oid = ft.typelem AND fe.typarray = ft.oid
			WHERE f.attrelid = a.typrelid AND f.attnum > 0 AND NOT f.attisdropped AND (ft.typtype NOT IN ('b', 'e') OR fe.typtype NOT IN ('b', 'e'))) THEN 'modified'
		WHEN a.element_oid IS NOT NULL AND a.element_typtype NOT IN ('b', 'e') AND (a.element_typtype NOT IN ('r', 'm') OR a.typnamespace <> 'pg_catalog'::regnamespace) THEN 'modified'
		WHEN a.typtype = 'c' AND EXISTS (SELECT 1 FROM pg_catalog.pg_attribute f JOIN pg_catalog.pg_type ft ON ft.oid = f.atttypid
			WHERE f.attrelid = a.typrelid AND f.attnum > 0 AND NOT f.attisdropped AND ltrim(ft.typname, '_') LIKE 'reg%') THEN 'regclass'
		WHEN a.typname IN ('text', 'varchar', 'bpchar') AND (SELECT casts FROM role) THEN ''
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
	pg_catalog.current_setting('transaction_read_only') = 'on', pg_catalog.current_setting('default_transaction_read_only') = 'on',
	(SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_namespace n WHERE n.oid = c.relnamespace)
FROM pg_catalog.pg_class c, role
WHERE c.oid = asked.oid
) plan`

// FactsOf gives the facts of tables, of each under the name that was asked about; nothing of those that there are not.
func FactsOf(ctx context.Context, q Querier, names []string, oids []uint32) ([]Facts, error) {
	return collect(ctx, q.Ask, factsQuery, []any{names, oids}, func(f *Facts) []any {
		return []any{&f.Asked, &f.OID, &f.Replica, &f.AnyOrder, &f.Superuser, &f.Owned, &f.Partitioned, &f.Temporary, &f.Reasons, &f.SelfReferencing,
			&f.Columns, &f.Types, &f.Defaults, &f.Elements, &f.ElementOIDs, &f.Empty, &f.Exclusive, &f.Closed, &f.Indexes, &f.Watched, &f.Drawn, &f.Limit,
			&f.TransactionEnds, &f.Nulls, &f.ReadOnly, &f.NextReadOnly, &f.Name}
	})
}
