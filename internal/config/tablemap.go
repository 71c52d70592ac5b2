package config

import (
	"errors"
	"fmt"
	pathpkg "path"
	"regexp"
	"strings"
)

// setTableMap takes file=table lines. The table is kept as SQL writes it, quoted; it is empty for a file that is left out.
func setTableMap(s *Settings, v string) error {
	s.TableMap = map[string]string{}
	for line := range strings.Lines(v) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		file, table, err := readMapping(line)
		if err != nil {
			return fmt.Errorf("has the line %q, which %w", shorten(line, 60), err)
		}
		if _, twice := s.TableMap[file]; twice {
			return fmt.Errorf("names the file %s twice", file)
		}
		s.TableMap[file] = table
	}
	return nil
}

// readMapping reads one line. The last = that is not in double quotes divides it: a file's name may hold others.
func readMapping(line string) (file, table string, err error) {
	at, quoted := -1, false
	for i, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '=' && !quoted:
			at = i
		}
	}
	switch {
	case quoted:
		return "", "", errors.New("has a double quote that is not closed; one in a name is doubled")
	case at < 0:
		return "", "", errors.New("has no =; write file=table, such as users.csv=app.users")
	}
	if file, err = readFileName(strings.TrimSpace(line[:at])); err != nil {
		return "", "", err
	}
	table, err = readTableName(strings.TrimSpace(line[at+1:]))
	return file, table, err
}

// readFileName reads a path in the archive, in quotes or without.
func readFileName(text string) (string, error) {
	if strings.HasPrefix(text, `"`) {
		name, rest, ok := quotedName(text)
		if !ok || rest != "" || name == "" {
			return "", errors.New("has a file's name in quotes with something beside it, or nothing in it")
		}
		return name, nil
	}
	if text == "" {
		return "", errors.New("names no file; write file=table, such as users.csv=app.users")
	}
	return pathpkg.Clean(strings.ReplaceAll(text, `\`, "/")), nil
}

// bareName is a name that SQL takes without quotes, and folds.
var bareName = regexp.MustCompile(`^[A-Za-z_\x{80}-\x{10ffff}][A-Za-z0-9_$\x{80}-\x{10ffff}]*$`)

// readTableName reads [schema.]table and gives it as SQL writes it. Names that SQL would not take without quotes (order items,
// my-table) mean themselves.
func readTableName(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	var parts []string
	for rest := text; ; {
		var part string
		if strings.HasPrefix(rest, `"`) {
			name, after, ok := quotedName(rest)
			after = strings.TrimSpace(after)
			if !ok || name == "" || after != "" && after[0] != '.' {
				return "", errors.New("has a table's name in quotes with something beside it, or nothing in it")
			}
			part, rest = name, after
		} else {
			end := strings.IndexByte(rest, '.')
			if end < 0 {
				end = len(rest)
			}
			part, rest = strings.TrimSpace(rest[:end]), rest[end:]
			switch {
			case part == "":
				return "", errors.New("has a point with no name beside it; write schema.table, with names that hold a point in double quotes")
			case strings.Contains(part, `"`):
				return "", errors.New("has a double quote within a table's name; the whole name stands in quotes, and one in it is doubled")
			case bareName.MatchString(part):
				part = foldASCII(part)
			}
		}
		parts = append(parts, `"`+strings.ReplaceAll(part, `"`, `""`)+`"`)
		if rest == "" {
			break
		}
		rest = strings.TrimSpace(rest[1:])
	}
	if len(parts) > 2 {
		return "", errors.New("has more than a schema and a table; names that hold a point stand in double quotes")
	}
	return strings.Join(parts, "."), nil
}

// quotedName reads a name in double quotes, doubled within, and gives what follows it.
func quotedName(text string) (name, rest string, ok bool) {
	var b strings.Builder
	for text = text[1:]; ; {
		before, after, found := strings.Cut(text, `"`)
		b.WriteString(before)
		if !found {
			return "", "", false
		}
		if text = after; !strings.HasPrefix(text, `"`) {
			return b.String(), text, true
		}
		b.WriteByte('"')
		text = text[1:]
	}
}

// foldASCII makes small letters of capitals as the server does.
func foldASCII(name string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, name)
}
