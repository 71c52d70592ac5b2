package fit

import (
	"cmp"
	"fmt"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
)

// What to do where another table may have been meant than the one that is not there.
const (
	OtherName   = "If the table that is there is meant, give it one name in Fabricate and in the schema. If not: " + itsMigrations
	OtherSchema = "If the table that is there is meant, put its schema on the search_path of the role or the database, as in database-url?options=-csearch_path%3D…. If not: " + itsMigrations

	itsMigrations = "run your migrations before this step, or give a schema script" + inBefore + "."
)

// MissingTable is the finding for a table that is not there. hint says which one may have been meant, and remedy what to do then; both may
// be "".
func MissingTable(parts []string, hint, remedy string) Finding {
	name := Name(parts...)
	f := Finding{Kind: NoTable, Table: name, State: "42P01", What: "there is no table " + psql.Visible(name) + hint,
		Remedy: cmp.Or(remedy, noTableRemedy)}
	if shown := psql.Visible(name); shown != name {
		f.Remedy = invisible(shown)
	}
	return f
}

// NoTableThere is the finding for something else than a table.
func NoTableThere(table, what string) Finding {
	return Finding{Kind: NotATable, Table: table, State: "42809", What: what, Remedy: "Take it out of the export in Fabricate, and export the tables behind it."}
}

// MissingColumn is the finding for a column that the table does not have. near is one of a like name, which may be "".
func MissingColumn(table, column, near string) Finding {
	f := Finding{Kind: NoColumn, Table: table, Column: column, State: "42703", What: fmt.Sprintf("table %s has no column %s", table, psql.Visible(Name(column))),
		Remedy: noColumnRemedy}
	if near != "" {
		f.What += fmt.Sprintf("; did you mean %s?", Name(near))
	}
	return f
}

// GeneratedColumn is the finding for a column that the server computes.
func GeneratedColumn(table, column string) Finding {
	return Finding{Kind: Generated, Table: table, Column: column, State: "428C9",
		What:   fmt.Sprintf("column %s of %s is a generated column, which takes no value", Name(column), table),
		Remedy: generatedRemedy}
}

// IdentityColumn is the finding for a column that the server numbers, always.
func IdentityColumn(table, column string) Finding {
	return Finding{Kind: Identity, Table: table, Column: column, State: "428C9",
		What:   fmt.Sprintf("column %s of %s is GENERATED ALWAYS AS IDENTITY and takes no value", Name(column), table),
		Remedy: identityRemedy}
}

// NotGiven is the finding for a column that the table wants and the export does not give.
func NotGiven(table, column string) Finding {
	return Finding{Kind: NoDefault, Table: table, Column: column, State: "23502",
		What:   fmt.Sprintf("column %s of %s is NOT NULL and has no default, and the export does not give it", Name(column), table),
		Remedy: "Give the column a default in the schema or let it be NULL, or add it to the table in Fabricate."}
}

// invisible is what to do about a character that cannot be seen.
func invisible(shown string) string {
	return "There is a character that cannot be seen, written here as " + firstEscape(shown) + ": delete it from the script. Such characters come with text that is copied from a page or a chat."
}

// RowsOfAnotherShape is the finding for rows that have not as many values as columns are named, of an INSERT or of a COPY.
func RowsOfAnotherShape(table string, columns, values int, insert bool) Finding {
	state, remedy := "22P04", moreValues
	switch {
	case insert && values < columns:
		state, remedy = "42601", fewerInserted
	case insert:
		state, remedy = "42601", moreInserted
	case values < columns:
		remedy = fewerValues
	}
	return Finding{Kind: RowShape, Table: table, State: state, What: fmt.Sprintf("rows for %s have %s for %s", table, several(values, "value"), several(columns, "column")), Remedy: remedy}
}

// NotInEncoding is the finding for rows that are not valid in the script's encoding.
func NotInEncoding(table, encoding string, row []byte) Finding {
	return Finding{Kind: Encoding, Table: table, State: "22021", What: fmt.Sprintf("values for %s are not valid %s", table, encoding), Remedy: encodingRemedy(row)}
}

// BadValues is the finding for values that a column's type does not take, by the state that the server has for them. typ is the type as
// people write it, value one of the values.
func BadValues(table, column, typ string, enum bool, state, value string) Finding {
	f := Finding{Table: table, Column: column, State: state}
	col := Name(column) + " of " + table + " (" + typ + ")"
	switch state {
	case "22001":
		f.Kind, f.What, f.Remedy = TooLong, "texts are too long for column "+col, tooNarrow
	case "22003":
		f.Kind, f.What, f.Remedy = OutOfRange, "numbers are out of range for column "+col, moreDigits
	case "22007", "22008", "22009":
		f.Kind, f.What, f.Remedy = NoDate, "values for column "+col+" are not valid dates or times", noDateRemedy
	case "23514":
		f.Kind, f.What, f.Remedy = Domain, "values for column "+col+" break a check of the domain", checkRemedy
	case "23502":
		f.Kind, f.What, f.Remedy = Null, "the domain of column "+col+" takes no NULL", nullRemedy
	case "22P02":
		f.Kind, f.What, f.Remedy = WrongType, "values for column "+col+" are not valid for that type", otherType
		if enum {
			f.Kind, f.What = EnumLabel, fmt.Sprintf("the enum of column %s has no label %q", col, Shorten(value))
			f.Remedy = labelRemedy(typ)
		} else if typ == "json" || typ == "jsonb" {
			f.Remedy = jsonRemedy
		}
	default:
		f.Kind, f.What, f.Remedy = WrongType, "values for column "+col+" are not valid for that type", otherType
	}
	return f
}

// NullValues is the finding for NULL in a column that takes none.
func NullValues(table, column string) Finding {
	return Finding{Kind: Null, Table: table, Column: column, State: "23502", What: fmt.Sprintf("column %s of %s is NOT NULL, and the export gives NULL", Name(column), table),
		Remedy: nullRemedy}
}

// RefusedRows is the finding for rows that a check refuses.
func RefusedRows(table, column, name, condition string) Finding {
	return Finding{Kind: Refused, Table: table, Column: column, State: "23514", What: fmt.Sprintf("rows for %s break the check %s %s", table, Name(name), condition),
		Remedy: checkRemedy}
}

// NowhereToGo is the finding for rows that no partition takes.
func NowhereToGo(table string) Finding {
	return Finding{Kind: NoPartition, Table: table, State: "23514", What: "no partition of " + table + " takes the values",
		Remedy: partitionRemedy(table)}
}

// Duplicates is the finding for rows whose unique key comes before in the export, or is there: in the table.
func Duplicates(table, columns, name string, there bool) Finding {
	f := Finding{Kind: Duplicate, Table: table, Column: columns, State: "23505", Remedy: uniqueRemedy}
	how := "comes more than once in the export"
	if there {
		how, f.Remedy = "is in the table already", emptyRemedy
	}
	f.What = fmt.Sprintf("key (%s) of %s %s (%s)", columns, table, how, Name(name))
	return f
}

// Orphans is the finding for rows whose foreign key has no row.
func Orphans(table, columns, parent, name string) Finding {
	return Finding{Kind: NoParent, Table: table, Column: columns, State: "23503", What: fmt.Sprintf("key (%s) of %s refers to no row of %s (%s)", columns, table, parent, Name(name)),
		Remedy: orphanRemedy}
}
