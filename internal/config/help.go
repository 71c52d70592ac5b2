package config

import (
	"fmt"
	"slices"
	"strings"
)

const (
	helpWidth  = 100 // columns
	helpIndent = 34  // columns that the flags take
)

// HelpText gives the help for a command, or for the whole program if topic is empty.
func HelpText(topic string) string {
	var b strings.Builder
	switch topic {
	case Load:
		b.WriteString("Load a zip, a folder or a .sql file that is already here into PostgreSQL.\n\n" +
			"Usage:\n  fabricate-seed load PATH [flags]\n" + examples(
			"load seed-data.zip", "load exports/shop --before db/schema.sql --transaction none --jobs 4", "load seed-data.zip --if-not-empty keep --foreign-keys enforce"))
	case Cache:
		b.WriteString("Show what cache-dir holds, or clear it: of what is damaged, superseded or left behind by killed runs; by age, as max-age\n" +
			"says, unless only max-size is given; and by size, the oldest first, as max-size says, if it is given.\n\n" +
			"Usage:\n  fabricate-seed cache list [flags]\n  fabricate-seed cache prune [flags]\n" + examples(
			"cache list --cache-dir .cache/fabricate", "cache prune --cache-dir .cache/fabricate --max-age 168h", "cache prune --cache-dir .cache/fabricate --max-size 10GiB"))
	case Check:
		b.WriteString("Compare an archive that is here, or the last one in the cache, with the database: what of it does not fit, and how each table would\n" +
			"be loaded. Nothing is changed. Exit code 6: something does not fit.\n\n" +
			"Usage:\n  fabricate-seed check [PATH] [flags]\n" + examples(
			"check seed-data.zip", "check --cache-dir .cache/fabricate --workspace shop --database shop", "check exports/shop --output json"))
	case Create:
		b.WriteString("Make the database of database-url where it does not exist, and mark it as made by fabricate-seed.\n\n" +
			"Usage:\n  fabricate-seed create [flags]\n" + examples(
			"create --database-url postgres://app@localhost/app_dev", "create --template app_schema", "create --connect-timeout 2m"))
	case Drop:
		b.WriteString("Drop the database of database-url and its clones, whoever is connected: only those that fabricate-seed has made.\n\n" +
			"Usage:\n  fabricate-seed drop [flags]\n" + examples(
			"drop --database-url postgres://app@localhost/app_dev", "drop --output json", "drop --lock-timeout 5s"))
	case Demo:
		b.WriteString("Show the whole path on this machine, without an account: a simulated API, a throwaway PostgreSQL, a\n" +
			"shop database generated, downloaded and loaded.\n\nUsage:\n  fabricate-seed demo\n" + examples(
			"demo", "demo --output json", "demo 2>demo.log"))
		return b.String()
	case Version:
		b.WriteString("Print the version.\n\nUsage:\n  fabricate-seed version\n" + examples("version", "--version", "-v"))
		return b.String()
	case Run:
		b.WriteString("Generate a Fabricate database, download it and load it into PostgreSQL.\n\n" +
			"Usage:\n  fabricate-seed [run] [flags]\n" + runExamples())
	default:
		b.WriteString(`Turn a Fabricate database into rows in PostgreSQL.

Usage:
  fabricate-seed [run] [flags]       generate, wait, download, load
  fabricate-seed load PATH [flags]   load a zip, a folder or a .sql file that is already here
  fabricate-seed check [PATH]        compare what would be loaded with the database, and change nothing
  fabricate-seed cache list|prune    show or clear the folder of cache-dir
  fabricate-seed create              make the database of database-url
  fabricate-seed drop                drop it and its clones, if fabricate-seed has made them
  fabricate-seed demo                the whole path on this machine, without an account
  fabricate-seed version             print the version
  fabricate-seed help [COMMAND]      this text; also COMMAND --help
` + runExamples())
	}
	b.WriteString(`
Every setting is a flag, an input of the action and an environment variable: --poll-interval, poll-interval and
FABRICATE_POLL_INTERVAL. Flag beats input beats environment beats default; an empty value is an absent one.
`)
	group := ""
	for _, d := range List() {
		if !concerns(topic, d) {
			continue
		}
		if d.Group != group {
			group = d.Group
			fmt.Fprintf(&b, "\n%s:\n", group)
		}
		help := d.Help
		if d.Shown() != "" {
			help += " (default: " + d.Shown() + ")"
		}
		writeFlag(&b, "--"+d.Name+" "+d.Values, help)
	}
	if topic == Load || topic == Cache {
		b.WriteString("\nOutput:\n")
	}
	writeFlag(&b, "--output text|json", "json: one JSON line with the outcome on standard output; all else goes to standard error")
	writeFlag(&b, "-h, --help", "Show this text")
	writeFlag(&b, "-v, --version", "Show the version")
	b.WriteString("\nExit codes: 0 done, 1 unexpected, 2 settings, 3 the API said no, 4 timeout, 5 download, archive or script,\n" +
		"6 database, 130 interrupted.\n")
	return b.String()
}

// concerns says whether a command's help lists a setting.
func concerns(topic string, d Setting) bool {
	switch topic {
	case Load:
		return !d.input && d.Group != groupGenerate && !slices.Contains([]string{"archive", "cache-dir", "max-age", "load"}, d.Name)
	case Check:
		return !d.input && slices.Contains([]string{"archive", "cache-dir", "workspace", "database", "format", "entity", "overrides", "script", "table-map", "database-url", "connect-timeout", "role",
			"allow", "before", "fast", "jobs", "online", "outside-rows", "transaction", "variables", "foreign-keys", "summary"}, d.Name)
	case Cache:
		return slices.Contains([]string{"cache-dir", "max-age", "max-size"}, d.Name)
	case Create, Drop:
		return slices.Contains([]string{"database-url", "template", "connect-timeout", "lock-timeout", "summary"}, d.Name)
	}
	return !d.input
}

func runExamples() string {
	return "\nExamples, with FABRICATE_API_KEY and DATABASE_URL in the environment:\n" + exampleLines(
		"--workspace shop --database shop", "--workspace shop --database shop --format csv --entity orders --overrides @overrides.yaml",
		"--workspace shop --database shop --load false --data-dir seed-data")
}

func examples(lines ...string) string { return "\nExamples:\n" + exampleLines(lines...) }

func exampleLines(lines ...string) string {
	return "  fabricate-seed " + strings.Join(lines, "\n  fabricate-seed ") + "\n"
}

// writeFlag writes one line of the table, with the help wrapped beside the flag.
func writeFlag(b *strings.Builder, flag, help string) {
	line := "  " + flag
	if len(line) > helpIndent-2 {
		b.WriteString(line + "\n")
		line = ""
	}
	for text := range wrap(help, helpWidth-helpIndent) {
		fmt.Fprintf(b, "%-*s%s\n", helpIndent, line, text)
		line = ""
	}
}

// wrap yields the text in lines of at most width bytes, broken at spaces; a longer word gets a line of its own.
func wrap(text string, width int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		line := ""
		for _, word := range strings.Fields(text) {
			if line != "" && len(line)+1+len(word) > width {
				if !yield(line) {
					return
				}
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		if line != "" {
			yield(line)
		}
	}
}
