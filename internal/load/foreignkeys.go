package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

const (
	sampleKeys  = 5      // broken keys that a warning shows
	checkMemory = "64MB" // of a foreign key's check for hashing, in the one transaction
)

// checkForeignKeys looks for rows that break a foreign key of, or to, the tables: the replica role checks none.
func (r *run) checkForeignKeys(ctx context.Context, oids []uint32) error {
	keys, err := catalog.ForeignKeys(ctx, r.session, oids)
	if err != nil {
		return (&failure{err: err}).problem()
	}
	keys = slices.DeleteFunc(keys, r.way.checked)
	kept, err := r.kept(ctx)
	if err != nil {
		return (&failure{err: err}).problem()
	}
	keys = slices.DeleteFunc(keys, func(k catalog.ForeignKey) bool { return kept[k.OID] })
	if r.together != nil {
		return r.leaveUnchecked(keys)
	}
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
func (r *run) suspects(ctx context.Context, keys []catalog.ForeignKey) ([]catalog.ForeignKey, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	left := make([]int, len(keys)) // conditions of each that are not known to be met by no row
	count := func(i int) string {
		var text strings.Builder
		for _, condition := range broken(keys[i]) {
			fmt.Fprintf(&text, "SELECT %d, count(*) FROM %s f WHERE %s; ", i, keys[i].Table, condition)
		}
		return text.String()
	}
	note := session.Handlers{Row: func(v [][]byte) { // beside those of settings
		if len(v) != 2 || string(v[1]) != "0" {
			return
		}
		if i, err := strconv.Atoi(string(v[0])); err == nil && i >= 0 && i < len(left) {
			left[i]--
		}
	}}
	var text strings.Builder
	if r.began {
		text.WriteString(atLeast("work_mem", checkMemory) + "; ")
	}
	var visible []int
	for i, k := range keys {
		left[i] = len(broken(k))
		if !k.Hidden {
			visible = append(visible, i)
			text.WriteString(count(i))
		}
	}
	var err error
	if len(r.workers) > 0 && !r.began {
		err = r.spread(len(visible), func(s *run, i int) error { return s.session.Change(ctx, count(visible[i]), note) })
	} else {
		err = r.try(ctx, text.String(), note)
	}
	if problem := r.ownFault(ctx, err); problem != nil {
		return nil, problem
	}
	var suspects []catalog.ForeignKey
	for i, k := range keys {
		if left[i] > 0 {
			suspects = append(suspects, k)
		}
	}
	return suspects, nil
}

// checkForeignKey warns of rows that break a key, or fails if it is to be enforced. also is added to the warning.
func (r *run) checkForeignKey(ctx context.Context, k catalog.ForeignKey, also string) error {
	broken, rows, err := r.brokenKeys(ctx, k)
	if problem := r.ownFault(ctx, err); problem != nil {
		return problem
	}
	switch {
	case err != nil:
		broken = fmt.Sprintf("foreign key %s of %s could not be checked: %s", k.Name, tableName(k), session.Reason(err))
	case broken == "":
		return nil
	}
	if r.o.ForeignKeys == Enforce {
		return &problem.Error{Code: problem.Database, Where: "table " + tableName(k), What: broken, Err: errBrokenKey,
			Remedy: "Mend the data in Fabricate, or set foreign-keys to check or off."}
	}
	r.brokenRows += rows
	r.warn(broken + also)
	return nil
}

// errBrokenKey is behind the error of rows that break a foreign key, where they were looked for after the load.
var errBrokenKey = errors.New("rows break a foreign key")

func tableName(k catalog.ForeignKey) string  { return strings.TrimPrefix(k.Table, "ONLY ") }
func parentName(k catalog.ForeignKey) string { return strings.TrimPrefix(k.Parent, "ONLY ") }

// broken gives the conditions that rows f of the table meet if they break the key, each row at most one of them.
func broken(k catalog.ForeignKey) []string {
	var set, null []string
	for i := range k.From {
		set = append(set, fmt.Sprintf("f.%s IS NOT NULL", k.From[i]))
		null = append(null, fmt.Sprintf("f.%s IS NULL", k.From[i]))
	}
	conditions := []string{fmt.Sprintf("%s AND NOT EXISTS (SELECT 1 FROM %s p WHERE %s)", strings.Join(set, " AND "), k.Parent, k.Match())}
	if k.Full && len(k.From) > 1 { // all columns are null, or none
		conditions = append(conditions, fmt.Sprintf("(%s) AND (%s)", strings.Join(null, " OR "), strings.Join(set, " OR ")))
	}
	return conditions
}

// brokenKeys says which rows break the key and how many, "" if none does. Counting is one pass over both tables, a hash anti join, which
// several processes may share; examples are looked for only when there are any.
func (r *run) brokenKeys(ctx context.Context, k catalog.ForeignKey) (said string, total int64, err error) {
	if k.Hidden {
		return "", 0, fmt.Errorf("the role does not see all rows of %s and %s: grant it SELECT on both, and BYPASSRLS where row security is on", tableName(k), parentName(k))
	}
	var shown []string
	for i := range k.From {
		shown = append(shown, fmt.Sprintf("coalesce(f.%s::text, 'NULL')", k.From[i]))
	}
	var samples []string
	for _, condition := range broken(k) {
		count := int64(0)
		if err := r.try(ctx, fmt.Sprintf("SELECT count(*) FROM %s f WHERE %s", k.Table, condition), session.Handlers{Columns: 1,
			Row: func(v [][]byte) { _, _ = fmt.Sscan(string(v[0]), &count) }}); err != nil {
			return "", 0, err
		}
		if count == 0 {
			continue
		}
		total += count
		if err := r.try(ctx, fmt.Sprintf("SELECT DISTINCT concat_ws(', ', %s) FROM %s f WHERE %s LIMIT %d", strings.Join(shown, ", "), k.Table, condition, sampleKeys), session.Handlers{Columns: 1,
			Row: func(v [][]byte) { samples = append(samples, string(v[0])) }}); err != nil {
			return "", 0, err
		}
	}
	if total == 0 {
		return "", 0, nil
	}
	rows := "rows of %s (%s) have"
	if total == 1 {
		rows = "row of %s (%s) has"
	}
	return fmt.Sprintf("foreign key %s: %d "+rows+" no match in %s (%s), for example %s", k.Name, total, tableName(k),
		strings.Join(k.From, ", "), parentName(k), strings.Join(k.To, ", "), strings.Join(samples[:min(len(samples), sampleKeys)], "; ")), total, nil
}
