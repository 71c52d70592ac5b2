package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/netip"
	"net/url"
	"os"
	pathpkg "path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/maruel/natural"

	"github.com/fabricate-seed/fabricate-seed/internal/conninfo"
	"github.com/fabricate-seed/fabricate-seed/internal/overrides"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

const (
	maxJobs          = 64
	maxOverrideBytes = 8 << 20 // bytes of an overrides file; the API takes far less
)

// The functions below make or are Setting.set. Their errors complete a sentence that begins with the setting's name and
// value: `input jobs: "900" is not …`.

func oneLine(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if strings.ContainsFunc(v, unicode.IsControl) {
			return errors.New("has a line break or another control character in it; write one line")
		}
		*field(s) = v
		return nil
	}
}

func oneWord(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		unfit := func(r rune) bool { return r <= ' ' || r > '~' }
		if strings.ContainsFunc(v, unfit) {
			return errors.New("has a space, a line break or a character outside ASCII in it; was it copied whole?")
		}
		*field(s) = v
		return nil
	}
}

func choice(field func(*Settings) *string, values ...string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if lower := strings.ToLower(v); slices.Contains(values, lower) {
			*field(s) = lower
			return nil
		}
		return fmt.Errorf("is not one of %s%s", strings.Join(values, ", "), didYouMean(v, values))
	}
}

func duration(field func(*Settings) *time.Duration) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil {
			if _, number := strconv.ParseFloat(v, 64); number == nil {
				return fmt.Errorf("has no unit: write %ss for seconds or %sm for minutes", v, v)
			}
			return errors.New("is not a duration: write it like 500ms, 90s, 30m or 1h30m")
		}
		if d <= 0 {
			return errors.New("must be longer than nothing: write it like 500ms, 90s, 30m or 1h30m")
		}
		*field(s) = d
		return nil
	}
}

// sizes are the units in which a number of bytes can be written: without one it is bytes, and B can be left out.
var sizes = map[string]int64{
	"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40,
}

// size reads a number of bytes, like 500MB, 64GiB or 1073741824.
func size(field func(*Settings) *int64) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		number := strings.TrimRightFunc(v, unicode.IsLetter)
		unit, known := sizes[strings.TrimSuffix(strings.ToLower(v[len(number):]), "b")]
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !known || n*float64(unit) < 1 || n*float64(unit) >= math.MaxInt64 {
			return errors.New("is not a size: write it like 500MB or 64GiB")
		}
		*field(s) = int64(n * float64(unit))
		return nil
	}
}

// truth reads a boolean as YAML files, shells and people write it.
func truth(v string) (value, ok bool) {
	switch strings.ToLower(v) {
	case "true", "1", "yes":
		return true, true
	case "false", "0", "no":
		return false, true
	}
	return false, false
}

func boolean(field func(*Settings) *bool) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		b, ok := truth(v)
		if !ok {
			return errors.New("is neither true nor false")
		}
		*field(s) = b
		return nil
	}
}

func setLoad(s *Settings, v string) error {
	if b, ok := truth(v); ok {
		s.Load = strconv.FormatBool(b)
		return nil
	}
	return choice(func(s *Settings) *string { return &s.Load }, LoadAuto, LoadTrue, LoadFalse)(s, v)
}

func setJobs(s *Settings, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxJobs {
		return fmt.Errorf("is not a whole number from 1 to %d", maxJobs)
	}
	s.Jobs = n
	return nil
}

// maxClones bounds a slip of the keyboard, not a server.
const maxClones = 1000

// setClones reads a number, or names.
func setClones(s *Settings, v string) error {
	if n, err := strconv.Atoi(v); err == nil {
		if n < 1 || n > maxClones {
			return fmt.Errorf("is not a number from 1 to %d, nor names, one a line", maxClones)
		}
		s.cloneCount = n
		return nil
	}
	for line := range strings.Lines(v) {
		if name := strings.TrimSpace(line); name != "" {
			s.Clones = append(s.Clones, name)
		}
	}
	return nil
}

func setClonePattern(s *Settings, v string) error {
	if !strings.Contains(v, "{n}") {
		return errors.New("lacks {n}, which stands for the number of the clone, such as {database}_{n}")
	}
	return oneLine(func(s *Settings) *string { return &s.clonePattern })(s, v)
}

func setAPIURL(s *Settings, v string) error {
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("is not an absolute http or https address, such as https://fabricate.example.com/api/v1")
	case u.User != nil:
		return errors.New("must not hold a user or password; the key belongs in api-key")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(v, "#"):
		return errors.New("must not hold a query or a fragment")
	}
	s.APIURL = strings.TrimRight(v, "/")
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		s.Warnings = append(s.Warnings,
			"api-url "+s.APIURL+" is not encrypted: the API key can be read on its way; use https")
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// loadableFormats are the export formats that can be loaded, and the names that the API's page and its clients have for them.
func loadableFormats() []string {
	return []string{"sql", "postgres-optimized", "postgres", "csv", "jsonl"}
}

// otherFormats are those that certainly cannot be. The API decides what it has, so others are sent on.
func otherFormats() []string {
	return []string{"sqlite", "mysql", "mariadb", "sqlserver", "mssql", "oracle", "snowflake", "databricks", "bigquery", "json_array", "xml",
		"parquet", "avro"}
}

// Loadable says whether an export in this format may be one that can be loaded: of a format that is not known here, what came decides.
func Loadable(format string) bool { return !slices.Contains(otherFormats(), format) }

func setFormat(s *Settings, v string) error {
	if err := oneWord(func(s *Settings) *string { return &s.Format })(s, v); err != nil {
		return err
	}
	known := append(loadableFormats(), otherFormats()...)
	if lower := strings.ToLower(v); slices.Contains(known, lower) {
		s.Format = lower
		return nil
	}
	s.Warnings = append(s.Warnings,
		fmt.Sprintf("format %q is not one known here%s; it is sent on, the API decides", v, didYouMean(v, known)))
	return nil
}

// setConnection takes the name of a stored connection, or a JSON object. An object's text is never repeated in an
// error: it holds a password.
func setConnection(s *Settings, v string) error {
	if conninfo.Is(v) {
		return s.connectionString(v)
	}
	if !strings.HasPrefix(v, "{") {
		if strings.ContainsFunc(v, unicode.IsControl) {
			return errors.New("is neither one line (the name of a stored connection) nor a JSON object")
		}
		name, err := json.Marshal(v)
		s.Connection = name
		return err
	}
	s.secrets = append(s.secrets, v)
	var keys map[string]json.RawMessage
	if err := json.Unmarshal([]byte(v), &keys); err != nil {
		return errors.New("begins like a JSON object but is not one; it should be like " + connectionObject("db.example.com", 5432, "…", "…", true))
	}
	s.Connection = json.RawMessage(v)
	var host string // whether it is a text is the API's to say
	_ = json.Unmarshal(keys["host"], &host)
	for key, value := range keys {
		var held any
		decoder := json.NewDecoder(bytes.NewReader(value))
		decoder.UseNumber()
		if secretKey.MatchString(key) && decoder.Decode(&held) == nil {
			s.secrets = append(append(s.secrets, strings.Trim(string(value), `"`)), scalars(held)...)
		}
	}
	s.warnOfKeys("connection", keys, "host", "port", "database_name", "username", "password", "tls")
	if thisMachine(host) {
		s.Warnings = append(s.Warnings, "connection "+notFromHere)
	}
	return nil
}

// secretKey is how the keys of a connection object are called that hold secrets, in the API's words and in those of others.
var secretKey = regexp.MustCompile(`(?i)pass|pwd|secret|token|key|credential|cert|ur[il]|dsn|connection`)

// scalars gives the texts and numbers in a JSON value, as they are and as they are written: the API may repeat it in either way.
func scalars(v any) (all []string) {
	switch v := v.(type) {
	case string:
		all = append(all, v)
	case json.Number:
		all = append(all, v.String())
		if f, err := v.Float64(); err == nil {
			all = append(all, strconv.FormatFloat(f, 'f', -1, 64), strconv.FormatFloat(f, 'e', -1, 64), strconv.FormatFloat(f, 'g', -1, 64))
		}
	case []any:
		for _, element := range v {
			all = append(all, scalars(element)...)
		}
	case map[string]any:
		for _, element := range v {
			all = append(all, scalars(element)...)
		}
	}
	return all
}

// notFromHere completes a sentence that begins with connection.
const notFromHere = "names this machine: Fabricate connects to it from its own servers, where that is another one. Give an address that " +
	"can be reached from there"

// thisMachine says whether a host is the machine that it is asked for on, which Fabricate's servers are not.
func thisMachine(host string) bool {
	ip, _ := netip.ParseAddr(host)
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return loopback(host) || ip.IsUnspecified() || strings.HasSuffix(host, ".localhost") || host == "host.docker.internal" || strings.HasPrefix(host, "/")
}

// connectionString refuses what belongs in database-url, and says how it is written here.
func (s *Settings) connectionString(v string) error {
	s.secrets = append(s.secrets, v)
	target, err := conninfo.Parse(v, func(string) string { return "" })
	s.secrets = append(s.secrets, target.Secrets...)
	object, more := connectionObject("db.example.com", 5432, "…", "…", true), ""
	if c := target.Config; err == nil {
		object = connectionObject(c.Host, c.Port, c.Database, c.User, c.TLSConfig != nil)
		if thisMachine(c.Host) {
			more = "; it " + notFromHere
		}
	}
	return errors.New("is a connection string, where the name of a connection that is stored in Fabricate is meant, or an object: write " +
		object + more)
}

// connectionObject shows how a connection is written, without its password.
func connectionObject(host string, port uint16, database, user string, tls bool) string {
	quoted := func(text string) string {
		b, _ := json.Marshal(text)
		return string(b)
	}
	return fmt.Sprintf(`{"host": %s, "port": %d, "database_name": %s, "username": %s, "password": "…", "tls": %t}`, quoted(host), port, quoted(database), quoted(user), tls)
}

// setOverrides takes JSON or YAML, inline or from a file. Of a file nothing is told but where it cannot be read: it need not be
// what was meant.
func setOverrides(s *Settings, v string) error {
	if name, ok := strings.CutPrefix(strings.TrimSpace(v), "@"); ok {
		text, err := s.readOverrides(name)
		if err != nil {
			return err
		}
		v = text
	}
	object, err := overrides.Read(v)
	var e *overrides.Error
	if errors.As(err, &e) && e.What == overrides.NotAnObject {
		return errors.New(`is not an object: it should be like {"variables": {…}, "entities": {"orders": {…}}}`)
	} else if e != nil && e.What == overrides.NotJSON {
		return fmt.Errorf("cannot be read: %w; what begins with { is JSON, with texts in double quotes", err)
	} else if err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(object, &keys); err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	s.warnOfKeys("overrides", keys, "variables", "entities")
	s.Overrides = object
	return nil
}

// warnOfKeys tells of names in an object that the API does not know.
func (s *Settings) warnOfKeys(setting string, object map[string]json.RawMessage, known ...string) {
	for _, key := range sortedKeys(object) {
		if !slices.Contains(known, key) {
			s.Warnings = append(s.Warnings, fmt.Sprintf("%s has %q at its top, where the API knows %s%s; it is sent on",
				setting, shorten(key, 40), enumerate(known), didYouMean(key, known)))
		}
	}
}

// readOverrides reads a file. In a workflow it has to be in the workspace, also by way of links: what is checked out there may be
// somebody else's, and names whatever it likes.
func (s *Settings) readOverrides(name string) (string, error) {
	name = s.resolve(name)
	stat, read := os.Stat, os.ReadFile
	if s.workflow {
		rel, err := filepath.Rel(s.Base, name)
		if err != nil || !filepath.IsLocal(rel) {
			return "", errors.New("is not in the workspace: name the file by its path from there, as in @overrides.yaml")
		}
		root, err := os.OpenRoot(s.Base)
		if err != nil {
			return "", fmt.Errorf("cannot be read: %w", problem.WithoutPath(err))
		}
		defer root.Close()
		name, stat, read = rel, root.Stat, root.ReadFile
	}
	info, err := stat(name)
	switch {
	case err != nil:
		return "", fmt.Errorf("cannot be read: %w", problem.WithoutPath(err))
	case !info.Mode().IsRegular():
		return "", errors.New("is not a file")
	case info.Size() > maxOverrideBytes:
		return "", fmt.Errorf("is larger than %d MiB", maxOverrideBytes>>20)
	}
	text, err := read(name)
	if err != nil {
		return "", fmt.Errorf("cannot be read: %w", problem.WithoutPath(err))
	}
	return string(text), nil
}

// setScript takes a path inside the archive, with either slash.
func setScript(s *Settings, v string) error {
	name := pathpkg.Clean(strings.ReplaceAll(v, `\`, "/"))
	if !fs.ValidPath(name) || name == "." {
		return errors.New("is not a path inside the archive: write it like folder/load.sql, without .. and without a slash before it")
	}
	s.Script = name
	return nil
}

// setVariables takes name=value lines. Names follow psql: letters, digits and underscores, letters of any script.
func setVariables(s *Settings, v string) error {
	s.Variables = map[string]string{}
	for line := range strings.Lines(v) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		switch {
		case !ok:
			return fmt.Errorf("has a line without =, beginning with %q; write name=value", shorten(line, 20))
		case !variableName(name):
			return fmt.Errorf("has the name %q, where psql allows letters, digits and underscores only", name)
		case strings.ContainsRune(value, 0):
			return fmt.Errorf("has a NUL character in %s", name)
		}
		if _, twice := s.Variables[name]; twice {
			return fmt.Errorf("sets %s twice", name)
		}
		s.Variables[name] = value
	}
	return nil
}

// variableName is valid_variable_name of psql's variables.c: every byte above 127 counts as a letter there.
func variableName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r < utf8.RuneSelf && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// existence is what a path must be.
type existence int

const (
	mustExist existence = iota // a file or folder
	mustFile                   // a file
	noFile                     // a folder, or nothing yet
)

func path(field func(*Settings) *string, want existence) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		name := s.resolve(v)
		if err := checkPath(name, want); err != nil {
			return err
		}
		*field(s) = name
		return nil
	}
}

// paths reads files, one a line. A line can also name a folder, for the .sql files in it, or be a pattern with *, ? and […]; their
// files come in natural order: 9_users.sql before 10_orders.sql.
func paths(field func(*Settings) *[]string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		for line := range strings.Lines(v) {
			line = strings.TrimSpace(line)
			if line == "" {
				continue
			}
			files, err := filesOf(s.resolve(line))
			if err != nil {
				return fmt.Errorf("names %s, which %w", line, err)
			}
			*field(s) = append(*field(s), files...)
		}
		return nil
	}
}

// filesOf gives the file of that name, the .sql files of that folder, or the files that fit that pattern.
func filesOf(name string) ([]string, error) {
	pattern := name
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		pattern = filepath.Join(escapeGlob(name), "*.sql")
	case err == nil, !strings.ContainsAny(name, "*?["):
		return []string{name}, checkPath(name, mustFile)
	}
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, errors.New("is not a pattern that can be read")
	}
	files = slices.DeleteFunc(files, func(f string) bool { return checkPath(f, mustFile) != nil })
	switch {
	case len(files) > 0:
	case pattern == name:
		return nil, errors.New("fits no file")
	default:
		return nil, errors.New("is a folder without .sql files")
	}
	slices.SortStableFunc(files, natural.Compare)
	return files, nil
}

// escapeGlob makes a path a pattern that fits nothing but itself. (On Windows a pattern has no escapes, and [ is rare in names.)
func escapeGlob(name string) string {
	if filepath.Separator == '\\' {
		return name
	}
	return strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, `\`, `\\`).Replace(name)
}

func checkPath(name string, want existence) error {
	info, err := os.Stat(name)
	switch {
	case want == noFile && errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("cannot be read: %w", problem.WithoutPath(err))
	case want == mustFile && !info.Mode().IsRegular():
		return errors.New("is not a file")
	case want == noFile && !info.IsDir():
		return errors.New("is a file, where a folder is meant")
	}
	return nil
}

// resolve makes a path absolute, from the base folder.
func (s *Settings) resolve(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(s.Base, name)
}

func shorten(s string, runes int) string {
	if r := []rune(s); len(r) > runes {
		return string(r[:runes]) + "…"
	}
	return s
}
