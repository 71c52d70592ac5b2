package trust

import (
	"regexp"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// harmless are functions of pg_catalog that look at their arguments, at the clock, at a generator of random numbers or at a sequence,
// and at nothing else: no file, no table, no other server, no text that is run. Those whose result can be made larger than their
// arguments at will (repeat) are not among them, or only with a constant (format, lpad).
var harmless = set(`abs acos age array_append array_cat array_length array_lower array_ndims array_position array_prepend array_remove
	array_replace array_to_json array_to_string array_upper ascii asin atan atan2 bit_count bit_length box broadcast btrim cardinality cbrt ceil ceiling center char_length
	character_length chr circle clock_timestamp coalesce concat concat_ws convert_from convert_to cos cot crc32 currval date_bin date_part date_trunc daterange decode degrees
	div encode exp extract family floor format gcd gen_random_uuid get_bit get_byte greatest height host hostmask inet_merge inet_same_family initcap int4range int8range isempty
	isfinite json_array_length json_build_array json_build_object json_extract_path json_extract_path_text json_strip_nulls json_typeof
	jsonb_array_length jsonb_build_array jsonb_build_object jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_pretty
	jsonb_path_exists jsonb_path_match jsonb_path_query_array jsonb_path_query_first jsonb_set jsonb_strip_nulls jsonb_typeof justify_days justify_hours justify_interval lastval lcm least left length like_escape line ln log log10 lower
	lower_inc lower_inf lpad lseg ltrim make_date make_interval make_time make_timestamp make_timestamptz masklen md5 min_scale mod multirange netmask network nextval
	now nullif num_nonnulls num_nulls numrange octet_length overlay path pg_get_serial_sequence pg_typeof phraseto_tsquery pi plainto_tsquery point
	polygon position power quote_ident quote_literal quote_nullable radians radius random range_merge regexp_count regexp_instr regexp_like
	regexp_match regexp_replace regexp_substr replace reverse right round row_to_json rpad rtrim scale setweight sha224 sha256 sha384 sha512 sign
	similar_to_escape sin split_part sqrt starts_with statement_timestamp string_to_array strip strpos substr substring tan text timeofday timezone to_char to_date to_hex to_json
	to_jsonb to_number to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim trim_array trim_scale trunc tsrange
	tstzrange unistr upper upper_inc upper_inf uuidv4 uuidv7 websearch_to_tsquery width width_bucket`)

// generators make ids, and are an extension's: they stand in public, or in a schema that is made for extensions.
var generators = set("gen_random_uuid uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4")

// aggregates and window functions, and those that give rows: in the queries of views.
var aggregates = set(`array_agg avg bit_and bit_or bool_and bool_or count cume_dist dense_rank every first_value generate_series grouping json_agg
	json_array_elements json_array_elements_text json_each json_each_text json_object_agg jsonb_agg jsonb_array_elements
	jsonb_array_elements_text jsonb_each jsonb_each_text jsonb_object_agg jsonb_object_keys jsonb_path_query lag last_value lead max min mode nth_value ntile
	percent_rank percentile_cont percentile_disc rank regexp_matches regexp_split_to_array regexp_split_to_table row_number stddev stddev_pop
	stddev_samp string_agg sum unnest var_pop var_samp variance`)

// constants are words that are a value by themselves.
var constants = set(`current_catalog current_date current_role current_schema current_time current_timestamp current_user default false
	localtime localtimestamp null session_user system_user true user`)

var operators = set(`+ - * / % ^ = <> != < > <= >= || | & # ~ << >> ~~ !~~ ~~* !~~* ~* !~ !~* @> <@ && -> ->> #> #>> ? ?| ?& @@ @? -|- |/ ||/ @ !!
	<-> &< &> <<| |>> &<| |&> #- ~= ^@`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// stops reports whether a word ends an expression, or belongs to what stands around it: no column has such a name without quotes.
func stops(word string) bool { return reserved(word) && !constants[word] }

func reserved(word string) bool { return word == "operator" || sqltext.Reserved(word) }

// builtin reports whether a function's name is taken from pg_catalog, unless another of the same name is found first.
func builtin(parts []string) bool {
	return len(parts) == 1 || len(parts) == 2 && parts[0] == "pg_catalog"
}

var number = regexp.MustCompile(`^(?:[0-9][0-9_]*\.?[0-9_]*(?:[eE][0-9]*)?|0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+)$`)

func isNumber(text string) bool { return number.MatchString(text) }

// expression reads an expression, as far as it goes. What is read is not checked to be one that the server takes, only that it can
// hold nothing but what is on the lists.
func (p *parser) expression() {
	for {
		for p.word("not") != "" || p.operator() != "" {
		}
		p.operand()
		if !p.behind() {
			return
		}
	}
}

// behind reads what may follow an operand, and reports whether another operand has to follow.
func (p *parser) behind() bool {
	for {
		at := p.I
		tok := p.Peek()
		switch {
		case tok.Kind == sqltext.OtherToken:
			switch tok.Text {
			case ":":
				p.Next()
				p.must(":")
				p.typeName()
				continue
			case "[":
				p.Next()
				p.list(func() {
					if next := p.Peek(); next.Text != ":" && next.Text != "]" {
						p.expression()
					}
					if p.Accept(":") && p.Peek().Text != "]" {
						p.expression()
					}
				})
				p.must("]")
				continue
			case ".":
				p.refuse("a field of an expression, which may be the call of a function,")
			}
			return p.compared(p.operator())
		case tok.Kind != sqltext.WordToken:
			return false
		}
		p.Next()
		switch tok.Text {
		case "and", "or", "overlaps", "escape":
			return true
		case "between":
			p.word("symmetric", "asymmetric")
			return true
		case "like", "ilike":
			return p.compared("~~")
		case "similar":
			p.must("to")
			return true
		case "not":
			switch p.Peek().Text {
			case "between", "like", "ilike", "similar", "in":
				continue
			}
			p.I = at
			return false
		case "in":
			if p.Peek().Text != "(" { // of position(a in b)
				p.I = at
				return false
			}
			p.inList()
		case "isnull", "notnull":
		case "is":
			p.word("not")
			if p.words("distinct", "from") {
				return true
			}
			switch p.word("null", "true", "false", "unknown", "normalized", "document", "json") {
			case "":
				p.refuse("")
			case "json":
				p.word("value", "scalar", "array", "object")
				if p.word("with", "without") != "" {
					p.must("unique")
					p.word("keys")
				}
			}
		case "collate":
			p.qualified()
		case "at":
			if p.word("local") != "" {
				continue
			}
			p.must("time", "zone")
			return true
		case "operator":
			p.must("(", "pg_catalog", ".")
			op := p.operator()
			if op == "" {
				p.refuse("")
			}
			p.must(")")
			return p.compared(op)
		default:
			p.I = at
			return false
		}
	}
}

// compared reads what stands behind an operator in the place of its operand; it reports whether there is an operator, and the operand
// is still to come.
func (p *parser) compared(operator string) bool {
	if operator == "" {
		return false
	}
	if p.word("any", "some", "all") != "" {
		p.must("(")
		p.subqueryOr(p.expression)
		p.must(")")
		return p.behind()
	}
	return true
}

func (p *parser) inList() {
	p.must("(")
	p.subqueryOr(func() { p.list(p.expression) })
	p.must(")")
}

// operator reads an operator, as the server cuts it; "" if none is next.
func (p *parser) operator() string {
	at := p.Peek().At
	end := at
	for end < len(p.Text) && strings.IndexByte("+-*/<>=~!@#%^&|`?", p.Text[end]) >= 0 {
		if rest := string(p.Text[end:min(end+2, len(p.Text))]); rest == "--" || rest == "/*" {
			break
		}
		end++
	}
	op := string(p.Text[at:end])
	for len(op) > 1 && strings.ContainsAny(op[len(op)-1:], "+-") && !strings.ContainsAny(op, "~!@#%^&|`?") {
		op = op[:len(op)-1]
	}
	if op == "" {
		return ""
	}
	if !operators[op] {
		p.refuse("the operator " + op)
	}
	p.I = at + len(op)
	return op
}

// operand reads a constant, a column, a call, or an expression in parentheses.
func (p *parser) operand() {
	tok := p.Peek()
	switch tok.Kind {
	case sqltext.StringToken:
		p.Next()
		p.uescape()
	case sqltext.OtherToken:
		p.Next()
		switch {
		case isNumber(tok.Text):
		case tok.Text == "." || tok.Text == "$": // .5, or a parameter
			if next := p.Next(); !isNumber(next.Text) || next.At != tok.End {
				p.I = tok.At
				p.refuse("")
			}
		case tok.Text == "(":
			p.subqueryOr(func() { p.list(p.expression) })
			p.must(")")
		default:
			p.I = tok.At
			p.refuse("")
		}
	case sqltext.WordToken, sqltext.QuotedToken:
		if tok.Kind == sqltext.QuotedToken || !p.special(tok.Text) {
			p.named()
		}
	default:
		p.refuse("")
	}
}

func (p *parser) uescape() {
	if p.word("uescape") != "" {
		if tok := p.Next(); tok.Kind != sqltext.StringToken {
			p.I = tok.At
			p.refuse("")
		}
	}
}

// subqueryOr reads a query where one may stand, else what other reads.
func (p *parser) subqueryOr(other func()) {
	if tok := p.Peek(); tok.Kind == sqltext.WordToken && (tok.Text == "select" || tok.Text == "with" || tok.Text == "values") {
		if !p.queries {
			p.refuse("a query in an expression")
		}
		if p.counting {
			p.count()
			return
		}
		p.query()
		return
	}
	other()
}

// special reads what begins with a word that has a grammar of its own.
func (p *parser) special(word string) bool {
	at := p.Peek().At
	switch word {
	case "case":
		p.Next()
		if p.Peek().Text != "when" {
			p.expression()
		}
		for p.word("when") != "" {
			p.expression()
			p.must("then")
			p.expression()
		}
		if p.word("else") != "" {
			p.expression()
		}
		p.must("end")
	case "cast":
		p.Next()
		p.must("(")
		p.expression()
		p.must("as")
		p.typeName()
		p.must(")")
	case "array":
		p.Next()
		if p.Accept("(") {
			p.subqueryOr(func() { p.refuse("") })
			p.must(")")
			break
		}
		p.array()
	case "row":
		p.Next()
		if tok := p.Peek(); tok.Text != "(" {
			p.I = at
			return false
		}
		p.must("(")
		if !p.Accept(")") {
			p.list(p.expression)
			p.must(")")
		}
	case "exists":
		p.Next()
		p.must("(")
		p.subqueryOr(func() { p.refuse("") })
		p.must(")")
	case "extract", "position", "overlay", "substring", "trim":
		p.Next()
		if !p.Accept("(") {
			p.I = at
			return false
		}
		p.wordy()
		p.must(")")
	default:
		if !constants[word] {
			return false
		}
		p.Next()
		if strings.HasPrefix(word, "current_time") || strings.HasPrefix(word, "localtime") {
			p.modifiers()
		}
	}
	return true
}

func (p *parser) array() {
	p.must("[")
	if p.Accept("]") {
		return
	}
	p.list(func() {
		if tok := p.Peek(); tok.Text == "[" {
			p.array()
			return
		}
		p.expression()
	})
	p.must("]")
}

// wordy reads the arguments of functions that take words between them, as in trim(both 'x' from y).
func (p *parser) wordy() {
	p.word("both", "leading", "trailing")
	for {
		if p.word("from", "for", "in", "placing", "similar", "escape") == "" {
			p.expression()
			p.Accept(",")
		}
		if tok := p.Peek(); tok.Text == ")" || tok.Kind == sqltext.EndToken {
			return
		}
	}
}

// named reads what begins with a name: a call, a constant with its type, or a column.
func (p *parser) named() {
	at := p.I
	first := p.Peek()
	if first.Kind == sqltext.WordToken && stops(first.Text) && first.Text != "left" && first.Text != "right" {
		p.refuse("")
	}
	parts := p.qualified()
	switch next := p.Peek(); {
	case next.Kind == sqltext.OtherToken && next.Text == "(":
		if p.typed(at) {
			return
		}
		p.I = at
		p.qualified()
		p.call(parts)
		return
	case next.Kind == sqltext.StringToken, next.Kind == sqltext.WordToken && slices.Contains([]string{"precision", "varying", "with", "without", "character", "char"}, next.Text):
		if p.typed(at) {
			return
		}
		p.I = at
		parts = p.qualified()
	case p.Text[p.I-1] == '.': // t.*
		if !p.queries {
			p.refuse("")
		}
		p.must("*")
		return
	}
	// A column. With a relation before it, it may be the call of a function instead, where it is no column.
	last := parts[len(parts)-1]
	if len(parts) > 1 && !slices.Contains(p.columns, last) && (!p.queries || !harmless[last] && p.o.Called != nil && p.o.Called(last)) {
		p.I = at
		p.refuse("the name " + strings.Join(parts, ".") + ", which may be the call of a function,")
	}
}

// harmlessFormat is a format whose result is no longer than it and its arguments.
var harmlessFormat = regexp.MustCompile(`^(?:[^%]|%%|%(?:\d+\$)?[sIL])*$`)

// typed reads a type and a string constant of it, if that is what stands at an offset.
func (p *parser) typed(at int) (ok bool) {
	p.I = at
	defer func() {
		if r := recover(); r != nil {
			if _, refused := r.(*sqltext.Refusal); !refused {
				panic(r)
			}
			p.I, ok = at, false
		}
	}()
	interval := p.typeName()
	tok := p.Next()
	if tok.Kind != sqltext.StringToken {
		p.I = at
		return false
	}
	p.uescape()
	if interval {
		p.fields()
	}
	return true
}

// call reads the arguments of a function, whose name has been read, if it is on the list.
func (p *parser) call(parts []string) {
	name := parts[len(parts)-1]
	known := builtin(parts) && (harmless[name] || p.queries && aggregates[name]) ||
		generators[name] && (len(parts) == 1 || len(parts) == 2 && (parts[0] == "public" || parts[0] == "extensions"))
	if !known {
		p.refuse("the function " + strings.Join(parts, ".") + "()")
	}
	p.must("(")
	switch name {
	case "nextval":
		p.sequence()
		p.must(")")
		return
	case "format":
		if tok := p.Peek(); tok.Kind != sqltext.StringToken || !harmlessFormat.MatchString(p.Content(tok)) {
			p.refuse("a format that is no constant, or gives a width")
		}
	case "lpad", "rpad":
		p.expression()
		p.must(",")
		at := p.I
		if tok := p.Next(); !isNumber(tok.Text) || len(tok.Text) > 4 || p.Peek().Text != "," && p.Peek().Text != ")" {
			p.I = at
			p.refuse("a length that is no constant, or of more than four digits,")
		}
		if !p.Accept(",") {
			p.must(")")
			return
		}
	}
	if !p.Accept(")") {
		p.word("distinct", "all")
		if !p.Accept("*") {
			p.list(p.expression)
		}
		if p.queries && p.words("order", "by") {
			p.list(p.sorted)
		}
		p.must(")")
	}
	if p.queries {
		p.over()
	}
}

// types of several words, by the first.
var several = map[string][]string{"double": {"precision"}, "bit": {"varying"}, "character": {"varying"}, "char": {"varying"}, "national": {"character", "char", "varying"}}

// typeName reads a type. It reports whether it is interval, whose constants can be followed by fields.
func (p *parser) typeName() (interval bool) {
	first := p.Peek()
	parts := p.qualified()
	name := parts[0]
	if first.Kind == sqltext.WordToken && len(parts) == 1 {
		if name == "setof" || reserved(name) {
			p.I = first.At
			p.refuse("")
		}
		for p.word(several[name]...) != "" {
		}
	}
	p.modifiers()
	if first.Kind == sqltext.WordToken {
		switch name {
		case "time", "timestamp":
			if p.word("with", "without") != "" {
				p.must("time", "zone")
			}
		case "interval":
			interval = true
			p.fields()
			p.modifiers()
		}
	}
	for {
		switch {
		case p.word("array") != "":
			if p.Accept("[") {
				p.Next()
				p.must("]")
			}
		case p.Accept("["):
			if tok := p.Peek(); isNumber(tok.Text) {
				p.Next()
			}
			p.must("]")
		default:
			return interval
		}
	}
}

// fields reads those of an interval, as in day to second.
func (p *parser) fields() {
	for p.word("year", "month", "day", "hour", "minute", "second", "to") != "" {
		p.modifiers()
	}
}

// modifiers reads those of a type, which are constants: (10,2), (Point,4326).
func (p *parser) modifiers() {
	if tok := p.Peek(); tok.Kind != sqltext.OtherToken || tok.Text != "(" {
		return
	}
	p.parens(func() {
		p.Accept("-")
		tok := p.Next()
		if tok.Kind == sqltext.EndToken || tok.Kind == sqltext.OtherToken && !isNumber(tok.Text) {
			p.I = tok.At
			p.refuse("")
		}
	})
}
