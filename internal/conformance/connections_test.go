//go:build unix

package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/config"
	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// authority is a certificate authority of a test's own.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.cert, a.pem, a.key = a.sign(template, template, nil)
	return a
}

// issue gives a certificate and its key in PEM.
func (a *authority) issue(name string, hosts ...string) (cert, key []byte) {
	a.t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, DNSNames: hosts}
	_, cert, own := a.sign(template, a.cert, a.key)
	der, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func (a *authority) sign(template, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, []byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if by == nil {
		by = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key
}

// everyCharacter is a password with all of ASCII that can be seen, and some that is not ASCII.
const everyCharacter = ` !"#$%&'()*+,-./09:;<=>?@AZ[\]^_` + "`" + `az{|}~é€`

// secureServer starts a server with TLS whose certificate is for localhost alone. Of its roles, plain may come only without TLS,
// secret only with it, certified only with a certificate, and awkward has a password with every character.
func secureServer(t *testing.T, ca *authority) *pgtest.Server {
	t.Helper()
	s, err := pgtest.Start(t.Context(), pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	info, err := os.Stat(s.DataDir())
	if err != nil {
		t.Fatal(err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("this system does not say who owns a file")
	}
	write := func(name string, text []byte) string {
		path := filepath.Join(s.DataDir(), name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key := ca.issue("localhost", "localhost")
	write("pg_hba.conf", []byte("local all all scram-sha-256\nhostssl all plain all reject\nhostnossl all secret all reject\nhostnossl all certified all reject\n"+
		"hostssl all certified all cert\nhost all all all scram-sha-256\n"))
	setting := func(name, value string) string {
		return fmt.Sprintf("ALTER SYSTEM SET %s = '%s';", name, strings.ReplaceAll(value, "'", "''"))
	}
	superURL := s.URL("postgres")
	password := strings.ReplaceAll(everyCharacter, "'", "''")
	pgtest.Exec(t, superURL, fmt.Sprintf("CREATE ROLE plain LOGIN PASSWORD 'pw'; CREATE ROLE secret LOGIN PASSWORD 'pw'; CREATE ROLE certified LOGIN; CREATE ROLE awkward LOGIN PASSWORD '%s'", password))
	for _, command := range []string{
		setting("ssl_cert_file", write("server.crt", cert)), setting("ssl_key_file", write("server.key", key)), setting("ssl_ca_file", write("ca.crt", ca.pem)),
		setting("ssl", "on"), "SELECT pg_reload_conf()",
	} {
		pgtest.Exec(t, superURL, command)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) { // the reload is not awaited by the server
		_, stderr, code := pgtest.Psql(t, fmt.Sprintf("host=127.0.0.1 port=%d dbname=postgres user=secret password=pw sslmode=require", s.Port()), "-c", "SELECT 1")
		if code == 0 {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("no TLS: %s", stderr)
		}
	}
}

// TestConnections gives the same connection strings to psql and to us: both get in, as the same role, with TLS or without, or
// neither does.
func TestConnections(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t, "ours"), newAuthority(t, "another")
	s := secureServer(t, ca)
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key := ca.issue("certified")
	wrongCert, wrongKey := ca.issue("somebody")
	strangeCert, strangeKey := stranger.issue("certified")
	replace := strings.NewReplacer(
		"{port}", fmt.Sprint(s.Port()), "{dead}", fmt.Sprint(pgtest.RefusingPort(t)), "{socket}", s.SocketDir(), "{esocket}", url.QueryEscape(s.SocketDir()),
		"{ca}", write("ca.crt", ca.pem), "{strange}", write("strange.crt", stranger.pem),
		"{cert}", "sslcert="+write("client.crt", cert)+" sslkey="+write("client.key", key),
		"{wrong}", "sslcert="+write("wrong.crt", wrongCert)+" sslkey="+write("wrong.key", wrongKey),
		"{stranger}", "sslcert="+write("stranger.crt", strangeCert)+" sslkey="+write("stranger.key", strangeKey),
		"{urlcert}", "sslcert="+url.QueryEscape(filepath.Join(dir, "client.crt"))+"&sslkey="+url.QueryEscape(filepath.Join(dir, "client.key")),
		"{awkward}", "'"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(everyCharacter)+"'",
		"{eawkward}", strings.ReplaceAll(url.QueryEscape(everyCharacter), "+", "%20"),
		"{passfile}", write("pgpass", []byte("localhost:*:*:awkward:wrong\n127.0.0.1:*:postgres:awkward:"+strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(everyCharacter)+"\n")),
	)
	const here, named = "host=127.0.0.1 port={port} dbname=postgres ", "host=localhost port={port} dbname=postgres "
	for name, tt := range map[string]struct{ text, want string }{ // what is wanted: TLS and role, or "" for no connection
		"disable":                              {here + "user=awkward password={awkward} sslmode=disable", "f awkward"},
		"disable, but TLS is demanded":         {here + "user=secret password=pw sslmode=disable", ""},
		"allow":                                {here + "user=awkward password={awkward} sslmode=allow", "f awkward"},
		"allow, and TLS is demanded":           {here + "user=secret password=pw sslmode=allow", "t secret"},
		"prefer":                               {here + "user=awkward password={awkward} sslmode=prefer", "t awkward"},
		"prefer, but TLS is refused":           {here + "user=plain password=pw sslmode=prefer", "f plain"},
		"no mode":                              {here + "user=secret password=pw", "t secret"},
		"require":                              {here + "user=secret password=pw sslmode=require", "t secret"},
		"require, but TLS is refused":          {here + "user=plain password=pw sslmode=require", ""},
		"require, root of another":             {here + "user=secret password=pw sslmode=require sslrootcert={strange}", ""},
		"require, own root, wrong host":        {here + "user=secret password=pw sslmode=require sslrootcert={ca}", "t secret"},
		"verify-ca, wrong host":                {here + "user=secret password=pw sslmode=verify-ca sslrootcert={ca}", "t secret"},
		"verify-ca, root of another":           {named + "user=secret password=pw sslmode=verify-ca sslrootcert={strange}", ""},
		"verify-ca, no root":                   {named + "user=secret password=pw sslmode=verify-ca", ""},
		"verify-full":                          {named + "user=secret password=pw sslmode=verify-full sslrootcert={ca}", "t secret"},
		"verify-full, wrong host":              {here + "user=secret password=pw sslmode=verify-full sslrootcert={ca}", ""},
		"verify-full, root of another":         {named + "user=secret password=pw sslmode=verify-full sslrootcert={strange}", ""},
		"verify-full, root of the system":      {named + "user=secret password=pw sslmode=verify-full sslrootcert=/nowhere", ""},
		"verify-full by hostaddr":              {"host=localhost hostaddr=127.0.0.1 port={port} dbname=postgres user=secret password=pw sslmode=verify-full sslrootcert={ca}", "t secret"},
		"verify-full by URL":                   {"postgresql://secret:pw@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={ca}", "t secret"},
		"client certificate":                   {named + "user=certified sslmode=verify-full sslrootcert={ca} {cert}", "t certified"},
		"client certificate by URL":            {"postgres://certified@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={ca}&{urlcert}", "t certified"},
		"client certificate, require":          {here + "user=certified sslmode=require {cert}", "t certified"},
		"client certificate of somebody":       {here + "user=certified sslmode=require {wrong}", ""},
		"client certificate of a stranger":     {here + "user=certified sslmode=require {stranger}", ""},
		"no client certificate":                {here + "user=certified sslmode=require", ""},
		"key is missing":                       {here + "user=certified sslmode=require sslcert={ca} sslkey=/nowhere", ""},
		"channel binding":                      {here + "user=secret password=pw sslmode=require channel_binding=require", "t secret"},
		"channel binding without TLS":          {here + "user=awkward password={awkward} sslmode=disable channel_binding=require", ""},
		"channel binding without scram":        {here + "user=certified sslmode=require channel_binding=require {cert}", ""},
		"channel binding preferred":            {here + "user=awkward password={awkward} sslmode=disable channel_binding=prefer", "f awkward"},
		"lowest version of TLS":                {here + "user=secret password=pw sslmode=require ssl_min_protocol_version=TLSv1.3", "t secret"},
		"highest version of TLS":               {here + "user=secret password=pw sslmode=require ssl_max_protocol_version=TLSv1.2", "t secret"},
		"TLS by a method that is not":          {here + "user=secret password=pw sslmode=sometimes", ""},
		"URL with every character":             {"postgresql://awkward:{eawkward}@127.0.0.1:{port}/postgres", "t awkward"},
		"URL with all in parameters":           {"postgresql:///?host=127.0.0.1&port={port}&user=awkward&password={eawkward}&dbname=postgres", "t awkward"},
		"wrong password":                       {here + "user=awkward password=pw", ""},
		"password file":                        {here + "user=awkward passfile={passfile}", "t awkward"},
		"password file, another host first":    {named + "user=awkward passfile={passfile}", ""},
		"socket":                               {"host={socket} port={port} dbname=postgres user=awkward password={awkward}", "f awkward"},
		"socket, TLS is asked for":             {"host={socket} port={port} dbname=postgres user=awkward password={awkward} sslmode=require", "f awkward"},
		"socket as the host of a URL":          {"postgresql://awkward:{eawkward}@{esocket}:{port}/postgres", "f awkward"},
		"socket as a parameter of a URL":       {"postgresql:///postgres?host={esocket}&port={port}&user=awkward&password={eawkward}", "f awkward"},
		"a host that is down first":            {"host=127.0.0.1,127.0.0.1 port={dead},{port} dbname=postgres user=secret password=pw", "t secret"},
		"hosts in a URL":                       {"postgresql://secret:pw@127.0.0.1:{dead},127.0.0.1:{port}/postgres", "t secret"},
		"all are down":                         {"host=127.0.0.1,127.0.0.1 port={dead},{dead} dbname=postgres user=secret password=pw", ""},
		"one port for several":                 {"host=127.0.0.1,localhost port={port} dbname=postgres user=secret password=pw", "t secret"},
		"too few ports":                        {"host=127.0.0.1,127.0.0.1,127.0.0.1 port={port},{port} dbname=postgres user=secret password=pw", ""},
		"any session":                          {here + "user=secret password=pw target_session_attrs=any", "t secret"},
		"session that writes":                  {here + "user=secret password=pw target_session_attrs=read-write", "t secret"},
		"session that only reads":              {here + "user=secret password=pw target_session_attrs=read-only", ""},
		"session that only reads, by its user": {here + "user=secret password=pw target_session_attrs=read-only options='-c default_transaction_read_only=on'", "t secret"},
		"primary":                              {here + "user=secret password=pw target_session_attrs=primary", "t secret"},
		"standby":                              {here + "user=secret password=pw target_session_attrs=standby", ""},
		"standby if there is":                  {"host=127.0.0.1,127.0.0.1 port={dead},{port} dbname=postgres user=secret password=pw target_session_attrs=prefer-standby", "t secret"},
		"session of another kind":              {here + "user=secret password=pw target_session_attrs=fast", ""},
		"keywords of libpq's own": {here + "user=secret password=pw keepalives=1 keepalives_idle=30 keepalives_interval=5 keepalives_count=3 tcp_user_timeout=1000 sslcompression=0 " +
			"gssencmode=disable client_encoding=auto fallback_application_name=x connect_timeout=10 sslsni=1", "t secret"},
		"keyword that nobody knows": {here + "user=secret password=pw colour=blue", ""},
		"spaces around":             {"  host = 127.0.0.1  port= {port} dbname ='postgres' user=secret password = pw ", "t secret"},
		"options":                   {here + "user=secret password=pw options='-c search_path=a -c geqo=off'", "t secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := replace.Replace(tt.text)
			const query = "SELECT concat_ws(' ', (SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()), current_user) AS found"
			psql, complaint, _ := pgtest.Psql(t, text, "-At", "-c", query)
			if psql = strings.TrimSpace(psql); psql != tt.want {
				t.Fatalf("psql: %q, not %q: %s", psql, tt.want, complaint)
			}
			got, err := connectedAs(t, text, query)
			if got != tt.want {
				t.Errorf("%q, not %q: %v\npsql says: %s", got, tt.want, err, complaint)
			}
			if err != nil && (strings.Contains(err.Error(), everyCharacter) || strings.Contains(err.Error(), "{eawkward}")) {
				t.Errorf("the password is in the error: %v", err)
			}
		})
	}
}

// connectedAs takes a connection string as the setting database-url does, loads a script by it that prints the answer to a query,
// and gives that.
func connectedAs(t *testing.T, text, query string) (answer string, err error) {
	t.Helper()
	settings, err := config.Parse([]string{"load", os.DevNull, "--database-url=" + text}, nil)
	if settings.Target == nil {
		return "", err
	}
	_, err = load.Run(context.Background(), load.Options{
		Target: settings.Target,
		Script: load.Script{FS: fstest.MapFS{"load.sql": &fstest.MapFile{Data: []byte(query + " \\gset\n\\echo :found\n")}}, Name: "load.sql"},
		Events: load.Events{Output: func(s string) { answer += s }},
	})
	return strings.TrimSpace(answer), err
}
