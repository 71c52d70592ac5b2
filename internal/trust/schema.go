package trust

import (
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// define reads CREATE, DROP, COMMENT, GRANT, REVOKE and REFRESH, behind their first word.
func (p *parser) define(first string) {
	switch first {
	case "create":
		p.create()
	case "drop":
		p.drop()
	case "comment":
		p.comment()
	case "grant", "revoke":
		p.grant()
	case "refresh":
		p.must("materialized", "view")
		p.word("concurrently")
		p.relation()
		p.withData()
	}
}

func (p *parser) ifNotExists() {
	if p.word("if") != "" {
		p.must("not", "exists")
	}
}

func (p *parser) ifExists() {
	if p.word("if") != "" {
		p.must("exists")
	}
}

func (p *parser) withData() {
	if p.word("with") != "" {
		p.word("no")
		p.must("data")
	}
}

func (p *parser) create() {
	replace := p.words("or", "replace")
	p.word("unlogged")
	kind := p.word("schema", "table", "unique", "index", "sequence", "type", "domain", "view", "recursive", "materialized", "extension", "statistics")
	if replace && kind != "view" {
		p.refuse("")
	}
	switch kind {
	case "schema":
		p.ifNotExists()
		if p.word("authorization") != "" {
			p.name()
			return
		}
		p.schema()
		if p.word("authorization") != "" {
			p.name()
		}
	case "table":
		p.table()
	case "unique":
		p.must("index")
		p.index()
	case "index":
		p.index()
	case "sequence":
		p.ifNotExists()
		p.relation()
		p.sequenceOptions()
	case "type":
		p.typeOf()
	case "domain":
		p.relation()
		p.word("as")
		p.typeName()
		for p.domainConstraint() {
		}
	case "view":
		p.relation()
		p.viewOptions()
		p.must("as")
		p.viewed()
		if p.word("with") != "" {
			p.word("local", "cascaded")
			p.must("check", "option")
		}
	case "materialized":
		p.must("view")
		p.ifNotExists()
		p.relation()
		p.viewOptions()
		p.tablespace()
		p.must("as")
		p.viewed()
		p.withData()
	case "extension":
		p.extension()
	case "statistics":
		p.ifNotExists()
		p.relation()
		if p.Accept("(") {
			p.list(func() { p.name() })
			p.must(")")
		}
		p.must("on")
		p.list(p.expression)
		p.must("from")
		p.relation()
	default:
		p.refuse("")
	}
}

// viewed reads the query of a view.
func (p *parser) viewed() {
	p.queries = true
	p.query()
	p.queries = false
}

func (p *parser) viewOptions() {
	if tok := p.Peek(); tok.Kind == sqltext.OtherToken && tok.Text == "(" {
		p.columnsIn()
	}
	p.storage()
}

// storage reads storage parameters, if they are next: names and constants.
func (p *parser) storage() {
	if p.word("with") == "" {
		return
	}
	p.must("(")
	p.plain()
	p.must(")")
}

func (p *parser) tablespace() {
	if p.word("tablespace") != "" {
		p.name()
	}
}

func (p *parser) extension() {
	p.ifNotExists()
	p.trusted()
	p.word("with")
	for {
		switch p.word("schema", "version") {
		case "schema":
			p.schema()
		case "version":
			p.Next()
		default:
			return // CASCADE would bring others
		}
	}
}

// trusted reads the name of an extension that the server marks as trusted.
func (p *parser) trusted() {
	at := p.I
	name := p.name()
	if p.o.Trusted == nil || !p.o.Trusted(name) {
		p.I = at
		p.refuse("an extension that the server does not mark as trusted (" + name + ")")
	}
}

// typeOf reads what a type is made of.
func (p *parser) typeOf() {
	p.relation()
	p.must("as")
	if p.word("enum") != "" {
		p.must("(")
		if p.Accept(")") {
			return
		}
		p.list(p.text)
		p.must(")")
		return
	}
	if p.word("range") != "" {
		p.parens(p.rangeOption)
		return
	}
	p.must("(")
	if p.Accept(")") {
		return
	}
	p.list(func() {
		p.name()
		p.typeName()
		p.collate()
	})
	p.must(")")
}

// differences are functions of pg_catalog that tell how far values of a range are from one another.
var differences = set("float8mi int4range_subdiff int8range_subdiff numrange_subdiff daterange_subdiff tsrange_subdiff tstzrange_subdiff")

// rangeOption reads what a range is made of. The functions that PostgreSQL makes for it put values together, and run nothing.
func (p *parser) rangeOption() {
	option := p.name()
	p.must("=")
	at := p.I
	switch option {
	case "subtype":
		p.typeName()
	case "subtype_opclass", "collation":
		p.qualified()
	case "multirange_type_name":
		p.relation()
	case "subtype_diff":
		if parts := p.qualified(); !builtin(parts) || !differences[parts[len(parts)-1]] {
			p.I = at
			p.refuse("the function " + strings.Join(parts, "."))
		}
	default:
		p.refuse("the option " + option + " of a range")
	}
}

// text reads a string constant.
func (p *parser) text() {
	if tok := p.Next(); tok.Kind != sqltext.StringToken {
		p.I = tok.At
		p.refuse("")
	}
	p.uescape()
}

func (p *parser) collate() {
	if p.word("collate") != "" {
		p.qualified()
	}
}

func (p *parser) domainConstraint() bool {
	switch {
	case p.word("constraint") != "":
		p.name()
	case p.words("not", "null"), p.word("null") != "", p.words("not", "valid"):
	case p.word("default") != "":
		p.expression()
	case p.word("collate") != "":
		p.qualified()
	case p.word("check") != "":
		p.parens(p.expression)
	default:
		return false
	}
	return true
}

// sequenceOptions reads those of a sequence, or of an identity column: words, names and numbers.
func (p *parser) sequenceOptions() {
	for {
		switch {
		case p.word("as") != "":
			p.typeName()
		case p.words("owned", "by"):
			if p.word("none") == "" {
				p.column()
			}
		case p.words("sequence", "name"):
			p.relation()
		case p.word("increment", "by", "minvalue", "maxvalue", "no", "start", "restart", "with", "cache", "cycle", "logged", "unlogged") != "":
		default:
			p.Accept("-")
			if tok := p.Peek(); tok.Kind != sqltext.OtherToken || !isNumber(tok.Text) {
				return
			}
			p.Next()
		}
	}
}

// column reads the name of a column behind that of its relation, which is one of the user's.
func (p *parser) column() {
	at := p.I
	parts := p.Relation()
	if len(parts) < 2 || len(parts) > 4 {
		p.refuse("")
	}
	if what := p.foreign(parts[:len(parts)-1]); what != "" {
		p.I = at
		p.refuse(what)
	}
}

func (p *parser) table() {
	p.ifNotExists()
	p.relation()
	elements := false
	switch {
	case p.words("partition", "of"):
		p.relation()
		if tok := p.Peek(); tok.Kind == sqltext.OtherToken && tok.Text == "(" {
			p.parens(p.partitionElement)
		}
		p.bounds()
		elements = true
	case p.word("of") != "":
		p.relation()
		elements = true
		if tok := p.Peek(); tok.Kind == sqltext.OtherToken && tok.Text == "(" {
			p.parens(p.partitionElement)
		}
	case p.Accept("("):
		elements = true
		if !p.Accept(")") {
			p.list(p.element)
			p.must(")")
		}
	}
	if !elements {
		p.refuse("")
	}
	for {
		switch {
		case p.word("inherits") != "":
			p.parens(p.relation)
		case p.words("partition", "by"):
			if p.word("range", "list", "hash") == "" {
				p.refuse("")
			}
			p.parens(p.indexElement)
		case p.words("using", "heap"), p.words("without", "oids"):
		case p.Peek().Text == "with":
			p.storage()
		case p.Peek().Text == "tablespace":
			p.tablespace()
		default:
			return
		}
	}
}

// bounds reads those of a partition.
func (p *parser) bounds() {
	if p.word("default") != "" {
		return
	}
	p.must("for", "values")
	bound := func() {
		if p.word("minvalue", "maxvalue") == "" {
			p.expression()
		}
	}
	switch {
	case p.word("in") != "":
		p.parens(bound)
	case p.word("from") != "":
		p.parens(bound)
		p.must("to")
		p.parens(bound)
	case p.word("with") != "":
		p.must("(")
		p.plain()
		p.must(")")
	default:
		p.refuse("")
	}
}

// partitionElement reads a column or constraint that says nothing of a type.
func (p *parser) partitionElement() {
	if p.tableConstraint() {
		return
	}
	p.name()
	p.words("with", "options")
	for p.columnConstraint() {
	}
}

// element reads a column or constraint of a table.
func (p *parser) element() {
	if p.tableConstraint() {
		return
	}
	if p.word("like") != "" {
		p.relation()
		for p.word("including", "excluding") != "" {
			p.name()
		}
		return
	}
	p.columnDefinition()
}

func (p *parser) columnDefinition() {
	p.name()
	p.typeName()
	for p.columnConstraint() {
	}
}

func (p *parser) columnConstraint() bool {
	switch {
	case p.word("constraint") != "":
		p.name()
	case p.words("not", "null"), p.words("no", "inherit"), p.words("not", "valid"):
	case p.word("null") != "":
	case p.word("collate") != "":
		p.qualified()
	case p.word("storage", "compression") != "":
		p.name()
	case p.word("check") != "":
		p.parens(p.expression)
	case p.word("default") != "":
		p.expression()
	case p.word("generated") != "":
		p.generated()
	case p.word("unique") != "":
		p.nullsDistinct()
		p.indexParameters()
	case p.words("primary", "key"):
		p.indexParameters()
	case p.word("references") != "":
		p.references()
	default:
		return p.deferrable()
	}
	return true
}

func (p *parser) generated() {
	if !p.words("by", "default") {
		p.must("always")
	}
	p.must("as")
	if p.word("identity") != "" {
		if p.Accept("(") {
			p.sequenceOptions()
			p.must(")")
		}
		return
	}
	p.parens(p.expression)
	p.word("stored", "virtual")
}

func (p *parser) deferrable() bool {
	return p.words("not", "deferrable") || p.word("deferrable") != "" || p.words("initially", "deferred") || p.words("initially", "immediate") ||
		p.words("not", "enforced") || p.word("enforced") != ""
}

func (p *parser) nullsDistinct() {
	if p.word("nulls") != "" {
		p.word("not")
		p.must("distinct")
	}
}

func (p *parser) indexParameters() {
	if p.word("include") != "" {
		p.columnsIn()
	}
	p.storage()
	if p.words("using", "index", "tablespace") {
		p.name()
	}
}

func (p *parser) references() {
	p.relation()
	if tok := p.Peek(); tok.Kind == sqltext.OtherToken && tok.Text == "(" {
		p.columnsIn()
	}
	for {
		switch {
		case p.word("match") != "":
			if p.word("full", "partial", "simple") == "" {
				p.refuse("")
			}
		case p.word("on") != "":
			if p.word("delete", "update") == "" {
				p.refuse("")
			}
			switch {
			case p.words("no", "action"), p.word("restrict", "cascade") != "":
			case p.word("set") != "":
				if p.word("null", "default") == "" {
					p.refuse("")
				}
				if tok := p.Peek(); tok.Kind == sqltext.OtherToken && tok.Text == "(" {
					p.columnsIn()
				}
			default:
				p.refuse("")
			}
		default:
			return
		}
	}
}

// tableConstraint reads a constraint of a table, and reports whether there is one.
func (p *parser) tableConstraint() bool {
	at := p.I
	if p.word("constraint") != "" {
		p.name()
	}
	switch {
	case p.word("check") != "":
		p.parens(p.expression)
	case p.word("unique") != "":
		p.nullsDistinct()
		p.keyOrIndex()
	case p.words("primary", "key"):
		p.keyOrIndex()
	case p.words("foreign", "key"):
		p.columnsIn()
		p.must("references")
		p.references()
	case p.word("exclude") != "":
		if p.word("using") != "" {
			p.name()
		}
		p.parens(func() {
			p.indexElement()
			p.must("with")
			if p.operator() == "" {
				p.refuse("")
			}
		})
		p.indexParameters()
		if p.word("where") != "" {
			p.parens(p.expression)
		}
	case p.words("not", "null"):
		p.name()
	default:
		p.I = at
		return false
	}
	for p.deferrable() || p.words("no", "inherit") || p.words("not", "valid") {
	}
	return true
}

func (p *parser) keyOrIndex() {
	if p.words("using", "index") {
		p.name()
		return
	}
	p.parens(func() {
		p.name()
		p.words("without", "overlaps")
	})
	p.indexParameters()
}

func (p *parser) index() {
	p.word("concurrently")
	p.ifNotExists()
	if p.Peek().Text != "on" {
		p.relation()
	}
	p.must("on")
	p.word("only")
	p.relation()
	if p.word("using") != "" {
		p.name()
	}
	p.parens(p.indexElement)
	p.indexParameters()
	p.nullsDistinct()
	p.storage()
	p.tablespace()
	if p.word("where") != "" {
		p.expression()
	}
}

// indexElement reads a column or an expression with its operator class and order.
func (p *parser) indexElement() {
	p.expression()
	if tok := p.Peek(); tok.Kind == sqltext.QuotedToken || tok.Kind == sqltext.WordToken && !slices.Contains([]string{"asc", "desc", "nulls", "with", "where"}, tok.Text) {
		p.qualified() // an operator class
		if tok := p.Peek(); tok.Kind == sqltext.OtherToken && tok.Text == "(" {
			p.Next()
			p.plain()
			p.must(")")
		}
	}
	p.word("asc", "desc")
	if p.word("nulls") != "" {
		p.word("first", "last")
	}
}

// alterTable reads ALTER TABLE behind these words. The list of data has triggers alone.
func (p *parser) alterTable() {
	p.ifExists()
	p.word("only")
	p.relation()
	p.Accept("*")
	p.list(func() {
		if how := p.word("enable", "disable"); how != "" {
			if how == "enable" && p.o.Level == Schema && p.words("row", "level", "security") {
				return
			}
			p.must("trigger")
			p.name()
			return
		}
		if p.o.Level != Schema {
			p.refuse("")
		}
		p.alterColumnOrTable()
	})
}

func (p *parser) alterColumnOrTable() {
	switch p.word("add", "drop", "alter", "rename", "owner", "set", "reset", "attach", "detach", "cluster", "replica", "validate", "force", "no", "inherit") {
	case "add":
		if p.tableConstraint() {
			return
		}
		p.word("column")
		p.ifNotExists()
		p.columnDefinition()
	case "drop":
		p.word("column", "constraint")
		p.ifExists()
		p.name()
		p.word("cascade", "restrict")
	case "alter":
		if p.word("constraint") != "" {
			p.name()
			for p.deferrable() || p.words("no", "inherit") {
			}
			return
		}
		p.word("column")
		if tok := p.Peek(); tok.Kind == sqltext.OtherToken && isNumber(tok.Text) {
			p.Next()
		} else {
			p.name()
		}
		p.alterColumn()
	case "rename":
		if p.word("constraint") == "" {
			p.word("column")
		}
		if p.word("to") != "" {
			p.name()
			return
		}
		p.name()
		p.must("to")
		p.name()
	case "owner":
		p.must("to")
		p.name()
	case "set":
		p.setOfTable()
	case "reset":
		p.must("(")
		p.plain()
		p.must(")")
	case "attach":
		p.must("partition")
		p.relation()
		if p.Peek().Kind != sqltext.EndToken && p.Peek().Text != ";" { // of an index: nothing more
			p.bounds()
		}
	case "detach":
		p.must("partition")
		p.relation()
		p.word("concurrently", "finalize")
	case "cluster":
		p.must("on")
		p.name()
	case "replica":
		p.must("identity")
		if p.words("using", "index") {
			p.name()
		} else if p.word("default", "full", "nothing") == "" {
			p.refuse("")
		}
	case "validate":
		p.must("constraint")
		p.name()
	case "force":
		p.must("row", "level", "security")
	case "no":
		p.must("inherit")
		p.relation()
	case "inherit":
		p.relation()
	default:
		p.refuse("")
	}
}

func (p *parser) setOfTable() {
	switch {
	case p.word("schema") != "":
		p.schema()
	case p.word("tablespace") != "":
		p.name()
	case p.word("logged", "unlogged") != "", p.words("without", "cluster"), p.words("without", "oids"):
	default:
		p.must("(")
		p.plain()
		p.must(")")
	}
}

func (p *parser) alterColumn() {
	switch p.word("set", "drop", "type", "reset", "add", "restart") {
	case "set":
		switch {
		case p.word("default") != "":
			p.expression()
		case p.words("not", "null"), p.words("generated", "always"), p.words("generated", "by", "default"):
		case p.words("data", "type"):
			p.columnType()
		case p.word("statistics") != "":
			p.Accept("-")
			if p.word("default") == "" {
				p.expression()
			}
		case p.word("storage", "compression") != "":
			p.name()
		case p.word("expression") != "":
			p.must("as")
			p.parens(p.expression)
		case p.Accept("("):
			p.plain()
			p.must(")")
		default:
			p.sequenceOptions()
		}
	case "drop":
		if !p.words("not", "null") && p.word("default") == "" {
			if p.word("identity", "expression") == "" {
				p.refuse("")
			}
			p.ifExists()
		}
	case "type":
		p.columnType()
	case "reset":
		p.must("(")
		p.plain()
		p.must(")")
	case "add":
		p.must("generated")
		p.generated()
	case "restart":
		p.sequenceOptions()
	default:
		p.refuse("")
	}
}

func (p *parser) columnType() {
	p.typeName()
	p.collate()
	if p.word("using") != "" {
		p.expression()
	}
}

// alter reads ALTER of anything but a table, behind the word.
func (p *parser) alter() {
	switch kind := p.word("schema", "sequence", "view", "materialized", "index", "type", "domain", "default", "statistics"); kind {
	case "default":
		p.must("privileges")
		p.defaultPrivileges()
	case "sequence":
		p.ifExists()
		p.relation()
		if !p.ownerOrName() {
			if p.word("set") != "" {
				p.word("logged", "unlogged")
			}
			p.sequenceOptions()
		}
	case "type":
		p.relation()
		p.alterType()
	case "domain":
		p.relation()
		p.alterDomain()
	case "view", "materialized", "index":
		if kind == "materialized" {
			p.must("view")
		}
		p.ifExists()
		p.relation()
		p.list(p.alterColumnOrTable)
	case "schema", "statistics":
		if kind == "schema" {
			p.schema()
		} else {
			p.relation()
		}
		if !p.ownerOrName() {
			p.must("set", "statistics")
			p.Accept("-")
			p.expression()
		}
	default:
		p.refuse("")
	}
}

// ownerOrName reads OWNER TO, RENAME TO and SET SCHEMA, and reports whether it was one of them.
func (p *parser) ownerOrName() bool {
	switch {
	case p.words("owner", "to"), p.words("rename", "to"):
		p.name()
	case p.words("set", "schema"):
		p.schema()
	default:
		return false
	}
	return true
}

func (p *parser) alterType() {
	switch {
	case p.ownerOrName():
	case p.words("add", "value"):
		p.ifNotExists()
		p.text()
		if p.word("before", "after") != "" {
			p.text()
		}
	case p.words("rename", "value"):
		p.text()
		p.must("to")
		p.text()
	case p.words("rename", "attribute"):
		p.name()
		p.must("to")
		p.name()
		p.word("cascade", "restrict")
	default:
		p.list(func() {
			switch p.word("add", "drop", "alter") {
			case "add":
				p.must("attribute")
				p.name()
				p.typeName()
			case "drop":
				p.must("attribute")
				p.ifExists()
				p.name()
			case "alter":
				p.must("attribute")
				p.name()
				p.words("set", "data")
				p.must("type")
				p.typeName()
			default:
				p.refuse("")
			}
			p.collate()
			p.word("cascade", "restrict")
		})
	}
}

func (p *parser) alterDomain() {
	switch {
	case p.ownerOrName():
	case p.words("set", "default"):
		p.expression()
	case p.words("drop", "default"), p.words("set", "not", "null"), p.words("drop", "not", "null"):
	case p.word("add") != "":
		for p.domainConstraint() {
		}
	case p.words("drop", "constraint"):
		p.ifExists()
		p.name()
		p.word("cascade", "restrict")
	case p.words("rename", "constraint"):
		p.name()
		p.must("to")
		p.name()
	default:
		p.must("validate", "constraint")
		p.name()
	}
}

func (p *parser) drop() {
	name := p.relation
	switch p.word("table", "view", "materialized", "index", "sequence", "type", "domain", "schema", "statistics", "extension") {
	case "":
		p.refuse("")
	case "schema":
		name = p.schema
	case "extension":
		name = p.trusted
	case "materialized":
		p.must("view")
	case "index":
		p.word("concurrently")
	}
	p.ifExists()
	p.list(name)
	p.word("cascade", "restrict")
}

// comment reads COMMENT ON, behind its first word: on anything within the database. (That on a database is how databases of our own
// are known.)
func (p *parser) comment() {
	p.must("on")
	if p.word("database", "role", "tablespace", "subscription", "server", "foreign") != "" {
		p.refuse("a comment on what belongs to the whole server")
	}
	for { // names, types of arguments, words
		tok := p.Next()
		switch {
		case tok.Kind == sqltext.WordToken && tok.Text == "is":
			if p.word("null") == "" {
				p.text()
			}
			return
		case tok.Kind == sqltext.EndToken, tok.Kind == sqltext.OtherToken && tok.Text == ";":
			p.I = tok.At
			p.refuse("")
		}
	}
}

// privileges of tables, sequences, schemas and types.
var privileges = []string{"select", "insert", "update", "delete", "truncate", "references", "trigger", "maintain", "usage", "create"}

// grant reads GRANT and REVOKE of privileges on what the lists can make, behind the first word. Without ON it is about roles.
func (p *parser) grant() {
	if p.words("grant", "option") {
		p.must("for")
	}
	p.privileges()
	p.must("on")
	switch {
	case p.word("all") != "":
		if p.word("tables", "sequences") == "" {
			p.refuse("")
		}
		p.must("in", "schema")
		p.list(p.schema)
	default:
		if p.word("function", "procedure", "routine", "language", "foreign", "parameter", "database", "tablespace", "large") != "" {
			p.refuse("a grant on anything but tables, sequences, schemas and types")
		}
		if p.word("table", "sequence", "schema", "type", "domain") == "schema" {
			p.list(p.schema)
		} else {
			p.list(p.relation)
		}
	}
	p.grantees()
}

func (p *parser) privileges() {
	if p.word("all") != "" {
		p.word("privileges")
		if tok := p.Peek(); tok.Kind == sqltext.OtherToken && tok.Text == "(" {
			p.columnsIn()
		}
		return
	}
	p.list(func() {
		if p.word(privileges...) == "" {
			p.refuse("")
		}
		if tok := p.Peek(); tok.Kind == sqltext.OtherToken && tok.Text == "(" {
			p.columnsIn()
		}
	})
}

func (p *parser) grantees() {
	if p.word("to", "from") == "" {
		p.refuse("")
	}
	p.list(func() {
		p.word("group")
		p.name()
	})
	if p.words("with", "grant") {
		p.must("option")
	}
	if p.words("granted", "by") {
		p.name()
	}
	p.word("cascade", "restrict")
}

func (p *parser) defaultPrivileges() {
	if p.word("for") != "" {
		if p.word("role", "user") == "" {
			p.refuse("")
		}
		p.list(func() { p.name() })
	}
	if p.words("in", "schema") {
		p.list(p.schema)
	}
	if p.word("grant", "revoke") == "" {
		p.refuse("")
	}
	if p.words("grant", "option") {
		p.must("for")
	}
	p.privileges()
	p.must("on")
	if p.word("tables", "sequences", "types", "schemas") == "" {
		p.refuse("a grant on anything but tables, sequences, schemas and types")
	}
	p.grantees()
}
