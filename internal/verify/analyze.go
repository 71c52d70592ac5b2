package verify

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// Reached gives what rows for the tables have reached: with the partitioned tables above them and the partitions below. Of these analyze is
// those to ANALYZE, as far as the role may, those with the most data first; ownRole says that the role is the one that connections begin
// with. bytes gives how much a table has got.
func (c *Checks) Reached(ctx context.Context, tables []uint32, bytes func(table uint32) int64) (all []uint32, analyze []string, ownRole bool, err error) {
	filled, err := catalog.FilledBy(ctx, c.Session, tables, c.Open, c.Session.ServerAtLeast(170000), c.Session.Config().User)
	size := map[string]int64{}
	for _, f := range filled {
		all = append(all, f.OID)
		ownRole = f.OwnRole
		if f.Analyze {
			analyze = append(analyze, f.Name)
			size[f.Name] = bytes(f.OID)
		}
	}
	slices.SortStableFunc(analyze, func(a, b string) int { return cmp.Compare(size[b], size[a]) })
	return all, analyze, ownRole, err
}

// SkipLocked has ANALYZE pass by a table that somebody has locked. It may be autovacuum, which does the same.
const SkipLocked = "(SKIP_LOCKED) "

// Analyze gives the planner statistics of the tables, so that an application's first queries are not planned blindly. That
// it fails (an index's function can) is no reason to give up the rows.
func (c *Checks) Analyze(ctx context.Context, tables []string, options string) error {
	if len(tables) == 0 {
		return nil
	}
	text := "ANALYZE " + options + strings.Join(tables, ", ")
	var err error
	switch {
	case len(c.Others) > 0:
		err = c.spread(len(tables), func(s *session.Session, i int) error { return s.Exec(ctx, "ANALYZE "+options+tables[i]) })
	case c.Session.TxStatus() == 'I': // each table on its own
		err = c.Session.Exec(ctx, text)
	default:
		err = c.Session.Try(ctx, text, session.Handlers{})
	}
	if err == nil || c.Session.Ends(ctx, err) {
		return err
	}
	c.Warn("ANALYZE failed, statistics are as they were: " + session.Reason(err))
	return nil
}

// Vacuum frees the space of old rows.
func (c *Checks) Vacuum(ctx context.Context, tables []string, analyze bool) error {
	// To give pages back VACUUM would lock out readers. ANALYZE comes after all of them: it has a snapshot, and where transactions of
	// other databases are older than ours, that keeps another table's rows.
	commands := []string{"VACUUM (TRUNCATE false) ", "ANALYZE " + SkipLocked}
	if !analyze {
		commands = commands[:1]
	}
	for _, command := range commands {
		if err := c.spread(len(tables), func(s *session.Session, i int) error { return s.Exec(ctx, command+tables[i]) }); err != nil {
			return err
		}
	}
	return nil
}
