//go:build unix

package faults

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// TestFaultsOfCrashes: the server crashes before, during and after each statement by which databases are made, cloned, replaced and dropped.
// No database of others is touched, none of ours is there in part, what was said is so, and the next run does what that one was to do.
func TestFaultsOfCrashes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	const one, commit = houseName + "_1", "COMMIT"
	clean := func() { h.must(houseName, "drop") }
	create := func() { clean(); h.must(houseName, "create", "--template=template") }
	load := func() { create(); h.must(houseName, "load", "rows.sql", "--clones=1") }
	naming := []string{"CREATE DATABASE", "COMMENT ON DATABASE", "ALLOW_CONNECTIONS true", "RENAME TO", commit}
	n := 0
	for _, what := range []struct {
		name  string
		ready func()
		args  []string
		at    []string // what the statements begin with, or hold
		rows  []int    // that a database may have
		ours  []string // when it is done
	}{
		{"made", clean, []string{"create", "--template=template"}, naming, []int{0}, []string{houseName}},
		{"made and loaded", clean, []string{"load", "rows.sql", "--create-database", "--template=template"}, naming, []int{0, houseRows}, []string{houseName}},
		{"cloned", create, []string{"load", "rows.sql", "--clones=1"}, naming, []int{0, houseRows}, []string{houseName, one}},
		{"replaced", load, []string{"load", "rows.sql", "--clones=1"}, append(slices.Clone(naming), "DROP DATABASE"), []int{houseRows}, []string{houseName, one}},
		{"dropped", load, []string{"drop"}, []string{"DROP DATABASE"}, []int{houseRows}, nil},
	} {
		for _, at := range what.at {
			for _, when := range []string{"before", "during", "after"} {
				if n++; !*table && n%9 != 2 {
					continue
				}
				name := fmt.Sprintf("the server crashes, %s %s, while one is %s", when, at, what.name)
				h.via = nil
				what.ready()
				nth := 1
				if at == commit && slices.Contains(what.args, "--clones=1") {
					nth = 2 // the first is the load's
				}
				said, code := h.crashed(name, when, Fault{Text: at, Nth: nth}, what.args)
				ours, unfinished := h.whole(what.rows...)
				if code == problem.OK && (!slices.Equal(ours, what.ours) || unfinished > 0 && !strings.Contains(said, "the next run does")) {
					t.Errorf("%s: exit code 0, there are %q, and %d without names\n%s", name, ours, unfinished, said)
				}
				for _, claim := range []struct {
					said, about string
					there       bool
				}{
					{"clone " + one + "\n", one, true},
					{"These clones were made: " + one, one, true},
					{"database " + houseName + " made\n", houseName, true},
					{"dropped " + houseName + "\n", houseName, false},
					{"dropped " + one + "\n", one, false},
					{"which this run had made, was dropped again", houseName, false},
					{"The load is committed", houseName, true},
				} {
					if strings.Contains(said, claim.said) && slices.Contains(ours, claim.about) != claim.there && !strings.Contains(said, "dropped again") {
						t.Errorf("%s: there are %q, and it was said:\n%s", name, ours, said)
					}
				}
				if code != problem.OK && len(what.ours) > 0 && slices.Contains(ours, what.ours[len(what.ours)-1]) && (what.name != "replaced") {
					t.Errorf("%s: exit code %d, there are %q, and it was said:\n%s", name, code, ours, said)
				}
				h.must(houseName, what.args...)
				if again, left := h.whole(what.rows[len(what.rows)-1]); !slices.Equal(again, what.ours) || left > 0 {
					t.Errorf("%s: after the next run there are %q, and %d without names", name, again, left)
				}
				h.tell(name, fmt.Sprintf("exit code %d; there were %d, and %d without a name; the next run did it", code, len(ours), unfinished))
			}
		}
	}
}

// crashed runs the program and has the server crash at a statement.
func (h *house) crashed(name, when string, at Fault, args []string) (said string, code problem.Code) {
	h.Helper()
	at.Passed, at.How, at.Delay = when != "before", Lag, 2*time.Second
	proxy, err := Listen(fmt.Sprintf("127.0.0.1:%d", h.server.Port()), at)
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = proxy.Close() }()
	h.via = proxy
	defer func() { h.via = nil }()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		code, said = h.run(houseName, args...)
	}()
	select {
	case <-proxy.Strike():
	case <-ended:
		h.Fatalf("%s: never struck\n%s", name, said)
	case <-time.After(time.Minute):
		h.Fatalf("%s: never struck", name)
	}
	if when != "before" {
		states := "<> ''"
		if when == "after" {
			states = "LIKE 'idle%'"
		}
		h.await("SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'house' AND query LIKE '%"+at.Text+"%' AND state "+states, name+": the server did not act")
	}
	h.crash()
	<-ended
	return said, code
}
