package strategy

import (
	"strings"
	"testing"
)

// TestDecide holds each way of rows and what decides it.
func TestDecide(t *testing.T) {
	t.Parallel()
	table := func(change func(*Table)) *Table {
		tab := &Table{Columns: []Column{{"id", Drawn}, {"a", Constant}, {"at", Transaction}, {"f", Code}}, AnyOrder: true, Superuser: true, Owned: true, Empty: true, Exclusive: true, Indexes: 2}
		if change != nil {
			change(tab)
		}
		return tab
	}
	all := []string{"id", "a", "at", "f"}
	for name, tt := range map[string]struct {
		change    func(*Table)
		situation Situation
		want      string // the decision's text begins so
		because   string // and holds this
	}{
		"all is plain":                 {nil, Situation{Single: true, Many: true, Columns: all, Binary: true}, "COPY binary, indexes filled after the rows", ""},
		"owner":                        {func(t *Table) { t.Superuser = false }, Situation{Single: true, Many: true, Columns: all, Binary: true}, "COPY binary, indexes made again after the rows", ""},
		"neither":                      {func(t *Table) { t.Superuser, t.Owned = false, false }, Situation{Single: true, Many: true, Columns: all, Binary: true}, "COPY binary (", "does not own"},
		"text":                         {nil, Situation{Single: true, Many: true, Columns: all}, "COPY text, indexes filled", "only text is certain"},
		"few":                          {nil, Situation{Single: true, Columns: all, Binary: true}, "COPY binary (", "few"},
		"not empty":                    {func(t *Table) { t.Exclusive = false }, Situation{Single: true, Many: true, Columns: all, Binary: true}, "COPY binary (", "the table has rows, or others"},
		"no indexes":                   {func(t *Table) { t.Indexes = 0 }, Situation{Single: true, Many: true, Columns: all, Binary: true}, "COPY binary", ""},
		"watched":                      {func(t *Table) { t.Watched = "a cursor is open" }, Situation{Single: true, Many: true, Columns: all, Binary: true}, "COPY binary (", "a cursor is open"},
		"numbers were drawn":           {nil, Situation{Single: true, Drawn: true, Many: true, Columns: all, Binary: true}, "COPY binary (", "could not be done again"},
		"a reason":                     {func(t *Table) { t.Reasons = []string{"it has a rule"} }, Situation{Single: true, Many: true, Columns: all, Binary: true}, "as written (", "it has a rule"},
		"refers to itself":             {func(t *Table) { t.SelfReferencing = true }, Situation{Single: true, Many: true, Columns: all, Binary: true}, "as written (", "statement by statement"},
		"nothing is fast":              {nil, Situation{Single: true, Verbatim: "fast is false", Columns: all, Binary: true}, "as written (fast is false)", ""},
		"draws":                        {nil, Situation{Single: true, Columns: []string{"a", "at", "f"}, Binary: true}, "as written (", `"id" is left out, and draws`},
		"code":                         {nil, Situation{Single: true, Columns: []string{"id", "a", "at"}, Binary: true}, "as written (", `"f" is left out`},
		"now in one transaction":       {nil, Situation{Single: true, Columns: []string{"id", "f"}, Binary: true}, "COPY binary", ""},
		"now in many":                  {nil, Situation{Columns: []string{"id", "f"}, Binary: true}, "as written (", `"at" is left out, and its default is another`},
		"the first three":              {nil, Situation{Single: true, Given: 3, Binary: true}, "as written (", `"f" is left out`},
		"all, by number":               {nil, Situation{Single: true, Given: 4, Binary: true}, "COPY binary", ""},
		"all, not named":               {nil, Situation{Single: true, Binary: true}, "COPY binary", ""},
		"transaction_timeout in one":   {func(t *Table) { t.TransactionEnds = true }, Situation{Single: true, Columns: all, Binary: true}, "COPY binary", ""},
		"transaction_timeout in many":  {func(t *Table) { t.TransactionEnds = true }, Situation{Columns: all, Binary: true}, "as written (", "transaction_timeout"},
		"online":                       {func(t *Table) { t.Exclusive, t.Empty, t.Online = false, false, true }, Situation{Single: true, Many: true, Columns: all, Binary: true}, "COPY binary, indexes built beside", ""},
		"online, owner":                {func(t *Table) { t.Exclusive, t.Superuser, t.Online = false, false, true }, Situation{Single: true, Many: true, Columns: all, Binary: true}, "COPY binary (", "others read by them"},
		"online, watched":              {func(t *Table) { t.Exclusive, t.Online, t.Watched = false, true, "a cursor is open" }, Situation{Single: true, Many: true, Columns: all, Binary: true}, "COPY binary (", "a cursor is open"},
		"online, few":                  {func(t *Table) { t.Exclusive, t.Online = false, true }, Situation{Single: true, Columns: all, Binary: true}, "COPY binary (", "few"},
		"online, numbers were drawn":   {func(t *Table) { t.Exclusive, t.Online = false, true }, Situation{Single: true, Drawn: true, Many: true, Columns: all, Binary: true}, "COPY binary (", "could not be done again"},
		"jobs":                         {nil, Situation{Many: true, Jobs: 2, Columns: all, Binary: true}, "COPY binary, indexes filled after the rows, over a connection of its own", ""},
		"jobs, and numbers were drawn": {nil, Situation{Many: true, Jobs: 2, Drawn: true, Columns: all, Binary: true}, "COPY binary, indexes filled after the rows, over a connection of its own", ""},
		"jobs in one transaction":      {nil, Situation{Single: true, Many: true, Jobs: 2, Columns: all, Binary: true}, "COPY binary, indexes filled after the rows, over a connection of its own", ""},
		"jobs, foreign keys":           {func(t *Table) { t.AnyOrder = false }, Situation{Jobs: 2, Columns: all, Binary: true}, "COPY binary (", "foreign keys are checked"},
		"jobs, temporary":              {func(t *Table) { t.Temporary = true }, Situation{Jobs: 2, Columns: all, Binary: true}, "COPY binary (", "temporary"},
		"one job":                      {nil, Situation{Jobs: 1, Columns: all, Binary: true}, "COPY binary (indexes stay: the rows are few)", ""},
	} {
		d := Decide(table(tt.change), tt.situation)
		text := d.String()
		if !strings.HasPrefix(text, tt.want) || !strings.Contains(text, tt.because) || tt.because == "" && tt.situation.Many && strings.Contains(text, "(") {
			t.Errorf("%s: %s, not %s … %s", name, text, tt.want, tt.because)
		}
		if d.Rows == AsWritten && (d.Indexes != KeepIndexes || d.Elsewhere || len(d.Because) == 0) {
			t.Errorf("%s: %+v", name, d)
		}
		if tt.situation.Many && (d.Elsewhere != strings.Contains(tt.want, "connection of its own")) {
			t.Errorf("%s: elsewhere is %t", name, d.Elsewhere)
		}
	}
}

// TestInert holds when rows run nobody's code.
func TestInert(t *testing.T) {
	t.Parallel()
	table := &Table{Columns: []Column{{"a", Constant}, {"at", Transaction}, {"id", Drawn}, {"f", Code}}}
	for name, tt := range map[string]struct {
		reasons      []string
		columns      []string
		given        int
		inert, draws bool
	}{
		"all":              {nil, nil, 0, true, false},
		"all of them":      {nil, nil, 4, true, false},
		"three":            {nil, nil, 3, false, false},
		"named":            {nil, []string{"f", "id"}, 0, true, false},
		"without the id":   {nil, []string{"f"}, 0, false, true},
		"without code":     {nil, []string{"id"}, 0, false, false},
		"any default":      {nil, []string{}, 0, false, false},
		"a trigger":        {[]string{"it has a trigger"}, nil, 0, false, false},
		"a trigger, draws": {[]string{"it has a trigger"}, []string{"f"}, 0, false, false},
	} {
		table.Reasons = tt.reasons
		if inert, draws := Inert(table, tt.columns, tt.given); inert != tt.inert || draws != tt.draws {
			t.Errorf("%s: %t, %t", name, inert, draws)
		}
	}
}
