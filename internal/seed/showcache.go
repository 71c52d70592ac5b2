package seed

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/cache"
	"github.com/fabricate-seed/fabricate-seed/internal/config"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/report"
)

// cachedEntry is one archive in the JSON line of the command cache.
type cachedEntry struct {
	Key       string     `json:"key"`
	Created   *time.Time `json:"created,omitempty"` // absent where it is not known
	Task      string     `json:"task-id,omitempty"`
	Workspace string     `json:"workspace,omitempty"`
	Database  string     `json:"database,omitempty"`
	Format    string     `json:"format,omitempty"`
	Entity    string     `json:"entity,omitempty"`
	SHA256    string     `json:"sha256,omitempty"`
	Bytes     int64      `json:"bytes"`
	Note      string     `json:"note,omitempty"` // why it is of no use, or was removed, or could not be
}

// showCache is the command cache: it lists what is kept, or clears it.
func (r *run) showCache() error {
	folder := cache.Open(r.CacheDir, r.report.Warn)
	if r.Action == config.CacheList {
		listed, err := folder.List()
		if err != nil {
			return r.cacheUnreadable(err)
		}
		if r.JSON {
			return r.printJSON(map[string]any{"entries": entriesOf(listed), "bytes": bytesOf(listed)})
		}
		r.report.Print(tableOf(listed) + fmt.Sprintf("%s in %s\n", counted(listed), r.relative(r.CacheDir)))
		return nil
	}
	removed, left, err := folder.Prune(cache.Limits{MaxAge: r.MaxAge, MaxBytes: r.MaxSize})
	if err != nil {
		return r.cacheUnreadable(err)
	}
	var gone []cache.Listed
	var failed error
	for _, l := range removed {
		switch {
		case l.Err == nil:
			gone = append(gone, l)
			continue
		case !errors.Is(l.Err, cache.ErrInUse):
			failed = l.Err
		}
		l.Why += "; it stays: " + l.Err.Error()
		left = append(left, l)
	}
	if r.JSON {
		err = r.printJSON(map[string]any{"removed": entriesOf(gone), "left": entriesOf(left), "bytes": bytesOf(left), "freed": bytesOf(gone)})
	} else {
		r.report.Print(tableOf(gone) + fmt.Sprintf("%s removed from %s; %s left\n", counted(gone), r.relative(r.CacheDir), counted(left)))
	}
	if failed != nil {
		return r.cacheUnreadable(failed)
	}
	return err
}

func (r *run) cacheUnreadable(err error) error {
	return &problem.Error{
		Code: problem.Data, Where: r.relative(r.CacheDir), What: "this folder cannot be read or cleared: " + err.Error(),
		Remedy: "Check whose folder it is: what is in it belongs to the user who filled it.", Err: err,
	}
}

func (r *run) printJSON(v any) error {
	text, err := json.Marshal(v)
	r.report.Print(string(text) + "\n")
	return err
}

func entriesOf(listed []cache.Listed) []cachedEntry {
	all := []cachedEntry{}
	for _, l := range listed {
		e := cachedEntry{
			Key: string(l.Key), Task: l.Task, Workspace: l.Request.Workspace, Database: l.Request.Database, Format: l.Request.Format,
			Entity: l.Request.Entity, SHA256: l.SHA256, Bytes: l.Bytes, Note: l.Why,
		}
		if !l.Created.IsZero() {
			e.Created = &l.Created
		}
		all = append(all, e)
	}
	return all
}

// tableOf lists archives in columns; nothing where there are none.
func tableOf(listed []cache.Listed) string {
	if len(listed) == 0 {
		return ""
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "age\tsize\tworkspace/database\tformat\tentity\ttask\tnote")
	for _, l := range listed {
		old, name := "?", "?"
		if !l.Created.IsZero() {
			old, name = age(l.Created), l.Request.Workspace+"/"+l.Request.Database
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", old, report.Size(l.Bytes), name, l.Request.Format, l.Request.Entity, l.Task, l.Why)
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}

func counted(listed []cache.Listed) string {
	noun := "archives"
	if len(listed) == 1 {
		noun = "archive"
	}
	return fmt.Sprintf("%d %s, %s", len(listed), noun, report.Size(bytesOf(listed)))
}

func bytesOf(listed []cache.Listed) int64 {
	var all int64
	for _, l := range listed {
		all += l.Bytes
	}
	return all
}
