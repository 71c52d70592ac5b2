package trust

import "github.com/fabricate-seed/fabricate-seed/internal/sqltext"

// query reads the query of a view: SELECTs over relations of the user's, whose expressions are of what is on the lists.
func (p *parser) query() {
	if p.word("with") != "" {
		p.word("recursive")
		p.list(func() {
			p.name()
			if tok := p.Peek(); tok.Text == "(" && tok.Kind == sqltext.OtherToken {
				p.columnsIn()
			}
			p.must("as")
			p.word("not")
			p.word("materialized")
			p.must("(")
			p.query()
			p.must(")")
		})
	}
	p.term()
	for p.word("union", "intersect", "except") != "" {
		p.word("all", "distinct")
		p.term()
	}
	if p.words("order", "by") {
		p.list(p.sorted)
	}
	for p.word("limit", "offset") != "" {
		if p.word("all") == "" {
			p.expression()
		}
		p.word("row", "rows")
	}
	if p.word("fetch") != "" {
		p.word("first", "next")
		if tok := p.Peek(); isNumber(tok.Text) {
			p.Next()
		}
		p.word("row", "rows")
		if p.word("only") == "" {
			p.must("with", "ties")
		}
	}
}

// term reads one SELECT of a query.
func (p *parser) term() {
	if p.Accept("(") {
		p.query()
		p.must(")")
		return
	}
	if p.word("values") != "" {
		p.list(func() { p.parens(p.expression) })
		return
	}
	p.must("select")
	if p.word("distinct") != "" {
		if p.word("on") != "" {
			p.parens(p.expression)
		}
	} else {
		p.word("all")
	}
	if p.Peek().Text != "from" { // of no columns, as in EXISTS
		p.list(p.target)
	}
	if p.word("from") != "" {
		p.list(p.joined)
	}
	if p.word("where") != "" {
		p.expression()
	}
	if p.words("group", "by") {
		p.word("all", "distinct")
		p.list(p.grouped)
	}
	if p.word("having") != "" {
		p.expression()
	}
	if p.word("window") != "" {
		p.list(func() {
			p.name()
			p.must("as")
			p.window()
		})
	}
}

// grouped reads an item of GROUP BY.
func (p *parser) grouped() {
	at := p.I
	switch {
	case p.words("grouping", "sets"):
		p.parens(p.grouped)
		return
	case p.Accept("(") && p.Accept(")"): // all rows together
		return
	}
	p.I = at
	if p.word("rollup", "cube") == "" || p.Peek().Text != "(" {
		p.I = at
	}
	p.expression()
}

// joined reads an item of FROM with what is joined to it.
func (p *parser) joined() {
	p.from()
	for {
		at := p.I
		p.word("natural")
		if p.word("inner", "cross") == "" && p.word("left", "right", "full") != "" {
			p.word("outer")
		}
		if p.word("join") == "" {
			p.I = at
			return
		}
		p.from()
		switch {
		case p.word("on") != "":
			p.expression()
		case p.word("using") != "":
			p.columnsIn()
		}
	}
}

func (p *parser) from() {
	p.word("lateral")
	switch {
	case p.Accept("("):
		if tok := p.Peek(); tok.Kind == sqltext.WordToken && (tok.Text == "select" || tok.Text == "with" || tok.Text == "values") {
			p.query()
		} else {
			p.joined()
		}
		p.must(")")
	default:
		p.word("only")
		at := p.I
		parts := p.qualified()
		if tok := p.Peek(); tok.Kind == sqltext.OtherToken && tok.Text == "(" {
			p.call(parts)
			p.words("with", "ordinality")
		} else {
			p.I = at
			p.relation()
			p.Accept("*")
		}
	}
	p.alias()
	if tok := p.Peek(); tok.Kind == sqltext.OtherToken && tok.Text == "(" {
		p.columnsIn()
	}
}

// sorted reads an item of ORDER BY.
func (p *parser) sorted() {
	p.expression()
	p.word("asc", "desc")
	if p.word("nulls") != "" {
		p.word("first", "last")
	}
}

// over reads what makes of a call an aggregate over some rows.
func (p *parser) over() {
	if p.words("within", "group") {
		p.must("(", "order", "by")
		p.list(p.sorted)
		p.must(")")
	}
	if p.word("filter") != "" {
		p.must("(", "where")
		p.expression()
		p.must(")")
	}
	if p.word("over") != "" {
		if tok := p.Peek(); tok.Kind == sqltext.OtherToken && tok.Text == "(" {
			p.window()
			return
		}
		p.name()
	}
}

func (p *parser) window() {
	p.must("(")
	if p.words("partition", "by") {
		p.list(p.expression)
	}
	if p.words("order", "by") {
		p.list(p.sorted)
	}
	for p.word("rows", "range", "groups", "between", "unbounded", "preceding", "following", "and", "current", "row", "exclude", "group", "ties", "no", "others") != "" ||
		isNumber(p.Peek().Text) && p.Next().Text != "" {
	}
	p.must(")")
}
