package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// TakenKey is a foreign key by which rows go along with those that they refer to.
type TakenKey struct {
	OutsideKey
	Chained   bool // those that they refer to only go along themselves
	MayDelete bool // the role may delete from its table
}

// takenKeysQuery follows foreign keys from the tables of $1 to those that refer to them, and on from these; $2 is where none leads to. Of a
// key and those that partitions have of it, the topmost is enough.
const takenKeysQuery = `
WITH RECURSIVE reached(oid) AS (
	SELECT oid FROM unnest($1::oid[]) oid
	UNION
	SELECT x.oid FROM reached r JOIN LATERAL (
		SELECT i.inhrelid AS oid FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition WHERE i.inhparent = r.oid
		UNION ALL SELECT k.conrelid FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = r.oid AND k.conrelid <> ALL ($2::oid[])
	) x ON true
), followed AS (
	SELECT k.oid, k.conparentid FROM pg_constraint k
	WHERE k.contype = 'f' AND k.confrelid IN (SELECT oid FROM reached) AND k.conrelid <> ALL ($2::oid[])
)
SELECT ` + foreignKeyColumns + `, ` + deleteAction + `, c.condeferrable, c.confrelid <> ALL ($2::oid[]), has_table_privilege(f.oid, 'DELETE')
` + foreignKeyTables + `
WHERE c.oid IN (SELECT oid FROM followed WHERE conparentid NOT IN (SELECT oid FROM followed)) ORDER BY 3, 2, 1`

// TakenKeys gives the foreign keys by which rows of other tables would go along with those of the tables, and others with these. Tables of
// inside are none of the others, whose partitions are not either; sorted by table and name.
func TakenKeys(ctx context.Context, q Querier, oids, inside []uint32) ([]TakenKey, error) {
	return collect(ctx, q.Ask, takenKeysQuery, []any{oids, inside}, func(k *TakenKey) []any {
		return append(k.scan(), &k.Action, &k.Deferrable, &k.Chained, &k.MayDelete)
	})
}

// Taken gives two queries of rows that go along with those of tables of inside, by the keys: the first counts them for each key, by its
// number, and the second deletes them, and gives how many there were and how many of them went.
func Taken(keys []TakenKey, inside []uint32) (count, remove string) {
	var first, further, tables, counts []string
	for i, k := range keys {
		if k.Chained {
			further = append(further, fmt.Sprintf("SELECT %d, p.tableoid, p.ctid, f.tableoid, f.ctid FROM %s f JOIN %s p ON %s", i, k.Table, k.Parent, k.Match()))
		} else {
			first = append(first, fmt.Sprintf("SELECT %d, f.tableoid, f.ctid %s", i, k.Referring(inside)))
		}
		if !slices.Contains(tables, k.Table) {
			tables = append(tables, k.Table)
		}
	}
	if len(further) == 0 {
		further = []string{"SELECT 0, 0::oid, '(0,0)'::tid, 0::oid, '(0,0)'::tid WHERE false"}
	}
	gone := fmt.Sprintf(`WITH RECURSIVE refers(k, parent, at, child, its) AS MATERIALIZED (%s), gone(k, t, c) AS (
	SELECT * FROM (%s) first UNION SELECT r.k, r.child, r.its FROM gone g JOIN refers r ON r.parent = g.t AND r.at = g.c)`,
		strings.Join(further, " UNION ALL "), strings.Join(first, " UNION ALL "))
	remove = gone
	for i, table := range tables {
		remove += fmt.Sprintf(",\n\twent%d AS (DELETE FROM %s f USING gone g WHERE f.tableoid = g.t AND f.ctid = g.c RETURNING 1)", i, table)
		counts = append(counts, fmt.Sprintf("(SELECT count(*) FROM went%d)", i))
	}
	return gone + " SELECT k, count(*) FROM gone GROUP BY k",
		remove + "\nSELECT (SELECT count(*) FROM (SELECT DISTINCT t, c FROM gone) all_of_them), " + strings.Join(counts, " + ")
}

// numbers gives numbers with commas.
func numbers(oids []uint32) string {
	all := make([]string, len(oids))
	for i, oid := range oids {
		all[i] = fmt.Sprint(oid)
	}
	return strings.Join(all, ",")
}
