package catalog

import "context"

// ConstraintModes is a setting of the transaction's own, which is taken back together with what it tells of: what was said of when constraints
// are checked, a line for each SET CONSTRAINTS (what follows these words). The first line may be Initially.
const ConstraintModes = "fabricate_seed.constraints"

// Initially stands for what constraints are where nothing is said.
const Initially = "INITIALLY"

// constraintsQuery asks what the names in SET CONSTRAINTS mean under the script's path: constraints of the first schema that has some.
const constraintsQuery = `SELECT pg_catalog.format('%I.%I', first.schema, parts[pg_catalog.cardinality(parts)])
FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY asked(name, i), pg_catalog.parse_ident(asked.name) parts,
LATERAL (SELECT n.nspname FROM pg_catalog.unnest(CASE pg_catalog.cardinality(parts) WHEN 1 THEN pg_catalog.current_schemas(true)
	ELSE ARRAY[parts[pg_catalog.cardinality(parts) OPERATOR(pg_catalog.-) 1]::pg_catalog.name] END) WITH ORDINALITY path(name, i)
	JOIN pg_catalog.pg_namespace n ON n.nspname OPERATOR(pg_catalog.=) path.name
	WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.connamespace OPERATOR(pg_catalog.=) n.oid
		AND k.conname OPERATOR(pg_catalog.=) parts[pg_catalog.cardinality(parts)]::pg_catalog.name)
	ORDER BY path.i LIMIT 1) first(schema) ORDER BY asked.i`

// Constraints gives what names of constraints mean to SET CONSTRAINTS under the script's path, schema-qualified and quoted.
func Constraints(ctx context.Context, q Querier, names []string) ([]string, error) {
	return collect(ctx, q.Resolve, constraintsQuery, []any{names}, func(name *string) []any { return []any{name} })
}

const modesQuery = `SELECT 'SET CONSTRAINTS ' || CASE said.line WHEN '` + Initially + `' THEN first.deferred || ' DEFERRED' ELSE said.line END
FROM unnest(string_to_array(current_setting('` + ConstraintModes + `', true), E'\n')) WITH ORDINALITY said(line, i)
CROSS JOIN (SELECT string_agg(DISTINCT format('%I.%I', n.nspname, k.conname), ', ') FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
	WHERE k.condeferred AND has_schema_privilege(n.oid, 'USAGE') AND NOT pg_is_other_temp_schema(n.oid)) first(deferred)
WHERE said.line = '` + Initially + `' AND first.deferred IS NOT NULL OR said.line = 'ALL DEFERRED'
	OR EXISTS (SELECT 1 FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
		WHERE k.condeferrable AND said.line IN (format('%I.%I DEFERRED', n.nspname, k.conname), format('%I.%I IMMEDIATE', n.nspname, k.conname)))
ORDER BY said.i`

// SaidConstraints gives the statements that say once more what ConstraintModes holds, of the constraints that are there. SET CONSTRAINTS ALL
// IMMEDIATE is not among them: it would check what was put off since.
func SaidConstraints(ctx context.Context, q Querier) ([]string, error) {
	return collect(ctx, q.Ask, modesQuery, nil, func(statement *string) []any { return []any{statement} })
}
