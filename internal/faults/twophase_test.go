//go:build unix

package faults

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// asLoad in the environment has this test's binary load a script over two connections that commit together: the database's URL.
const asLoad = "FAULTS_AS_LOAD"

const (
	phaseTables = 4
	phaseRows   = 300
)

// loadTogether loads the script in a folder.
func loadTogether(url, dir string, change func(*load.Options)) (load.Result, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return load.Result{}, err
	}
	o := load.Options{Target: config, Jobs: 2, ConnectTimeout: 30 * time.Second, Script: load.Script{FS: os.DirFS(dir), Name: "load.sql"}, SkipAnalyze: true}
	o.Eager(1)
	change(&o)
	return load.Run(context.Background(), o)
}

func loadProgram() int {
	if _, err := loadTogether(os.Getenv(asLoad), os.Args[1], func(*load.Options) {}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// phase is a message of the protocol by which several transactions commit together.
type phase struct {
	name     string
	text     string
	nth      int
	prepared int  // transactions that are, when it has been acted on
	decided  bool // from then on
}

// TestFaultsOfTwoPhases breaks the connection, kills this program and crashes the server before and after each message of a commit over
// two connections: what is there then is all or nothing, as was said, and after the next load nothing is left of it.
func TestFaultsOfTwoPhases(t *testing.T) {
	t.Parallel()
	h := emptyHouse(t, pgtest.Options{Settings: map[string]string{"max_prepared_transactions": "8"}})
	var schema, script strings.Builder
	script.WriteString("SET session_replication_role = replica;\n")
	for i := range phaseTables {
		fmt.Fprintf(&schema, "CREATE TABLE t%d (id int PRIMARY KEY, other int REFERENCES t%d);\n", i, max(0, i-1))
		fmt.Fprintf(&script, "TRUNCATE t%d CASCADE;\n", i)
	}
	for i := range phaseTables {
		fmt.Fprintf(&script, "COPY t%d (id, other) FROM stdin;\n", i)
		for n := range phaseRows {
			fmt.Fprintf(&script, "%d\t%d\n", n, n)
		}
		script.WriteString("\\.\n")
	}
	if err := os.WriteFile(filepath.Join(h.dir, "load.sql"), []byte(script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	h.ask("CREATE DATABASE phases_template")
	pgtest.Exec(t, h.server.URL("phases_template"), schema.String())
	phases := []phase{
		{"the decider's lock", "SELECT pg_catalog.pg_advisory_xact_lock(", 1, 0, false},
		{"the first PREPARE", "PREPARE TRANSACTION 'fabricate_seed:", 1, 1, false},
		{"the decider's PREPARE", "PREPARE TRANSACTION 'fabricate_seed:", 2, 2, true},
		{"the first COMMIT", "COMMIT PREPARED 'fabricate_seed:", 1, 1, true},
		{"the decider's COMMIT", "COMMIT PREPARED 'fabricate_seed:", 2, 0, true},
	}
	n := 0
	for i, p := range phases {
		for _, after := range []bool{false, true} {
			for _, what := range []string{"connection", "program", "server"} {
				n++
				if !*table && n%3 != 0 {
					continue
				}
				when, decided, prepared := "before", i > 0 && phases[i-1].decided, 0
				if i > 0 {
					prepared = phases[i-1].prepared
				}
				if after {
					when, decided, prepared = "after", p.decided, p.prepared
				}
				hit := &phaseHit{house: h, t: t, phase: p, after: after, decided: decided, prepared: prepared, database: fmt.Sprintf("phases_%d", n)}
				name := fmt.Sprintf("%s %s %s", what, when, p.name)
				h.ask("CREATE DATABASE " + hit.database + " TEMPLATE phases_template")
				h.tell(name, hit.strike(name, what))
			}
		}
	}
}

// phaseHit is one fault.
type phaseHit struct {
	*house
	t              *testing.T
	phase          phase
	after, decided bool
	prepared       int
	database       string
}

func (h *phaseHit) strike(name, what string) string {
	proxy, err := Listen(fmt.Sprintf("127.0.0.1:%d", h.server.Port()))
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = proxy.Close() }()
	f := Fault{Text: h.phase.text, Nth: h.phase.nth, Passed: h.after, How: Close}
	switch what {
	case "program":
		f.How = Silence
	case "server":
		f.How, f.Delay = Lag, 2*time.Second
	}
	proxy.Arm(f)
	url, err := proxy.URL(h.server.URL(h.database))
	if err != nil {
		h.t.Fatal(err)
	}
	var notices []string
	listen := func(o *load.Options) { o.Events.Notice = func(text string) { notices = append(notices, text) } }
	said := "killed"
	if what == "program" {
		cmd := exec.Command(os.Args[0], h.dir)
		cmd.Env = []string{asProgram + "=1", asLoad + "=" + url, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
		if err := cmd.Start(); err != nil {
			h.t.Fatal(err)
		}
		h.struck(name, proxy)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = proxy.Close()
		h.await(fmt.Sprintf("SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = '%s'", h.database), name+": sessions of who was killed stay")
	} else {
		ended := make(chan error, 1)
		go func() {
			_, err := loadTogether(url, h.dir, listen)
			ended <- err
		}()
		h.struck(name, proxy)
		if what == "server" {
			h.crash()
		}
		if err := <-ended; err != nil {
			h.t.Errorf("%s: %v", name, err)
		}
		if rows, left := h.state(); rows != phaseTables*phaseRows || left != 0 {
			h.t.Errorf("%s: %d rows, %d prepared after a load that said it is done", name, rows, left)
		}
		said = "the load went on: " + strings.Join(notices, "; ")
		notices = nil
	}
	// The next load: it finds rows and keeps them, or loads.
	_, left := h.state()
	result, err := loadTogether(h.server.URL(h.database), h.dir, func(o *load.Options) { listen(o); o.IfNotEmpty = load.Keep })
	if err != nil {
		h.t.Errorf("%s: the next load: %v", name, err)
	}
	if what == "program" {
		if left != h.prepared {
			h.t.Errorf("%s: %d are left prepared, not %d", name, left, h.prepared)
		}
		finished, cleared := false, false
		for _, text := range notices {
			finished, cleared = finished || strings.Contains(text, "was finished"), cleared || strings.Contains(text, "cleared away")
		}
		if result.Skipped != h.decided || finished != (h.decided && left > 0) || cleared != (!h.decided && left > 0) {
			h.t.Errorf("%s: decided is %t, %d were prepared; the next load says %q, and kept the rows: %t", name, h.decided, left, notices, result.Skipped)
		}
		said = fmt.Sprintf("%d prepared; the next load: %s", left, strings.Join(notices, "; "))
	}
	if rows, left := h.state(); rows != phaseTables*phaseRows || left != 0 {
		h.t.Errorf("%s: %d rows, %d prepared after the next load", name, rows, left)
	}
	return said
}

// struck waits for the fault, and until the server has acted on the message if it is to.
func (h *phaseHit) struck(name string, proxy *Proxy) {
	select {
	case <-proxy.Strike():
	case <-time.After(time.Minute):
		h.t.Fatalf("%s: never struck", name)
	}
	if h.after {
		h.await(fmt.Sprintf("SELECT count(*) = %d FROM pg_prepared_xacts WHERE database = '%s'", h.prepared, h.database), name+": the server did not act")
	}
}

// state gives the rows that can be seen, and how many transactions are prepared.
func (h *phaseHit) state() (rows, prepared int) {
	conn, err := pgx.Connect(context.Background(), h.server.URL(h.database))
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if err := conn.QueryRow(context.Background(), "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()").Scan(&prepared); err != nil {
		h.t.Fatal(err)
	}
	if prepared > 0 {
		return 0, prepared // the tables are locked
	}
	for i := range phaseTables {
		var n int
		if err := conn.QueryRow(context.Background(), fmt.Sprintf("SELECT count(*) FROM t%d", i)).Scan(&n); err != nil {
			h.t.Fatal(err)
		}
		rows += n
	}
	return rows, 0
}
