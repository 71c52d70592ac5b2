package psql

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Vars are psql's variables. The ones that psql treats specially take the same values here as there, and no others.
type Vars struct {
	values map[string]string
}

// NewVars gives the variables as psql has them when it starts, without those that describe a connection.
func NewVars() *Vars {
	return &Vars{values: map[string]string{
		"AUTOCOMMIT": "on", "COMP_KEYWORD_CASE": "preserve-upper", "ECHO": "none", "ECHO_HIDDEN": "off", "ERROR": "false",
		"FETCH_COUNT": "0", "HIDE_TABLEAM": "off", "HIDE_TOAST_COMPRESSION": "off", "HISTCONTROL": "none", "HISTSIZE": "500",
		"IGNOREEOF": "0", "LASTOID": "0", "LAST_ERROR_MESSAGE": "", "LAST_ERROR_SQLSTATE": "00000",
		"ON_ERROR_ROLLBACK": "off", "ON_ERROR_STOP": "off", "PROMPT1": "%/%R%x%# ", "PROMPT2": "%/%R%x%# ", "PROMPT3": ">> ",
		"QUIET": "off", "ROW_COUNT": "0", "SHOW_CONTEXT": "errors", "SHOW_ALL_RESULTS": "on", "SINGLELINE": "off",
		"SINGLESTEP": "off", "SQLSTATE": "00000", "VERBOSITY": "default",
	}}
}

// Get gives a variable's value and whether it is set.
func (v *Vars) Get(name string) (string, bool) {
	s, ok := v.values[name]
	return s, ok
}

// On tells whether a variable that psql reads as a boolean is on.
func (v *Vars) On(name string) bool {
	on, ok := parseBool(v.values[name])
	return ok && on
}

// Names gives the names of all variables that are set, sorted.
func (v *Vars) Names() []string { return slices.Sorted(maps.Keys(v.values)) }

// Put sets a variable on behalf of the program: no rule of psql's for what a script may set applies.
func (v *Vars) Put(name, value string) { v.values[name] = value }

// Set sets a variable as \set and psql -v do. The error is psql's.
func (v *Vars) Set(name, value string) error {
	if !validName(name) {
		return fmt.Errorf("invalid variable name: %q", name)
	}
	switch name {
	case "AUTOCOMMIT", "ON_ERROR_STOP", "QUIET", "SINGLELINE", "SINGLESTEP", "HIDE_TABLEAM", "HIDE_TOAST_COMPRESSION",
		"SHOW_ALL_RESULTS":
		if value == "" {
			value = "on"
		}
		if _, ok := parseBool(value); !ok {
			return fmt.Errorf("unrecognized value %q for %q: Boolean expected", value, name)
		}
	case "ON_ERROR_ROLLBACK":
		if value == "" {
			value = "on"
		}
		if _, ok := parseBool(value); !ok && !strings.EqualFold(value, "interactive") {
			return fmt.Errorf("unrecognized value %q for %q\nAvailable values are: on, off, interactive.", value, name) //nolint:revive // psql's words
		}
	case "ECHO":
		if err := oneOf(name, value, "none", "errors", "queries", "all"); err != nil {
			return err
		}
	case "VERBOSITY":
		if err := oneOf(name, value, "default", "verbose", "terse", "sqlstate"); err != nil {
			return err
		}
	case "SHOW_CONTEXT":
		if err := oneOf(name, value, "never", "errors", "always"); err != nil {
			return err
		}
	}
	v.values[name] = value
	return nil
}

// Unset removes a variable as \unset does: the special ones go back to their default.
func (v *Vars) Unset(name string) error {
	if !validName(name) {
		return fmt.Errorf("invalid variable name: %q", name)
	}
	switch name {
	case "AUTOCOMMIT", "ON_ERROR_STOP", "QUIET", "SINGLELINE", "SINGLESTEP", "ON_ERROR_ROLLBACK":
		v.values[name] = "off"
	case "ECHO":
		v.values[name] = "none"
	case "VERBOSITY":
		v.values[name] = "default"
	case "SHOW_CONTEXT":
		v.values[name] = "errors"
	default:
		delete(v.values, name)
	}
	return nil
}

func oneOf(name, value string, allowed ...string) error {
	for _, a := range allowed {
		if strings.EqualFold(a, value) {
			return nil
		}
	}
	return fmt.Errorf("unrecognized value %q for %q\nAvailable values are: %s.", value, name, strings.Join(allowed, ", ")) //nolint:revive // psql's words
}

// validName follows psql: letters, digits, underscores and anything that is not ASCII.
func validName(name string) bool {
	for i := range len(name) {
		if !isVariable[name[i]] {
			return false
		}
	}
	return name != ""
}

// parseBool follows psql: any unambiguous beginning of true, false, yes, no, on, off, and 1 and 0, in any case.
func parseBool(s string) (value, ok bool) {
	l := strings.ToLower(s)
	switch {
	case l == "":
		return false, false
	case l == "1", strings.HasPrefix("true", l), strings.HasPrefix("yes", l), l == "on":
		return true, true
	case l == "0", strings.HasPrefix("false", l), strings.HasPrefix("no", l), l == "of", l == "off":
		return false, true
	}
	return false, false
}

// quoteLiteral quotes as libpq's PQescapeLiteral: backslashes make it an E string.
func quoteLiteral(s string) string {
	q := strings.ReplaceAll(s, "'", "''")
	if strings.ContainsRune(s, '\\') {
		return " E'" + strings.ReplaceAll(q, `\`, `\\`) + "'"
	}
	return "'" + q + "'"
}

func quoteIdentifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
