package load

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
)

// reachesOut tells whether a function of that name reaches files, programs or other servers from SQL.
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

// runsText tells whether a function of that name runs a query that it is given as text.
func runsText(name string) bool {
	return strings.HasPrefix(name, "query_to_xml") || name == "ts_stat" || name == "ts_rewrite"
}

// guard refuses SQL that reaches beyond the database: COPY with a program or with a file of the server (a COPY FROM whose
// file is in the archive is read from there, so the caller sees to it), and functions that read or write the server's files.
// Bodies of functions and DO blocks are searched too, as far as the text shows it: SQL that is put together at run time
// cannot be seen from a client.
func guard(text []byte, infos []statementInfo, escapes bool) error {
	for i, info := range infos {
		switch c := info.copy; {
		case c == nil:
		case c.program:
			return refuse("COPY … PROGRAM runs a program on the server")
		case c.file != "" && !c.from:
			return refuse(fmt.Sprintf("COPY … TO %q writes a file on the server", c.file))
		case c.file != "" && (len(infos) > 1 || i > 0):
			return refuse(fmt.Sprintf("COPY … FROM %q reads a file of the server", c.file))
		}
	}
	t := &tokens{text: text, escapes: escapes}
	if len(infos) == 1 && !holdsCode(t.peek()) && !suspicious(text) {
		return nil
	}
	return search(t, false)
}

// holdsCode tells by its first word whether a statement's string constants can be code: bodies of functions and DO blocks.
func holdsCode(first token) bool {
	return first.kind == wordToken && (first.text == "do" || first.text == "create")
}

func refuse(what string) error {
	return &psql.Error{Refused: true, Message: what + ", which is never done for a script from outside",
		Remedy: "Remove the statement from the script, or load a script without it."}
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

// search looks through tokens, and through string constants as through SQL: the body of a function or DO block is one.
func search(t *tokens, inside bool) error {
	code := inside // a string constant holds code in these statements only
	for start := true; ; {
		tok := t.next()
		code, start = code || start && holdsCode(tok), tok.kind == otherToken && tok.text == ";"
		switch tok.kind {
		case endToken:
			return nil
		case wordToken, quotedToken:
			if tok.kind == wordToken && tok.text == "foreign" && t.peek().text == "table" {
				if err := foreignTable(t); err != nil {
					return err
				}
			}
			if reachesOut(tok.text) && t.peek().text == "(" {
				return refuse(tok.text + "() reaches beyond the database")
			}
			code = code || runsText(tok.text)
			if code && tok.kind == wordToken && tok.text == "copy" {
				if err := bodyCopy(t); err != nil {
					return err
				}
			}
		case stringToken:
			tok.text = t.content(tok)
			if code && strings.ContainsAny(tok.text, " \t\n") {
				if err := search(&tokens{text: []byte(tok.text), escapes: t.escapes}, true); err != nil {
					return err
				}
			}
		}
	}
}

// bodyCopy looks at what follows the word copy in code.
func bodyCopy(t *tokens) error {
	at := t.i
	defer func() { t.i = at }()
	for {
		tok := t.next()
		switch {
		case tok.kind == endToken, tok.kind == otherToken && tok.text == ";":
			return nil
		case tok.kind == wordToken && (tok.text == "from" || tok.text == "to"):
			switch next := t.peek(); {
			case next.kind == wordToken && next.text == "program":
				return refuse("COPY … PROGRAM in the body of a function runs a program on the server")
			case next.kind == stringToken:
				return refuse("COPY with a file in the body of a function reaches the server's files")
			}
		}
	}
}

// foreignTable looks at the options of a foreign table for a file or program of the server's, which file_fdw reads.
func foreignTable(t *tokens) error {
	at := t.i
	defer func() { t.i = at }()
	for {
		tok := t.next()
		switch {
		case tok.kind == endToken, tok.kind == otherToken && tok.text == ";":
			return nil
		case (tok.kind == wordToken || tok.kind == quotedToken) && (tok.text == "filename" || tok.text == "program"):
			if t.peek().kind == stringToken {
				return refuse("a foreign table with the option " + tok.text + " reaches the server's files or programs")
			}
		}
	}
}
