package sqltext

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// TokenKind is what a token is.
type TokenKind uint8

// The kinds of tokens.
const (
	EndToken    TokenKind = iota
	WordToken             // an identifier or keyword without quotes; text is in lower case
	QuotedToken           // an identifier in double quotes; text is without them
	StringToken           // a string constant of any kind; text is its content where that is plain, else as written
	OtherToken            // a number, an operator, punctuation: text is one byte, or a number's digits
)

// Token is one word, constant or sign of SQL.
type Token struct {
	Kind TokenKind
	Text string // of what is longer than 1 MiB the beginning, with a NUL behind it, which is in no SQL; Content gives all of a string constant
	At   int    // offset of its first byte
	End  int    // offset after its last
}

// Tokens reads the tokens of SQL text that psql has already cut into statements. It is meant for the heads of statements:
// enough to know what a statement is and what it names, not what it means.
type Tokens struct {
	Text    []byte
	I       int  // offset of what is read next
	Escapes bool // backslashes in '…' are escapes
	between *between
}

// between is what stands between tokens, where somebody wants to know: white space and comments, which go nowhere with what is not sent as written.
type between struct {
	o       Options
	refused bool // it may be something that the server refuses
}

// passed is told what was taken for white space or a comment. open says that the comment has no end.
func (b *between) passed(text []byte, open bool) {
	if b != nil && !b.refused {
		b.refused = open || b.o.OldSpace && text[0] == '\v' || b.o.ASCII && bytes.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
	}
}

// Next reads the next token.
func (t *Tokens) Next() Token {
	t.SkipSpace()
	b, from := t.Text, t.I
	if from >= len(b) {
		return Token{At: from, End: from}
	}
	made := func(kind TokenKind, text string) Token { return Token{kind, text, from, t.I} }
	c := b[from]
	switch {
	case IsWordByte(c) && !IsDigit(c):
		if n := t.prefixedQuote(); n > 0 {
			t.I += n - 1
			if b[t.I] == '"' { // U&"…"
				text := shortened(t.quoted('"', false, longestText))
				end := t.I
				escape := byte('\\')
				if t.Accept("uescape") {
					if tok := t.Next(); tok.Kind == StringToken && len(tok.Text) == 1 {
						escape, end = tok.Text[0], t.I
					}
				}
				t.I = end
				return made(QuotedToken, decodeUnicode(text, escape))
			}
			return made(StringToken, shortened(t.str(c|0x20 == 'e' || t.Escapes && c|0x20 == 'n', longestText)))
		}
		for t.I < len(b) && (IsWordByte(b[t.I]) || b[t.I] == '$') {
			t.I++
		}
		return made(WordToken, foldCase(b[from:t.I]))
	case IsDigit(c):
		for t.I < len(b) && (IsWordByte(b[t.I]) || b[t.I] == '.') {
			t.I++
		}
		return made(OtherToken, shortened(b[from:t.I]))
	case c == '"':
		text := t.quoted('"', false, longestText)
		return made(QuotedToken, shortened(text))
	case c == '\'':
		text := t.str(t.Escapes, longestText)
		return made(StringToken, shortened(text))
	case c == '$':
		if text, ok := t.dollar(); ok {
			return made(StringToken, shortened(text))
		}
	}
	t.I++
	return made(OtherToken, string(c))
}

// longestText is how much of a token Text holds, in bytes: a constant may be as long as its statement, of which there is no room for
// several.
const longestText = 1 << 20

// shortened makes a token's Text.
func shortened(text []byte) string {
	if len(text) > longestText {
		return string(text[:longestText]) + "\x00"
	}
	return string(text)
}

// Peek gives the next token without reading it.
func (t *Tokens) Peek() Token {
	at := t.I
	tok := t.Next()
	t.I = at
	return tok
}

// Accept reads the next token if it is the keyword or punctuation.
func (t *Tokens) Accept(text string) bool {
	at := t.I
	if tok := t.Next(); tok.Text == text && (tok.Kind == WordToken || tok.Kind == OtherToken) {
		return true
	}
	t.I = at
	return false
}

// all reads the next tokens if they are these words.
func (t *Tokens) all(words []string) bool {
	at := t.I
	for _, word := range words {
		if !t.Accept(word) {
			t.I = at
			return false
		}
	}
	return true
}

// ends reports whether nothing follows but a semicolon, and reads that.
func (t *Tokens) ends() bool {
	at := t.I
	t.Accept(";")
	if t.Peek().Kind == EndToken {
		return true
	}
	t.I = at
	return false
}

// reserved are the words that name no table and no column without quotes, in any version of the server: pg_get_keywords gives them as
// reserved, or as names of functions and types alone.
var reserved = func() map[string]bool {
	all := map[string]bool{}
	for _, word := range strings.Fields(`all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column
		concurrently constraint create cross current_catalog current_date current_role current_schema current_time current_timestamp current_user default
		deferrable desc distinct do else end except false fetch for foreign freeze from full grant group having ilike in initially inner intersect into is
		isnull join lateral leading left like limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
		references returning right select session_user similar some symmetric system_user table tablesample then to trailing true union unique user using
		variadic verbose when where window with`) {
		all[word] = true
	}
	return all
}()

// Reserved reports whether a word, in lower case, names no table and no column without quotes.
func Reserved(word string) bool { return reserved[word] }

// isName reports whether a token is the name of a table or a column.
func (tok Token) isName() bool {
	return tok.Kind == QuotedToken && tok.Text != "" || tok.Kind == WordToken && !reserved[tok.Text]
}

// table reads the name of a table as a statement says it, with its offset: nil for what the server does not take as one. escaped says that a part of
// it may be written U&"…".
func (t *Tokens) table() (name Name, at int, escaped bool) {
	tok := t.Peek()
	if !tok.isName() {
		return nil, tok.At, false
	}
	if name = t.Relation(); t.Text[t.I-1] == '.' || slices.Contains(name, "") {
		return nil, tok.At, false
	}
	return name, tok.At, bytes.Contains(t.Text[tok.At:t.I], []byte(`&"`))
}

// Relation reads a possibly qualified name, up to a dot behind which there is none: its parts, nil if there is none.
func (t *Tokens) Relation() []string {
	var parts []string
	for {
		at := t.I
		tok := t.Next()
		if tok.Kind != WordToken && tok.Kind != QuotedToken {
			t.I = at
			return parts
		}
		parts = append(parts, tok.Text)
		at = t.I
		if !t.Accept(".") {
			t.I = at
			return parts
		}
	}
}

// Parens skips a parenthesised text, if one follows, and gives it with its parentheses.
func (t *Tokens) Parens() []byte {
	at := t.I
	if !t.Accept("(") {
		t.I = at
		return nil
	}
	for depth := 1; depth > 0; {
		switch tok := t.Next(); {
		case tok.Kind == EndToken:
			return t.Text[at:]
		case tok.Kind == OtherToken && tok.Text == "(":
			depth++
		case tok.Kind == OtherToken && tok.Text == ")":
			depth--
		}
	}
	return bytes.TrimLeft(t.Text[at:t.I], " \t\r\n\f")
}

// Columns reads a list of columns in parentheses. It gives nil for any other list, and where a name has Unicode escapes.
func (t *Tokens) Columns() []string {
	names, offsets := t.Names()
	for _, at := range offsets {
		if escapedName(t.Text, at) {
			return nil
		}
	}
	return names
}

// Names reads a list of column names in parentheses, with their offsets; nil if what follows is none.
func (t *Tokens) Names() (names []string, offsets []int) {
	at := t.I
	for sep := "("; ; sep = "," {
		if !t.Accept(sep) {
			if len(names) > 0 && t.Accept(")") {
				return names, offsets
			}
			break
		}
		name := t.Next()
		if !name.isName() {
			break
		}
		names, offsets = append(names, name.Text), append(offsets, name.At)
	}
	t.I = at
	return nil, nil
}

// SkipStatement moves behind the next semicolon that ends a statement, or to the end: those in the body of a BEGIN ATOMIC
// function do not.
func (t *Tokens) SkipStatement() {
	depth, routine := 0, t.makesRoutine()
	for {
		switch tok := t.Next(); {
		case tok.Kind == EndToken, tok.Kind == OtherToken && tok.Text == ";" && depth == 0:
			return
		case tok.Kind == OtherToken && tok.Text == "(": // of CREATE RULE … DO (…; …); elsewhere the server takes no semicolon there
			t.I = tok.At
			t.Parens()
		case tok.Kind != WordToken || !routine:
		case tok.Text == "begin" && t.Peek().Text == "atomic", tok.Text == "case" && depth > 0:
			depth++
		case tok.Text == "end" && depth > 0:
			depth--
		}
	}
}

// makesRoutine reports whether what follows is CREATE FUNCTION or CREATE PROCEDURE.
func (t *Tokens) makesRoutine() bool {
	probe := *t
	if !probe.Accept("create") {
		return false
	}
	if probe.Accept("or") {
		probe.Accept("replace")
	}
	return probe.Accept("function") || probe.Accept("procedure")
}

// SkipSpace moves over white space and comments.
func (t *Tokens) SkipSpace() {
	b := t.Text
	for t.I < len(b) {
		switch c := b[t.I]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			t.I++
		case c == '\v':
			t.I++
			t.between.passed(b[t.I-1:t.I], false)
		case c == '-' && t.I+1 < len(b) && b[t.I+1] == '-':
			from := t.I
			for t.I < len(b) && b[t.I] != '\n' && b[t.I] != '\r' {
				t.I++
			}
			t.between.passed(b[from:t.I], false)
		case c == '/' && t.I+1 < len(b) && b[t.I+1] == '*':
			from, depth := t.I, 0
			for t.I < len(b) {
				switch {
				case bytes.HasPrefix(b[t.I:], []byte("/*")):
					depth++
					t.I += 2
				case bytes.HasPrefix(b[t.I:], []byte("*/")):
					depth--
					t.I += 2
				default:
					t.I++
				}
				if depth == 0 {
					break
				}
			}
			t.between.passed(b[from:t.I], depth > 0)
		default:
			return
		}
	}
}

// prefixedQuote gives the length of E', B', X', N', U&' or U&" if one of them is next, else 0.
func (t *Tokens) prefixedQuote() int {
	b := t.Text[t.I:]
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

// quoted reads a quote that begins at t.I and gives its content, doubled quotes made single: a part of the text where there are none. Of
// a content of more than most bytes it may be the beginning, if that is longer as well.
func (t *Tokens) quoted(q byte, escapes bool, most int) []byte {
	b := t.Text
	t.I++
	from, doubled := t.I, false
	for t.I < len(b) {
		switch {
		case escapes && b[t.I] == '\\' && t.I+1 < len(b):
			t.I++
		case b[t.I] == q && t.I+1 < len(b) && b[t.I+1] == q:
			doubled = true
			t.I++
		case b[t.I] == q:
			t.I++
			text := b[from : t.I-1]
			if doubled {
				text = bytes.ReplaceAll(text[:min(len(text), 2*(most+1))], []byte{q, q}, []byte{q})
			}
			return text
		}
		t.I++
	}
	t.I = len(b)
	return b[min(from, len(b)):]
}

// str reads a string constant that begins at t.I, with those that continue it: strings with nothing between them but white space
// that holds a newline are one, of the first one's kind. The content is as quoted gives it.
func (t *Tokens) str(escapes bool, most int) []byte {
	text := t.quoted('\'', escapes, most)
	for joined := false; t.continued(); joined = true {
		part := t.quoted('\'', escapes, most)
		if !joined {
			text = bytes.Clone(text[:min(len(text), most+1)])
		}
		if len(text) <= most {
			text = append(text, part[:min(len(part), most+1)]...)
		}
	}
	return text
}

// continued moves to the quote that continues the string that has just ended, if there is one.
func (t *Tokens) continued() bool {
	b, newline := t.Text, false
	for i := t.I; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\n' || c == '\r':
			newline = true
		case c == ' ' || c == '\t' || c == '\f' || c == '\v':
		case c == '-' && i+1 < len(b) && b[i+1] == '-':
			for i+1 < len(b) && b[i+1] != '\n' && b[i+1] != '\r' {
				i++
			}
		case c == '\'' && newline:
			t.I = i
			return true
		default:
			return false
		}
	}
	return false
}

// dollar reads a dollar quote that begins at t.I.
func (t *Tokens) dollar() ([]byte, bool) {
	b := t.Text[t.I:]
	n := 1
	for n < len(b) && IsWordByte(b[n]) && (n > 1 || !IsDigit(b[n])) {
		n++
	}
	if n >= len(b) || b[n] != '$' {
		return nil, false
	}
	tag := b[:n+1]
	j := bytes.Index(b[len(tag):], tag)
	if j < 0 {
		t.I = len(t.Text)
		return b[len(tag):], true
	}
	t.I += len(tag) + j + len(tag)
	return b[len(tag) : len(tag)+j], true
}

// Content gives what a string constant of the E'…' or U&'…' kind stands for, near enough to recognise words in it; the
// text of any other.
func (t *Tokens) Content(tok Token) string { return string(t.content(tok)) }

// content is Content, and a part of the text where a long constant stands in it as it is.
func (t *Tokens) content(tok Token) []byte {
	if tok.At >= len(t.Text) {
		return []byte(tok.Text)
	}
	text := []byte(tok.Text)
	if tok.Kind == StringToken && len(text) > longestText {
		again := Tokens{Text: t.Text[:tok.End], I: tok.At, Escapes: t.Escapes}
		text = again.constant()
	}
	switch c := t.Text[tok.At] | 0x20; {
	case c == 'u':
		return []byte(decodeUnicode(string(text), t.escapeOf(tok)))
	case bytes.IndexByte(text, '\\') < 0:
		return text
	case c == 'e', t.Text[tok.At] == '\'' && t.Escapes, c == 'n' && t.Escapes:
		return []byte(decodeEscapes(string(text)))
	}
	return text
}

// verbatim reports whether the text holds what a string constant stands for as it is.
func (t *Tokens) verbatim(tok Token) bool {
	text := t.Text[tok.At:tok.End]
	return text[0] == '$' || text[0] == '\'' && bytes.IndexByte(text, '\\') < 0 && bytes.Count(text, []byte{'\''}) <= 2
}

// constant reads all of the string constant that begins at t.I.
func (t *Tokens) constant() []byte {
	switch c := t.Text[t.I]; {
	case c == '$':
		text, _ := t.dollar()
		return text
	case c != '\'':
		t.I += t.prefixedQuote() - 1
		return t.str(c|0x20 == 'e' || t.Escapes && c|0x20 == 'n', len(t.Text))
	}
	return t.str(t.Escapes, len(t.Text))
}

// escapeOf gives the byte that begins the escapes of a U&'…': what UESCAPE behind it says, or a backslash.
func (t *Tokens) escapeOf(tok Token) byte {
	behind := Tokens{Text: t.Text, I: tok.End, Escapes: t.Escapes}
	if word := behind.Next(); word.Kind == WordToken && word.Text == "uescape" {
		if escape := behind.Next(); escape.Kind == StringToken && len(escape.Text) == 1 {
			return escape.Text[0]
		}
	}
	return '\\'
}

var unicodeEscape = regexp.MustCompile(`^(?:([0-9A-Fa-f]{4})|\+([0-9A-Fa-f]{6}))`)

// decodeUnicode decodes the escapes of U&'…' and U&"…".
func decodeUnicode(s string, escape byte) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != escape {
			b.WriteByte(s[i])
			continue
		}
		if m := unicodeEscape.FindStringSubmatch(s[i+1:]); m != nil {
			v, _ := strconv.ParseUint(m[1]+m[2], 16, 32)
			b.WriteRune(rune(v))
			i += len(m[0])
			continue
		}
		if i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

var stringEscape = regexp.MustCompile(`^(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))`)

// decodeEscapes decodes the escapes of E'…'.
func decodeEscapes(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		if m := stringEscape.FindStringSubmatch(s[i+1:]); m != nil {
			base := 16
			if m[1] != "" {
				base = 8
			}
			v, _ := strconv.ParseUint(m[1]+m[2]+m[3]+m[4], base, 32)
			b.WriteRune(rune(v))
			i += len(m[0])
			continue
		}
		i++
		if j := strings.IndexByte("ntbrf", s[i]); j >= 0 {
			b.WriteByte("\n\t\b\r\f"[j])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// foldCase lower-cases ASCII letters, and leaves all other bytes as they are, whatever the encoding: PostgreSQL folds names
// without quotes so.
func foldCase(b []byte) string {
	folded := make([]byte, len(b))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		folded[i] = c
	}
	return string(folded)
}

// IsDigit reports whether a byte is a decimal digit.
func IsDigit(c byte) bool { return '0' <= c && c <= '9' }

// IsWordByte reports whether a byte may be part of a word without quotes.
func IsWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80 || IsDigit(c)
}

// QuoteName writes a possibly qualified name so that PostgreSQL reads just that.
func QuoteName(parts ...string) string {
	quoted := make([]string, len(parts))
	for i, p := range parts {
		quoted[i] = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
	}
	return strings.Join(quoted, ".")
}

var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_$]*$`)

// ShownName writes a possibly qualified name for people, who know a table as app.users and not as "app"."users": quoted where PostgreSQL needs it.
func ShownName(parts ...string) string {
	shown := make([]string, len(parts))
	for i, p := range parts {
		if shown[i] = p; !plainName.MatchString(p) {
			shown[i] = QuoteName(p)
		}
	}
	return strings.Join(shown, ".")
}

// Literal writes a string constant that PostgreSQL reads as s, whatever standard_conforming_strings says.
func Literal(s string) string {
	quoted := strings.ReplaceAll(s, "'", "''")
	if strings.Contains(s, `\`) {
		return " E'" + strings.ReplaceAll(quoted, `\`, `\\`) + "'"
	}
	return "'" + quoted + "'"
}
