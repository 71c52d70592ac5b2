package rowfiles

// Lack is a table or a column that the database lacks for a file.
type Lack struct {
	File  string
	Line  int
	Table string // as people write it
	// Column is what the table lacks, and Near one of a like name; both "" where the table is meant.
	Column, Near string
	Hint         string // which table may have been meant; may be empty
	NoRows       string // why the relation takes no rows; "" where there is none, or where Table is "" what is wrong with its name
}

// LacksError is behind an error of Open that says what the database lacks, and nothing else.
type LacksError struct{ All []Lack }

// Error implements error.
func (e *LacksError) Error() string { return "the database lacks what the files are for" }
