package archive

import (
	"bytes"
	"io"
	"io/fs"
	"regexp"
	"strings"
)

// Dialect says what the beginning of a file is when psql could not run it, in words that fit after "this is", as in
// "a MySQL script"; empty when nothing foreign is recognised, which proves nothing.
//
// It is made to have no false positives: it looks at code only, not at comments, strings, dollar quotes or the rows of
// a COPY, and only for what PostgreSQL would refuse as well. Where it loses its way it says nothing.
func Dialect(head []byte) string {
	if is := Magic(head); is != "" {
		return is
	}
	text := strings.TrimLeft(strings.TrimPrefix(string(head), "\ufeff"), " \t\r\n")
	if pagePattern.MatchString(text) {
		return "a web page"
	}
	s := &sniffer{rest: text, atStart: true}
	for s.rest != "" {
		if is := s.step(); is != "" {
			return is
		}
	}
	return ""
}

// The files that are known by what they begin with.
const (
	customDump = "a dump of pg_dump in its custom format"
	tarDump    = "a dump of pg_dump in its tar format"
	folderDump = "a dump of pg_dump in its directory format"
	tarFile    = "a tar archive"
	gzipFile   = "a gzip file"
	zstdFile   = "a zstd file"
	xzFile     = "an xz file"
	bzip2File  = "a bzip2 file"
	lz4File    = "an lz4 file"
	sevenZip   = "a 7z archive"
	rarFile    = "a rar archive"
	parquet    = "a Parquet file"
	sqliteFile = "an SQLite database file"
	utf16      = "text in UTF-16"
)

var magics = []struct{ magic, is string }{
	{"PGDMP", customDump}, {"SQLite format 3\x00", sqliteFile}, {"PK\x03\x04", "a zip"}, {"\x1f\x8b", gzipFile}, {"\x28\xb5\x2f\xfd", zstdFile},
	{"\xfd7zXZ\x00", xzFile}, {"BZh", bzip2File}, {"\x04\x22\x4d\x18", lz4File}, {"7z\xbc\xaf\x27\x1c", sevenZip}, {"Rar!\x1a\x07", rarFile}, {"PAR1", parquet},
	{"\xff\xfe", utf16}, {"\xfe\xff", utf16},
}

// Magic says what a file is that is no text, by its first bytes, in words as Dialect's; empty when it is none that is known.
func Magic(head []byte) string {
	for _, known := range magics {
		if bytes.HasPrefix(head, []byte(known.magic)) && (known.is != bzip2File || len(head) > 3 && head[3] >= '1' && head[3] <= '9') {
			return known.is
		}
	}
	const mark = 257 // where tar has its own
	if len(head) > mark+5 && string(head[mark:mark+5]) == "ustar" {
		if bytes.HasPrefix(head, []byte("toc.dat\x00")) {
			return tarDump
		}
		return tarFile
	}
	return ""
}

// MakePlain says how to make of a file what can be loaded, by what Dialect or Magic says that it is; empty when it cannot be made so.
func MakePlain(is, name string) string {
	shell := shellName(name)
	switch is {
	case customDump, tarDump, folderDump:
		return "Make a plain script of it and load that: pg_restore --no-owner --file=load.sql " + shell
	case tarFile:
		return "Unpack it and give the folder: mkdir export && tar -xf " + shell + " -C export"
	case gzipFile:
		return "Unpack it first: gunzip " + shell
	case zstdFile:
		return "Unpack it first: zstd -d " + shell
	case xzFile:
		return "Unpack it first: xz -d " + shell
	case bzip2File:
		return "Unpack it first: bunzip2 " + shell
	case lz4File:
		return "Unpack it first: lz4 -d " + shell
	case sevenZip:
		return "Unpack it and give the folder: 7z x -oexport " + shell
	case rarFile:
		return "Unpack it and give the folder: unrar x " + shell
	case utf16:
		return "Convert it first: iconv -f UTF-16 -t UTF-8 " + shell + " > load.sql"
	}
	return ""
}

var plainPath = regexp.MustCompile(`^[\w./@+-]+$`)

// shellName writes a file's name as a shell takes it.
func shellName(name string) string {
	if plainPath.MatchString(name) && !strings.HasPrefix(name, "-") {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// DirectoryDump tells whether files are a dump of pg_dump in its directory format, and what it is called then.
func DirectoryDump(files fs.FS) (is string, ok bool) {
	f, err := files.Open("toc.dat")
	if err != nil {
		return "", false
	}
	defer f.Close()
	head := make([]byte, 5)
	if _, err := io.ReadFull(f, head); err != nil || string(head) != "PGDMP" {
		return "", false
	}
	return folderDump, true
}

var pagePattern = regexp.MustCompile(`(?i)^<(!doctype\s+html|html|\?xml)\b`)

// What only one dialect has, at the beginning of a statement. None of it can be run by PostgreSQL.
var statementPatterns = []struct {
	is      string
	pattern *regexp.Regexp
}{
	{"a MySQL script", regexp.MustCompile(`(?i)^(SET\s+(FOREIGN_KEY_CHECKS|UNIQUE_CHECKS|SQL_MODE|SQL_LOG_BIN)\b` +
		`|SET\s+@|LOCK\s+TABLES\s+\S+\s+(READ|WRITE)\b|UNLOCK\s+TABLES\b|USE\s+\x60|DELIMITER\s)`)},
	{"a SQL Server script", regexp.MustCompile(`(?i)^(SET\s+(IDENTITY_INSERT|NOCOUNT|ANSI_NULLS|QUOTED_IDENTIFIER|` +
		`ANSI_PADDING|XACT_ABORT)\s|USE\s+\[|GO\s*\r?\n|(INSERT\s+(INTO\s+)?|DELETE\s+FROM\s+|UPDATE\s+|` +
		`(CREATE|ALTER|DROP|TRUNCATE)\s+TABLE\s+(IF\s+EXISTS\s+)?)\[\w)`)},
	{"an Oracle script", regexp.MustCompile(`(?i)^(SET\s+(DEFINE|SQLBLANKLINES|SCAN|SERVEROUTPUT|FEEDBACK)\s+(ON|OFF)\b|` +
		`INSERT\s+ALL\b|ALTER\s+SESSION\s+SET\s|WHENEVER\s+SQLERROR\s|REM\s|SPOOL\s)`)},
	{"an SQLite script", regexp.MustCompile(`(?i)^PRAGMA\s+\w+\s*(=|;|\()`)},
}

var (
	dollarPattern = regexp.MustCompile(`^\$([A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$`)
	copyPattern   = regexp.MustCompile(`(?is)^COPY\s[^;]*\sFROM\s+STDIN\b[^;]*;[^\n]*\n`)

	copyCommandPattern = regexp.MustCompile(`(?i)^\\copy\s[^\n]*\sFROM\s+P?STDIN\b`)

	wordPattern     = regexp.MustCompile(`^[\w\x80-\xff$]+`)
	backtickPattern = regexp.MustCompile("^`[A-Za-z_][\\w$ -]*`")
)

// sniffer goes through a script token by token.
type sniffer struct {
	rest    string
	atStart bool   // of a statement
	word    string // the one just before, for the E of E''
}

// step takes one token and gives what it proves, if anything.
func (s *sniffer) step() string {
	word := s.word
	s.word = ""
	switch c := s.rest[0]; {
	case c == ' ', c == '\t', c == '\n', c == '\r', c == '\f':
		s.rest = s.rest[1:]
	case strings.HasPrefix(s.rest, "--"):
		s.skipPast("\n")
	case strings.HasPrefix(s.rest, "/*"):
		s.skipComment()
	case c == '\'':
		s.skipString(strings.EqualFold(word, "e"))
		s.atStart = false
	case c == '"':
		s.rest = s.rest[1:]
		s.skipPast(`"`)
		s.atStart = false
	case c == '$' && dollarPattern.MatchString(s.rest):
		tag := dollarPattern.FindString(s.rest)
		s.rest = s.rest[len(tag):]
		s.skipPast(tag)
		s.atStart = false
	case c == '\\': // a meta-command of psql
		rows := copyCommandPattern.MatchString(s.rest)
		s.skipPast("\n")
		if rows {
			s.skipRows()
		}
	case c == '`' && backtickPattern.MatchString(s.rest):
		return "a MySQL script"
	case c == ';':
		s.rest, s.atStart = s.rest[1:], true
	default:
		return s.stepCode()
	}
	return ""
}

// stepCode takes a word, or one character of an operator.
func (s *sniffer) stepCode() string {
	if s.atStart {
		for _, known := range statementPatterns {
			if known.pattern.MatchString(s.rest) {
				return known.is
			}
		}
		if rows := copyPattern.FindString(s.rest); rows != "" {
			s.rest = s.rest[len(rows):]
			s.skipRows()
			return ""
		}
	}
	s.atStart = false
	s.word = wordPattern.FindString(s.rest)
	s.rest = s.rest[max(1, len(s.word)):]
	return ""
}

// skipPast goes behind the next mark, or to the end.
func (s *sniffer) skipPast(mark string) {
	_, s.rest, _ = strings.Cut(s.rest, mark)
}

// skipRows goes behind the rows of a COPY, which a line with a backslash and a dot ends.
func (s *sniffer) skipRows() {
	if !strings.HasPrefix(s.rest, "\\.") {
		s.skipPast("\n\\.")
	}
	s.skipPast("\n")
}

// skipComment goes behind a comment and those nested in it.
func (s *sniffer) skipComment() {
	depth := 0
	for s.rest != "" {
		switch {
		case strings.HasPrefix(s.rest, "/*"):
			depth++
			s.rest = s.rest[2:]
		case strings.HasPrefix(s.rest, "*/"):
			s.rest = s.rest[2:]
			if depth--; depth == 0 {
				return
			}
		default:
			s.rest = s.rest[1:]
		}
	}
}

// skipString goes behind a string. A backslash before a quote has two meanings in a plain string, by a setting that is
// not known here: then there is nothing more to say for certain, and the rest is given up.
func (s *sniffer) skipString(escapes bool) {
	for i := 1; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '\\':
			if i+1 < len(s.rest) && s.rest[i+1] == '\'' && !escapes {
				s.rest = ""
				return
			}
			if escapes {
				i++
			}
		case '\'':
			s.rest = s.rest[i+1:]
			return
		}
	}
	s.rest = ""
}
