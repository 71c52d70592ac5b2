// Package dbname says what a database can be named. It imports nothing of this project.
package dbname

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// longestName is PostgreSQL's, in bytes (NAMEDATALEN - 1). The server cuts what is longer, and two names become one.
const longestName = 63

// Check reports why a name cannot be that of a database to make; nil if it can. The error completes "the name …".
func Check(name string) error {
	switch {
	case name == "":
		return errors.New("is empty")
	case len(name) > longestName:
		return fmt.Errorf("is longer than the %d bytes that PostgreSQL keeps of a name", longestName)
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New("has a control character in it")
	case name == "postgres" || name == "template0" || name == "template1":
		return errors.New("is that of a database of the server itself")
	}
	return nil
}

// Names gives the names of n clones of a database after a pattern in which {database} and {n}, from 1 on, are replaced.
func Names(pattern, database string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = strings.NewReplacer("{database}", database, "{n}", strconv.Itoa(i+1)).Replace(pattern)
	}
	return names
}
