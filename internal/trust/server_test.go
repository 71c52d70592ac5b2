//go:build unix

package trust_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/trust"
)

func TestMain(m *testing.M) { leaks.Main(pgtest.Tests{M: m}) }

// cage is a database in which whatever is touched that the lists do not let through can be seen: what they pass is sent by a role that
// owns a table and nothing else, and that may call no function of the server's own but those on the lists and those behind operators
// and casts. Functions of the user's count their calls in a sequence, and so do triggers of an extension's table.
type cage struct {
	t      testing.TB
	super  *pgx.Conn
	conn   *pgconn.PgConn
	config *pgconn.Config
	calls  int64
}

const bars = `
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE SEQUENCE called;
CREATE FUNCTION evil() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT nextval(''public.called'')';
CREATE FUNCTION evil(anyelement) RETURNS text IMMUTABLE LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN PERFORM nextval(''public.called''); RETURN 1; END';
CREATE FUNCTION evil(text, text) RETURNS text IMMUTABLE LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN PERFORM nextval(''public.called''); RETURN 1; END';
CREATE FUNCTION evil_trigger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN PERFORM nextval(''public.called''); RETURN NULL; END';
CREATE PROCEDURE evil_procedure() LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN PERFORM nextval(''public.called''); END';
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = evil);
CREATE SCHEMA cron; GRANT USAGE ON SCHEMA cron TO PUBLIC; CREATE TABLE cron.job (command text); GRANT ALL ON cron.job TO PUBLIC;
CREATE TRIGGER touched BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON cron.job EXECUTE FUNCTION evil_trigger();
`

// home is the one table of the role.
const home = `DROP OWNED BY caged; GRANT ALL ON SCHEMA public TO caged; SET ROLE caged;
CREATE TABLE public.t (a text, id int UNIQUE, b text, email text, n int); INSERT INTO t VALUES ('old', 1); RESET ROLE; REVOKE CREATE ON SCHEMA public FROM caged; GRANT USAGE ON SCHEMA public TO caged`

func newCage(t testing.TB) *cage {
	t.Helper()
	server, ctx := pgtest.Shared(t), context.Background()
	url := server.NewDatabase(t)
	super, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = super.Close(ctx) })
	c := &cage{t: t, super: super}
	c.do("DO $$ BEGIN CREATE ROLE caged LOGIN PASSWORD 'x'; EXCEPTION WHEN duplicate_object THEN END $$")
	c.do(bars)
	c.do(home)
	c.do("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA pg_catalog FROM PUBLIC")
	// What stands behind operators, casts, and words of the grammar: AT TIME ZONE, LIKE … ESCAPE, TRIM, OVERLAPS.
	words := "setval set_config timezone like_escape similar_to_escape similar_escape btrim ltrim rtrim overlaps normalize is_normalized extract position overlay substring notlike like"
	names := append(slices.Collect(maps.Keys(trust.Listed())), strings.Fields(words)...)
	if _, err := super.Exec(ctx, `DO $$ DECLARE f regprocedure; BEGIN
		FOR f IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind <> 'p' AND (p.proname = ANY (string_to_array('`+strings.Join(names, " ")+`', ' '))
			OR p.oid IN (SELECT oprcode FROM pg_operator UNION SELECT castfunc FROM pg_cast UNION SELECT typinput FROM pg_type UNION SELECT typoutput FROM pg_type))
		LOOP EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO PUBLIC', f); END LOOP; END $$`); err != nil {
		t.Fatal(err)
	}
	config := super.Config().Config.Copy()
	config.User, config.Password = "caged", "x"
	config.RuntimeParams = map[string]string{"statement_timeout": "5000"}
	c.config = config
	c.connect()
	t.Cleanup(func() {
		_ = c.conn.Close(ctx)
		c.do("DROP OWNED BY caged CASCADE")
		_, _ = super.Exec(ctx, "DROP ROLE caged")
	})
	return c
}

func (c *cage) connect() {
	c.t.Helper()
	if c.conn != nil {
		_ = c.conn.Close(context.Background())
	}
	var err error
	if c.conn, err = pgconn.ConnectConfig(context.Background(), c.config); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cage) do(sql string) {
	c.t.Helper()
	if _, err := c.super.PgConn().Exec(context.Background(), sql).ReadAll(); err != nil {
		c.t.Fatalf("%v: %s", err, sql)
	}
}

// options are those of a list, with what the server would say.
func (c *cage) options(level trust.Level) trust.Options {
	return trust.Options{Level: level, Trusted: func(string) bool { return false },
		Foreign: func(parts []string, certain bool) string {
			if parts[0] == "cron" || slices.Contains(parts, "job") && (!certain || len(parts) == 1) {
				return "the extension cron"
			}
			return ""
		},
		Called: func(name string) bool { return name == "evil" }}
}

// send sends a text as psql does, with one row for each COPY that asks for rows, and gives its last error and the state of the
// transaction after it: 0 where the session has ended. The driver's own calls know beforehand whether a text is a COPY, and wait for
// ever where they are wrong.
func (c *cage) send(text string) (pe *pgconn.PgError, status byte) {
	c.t.Helper()
	if err := c.conn.Conn().SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	front := c.conn.Frontend()
	front.Send(&pgproto3.Query{String: text})
	for {
		if err := front.Flush(); err != nil {
			return pe, 0
		}
		message, err := front.Receive()
		switch message := message.(type) {
		case nil:
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.t.Fatalf("no answer to %q", text)
			}
			return pe, 0
		case *pgproto3.CopyInResponse:
			front.Send(&pgproto3.CopyData{Data: []byte("x\n")})
			front.Send(&pgproto3.CopyDone{})
		case *pgproto3.ErrorResponse:
			pe = pgconn.ErrorResponseToPgError(message)
		case *pgproto3.ReadyForQuery:
			return pe, message.TxStatus
		}
	}
}

// let sends a text that a list lets through, and reports whether one did. Whatever it touches is an error.
func (c *cage) let(text string) bool {
	c.t.Helper()
	if strings.ContainsRune(text, 0) || trust.Refuse([]byte(text), c.options(trust.Schema)) != nil && trust.Refuse([]byte(text), c.options(trust.Data)) != nil {
		return false
	}
	_, _ = c.send("BEGIN")
	pe, status := c.send(text)
	switch {
	case pe == nil:
	case pe.Code == "42501" && strings.Contains(pe.Message, "for function"), strings.Contains(pe.Message, "for procedure"):
		c.t.Errorf("a function that is on no list was to be called: %s: %q", pe.Message, text)
	}
	if status == 'T' || status == 'E' {
		_, _ = c.send("ROLLBACK")
	} else { // the text ended the transaction, or the session
		c.connect()
		c.do(home)
	}
	var calls int64
	if err := c.super.QueryRow(context.Background(), "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM called").Scan(&calls); err != nil {
		c.t.Fatal(err)
	}
	if calls != c.calls {
		c.t.Errorf("what is on no list was called: %q", text)
		c.calls = calls
	}
	return true
}

// token cuts a text at what a statement is made of, roughly.
var token = regexp.MustCompile(`'(?:[^']|'')*'|"[^"]*"|\$\w*\$|\w+|\s+|--|/\*|\*/|\S`)

// spice is mixed in.
var spice = strings.Fields(`evil ( ) evil() (evil()) "evil" U&"\0065vil" public.evil t.evil (t).evil evil(a) .evil === OPERATOR(public.===) cron.job job pg_authid pg_read_file pg_sleep(0)
	current_setting('x') set_config('a','b',false) query_to_xml lo_import ; -- /* */ ' '' E'\'' $$ $x$ \ , SELECT FROM t (SELECT UNION TABLE VALUES WITH AS LATERAL ROWS FUNCTION EXECUTE USING
	DEFAULT CHECK GENERATED ALWAYS STORED INDEX COLLATE ARRAY[ ] :: ::regproc ::evil CAST( NOT IN ANY( ALL RETURNING ON CONFLICT DO UPDATE SET WHERE EXCLUDED.evil ROW( * .* t.* SET search_path = TO cron , public ;`)

// mixed makes a text of several.
func mixed(r *rand.Rand, texts [][]string) string {
	words := slices.Clone(texts[r.IntN(len(texts))])
	for range 1 + r.IntN(4) {
		at := r.IntN(len(words) + 1)
		other := texts[r.IntN(len(texts))]
		from := r.IntN(len(other))
		part := other[from:min(len(other), from+1+r.IntN(6))]
		if r.IntN(2) == 0 {
			part = []string{" ", spice[r.IntN(len(spice))], " "}
		}
		words = slices.Replace(words, at, min(len(words), at+r.IntN(4)), part...)
		if len(words) == 0 {
			return ""
		}
	}
	return strings.Join(words, "")
}

// TestListsOnServer sends what the lists pass of many mixed texts, and looks that nothing is touched that is not on them.
func TestListsOnServer(t *testing.T) {
	t.Parallel()
	c := newCage(t)
	// The control: what is caught is caught.
	for _, text := range []string{"SELECT pg_sleep(0)", "SELECT pg_catalog.current_setting('x')"} {
		if _, err := c.conn.Exec(context.Background(), text).ReadAll(); err == nil || !strings.Contains(err.Error(), "permission denied for function") {
			t.Fatalf("%s: %v", text, err)
		}
	}
	all := append(append(lines(ofData), lines(ofSchema)...), lines(ofNeither)...)
	for _, text := range all {
		c.let(text)
	}
	var texts [][]string
	for _, text := range all {
		texts = append(texts, token.FindAllString(text, -1))
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	passed, made := 0, 40_000
	if testing.Short() {
		made = 4_000
	}
	for range made {
		if c.let(mixed(r, texts)) {
			passed++
		}
	}
	t.Logf("%d of %d texts passed", passed, made)
	if passed < made/100 {
		t.Errorf("only %d of %d texts were let through", passed, made)
	}
}

// FuzzLists looks for texts that the lists pass and that touch something on a server.
func FuzzLists(f *testing.F) {
	for _, text := range append(append(lines(ofData), lines(ofSchema)...), lines(ofNeither)...) {
		f.Add(text)
	}
	c := newCage(f)
	f.Fuzz(func(t *testing.T, text string) {
		c.t = t
		c.let(text)
	})
}
