package rowfiles

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/nearest"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// column is one column of a file, or one field of a composite type.
type column struct {
	name      string
	generated bool // its values are computed by the server; those of the file are left out
	kind      *kind
}

// kind is what of a type decides how its values are written.
type kind struct {
	name      string // for messages
	json      bool
	hstore    bool
	float     bool // NaN and the infinities are values of it
	noEmpty   bool // the empty text is no value of it
	element   *kind
	delimiter byte // of an array
	fields    []column
}

// holds reports whether a text that begins like JSON may be meant for a list or an object: where JSON becomes an array, a row or an
// hstore, none of whose texts is JSON.
func (k *kind) holds() bool { return k.element != nil || k.fields != nil || k.hstore }

// columnsOf reads the columns of tables.
func columnsOf(ctx context.Context, q catalog.Querier, relations []uint32) (map[uint32][]column, error) {
	all, err := catalog.Columns(ctx, q, relations)
	if err != nil {
		return nil, err
	}
	var oids []uint32
	for _, columns := range all {
		for _, c := range columns {
			oids = append(oids, c.Type)
		}
	}
	slices.Sort(oids)
	oids = slices.Compact(oids)
	types, err := catalog.Types(ctx, q, oids)
	if err != nil {
		return nil, err
	}
	known := map[uint32]*kind{}
	for _, oid := range oids {
		k := kindOf(types, oid, known)
		if t := base(types, oid); !t.BuiltIn && t.Kind == "b" && t.Category != "S" && t.Element == 0 {
			takes, err := catalog.TakesEmpty(ctx, q, t.Qualified)
			if err != nil {
				return nil, err
			}
			k.noEmpty = !takes
		}
	}
	of := map[uint32][]column{}
	for relation, columns := range all {
		for _, c := range columns {
			of[relation] = append(of[relation], column{name: c.Name, generated: c.Generated, kind: kindOf(types, c.Type, known)})
		}
	}
	return of, nil
}

// base gives what is below domains.
func base(types map[uint32]catalog.Type, oid uint32) catalog.Type {
	t := types[oid]
	for t.Kind == "d" {
		t = types[t.Base]
	}
	return t
}

// takeEmpty are the server's own types that have the empty text among their values. That of money, and those of xid and its kind, is a
// number, and is as those of other numbers.
var takeEmpty = []string{"text", "varchar", "bpchar", "char", "name", "bytea", "varbit", "xml", "tsvector", "tsquery", "int2vector", "oidvector", "refcursor"}

// kindOf gives the kind of a type. known are those that were made already.
func kindOf(types map[uint32]catalog.Type, oid uint32, known map[uint32]*kind) *kind {
	t := base(types, oid)
	if k := known[t.OID]; k != nil {
		return k
	}
	k := &kind{name: t.Name}
	known[t.OID] = k
	switch {
	case t.Element != 0:
		k.name, k.noEmpty = types[t.Element].Name+"[]", true
		k.element, k.delimiter = kindOf(types, t.Element, known), t.Delimiter[0]
	case t.Kind == "c":
		k.noEmpty = true
		k.fields = make([]column, len(t.Fields))
		for i, name := range t.Fields {
			k.fields[i] = column{name: name, kind: kindOf(types, t.FieldTypes[i], known)}
		}
	case t.Kind == "e":
		k.noEmpty = !t.EmptyLabel
	case t.Kind == "b" && !t.BuiltIn: // whether it takes the empty text only the server knows
		k.hstore = t.Name == "hstore"
	default:
		k.json = t.Name == "json" || t.Name == "jsonb"
		k.float = t.Name == "float4" || t.Name == "float8" || t.Name == "numeric"
		k.noEmpty = !slices.Contains(takeEmpty, t.Name)
	}
	return k
}

// sameName are the ways in which a name in a file may be a column's, the surest first: as it is written; cut as the server cuts
// it; in other letters of the same case, or of the same character.
var sameName = []func(known, name, cut string) bool{
	func(known, name, _ string) bool { return known == name },
	func(known, _, cut string) bool { return known == cut },
	func(known, name, _ string) bool { return strings.EqualFold(known, name) },
	func(known, name, cut string) bool {
		return strings.EqualFold(norm.NFC.String(known), norm.NFC.String(name)) || strings.EqualFold(known, cut)
	},
}

// columnsCalled finds the columns that a file may call so.
func (e *encoding) columnsCalled(columns []column, name string) (found []int) {
	cut := sqltext.ClipName(name, e.database)
	for _, same := range sameName {
		for i, c := range columns {
			if same(c.name, name, cut) {
				found = append(found, i)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// columnCalled finds the column that a file calls so, -1 if there is none, or several.
func (e *encoding) columnCalled(columns []column, name string) int {
	if found := e.columnsCalled(columns, name); len(found) == 1 {
		return found[0]
	}
	return -1
}

// noColumn says why a name is no column's, nor a field's.
func (e *encoding) noColumn(columns []column, name, owner string) string {
	if found := e.columnsCalled(columns, name); len(found) > 1 {
		return fmt.Sprintf("%s of %s may be %s or %s, which differ in upper and lower case: write it as that one is called",
			sqltext.QuoteName(name), owner, sqltext.QuoteName(columns[found[0]].name), sqltext.QuoteName(columns[found[1]].name))
	}
	near := ""
	if word := nearest.Word(name, namesOf(columns)); word != "" {
		near = fmt.Sprintf("; did you mean %s?", sqltext.QuoteName(word))
	}
	return fmt.Sprintf("%s has no column %s%s", owner, sqltext.QuoteName(name), near)
}
