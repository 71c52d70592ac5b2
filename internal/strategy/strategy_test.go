package strategy

import (
	"maps"
	"slices"
	"testing"
)

// TestDecide holds each way of rows and each reason, to the letter.
func TestDecide(t *testing.T) {
	t.Parallel()
	all := []string{"id", "a", "at", "f", "d"}
	left := func(name string) []string { // all but one
		return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == name })
	}
	const (
		text     = "some column or value has a type or spelling for which only text is certain"
		few      = "indexes stay: the rows are few"
		drawn    = "indexes stay: numbers were drawn from a sequence, so the load could not be done again"
		ownOnly  = "over the script's own connection: "
		filled   = "COPY binary, indexes filled after the rows"
		beside   = "COPY binary, indexes built beside the old ones after the rows"
		elseways = ", over a connection of its own"
	)
	owner, nobody := func(t *Table) { t.Superuser = false }, func(t *Table) { t.Superuser, t.Owned = false, false }
	online := func(t *Table) { t.Exclusive, t.Empty, t.Online = false, false, true }
	watched := func(t *Table) { t.Watched = "a cursor is open" }
	both := func(changes ...func(*Table)) func(*Table) {
		return func(t *Table) {
			for _, change := range changes {
				change(t)
			}
		}
	}
	for name, tt := range map[string]struct {
		change    func(*Table)
		situation func(*Situation)
		want      string
	}{
		"all is plain":       {nil, nil, filled},
		"owner":              {owner, nil, "COPY binary, indexes made again after the rows"},
		"neither":            {nobody, nil, "COPY binary (indexes stay: the role does not own the table)"},
		"few":                {nil, func(s *Situation) { s.Many = false }, "COPY binary (" + few + ")"},
		"not empty":          {func(t *Table) { t.Exclusive = false }, nil, "COPY binary (indexes stay: the table has rows, or others may write to it meanwhile)"},
		"no indexes":         {func(t *Table) { t.Indexes = 0 }, nil, "COPY binary"},
		"one index":          {func(t *Table) { t.Indexes = 1 }, nil, filled},
		"watched":            {watched, nil, "COPY binary (indexes stay: a cursor is open)"},
		"numbers were drawn": {nil, func(s *Situation) { s.Drawn = true }, "COPY binary (" + drawn + ")"},

		"text":                     {nil, func(s *Situation) { s.Binary = false }, "COPY text, indexes filled after the rows (" + text + ")"},
		"COPY":                     {nil, func(s *Situation) { s.Binary, s.Copy = false, true }, "COPY text, indexes filled after the rows (" + text + ")"},
		"COPY of few":              {nil, func(s *Situation) { s.Binary, s.Copy, s.Many = false, true, false }, "COPY text (" + few + ")"},
		"COPY, numbers were drawn": {nil, func(s *Situation) { s.Binary, s.Copy, s.Drawn = false, true, true }, "COPY text (" + drawn + ")"},
		"COPY, columns not named":  {nil, func(s *Situation) { s.Binary, s.Copy, s.Columns = false, true, nil }, "COPY text, indexes filled after the rows"},
		"COPY, binary":             {nil, func(s *Situation) { s.Copy = true }, filled},

		"a reason":         {func(t *Table) { t.Reasons = []string{"it has a rule"} }, nil, "as written (it has a rule)"},
		"reasons":          {func(t *Table) { t.Reasons, t.SelfReferencing = []string{"it has a rule", "100% is a view"}, true }, nil, "as written (it has a rule; 100% is a view; its rows refer to each other, and are checked statement by statement)"},
		"refers to itself": {func(t *Table) { t.SelfReferencing = true }, nil, "as written (its rows refer to each other, and are checked statement by statement)"},
		"nothing is fast":  {func(t *Table) { t.Reasons = []string{"it has a rule"} }, func(s *Situation) { s.Verbatim = "fast is 100% false" }, "as written (fast is 100% false)"},

		"draws":                  {nil, func(s *Situation) { s.Columns = left("id") }, `as written (column "id" is left out, and draws numbers from a sequence)`},
		"code":                   {nil, func(s *Situation) { s.Columns = left("f") }, `as written (column "f" is left out, and its default or domain is the server's affair)`},
		"a domain":               {nil, func(s *Situation) { s.Columns = left("d") }, `as written (column "d" is left out, and its default or domain is the server's affair)`},
		"a constant":             {nil, func(s *Situation) { s.Columns = left("a") }, filled},
		"now in one transaction": {nil, func(s *Situation) { s.Columns = left("at") }, filled},
		"now in many":            {nil, func(s *Situation) { s.Columns, s.Single = left("at"), false }, `as written (column "at" is left out, and its default is another in each transaction)`},
		"no column is given": {nil, func(s *Situation) { s.Columns = []string{} }, `as written (column "id" is left out, and draws numbers from a sequence; ` +
			`column "f" is left out, and its default or domain is the server's affair; column "d" is left out, and its default or domain is the server's affair)`},
		"the first four":  {nil, func(s *Situation) { s.Columns, s.Given = nil, 4 }, `as written (column "d" is left out, and its default or domain is the server's affair)`},
		"all, by number":  {nil, func(s *Situation) { s.Columns, s.Given = nil, 5 }, filled},
		"all, not named":  {nil, func(s *Situation) { s.Columns = nil }, filled},
		"named and fewer": {nil, func(s *Situation) { s.Given = 1 }, filled},

		"transaction_timeout in one":  {func(t *Table) { t.TransactionEnds = true }, nil, filled},
		"transaction_timeout in many": {func(t *Table) { t.TransactionEnds = true }, func(s *Situation) { s.Single = false }, "as written (transaction_timeout counts for each statement alone)"},

		"online":                     {online, nil, beside},
		"online, not empty either":   {both(online, func(t *Table) { t.Exclusive = true }), nil, beside},
		"online, owner":              {both(online, owner), nil, "COPY binary (indexes stay: others read by them, and only a superuser can build others beside them that take their place)"},
		"online, watched":            {both(online, watched), nil, "COPY binary (indexes stay: a cursor is open)"},
		"online, few":                {online, func(s *Situation) { s.Many = false }, "COPY binary (" + few + ")"},
		"online, numbers were drawn": {online, func(s *Situation) { s.Drawn = true }, "COPY binary (" + drawn + ")"},

		"jobs":                         {nil, func(s *Situation) { s.Crew, s.Single = true, false }, filled + elseways},
		"jobs, and numbers were drawn": {nil, func(s *Situation) { s.Crew, s.Single, s.Drawn = true, false, true }, filled + elseways},
		"jobs in one transaction":      {nil, func(s *Situation) { s.Crew = true }, filled + elseways},
		"jobs, foreign keys":           {func(t *Table) { t.AnyOrder = false }, func(s *Situation) { s.Crew = true }, filled + " (" + ownOnly + "foreign keys are checked row by row)"},
		"jobs, names":                  {func(t *Table) { t.Names = true }, func(s *Situation) { s.Crew = true }, filled + " (" + ownOnly + "values may name temporary tables, which other connections do not see)"},
		"jobs, temporary":              {func(t *Table) { t.Temporary = true }, func(s *Situation) { s.Crew = true }, filled + " (" + ownOnly + "other connections do not see a temporary table)"},
		"jobs, few":                    {nil, func(s *Situation) { s.Crew, s.Many = true, false }, "COPY binary" + elseways + " (" + few + ")"},
		"one job":                      {both(func(t *Table) { t.Temporary = true }), func(s *Situation) { s.Crew = false }, filled},
	} {
		table := &Table{Columns: []Column{{"id", Drawn}, {"a", Constant}, {"at", Transaction}, {"f", Code}, {"d", Guarded}},
			AnyOrder: true, Superuser: true, Owned: true, Empty: true, Exclusive: true, Indexes: 2}
		situation := Situation{Single: true, Many: true, Columns: all, Binary: true}
		if tt.change != nil {
			tt.change(table)
		}
		if tt.situation != nil {
			tt.situation(&situation)
		}
		if got := Decide(table, situation).String(); got != tt.want {
			t.Errorf("%s: %s,\nnot %s", name, got, tt.want)
		}
	}
}

// TestInert holds when rows run nobody's code.
func TestInert(t *testing.T) {
	t.Parallel()
	table := &Table{Columns: []Column{{"a", Constant}, {"at", Transaction}, {"d", Guarded}, {"id", Drawn}, {"f", Code}}}
	for name, tt := range map[string]struct {
		reasons      []string
		columns      []string
		given        int
		inert, draws bool
	}{
		"all":              {nil, nil, 0, true, false},
		"all of them":      {nil, nil, 5, true, false},
		"four":             {nil, nil, 4, false, false},
		"named":            {nil, []string{"f", "id", "d"}, 0, true, false},
		"named, and fewer": {nil, []string{"f", "id", "d"}, 1, true, false},
		"without the id":   {nil, []string{"f", "d"}, 0, false, true},
		"without code":     {nil, []string{"id", "d"}, 0, false, false},
		"without a domain": {nil, []string{"id", "f"}, 0, false, false},
		"any default":      {nil, []string{}, 0, false, false},
		"a trigger":        {[]string{"it has a trigger"}, nil, 0, false, false},
		"a trigger, draws": {[]string{"it has a trigger"}, []string{"f", "d"}, 0, false, false},
	} {
		table.Reasons = tt.reasons
		if inert, draws := Inert(table, tt.columns, tt.given); inert != tt.inert || draws != tt.draws {
			t.Errorf("%s: %t, %t", name, inert, draws)
		}
	}
}

// TestRank holds that tables come in the order of their foreign keys, and that a circle has none.
func TestRank(t *testing.T) {
	t.Parallel()
	type key struct{ first, then uint32 }
	ends := func(k key) (first, then uint32) { return k.first, k.then }
	for name, tt := range map[string]struct {
		keys     []key
		want     map[uint32]int
		circular *key
	}{
		"none":                      {nil, map[uint32]int{}, nil},
		"one":                       {[]key{{1, 2}}, map[uint32]int{2: 1}, nil},
		"a chain":                   {[]key{{1, 2}, {2, 3}, {3, 4}}, map[uint32]int{2: 1, 3: 2, 4: 3}, nil},
		"a chain, last ones first":  {[]key{{3, 4}, {2, 3}, {1, 2}}, map[uint32]int{2: 1, 3: 2, 4: 3}, nil},
		"the longer way counts":     {[]key{{1, 4}, {1, 2}, {2, 4}}, map[uint32]int{2: 1, 4: 2}, nil},
		"in no need of another one": {[]key{{1, 2}, {2, 4}, {1, 4}}, map[uint32]int{2: 1, 4: 2}, nil},
		"two keys of two tables":    {[]key{{1, 2}, {1, 2}}, map[uint32]int{2: 1}, nil},
		"itself":                    {[]key{{1, 1}}, nil, &key{1, 1}},
		"a circle":                  {[]key{{1, 2}, {2, 1}}, nil, &key{1, 2}},
		"behind a circle":           {[]key{{2, 3}, {1, 2}, {2, 1}}, nil, &key{2, 3}},
		"beside a circle":           {[]key{{4, 5}, {1, 2}, {2, 1}}, nil, &key{1, 2}},
	} {
		got, circular := Rank(tt.keys, ends)
		switch {
		case !maps.Equal(got, tt.want):
			t.Errorf("%s: %v, not %v", name, got, tt.want)
		case (circular == nil) != (tt.circular == nil) || circular != nil && *circular != *tt.circular:
			t.Errorf("%s: the circle is told by %v", name, circular)
		}
	}
}
