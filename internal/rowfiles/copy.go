package rowfiles

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// copies writes the statements that load files.
type copies struct {
	*bytes.Buffer
	encoding string // the client encoding meanwhile
}

// write writes the statement that loads a file. Rows of which nothing goes to the table are rows of its defaults, which COPY has no way to
// say.
func (c *copies) write(file *rowFile) {
	file.line = bytes.Count(c.Bytes(), []byte("\n")) + 1
	table := file.table.String()
	if file.defaults() {
		if file.count > 0 {
			fmt.Fprintf(c, "INSERT INTO %s SELECT FROM pg_catalog.generate_series(1, %d);\n", table, file.count)
		}
		return
	}
	var columns []string
	for _, column := range file.columns {
		if !column.generated {
			columns = append(columns, sqltext.QuoteName(column.name))
		}
	}
	in := ""
	if file.enc.sends != c.encoding { // names are in the one, rows in the other
		in = " WITH (ENCODING " + sqltext.Literal(file.enc.sends) + ")"
	}
	fmt.Fprintf(c, "COPY %s (%s) FROM %s%s;\n", table, strings.Join(columns, ", "), sqltext.Literal(file.name), in)
}
