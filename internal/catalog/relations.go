package catalog

import (
	"context"
	"errors"
)

// Relation is a table (or view) that a script will touch.
type Relation struct {
	OID                                      uint32
	Kind                                     string // pg_class.relkind
	Name                                     string // schema-qualified and quoted
	Owner                                    string
	Owned, Usage                             bool // the role has the owner's rights, and may look into the schema
	Instead                                  bool // a view that INSTEAD OF triggers write for
	Hidden                                   bool // row security applies to the role
	MayInsert, MayTruncate, MayLock, MayRead bool
	Columns                                  []string
	Written                                  []string // what each column is: "", "generated" or "identity"
	Insertable                               []bool   // by privilege
	Required                                 []string // of a plain table: columns that are NOT NULL and have no default
	Guarded                                  []string // the same, where the type is a domain that is NOT NULL: INSERT looks at that, COPY does not
	Filled                                   string   // whether triggers may fill columns: "", "origin" in the usual replication role alone, or "always"
}

// MayFill reports whether triggers may fill columns of rows that come in the usual replication role, or in replica.
func (r *Relation) MayFill(replica bool) bool {
	return r.Filled == "always" || r.Filled != "" && !replica
}

// relationQuery finds relations: by schema $1 and name $2, or by oid $3 where the schema is "": by an
// index, however many tables there are.
const relationQuery = `
SELECT i, c.oid, c.relkind::text, c.relnamespace::regnamespace || '.' || quote_ident(c.relname), pg_get_userbyid(c.relowner)::text, pg_has_role(c.relowner, 'USAGE'),
	has_schema_privilege(c.relnamespace, 'USAGE'), has_table_privilege(c.oid, 'INSERT'), has_table_privilege(c.oid, 'TRUNCATE'),
	has_table_privilege(c.oid, 'UPDATE,DELETE,TRUNCATE'), has_any_column_privilege(c.oid, 'SELECT'),
	c.relkind = 'v' AND EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 64 <> 0 AND t.tgtype & 4 <> 0),
	row_security_active(c.oid), coalesce(columns.names, '{}'), coalesce(columns.written, '{}'), coalesce(columns.insertable, '{}'),
	array(SELECT a.attname::text FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
		WHERE c.relkind = 'r' AND NOT c.relhasrules AND a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = '' AND t.typdefault IS NULL
		ORDER BY a.attnum),
	array(SELECT a.attname::text FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
		WHERE c.relkind = 'r' AND NOT c.relhasrules AND a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			AND NOT a.attnotnull AND t.typtype = 'd' AND t.typnotnull AND NOT a.atthasdef AND a.attgenerated = '' AND t.typdefault IS NULL
		ORDER BY a.attnum),
	coalesce((SELECT min(CASE WHEN t.tgenabled IN ('A', 'R') THEN 'always' ELSE 'origin' END COLLATE "C") FROM pg_trigger t
		WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 7 = 7), '')
FROM unnest($1::text[], $2::text[], $3::oid[]) WITH ORDINALITY asked(nsp, rel, oid, i)
JOIN pg_class c ON c.relkind IN ('r', 'p', 'v', 'f', 'm') AND c.oid = CASE nsp WHEN '' THEN asked.oid
	ELSE (SELECT r.oid FROM pg_class r WHERE r.relname = rel::name AND r.relnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = nsp::name)) END
CROSS JOIN LATERAL (
	SELECT array_agg(a.attname::text) AS names, array_agg(has_column_privilege(c.oid, a.attnum, 'INSERT')) AS insertable,
		array_agg(CASE WHEN a.attgenerated <> '' THEN 'generated' WHEN a.attidentity = 'a' THEN 'identity' ELSE '' END) AS written
	FROM (SELECT * FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) a
) columns`

// Relations gives what names mean, each a schema ("" for none given) and a relation; nil where there is none. quote writes a name as
// SQL does.
func Relations(ctx context.Context, q Querier, schemas, relations []string, quote func(parts ...string) string) ([]*Relation, error) {
	var bare []string
	for i, schema := range schemas {
		if schema == "" {
			bare = append(bare, quote(relations[i]))
		}
	}
	meant, err := Names(ctx, q, bare)
	if err != nil {
		return nil, err
	}
	oids := make([]uint32, len(relations))
	for i, schema := range schemas {
		if schema == "" {
			oids[i], meant = meant[0], meant[1:]
		}
	}
	type row struct {
		i int
		Relation
	}
	found, err := collect(ctx, q.Ask, relationQuery, []any{schemas, relations, oids}, func(r *row) []any {
		return []any{&r.i, &r.OID, &r.Kind, &r.Name, &r.Owner, &r.Owned, &r.Usage, &r.MayInsert, &r.MayTruncate, &r.MayLock, &r.MayRead, &r.Instead, &r.Hidden,
			&r.Columns, &r.Written, &r.Insertable, &r.Required, &r.Guarded, &r.Filled}
	})
	all := make([]*Relation, len(relations))
	for _, f := range found {
		all[f.i-1] = &f.Relation
	}
	return all, err
}

// Named is a relation by its name.
type Named struct {
	OID          uint32
	Schema, Name string
	Kind         string // pg_class.relkind
	Instead      bool   // a view that INSTEAD OF triggers write for
	Extension    string // that it is part of; may be empty
}

const tablesQuery = `SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text,
	c.relkind = 'v' AND EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 64 <> 0 AND t.tgtype & 4 <> 0),
	coalesce((SELECT e.extname::text FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
		WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0 AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'), '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 2, 3 LIMIT $1::int8`

// Tables lists tables and views, sorted by schema and name; at most limit of them, or all for 0.
func Tables(ctx context.Context, q Querier, limit int) ([]Named, error) {
	var most any
	if limit > 0 {
		most = limit
	}
	return collect(ctx, q.Ask, tablesQuery, []any{most}, func(n *Named) []any { return []any{&n.OID, &n.Schema, &n.Name, &n.Kind, &n.Instead, &n.Extension} })
}

// Schemas lists the names of the schemas that are not the server's own.
func Schemas(ctx context.Context, q Querier) ([]string, error) {
	return collect(ctx, q.Ask, "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1", nil,
		func(name *string) []any { return []any{name} })
}

// Clipped gives what the server makes of names: of longer ones it keeps the beginning. A name that the database's encoding cannot write
// is an error.
func Clipped(ctx context.Context, q Querier, names []string) ([]string, error) {
	return collect(ctx, q.Ask, "SELECT name::name::text FROM unnest($1::text[]) WITH ORDINALITY asked(name, i) ORDER BY i", []any{names},
		func(name *string) []any { return []any{name} })
}

const readableQuery = `SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
	AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')`

// Readable gives the tables whose rows the role may read.
func Readable(ctx context.Context, q Querier) ([]uint32, error) {
	return collect(ctx, q.Ask, readableQuery, nil, func(oid *uint32) []any { return []any{oid} })
}

const qualifiedQuery = `SELECT c.oid, format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY ($1::oid[])`

// Qualified gives the names of relations, schema-qualified and quoted where PostgreSQL needs it.
func Qualified(ctx context.Context, q Querier, oids []uint32) (map[uint32]string, error) {
	names := map[uint32]string{}
	if len(oids) == 0 {
		return names, nil
	}
	var oid uint32
	var name string
	return names, q.Ask(ctx, qualifiedQuery, []any{oids}, []any{&oid, &name}, func() error {
		names[oid] = name
		return nil
	})
}

const calledQuery = `SELECT c.oid, n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY ($1::oid[])`

// Called gives what relations are called: of each its number, schema and name.
func Called(ctx context.Context, q Querier, oids []uint32) (map[uint32]Named, error) {
	called := map[uint32]Named{}
	var n Named
	return called, q.Ask(ctx, calledQuery, []any{oids}, []any{&n.OID, &n.Schema, &n.Name}, func() error {
		called[n.OID] = n
		return nil
	})
}

// Column is a column of a relation.
type Column struct {
	Name      string
	Generated bool // the server computes its values
	Type      uint32
}

const columnsQuery = `SELECT attrelid, attname::text, attgenerated <> '', atttypid FROM pg_attribute
WHERE attrelid = ANY ($1::oid[]) AND attnum > 0 AND NOT attisdropped ORDER BY attrelid, attnum`

// Columns gives the columns of relations, of each in its order.
func Columns(ctx context.Context, q Querier, relations []uint32) (map[uint32][]Column, error) {
	columns := map[uint32][]Column{}
	var relation uint32
	var c Column
	return columns, q.Ask(ctx, columnsQuery, []any{relations}, []any{&relation, &c.Name, &c.Generated, &c.Type}, func() error {
		columns[relation] = append(columns[relation], c)
		return nil
	})
}

// Type is a type as its values are written.
type Type struct {
	OID        uint32
	Name       string // pg_type.typname
	Qualified  string // schema-qualified and quoted
	Kind       string // pg_type.typtype
	Category   string // pg_type.typcategory
	BuiltIn    bool   // it is in pg_catalog
	Base       uint32 // of a domain: the type below it, which may be another domain
	Element    uint32 // of an array: that of its elements
	Delimiter  string // of an array: what stands between its elements
	EmptyLabel bool   // of an enum: the empty text is one of its labels
	Fields     []string
	FieldTypes []uint32 // of a composite type, as Fields
}

// typesQuery asks for types alone, and not for those that they are made of as well: a recursive query looks so expensive to the server that
// it compiles it, which takes longer than to ask once more. Arrays that are no more than that are told from other types with elements by
// their elements' types, which know them.
const typesQuery = `
SELECT t.oid, t.typname::text, format('%I.%I', n.nspname, t.typname), t.typtype::text, t.typcategory::text, n.nspname = 'pg_catalog', t.typbasetype,
	coalesce(e.oid, 0), coalesce(e.typdelim::text, ''), EXISTS (SELECT FROM pg_enum l WHERE l.enumtypid = t.oid AND l.enumlabel = ''),
	ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
	ARRAY(SELECT a.atttypid FROM pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_type e ON e.typarray = t.oid
WHERE t.oid = ANY ($1::oid[])`

// Types gives types and all that they are made of: what is below domains, elements of arrays, fields of composite types.
func Types(ctx context.Context, q Querier, oids []uint32) (map[uint32]Type, error) {
	types := map[uint32]Type{}
	for len(oids) > 0 {
		all, err := collect(ctx, q.Ask, typesQuery, []any{oids}, func(t *Type) []any {
			return []any{&t.OID, &t.Name, &t.Qualified, &t.Kind, &t.Category, &t.BuiltIn, &t.Base, &t.Element, &t.Delimiter, &t.EmptyLabel, &t.Fields, &t.FieldTypes}
		})
		if err != nil {
			return nil, err
		}
		for _, t := range all {
			types[t.OID] = t
		}
		oids = nil
		for _, t := range all {
			for _, part := range append([]uint32{t.Base, t.Element}, t.FieldTypes...) {
				if _, known := types[part]; !known && part != 0 {
					oids = append(oids, part)
				}
			}
		}
	}
	return types, nil
}

// TakesEmpty reports whether a type has the empty text among its values, by giving it to the type. The name is qualified and quoted.
func TakesEmpty(ctx context.Context, q Querier, qualified string) (bool, error) {
	err := q.Ask(ctx, "SELECT ''::"+qualified+" IS NULL", nil, nil, nil)
	var refused interface{ SQLState() string }
	if errors.As(err, &refused) {
		return false, nil
	}
	return err == nil, err
}

const counterQuery = `SELECT t, pg_stat_get_xact_tuples_inserted(t), pg_stat_get_xact_tuples_updated(t) + pg_stat_get_xact_tuples_deleted(t) FROM unnest($1::oid[]) t`

// Counter is what the transaction has done to a table.
type Counter struct {
	OID               uint32
	Inserted, Changed int64 // rows; changed are those updated or deleted
}

// Counters gives what the transaction has done to tables, by the server's own count.
func Counters(ctx context.Context, q Querier, oids []uint32) ([]Counter, error) {
	return collect(ctx, q.Ask, counterQuery, []any{oids}, func(c *Counter) []any { return []any{&c.OID, &c.Inserted, &c.Changed} })
}

// MaySet reports whether the role was granted SET on a parameter. The server must be of version 15 or later.
func MaySet(ctx context.Context, q Querier, parameter string) (may bool, err error) {
	return may, q.Ask(ctx, "SELECT has_parameter_privilege($1::text, 'SET')", []any{parameter}, []any{&may}, nil)
}
