package seed

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// scenario is one way in which an API may behave, and what a run makes of it.
type scenario struct {
	name   string
	api    simulator.Options
	plain  bool     // the API is reached over http, rather than https with an authority of its own
	first  []string // arguments of a run before, whose task is joined; nil for none
	args   []string
	bare   bool // without a database
	empty  bool // the database has no tables yet
	exit   problem.Code
	rows   int64    // loaded; some is any number above 0
	asked  string   // the requests, in order: "create poll data@store"; those of the first run are not counted
	says   []string // in the log
	holds  string   // a query on the database that is true afterwards
	secret string   // a further secret that nothing tells
}

// some is any number of rows.
const some = -1

func faulty(all ...simulator.Fault) simulator.Options { return simulator.Options{Faults: all} }

func edited(change func(map[string]any)) simulator.Options { return simulator.Options{Edit: change} }

func served(body, contentType, name string) simulator.Options {
	return simulator.Options{Data: &simulator.Data{Body: []byte(body), ContentType: contentType, Name: name}}
}

// withVendor has the data's address as the vendor shows it.
func withVendor(o simulator.Options) simulator.Options {
	o.Vendor = true
	return o
}

const (
	allWell  = "create poll data"
	addressA = "id,user_id,street,city,zipCode,country\n1,1,Main Street,Berlin,10115,DE\n"
	sqlite   = "SQLite format 3\x00 and more"
	mysql    = "SET FOREIGN_KEY_CHECKS = 0;\nINSERT INTO `users` (`id`) VALUES (1);\n"
	noRows   = "SET session_replication_role = 'replica';\nTRUNCATE TABLE \"users\" CASCADE;\nSET session_replication_role = 'origin';\n"
)

func scenarios() []scenario {
	always := simulator.Always
	create, poll, data := simulator.Create, simulator.Poll, simulator.Download
	answer := func(route simulator.Route, times, status int, body string, header ...string) simulator.Options {
		f := simulator.Fault{Route: route, Times: times, Status: status, Body: body, Header: map[string]string{}}
		for i := 0; i < len(header); i += 2 {
			f.Header[header[i]] = header[i+1]
		}
		return faulty(f)
	}
	join := func(args ...string) []string { return append([]string{"--load=false", "--data-dir=first"}, args...) }
	definitions := simulator.Options{DataAgent: true, Export: shop.Export{Size: shop.Rows(60), Definitions: true}}
	return []scenario{
		// The data's address.
		{name: "the vendor's chain", api: simulator.Options{Vendor: true}, rows: some, asked: "create poll redirect data@store"},
		{name: "the vendor's chain, API over http", api: simulator.Options{Vendor: true}, plain: true, rows: some, asked: "create poll redirect data@store"},
		{name: "the vendor's chain, address expires", api: withVendor(faulty(simulator.Fault{Route: data, ExpireURLs: true})), rows: some,
			asked: "create poll redirect data@store poll redirect data@store"},
		{name: "the vendor's chain, cut and resumed", rows: some, asked: "create poll redirect data@store redirect data@store",
			api: withVendor(faulty(simulator.Fault{Route: data, Break: simulator.Close, Moment: simulator.InBody, At: 1000}))},
		{name: "at the API", rows: some, asked: allWell},
		{name: "at the API over http", plain: true, rows: some, asked: allWell},
		{name: "at a store", api: simulator.Options{OtherOrigin: true}, rows: some, asked: "create poll data@store"},
		{name: "in download_url, progress in hundredths", api: simulator.Options{DownloadURL: true, Percent: true}, rows: some, asked: allWell},
		{name: "redirected to what cannot be read", api: answer(data, always, 302, "", "Location", "https://s:hidden-at-once/"), exit: problem.Data, asked: allWell,
			says: []string{"cannot be read"}, secret: "hidden-at-once"},
		{name: "an address that cannot be read", exit: problem.API, says: []string{"address cannot be read"}, secret: "hidden-at-once",
			asked: "create poll",
			api: edited(func(task map[string]any) {
				if task["data_url"] != nil {
					task["data_url"] = "http://%zz/hidden-at-once"
				}
			})},
		{name: "http at a store that nobody allows", exit: problem.Data, asked: "create poll", says: []string{"allow-http"},
			api: edited(func(task map[string]any) {
				if task["data_url"] != nil {
					task["data_url"] = "http://store.invalid/signed-by-hidden-at-once"
				}
			}), secret: "hidden-at-once"},
		{name: "too large", args: []string{"--max-size=100"}, exit: problem.Data, asked: allWell, says: []string{"max-size"}},
		{name: "refused for ever", api: answer(data, always, 403, "<Error/>"), exit: problem.Data, asked: "create poll data poll data poll data poll data",
			says: []string{"not valid (any more)", "task-id"}},
		{name: "a page in its place", api: answer(data, always, 200, "<html><title>Log in</title></html>"), exit: problem.Data, asked: allWell, says: []string{"a web page"}},

		// Tasks as they come.
		{name: "complete at once", api: simulator.Options{Polls: -1}, rows: some, asked: "create data"},
		{name: "known a moment later", api: simulator.Options{LateTask: 2, Polls: 3}, rows: some, asked: "create poll poll poll data"},
		{name: "never known", api: simulator.Options{LateTask: 1 << 30}, args: []string{"--timeout=300ms"}, exit: problem.API, says: []string{"may go on", "task-id"}},
		{name: "complete a moment before its data", api: simulator.Options{LateData: 2}, rows: some, asked: "create poll poll poll data"},
		{name: "complete without data", api: simulator.Options{LateData: 1 << 30}, args: []string{"--timeout=300ms"}, exit: problem.API, says: []string{"no data to download"}},
		{name: "status in a word", api: simulator.Options{Status: true}, rows: some, asked: allWell},
		{name: "status failed", api: simulator.Options{Status: true, TaskError: "out of rows"}, exit: problem.API, asked: "create poll", says: []string{"out of rows"}},
		{name: "status canceled", api: edited(func(task map[string]any) { task["status"] = "canceled" }), exit: problem.API, asked: "create", says: []string{"canceled"}},
		{name: "answers in gzip", api: simulator.Options{Gzip: true}, rows: some, asked: allWell},
		{name: "answers with a byte-order mark", api: simulator.Options{Mark: true}, rows: some, asked: allWell},
		{name: "both of it", api: simulator.Options{Gzip: true, Mark: true, Status: true, Vendor: true}, rows: some, asked: "create poll redirect data@store"},
		{name: "data in gzip", api: faulty(simulator.Fault{Route: data, Gzip: true}), rows: some, asked: allWell},
		{name: "API has moved", api: answer(create, always, 301, "", "Location", "https://new.example/api/v2/generate_tasks"), exit: problem.API, asked: "create",
			says: []string{"into the setting api-url: https://new.example/api/v2"}},
		{name: "API sends to a login", api: answer(create, always, 302, "", "Location", "https://id.example/in?token=hidden-at-once-and-for-all"), exit: problem.API,
			asked: "create", says: []string{"https://id.example"}, secret: "hidden-at-once"},
		{name: "key is wrong", api: simulator.Options{Key: "another"}, exit: problem.API, asked: "create", says: []string{"api-key"}},
		{name: "busy", api: answer(create, 2, 429, `{"error":"slow down"}`), rows: some, asked: "create create create poll data"},
		{name: "fate not known", api: answer(create, always, 502, "<html>"), exit: problem.API, asked: "create", says: []string{"whether a task was started is not known"}},
		{name: "asked in vain, twice", api: answer(poll, 2, 502, "<html>"), rows: some, asked: "create poll poll poll data"},
		{name: "proxy wants a name", api: answer(create, always, 407, ""), exit: problem.API, asked: "create", says: []string{"HTTP 407", "HTTPS_PROXY"}},

		// Joining.
		{name: "joined", first: join(), rows: some, asked: "poll data"},
		{name: "joined, one table in csv", first: join("--entity=users", "--format=csv"), args: []string{"--entity=users", "--format=csv"}, rows: some, asked: "poll data"},
		{name: "joined, one table in csv, by its entity", first: join("--entity=users", "--format=csv"), args: []string{"--entity=users"}, rows: some, asked: "poll data"},
		{name: "joined, one table in csv, by the server's name", first: join("--entity=users", "--format=csv"), rows: some, asked: "poll data"},
		{name: "joined, one table in jsonl, by the server's name", first: join("--entity=users", "--format=jsonl"), rows: some, asked: "poll data"},
		{name: "joined, one table in sql", first: join("--entity=users"), rows: some, asked: "poll data"},
		{name: "joined, csv of no name", api: served(addressA, "text/plain", ""), first: join(), args: []string{"--entity=addresses", "--foreign-keys=off"}, rows: 1, asked: "poll data"},
		{name: "joined, csv of no name, by table-map", api: served(addressA, "text/plain", ""), first: join(), args: []string{"--table-map=data.csv=addresses", "--foreign-keys=off"},
			rows: 1, asked: "poll data"},
		{name: "joined, csv by table-map of the server's name", api: served(addressA, "text/csv", "where.csv"), first: join(),
			args: []string{"--table-map=where.csv=public.addresses", "--foreign-keys=off"}, rows: 1, asked: "poll data"},
		{name: "joined, of a kind that nobody knows", api: served("42\n", "text/plain", ""), first: join(), exit: problem.Data, asked: "poll data", says: []string{"setting format"}},
		{name: "joined, zip in csv", first: join("--format=csv"), rows: some, asked: "poll data"},
		{name: "joined, pushes, and it is said", first: []string{"--connection=c"}, args: []string{"--connection=c"}, asked: "poll"},
		{name: "joined, pushes, and nobody says so", first: []string{"--connection=c"}, args: []string{"--timeout=300ms"}, exit: problem.API, says: []string{"setting connection"}},
		{name: "joined, overrides", args: []string{"--task-id=x", "--overrides={}"}, exit: problem.Settings},
		{name: "joined, not known", args: []string{"--task-id=0b1e2c3d-0000-4000-8000-000000000001"}, exit: problem.API, asked: "poll", says: []string{"does not know the task"}},

		// Never green without rows.
		{name: "no database", bare: true, exit: problem.Settings, says: []string{"fork"}},
		{name: "no database, to be kept", bare: true, args: []string{"--data-dir=kept"}, asked: allWell},
		{name: "a script without rows", api: served(noRows, "application/sql", "load.sql"), exit: problem.Data, asked: allWell, says: []string{"brings no row", "as it was", "task-id"},
			holds: "SELECT count(*) = 1 FROM users"},
		{name: "a script without rows, one statement after the other", api: served(noRows, "application/sql", "load.sql"), args: []string{"--transaction=none"},
			exit: problem.Data, asked: allWell, says: []string{"brings no row"}},
		{name: "a header without rows", api: served("id,email,name\n", "text/csv", "users.csv"), args: []string{"--format=csv"}, exit: problem.Data, asked: allWell,
			says: []string{"brings no row"}, holds: "SELECT count(*) = 1 FROM users"},
		{name: "every table empty", api: simulator.Options{Export: shop.Export{Size: shop.Rows(60)}},
			args: []string{"--format=csv", "--overrides=" + noneOf()}, exit: problem.Data, asked: allWell, says: []string{"brings no row"}},
		{name: "rows that are there and kept", args: []string{"--if-not-empty=keep"}, asked: allWell, says: []string{"Nothing loaded"}, holds: "SELECT count(*) = 1 FROM users"},
		{name: "nothing at all", api: served("", "text/plain", ""), exit: problem.Data, asked: allWell, says: []string{"empty"}},

		// What came decides.
		{name: "format in capitals", args: []string{"--format=CSV"}, rows: some, asked: allWell},
		{name: "csv where sql was asked for", api: served(addressA, "text/csv", "addresses.csv"), args: []string{"--foreign-keys=off"}, rows: 1, asked: allWell},
		{name: "a script where csv was asked for", api: served("INSERT INTO categories (id, name, slug) VALUES (1, 'a', 'a');\n", "text/csv", "x.csv"),
			args: []string{"--format=csv"}, rows: 1, asked: allWell},
		{name: "jsonl where sql was asked for", api: served(`{"id":7,"name":"a","slug":"a"}`+"\n", "application/octet-stream", "categories.bin"), rows: 1, asked: allWell},
		{name: "sqlite", args: []string{"--format=sqlite"}, exit: problem.Settings, says: []string{"cannot be loaded"}},
		{name: "sqlite, to be kept", args: []string{"--format=sqlite", "--load=false"}, asked: allWell},
		{name: "sqlite where sql was asked for", api: served(sqlite, "application/octet-stream", "x"), exit: problem.Data, asked: allWell, says: []string{"SQLite", "task-id"}},
		{name: "sqlite that is joined", first: join("--format=sqlite"), exit: problem.Data, asked: "poll data", says: []string{"SQLite"}},
		{name: "mysql", api: served(mysql, "application/sql", "load.sql"), exit: problem.Data, asked: allWell, says: []string{"MySQL"}},
		{name: "mysql, kept all the same", api: served(mysql, "application/sql", "load.sql"), args: []string{"--data-dir=kept"}, exit: problem.Data, asked: allWell, says: []string{"data kept in"}},
		{name: "json in one piece", api: served("[{\"id\": 1}]", "application/json", "users.json"), exit: problem.Data, asked: allWell, says: []string{"JSON list"}},
		{name: "a line of table-map for nothing", args: []string{"--format=csv", "--table-map=user.csv=users"}, exit: problem.Data, asked: allWell, says: []string{"user.csv", "users.csv"}},
		{name: "table-map for a script", args: []string{"--format=postgres-optimized", "--table-map=user.csv=users"}, exit: problem.Data, asked: allWell, says: []string{"table-map"}},

		// Databases of the newer kind.
		{name: "Data Agent", api: simulator.Options{DataAgent: true}, args: []string{"--format=postgres"}, rows: some, asked: allWell, empty: false, holds: "SELECT count(*) > 1 FROM users"},
		{name: "Data Agent, with definitions", api: definitions, args: []string{"--format=postgres"}, empty: true, rows: some, asked: allWell,
			holds: "SELECT count(*) = 2 FROM seasons WHERE season <= 'winter'"},
		{name: "Data Agent, with definitions, joined", api: definitions, first: join("--format=postgres"), empty: true, rows: some, asked: "poll data",
			holds: "SELECT count(*) > 1 FROM users"},
		{name: "Data Agent, one table", api: simulator.Options{DataAgent: true}, args: []string{"--format=csv", "--entity=users"}, rows: some, asked: allWell},
		{name: "Data Agent, overrides", api: simulator.Options{DataAgent: true}, args: []string{"--format=postgres", `--overrides={"variables":{}}`}, exit: problem.API,
			asked: "create", says: []string{"Data Agent"}},

		// Pushed by Fabricate.
		{name: "pushed", args: []string{"--connection=c"}, bare: true, asked: "create poll", says: []string{"pushed by Fabricate"}},
		{name: "pushed, and checked", args: []string{"--connection=c"}, asked: "create poll", says: []string{"checked", "foreign key addresses_user_id_fkey: 1 row"},
			holds: "SELECT nextval(pg_get_serial_sequence('users', 'id')) = 78"},
		{name: "pushed, and checked to be enforced", args: []string{"--connection=c", "--foreign-keys=enforce"}, exit: problem.Database, asked: "create poll",
			says: []string{"addresses_user_id_fkey", "stay"}},
	}
}

// noneOf gives overrides that leave every table empty.
func noneOf() string {
	entities := map[string]map[string]int{}
	for _, table := range shop.Tables() {
		entities[table] = map[string]int{"record_count": 0}
	}
	text, _ := json.Marshal(map[string]any{"entities": entities}) // names and numbers
	return string(text)
}

// Every way in which an API may behave, in whole runs: exit code, rows, the requests, and that the key went nowhere else.
func TestAPIs(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t)
		})
	}
}

func (s scenario) run(t *testing.T) {
	t.Helper()
	db := ""
	if !s.bare {
		db = pgtest.Shared(t).NewDatabase(t)
		if !s.empty {
			pgtest.Exec(t, db, shop.Schema()+"; INSERT INTO users (id, email, name) VALUES (77, 'a@example.org', 'here before')")
		}
	}
	w := s.world(t, db)
	args := s.args
	if s.first != nil {
		first, log := w.run(t, s.first...)
		if first.ExitCode != problem.OK || first.TaskID == "" {
			t.Fatalf("the first run: %+v\n%s", first, log)
		}
		args = append(args, "--task-id="+first.TaskID)
	}
	if db != "" {
		args = append(args, "--database-url="+db)
	}
	before := len(w.api.Requests(simulator.AnyRoute))
	res, log := w.run(t, args...)
	requests := w.api.Requests(simulator.AnyRoute)[before:]

	if res.ExitCode != s.exit || s.rows == some && res.Rows < 1 || s.rows != some && s.exit == problem.OK && res.Rows != s.rows {
		t.Errorf("exit code %d, %d rows; want %d, %d", res.ExitCode, res.Rows, s.exit, s.rows)
	}
	var asked []string
	for _, r := range requests {
		if strings.HasPrefix(r.Path, simulator.Path+"/workspaces") { // by these a misspelled name is found before a task is started
			continue
		}
		name := string(r.Route)
		if r.OtherHost {
			name += "@store"
		}
		asked = append(asked, name)
	}
	if got := strings.Join(asked, " "); got != s.asked && (s.asked != "" || s.exit == problem.Settings) {
		t.Errorf("asked %q, want %q", got, s.asked)
	}
	key := strings.TrimPrefix(w.env[0], "FABRICATE_API_KEY=")
	for _, r := range w.api.Requests(simulator.AnyRoute) {
		toAPI := !r.OtherHost && strings.HasPrefix(r.Path, simulator.Path+"/")
		if auth := r.Header.Get("Authorization"); toAPI != (auth == "Bearer "+key) || !toAPI && auth != "" || strings.Contains(r.Query+r.Path, key) {
			t.Errorf("%s %s: Authorization %q", r.Route, r.Path, auth)
		}
	}
	for _, text := range s.says {
		if !strings.Contains(log, text) {
			t.Errorf("no %q in the log", text)
		}
	}
	told := log + res.Error
	secrets := []string{key, s.secret}
	for _, r := range requests {
		if r.Route == simulator.Download || r.Route == simulator.Redirect {
			secrets = append(secrets, r.Path, r.Query)
		}
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(told, secret) {
			t.Errorf("%s is told", secret)
		}
	}
	if s.holds != "" {
		if out, said, _ := pgtest.Psql(t, db, "-Atc", s.holds); strings.TrimSpace(out) != "t" {
			t.Errorf("%s: %s%s", s.holds, out, said)
		}
	}
	if t.Failed() {
		t.Logf("the log:\n%s", log)
	}
}

// world makes the API, over https unless it is said otherwise, and a workspace. What it pushes are two rows, one of which refers to
// none.
func (s scenario) world(t *testing.T, db string) world {
	t.Helper()
	o := s.api
	o.TempDir, o.TLS = t.TempDir(), &tls.Config{MinVersion: tls.VersionTLS12}
	if o.Polls == 0 {
		o.Polls = 1
	}
	if o.Export.Size.Total() == 0 {
		o.Export.Size = shop.Rows(60)
	}
	o.Connections = map[string]json.RawMessage{"c": json.RawMessage(`{}`)}
	o.Push = func(context.Context, json.RawMessage) error {
		if db != "" {
			pgtest.Exec(t, db, "SET session_replication_role = replica; INSERT INTO addresses (user_id, street, city, \"zipCode\", country) VALUES (4711, 's', 'c', 'z', 'DE')")
		}
		return nil
	}
	if s.plain {
		o.TLS = nil
	}
	api := simulator.New(o)
	server := httptest.NewUnstartedServer(api)
	dir := t.TempDir()
	env := []string{"FABRICATE_API_KEY=" + simulator.DefaultKey, "FABRICATE_WORKSPACE=w", "FABRICATE_POLL_INTERVAL=5ms", "GITHUB_WORKSPACE=" + dir, "FABRICATE_DATABASE=shop"}
	if s.plain {
		server.Start()
	} else {
		server.StartTLS()
		o.TLS.Certificates = server.TLS.Certificates
		ca := filepath.Join(dir, "ca.pem")
		if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		env = append(env, "FABRICATE_API_CA_FILE="+ca)
	}
	t.Cleanup(func() {
		server.Close()
		if err := api.Close(); err != nil {
			t.Error(err)
		}
	})
	return world{api, append(env, "FABRICATE_API_URL="+server.URL+simulator.Path), dir}
}
