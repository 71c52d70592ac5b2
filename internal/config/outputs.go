package config

// Output is one output of the actions, and one field of the JSON line.
type Output struct {
	Name string // as in action.yml: "task-id"
	Help string // one line of plain text
}

// Outputs gives every output, in the order in which documents list them. Both actions, the README and, by a test, what the
// report writes are made from this list.
func Outputs() []Output {
	return []Output{
		{"task-id", "Id of the generation task"},
		{"data-path", "Where the data is kept, relative to the workspace (with data-dir, or without a database to load into)"},
		{"content-type", "Content type of the download"},
		{"sha256", "SHA-256 of the download, in hex"},
		{"rows", "Rows loaded, in total"},
		{"tables", `Rows by table, as JSON: [{"table":"public.users","rows":100}], sorted by table`},
		{"skipped", "true when if-not-empty was keep and the old rows were kept"},
		{"dry-run", "true for a dry run: what rows and tables tell was rolled back"},
		{"cache-hit", "true when the data came from cache-dir, without a task"},
		{"clones", "Names of the clones that were made, as JSON: [\"app_1\",\"app_2\"]"},
		{"warnings", "Warnings of the run, as JSON: a list of texts"},
		{"broken-foreign-keys", "Rows that break a foreign key of a loaded table, as the warnings count them"},
		{"error-kind", "Kind of the failure in one word, such as settings, api, timeout, download, archive, script, connection, lost, rights, row or statement; empty if there was none"},
		{"duration-ms", "How long the run took, in milliseconds"},
	}
}
