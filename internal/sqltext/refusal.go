package sqltext

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Refusal says what in a statement is never done for a script from outside.
type Refusal struct{ Message, Remedy string }

// reachesOut reports whether a function of that name reaches files, programs or other servers from SQL.
func reachesOut(name string) bool {
	switch name {
	case "pg_stat_file", "lo_import", "lo_export", "pg_execute_server_program":
		return true
	}
	for _, prefix := range []string{"pg_read_file", "pg_read_binary_file", "pg_ls_", "pg_file_", "dblink"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// runsText reports whether a function of that name runs a query that it is given as text.
func runsText(name string) bool {
	return strings.HasPrefix(name, "query_to_xml") || name == "ts_stat" || name == "ts_rewrite"
}

// Refuse refuses SQL that reaches beyond the database: COPY with a program or with a file of the server (a COPY FROM whose
// file is in the archive is read from there, so the caller sees to it), and functions that read or write the server's files.
// Bodies of functions and DO blocks are searched too, as far as the text shows it: SQL that is put together at run time
// cannot be seen from a client. It gives nil if there is nothing to refuse; statements are those of text.
func Refuse(text []byte, statements []Statement, escapes bool) *Refusal {
	for i, s := range statements {
		switch c := s.Copy; {
		case c == nil:
		case c.Program:
			return refuse("COPY … PROGRAM runs a program on the server")
		case c.File != "" && !c.From:
			return refuse(fmt.Sprintf("COPY … TO %q writes a file on the server", c.File))
		case c.File != "" && (len(statements) > 1 || i > 0):
			return refuse(fmt.Sprintf("COPY … FROM %q reads a file of the server", c.File))
		}
	}
	t := &Tokens{Text: text, Escapes: escapes}
	if len(statements) == 1 && !holdsCode(t.Peek()) && !suspicious(text) {
		return nil
	}
	return search(t, nesting{})
}

// holdsCode reports by its first word whether a statement's string constants can be code: bodies of functions and DO blocks.
func holdsCode(first Token) bool {
	return first.Kind == WordToken && (first.Text == "do" || first.Text == "create")
}

func refuse(what string) *Refusal {
	return &Refusal{Message: what + ", which is never done for a script from outside", Remedy: "Remove the statement from the script, or load a script without it."}
}

// suspicious is a quick look that spares most statements the search, those of many rows above all: is there anything that
// looks like a name that reaches out, or like a name in disguise?
func suspicious(text []byte) bool {
	for i, c := range text {
		if !telling[c] {
			continue
		}
		before, after := text[:i], text[i+1:]
		switch {
		case c == '"':
			if endsIn(before, "u&") {
				return true
			}
		case c == '_' && endsIn(before, "pg"):
			if beginsWith(after, "read_", "ls_", "stat_file", "file_", "execute_") {
				return true
			}
		case c == '_' && endsIn(before, "lo"):
			if beginsWith(after, "import", "export") {
				return true
			}
		case endsIn(before, "dblin") || endsIn(before, "forei"): // k, g
			return true
		}
	}
	return false
}

// telling are the bytes that suspicious stops at: one in each name, and those rare in text where there is a choice.
var telling = [256]bool{'_': true, '"': true, 'k': true, 'K': true, 'g': true, 'G': true}

// endsIn and beginsWith compare without regard to the case of ASCII letters, as PostgreSQL reads names.
func endsIn(text []byte, word string) bool {
	return len(text) >= len(word) && bytes.EqualFold(text[len(text)-len(word):], []byte(word))
}

func beginsWith(text []byte, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return len(text) >= len(w) && bytes.EqualFold(text[:len(w)], []byte(w)) })
}

// Limits of code in strings of code: each level is held while the next is looked through, and each is as long as all that is in it.
const (
	maxNesting = 8        // levels
	maxNested  = 32 << 20 // bytes of the levels within the first, and of that one if the text does not hold it as it is
)

// nesting is how deep in strings of code something stands, and how many bytes of these are held.
type nesting struct{ depth, held int }

// search looks through tokens, and through string constants as through SQL: the body of a function or DO block is one.
func search(t *Tokens, in nesting) *Refusal {
	code := in.depth > 0 // a string constant holds code in these statements only
	defines, turned := false, false
	for start := true; ; {
		tok := t.Next()
		if start {
			defines, turned = tok.Kind == WordToken && (tok.Text == "create" || tok.Text == "alter"), false
		}
		code, start = code || start && holdsCode(tok), tok.Kind == OtherToken && tok.Text == ";"
		switch tok.Kind {
		case EndToken:
			return nil
		case WordToken, QuotedToken:
			if tok.Kind == WordToken && tok.Text == "foreign" && t.Peek().Text == "table" {
				if r := foreignTable(t); r != nil {
					return r
				}
			}
			if reachesOut(tok.Text) && t.Peek().Text == "(" {
				return refuse(tok.Text + "() reaches beyond the database")
			}
			if defines && reachesOut(tok.Text) && naming(t.Text[:tok.At]) {
				return refuse("another name for " + tok.Text + "(), which reaches beyond the database")
			}
			turned = turned || tok.Text == "standard_conforming_strings"
			code = code || runsText(tok.Text)
			if code && tok.Kind == WordToken && tok.Text == "copy" {
				if r := bodyCopy(t); r != nil {
					return r
				}
			}
		case StringToken:
			if code {
				deeper := nesting{in.depth + 1, in.held}
				if in.depth > 0 || !t.verbatim(tok) {
					deeper.held += tok.End - tok.At
				}
				if deeper.depth > maxNesting || deeper.held > maxNested {
					return &Refusal{Message: fmt.Sprintf("strings of code stand in one another, more than %d deep or of more than %d MiB, too many to look through", maxNesting, maxNested>>20),
						Remedy: "Have the code stand less deep, or load a script without it."}
				}
				content := t.content(tok)
				if r := search(&Tokens{Text: content, Escapes: t.Escapes}, deeper); r != nil {
					return r
				}
				if turned { // a function may have strings mean what they do not mean here
					if r := search(&Tokens{Text: content, Escapes: !t.Escapes}, deeper); r != nil {
						return r
					}
				}
			}
		}
	}
}

// namingWords are behind what a definition names a function by, with or without its arguments.
var namingWords = regexp.MustCompile(`(?i)(?:\b(?:function|procedure|routine)|=)(?:\s|"?pg_catalog"?|\.|/\*.*?\*/|"|U&)*$`)

// naming reports whether text ends where a definition names a function: ALTER FUNCTION f, CREATE OPERATOR … (FUNCTION = f).
func naming(text []byte) bool {
	return namingWords.Match(text[max(0, len(text)-200):])
}

// bodyCopy looks at what follows the word copy in code.
func bodyCopy(t *Tokens) *Refusal {
	at := t.I
	defer func() { t.I = at }()
	for {
		tok := t.Next()
		switch {
		case tok.Kind == EndToken, tok.Kind == OtherToken && tok.Text == ";":
			return nil
		case tok.Kind == WordToken && (tok.Text == "from" || tok.Text == "to"):
			switch next := t.Peek(); {
			case next.Kind == WordToken && next.Text == "program":
				return refuse("COPY … PROGRAM in the body of a function runs a program on the server")
			case next.Kind == StringToken:
				return refuse("COPY with a file in the body of a function reaches the server's files")
			}
		}
	}
}

// foreignTable looks at the options of a foreign table for a file or program of the server's, which file_fdw reads.
func foreignTable(t *Tokens) *Refusal {
	at := t.I
	defer func() { t.I = at }()
	for {
		tok := t.Next()
		switch {
		case tok.Kind == EndToken, tok.Kind == OtherToken && tok.Text == ";":
			return nil
		case (tok.Kind == WordToken || tok.Kind == QuotedToken) && (tok.Text == "filename" || tok.Text == "program"):
			if t.Peek().Kind == StringToken {
				return refuse("a foreign table with the option " + tok.Text + " reaches the server's files or programs")
			}
		}
	}
}
