package trust

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// harmlessSettings are the parameters that a script may set: they decide how its rows are read, how long things may take, and how much
// memory they may have. None names code, files, programs or roles, none hides what is done from the server's log.
var harmlessSettings = []string{
	"application_name", "array_nulls", "bytea_output", "check_function_bodies", "client_encoding", "client_min_messages", "constraint_exclusion", "datestyle",
	"default_table_access_method", "default_tablespace", "default_toast_compression", "default_with_oids", "enable_hashjoin", "enable_mergejoin",
	"enable_nestloop", "enable_seqscan", "escape_string_warning", "extra_float_digits", "geqo", "idle_in_transaction_session_timeout",
	"idle_session_timeout", "intervalstyle", "jit", "lc_monetary", "lc_numeric", "lc_time", "lock_timeout", "maintenance_work_mem",
	"max_parallel_maintenance_workers", "max_parallel_workers_per_gather", "quote_all_identifiers", "row_security", "search_path",
	"session_replication_role", "standard_conforming_strings", "statement_timeout", "synchronize_seqscans", "synchronous_commit", "timezone",
	"transaction_timeout", "vacuum_cost_delay", "work_mem", "xmlbinary", "xmloption",
}

// shown are parameters that a script may look at beside those that it may set. Others tell of the server's files and other servers' passwords.
var shown = []string{"in_hot_standby", "integer_datetimes", "is_superuser", "lc_collate", "lc_ctype", "max_identifier_length", "max_index_keys", "server_encoding",
	"server_version", "server_version_num", "session_authorization", "transaction_isolation", "transaction_read_only"}

// unsafeEncodings are those in which a byte of ASCII can be part of another character. The server has none of them, so that a text
// means something else here and there. The names have letters and digits alone: the server passes over all else.
var unsafeEncodings = []string{"big5", "gb18030", "gbk", "johab", "shiftjis2004", "sjis", "shiftjis", "mskanji", "uhc", "win936", "win949", "win950", "win932", "windows932", "windows936", "windows949", "windows950"}

// statement reads one statement.
func (p *parser) statement() {
	first := p.Next()
	if first.Kind != sqltext.WordToken {
		p.I = first.At
		p.refuse("")
	}
	again := p.I
	p.I = first.At
	schema := p.o.Level == Schema
	switch first.Text {
	case "insert":
		p.I = again
		p.insert()
	case "copy":
		p.I = again
		p.copy()
	case "truncate":
		p.I = again
		p.word("table")
		p.list(p.emptied)
		if p.word("restart", "continue") != "" {
			p.must("identity")
		}
		p.word("cascade", "restrict")
	case "delete":
		p.I = again
		p.must("from")
		p.emptied()
	case "set":
		p.I = again
		p.set()
	case "reset":
		p.I = again
		if p.words("time", "zone") || p.words("session", "authorization") && p.asItself() {
			return
		}
		p.setting()
	case "select":
		p.I = again
		p.choose()
	case "begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release":
		p.I = again
		p.transaction(first.Text)
	case "lock":
		p.I = again
		p.word("table")
		p.list(p.emptied)
		if p.word("in") != "" {
			for p.word("access", "row", "share", "update", "exclusive") != "" {
			}
			p.must("mode")
		}
		p.word("nowait")
	case "analyze", "analyse":
		p.I = again
		p.analyze()
	case "show":
		p.I = again
		if !p.words("time", "zone") && !p.words("session", "authorization") && !p.words("transaction", "isolation", "level") && p.word(shown...) == "" {
			p.setting()
		}
	case "alter":
		p.I = again
		if p.word("table") != "" {
			p.alterTable()
			return
		}
		if !schema {
			p.I = first.At
			p.refuse("")
		}
		p.alter()
	case "create", "drop", "comment", "grant", "revoke", "refresh":
		if !schema {
			p.refuse("")
		}
		p.I = again
		p.define(first.Text)
	default:
		p.refuse("")
	}
}

// emptied reads [ONLY] name [*].
func (p *parser) emptied() {
	only := p.word("only") != ""
	if only && p.Accept("(") {
		p.relation()
		p.must(")")
		return
	}
	p.relation()
	p.Accept("*")
}

func (p *parser) insert() {
	p.must("into")
	p.relation()
	if p.word("as") != "" {
		p.name()
	}
	var columns []string
	if p.Peek().Text == "(" && p.Peek().Kind == sqltext.OtherToken {
		columns = p.columnsIn()
	}
	if p.word("overriding") != "" {
		if p.word("system", "user") == "" {
			p.refuse("")
		}
		p.must("value")
	}
	switch {
	case p.words("default", "values"):
	case p.word("values") != "":
		p.list(func() {
			if !p.literals() {
				p.parens(p.expression)
			}
		})
	default:
		p.refuse("")
	}
	if p.words("on", "conflict") {
		p.onConflict(columns)
	}
	if p.word("returning") != "" {
		p.columns = columns
		p.list(p.target)
	}
	p.columns = nil
}

func (p *parser) onConflict(columns []string) {
	if p.words("on", "constraint") {
		p.name()
	} else if tok := p.Peek(); tok.Kind == sqltext.OtherToken && tok.Text == "(" {
		p.parens(p.indexElement)
		if p.word("where") != "" {
			p.expression()
		}
	}
	p.must("do")
	if p.word("nothing") != "" {
		return
	}
	p.must("update", "set")
	// EXCLUDED.x is the call x(EXCLUDED) where the table has no column x; the columns that are written are columns.
	p.columns = slices.Clone(columns)
	p.list(func() {
		if p.Accept("(") {
			p.list(func() { p.columns = append(p.columns, p.name()) })
			p.must(")", "=")
			p.word("row")
			p.parens(p.expression)
			return
		}
		p.columns = append(p.columns, p.name())
		p.must("=")
		p.expression()
	})
	if p.word("where") != "" {
		p.expression()
	}
}

func (p *parser) copy() {
	p.relation()
	if tok := p.Peek(); tok.Kind == sqltext.OtherToken && tok.Text == "(" {
		p.columnsIn()
	}
	p.must("from")
	switch tok := p.Next(); {
	case tok.Kind == sqltext.StringToken: // read from the archive, or refused where that has no such file
	case tok.Kind == sqltext.WordToken && tok.Text == "stdin":
	default:
		p.I = tok.At
		p.refuse("")
	}
	list := true // a list in parentheses may come: of options, or of the columns of one
	for {        // options are words, names and constants
		tok := p.Peek()
		switch {
		case tok.Kind == sqltext.EndToken, tok.Kind == sqltext.OtherToken && tok.Text == ";":
			return
		case tok.Kind == sqltext.WordToken && tok.Text == "where":
			p.Next()
			p.expression()
			return
		case tok.Kind == sqltext.WordToken && tok.Text == "program", tok.Kind == sqltext.OtherToken && tok.Text == "(" && !list:
			p.refuse("")
		case tok.Kind == sqltext.OtherToken && tok.Text != "(" && tok.Text != ")" && tok.Text != "," && tok.Text != "*" && !isNumber(tok.Text):
			p.refuse("")
		}
		p.Next()
		if next := p.Peek(); tok.Kind == sqltext.WordToken && tok.Text == "format" && (next.Kind == sqltext.WordToken || next.Kind == sqltext.QuotedToken || next.Kind == sqltext.StringToken) {
			if !slices.Contains([]string{"text", "csv", "binary"}, p.Content(next)) { // others may be code
				p.refuse("")
			}
		}
		list = tok.Kind == sqltext.WordToken && (tok.Text == "with" || strings.HasPrefix(tok.Text, "force_"))
	}
}

// setting reads the name of a parameter, and refuses those that are not on the list.
func (p *parser) setting() string {
	at := p.I
	parts := p.qualified()
	name := strings.ToLower(strings.Join(parts, "."))
	if len(parts) != 1 || !slices.Contains(harmlessSettings, name) {
		p.I = at
		p.refuse("the parameter " + name)
	}
	return name
}

func (p *parser) set() {
	if p.words("constraints") {
		if p.word("all") == "" {
			p.list(func() { p.qualified() })
		}
		if p.word("deferred", "immediate") == "" {
			p.refuse("")
		}
		return
	}
	at := p.I
	if p.words("session", "authorization", "default") && p.asItself() {
		return
	}
	p.I = at
	if p.words("session", "characteristics", "as", "transaction") || p.word("transaction") != "" {
		p.modes()
		return
	}
	p.I = at
	p.word("session", "local")
	switch {
	case p.words("time", "zone"):
		p.plain()
		return
	case p.word("names") != "":
		p.encoding()
		p.plain()
		return
	}
	name := p.setting()
	if !p.Accept("=") {
		p.must("to")
	}
	switch name {
	case "client_encoding":
		p.encoding()
	case "search_path":
		at := p.I
		for tok := p.Peek(); tok.Kind != sqltext.EndToken && tok.Text != ";"; tok = p.Peek() {
			p.path()
			p.Next()
		}
		p.I = at
	}
	p.plain("from") // FROM CURRENT is of ALTER DATABASE
}

func (p *parser) asItself() bool { return p.o.AsItself != nil && p.o.AsItself() }

// encoding looks at the name of an encoding that comes next.
func (p *parser) encoding() {
	tok := p.Peek()
	name := strings.Map(func(c rune) rune {
		if c >= utf8.RuneSelf || unicode.IsLetter(c) || unicode.IsDigit(c) {
			return unicode.ToLower(c)
		}
		return -1
	}, p.Content(tok))
	if slices.Contains(unsafeEncodings, name) || strings.Contains(p.Content(tok), `\`) {
		p.refuse("the client encoding " + tok.Text)
	}
}

// path looks at a name, or a list of names, for the search_path that comes next: what is made in the schema of temporary relations
// stands in front of the user's own.
func (p *parser) path() {
	if content := strings.ToLower(p.Content(p.Peek())); strings.Contains(content, "pg_temp") || strings.Contains(content, `\`) || content == "uescape" {
		p.refuse("a search_path with temporary tables (" + content + ")")
	}
}

func (p *parser) modes() {
	for {
		switch {
		case p.words("isolation", "level"):
			if !p.words("read", "committed") && !p.words("read", "uncommitted") && !p.words("repeatable", "read") && p.word("serializable") == "" {
				p.refuse("")
			}
		case p.words("read", "only"), p.words("read", "write"), p.word("deferrable") != "", p.words("not", "deferrable"):
		case p.Accept(","):
		default:
			return
		}
	}
}

func (p *parser) transaction(first string) {
	switch first {
	case "start":
		p.must("transaction")
		p.modes()
	case "begin":
		p.word("work", "transaction")
		p.modes()
	case "savepoint":
		p.name()
	case "release":
		p.word("savepoint")
		p.name()
	default:
		if p.word("prepared") != "" {
			p.refuse("a prepared transaction")
		}
		p.word("work", "transaction")
		if first == "rollback" && p.word("to") != "" {
			p.word("savepoint")
			p.name()
			return
		}
		if p.word("and") != "" {
			p.word("no")
			p.must("chain")
		}
	}
}

func (p *parser) analyze() {
	if tok := p.Peek(); tok.Kind == sqltext.OtherToken && tok.Text == "(" {
		p.Next()
		p.plain()
		p.must(")")
	}
	p.word("verbose")
	if tok := p.Peek(); tok.Kind != sqltext.WordToken && tok.Kind != sqltext.QuotedToken {
		return
	}
	p.list(func() {
		p.word("only")
		p.relation()
		p.Accept("*")
		if tok := p.Peek(); tok.Kind == sqltext.OtherToken && tok.Text == "(" {
			p.columnsIn()
		}
	})
}

// choose reads a SELECT: of setval, also over a table, of set_config, or of harmless expressions over nothing.
func (p *parser) choose() {
	at := p.I
	if tok := p.Peek(); tok.Kind == sqltext.WordToken || tok.Kind == sqltext.QuotedToken {
		parts := p.qualified()
		if builtin(parts) && p.Accept("(") {
			switch parts[len(parts)-1] {
			case "setval":
				p.setval()
				return
			case "set_config":
				p.setConfig()
				return
			}
		}
	}
	p.I = at
	p.list(p.target)
}

// setval reads SELECT setval(sequence, value [, called]) [AS x] [, setval(…)] [FROM table], behind its first parenthesis.
func (p *parser) setval() {
	for {
		p.sequence()
		for p.Accept(",") {
			p.counted(p.expression)
		}
		p.must(")")
		p.alias()
		if !p.Accept(",") {
			break
		}
		if parts := p.qualified(); !builtin(parts) || parts[len(parts)-1] != "setval" {
			p.refuse("")
		}
		p.must("(")
	}
	if p.word("from") != "" {
		p.word("only")
		p.relation()
		p.alias()
	}
}

// counted reads an expression in which max and min of a column, and a query of nothing else over one table, may stand.
func (p *parser) counted(expression func()) {
	p.queries, p.counting = true, true
	expression()
	p.queries, p.counting = false, false
}

// count reads SELECT … [FROM table [WHERE …]].
func (p *parser) count() {
	p.must("select")
	p.list(p.target)
	if p.word("from") != "" {
		p.word("only")
		p.relation()
		p.alias()
	}
	if p.word("where") != "" {
		p.expression()
	}
}

// setConfig reads SELECT set_config('name', value, local) [AS x], behind its first parenthesis.
func (p *parser) setConfig() {
	tok := p.Next()
	name := strings.ToLower(p.Content(tok))
	if tok.Kind != sqltext.StringToken || !slices.Contains(harmlessSettings, name) {
		p.I = tok.At
		p.refuse("set_config of anything but a parameter on the list")
	}
	p.must(",")
	switch name {
	case "client_encoding":
		p.encoding()
		p.text()
	case "search_path":
		p.path()
		p.text()
	default:
		p.expression()
	}
	p.must(",")
	p.expression()
	p.must(")")
	p.alias()
}

// target reads an expression with a name for it.
func (p *parser) target() {
	if p.Accept("*") {
		return
	}
	p.expression()
	p.alias()
}

func (p *parser) alias() {
	if p.word("as") != "" {
		p.name()
		return
	}
	if tok := p.Peek(); tok.Kind == sqltext.QuotedToken || tok.Kind == sqltext.WordToken && !reserved(tok.Text) {
		p.Next()
	}
}
