package psql

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Vars are psql's variables. The ones that psql treats specially take the same values here as there, and no others.
type Vars struct {
	values map[string]string
	size   int    // bytes of all
	await  func() // before one that tells of the last statement is read
}

// NewVars gives the variables as psql has them when it starts, without those that describe a connection.
func NewVars() *Vars {
	v := &Vars{values: map[string]string{}}
	for name, value := range map[string]string{"LAST_ERROR_MESSAGE": "", "LAST_ERROR_SQLSTATE": "00000", "PROMPT1": "%/%R%x%# ",
		"PROMPT2": "%/%R%x%# ", "PROMPT3": ">> "} {
		v.put(name, value)
	}
	for name, sp := range special {
		v.put(name, sp.initial)
	}
	v.put("SHOW_ALL_RESULTS", "on")
	return v
}

// Copy gives the variables as they are now.
func (v *Vars) Copy() *Vars {
	return &Vars{values: maps.Clone(v.values), size: v.size}
}

// put sets a variable, and counts.
func (v *Vars) put(name, value string) {
	v.drop(name)
	v.size += len(name) + len(value) + variableCost
	v.values[name] = value
}

func (v *Vars) drop(name string) {
	if old, ok := v.values[name]; ok {
		v.size -= len(name) + len(old) + variableCost
		delete(v.values, name)
	}
}

// specialVariable is one that psql acts upon: what it is when a script begins or has unset it, and what it may be.
type specialVariable struct {
	initial string
	kind    specialKind
	words   []string // what it may be; beside a boolean, for the kind boolean
}

type specialKind uint8

const (
	boolean specialKind = iota // nothing means on
	number
	oneWord
)

var special = map[string]specialVariable{
	"AUTOCOMMIT":             {"on", boolean, nil},
	"ON_ERROR_STOP":          {"off", boolean, nil},
	"QUIET":                  {"off", boolean, nil},
	"SINGLELINE":             {"off", boolean, nil},
	"SINGLESTEP":             {"off", boolean, nil},
	"HIDE_TABLEAM":           {"off", boolean, nil},
	"HIDE_TOAST_COMPRESSION": {"off", boolean, nil},
	"SHOW_ALL_RESULTS":       {"off", boolean, nil},
	"ON_ERROR_ROLLBACK":      {"off", boolean, []string{"interactive"}},
	"ECHO_HIDDEN":            {"off", boolean, []string{"noexec"}},
	"FETCH_COUNT":            {"0", number, nil},
	"HISTSIZE":               {"500", number, nil},
	"IGNOREEOF":              {"0", number, nil},
	"ECHO":                   {"none", oneWord, []string{"none", "errors", "queries", "all"}},
	"VERBOSITY":              {"default", oneWord, []string{"default", "verbose", "terse", "sqlstate"}},
	"SHOW_CONTEXT":           {"errors", oneWord, []string{"never", "errors", "always"}},
	"COMP_KEYWORD_CASE":      {"preserve-upper", oneWord, []string{"lower", "upper", "preserve-lower", "preserve-upper"}},
	"HISTCONTROL":            {"none", oneWord, []string{"none", "ignorespace", "ignoredups", "ignoreboth"}},
}

// Special tells whether psql acts upon the variable, so that \gset must leave it alone.
func Special(name string) bool {
	_, ok := special[name]
	return ok || name == "PROMPT1" || name == "PROMPT2" || name == "PROMPT3"
}

// outcome are the variables that tell how the last statement went.
var outcome = map[string]bool{"ERROR": true, "SQLSTATE": true, "ROW_COUNT": true, "LASTOID": true, "LAST_ERROR_MESSAGE": true, "LAST_ERROR_SQLSTATE": true}

// Await has f called before a variable that tells how the last statement went is read, so that f can see to it that this is
// known.
func (v *Vars) Await(f func()) { v.await = f }

// Get gives a variable's value and whether it is set.
func (v *Vars) Get(name string) (string, bool) {
	if v.await != nil && outcome[name] {
		v.await()
	}
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
func (v *Vars) Put(name, value string) { v.put(name, value) }

// Set sets a variable as \set and psql -v do. The error is psql's, or that of a limit.
func (v *Vars) Set(name, value string) error {
	if !validName(name) {
		return fmt.Errorf("invalid variable name: %q", name)
	}
	if sp, ok := special[name]; ok {
		var err error
		if value, err = sp.check(name, value); err != nil {
			return err
		}
	}
	if v.size-len(v.values[name])+len(value) > maxVariables {
		return limit("the variables take more than %d MiB", maxVariables>>20)
	}
	v.put(name, value)
	return nil
}

// Unset removes a variable as \unset does: the special ones go back to their default.
func (v *Vars) Unset(name string) error {
	if !validName(name) {
		return fmt.Errorf("invalid variable name: %q", name)
	}
	if sp, ok := special[name]; ok {
		v.put(name, sp.initial)
		if sp.kind == boolean {
			v.put(name, "off")
		}
	} else {
		v.drop(name)
	}
	return nil
}

// check gives the value as it is kept, or psql's error.
func (sp specialVariable) check(name, value string) (string, error) {
	switch sp.kind {
	case boolean:
		if value == "" {
			value = "on"
		}
		if _, ok := parseBool(value); ok {
			return value, nil
		}
		if sp.words == nil {
			return "", fmt.Errorf("unrecognized value %q for %q: Boolean expected", value, name)
		}
		return value, oneOf(name, value, append([]string{"on", "off"}, sp.words...)...)
	case number:
		if _, err := strconv.ParseInt(strings.TrimSpace(value), 0, 32); err != nil {
			if name == "IGNOREEOF" {
				return "10", nil
			}
			return "", fmt.Errorf("invalid value %q for %q: integer expected", value, name)
		}
		return value, nil
	}
	return value, oneOf(name, value, sp.words...)
}

func oneOf(name, value string, allowed ...string) error {
	for _, a := range allowed {
		if equalFold(a, value) {
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
	case l == "on" || l == "1":
		return true, true
	case l == "of" || l == "off" || l == "0":
		return false, true
	}
	for _, word := range []struct {
		text  string
		value bool
	}{{"true", true}, {"false", false}, {"yes", true}, {"no", false}} {
		if strings.HasPrefix(word.text, l) {
			return word.value, true
		}
	}
	return false, false
}

// quoteLiteral quotes as libpq's PQescapeLiteral: backslashes make it an E string.
func quoteLiteral(s string, enc clientEncoding) string {
	out := make([]byte, 0, len(s)+4)
	escapes := false
	for i := 0; i < len(s); {
		n := 1
		if s[i] >= 0x80 {
			n = enc.length([]byte(s[i:min(len(s), i+longestCharacter)]))
		}
		if n == 1 && (s[i] == '\'' || s[i] == '\\') {
			out = append(out, s[i])
			escapes = escapes || s[i] == '\\'
		}
		out = append(out, s[i:i+n]...)
		i += n
	}
	if escapes {
		return " E'" + string(out) + "'"
	}
	return "'" + string(out) + "'"
}

func quoteIdentifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
