package differential

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A script of random values is a table or two of columns of many types, settings by which a text means something else, and rows in every spelling that
// SQL and COPY have. In some, one token is not what it should be: what the server refuses must be refused, in its words, and what it takes, too.

// valueModes are the ways to load it.
var valueModes = []string{"single", "none", "single", "jobs", "none", "single", "jobs", goOn}

// valueTypes are types and extensions that all scripts share.
const valueTypes = `CREATE SCHEMA v; CREATE EXTENSION hstore SCHEMA v; CREATE EXTENSION citext SCHEMA v; CREATE EXTENSION ltree SCHEMA v;
CREATE TYPE v.mood AS ENUM ('sad', 'ok', 'it''s', '', 'Üb', 'NULL'); CREATE TYPE v.pair AS (a integer, b text); CREATE TYPE v.nest AS (p v.pair, t text[], n numeric(4,1));
CREATE DOMAIN v.pos AS integer CHECK (VALUE > 0); CREATE DOMAIN v.code AS varchar(3); CREATE DOMAIN v.must AS text NOT NULL; CREATE DOMAIN v.more AS v.pos CHECK (VALUE < 1000);
CREATE DOMAIN v.few AS integer[] CHECK (cardinality(VALUE) < 4); CREATE DOMAIN v.mins AS interval minute; CREATE DOMAIN v.coin AS numeric(6,2) DEFAULT 1.005; CREATE DOMAIN v.feel AS v.mood CHECK (VALUE <> 'ok');
CREATE DOMAIN v.both AS v.pair CHECK ((VALUE).a > 0); CREATE DOMAIN v.three AS bit(3); CREATE DOMAIN v.low AS text CHECK (VALUE = lower(VALUE)); CREATE DOMAIN v.yes AS boolean CHECK (VALUE);
CREATE TYPE v.floats AS RANGE (subtype = float8); CREATE COLLATION v.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
GRANT USAGE ON SCHEMA v TO PUBLIC`

// valueType is a type of columns: contents that its input function takes, words without quotes, and what it does not take, all of them parted by spaces, or
// by bars where there is one.
type valueType struct{ name, good, bare, bad string }

const (
	someInts   = "0 1 -1 +5 007 -0 12 -7 30 41 100"
	someBare   = "0 1 -1 007 12 42 +5 -0 30 5 99 - 5 -(3) 2+2 +-5 1e1 1.5 2.5 5. .5 0x1F 0b1 0o7 1_000 1a 12345678901234567890 32768 2147483648 9223372036854775808 -9223372036854775808 1e400"
	someText   = "|a|abc|ab |  a|it's|back\\slash|\\N|\\.|\\|new\nline|cr\r\nlf|tab\tx|ünï|€|😀|e\u0301|NULL|null|12|1.50|true|a,b|{a,b}|\"q\"|$1|$$|:v|;|--x|/* c|\u00a0|\u200b|\x01|\x7f|\x0b|E'x'|\\x41|\\101|%|a''b"
	someDates  = "2024-02-29|1999-01-08|January 8, 1999|1/8/1999|1999-Jan-08|08-Jan-99|990108|1999.008|J2451187|0044-03-15 BC|infinity|-infinity|epoch|today|2024-01-31T10:11:12|1/2/3|10000-01-01|4713-11-24 BC|2024-366|20240229"
	someTimes  = "04:05:06|04:05|040506|04:05 AM|4:05 pm|24:00:00|23:59:60|04:05:06.789|04:05:06.9999999|allballs|00:00:00.0000005|T040506|12:00:59.9999995"
	someStamps = "2024-02-29 10:11:12|1999-01-08 04:05:06 -8:00|2004-10-19 10:23:54+02|1999-01-08T04:05:06Z|Jan 8 1999 4:05 PM PST|2024-03-31 02:30:00|2024-10-27 02:30:00|1/8/1999 1:2:3|2024-01-01 00:00:00.0000005|2024-01-01 23:59:59.9999995|epoch|infinity|-infinity|2024-01-01 10:00 Europe/Berlin|2024-01-01 10:00 America/New_York|2001-02-16 20:38:40.123456 BC|today|tomorrow 10:00|20240229 101112|2024-02-29 10:11:12.5+05:30:15|1850-01-01 00:00:00|294276-12-31 23:59:59|2024-02-29 10:11:12 utc|2024-02-29 24:00:00"
	badDates   = "2023-02-29|99-1-8|2024-13-01|31/31/1999|x||99999999-01-01|2024-01-01 25:00|4714-01-01 BC|2024-01-01 10:00 Mars/Base|now x"
)

var valueTypesOf = []valueType{
	{"smallint", someInts + " 32767 -32768", someBare, "32768 1.5 x 0x1F 1_0 1e1 -_1 | |- "},
	{"integer", someInts + " 2147483647 -2147483648", someBare, "2147483648 1.5 x 0x1F 1e3 99999999999999999999"},
	{"bigint", someInts + " 9223372036854775807 -9223372036854775808", someBare, "9223372036854775808 1. +  1,000"},
	{"numeric", "1.5 NaN Infinity -inf -0 1e5 1E-3 .5 5. +5 0.005 007.100 1e-20 12345678901234567890.123 -0.00", someBare, "1.2.3 x 1e 1,000 0x1 --1 1e200000"},
	{"numeric(5,2)", "1.5 NaN -0 1e2 .005 5. 999.994 123.456 -0.001 0.995", someBare, "1000 999.995 Infinity x"},
	{"numeric(3,-2)", "100 149 150 99949 -50", "100 149 150.5 0", "99950 x"},
	{"real", "1.5 NaN inf -Infinity -0 1e38 3.4028236e37 16777217 0.1 1e-44 0x1p3 +.5 1e5", someBare, "1e39 1e-50 x 1_0 1.5f"},
	{"double precision", "1.5 NaN inf -Infinity -0 1e308 0.1 5e-324 0x1p3 +.5 123456789012345678 1e22 9007199254740993 0.30000000000000004 179769313486231570000", someBare, "1e400 1e-400 x 1d"},
	{"money", "$1,234.56|12|-$3|(5)|1.005|+7|$ 8|1,2,3|0.005|-0", "1 1.5 2.005 -3", "x|1e3|$$5|99999999999999999999||1.2.3"},
	{"boolean", "t f true FALSE yes off on 1 0 y N of tr fals", "true false TRUE False 1=1 not(true) 1 true::text::bool unknown on t", "o 2 x maybe |truee"},
	{"text", someText, "1 1.50 007 true 1e5 -0 -5 +7 99999999999999999999 1.0e2 x null::text", ""},
	{`text COLLATE "C"`, someText, "1 true", ""},
	{"text COLLATE v.nocase", someText + "|A|ABC", "1 true", ""},
	{"varchar(3)", "|a|abc|ab |abc   |ünï|it'|\\N|'''|a\tb", "1 123 1.5 true -12 007 1e2", "abcd|abc d|ünïc|1234"},
	{"varchar", someText, "1 1.5 true", ""},
	{"char(4)", "|a|abcd|ab |abcd   |ünïc|a  b|it's|\\", "1 1234 true 1.50 -5", "abcde|false|12345"},
	{"char", "|a|ü| |a  ", "1 5", "ab|10"},
	{`"char"`, "|a|abc|ü|\\|\\101|  x|1", "1 65 300 true", ""},
	{"name", someText + "|" + "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", "1 true current_user", ""},
	{"bytea", "\\x0aff|\\x0A fF|abc||\\\\000|\\000\\377|a\\\\b|\\x|ünï|\\x00|it's|\\134|x41|a\nb", "1 true", "\\XAB|\\x0|\\xzz|\\9|\\1|\\400|a\\b|\\x0g"},
	{"bit(3)", "101 b101 B011 000", "b'101' B'010' x'5' 5 1", "1 1010 b1 x55 102 |"},
	{"varbit(5)", "101|b1|x1||1|11111", "b'101' B'' x'1' 5", "111111 x55 12 "},
	{"varbit", "101 xFf b 10101010101", "b'1' x'1F'", "2 xG"},
	{"date", someDates, "current_date date'2024-01-01' 1 2024-01-01 null", badDates},
	{"time", someTimes + "|2024-01-01 04:05:06", "time'04:05' localtime(0)<'24:00' 1", "25:00|04:60|x|04:05:61|4"},
	{"time(2)", someTimes, "time(1)'04:05:06.77' 1", "25:00|x"},
	{"timetz", someTimes + "|04:05:06-8:00|04:05:06 PST|040506+0730|2024-07-01 04:05 Europe/Berlin", "1", "25:00+1|x|04:05+99"},
	{"timetz(1)", "04:05:06.77+1|04:05:06.99 utc", "1", "x"},
	{"timestamp", someStamps, "timestamp'2024-01-01' 1 date'2024-01-01'", badDates},
	{"timestamp(2)", someStamps, "timestamp(1)'2024-01-01 1:2:3.77' 1", badDates},
	{"timestamptz", someStamps, "timestamptz'2024-01-01' date'2024-01-01' 1", badDates},
	{"timestamptz(0)", someStamps, "timestamptz(3)'2024-01-01 1:2:3.7777'", badDates},
	{"interval", "1 day|1:02|1:02:03.5|P1Y2M3DT4H5M6S|1-2|1 day ago|+1 -2:03|@ 1 minute|1.5 years|-1 mons +3 days|90|1 2:03|0.1 s|1 week|P0001-02-03T04:05:06|3 4:05:06|1 century", "interval'1'day interval'1:2' interval(2)'1.555s' 1 interval'1-2'year", "1 foo|x||1 day 1 day|infinity|P|1:2:3:4|9999999999 years"},
	{"interval minute", "1|90|1:02|1:02:03|1 day|2 h", "interval'5'hour 1", "x|"},
	{"interval day to second(2)", "1|1 2:03:04.567|1:02:03.999|2 mons", "interval'1.555' 1", "x"},
	{"interval year to month", "1|1-2|1 year 2 days|14 mons", "1", "x|1:02:03:04"},
	{"interval(1)", "1.55 s|1:02:03.99|1", "1", "x"},
	{"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 {A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11} a0eebc999c0b4ef8bb6d6bb9bd380a11 a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", "1", "x a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1 a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a111 {a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 |"},
	{"json", "{\"a\": 1}|[]|\"s\"|1.50|{\"k\":\"é\",\"k\":2}| null |{\"a\":\"\\u0000\"}|\"\\ud83d\\ude00\"|[1 , 2]|1e400|-0|true|\"\\n\"|\"it's\"", "1 true", "{a:1}|'x'||[1,]|nul|01|\"a|\"\\x\"|\"a\nb\"|{\"a\"}"},
	{"jsonb", "{\"a\": 1}|[]|\"s\"|1.50|{\"k\":\"é\",\"k\":2}| null |\"\\ud83d\\ude00\"|[1 , 2]|-0|true|\"\\n\"|1e3|\"it's\"|100000000000000000000.50", "1 true", "{a:1}|'x'||[1,]|\"\\u0000\"|\"\\ud83d\"|1e200000|01|\"\t\""},
	{"xml", "<a/>|text|<a>é</a>|<a b=\"c\"/>x|<?xml version=\"1.0\"?><a/>||<!-- c -->|<a><![CDATA[<]]></a>", "xml'<a/>' 1", "<a>|</a>|&x;|<a b=c/>"},
	{"inet", "10.0.0.1|192.168.1.5/24|::1|fe80::1/64|1.2.3.4/32|::ffff:1.2.3.4", "inet'1.2.3.4' 1", "x|10.1|256.1.1.1|1.2.3.4/33|"},
	{"cidr", "10.0.0.0/8|192.168.1|10|::/0|1.2.3.4", "1 inet'1.2.3.4/24'", "10.0.0.1/8|x"},
	{"macaddr", "08:00:2b:01:02:03 08-00-2b-01-02-03 08002b010203 0800.2b01.0203", "1", "x 08:00 08:00:2b:01:02:0g"},
	{"macaddr8", "08:00:2b:01:02:03 08:00:2b:01:02:03:04:05 08002b0102030405", "1", "x 08:00"},
	{"int4range", "[1,5)|(1,5]|empty|[,]|(,3)| [ 1 , 5 ] |[1,1)|[1,1]", "int4range(1,5) int4range'[1,2)' 1", "[5,1]|1,5|x||[1,2147483647]|[1,2"},
	{"numrange", "[1.5,2]|(,)|empty|[NaN,NaN]|[1.50,1.5]", "numrange(1,2) 1", "[2,1]|x"},
	{"tstzrange", "[2024-01-01,2024-01-02)|[\"2024-01-01 10:00+02\",)|empty|(epoch,infinity]", "1", "[x,y]|[2024-01-02,2024-01-01]"},
	{"v.floats", "[1.5,2)|empty|(-0,0]", "1", "[2,1)|x"},
	{"int4multirange", "{}|{[1,2),[2,5)}|{ [7,8] , (1,3]}|{empty}|{(,)}", "int4multirange() 1", "[1,2)|{[1,2)|{x}"},
	{"datemultirange", "{}|{[2024-01-01,2024-01-02)}|{[1/2/2024,1/3/2024]}", "1", "{x}"},
	{"integer[]", "{}|{1,2,3}|{{1,2},{3,4}}|[2:3]={1,2}|[0:0][1:2]={{1,2}}|{NULL,1}|{null}| { 1 , 2 } |{\"1\",2}|{-0,007}", "array[1,2] array[[1,2],[3,4]] array[]::int[] array[1,null] array['1','2'] array[1.5,2.5] array['1',2]::integer[] (array[1,2])", "{1,x}|{1,2|1,2|{{1},{2,3}}|[1:2]={1}||{1,,2}|{,}|{1}x"},
	{"text[]", "{}|{a,b}|{\"a,b\",\"c\\\"d\"}|{NULL,\"NULL\",null}|{ a , \" b \"}|[2:3]={x,y}|{\\\\N,a\\tb}|{é,😀}|{{a},{b}}|{\"\"}|{it's}", "array['a','b'] array['a',null] array[]::text[] array['é'] array[1,2]::text[] array[E'a\\n',$$b$$]", "{a,b|a||{a\"b}|{a,,b}|{\"a}|{{a},b}"},
	{"numeric(4,1)[]", "{1.25,NULL}|{999.94}|{-0,.5}", "array[1.25] array[1,2]", "{1000}|{x}"},
	{"varchar(2)[]", "{ab,c}|{\"a   \"}|{NULL,é}", "array['a'] array['ab ']", "{abc}|{x,abcd}"},
	{"timestamptz[]", "{2024-01-01}|{\"2024-01-01 10:00\",infinity}|{1/2/2024}", "array['2024-01-01'] array[date'2024-01-01']", "{x}"},
	{"boolean[]", "{t,f}|{true,yes,NULL}|{1,0}", "array[true,false] array['t']", "{x}|{2}"},
	{"bytea[]", "{\"\\\\x0a\",abc}|{\\\\x01}", "array['\\x01'] array[x'1']", "{\"\\\\xz\"}"},
	{"bit(2)[]", "{10,01}|{b11}", "array[b'10']", "{1}"},
	{"v.mood[]", "{sad,ok}|{\"it's\",\"NULL\"}|{NULL}|{\"\"}", "array['sad']::v.mood[] array['sad']", "{x}|{ok"},
	{"v.pos[]", "{1,2}|{NULL}", "array[1] array[1]::v.pos[]", "{0}|{-1,2}"},
	{"v.pair[]", "{\"(1,a)\"}|{\"(1,\\\"a b\\\")\",NULL}", "array[row(1,'a')]::v.pair[] array[row(1,'a')]", "{(1,a)}|{\"(x,a)\"}"},
	{"v.mood", "sad|ok|it's||Üb|NULL", "1", "Sad|x|sad "},
	{"v.pos", "1 +5 007 12 7 30 41 100", someBare, "0 -1 x 1.5"},
	{"v.more", "1 5 999 +7", someBare, "1000 0 x"},
	{"v.code", "|a|abc|abc  |é", "1 123 true", "abcd"},
	{"v.must", "|a|it's|NULL", "1 null null::text", ""},
	{"v.few", "{}|{1,2}|[5:6]={1,2}", "array[1,2] array[1,2,3,4]", "{1,2,3,4}|x"},
	{"v.mins", "1|90|1:02", "1 interval'5'", "x"},
	{"v.coin", "1.5 9999.994 NaN -0", someBare, "10000 x"},
	{"v.feel", "sad|it's", "1", "ok|x"},
	{"v.both", "(1,a)|(2,)|(3,\"x,y\")", "row(1,'a') (1,'a') row(0,'a') row(1)", "(0,a)|(,a)|x|(1,a,b)"},
	{"v.pair", "(1,a)|(,)|( 1 ,\" b\")|(1,\"a\"\"b\")|(2,it's)|(3,\\\\)", "row(1,'a') (1,'a') row(1,null) row('1','a') row(1.5,2) row(1,'a')::v.pair", "(1)|(1,a|x||(x,a)|(1,2,3)"},
	{"v.nest", "(\"(1,a)\",\"{a,b}\",1.25)|(,,)|(\"(,)\",{},)", "row(row(1,'a'),array['x'],1.25) row(null,'{a}','5')", "(\"(x,a)\",,)|(,,1000)|(,)"},
	{"v.three", "101 b000", "b'101' 5", "1 1011"},
	{"v.low", "a|abc|é|12", "1 true", "A|ABC"},
	{"v.yes", "t true 1", "true false", "f x"},
	{"tsvector", "a fat cat|'it''s' b:1A,2|a:1 a:2||x:99999|'a b'", "1", "'a|a:x"},
	{"tsquery", "a & b|!a|a <-> b|a:*|| 'a b' ", "1", "a &|a b|("},
	{"point", "(1,2)|1,2|( 1.5 , -0 )|(inf,nan)|(1e300,2)", "point(1,2) 1", "x|(1)|(1,2|1e400,1"},
	{"line", "{1,2,3}|[(1,2),(3,4)]", "1", "{0,0,1}|x"},
	{"lseg", "[(1,2),(3,4)]|1,2,3,4", "1", "x"},
	{"box", "(1,2),(3,4)|((3,4),(1,2))|1,2,3,4", "1 box(point(1,2),point(0,0))", "x|(1,2)"},
	{"path", "[(1,2),(3,4)]|((1,2),(3,4))|1,2", "1", "x|"},
	{"polygon", "((1,2),(3,4))|1,2", "1", "x"},
	{"circle", "<(1,2),3>|((1,2),3)|1,2,3", "1", "<(1,2),-1>|x"},
	{"oid", "0 1 4294967295 -1 007", "0 1 4294967295 -1 4294967296", "4294967296 x -4294967296 1.5"},
	{"regclass", "pg_class pg_catalog.pg_type \"pg_class\" 0 - PG_CLASS pg_catalog.\"pg_class\"", "1259 0", "nothing pg_class.x.y.z. \"x"},
	{"regtype", "int4|integer|character varying|numeric(5,2)|_int4|int[]|\"char\"|char|v.mood|-", "23", "foo|int4 x|"},
	{"regproc", "version pg_catalog.now - 0", "1", "abs nothing"},
	{"pg_lsn", "0/0 16/B374D848 FFFFFFFF/FFFFFFFF", "1", "x 0 0/"},
	{"xid", "1 4294967295 0x10 -1", "1", "|x"},
	{"xid8", "1 18446744073709551615", "1", ""},
	{"tid", "(0,1) (1,65535)", "1", "x (1)"},
	{"int2vector", "1 2 3||1", "1", "x|1 99999"},
	{"jsonpath", "$|$.a|strict $.a[*]|$ ? (@ > 1)", "1", "x y||$."},
	{"v.hstore", "a=>1|\"a\"=>\"b c\", d=>NULL||a=>\"it's\"|a=>1,a=>2", "1", "a|=>|a=>"},
	{"v.citext", someText + "|A|ABC", "1 true", ""},
	{"v.ltree", "a.b.c|A|", "1", "a..b|a b"},
}

// valueColumn is a column of a table.
type valueColumn struct {
	name     string
	required bool
	valueType
}

type valueTable struct {
	name    string
	columns []valueColumn
	keyed   bool // each row needs an id
	id      int
}

// valueMaker makes a script.
type valueMaker struct {
	*maker
	tables []*valueTable
	odd    int // per cent of the values that are no plain literals
	bad    int // per mille of those that do not fit
	latin  bool
}

// randomValues makes the script of a seed and a number.
func randomValues(seed uint64, n int) generated {
	g := &maker{Rand: rand.New(rand.NewPCG(seed, uint64(n))), schema: fmt.Sprintf("c%d", n)}
	g.generated.n, g.mode = n, valueModes[n%len(valueModes)]
	g.kinds = map[string]bool{g.mode: true}
	g.small = []int{1, 1, 1, 100, 8 << 10}[g.IntN(5)]
	m := &valueMaker{maker: g}
	for i := range 1 + g.IntN(2) {
		m.table(i + 1)
	}
	m.settings()
	g.loose = true
	slips := g.chance(33)
	statements := 2 + g.IntN(5)
	wrong := g.IntN(statements)
	if g.chance(40) { // what is open at the end of the file takes nothing else with it
		wrong = statements - 1
	}
	for i := range statements {
		t := m.tables[g.IntN(len(m.tables))]
		m.odd, m.bad = []int{0, 0, 0, 0, 0, 0, 1, 3, 25}[g.IntN(9)], 0
		if slips && i == wrong {
			m.bad = g.IntN(100)
		}
		if g.chance(12) {
			m.setting()
		}
		if g.chance(15) {
			m.between(t)
		} else {
			m.rows(t)
		}
		if slips && i == wrong && g.chance(60) {
			m.slip(&g.items[len(g.items)-1])
		}
		if g.chance(5) {
			g.say("%s", g.pick("-- c", "/* c /* d */ ' */", ";", "SELECT 1;", "\\echo x"))
		}
		if g.chance(1) {
			g.say("%s", g.pick("-- \xff", "/* \xe9 */", "SELECT '\xff';", "SELECT 'a' 'b';", "SAVE;", "\\nothing"))
		}
	}
	if g.chance(8) { // the end of the file
		last := &g.items[len(g.items)-1]
		if s := last.tail; !strings.HasPrefix(s, `\.`) {
			last.tail = g.pick(strings.TrimSuffix(s, "\n"), strings.TrimSuffix(s, ";\n"), s+"-- end", s+"/* end", s+"  \t", s+"-- \xff")
		}
	}
	return g.generated
}

// table makes a table.
func (m *valueMaker) table(number int) {
	t := &valueTable{name: fmt.Sprintf(m.pick("t%d", "t%d", `"T %d"`), number)}
	p := piece{head: "CREATE TABLE " + t.name + " (", between: ", ", tail: ");\n"}
	p.rows = []string{"id integer" + m.pick("", " PRIMARY KEY", " UNIQUE", " DEFAULT 7", " GENERATED BY DEFAULT AS IDENTITY", "", "", "", "", "")}
	if m.chance(3) {
		p.rows[0] = "id bigint GENERATED ALWAYS AS IDENTITY"
	}
	t.keyed = strings.Contains(p.rows[0], "PRIMARY")
	t.columns = []valueColumn{{"id", true, valueType{"integer", someInts, someBare, "x"}}}
	var after []string
	for i := range 1 + m.IntN(4) {
		c := valueColumn{fmt.Sprintf(m.pick("c%d", "c%d", `"C %d"`, "_é%d"), i), false, valueTypesOf[m.IntN(len(valueTypesOf))]}
		if m.chance(35) { // those that go in binary
			c.valueType = valueTypesOf[m.IntN(20)]
		}
		sql := c.name + " " + c.valueType.name
		good := inQuotes(m.of(c.good))
		switch m.IntN(14) {
		case 0:
			sql, c.required = sql+" NOT NULL", true
		case 1:
			sql += " DEFAULT " + good
		case 2:
			sql += " CHECK (" + c.name + "::text <> 'abc')"
		case 3:
			if i == 0 {
				after = append(after, "CREATE UNIQUE INDEX ON "+t.name+" (("+c.name+"::text))", "CREATE UNIQUE INDEX ON "+t.name+" (id) WHERE "+c.name+"::text = '1'")[m.IntN(2):][:1]
			}
		case 4:
			after = append(after, "CREATE INDEX ON "+t.name+" (length("+c.name+"::text))")
		}
		c.required = c.required || c.valueType.name == "v.must"
		m.kind(c.valueType.name)
		p.rows, t.columns = append(p.rows, sql), append(t.columns, c)
	}
	if m.chance(15) {
		p.rows = append(p.rows, m.pick("gen integer GENERATED ALWAYS AS (id * 2) STORED", "more text DEFAULT 'd'", "at boolean DEFAULT (now() > 'epoch')", "CHECK (id < 500)", "gen text GENERATED ALWAYS AS (id::text) STORED"))
	}
	m.setup = append(m.setup, p)
	for _, sql := range after { // some types have no cast that is immutable
		m.set("DO $do$ BEGIN %s; EXCEPTION WHEN OTHERS THEN NULL; END $do$", sql)
	}
	m.tables = append(m.tables, t)
}

// parameters are settings by which texts mean something else.
var parameters = []string{"datestyle = 'ISO, DMY'", "datestyle = 'German'", "datestyle = 'SQL, YMD'", "datestyle = ymd", "intervalstyle = 'sql_standard'", "intervalstyle = iso_8601", "timezone = 'Europe/Berlin'", "timezone = 'America/New_York'",
	"timezone = '-03:30'", "timezone = 'PST8PDT'", "standard_conforming_strings = off", "standard_conforming_strings = on", "escape_string_warning = off", "backslash_quote = on", "backslash_quote = off", "bytea_output = 'escape'", "extra_float_digits = 0", "extra_float_digits = -5",
	"xmloption = document", "xmloption = content", "array_nulls = off", "client_encoding = 'LATIN1'", "client_encoding = UTF8", "client_encoding = 'WIN1252'", "transform_null_equals = on", "lc_monetary = 'C.utf8'", "timezone_abbreviations = 'Australia'", "default_with_oids = off",
	"search_path = %[1]s, v", "search_path = %[1]s", "check_function_bodies = off", "statement_timeout = 0", "jit = off", "xmlbinary = hex", "row_security = off", "client_min_messages = warning"}

func (m *valueMaker) settings() {
	if m.chance(15) {
		p := m.pick(parameters[:21]...)
		m.set(`DO $do$ BEGIN EXECUTE format('ALTER DATABASE %%I SET %s', current_database()); END $do$`, strings.ReplaceAll(p, "'", "''"))
		m.after = "DO $do$ BEGIN EXECUTE format('ALTER DATABASE %I RESET ALL', current_database()); END $do$"
	}
	m.say("SET search_path = %s;", m.schema)
	for range m.IntN(3) {
		m.setting()
	}
	if m.chance(10) {
		m.say("\\set v %s", m.pick("5", "abc", "'it''s'", "null", "''"))
	}
}

func (m *valueMaker) setting() {
	p := m.pick(parameters...)
	if strings.Contains(p, "%") {
		p = fmt.Sprintf(p, m.schema)
	}
	if strings.HasPrefix(p, "client_encoding") {
		m.latin = !strings.Contains(p, "UTF8")
	}
	m.say("%s %s;", m.pick("SET", "set", "SET SESSION", "SET LOCAL", "SET"), p)
	if m.chance(8) {
		m.say("%s", m.pick("RESET ALL;\nSET search_path = "+m.schema+";", "RESET datestyle;", "RESET standard_conforming_strings;", "SET TIME ZONE 'Asia/Tokyo';", "SET TIME ZONE INTERVAL '+02:30' HOUR TO MINUTE;", "\\encoding LATIN1", "SET NAMES 'UTF8';"))
	}
}

// of gives one of a list's.
func (m *valueMaker) of(list string) string {
	if strings.Contains(list, "|") {
		return m.pick(strings.Split(list, "|")...)
	}
	return m.pick(strings.Split(list, " ")...)
}

// inQuotes writes a text as SQL has it.
func inQuotes(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// good is a text that the type takes.
func (m *valueMaker) good(t valueType) string {
	if m.chance(20) {
		switch t.name {
		case "smallint", "integer", "bigint", "numeric", "real", "double precision", "text", "v.coin", "money":
			return fmt.Sprint(m.IntN(9000))
		case "numeric(5,2)":
			return fmt.Sprintf("%d.%03d", m.IntN(900), m.IntN(1000))
		case "timestamptz", "timestamp", "date", "timestamp(2)":
			return fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d.%d", 1+m.IntN(2500), 1+m.IntN(12), 1+m.IntN(28), m.IntN(24), m.IntN(60), m.IntN(60), m.IntN(1e6))
		}
	}
	text := m.of(t.good)
	if m.latin {
		text = strings.NewReplacer("ü", "\xfc", "ï", "\xef", "é", "\xe9", "Ü", "\xdc", "€", "\xa4", "😀", "\xe6", "\u0301", "\xb4", "\u00a0", "\xa0", "\u200b", "\xad").Replace(text)
	}
	if m.chance(2) {
		text = " " + text
	}
	return text
}

// value is a value as SQL writes it.
func (m *valueMaker) value(t *valueTable, c valueColumn) string {
	if c.name == "id" && !m.chance(m.odd) {
		t.id++
		return fmt.Sprint(t.id)
	}
	if m.chance(8) && (!c.required || m.chance(m.bad/10)) {
		return m.pick("NULL", "null", "NULL", "Null")
	}
	if m.IntN(1000) < m.bad && c.bad != "" {
		return m.pick(inQuotes(m.of(c.bad)), inQuotes(m.of(c.bad)), m.of(c.bare), inQuotes(m.of(c.bad)), m.pick("'\xff'", "'\xc3('", "'"+m.of(c.bad)))
	}
	content := m.good(c.valueType)
	if !m.chance(m.odd) {
		numeric := strings.Trim(content, "0123456789.") == "" && content != "" && content != "."
		if numeric && slices.ContainsFunc([]string{"int", "numeric", "real", "double", "text", "varchar", "money", "v.coin", "v.pos"}, func(s string) bool { return strings.Contains(c.valueType.name, s) }) && !strings.ContainsAny(c.valueType.name, "[") && !strings.Contains(c.valueType.name, "interval") &&
			!strings.Contains(c.valueType.name, "range") && !strings.Contains(c.valueType.name, "point") && !strings.Contains(c.valueType.name, "int2v") && m.chance(60) {
			return content
		}
		if c.valueType.name == "boolean" && m.chance(50) {
			return m.pick("true", "false", "TRUE")
		}
		return inQuotes(content)
	}
	return m.spelled(c, content)
}

// spelled is a value in one of the many spellings.
func (m *valueMaker) spelled(c valueColumn, content string) string {
	plain := inQuotes(content)
	typ, _, _ := strings.Cut(c.valueType.name, " COLLATE")
	half := len(content) / 2
	escaped := "E'" + strings.NewReplacer(`\`, `\\`, "'", m.pick(`''`, `\'`), "\n", `\n`, "\t", `\t`, "a", m.pick("a", `\x61`, `\141`, `\u0061`, `\U00000061`)).Replace(content) + "'"
	switch m.IntN(34) {
	case 0, 1, 2:
		return escaped
	case 3:
		return m.pick("e", "E", "E ") + "'" + m.pick(`\u00e9`, `\ud83d\ude00`, `\xe9`, `\xc3\xa9`, `\0`, `\u0000`, `\q`, `\'`, `a\`, `\u12`, `\377`, `\b\f\r`, "\\\n", `\ud83d`) + "'"
	case 4:
		escape := m.pick(`\`, "!", "+", "'", "a")
		tail := m.pick("", " UESCAPE '"+escape+"'", "\nuescape\t'"+escape+"'")
		if tail == "" {
			escape = `\`
		}
		return "U&'" + strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(content, `\`, `\\`), "'", "''"), "b", escape+m.pick("0062", "+000062", "006", "d83d")) + "'" + tail
	case 5, 6:
		tag := m.pick("$$", "$a$", "$_1$", "$é$", "$1$")
		return tag + content + tag
	case 7:
		return m.pick("n", "N", "b", "x", "X", "B") + plain
	case 8:
		return m.pick(inQuotes(content[:half])+m.pick("\n", " \n ", "\n\n", " -- c\n", "\r\n", "\r", "\f", " /* \n */ ", "\v\n")+inQuotes(content[half:]), plain+" ''", escaped+"\n'x'")
	case 9, 10:
		return "CAST(" + plain + m.pick(" AS ", " as\n") + typ + ")"
	case 11, 12:
		return plain + m.pick("::", " :: ", "::\n") + typ
	case 13:
		return plain + m.pick("::text::", "::varchar::", "::unknown::", "::bpchar::", "::varchar(2)::", "::name::", "::json::", "::text[]::") + typ
	case 14:
		return typ + m.pick(" ", "") + plain
	case 15:
		return "(" + plain + ")"
	case 16, 17, 18, 19:
		return m.of(c.bare)
	case 20:
		return m.pick("DEFAULT", "default", "(DEFAULT)", "DEFAULT::text")
	case 21:
		return m.pick("coalesce(", "nullif(", "lower(", "upper(", "concat(", "greatest(", "pg_catalog.lower(", "nothing(") + plain + m.pick(")", ", NULL)")
	case 22:
		return m.pick("now() = now()", "current_timestamp > 'epoch'", "current_date = 'today'", "current_user", "current_schema", "localtime = localtime", "session_user", "current_role", "user", "CURRENT_CATALOG = current_database()", "date 'today' - date 'yesterday'", "array_length(array[1],1)", "to_date('2024','YYYY')")
	case 23:
		return plain + m.pick(" || ''", " || 'x'", " = 'a'", " IS NULL", " COLLATE \"C\"", " AT TIME ZONE 'UTC'", " + 1", " LIKE 'a'", "[1]", "::text COLLATE \"C\"")
	case 24:
		return m.pick(":v", ":'v'", `:"v"`, ":{?v}", ":w", ":'w'")
	case 25:
		return "NULL::" + typ
	case 26:
		return m.pick("(SELECT "+plain+")", "(VALUES ("+plain+"))", "CASE WHEN true THEN "+plain+" END", "(SELECT max(1))", "count(*)", "$1", "*", "row_number() over ()")
	case 27:
		return m.pick("array[", "ARRAY[") + plain + "," + inQuotes(m.good(c.valueType)) + "]" + m.pick("", "::text[]", "::"+typ+"[]")
	case 28:
		return m.pick("row(", "ROW(", "(") + plain + ",1)"
	case 29:
		return m.pick("+", "-", "- ", "@ ", "not ", "~", "+ +", "-(", "--\n") + m.of(someInts)
	case 30:
		return m.pick("interval '1' day", "INTERVAL '1-2' YEAR TO MONTH", "interval(2) '1.555'", "timestamp(2) with time zone '2024-01-01 1:2:3.777'", "time with time zone '04:05+1'", "double precision '1.5'", "character varying(2) 'abc'", "bit varying '101'", "national character '5'", "int4'5'",
			"pg_catalog.int4 '5'", `"int4" '5'`, "date\t'2024-01-01'", "numeric(3,1) '1.25'", "char 'ab'", "bit '101'", "float(3) '1.5'", "dec '5'", "setof int4 '5'", "varchar(2)'abc'")
	}
	return plain
}

// gap is white space between tokens, which mostly is none.
func (m *valueMaker) gap() string {
	if !m.chance(m.odd) || !m.chance(30) {
		return m.pick("", "", " ")
	}
	return m.pick("\n", "\t", "\f", "\v", "\r\n", "\r", "/* c */", "/* a /* b */ ' */", "-- x'\n", "-- x\r", "/*;*/", "\u00a0", "/**/", "--\n", "-- é\n", "-- \xff\n", "/* \xff */")
}

// named is a table's or a column's name, in one of its spellings.
func (m *valueMaker) named(name string) string {
	if strings.HasPrefix(name, `"`) || !m.chance(15) {
		return name
	}
	if m.bad > 0 && m.chance(10) {
		return m.pick(`"`+strings.ToUpper(name)+`"`, `"`+name+` "`, name+".x")
	}
	return m.pick(`"`+name+`"`, strings.ReplaceAll(strings.ToUpper(name), "É", "é"), `U&"`+name+`"`, name+" ")
}

// rows brings rows to a table.
func (m *valueMaker) rows(t *valueTable) {
	into := m.pick("", "", m.schema+".") + m.named(t.name)
	columns := slices.Clone(t.columns)
	named := m.chance(70)
	if named && !t.keyed && m.chance(30) {
		columns = columns[m.IntN(2):]
	}
	if named && m.chance(25) {
		m.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
	}
	var list []string
	for _, c := range columns {
		list = append(list, m.named(c.name))
	}
	if m.bad > 0 && m.chance(4) { // a name that there is not, or twice
		list = append(list, m.pick("nothing", list[0], "gen", "id.x", `""`, "order", "c0[1]"))
		columns = append(columns, columns[0])
	}
	names := ""
	if named {
		names = " (" + m.gap() + strings.Join(list, m.gap()+","+m.gap()) + m.gap() + ")"
	}
	if m.chance(20) {
		m.kind("copy")
		m.copied(t, into+names, columns, list)
		return
	}
	head := m.pick("INSERT INTO ", "INSERT INTO ", "insert into ", "INSERT\nINTO\t") + into
	tail := m.gap() + ";\n"
	if m.chance(max(m.odd, 3)) {
		head += m.pick(" AS x", " x", "", "")
		tail = m.pick(" ON CONFLICT DO NOTHING", " RETURNING id", " RETURNING *", " on conflict do nothing returning 1", "") + ";\n"
		if m.chance(m.odd) {
			tail = m.pick(" ON CONFLICT (id) DO NOTHING", " ON CONFLICT DO UPDATE SET id = 1", " LIMIT 1", " ORDER BY 1", " UNION ALL SELECT 1", " RETURNING id INTO x") + ";\n"
		}
		names += m.pick("", " OVERRIDING USER VALUE", " OVERRIDING SYSTEM VALUE", " overriding system value", "")
	}
	head += names + m.gap()
	if m.chance(m.odd / 3) {
		m.add(piece{head: head + m.pick(" DEFAULT VALUES;\n", " SELECT 1;\n", " TABLE "+t.name+";\n", " (VALUES (1));\n", " VALUES ();\n")})
		return
	}
	if m.chance(3) { // a field, or an element
		m.say("INSERT INTO %s (id, %s) VALUES (%d, %s);", into, m.pick(list[len(list)-1]+".a", list[len(list)-1]+"[1]", list[len(list)-1]+"[1:2]", list[len(list)-1]+".b"), m.IntN(100), m.pick("1", "'a'", "'{1,2}'", "NULL"))
		return
	}
	head += m.pick(" VALUES", " VALUES\n", " values ", " VALUES ")
	if m.chance(40) { // one row a statement
		for range 2 + m.IntN(12)/(1+m.odd/5) {
			m.add(piece{head: head, rows: []string{m.row(t, columns)}, tail: tail})
		}
		return
	}
	p := piece{head: head, between: m.gap() + "," + m.pick("", "\n", " "), tail: tail}
	rows := 1 + m.IntN(max(2, 8-m.odd/3))
	if m.chance(15) && m.odd < 5 {
		rows = 20 + m.IntN(280)
	}
	for range rows {
		p.rows = append(p.rows, m.row(t, columns))
	}
	m.add(p)
}

// between is a statement that brings no rows: some of them are not sent as they are written.
func (m *valueMaker) between(t *valueTable) {
	all := []string{"SAVEPOINT a", "SAVEPOINT a;\nROLLBACK TO a", "SAVEPOINT a;\nRELEASE SAVEPOINT a", "TRUNCATE " + t.name, "TRUNCATE TABLE ONLY " + t.name + " RESTART IDENTITY CASCADE", "DELETE FROM " + t.name, "BEGIN", "BEGIN WORK",
		"SET session_replication_role = replica", "SET session_replication_role TO DEFAULT", "SELECT setval('s', 5)", "SET CONSTRAINTS ALL DEFERRED", "BEGIN ISOLATION LEVEL READ COMMITTED", "ANALYZE " + t.name, "LOCK TABLE " + t.name, "SELECT pg_catalog.set_config('timezone', 'UTC', false)"}
	if m.mode != "single" { // there a COMMIT is none
		all = append(all, "BEGIN;\nSAVEPOINT a;\nROLLBACK TO SAVEPOINT a;\nCOMMIT", "BEGIN;\nEND", "START TRANSACTION READ WRITE;\nCOMMIT AND CHAIN;\nCOMMIT WORK", "ROLLBACK")
	}
	text := strings.ReplaceAll(m.pick(all...), "SAVEPOINT a;\n", "SAVEPOINT a;"+m.gap()+"\n")
	if m.mode != "single" && strings.Contains(text, "SAVEPOINT") && !strings.HasPrefix(text, "BEGIN") {
		text = "BEGIN;\n" + text + ";\nCOMMIT"
	}
	i := strings.LastIndex(text, "\n") + 1
	if i > 0 {
		m.add(piece{head: text[:i]})
	}
	m.add(piece{head: text[i:], tail: m.gap() + ";\n"})
}

// row is a row of VALUES.
func (m *valueMaker) row(t *valueTable, columns []valueColumn) string {
	var values []string
	for _, c := range columns {
		values = append(values, m.value(t, c))
	}
	if m.IntN(1000) < m.bad/4 {
		values = append(values, "1")
	}
	if m.IntN(1000) < m.bad/4 && len(values) > 1 {
		values = values[1:]
	}
	return m.gap() + "(" + m.gap() + strings.Join(values, m.gap()+","+m.gap()) + m.gap() + ")"
}

// copied brings rows by COPY. Its words are in lower case, by which they are told from those of ours.
func (m *valueMaker) copied(t *valueTable, into string, columns []valueColumn, list []string) {
	delimiter, null, quoted, header := "\t", `\N`, false, false
	var options []string
	if m.chance(50) {
		switch m.IntN(3) {
		case 0:
			quoted, delimiter, null = true, ",", ""
			options = append(options, "format csv")
			if m.chance(30) {
				header = true
				options = append(options, m.pick("header", "header true", "header match"))
			}
			if m.chance(20) {
				options = append(options, m.pick("force_null ", "force_not_null ")+"("+m.pick(list...)+")")
			}
			if m.chance(10) {
				options = append(options, m.pick("quote ''''", "escape e'\\\\'", "quote 'q'"))
			}
		case 1:
			options = append(options, "format text")
		}
		if m.chance(30) {
			delimiter = m.pick("|", ";", ",", ":")
			options = append(options, "delimiter '"+delimiter+"'")
		}
		if m.chance(20) {
			null = m.pick("", "null", "NULL", `\N`, "-")
			options = append(options, "null '"+null+"'")
		}
		if m.chance(10) {
			options = append(options, m.pick("encoding 'LATIN1'", "encoding 'UTF8'", "freeze", "default 'x'", "header", "foo", "format binary", "on_error ignore", "delimiter e'\\n'", "null e'\\n'", "format csv"))
		}
	}
	head := m.pick("copy ", "copy\n", `\copy `) + into + m.pick(" from stdin", " from stdin", " from STDIN", "\nfrom\tstdin")
	if strings.HasPrefix(head, `\`) {
		head = strings.NewReplacer("\n", " ", "\r", " ").Replace(head)
	}
	if len(options) > 0 {
		head += m.pick(" with (", " (", " with(") + strings.Join(options, ", ") + ")"
	} else if m.chance(10) {
		head += m.pick(" csv", " with delimiter '|'", " null 'x'", " delimiters ','", " with csv header", " where id > 2", " with")
	}
	if !strings.HasPrefix(head, `\`) {
		head += ";"
	}
	end := m.pick("\n", "\n", "\n", "\n", "\n", "\r\n")
	p := piece{head: head + "\n", tail: `\.` + end}
	if header {
		p.head += strings.Join(list, delimiter) + end
	}
	rows := m.IntN(10)
	if m.chance(15) {
		rows = 20 + m.IntN(200)
	}
	for range rows {
		var fields []string
		for _, c := range columns {
			text := m.good(c.valueType)
			if c.name == "id" {
				t.id++
				text = fmt.Sprint(t.id)
			}
			if m.IntN(1000) < m.bad {
				text = m.pick(m.of(c.bad), m.of(c.bad), m.pick("\xff", "x"))
			}
			switch {
			case m.chance(8) && !c.required:
				text = null
			case quoted && (text == null || strings.ContainsAny(text, "\"\r\n\\ "+delimiter) || m.chance(20)):
				text = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
			case quoted:
			case m.bad > 0 && m.chance(10):
				text = m.pick(`\`, `\x41`, `\101`, `\q`, `\b`, "a\rb", `\8`, `\x`, "\\\n", `\.`, `\N x`, `\0`)
			default:
				text = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`, delimiter, `\`+delimiter, "a", m.pick("a", "a", "a", "a", `\x61`, `\141`, `\a`)).Replace(text)
			}
			fields = append(fields, text)
		}
		if m.IntN(1000) < m.bad/2 {
			fields = append(fields, "1")
		}
		if m.IntN(1000) < m.bad/2 {
			fields = fields[1:]
		}
		p.rows = append(p.rows, strings.Join(fields, delimiter)+end)
	}
	m.add(p)
}

// tokens are the tokens of a text, roughly, with what lies between.
func tokens(text string) (all []string) {
	class := func(c byte) int {
		switch {
		case c == ' ' || c == '\n' || c == '\t':
			return 0
		case c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80:
			return 1
		}
		return 2
	}
	for i := 0; i < len(text); {
		j := i + 1
		for j < len(text) && class(text[i]) != 2 && class(text[j]) == class(text[i]) {
			j++
		}
		all = append(all, text[i:j])
		i = j
	}
	return all
}

// slip changes a token somewhere in a statement.
func (m *valueMaker) slip(p *piece) {
	at := &p.head
	if n := m.IntN(10); n < 3 {
		at = &p.tail
	} else if n < 7 && len(p.rows) > 0 {
		p.rows = slices.Clone(p.rows)
		at = &p.rows[m.IntN(len(p.rows))]
	}
	all := tokens(*at)
	if len(all) == 0 {
		return
	}
	i := m.IntN(len(all))
	if m.chance(10) { // at the beginning
		p.head = m.pick("(", "((", "/* ", "--", "'", "x ", "\ufeff", ";", ")") + p.head
		return
	}
	switch m.IntN(7) {
	case 6:
		all[i] = m.pick("(", ".", ",", "/*", "-- é\n", "/* € */", "AS ", "*", "ONLY ", `\\`, "'", "$$", "\f", "(select ", "E") + all[i]
	case 0, 1:
		all[i] = ""
	case 2:
		all[i] += m.pick("", " ") + all[i]
	case 3:
		all[i] = m.pick("select", "table", "user", "x", ",", "(", ")", ";", "'", `"`, "$", "::", ":", "\\", ".", "*", "1", "''", "$$", "--", "/*", "E'", "\x0c", "\xff", "\x0b", "null", "default", "@", "?", "{", "[", "]", "=", "U&'", "%", "`", "#", "\ufeff", "\u00a0", "\\;", "\\g\n", "\\p", "only", "as")
	case 4:
		all[i] = all[m.IntN(len(all))]
	case 5:
		c := all[i]
		all[i] = c[:m.IntN(len(c)+1)] + m.pick("", "'", "x", ",", ")", "\\", "\x01")
	}
	*at = strings.Join(all, "")
}
