package verify

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// JoinMemory is what a join of all rows of two tables may take for hashing, in the one transaction.
const JoinMemory = "64MB"

const sampleKeys = 5 // broken keys that a warning shows

// ForeignKeys looks for rows that break one of the keys, and gives how many there are of which it has warned.
func (c *Checks) ForeignKeys(ctx context.Context, keys []catalog.ForeignKey) (broken int64, err error) {
	suspects, err := c.suspects(ctx, keys)
	if err != nil {
		return 0, err
	}
	for _, k := range suspects {
		rows, err := c.ForeignKey(ctx, k, "")
		if broken += rows; err != nil {
			return broken, err
		}
	}
	return broken, nil
}

// suspects gives the keys that need a closer look: rows break them, or it could not be seen whether any do. All are counted in
// one message to the server, or over all connections at once.
func (c *Checks) suspects(ctx context.Context, keys []catalog.ForeignKey) ([]catalog.ForeignKey, error) {
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
	if c.Open {
		text.WriteString(session.Raise("work_mem", JoinMemory) + "; ")
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
	if len(c.Others) > 0 {
		err = c.spread(len(visible), func(s *session.Session, i int) error { return s.Change(ctx, count(visible[i]), note) })
	} else {
		err = c.Session.Try(ctx, text.String(), note)
	}
	if c.Session.Ends(ctx, err) {
		return nil, err
	}
	var suspects []catalog.ForeignKey
	for i, k := range keys {
		if left[i] > 0 {
			suspects = append(suspects, k)
		}
	}
	return suspects, nil
}

// ForeignKey warns of rows that break a key, with also behind it, and gives how many they are; or it fails, if the key is to be enforced.
func (c *Checks) ForeignKey(ctx context.Context, k catalog.ForeignKey, also string) (rows int64, err error) {
	broken, rows, err := c.brokenKeys(ctx, k)
	switch {
	case c.Session.Ends(ctx, err):
		return 0, err
	case err != nil:
		broken = fmt.Sprintf("foreign key %s of %s could not be checked: %s", k.Name, k.TableName(), session.Reason(err))
	case broken == "":
		return 0, nil
	}
	if c.Enforce {
		return 0, &problem.Error{Code: problem.Database, Where: "table " + k.TableName(), What: broken, Err: ErrBrokenKey,
			Remedy: "Mend the data in Fabricate, or set foreign-keys to check or off."}
	}
	c.Warn(broken + also)
	return rows, nil
}

// ErrBrokenKey is behind the error of rows that break a foreign key, where they were looked for after the load.
var ErrBrokenKey = errors.New("rows break a foreign key")

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
func (c *Checks) brokenKeys(ctx context.Context, k catalog.ForeignKey) (said string, total int64, err error) {
	if k.Hidden {
		return "", 0, fmt.Errorf("the role does not see all rows of %s and %s: grant it SELECT on both, and BYPASSRLS where row security is on", k.TableName(), k.ParentName())
	}
	var shown []string
	for i := range k.From {
		shown = append(shown, fmt.Sprintf("coalesce(f.%s::text, 'NULL')", k.From[i]))
	}
	var samples []string
	for _, condition := range broken(k) {
		count := int64(0)
		if err := c.Session.Try(ctx, fmt.Sprintf("SELECT count(*) FROM %s f WHERE %s", k.Table, condition), session.Handlers{Columns: 1,
			Row: func(v [][]byte) { _, _ = fmt.Sscan(string(v[0]), &count) }}); err != nil {
			return "", 0, err
		}
		if count == 0 {
			continue
		}
		total += count
		if err := c.Session.Try(ctx, fmt.Sprintf("SELECT DISTINCT concat_ws(', ', %s) FROM %s f WHERE %s LIMIT %d", strings.Join(shown, ", "), k.Table, condition, sampleKeys), session.Handlers{Columns: 1,
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
	return fmt.Sprintf("foreign key %s: %d "+rows+" no match in %s (%s), for example %s", k.Name, total, k.TableName(),
		strings.Join(k.From, ", "), k.ParentName(), strings.Join(k.To, ", "), strings.Join(samples[:min(len(samples), sampleKeys)], "; ")), total, nil
}
