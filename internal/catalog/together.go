package catalog

import "context"

const preparableQuery = `SELECT (SELECT oid FROM pg_database WHERE datname = current_database()), current_setting('max_prepared_transactions')::int4, pg_is_in_recovery()`

// Preparable gives the database's oid and how many transactions may be prepared at once.
func Preparable(ctx context.Context, q Querier) (database uint32, most int, err error) {
	var standby bool
	if err = q.Ask(ctx, preparableQuery, nil, []any{&database, &most, &standby}, nil); standby {
		most = 0
	}
	return database, most, err
}

const notBareQuery = `
SELECT format('%I.%I', n.nspname, c.relname), why
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, LATERAL (SELECT CASE
	WHEN c.relkind <> 'r' OR c.relpersistence = 't' THEN 'is no plain table'
	WHEN EXISTS (SELECT 1 FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)) THEN 'has partitions or children, or is one'
	WHEN pg_relation_size(c.oid) > 0 THEN 'is not empty' END) is_(why)
WHERE c.oid = ANY ($1::oid[]) AND why IS NOT NULL ORDER BY 1`

// NotBare gives the first of the tables that is no empty table by itself, and what it is, "" for none. That it is empty holds for as long
// as the transaction has locked it.
func NotBare(ctx context.Context, q Querier, tables []uint32) (name, why string, err error) {
	var n, w string
	err = q.Ask(ctx, notBareQuery, []any{tables}, []any{&n, &w}, func() error {
		if name == "" {
			name, why = n, w
		}
		return nil
	})
	return name, why, err
}
