package rowfiles

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
)

// column is one column of a file, or one field of a composite type.
type column struct {
	name      string
	generated bool // its values are computed by the server; those of the file are left out
	noEmpty   bool // the type has no empty value
	columnType
}

// columnType is what of a column's type decides how JSON is written for it.
type columnType struct {
	json, hstore bool
	element      *columnType // of an array
	fields       []column    // of a composite type
}

// columnsOf reads the columns of a table, or the fields of the composite type that has that relation.
func columnsOf(ctx context.Context, q catalog.Querier, relation uint32) ([]column, error) {
	all, err := catalog.Columns(ctx, q, relation)
	if err != nil {
		return nil, err
	}
	columns := make([]column, len(all))
	for i, c := range all {
		to := &columns[i]
		*to = column{name: c.Name, generated: c.Generated, columnType: typeCalled(c.Type)}
		to.noEmpty = slices.Contains([]string{"N", "D", "B", "T", "I", "A", "C", "R", "G"}, c.Category) || to.json || c.Type == "uuid"
		if c.Array {
			of := typeCalled(c.Element)
			to.element = &of
		}
		if c.Composite != 0 {
			if to.fields, err = columnsOf(ctx, q, c.Composite); err != nil {
				return nil, err
			}
		}
		if c.OfComposite != 0 {
			if to.element.fields, err = columnsOf(ctx, q, c.OfComposite); err != nil {
				return nil, err
			}
		}
	}
	return columns, nil
}

func typeCalled(name string) columnType {
	return columnType{json: name == "json" || name == "jsonb", hstore: name == "hstore"}
}

// readColumns reads which columns a file has, and what they are in its table.
func (f *FS) readColumns(ctx context.Context, q catalog.Querier, file *rowFile, notice func(string)) error {
	names, err := f.fileColumns(ctx, file)
	if err != nil {
		return err
	}
	known, err := columnsOf(ctx, q, file.table.OID)
	if err != nil {
		return err
	}
	var left []string
	for _, name := range names {
		i := columnCalled(known, name)
		column := column{name: name}
		if i >= 0 {
			column = known[i]
		}
		if column.generated {
			left = append(left, column.name)
		}
		file.columns = append(file.columns, column)
	}
	if len(left) > 0 {
		notice(fmt.Sprintf("%s: the server computes %s itself; the file's values are left out", file.name, strings.Join(left, ", ")))
	}
	return nil
}
