package psql

import "bytes"

// scanState names what the scanner is inside of, as psql's own scanner names it.
type scanState uint8

const (
	inInitial scanState = iota // nothing
	inQuote                    // '…' without escapes, also B'…', X'…', N'…', U&'…'
	inEscape                   // E'…', and '…' when standard_conforming_strings is off
	inDouble                   // "…", also U&"…"
	inDollar                   // $tag$…$tag$
	inComment                  // /* … */, nested
	inDashes                   // -- to the end of the line
)

// event is why scan returned.
type event uint8

const (
	atEnd       event = iota // the level's text has ended
	atSemicolon              // a statement is complete
	atBackslash              // a meta-command begins
	atFragment               // the statement goes on, but has grown past the fragment size between two tuples
)

// Classes of bytes in the initial state.
const (
	plain uint8 = iota
	letter
	space
	newline
	quote
	double
	dollar
	dash
	slash
	colon
	semicolon
	backslash
	open
	closing
	comma
)

var class = func() (t [256]uint8) {
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = letter, letter
	}
	for c := 128; c < 256; c++ {
		t[c] = letter
	}
	for _, c := range " \t\r\f" {
		t[c] = space
	}
	t['_'], t['\n'], t['\''], t['"'], t['$'], t['-'], t['/'] = letter, newline, quote, double, dollar, dash, slash
	t[':'], t[';'], t['\\'], t['('], t[')'], t[','] = colon, semicolon, backslash, open, closing, comma
	return t
}()

// inert are the bytes of which rows of literals consist, but for quotes, words, parentheses and newlines: those of numbers, and what
// stands between them.
var inert = func() (t [256]bool) {
	for _, c := range "0123456789.+, \t\r\f" {
		t[c] = true
	}
	return t
}()

// isIdent are the bytes that continue an identifier, isVariable those of a psql variable's name or a dollar quote's tag.
var isIdent, isVariable = func() (ident, variable [256]bool) {
	for c := range 256 {
		variable[c] = class[c] == letter || '0' <= c && c <= '9'
		ident[c] = variable[c] || c == '$'
	}
	return ident, variable
}()

// lexer is the state that psql keeps for each file being read (its PsqlScanState and query buffer).
type lexer struct {
	state    scanState
	tag      []byte  // inDollar: the whole delimiter, $tag$
	depth    int     // inComment: nesting beyond the first
	dropping bool    // inDashes: the comment stands before a statement, where psql drops it
	paren    int     // open parentheses
	begin    int     // BEGIN ATOMIC … END and CASE … END inside the body of an SQL routine
	words    int     // identifiers seen in this statement
	odd      int     // offset in the query buffer behind the last thing that rows of literals do not have
	initials [4]byte // of the first of them, where they are those of CREATE [OR REPLACE] {FUNCTION|PROCEDURE}
	first    []byte  // the statement's first word, in lower case, as far as its capacity reaches
	anew     bool    // it is yet to come: the words counted so far stood in a branch not taken

	stdStrings bool // standard_conforming_strings, as it was when the line began: psql asks once a line

	text      []byte // the query buffer
	large     *largeTexts
	anchors   []anchor
	joined    bool // holds a semicolon that was written as \;
	parted    bool // a meta-command stands within what the query buffer holds
	expansion int  // bytes that variables have put into the statement or command in hand
	newlineAt int  // len(text) just after the newline that joined two lines; no other length when something followed
}

// reset forgets nesting, as psql does after \g and \r.
func (x *lexer) reset() {
	x.state, x.paren, x.begin, x.words = inInitial, 0, 0, 0
}

// clear empties the query buffer.
func (x *lexer) clear() {
	x.text, x.anchors, x.newlineAt, x.first = x.text[:0], x.anchors[:0], -1, x.first[:0]
	x.joined, x.parted, x.anew, x.expansion, x.odd = false, false, false, 0, 0
}

// take appends to the query buffer.
func (x *lexer) take(b []byte) {
	if n := len(x.text); n+len(b) > cap(x.text) && n > maxKept {
		x.text = x.large.grow(x.text, len(b))
	}
	x.text = append(x.text, b...)
}

// unjoin takes back the newline that joined the last line to one which turned out to hold nothing of the statement.
func (x *lexer) unjoin() {
	if n := len(x.text); n > 0 && n == x.newlineAt {
		x.text = x.text[:n-1]
	}
	x.newlineAt = -1
}

// scan appends to the level's query buffer until something must be done about it.
func (s *Script) scan() (event, error) {
	lv := s.top()
	x := &lv.lexer
	for {
		src := lv.source()
		if len(x.text) > s.longest {
			return atEnd, s.tooLong(x)
		}
		if src.end()-src.r < lookahead && !src.eof {
			if err := src.fill(); err != nil {
				return atEnd, s.fatal(src.position(src.r), err)
			}
			continue
		}
		if src.r == src.w {
			if lv.pop() {
				continue
			}
			return atEnd, nil
		}
		if !lv.begun {
			lv.begun = true
			if bytes.HasPrefix(src.raw()[src.r:src.w], []byte("\xef\xbb\xbf")) && s.utf8 {
				src.r += 3 // a byte-order mark
				continue
			}
		}
		if src.r == src.nul {
			return atEnd, s.fatal(src.position(src.r), errNUL)
		}
		if x.state != inInitial {
			s.scanInside(x, src)
			continue
		}
		if ev, stop, err := s.scanInitial(lv, src); stop || err != nil {
			if err == nil && len(x.text) > s.longest {
				err = s.tooLong(x)
			}
			return ev, err
		}
	}
}

// tooLong ends the script at a statement that nobody can send.
func (s *Script) tooLong(x *lexer) error {
	s.end = s.limited(locate(x.anchors, x.text, 0), limit("a statement is longer than PostgreSQL takes, which is 1 GiB"))
	return s.end
}

// scanInside goes on within a quote or comment, as far as the window reaches.
func (s *Script) scanInside(x *lexer, src *source) {
	b := src.buf[src.r:min(src.end(), src.nul)]
	n := x.inside(b, src.eof || src.nul < src.end()) // nothing is read beyond a NUL
	if want := !s.escapes; x.stdStrings != want && bytes.IndexByte(b[:n], '\n') >= 0 {
		x.stdStrings = want
	}
	if !x.dropping {
		x.take(src.raw()[src.r : src.r+n])
	}
	x.dropping = x.dropping && x.state == inDashes
	src.r += n
}

// inside gives how many bytes of b belong to the quote or comment that the scanner is in, and leaves that state when it
// ends there. Unless eof is set, which means that b is all there is, it may stop short of the end of b, but by less than the lookahead.
func (x *lexer) inside(b []byte, eof bool) int {
	switch x.state {
	case inQuote, inDouble:
		q := byte('\'')
		if x.state == inDouble {
			q = '"'
		}
		for i := 0; ; {
			j := bytes.IndexByte(b[i:], q)
			if j < 0 {
				return len(b)
			}
			i += j + 1
			if i == len(b) && !eof {
				return i - 1 // is it doubled? the next look will tell
			}
			if i < len(b) && b[i] == q {
				i++
				continue
			}
			x.state = inInitial
			return i
		}
	case inEscape:
		for i := 0; ; {
			j := bytes.IndexAny(b[i:], `'\`)
			if j < 0 {
				return len(b)
			}
			i += j
			if i+1 == len(b) && !eof {
				return i
			}
			switch {
			case i+1 == len(b):
				if b[i] == '\'' {
					x.state = inInitial
				}
				return len(b)
			case b[i] == '\\' && b[i+1] == '\n':
				i++ // psql reads line by line: a backslash at the end of one escapes nothing
			case b[i] == '\\' || b[i+1] == '\'':
				i += 2
			default:
				x.state = inInitial
				return i + 1
			}
		}
	case inDollar:
		if j := bytes.Index(b, x.tag); j >= 0 {
			x.state = inInitial
			return j + len(x.tag)
		}
		if eof {
			return len(b)
		}
		return max(0, len(b)-len(x.tag)+1)
	case inComment:
		for i := 0; ; {
			j := bytes.IndexAny(b[i:], "*/")
			if j < 0 {
				return len(b)
			}
			i += j
			switch {
			case i+1 == len(b) && eof:
				return len(b)
			case i+1 == len(b):
				return i
			case b[i] == '/' && b[i+1] == '*':
				x.depth++
				i += 2
			case b[i] == '*' && b[i+1] == '/':
				i += 2
				if x.depth == 0 {
					x.state = inInitial
					return i
				}
				x.depth--
			default:
				i++
			}
		}
	case inDashes:
		n := len(b)
		if j := bytes.IndexByte(b, '\n'); j >= 0 {
			n = j
		}
		if j := bytes.IndexByte(b[:n], '\r'); j >= 0 {
			n = j
		}
		if n < len(b) {
			x.state = inInitial
		}
		return n
	}
	panic("psql: scanner in an unknown state")
}

// scanInitial reads outside quotes and comments until the window runs low (stop is false then) or an event.
func (s *Script) scanInitial(lv *level, src *source) (ev event, stop bool, err error) {
	x := &lv.lexer
	b, i := src.buf[:src.end()], src.r
	limit := src.end()
	if !src.eof {
		limit -= lookahead - 1
	}
	limit = min(limit, src.nul)
	start := i // b[start:i] is not yet appended to x.text
	raw := src.raw()
	keep := func() {
		x.take(raw[start:i])
		start = i
	}
	for i < limit {
		c := b[i]
		k := class[c]
		if k == plain {
			if len(x.text) == 0 && i == start {
				x.mark(src, i)
			}
			for ; i < limit && class[b[i]] == plain; i++ {
				if !inert[b[i]] {
					x.odd = len(x.text) + i + 1 - start
				}
			}
			continue
		}
		empty := len(x.text) == 0 && i == start
		switch k {
		case space:
			i++
			if empty {
				start = i
			}
			continue
		case newline:
			if src.rd == nil { // psql splits into lines before it knows of variables
				i++
				if empty {
					start = i
				}
				continue
			}
			x.stdStrings = !s.escapes
			if !empty {
				i++
				x.newlineAt = len(x.text) + i - start
				if i < len(b) && b[i] != '\n' {
					continue
				}
				keep()
			}
			for i < len(b) && b[i] == '\n' { // empty lines leave no trace
				i++
			}
			start = i
			if !empty {
				x.mark(src, i)
			}
			continue
		case dash:
			if i+1 < len(b) && b[i+1] == '-' {
				keep()
				x.state, x.dropping = inDashes, empty
				src.r = i
				return 0, false, nil
			}
		}
		if empty && k != backslash && k != colon {
			x.mark(src, i)
		}
		switch k {
		case letter:
			from := i
			for i++; i < len(b) && isIdent[b[i]]; i++ {
			}
			if i == len(b) && !src.eof { // a name that reaches the end of the window
				i = from
				keep()
				src.r = i
				return 0, false, s.grow(src)
			}
			if i-from == 1 && i < len(b) {
				if n := prefixed(b[from:]); n > 0 {
					i += n - 1
					x.state = inQuote
					switch {
					case b[i-1] == '"':
						x.state = inDouble
					case b[from]|0x20 == 'e':
						x.state = inEscape
					case b[from]|0x20 == 'n' && !x.stdStrings:
						x.state = inEscape
					}
					keep()
					src.r, x.odd = i, len(x.text)
					return 0, false, nil
				}
			}
			if x.word(b[from:i]); !isLiteral(b, from, i) {
				x.odd = len(x.text) + i - start
			}
		case quote:
			i++
			if x.stdStrings {
				if n := closed(b[i:], limit-i, '\''); n > 0 && !s.escapes {
					i += n
					continue
				}
				x.state = inQuote
			} else {
				x.state = inEscape
			}
			keep()
			src.r = i
			return 0, false, nil
		case double:
			i++
			if n := closed(b[i:], limit-i, '"'); n > 0 && x.stdStrings != s.escapes {
				i += n
				x.odd = len(x.text) + i - start
				continue
			}
			x.state = inDouble
			keep()
			src.r, x.odd = i, len(x.text)
			return 0, false, nil
		case dollar:
			x.odd = len(x.text) + i + 1 - start
			n, more := dollarTag(b[i:])
			if more && !src.eof {
				keep()
				src.r = i
				return 0, false, s.grow(src)
			}
			if n == 0 {
				i++ // a parameter, or a stray sign
				for i < limit && '0' <= b[i] && b[i] <= '9' {
					i++
				}
				continue
			}
			x.state, x.tag = inDollar, append(x.tag[:0], b[i:i+n]...)
			i += n
			keep()
			src.r = i
			return 0, false, nil
		case dash:
			i++
		case slash:
			if i+1 < len(b) && b[i+1] == '*' {
				i += 2
				x.state, x.depth = inComment, 0
				keep()
				src.r = i
				return 0, false, nil
			}
			i++
			x.odd = len(x.text) + i - start
		case open:
			x.paren++
			i++
			if x.stdStrings && !s.escapes && x.words > 0 && x.initials[0] != 'c' {
				if n := min(limit-i, s.fragment-len(x.text)-(i-start)-1); n > 0 { // so far no comma ends a fragment
					passed, name := x.literals(b[i : i+n])
					if name > 0 {
						x.odd = len(x.text) + i + name - start
					}
					i += passed
				}
			}
		case closing:
			if x.paren > 0 {
				x.paren--
			}
			i++
		case comma:
			i++
			if x.paren == 0 && len(x.text)+i-start >= s.fragment && s.bind == nil && string(x.first) == "insert" {
				keep()
				src.r = i
				return atFragment, true, nil
			}
		case semicolon:
			i++
			if x.paren == 0 && x.begin == 0 {
				keep()
				src.r = i
				x.words = 0
				return atSemicolon, true, nil
			}
		case backslash:
			if i+1 < len(b) && (b[i+1] == ';' || b[i+1] == ':') {
				keep()
				x.mark(src, i+1)
				if b[i+1] == ';' {
					x.words, x.joined = 0, true
				}
				x.text = append(x.text, b[i+1])
				i += 2
				start = i
				continue
			}
			keep()
			x.unjoin()
			src.r = i + 1
			return atBackslash, true, nil
		case colon:
			x.odd = len(x.text) + i + 1 - start
			if i+1 < len(b) && (b[i+1] == ':' || b[i+1] == '=') {
				if empty {
					x.mark(src, i)
				}
				i += 2
				continue
			}
			v, more := variableRef(b[i:])
			if more && !src.eof {
				keep()
				src.r = i
				return 0, false, s.grow(src)
			}
			v.name = string(raw[i+v.from : i+v.from+len(v.name)])
			value, replaced := "", false
			if lv.active() {
				value, replaced = s.substitute(v)
			}
			if replaced {
				if err := s.spend(lv, len(value)); err != nil {
					s.end = s.limited(src.position(i), err)
					return 0, false, s.end
				}
			}
			if !replaced || v.form == plainRef && lv.expanding(v.name) {
				if empty {
					x.mark(src, i)
				}
				i++ // as written; what follows the colon is read as usual
				if v.form == plainRef {
					i += len(v.name)
				}
				continue
			}
			keep()
			x.mark(src, i)
			at := src.position(i)
			i += v.length
			start, src.r = i, i
			if v.form == plainRef {
				var expansion *source
				if s.enc.unsafe {
					expansion = memory(s.enc.masked([]byte(value)), []byte(value), at)
				} else {
					expansion = memory([]byte(value), nil, at)
				}
				expansion.variable = v.name
				lv.over = append(lv.over, expansion)
				return 0, false, nil
			}
			x.text = append(x.text, value...)
			x.mark(src, i)
		}
	}
	keep()
	src.r = i
	return 0, false, nil
}

// literals gives how much of b, which stands behind a parenthesis, needs no closer look: the rest of a row of plain literals, and
// the rows after it. That is most of an export. It stops before what it does not know, never inside a word or a quote. name is the
// offset behind the last name in quotes, 0 for none.
func (x *lexer) literals(b []byte) (passed, name int) {
	from := 0 // where the words and numbers before b[i] begin
	for i := 0; i < len(b); i++ {
		c := b[i]
		if inert[c] {
			continue
		}
		if class[c] == letter {
			n := 1
			for i+n < len(b) && isIdent[b[i+n]] {
				n++
			}
			if i+n == len(b) || !isLiteral(b, i, i+n) {
				return from, name
			}
			i += n - 1
			continue
		}
		switch c {
		case '(':
			x.paren++
		case ')':
			x.paren = max(0, x.paren-1)
		case '\'', '"':
			if i > from && isIdent[b[i-1]] { // E'…'
				return from, name
			}
			j := bytes.IndexByte(b[i+1:], c)
			if j < 0 {
				return i, name
			}
			if i += 1 + j; c == '"' { // a doubled one begins a quote anew, which comes to the same
				name = i + 1
			}
		case '-':
			if i+1 == len(b) || b[i+1] == '-' {
				return from, name
			}
		case '\n':
			if i+1 == len(b) || b[i+1] != '(' { // psql drops empty lines
				return from, name
			}
		default:
			return from, name
		}
		from = i + 1
	}
	return from, name
}

// isLiteral reports whether the word b[from:to] is a literal by itself, or the exponent of the number before it.
func isLiteral(b []byte, from, to int) bool {
	w := b[from:to]
	if from > 0 && isIdent[b[from-1]] {
		return '0' <= b[from-1] && b[from-1] <= '9' && w[0]|0x20 == 'e' && len(bytes.Trim(w[1:], "0123456789")) == 0
	}
	return equalFold(w, "null") || equalFold(w, "true") || equalFold(w, "false")
}

// closed gives the length of what is left of a quote without escapes, if it ends within the first limit bytes of b: the common
// case, in which the scanner need not leave its loop. Where a newline in the quote would change what the next quote means, it
// must.
func closed(b []byte, limit int, q byte) int {
	j := bytes.IndexByte(b[:max(0, limit)], q)
	if j < 0 || j+1 >= len(b) || b[j+1] == q {
		return 0
	}
	return j + 1
}

// grow makes the window reach further for a token that does not fit.
func (s *Script) grow(src *source) error {
	if err := src.fill(); err != nil {
		return s.fatal(src.position(src.r), err)
	}
	return nil
}

// mark notes where the next byte of the query buffer was read.
func (x *lexer) mark(src *source, i int) {
	n := len(x.text)
	p := src.position(i)
	k := len(x.anchors)
	switch {
	case k > 0 && x.anchors[k-1].offset == n:
		x.anchors[k-1].pos = p
	case k < maxAnchors: // beyond that, places are near enough
		x.anchors = append(x.anchors, anchor{n, p})
	}
}

// createWords are those with which the creation of a routine begins.
var createWords = []string{"create", "function", "procedure", "or", "replace"}

// word keeps count of identifiers, so that the semicolons in CREATE FUNCTION … BEGIN ATOMIC … END are told from those that
// end a statement. It is psql's own rule, not a parser.
func (x *lexer) word(w []byte) {
	if (x.words == 0 || x.anew) && !x.joined {
		x.anew, x.first = false, x.first[:0]
		for _, c := range w[:min(len(w), 16)] {
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			x.first = append(x.first, c)
		}
	}
	if x.words > 0 && x.initials[0] != 'c' {
		x.words++
		return
	}
	if x.words < len(x.initials) {
		if x.words == 0 {
			x.initials = [4]byte{}
		}
		for _, keyword := range createWords {
			if equalFold(w, keyword) {
				x.initials[x.words] = w[0] | 0x20
			}
		}
	}
	x.words++
	if x.paren > 0 || x.initials[0] != 'c' {
		return
	}
	in := x.initials
	if !(in[1] == 'f' || in[1] == 'p' || in[1] == 'o' && in[2] == 'r' && (in[3] == 'f' || in[3] == 'p')) {
		return
	}
	switch {
	case equalFold(w, "begin"):
		x.begin++
	case equalFold(w, "case"):
		if x.begin > 0 {
			x.begin++
		}
	case equalFold(w, "end"):
		if x.begin > 0 {
			x.begin--
		}
	}
}

// prefixed gives the length of b's beginning if that opens a quote with a letter before it (E', B', X', N', U&', U&"), else 0.
func prefixed(b []byte) int {
	switch b[0] | 0x20 {
	case 'e', 'b', 'x', 'n':
		if len(b) > 1 && b[1] == '\'' {
			return 2
		}
	case 'u':
		if len(b) > 2 && b[1] == '&' && (b[2] == '\'' || b[2] == '"') {
			return 3
		}
	}
	return 0
}

// dollarTag gives the length of the dollar quote's delimiter that b begins with, 0 if it begins with none; more is set when
// the end of b was reached first.
func dollarTag(b []byte) (n int, more bool) {
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '$':
			return i + 1, false
		case !isVariable[c], i == 1 && '0' <= c && c <= '9':
			return 0, false
		}
	}
	return 0, true
}
