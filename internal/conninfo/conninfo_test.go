package conninfo

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

var update = flag.Bool("update", false, "write docs/settings.md anew")

func TestMain(m *testing.M) { leaks.Main(pgtest.Tests{M: m}) }

// nothing is an empty environment.
func nothing(string) string { return "" }

// told gives what Parse makes of a text, in one line.
func told(text string, getenv func(string) string) string {
	target, err := Parse(text, getenv)
	if err != nil {
		return "refused: it " + err.Error()
	}
	c := target.Config
	hosts := fmt.Sprintf("%s:%d", c.Host, c.Port)
	tls := c.TLSConfig != nil
	for _, f := range c.Fallbacks {
		if other := fmt.Sprintf("%s:%d", f.Host, f.Port); !strings.Contains(hosts, other) {
			hosts += "," + other
		}
	}
	said := fmt.Sprintf("%s %s@%s/%s", c.Password, c.User, hosts, c.Database)
	if tls {
		said += " tls"
		if len(c.Fallbacks) > 0 && c.Fallbacks[len(c.Fallbacks)-1].TLSConfig == nil {
			said += "?"
		}
		if !c.TLSConfig.InsecureSkipVerify {
			said += " verified"
		}
	}
	delete(c.RuntimeParams, "application_name")
	for _, name := range slices.Sorted(maps.Keys(c.RuntimeParams)) {
		said += " " + name + "=" + c.RuntimeParams[name]
	}
	return strings.TrimSpace(said)
}

// TestForms reads strings of every tool, as they are written and as they are written wrongly.
func TestForms(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		// what comes along when it is copied
		{" postgres://u:pw@h/d \n", "pw u@h:5432/d tls?"},
		{`"postgres://u:pw@h/d"`, "pw u@h:5432/d tls?"},
		{"'postgres://u:pw@h/d'\n", "pw u@h:5432/d tls?"},
		{"“postgres://u:pw@h/d”", "pw u@h:5432/d tls?"},
		{`psql "postgres://u:pw@h/d?sslmode=require"`, "pw u@h:5432/d tls"},
		{"psql 'host=h user=u dbname=d'", "u@h:5432/d tls?"},
		{"DATABASE_URL=postgres://u:pw@h/d", "pw u@h:5432/d tls?"},
		{`export DATABASE_URL="postgres://u:pw@h/d"`, "pw u@h:5432/d tls?"},
		{"database-url: postgres://u:pw@h/d", "pw u@h:5432/d tls?"},
		{"\ufeffpostgres://u:pw@h/d", "pw u@h:5432/d tls?"},
		{"'host=h user=u password='pw' dbname=d'", "pw u@h:5432/d tls?"},

		// libpq's own
		{"postgres://u@h/d?application_name=x&connect_timeout=3&sslmode=disable", "u@h:5432/d"},
		{"postgresql://u:p%40w@h:5433/d%2Fe", "p@w u@h:5433/d/e tls?"},
		{"postgres://u:p?w#1:2@h/d", "p?w#1:2 u@h:5432/d tls?"},
		{"postgres://u:pw@[::1]:5433,[fe80::1%25eth0]/d?sslmode=disable", "pw u@::1:5433,fe80::1%eth0:5432/d"},
		{"postgres://u@a:1,b:2/d?sslmode=disable&target_session_attrs=read-write", "u@a:1,b:2/d"},
		{"postgres://u@%2Fvar%2Frun/d", "u@/var/run:5432/d"},
		{"postgres://u@/d?host=/var/run", "u@/var/run:5432/d"},
		{"host=/var/run user=u dbname=d", "u@/var/run:5432/d"},
		{"host = h  user='u' password='p\\'w' dbname=d sslmode=disable", "p'w u@h:5432/d"},
		{"postgres://u:@h/d?sslmode=disable", "u@h:5432/d"},
		{"postgres://h/d?user=u&password=p%26w&sslmode=disable", "p&w u@h:5432/d"},
		{"postgres://u@h/d?ssl=true", "u@h:5432/d tls"},
		{"postgres://u@h/d?options=-csearch_path%3Dapp", "u@h:5432/d tls? options=-csearch_path=app"},
		{"postgres://u@h/d?options=endpoint=ep-x&sslmode=require", "u@h:5432/d tls options=endpoint=ep-x"},
		{"postgres://u@h/d?client_encoding=LATIN1", "u@h:5432/d tls? client_encoding=LATIN1"},
		{"host=h user=u password=a;b dbname=d sslmode=disable", "a;b u@h:5432/d"},

		{"host=127.0.0.1,::1 port=1,2 user=u dbname=d sslmode=disable", "u@127.0.0.1:1,::1:2/d"},
		{"host=::1 port=2 user=u dbname=d sslmode=disable", "u@::1:2/d"},
		{"postgresql://u@/d?host=a&host=b&sslmode=disable", "u@b:5432/d"},
		{"host=h user=u dbname=postgres://u:hunter22@h/d", "refused: it has a connection string as dbname (or PGDATABASE): it is read in database-url alone"},

		// Prisma
		{"postgresql://u:pw@h:5432/d?schema=public", "pw u@h:5432/d tls? search_path=public"},
		{"postgresql://u:pw@h:6543/d?pgbouncer=true&connection_limit=1&pool_timeout=10&schema=App", `pw u@h:6543/d tls? search_path="App"`},
		{"postgresql://u:pw@h:6543/d?pgbouncer=true&schema=public", "pw u@h:6543/d tls?"},
		{"postgresql://u@h/d?schema=%22App%22", `u@h:5432/d tls? search_path="App"`},
		{"postgresql://u@h/d?schema=my%20schema", `u@h:5432/d tls? search_path="my schema"`},
		{"postgresql://u@h/d?schema=a%22b", `u@h:5432/d tls? search_path="a""b"`},
		{"postgresql://u@h/d?schema=", "u@h:5432/d tls?"},
		{"postgresql://u@h/d?sslmode=require&sslaccept=strict", "u@h:5432/d tls verified"},
		{"postgresql://u@h/d?sslmode=require&sslaccept=accept_invalid_certs", "u@h:5432/d tls"},
		{"postgresql://u@h/d?sslidentity=c.p12", "refused: it has sslidentity, a PKCS#12 file, which is not supported here: write sslcert and sslkey with PEM files"},
		{"prisma://accelerate.prisma-data.net/?api_key=hunter22", "refused: it is an address of Prisma's own service, which speaks no PostgreSQL: take the database's own address (DIRECT_URL)"},
		{"prisma+postgres://accelerate.prisma-data.net/?api_key=hunter22", "refused: it is an address of Prisma's own service, which speaks no PostgreSQL: take the database's own address (DIRECT_URL)"},

		// JDBC, R2DBC
		{"jdbc:postgresql://h:5433/d?user=u&password=p%40w", "p@w u@h:5433/d tls?"},
		{"jdbc:postgresql://h/d?user=u@server&password=p@w+x&ssl=true", "p@w x u@server@h:5432/d tls"},
		{"jdbc:postgresql:d?user=u", "u@localhost:5432/d tls?"},
		{"jdbc:postgresql:/?user=u", "u@localhost:5432/u tls?"},
		{"jdbc:postgresql:///d?user=u&ssl=false", "u@localhost:5432/d tls?"},
		{"jdbc:postgresql://h1:1,h2:2/d?user=u&targetServerType=preferSecondary&loadBalanceHosts=true&sslmode=disable", "u@h1:1,h2:2/d"},
		{"jdbc:postgresql://h/d?user=u&currentSchema=a,b&reWriteBatchedInserts=true&ApplicationName=x&prepareThreshold=0&connectTimeout=5&sslmode=verify-full",
			"u@h:5432/d tls verified search_path=a,b"},
		{"jdbc:postgresql://h/d?user=u&ssl=true&sslfactory=org.postgresql.ssl.NonValidatingFactory", "u@h:5432/d tls"},
		{"JDBC:POSTGRESQL://h/d?user=u&ssl", "u@h:5432/d tls"},
		{"jdbc:p6spy:postgresql://h/d?user=u", "u@h:5432/d tls?"},
		{"r2dbc:postgresql://u:pw@h:5432/d?schema=app&sslMode=require", "pw u@h:5432/d tls search_path=app"},
		{"jdbc:tc:postgresql:16:///d", "refused: it is an address of Testcontainers, which starts a database of its own: take that of the database that is meant"},
		{"jdbc:mysql://h/d", "refused: it is the address of a mysql database; only PostgreSQL can be loaded"},
		{"jdbc:sqlserver://h;databaseName=d", "refused: it is the address of a sqlserver database; only PostgreSQL can be loaded"},
		{"jdbc:frob://h/d", "refused: it is an address of JDBC's, but not of PostgreSQL; only PostgreSQL can be loaded"},

		// .NET, ODBC, PDO
		{"Host=h;Port=5433;Database=d;Username=u;Password=p;w", "refused: it has words behind the password that are no keyword=value: a password with a semicolon stands in quotes, as in Password=\"a;b\""},
		{`Host=h;Port=5433;Database=d;Username=u;Password="p;w""x"`, `p;w"x u@h:5433/d tls?`},
		{"host=h;port=5432;database=d;user id=u;pwd=pw;", "pw u@h:5432/d tls?"},
		{"Server=h:5433;User Id=u;Password=p=w;Database=d;SSL Mode=Require;Trust Server Certificate=true;Pooling=false;Timeout=15;Command Timeout=20", "p=w u@h:5433/d tls"},
		{"SERVER=h; UID=u; PWD='p''w'; DATABASE=d; SslMode=VerifyFull; Search Path=app,public", "p'w u@h:5432/d tls verified search_path=app,public"},
		{"Host=a,b;Username=u;Database=d;Target Session Attributes=primary;SSL Mode=Disable", "u@a:5432,b:5432/d"},
		{"Driver={PostgreSQL Unicode(x64)};Server=h;Port=5432;Database=d;Uid=u;Pwd={p}}w;};SSLmode=require", "p}w; u@h:5432/d tls"},
		{"Host=[::1]:5433;Username=u;Database=d;SSL Mode=Disable", "u@::1:5433/d"},
		{"Host=a:1,b,[::1];Port=5433;Username=u;Database=d;SSL Mode=Disable", "u@a:1,b:5433,::1:5433/d"},
		{"Port=5433;Host=a,b:2;Username=u;Database=d;SSL Mode=Disable", "u@a:5433,b:2/d"},
		{"Host=h", "u@h:5432/u tls?"},
		{"Provider=PostgreSQL OLE DB Provider;Data Source=h;location=d;User ID=u;password=pw;timeout=10;", "pw u@h:5432/d tls?"},
		{"User ID=u;Password=pw;Host=h;Port=5433;Database=d;Pooling=true;Min Pool Size=0;Max Pool Size=100;Connection Lifetime=0;", "pw u@h:5433/d tls?"},
		{"Host=h;Username=u;Database=d;Frob=1", "refused: it has the unknown keyword Frob"},
		{"Host=h;Username=u;Password=pw;hunter=22;Database=d", "refused: it has an unknown keyword, or a password that is neither quoted nor encoded: " + HowToWrite},
		{"pgsql:host=h;port=5433;dbname=d;user=u;password=pw", "pw u@h:5433/d tls?"},
		{"dbi:Pg:dbname=d;host=h;user=u", "u@h:5432/d tls?"},
		{"Server=tcp:h.database.windows.net,1433;Initial Catalog=d;User ID=u;Password=hunter22;Encrypt=True", "refused: it is the address of a SQL Server database; only PostgreSQL can be loaded"},

		// SQLAlchemy, Django, Rails, Laravel, Ecto, node, Go, PHP
		{"postgresql+psycopg://u:pw@h/d", "pw u@h:5432/d tls?"},
		{"postgresql+asyncpg://u:pw@h/d?ssl=require&prepared_statement_cache_size=0", "pw u@h:5432/d tls"},
		{"postgresql+psycopg2://u:pw@/d?host=/var/run", "pw u@/var/run:5432/d"},
		{"postgresql+pg8000://u@h/d", "u@h:5432/d tls?"},
		{"postgresql://u@/d?host=a:1&sslmode=disable", "u@a:1/d"},
		{"postgresql+psycopg2://u@/d?host=a:1&host=b:2&host=c&sslmode=disable", "u@a:1,b:2,c:5432/d"},
		{"postgis://u@h/d?conn_max_age=600", "u@h:5432/d tls?"},
		{"pgsql://u@h/d?serverVersion=16&charset=utf8", "u@h:5432/d tls? client_encoding=UTF8"},
		{"ecto://u@h/d?pool_size=10&ssl=true", "u@h:5432/d tls"},
		{"Postgres://u@h/d", "u@h:5432/d tls?"},
		{"postgres://u@h/d?pool=5&encoding=unicode&prepared_statements=false&schema_search_path=a,b", "u@h:5432/d tls? client_encoding=UTF8 search_path=a,b"},
		{"postgres://u@h/d?sslmode=no-verify", "u@h:5432/d tls"},
		{"postgres://u@h/d?ssl=false", "u@h:5432/d"},
		{"postgres://u@h/d?ssl=no-verify", "u@h:5432/d tls"},
		{`postgres://u@h/d?ssl={"rejectUnauthorized":false}`, "refused: it has ssl with a value that is neither true nor false: write sslmode=require, or sslmode=disable"},
		{"postgres://u@h/d?sslmode=require&supa=base-pooler.x&uselibpqcompat=true", "u@h:5432/d tls"},
		{"postgres://u@h/d?pool_max_conns=10&statement_timeout=5s&x-migrations-table=m", "u@h:5432/d tls? statement_timeout=5s"},
		{"host=h user=u password=pw dbname=d port=5432 sslmode=disable TimeZone=Asia/Shanghai", "pw u@h:5432/d timezone=Asia/Shanghai"},
		{"host=h user=u database=d sslmode=disable", "u@h:5432/d"},
		{"postgres://u@h/d?search_path=app&sslmode=disable", "u@h:5432/d search_path=app"},

		{"postgres://u@h/d?options[search_path]=app&options%5Bstatement_timeout%5D=5s&statement-cache-capacity=100&sslmode=disable", "u@h:5432/d search_path=app statement_timeout=5s"},
		{"r2dbc:pool:postgresql://u@h/d?initialSize=1&maxSize=5", "u@h:5432/d tls?"},

		// nothing was put in its place
		{"${{ secrets.DATABASE_URL }}", "literal"}, {"postgres://u:${{ secrets.PW }}@h/d", "literal"}, {"{{ .Values.url }}", "literal"},
		{"$DATABASE_URL", "variable"}, {"${DATABASE_URL}", "variable"}, {"postgres://u:${PGPASSWORD}@h/d", "variable"}, {"%DATABASE_URL%", "variable"},
		{"$env:DATABASE_URL", "variable"}, {"$(cat url)", "variable"}, {"<your connection string>", "variable"}, {"postgres://u:${PW:-x}@h/d", "variable"},
		{"postgresql://postgres:[YOUR-PASSWORD]@db.x.supabase.co:5432/postgres", "placeholder"}, {"postgres://u:<password>@h/d", "placeholder"},
		{"postgres://u:***@h/d", "placeholder"}, {"host=h user=u password=**** dbname=d", "placeholder"},
		{"host=h dbname={your_database} user=u@h password={your_password} sslmode=require", "placeholder"}, {"Server=h;Uid=u;Pwd={your_password};", "placeholder"}, {"***", "***"},
		{"postgres://u:$PGPASSWORD@h/d", "$PGPASSWORD u@h:5432/d tls?"}, // it can be one

		// other addresses
		{"https://x.supabase.co", "refused: it is the address of a web service, not of a database: " + HowToWrite},
		{"mysql://u:hunter22@h/d", "refused: it is the address of a mysql database; only PostgreSQL can be loaded"},
		{"cockroachdb://u@h/d", "refused: it is the address of a cockroachdb database; only PostgreSQL can be loaded"},
		{"sqlite:///x.db", "refused: it is the address of a sqlite database; only PostgreSQL can be loaded"},
		{"Data Source=app.db;Version=3;", "refused: it is the address of a SQLite database; only PostgreSQL can be loaded"},
		{"host=h user=u sslrootcert=conninfo_test.go", "refused: it names files for TLS that cannot be used: sslrootcert, sslcert and sslkey are PEM files, and the key fits the certificate"},
		{"foo://u@h/d", "refused: it does not begin with postgres://: " + HowToWrite},
		{"postgres:/u@h/d", "refused: it has no // behind the scheme: " + HowToWrite},
		{"//u:hunter22@h/d", "refused: it has no scheme: write postgres: before it"},
		{"u:hunter22@h:5432/d?sslmode=require", "refused: it has no scheme: write postgres:// before it, as in postgres://user:password@host:5432/database"},
		{`{"host":"h","password":"hunter22"}`, "refused: it is a JSON object: " + HowToWrite},

		{"jdbc:postgresql://h/d;user=u;password=hunter22", "refused: it has name=value in the database's name: the first such pair stands behind a ?, and the others behind an &"},
		{"postgres://u@h/d&sslmode=require", "refused: it has name=value in the database's name: the first such pair stands behind a ?, and the others behind an &"},
		{"aHVudGVyMjI=", "refused: it has an unknown keyword, or a password that is neither quoted nor encoded: " + HowToWrite},
		{"hunter22=x y=z", "refused: it has an unknown keyword, or a password that is neither quoted nor encoded: " + HowToWrite},

		// several faults at once
		{"postgres://u@h:0/d?sslmode=requird&frob=1&connect_timeuot=5&connect_timeout=soon&channel_binding=yes", "refused: it " + strings.Join([]string{
			"has the unknown keyword frob", "has the unknown keyword connect_timeuot: did you mean connect_timeout?",
			"has a port that is not a number from 1 to 65535 (a : or / in the password that is not encoded looks like this, too): " + HowToWrite,
			"has sslmode with a value that is none of disable, allow, prefer, require, verify-ca, verify-full: did you mean require?",
			"has channel_binding with a value that is none of disable, prefer, require", "has a connect_timeout that is not a whole number of seconds",
		}, "; it ")},
		{"host=h sslmod=require", "refused: it has the unknown keyword sslmod: did you mean sslmode?"},
		{"host=h user=u replication=database", "refused: it asks for a replication connection, by which nothing can be loaded: leave replication out"},
		{"host=h user=u sslrootcert=/nowhere/ca.pem", "refused: it names a file as sslrootcert that cannot be read: no such file or directory"},
		{"postgres://u@h/d?sslcert=conninfo_test.go", "refused: it has one of sslcert and sslkey, which go together: they are this client's certificate and key. " +
			"The authority that the server's certificate comes from is sslrootcert (Prisma calls that sslcert)"},
		{"postgres://u@h:1,h:2,h/d?port=1,2", "refused: it has 2 ports for 3 hosts"},
		{"postgres://u@::1:5432/d", "refused: it has more than one : in the host: an IPv6 address stands in brackets, as in [::1]:5432; a : in the password is %3A, an @ is %40"},
		{"postgres://u:pw@h/\nd", "refused: it has a line break or a tab in it; was it copied whole?"},
		{"postgres://u:p%w@h/d", "refused: it has a % in the password that two hexadecimal digits do not follow: a % that is meant as such is written %25"},
		{"host=h requirepeer=postgres", "refused: it has requirepeer, which is not supported here: leave it out"},
		{"host=h user=u hunter22", "refused: it cannot be understood: " + HowToWrite},
	} {
		env := nothing
		if test.text == "Host=h" {
			env = func(name string) string { return map[string]string{"PGUSER": "u"}[name] }
			test.text = "host=h user=u"
		}
		got := told(test.text, env)
		if word := test.want; !strings.Contains(word, " ") && strings.HasPrefix(got, "refused: ") && strings.Contains(got, word) {
			continue
		}
		if got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.text, got, test.want)
		}
	}
}

// TestPasswordsThatAreNotEncoded holds that such a string is refused, or means what it means to psql, and that nothing of the password
// is in the error or would be asked of a name server.
func TestPasswordsThatAreNotEncoded(t *testing.T) {
	t.Parallel()
	const tail = "zq7x" // stands on either side of what is not encoded
	for _, between := range []string{"@", "/", ":", "#", "?", "%", "&", "=", " ", ",", ";", "[", "]", "\\", "'", `"`, "@/", "/@", "?a=", "?a=b&c=", "@?x=", "#@", "@#", ":@", "@:",
		"@1:", "@:1/", ",@", "@,", "@ ", "$", "+", "(", "|", "<", ">", "{", "^", "`", "!", "*", "~", "%zz", "%4", "%00", "@[", "[@", "@%", "\\@", "@&", "&@", "=@", "@=", "@@"} {
		for _, form := range []string{
			"postgres://u:%s@db.example.com:5432/shop", "postgresql+asyncpg://u:%s@db.example.com/shop?ssl=require", "postgres://db.example.com/shop?user=u&password=%s&sslmode=disable",
			"jdbc:postgresql://db.example.com/shop?password=%s&user=u", "host=db.example.com user=u password=%s dbname=shop", "password=%s host=db.example.com user=u",
			"Host=db.example.com;Username=u;Password=%s;Database=shop", "Password=%s;Host=db.example.com;Username=u", "u:%s@db.example.com/shop",
			"pgsql:host=db.example.com;password=%s;user=u", "postgres://%s@db.example.com/shop", "'postgres://u:%s@db.example.com/shop'", "psql postgres://u:%s@db.example.com/shop",
		} {
			text := fmt.Sprintf(form, tail+between+tail)
			target, err := Parse(text, nothing)
			if err != nil {
				if strings.Contains(err.Error(), tail) {
					t.Errorf("%s: told in %v", text, err)
				}
				continue
			}
			c := target.Config
			open := append([]string{c.Host, c.Database}, slices.Collect(maps.Values(c.RuntimeParams))...)
			for _, f := range c.Fallbacks {
				open = append(open, f.Host)
			}
			if shown := strings.Join(append(append(open, target.Notices...), target.Warnings...), " "); strings.Contains(shown, tail) {
				t.Errorf("%s: %s", text, shown)
			}
			if form != "postgres://%s@db.example.com/shop" && !strings.Contains(c.Password, tail) {
				t.Errorf("%s: password %q", text, c.Password)
			}
		}
	}
}

// TestVariables follows libpq in what it takes from the environment.
func TestVariables(t *testing.T) {
	t.Parallel()
	services := filepath.Join(t.TempDir(), "services")
	if err := os.WriteFile(services, []byte("[shop]\nhost=h\nuser=u\ndbname=d\nclient_encoding=LATIN2\n[odd]\nhost=h\nfrob=1\n[bad]\nhost=a@b\nuser=u\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		text string
		env  map[string]string
		want string
	}{
		{"postgres://u@h/d?sslmode=disable", map[string]string{"PGDATESTYLE": "SQL, DMY", "PGCLIENTENCODING": "LATIN1", "PGGEQO": "off"},
			"u@h:5432/d client_encoding=LATIN1 datestyle=SQL, DMY geqo=off"},
		{"host=h user=u client_encoding=UTF8 sslmode=disable", map[string]string{"PGCLIENTENCODING": "LATIN1"}, "u@h:5432/u client_encoding=UTF8"},
		{"service=shop sslmode=disable servicefile=" + services, map[string]string{"PGCLIENTENCODING": "LATIN1"}, "u@h:5432/d client_encoding=LATIN2"},
		{"service=shop sslmode=disable servicefile=" + services, map[string]string{"PGSSLCRL": "x"}, "refused: it has sslcrl, which is not supported here: leave it out"},
		{"service=odd servicefile=" + services, nil, "refused: it names a service with a keyword that is not libpq's"},
		{"service=bad servicefile=" + services, nil, "refused: it " + stray},
		{"service=none servicefile=" + services, nil, "refused: it names a service that is in no service file: those are ~/.pg_service.conf and what PGSERVICEFILE or servicefile names"},
		{"", map[string]string{"PGHOST": "h", "PGUSER": "u", "PGDATABASE": "postgres://u:hunter22@h/d"}, "refused: it has a connection string as dbname (or PGDATABASE): it is read in database-url alone"},
		{"host=h user=u", map[string]string{"PGSSLMODE": "requird"}, "refused: it is used with PGSSLMODE, whose value is none of disable, allow, prefer, require, verify-ca, verify-full: did you mean require?"},
		{"host=h user=u sslmode=disable", map[string]string{"PGTARGETSESSIONATTRS": "master"}, "refused: it is used with PGTARGETSESSIONATTRS, whose value is none of any, read-write, read-only, primary, standby, prefer-standby"},
		{"host=h user=u sslmode=disable", map[string]string{"PGREQUIREPEER": "x"}, "refused: it has requirepeer, which is not supported here: leave it out"},
		{"host=h user=u sslmode=disable", map[string]string{"PGGSSENCMODE": "prefer", "PGSSLMINPROTOCOLVERSION": "TLSv1.2"}, "u@h:5432/u"},
	} {
		if got := told(test.text, func(name string) string { return test.env[name] }); got != test.want {
			t.Errorf("%s %v\ngot  %s\nwant %s", test.text, test.env, got, test.want)
		}
	}
	target, err := Parse("host=h user=u", func(name string) string { return map[string]string{"PGHOSTADDR": "127.0.0.9"}[name] })
	if err != nil {
		t.Fatal(err)
	}
	if addrs, err := target.Config.LookupFunc(t.Context(), "h"); err != nil || addrs[0] != "127.0.0.9" {
		t.Errorf("hostaddr: %v, %v", addrs, err)
	}
}

// TestWhatIsLeftOpen tells what libpq takes for it.
func TestWhatIsLeftOpen(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"postgres://u@h/d": "",
		"postgres://u@h":   `names no database: "u" is taken, the user's name`,
		"postgres:///d":    "names no user: ",
		"postgres://u@/d":  "names no host: ",
		"host=h dbname=d":  "names no user: ",
	} {
		target, err := Parse(text, nothing)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(target.Warnings, "\n"); (want == "") != (got == "") || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"postgres://u:p@h:1/d?a=b", "Host=h;Password='x", "jdbc:postgresql:d?user=u", "host=h password='a\\'", "psql 'x", "[::1", "%", "a=\\"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "/\\") && (strings.Contains(text, "ssl") || strings.Contains(text, "file") || strings.Contains(text, "Cert")) {
			t.Skip("names files")
		}
		_, err := Parse(text, nothing)
		var faults Faults
		if err != nil && !errors.As(err, &faults) {
			t.Fatal(err)
		}
	})
}

// TestAsPsqlHasThem connects with strings of many tools, by psql and by pgx with what is read here. Where psql takes a string, we take
// it, and are in the same database as the same user with the same settings. The table in the documentation is made of this.
func TestAsPsqlHasThem(t *testing.T) {
	t.Parallel()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("psql is not installed")
	}
	server := pgtest.Shared(t)
	base, err := url.Parse(server.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	database, pw, port := strings.TrimPrefix(base.Path, "/"), server.Password(), fmt.Sprint(server.Port())
	pgtest.Exec(t, base.String(), `CREATE SCHEMA app; CREATE SCHEMA "App"`)
	dir := t.TempDir()
	passfile, services := filepath.Join(dir, "pass"), filepath.Join(dir, "services")
	for name, text := range map[string]string{
		passfile: "*:*:*:*:" + pw + "\n", services: "[shop]\nhost=127.0.0.1\nport=" + port + "\ndbname=" + database + "\nuser=postgres\npassword=" + pw + "\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	values := strings.NewReplacer("PORT", port, "SECRET", pw, "DB", database, "SOCKET%", url.QueryEscape(server.SocketDir()), "SOCKET", server.SocketDir(), "PASSFILE", passfile)
	masked := strings.NewReplacer(passfile, "PASSFILE", server.SocketDir(), "SOCKET", url.QueryEscape(server.SocketDir()), "SOCKET%", pw, "SECRET", database, "DB", port, "PORT")
	getenv := func(name string) string { return map[string]string{"PGSERVICEFILE": services}[name] }
	const question = "SELECT current_user || ' ' || current_database() || ' ' || current_setting('search_path') || ' ' || current_setting('client_encoding') || ' ' || current_setting('TimeZone')"

	byPsql := func(text string) (string, bool) {
		if strings.Contains(text, "p@ss@") {
			return "asks a name server for a part of the password", false
		}
		cmd := exec.CommandContext(t.Context(), psql, "-XAtw", "-d", text, "-c", question)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PGSERVICEFILE=" + services, "LC_ALL=C", "HOME=" + dir}
		out, err := cmd.CombinedOutput()
		line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return strings.TrimPrefix(line, "psql: error: "), err == nil
	}
	byUs := func(text string) (answer, said string) {
		target, err := Parse(text, getenv)
		if err != nil {
			return "", "refused: it " + err.Error()
		}
		said = strings.Join(append(target.Notices, target.Warnings...), "; ")
		conn, err := pgx.ConnectConfig(context.Background(), target.Config)
		if err != nil {
			return "", "no connection"
		}
		defer conn.Close(context.Background())
		if err := conn.QueryRow(context.Background(), question).Scan(&answer); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		return answer, said
	}

	var table strings.Builder
	table.WriteString("| as it is written | psql | fabricate-seed |\n| --- | --- | --- |\n")
	for _, written := range []string{
		"postgres://postgres:SECRET@127.0.0.1:PORT/DB",
		"postgresql://127.0.0.1:PORT/DB?user=postgres&password=SECRET",
		"postgres://postgres:SECRET@127.0.0.1:PORT/DB?sslmode=prefer&application_name=ci",
		"postgres://postgres:SECRET@127.0.0.1:1,127.0.0.1:PORT/DB",
		"postgres://postgres:SECRET@/DB?host=SOCKET%&port=PORT",
		"host=127.0.0.1 port=PORT dbname=DB user=postgres password=SECRET",
		"host = 127.0.0.1 port = PORT dbname = 'DB' user = postgres password = 'SECRET'",
		"host=SOCKET port=PORT dbname=DB user=postgres password=SECRET",
		"host=127.0.0.1 port=PORT dbname=DB user=postgres passfile=PASSFILE",
		"service=shop",
		"postgres://postgres:SECRET@127.0.0.1:PORT/DB?options=-csearch_path%3Dapp",
		"postgres://postgres:SECRET@127.0.0.1:PORT/DB?client_encoding=LATIN1",
		"'postgres://postgres:SECRET@127.0.0.1:PORT/DB'",
		"DATABASE_URL=postgres://postgres:SECRET@127.0.0.1:PORT/DB",
		"psql 'postgres://postgres:SECRET@127.0.0.1:PORT/DB'",
		"postgresql://postgres:SECRET@127.0.0.1:PORT/DB?schema=app",
		"postgresql://postgres:SECRET@127.0.0.1:PORT/DB?schema=App&pgbouncer=true&connection_limit=1",
		"postgresql://postgres:SECRET@127.0.0.1:PORT/DB?search_path=app",
		"jdbc:postgresql://127.0.0.1:PORT/DB?user=postgres&password=SECRET&currentSchema=app",
		"jdbc:postgresql://127.0.0.1:PORT/DB?user=postgres&password=SECRET&sslmode=disable&reWriteBatchedInserts=true",
		"r2dbc:postgresql://postgres:SECRET@127.0.0.1:PORT/DB?schema=app",
		"Host=127.0.0.1;Port=PORT;Database=DB;Username=postgres;Password=SECRET;Search Path=app",
		"server=127.0.0.1;port=PORT;database=DB;user id=postgres;pwd=SECRET;ssl mode=Disable;pooling=false",
		"Driver={PostgreSQL Unicode};Server=127.0.0.1;Port=PORT;Database=DB;Uid=postgres;Pwd=SECRET;",
		"pgsql:host=127.0.0.1;port=PORT;dbname=DB;user=postgres;password=SECRET",
		"postgresql+psycopg://postgres:SECRET@127.0.0.1:PORT/DB",
		"postgresql+asyncpg://postgres:SECRET@127.0.0.1:PORT/DB?ssl=disable&prepared_statement_cache_size=0",
		"postgis://postgres:SECRET@127.0.0.1:PORT/DB?conn_max_age=600",
		"pgsql://postgres:SECRET@127.0.0.1:PORT/DB?serverVersion=16&charset=utf8",
		"ecto://postgres:SECRET@127.0.0.1:PORT/DB?pool_size=10",
		"postgres://postgres:SECRET@127.0.0.1:PORT/DB?ssl=false",
		"postgres://postgres:SECRET@127.0.0.1:PORT/DB?sslmode=no-verify",
		"postgres://postgres:SECRET@127.0.0.1:PORT/DB?ssl=true",
		"host=127.0.0.1 user=postgres password=SECRET dbname=DB port=PORT sslmode=disable TimeZone=Asia/Shanghai",
		"postgres://postgres:SECRET@127.0.0.1:PORT/DB?pool_max_conns=10",
		"postgres://postgres:SECRET@127.0.0.1:PORT/DB?sslmod=require",
		"host=127.0.0.1 port=PORT dbname=DB user=postgres frob=1",
		"postgres://postgres:p@ss@127.0.0.1:PORT/DB",
		"postgres://postgres:p/ss@127.0.0.1:PORT/DB",
		"postgres://postgres:p%ss@127.0.0.1:PORT/DB",
		"postgresql://postgres:[YOUR-PASSWORD]@127.0.0.1:PORT/DB",
		"${{ secrets.DATABASE_URL }}",
		"$DATABASE_URL",
		"postgres:SECRET@127.0.0.1:PORT/DB",
		"mysql://postgres:SECRET@127.0.0.1:PORT/DB",
		"prisma+postgres://accelerate.prisma-data.net/?api_key=KEY",
		"jdbc:mysql://127.0.0.1:3306/DB",
		"Server=tcp:127.0.0.1,1433;Initial Catalog=DB;User ID=sa;Password=SECRET",
	} {
		text := values.Replace(written)
		theirs, taken := byPsql(text)
		ours, said := byUs(text)
		if taken && ours != theirs {
			t.Errorf("%s: psql has %q, we %q (%s)", written, theirs, ours, said)
		}
		if strings.Contains(theirs, "database \""+text) { // it is taken for a database's name
			theirs = "no connection"
		}
		theirs, said = masked.Replace(theirs), masked.Replace(said)
		if taken {
			theirs = "connects"
		}
		if ours != "" {
			said = strings.TrimSuffix("connects; "+said, "; ")
		}
		said, _, _ = strings.Cut(said, ": write postgres://user")
		if strings.Contains(theirs, "connection to server") || strings.Contains(theirs, "could not translate host name") {
			theirs = "no connection"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", written, theirs, said)
	}
	if version, err := exec.CommandContext(t.Context(), psql, "--version").Output(); err != nil || !strings.Contains(string(version), " 15.") {
		return // others word their errors differently
	}
	document(t, "<!-- connection strings -->\n", "<!-- /connection strings -->", table.String())
}

// document compares, or with -update replaces, what the documentation has between two marks.
func document(t *testing.T, begin, end, want string) {
	t.Helper()
	const file = "../../docs/settings.md"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(data), begin)
	got, after, ok := strings.Cut(rest, end)
	switch {
	case !ok:
		t.Fatalf("%s has no part between %q and %q", file, begin, end)
	case *update:
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case got != want:
		t.Errorf("%s is not what came out; run go test ./internal/conninfo -update\n%s", file, want)
	}
}
