package load

import (
	"bytes"
	"fmt"
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
	if !suspicious(text) {
		return nil
	}
	return search(&tokens{text: text, escapes: escapes}, false)
}

func refuse(what string) error {
	return &psql.Error{Refused: true, Message: what + ", which is never done for a script from outside",
		Remedy: "Remove the statement from the script, or load a script without it."}
}

// suspicious is a quick look that spares most statements the search.
func suspicious(text []byte) bool {
	const limit = 4 << 20 // bytes; longer statements hold rows, and COPY inside of quotes there does nothing
	if len(text) > limit {
		return false
	}
	low := bytes.ToLower(text)
	for _, word := range []string{"copy", "pg_read_", "pg_ls_", "pg_stat_file", "pg_file_", "pg_execute_", "lo_import", "lo_export", "dblink",
		"foreign", `u&"`, `\`} {
		if bytes.Contains(low, []byte(word)) {
			return true
		}
	}
	return false
}

// search looks through tokens, and through string constants as through SQL: the body of a function or DO block is one.
func search(t *tokens, inside bool) error {
	code := inside // a string constant holds code in these statements only
	for n := 0; ; n++ {
		tok := t.next()
		switch tok.kind {
		case endToken:
			return nil
		case wordToken, quotedToken:
			if n == 0 && (tok.text == "do" || tok.text == "create") {
				code = true
			}
			if n > 0 && tok.kind == wordToken && tok.text == "foreign" && t.peek().text == "table" {
				if err := foreignTable(t); err != nil {
					return err
				}
			}
			if reachesOut(tok.text) && t.peek().text == "(" {
				return refuse(tok.text + "() reaches beyond the database")
			}
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
