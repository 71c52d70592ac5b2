package load

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// tokenKind is what a token is.
type tokenKind uint8

const (
	endToken    tokenKind = iota
	wordToken             // an identifier or keyword without quotes; text is in lower case
	quotedToken           // an identifier in double quotes; text is without them
	stringToken           // a string constant of any kind; text is its content where that is plain, else as written
	otherToken            // a number, an operator, punctuation: text is one byte, or a number's digits
)

type token struct {
	kind tokenKind
	text string
	at   int // offset of its first byte
	end  int // offset after its last
}

// tokens reads the tokens of SQL text that psql has already cut into statements. It is meant for the heads of statements:
// enough to know what a statement is and what it names, not what it means.
type tokens struct {
	text    []byte
	i       int
	escapes bool // backslashes in '…' are escapes
}

func (t *tokens) next() token {
	t.skipSpace()
	b, from := t.text, t.i
	if from >= len(b) {
		return token{at: from, end: from}
	}
	made := func(kind tokenKind, text string) token { return token{kind, text, from, t.i} }
	c := b[from]
	switch {
	case isWordByte(c) && !isDigit(c):
		if n := t.prefixedQuote(); n > 0 {
			t.i += n - 1
			if b[t.i] == '"' { // U&"…"
				text := t.quoted('"', false)
				end := t.i
				escape := byte('\\')
				if t.accept("uescape") {
					if tok := t.next(); tok.kind == stringToken && len(tok.text) == 1 {
						escape, end = tok.text[0], t.i
					}
				}
				t.i = end
				return made(quotedToken, decodeUnicode(text, escape))
			}
			return made(stringToken, t.quoted('\'', c|0x20 == 'e' || t.escapes && c|0x20 == 'n'))
		}
		for t.i < len(b) && (isWordByte(b[t.i]) || b[t.i] == '$') {
			t.i++
		}
		return made(wordToken, foldCase(b[from:t.i]))
	case isDigit(c):
		for t.i < len(b) && (isWordByte(b[t.i]) || b[t.i] == '.') {
			t.i++
		}
		return made(otherToken, string(b[from:t.i]))
	case c == '"':
		text := t.quoted('"', false)
		return made(quotedToken, text)
	case c == '\'':
		text := t.quoted('\'', t.escapes)
		return made(stringToken, text)
	case c == '$':
		if text, ok := t.dollar(); ok {
			return made(stringToken, text)
		}
	}
	t.i++
	return made(otherToken, string(c))
}

func (t *tokens) peek() token {
	at := t.i
	tok := t.next()
	t.i = at
	return tok
}

// accept reads the next token if it is the keyword or punctuation.
func (t *tokens) accept(text string) bool {
	at := t.i
	if tok := t.next(); tok.text == text && (tok.kind == wordToken || tok.kind == otherToken) {
		return true
	}
	t.i = at
	return false
}

// relation reads a possibly qualified name: its parts, nil if there is none.
func (t *tokens) relation() []string {
	var parts []string
	for {
		at := t.i
		tok := t.next()
		if tok.kind != wordToken && tok.kind != quotedToken {
			t.i = at
			return parts
		}
		parts = append(parts, tok.text)
		at = t.i
		if !t.accept(".") {
			t.i = at
			return parts
		}
	}
}

// parens skips a parenthesised text, if one follows, and gives it with its parentheses.
func (t *tokens) parens() []byte {
	at := t.i
	if !t.accept("(") {
		t.i = at
		return nil
	}
	for depth := 1; depth > 0; {
		switch tok := t.next(); {
		case tok.kind == endToken:
			return t.text[at:]
		case tok.kind == otherToken && tok.text == "(":
			depth++
		case tok.kind == otherToken && tok.text == ")":
			depth--
		}
	}
	return bytes.TrimLeft(t.text[at:t.i], " \t\r\n\f")
}

// columns reads a list of columns in parentheses. It gives nil for any other list, and where a name has Unicode escapes.
func (t *tokens) columns() []string {
	names, offsets := t.names()
	for _, at := range offsets {
		if t.text[at]|0x20 == 'u' && bytes.HasPrefix(t.text[at+1:], []byte("&")) {
			return nil
		}
	}
	return names
}

// skipStatement moves behind the next semicolon that ends a statement, or to the end: those in the body of a BEGIN ATOMIC
// function do not.
func (t *tokens) skipStatement() {
	for depth := 0; ; {
		switch tok := t.next(); {
		case tok.kind == endToken, tok.kind == otherToken && tok.text == ";" && depth == 0:
			return
		case tok.kind != wordToken:
		case tok.text == "begin" && t.peek().text == "atomic", tok.text == "case" && depth > 0:
			depth++
		case tok.text == "end" && depth > 0:
			depth--
		}
	}
}

func (t *tokens) skipSpace() {
	b := t.text
	for t.i < len(b) {
		switch c := b[t.i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
			t.i++
		case c == '-' && t.i+1 < len(b) && b[t.i+1] == '-':
			for t.i < len(b) && b[t.i] != '\n' && b[t.i] != '\r' {
				t.i++
			}
		case c == '/' && t.i+1 < len(b) && b[t.i+1] == '*':
			depth := 0
			for t.i < len(b) {
				switch {
				case bytes.HasPrefix(b[t.i:], []byte("/*")):
					depth++
					t.i += 2
				case bytes.HasPrefix(b[t.i:], []byte("*/")):
					depth--
					t.i += 2
				default:
					t.i++
				}
				if depth == 0 {
					break
				}
			}
		default:
			return
		}
	}
}

// prefixedQuote gives the length of E', B', X', N', U&' or U&" if one of them is next, else 0.
func (t *tokens) prefixedQuote() int {
	b := t.text[t.i:]
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

// quoted reads a quote that begins at t.i and gives its content, doubled quotes made single.
func (t *tokens) quoted(q byte, escapes bool) string {
	b := t.text
	t.i++
	from, doubled := t.i, false
	for t.i < len(b) {
		switch {
		case escapes && b[t.i] == '\\' && t.i+1 < len(b):
			t.i++
		case b[t.i] == q && t.i+1 < len(b) && b[t.i+1] == q:
			doubled = true
			t.i++
		case b[t.i] == q:
			t.i++
			text := string(b[from : t.i-1])
			if doubled {
				text = strings.ReplaceAll(text, string([]byte{q, q}), string(q))
			}
			return text
		}
		t.i++
	}
	t.i = len(b)
	return string(b[min(from, len(b)):])
}

// dollar reads a dollar quote that begins at t.i.
func (t *tokens) dollar() (string, bool) {
	b := t.text[t.i:]
	n := 1
	for n < len(b) && isWordByte(b[n]) && (n > 1 || !isDigit(b[n])) {
		n++
	}
	if n >= len(b) || b[n] != '$' {
		return "", false
	}
	tag := b[:n+1]
	j := bytes.Index(b[len(tag):], tag)
	if j < 0 {
		t.i = len(t.text)
		return string(b[len(tag):]), true
	}
	t.i += len(tag) + j + len(tag)
	return string(b[len(tag) : len(tag)+j]), true
}

// content gives what a string constant of the E'…' or U&'…' kind stands for, near enough to recognise words in it; the
// text of any other.
func (t *tokens) content(tok token) string {
	if tok.at >= len(t.text) || !strings.Contains(tok.text, `\`) {
		return tok.text
	}
	switch c := t.text[tok.at] | 0x20; {
	case c == 'u':
		return decodeUnicode(tok.text, '\\')
	case c == 'e', t.text[tok.at] == '\'' && t.escapes, c == 'n' && t.escapes:
		return decodeEscapes(tok.text)
	}
	return tok.text
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

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80 || isDigit(c)
}

// quoteName writes a possibly qualified name so that PostgreSQL reads just that.
func quoteName(parts ...string) string {
	quoted := make([]string, len(parts))
	for i, p := range parts {
		quoted[i] = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
	}
	return strings.Join(quoted, ".")
}
