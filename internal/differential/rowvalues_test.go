package differential

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// rowValue is a value as both sides are given it. Ours and the oracle's differ only where psql does not take what we do.
type rowValue struct {
	null       bool
	omit       bool   // a JSON line lacks it
	text       string // as the type's input function takes it: what stands in a field of CSV
	ourText    string // of CSV: a list or an object, where text is that of an array or a row; "" is text
	json       string // what stands in a JSON line; "" is that text as a string
	oracleJSON string // "" is json
	literal    bool   // it stands in CSV without quotes or with them, and is not escaped in JSON: it is ASCII
}

// rowType is a type of a column.
type rowType struct {
	sql     string
	noEmpty bool // "" is NULL
	make    func(d *rowDice) rowValue
}

// rowDice makes random values. encoding is in what the file is.
type rowDice struct {
	*rand.Rand
	latin bool   // bytes are characters
	any   bool   // bytes are bytes
	most  rune   // the last character that the database takes
	wrong string // what may be wrong is to be made, once: a "value" of a type, a "text" of an encoding, or a "line"; "" is nothing

	calm   bool   // nothing is to be wrong, but what is planted
	misfit *plant // of the table in hand, or nil
}

// fault reports whether what may be wrong in this way is to be made here, with one chance in so many, and if so not again.
func (d *rowDice) fault(way string, in int) bool {
	if d.wrong != way || !d.one(in) {
		return false
	}
	d.wrong = ""
	return true
}

func (d *rowDice) one(in int) bool { return d.IntN(in) == 0 }

func pickOf[T any](d *rowDice, all ...T) T { return all[d.IntN(len(all))] }

// plainText is random text of the file's encoding.
func (d *rowDice) plainText() string {
	var b strings.Builder
	for range d.IntN(7) {
		b.WriteString(pickOf(d, "a", "Z", " ", `"`, "'", ",", `\`, "\n", "\t", "{", "}", "[", "]", "NULL", `\N`, "nulls", ";", ":", "(", ")", "$", "é", "ÿ", "x", "1"))
		if d.most > 0xff && d.one(4) {
			b.WriteString(pickOf(d, "€", "😀", "ﬁ", "\u200b"))
		}
	}
	return b.String()
}

// inFile gives text in the encoding of the file: in LATIN1 the bytes of that, or of UTF-8, which psql takes for other characters.
func (d *rowDice) inFile(text string) string {
	if d.latin && d.one(2) {
		var b []byte
		for _, r := range text {
			if r > 0xff {
				return text
			}
			b = append(b, byte(r))
		}
		return string(b)
	}
	return text
}

// jsonString is a text as a JSON string, with escapes where they must be and where they may be. Once in a while what a database may not
// take is among them.
func (d *rowDice) jsonString(text string) string {
	b := []byte{'"'}
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || d.one(6):
			if r > 0xffff {
				r -= 0x10000
				b = fmt.Appendf(b, `\u%04x\u%04X`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			} else {
				b = fmt.Appendf(b, `\u%04x`, r)
			}
		default:
			b = append(b, d.inFile(string(r))...)
		}
	}
	if d.fault("text", 3) {
		b = append(b, pickOf(d, `\ud800`, `\udc00x`, `\u0000`, `\ud83d\u0041`, `\u20ac`, `\x`, "\xe9 ", "\xff", "\xed\xa0\x80", "\t", `\u00`)...)
	}
	return string(append(b, '"'))
}

func plain(text string) rowValue { return rowValue{text: text, literal: true} }

func bare(text string) rowValue { return rowValue{text: text, json: text, literal: true} }

// within gives texts of at most so many characters where nothing is to be wrong.
func within(most int, text func(*rowDice) rowValue) func(*rowDice) rowValue {
	return func(d *rowDice) rowValue {
		for {
			if v := text(d); !d.calm || max(utf8.RuneCountInString(v.text), utf8.RuneCountInString(v.json)) <= most {
				return v
			}
		}
	}
}

// badly gives a value that the type may refuse, if that is wanted, else the good one.
func (d *rowDice) badly(good rowValue, bad ...string) rowValue {
	if d.fault("value", 2) {
		return plain(pickOf(d, bad...))
	}
	return good
}

func arrayText(elements []string) string {
	var quoted []string
	for _, e := range elements {
		if e == "\x00" {
			quoted = append(quoted, "NULL")
			continue
		}
		quoted = append(quoted, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(e)+`"`)
	}
	return "{" + strings.Join(quoted, ",") + "}"
}

// asciiText is text that is the same in every encoding.
func (d *rowDice) asciiText() string {
	var b strings.Builder
	for range d.IntN(5) {
		b.WriteString(pickOf(d, "a", "Z", " ", `"`, ",", `\`, "{", "]", "NULL", "(", "\t", "\n"))
	}
	return b.String()
}

// jsonDocument is an object or list.
func (d *rowDice) jsonDocument() string {
	switch d.IntN(4) {
	case 0:
		return `[]`
	case 1:
		return fmt.Sprintf(`{"k": [%d, null, {"x":"%s"}], "e":1E2}`, d.IntN(9), pickOf(d, `\u0041`, `\n`, `b`))
	case 2:
		return `[1 ,"two", {"a":{}}]`
	}
	return fmt.Sprintf(`{"a":%d}`, d.IntN(99))
}

// rowTypes are the types of columns.
func rowTypes() []rowType {
	number := func(d *rowDice) rowValue {
		return d.badly(bare(fmt.Sprint(d.IntN(2001)-1000)), "x", "99999999999", "1.5", "")
	}
	withWords := func(d *rowDice) rowValue {
		if d.one(6) {
			word := pickOf(d, "NaN", "Infinity", "-Infinity")
			return rowValue{text: word, json: word, oracleJSON: `"` + word + `"`, literal: true}
		}
		return d.badly(bare(pickOf(d, "1.5", "-0.25", "1e3", "12345.678", "0", "-0")), "x", "1,5", "1e999999")
	}
	text := func(d *rowDice) rowValue {
		t := d.plainText()
		if d.one(12) {
			document := d.jsonDocument()
			return rowValue{text: document, json: document, literal: true}
		}
		if d.one(12) {
			return bare(pickOf(d, "1", "true", "-0.50"))
		}
		return rowValue{text: t}
	}
	document := func(d *rowDice) rowValue {
		t := d.jsonDocument()
		v := rowValue{text: t, json: t, literal: true}
		switch {
		case d.one(8):
			v = bare(pickOf(d, "1", "true", `"text"`, "1.50"))
		case d.one(12):
			v.json, v.oracleJSON = d.held(t), t
		}
		return d.badly(v, "{bad", `{"a":1`, `[1,]`)
	}
	numbers := func(d *rowDice) rowValue {
		var all []string
		for range d.IntN(4) {
			all = append(all, fmt.Sprint(d.IntN(99)))
		}
		list := "[" + strings.Join(all, ", ") + "]"
		v := rowValue{text: "{" + strings.Join(all, ",") + "}", json: list, literal: true}
		if d.one(2) {
			v.ourText = list
		}
		if d.one(4) {
			v.json = ""
		}
		return d.badly(v, "{1,x}", "{1", "1")
	}
	list := func(d *rowDice, element func() string) rowValue {
		var all, asJSON []string
		for range d.IntN(4) {
			if d.one(4) {
				all, asJSON = append(all, "\x00"), append(asJSON, "null")
				continue
			}
			e := element()
			encoded, _ := json.Marshal(e)
			all, asJSON = append(all, e), append(asJSON, string(encoded))
		}
		v := rowValue{text: arrayText(all), json: "[" + strings.Join(asJSON, ",") + "]", literal: true}
		if d.one(2) {
			v.ourText = v.json
		}
		return v
	}
	pairOf := func(d *rowDice) rowValue {
		n, t := d.IntN(9), strings.NewReplacer("\n", "", "\t", "").Replace(d.asciiText())
		encoded, _ := json.Marshal(t)
		v := rowValue{text: fmt.Sprintf(`(%d,"%s")`, n, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(t)), json: fmt.Sprintf(`{"b":%s, "a":%d}`, encoded, n), literal: true}
		if d.one(2) {
			v.ourText = v.json
		}
		return d.badly(v, "(1", "(x,y)", "(1,2,3)")
	}
	return []rowType{
		{"int", true, number}, {"bigint", true, number}, {"numeric(12,3)", true, func(d *rowDice) rowValue { return d.badly(bare(pickOf(d, "1.5", "-7", "1e2", "0.0005")), "x", "1e99") }},
		{"float8", true, withWords}, {"real", true, withWords}, {"numeric", true, withWords},
		{"text", false, text}, {"text", false, text}, {"varchar(20)", false, within(20, text)}, {"char(30)", false, within(30, text)}, {"name", false, text},
		{"bool", true, func(d *rowDice) rowValue { return d.badly(bare(pickOf(d, "true", "false")), "maybe", "2") }},
		{"date", true, func(d *rowDice) rowValue {
			return d.badly(plain(pickOf(d, "2024-02-29", "1999-12-31", "infinity")), "2023-02-29", "x")
		}},
		{"timestamptz", true, func(d *rowDice) rowValue { return plain(pickOf(d, "2024-02-29T10:00:00Z", "2020-01-01 00:00:00+02")) }},
		{"interval", true, func(d *rowDice) rowValue { return plain(pickOf(d, "1 day", "-3 hours", "P1Y2M")) }},
		{"uuid", true, func(d *rowDice) rowValue {
			return d.badly(plain(pickOf(d, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC999C0B4EF8BB6D6BB9BD380A11")), "a0eebc99")
		}},
		{"json", true, document}, {"jsonb", true, document}, {"deepdoc", true, document},
		{"bytea", false, func(d *rowDice) rowValue { return d.badly(plain(pickOf(d, `\x00ff`, `abc`, `\x`)), `\xzz`) }},
		{"inet", true, func(d *rowDice) rowValue { return d.badly(plain(pickOf(d, "10.0.0.1", "::1")), "10.0.0.999") }},
		{"macaddr", true, func(d *rowDice) rowValue { return plain("08:00:2b:01:02:03") }},
		{"mood", true, func(d *rowDice) rowValue { return d.badly(plain(pickOf(d, "sad", "so so")), "glad", "Sad") }},
		{"moody", false, func(d *rowDice) rowValue { return plain(pickOf(d, "", "x")) }},
		{"small", true, func(d *rowDice) rowValue { return d.badly(bare(fmt.Sprint(d.IntN(10))), "11") }},
		{"bit(3)", true, func(d *rowDice) rowValue { return d.badly(plain(pickOf(d, "101", "000")), "1", "12x") }},
		{"point", true, func(d *rowDice) rowValue { return plain(pickOf(d, "(1,2)", "3,4")) }},
		{"int4range", true, func(d *rowDice) rowValue { return d.badly(plain(pickOf(d, "[1,5)", "empty", "(,3]")), "[5,1)") }},
		{"int[]", true, numbers},
		{"text[]", true, func(d *rowDice) rowValue { return list(d, d.asciiText) }},
		{"deepdoc[]", true, func(d *rowDice) rowValue {
			v := list(d, func() string { return pickOf(d, `{"a":1}`, `{}`, `{"b":"c"}`) })
			return rowValue{text: v.text, json: v.json, oracleJSON: strings.NewReplacer(`"{`, `{`, `}"`, `}`, `\"`, `"`).Replace(v.json), literal: true, ourText: v.ourText}
		}},
		{"box[]", true, func(d *rowDice) rowValue {
			var all []string
			for range d.IntN(3) {
				all = append(all, pickOf(d, "(1,1),(0,0)", "(3,3),(2,2)"))
			}
			asJSON, _ := json.Marshal(all)
			if len(all) == 0 {
				asJSON = []byte("[]")
			}
			return rowValue{text: "{" + strings.Join(all, ";") + "}", json: string(asJSON), ourText: pickOf(d, "", string(asJSON)), literal: true}
		}},
		{"pair", true, pairOf}, {"pairs", true, pairOf},
		{"pair[]", true, func(d *rowDice) rowValue {
			a, b := pairOf(d), pairOf(d)
			if a.json == "" || b.json == "" {
				return plain("{}")
			}
			v := rowValue{text: arrayText([]string{a.text, "\x00", b.text}), json: "[" + a.json + ",null," + b.json + "]", literal: true}
			v.ourText = pickOf(d, "", v.json)
			return v
		}},
	}
}

// held is a JSON document within a JSON string.
func (d *rowDice) held(document string) string {
	encoded, _ := json.Marshal(document)
	return string(encoded)
}

// rowTypesSQL makes the types that rowTypes names.
const rowTypesSQL = `CREATE TYPE mood AS ENUM ('sad', 'so so'); CREATE TYPE moody AS ENUM ('', 'x'); CREATE DOMAIN small AS int CHECK (VALUE < 10); CREATE DOMAIN doc AS json;
CREATE DOMAIN deepdoc AS doc; CREATE TYPE pair AS (a int, b text); CREATE DOMAIN pairs AS pair;`
