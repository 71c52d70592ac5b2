package load

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

const (
	sampleKeys  = 5      // broken keys that a warning shows
	checkMemory = "64MB" // of a foreign key's check for hashing, in the one transaction
)

// foreignKey is one constraint, as a check needs it. Names are quoted.
type foreignKey struct {
	oid                 uint32
	name, table, parent string
	full                bool     // MATCH FULL
	hidden              bool     // row security hides rows of one of the two, or the role may not read one
	from, to, equal     []string // columns of table, columns of parent, operators parent = table
	collate             []string // " COLLATE …" behind the table's column where the parent's column has another collation
}

// foreignKeyQuery finds the foreign keys of the tables $1 and those that point at them. A key of a partitioned table is there
// once, not for each partition. Keys marked NOT VALID promise nothing and are left out. ONLY is what the server's own triggers
// use: a plain inheritance child's rows belong to neither side.
const foreignKeyQuery = `
SELECT c.oid, quote_ident(c.conname),
	CASE WHEN f.relkind = 'r' THEN 'ONLY ' ELSE '' END || pg_catalog.format('%I.%I', fn.nspname, f.relname),
	CASE WHEN p.relkind = 'r' THEN 'ONLY ' ELSE '' END || pg_catalog.format('%I.%I', pn.nspname, p.relname),
	c.confmatchtype = 'f',
	pg_catalog.row_security_active(f.oid) OR pg_catalog.row_security_active(p.oid)
	OR EXISTS (SELECT 1 FROM unnest(c.conkey) k(n) WHERE NOT pg_catalog.has_column_privilege(f.oid, k.n, 'SELECT'))
	OR EXISTS (SELECT 1 FROM unnest(c.confkey) k(n) WHERE NOT pg_catalog.has_column_privilege(p.oid, k.n, 'SELECT')),
	array(SELECT quote_ident(a.attname) FROM unnest(c.conkey) WITH ORDINALITY k(n, i)
		JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.i),
	array(SELECT quote_ident(a.attname) FROM unnest(c.confkey) WITH ORDINALITY k(n, i)
		JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY k.i),
	array(SELECT pg_catalog.format('OPERATOR(%I.%s)', onn.nspname, o.oprname) FROM unnest(c.conpfeqop) WITH ORDINALITY k(n, i)
		JOIN pg_catalog.pg_operator o ON o.oid = k.n JOIN pg_catalog.pg_namespace onn ON onn.oid = o.oprnamespace ORDER BY k.i),
	array(SELECT CASE WHEN pa.attcollation <> 0 AND pa.attcollation <> fa.attcollation THEN pg_catalog.format(' COLLATE %I.%I', cn.nspname, co.collname) ELSE '' END
		FROM unnest(c.conkey, c.confkey) WITH ORDINALITY k(fromn, ton, i)
		JOIN pg_catalog.pg_attribute fa ON fa.attrelid = c.conrelid AND fa.attnum = k.fromn
		JOIN pg_catalog.pg_attribute pa ON pa.attrelid = c.confrelid AND pa.attnum = k.ton
		LEFT JOIN pg_catalog.pg_collation co ON co.oid = pa.attcollation LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace ORDER BY k.i)
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_class f ON f.oid = c.conrelid JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
JOIN pg_catalog.pg_class p ON p.oid = c.confrelid JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
WHERE c.contype = 'f' AND c.conparentid = 0 AND `

// foreignKeys reads the keys that meet a condition on $1.
func (r *run) foreignKeys(ctx context.Context, condition, argument string) ([]foreignKey, error) {
	rows, err := r.session.Conn().Query(ctx, foreignKeyQuery+condition+" ORDER BY 2, 1", argument)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (k foreignKey, err error) {
		return k, row.Scan(&k.oid, &k.name, &k.table, &k.parent, &k.full, &k.hidden, &k.from, &k.to, &k.equal, &k.collate)
	})
}

// checkForeignKeys looks for rows that break a foreign key of, or to, the tables: the replica role checks none.
func (r *run) checkForeignKeys(ctx context.Context, oids []uint32) error {
	keys, err := r.foreignKeys(ctx, "c.convalidated AND (c.conrelid = ANY ($1::oid[]) OR c.confrelid = ANY ($1::oid[]))", oidList(oids))
	if err != nil {
		return (&failure{err: err}).problem()
	}
	keys = slices.DeleteFunc(keys, r.way.checked)
	kept, err := r.kept(ctx)
	if err != nil {
		return (&failure{err: err}).problem()
	}
	keys = slices.DeleteFunc(keys, func(k foreignKey) bool { return kept[k.oid] })
	suspects, err := r.suspects(ctx, keys)
	if err != nil {
		return err
	}
	for _, k := range suspects {
		if err := r.checkForeignKey(ctx, k, ""); err != nil {
			return err
		}
	}
	return nil
}

// suspects gives the keys that need a closer look: rows break them, or it could not be seen whether any do. All are counted in
// one message to the server, or over all connections at once.
func (r *run) suspects(ctx context.Context, keys []foreignKey) ([]foreignKey, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	left := make([]int, len(keys)) // conditions of each that are not known to be met by no row
	count := func(i int) string {
		var text strings.Builder
		for _, condition := range keys[i].broken() {
			fmt.Fprintf(&text, "SELECT %d, count(*) FROM %s f WHERE %s; ", i, keys[i].table, condition)
		}
		return text.String()
	}
	note := session.Handlers{Row: func(v [][]byte) {
		if len(v) != 2 || string(v[1]) != "0" {
			return
		}
		if i, err := strconv.Atoi(string(v[0])); err == nil {
			left[i]--
		}
	}}
	var text strings.Builder
	if r.began {
		text.WriteString(atLeast("work_mem", checkMemory) + "; ")
	}
	var visible []int
	for i, k := range keys {
		left[i] = len(k.broken())
		if !k.hidden {
			visible = append(visible, i)
			text.WriteString(count(i))
		}
	}
	var err error
	if len(r.workers) > 0 && !r.began {
		err = r.spread(len(visible), func(s *run, i int) error { return s.session.Do(ctx, []byte(count(visible[i])), note) })
	} else {
		err = r.try(ctx, text.String(), note)
	}
	if problem := r.ownFault(ctx, err); problem != nil {
		return nil, problem
	}
	var suspects []foreignKey
	for i, k := range keys {
		if left[i] > 0 {
			suspects = append(suspects, k)
		}
	}
	return suspects, nil
}

// checkForeignKey warns of rows that break a key, or fails if it is to be enforced. also is added to the warning.
func (r *run) checkForeignKey(ctx context.Context, k foreignKey, also string) error {
	broken, err := r.brokenKeys(ctx, k)
	if problem := r.ownFault(ctx, err); problem != nil {
		return problem
	}
	switch {
	case err != nil:
		broken = fmt.Sprintf("foreign key %s of %s could not be checked: %s", k.name, k.tableName(), session.Reason(err))
	case broken == "":
		return nil
	}
	if r.o.ForeignKeys == Enforce {
		return &problem.Error{Code: problem.Database, Where: "table " + k.tableName(), What: broken,
			Remedy: "Mend the data in Fabricate, or set foreign-keys to check or off."}
	}
	r.warn(broken + also)
	return nil
}

func (k foreignKey) tableName() string  { return strings.TrimPrefix(k.table, "ONLY ") }
func (k foreignKey) parentName() string { return strings.TrimPrefix(k.parent, "ONLY ") }

// broken gives the conditions that rows f of the table meet if they break the key, each row at most one of them.
func (k foreignKey) broken() []string {
	var match, set, null []string
	for i := range k.from {
		match = append(match, fmt.Sprintf("p.%s %s f.%s%s", k.to[i], k.equal[i], k.from[i], k.collate[i]))
		set = append(set, fmt.Sprintf("f.%s IS NOT NULL", k.from[i]))
		null = append(null, fmt.Sprintf("f.%s IS NULL", k.from[i]))
	}
	conditions := []string{fmt.Sprintf("%s AND NOT EXISTS (SELECT 1 FROM %s p WHERE %s)", strings.Join(set, " AND "), k.parent, strings.Join(match, " AND "))}
	if k.full && len(k.from) > 1 { // all columns are null, or none
		conditions = append(conditions, fmt.Sprintf("(%s) AND (%s)", strings.Join(null, " OR "), strings.Join(set, " OR ")))
	}
	return conditions
}

// brokenKeys says which rows break the key, "" if none does. Counting is one pass over both tables, a hash anti join, which
// several processes may share; examples are looked for only when there are any.
func (r *run) brokenKeys(ctx context.Context, k foreignKey) (string, error) {
	if k.hidden {
		return "", fmt.Errorf("the role does not see all rows of %s and %s: grant it SELECT on both, and BYPASSRLS where row security is on", k.tableName(), k.parentName())
	}
	var shown []string
	for i := range k.from {
		shown = append(shown, fmt.Sprintf("coalesce(f.%s::text, 'NULL')", k.from[i]))
	}
	var total int64
	var samples []string
	for _, condition := range k.broken() {
		count := int64(0)
		if err := r.try(ctx, fmt.Sprintf("SELECT count(*) FROM %s f WHERE %s", k.table, condition), session.Handlers{
			Row: func(v [][]byte) { _, _ = fmt.Sscan(string(v[0]), &count) }}); err != nil {
			return "", err
		}
		if count == 0 {
			continue
		}
		total += count
		if err := r.try(ctx, fmt.Sprintf("SELECT DISTINCT concat_ws(', ', %s) FROM %s f WHERE %s LIMIT %d", strings.Join(shown, ", "), k.table, condition, sampleKeys), session.Handlers{
			Row: func(v [][]byte) { samples = append(samples, string(v[0])) }}); err != nil {
			return "", err
		}
	}
	if total == 0 {
		return "", nil
	}
	rows := "rows of %s (%s) have"
	if total == 1 {
		rows = "row of %s (%s) has"
	}
	return fmt.Sprintf("foreign key %s: %d "+rows+" no match in %s (%s), for example %s", k.name, total, k.tableName(),
		strings.Join(k.from, ", "), k.parentName(), strings.Join(k.to, ", "), strings.Join(samples[:min(len(samples), sampleKeys)], "; ")), nil
}
