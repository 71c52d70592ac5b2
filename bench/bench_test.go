package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// sample is a report with invented numbers: seconds of each way, in order.
func sample(seconds map[string][]float64, memory int64) report {
	of := func(size string) round {
		r := round{export: &export{name: size, size: rows(size), bytes: map[string]int64{"inserts": 84_000_000, "copies": 58_000_000, "csv": 70_000_000, "jsonl": 155_000_000}}}
		for _, w := range allWays() {
			if times := seconds[w.name]; len(times) > 0 && w.shape.at(size) {
				m := measured{way: w, seconds: times, memory: memory}
				if w.fails != "" { // it ends after all rows were compared with the schema
					m.seconds, m.told = []float64{9}, times
				}
				r.ways = append(r.ways, m)
			}
		}
		return r
	}
	return report{
		facts: facts{server: "150018", system: "linux/amd64", cores: 2},
		flags: []string{"-sizes", "-task", "60s"},
		main:  of("standard"),
		tiny:  of("tiny"),
		even:  of("even-standard"),
	}
}

func good() map[string][]float64 {
	return map[string][]float64{
		"psql-1": {17, 16, 20}, "verbatim": {15.5}, "hand": {3.4, 3.5, 3.3}, "ours": {2.5, 2.4, 2.6}, "ours-jobs2": {2}, "ours-together2": {2.1},
		"even-psql-1": {14}, "even-ours": {2.1}, "even-jobs2": {1.4}, "even-together2": {1.5},
		"late": {3.5}, "twice": {4}, "failing-psql": {0.5}, "failing-ours": {0.4}, "copy": {9}, "csv-ours": {3.3}, "jsonl-ours": {4.7}, "copies-psql-1": {8}, "copies-ours": {2.5}, "copies-ours-jobs2": {2.2}, "tiny-psql-1": {0.030, 0.040}, "tiny-ours": {0.045, 0.050},
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 2, 100}, 3},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %v, not %v", c.values, got, c.want)
		}
	}
}

func TestPromises(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		change  map[string][]float64
		memory  int64
		missed  string // the one that is not kept; "" if all are
		growing float64
	}{
		{name: "all kept", memory: 40 << 20, growing: 27},
		{name: "slow with one connection", change: map[string][]float64{baseWay: {13}, "verbatim": {12}}, missed: "one connection, one transaction"},
		{name: "slow with two", change: map[string][]float64{"ours-jobs2": {2.2}}, missed: "jobs 2: at least 1.15"},
		{name: "slow with two, all or nothing", change: map[string][]float64{"ours-together2": {2.2}}, missed: "jobs 2, all or nothing: "},
		{name: "slow with two and equal tables", change: map[string][]float64{"even-jobs2": {1.6}}, missed: "jobs 2, four"},
		{name: "slow with two and equal tables, all or nothing", change: map[string][]float64{"even-together2": {1.6}}, missed: "jobs 2, all or nothing, four"},
		{name: "hardly faster than by hand", change: map[string][]float64{"hand": {3.2}, "csv-ours": {3.1}}, missed: "one connection: at least 1.3"},
		{name: "slow failures", change: map[string][]float64{"failing-ours": {0.6}}, missed: "statements that fail"},
		{name: "late error", change: map[string][]float64{"late": {5.1}}, missed: "no number"},
		{name: "slow COPY", change: map[string][]float64{"copies-ours": {3.3}}, missed: "COPY export"},
		{name: "slow csv", change: map[string][]float64{"csv-ours": {3.5}}, missed: "csv:"},
		{name: "slow jsonl", change: map[string][]float64{"jsonl-ours": {5.2}}, missed: "jsonl:"},
		{name: "files hardly faster than \\copy", change: map[string][]float64{"copy": {6.4}}, missed: "beside psql -1"},
		{name: "slow as written", change: map[string][]float64{"verbatim": {17.5}}, missed: "fast: false"},
		{name: "slow start", change: map[string][]float64{"tiny-ours": {0.056}}, missed: "ten rows"},
		{name: "much memory", memory: 64 << 20, missed: "peak memory"},
		{name: "more than linear", growing: 28, missed: "ten times the rows"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			seconds := good()
			for name, times := range c.change {
				seconds[name] = times
			}
			r := sample(seconds, max(c.memory, 1))
			if c.growing > 0 {
				large := sample(map[string][]float64{baseWay: {200}, "ours": {c.growing}}, 1).main
				r.growth = []round{r.main, large}
			}
			for _, p := range r.promises() {
				if want := c.missed == "" || !strings.Contains(p.what, c.missed); p.kept != want {
					t.Errorf("kept is %v: %s", p.kept, p)
				}
			}
			if !strings.Contains(promiseText(r), c.missed) {
				t.Errorf("no promise about %q", c.missed)
			}
		})
	}
}

func promiseText(r report) string {
	var b strings.Builder
	for _, p := range r.promises() {
		b.WriteString(p.String() + "\n")
	}
	return b.String()
}

func TestChartIsWellFormed(t *testing.T) {
	t.Parallel()
	r := sample(good(), 1)
	r.main.ways[0].label = `<&">`
	d := xml.NewDecoder(strings.NewReader(r.chart()))
	bars := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			for _, a := range start.Attr {
				if a.Name.Local == "class" && strings.HasPrefix(a.Value, "bar") {
					bars++
				}
			}
		}
	}
	if want := len(ofShape(allWays(), refused)); bars != len(r.main.ways)-want {
		t.Errorf("%d bars for %d ways that load", bars, len(r.main.ways)-want)
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	r := sample(good(), 10<<20)
	r.growth = []round{r.main}
	page := r.page("bench.svg")
	for _, want := range []string{
		"Written by `go run ./bench -sizes -task 60s`. PostgreSQL 15 with default settings", "](bench.svg)",
		"| psql -1 -f | 17.00 s | 16.00 to 20.00 | 1.00 | 80,588 | 4.9 | 10.0 MiB |",
		"| **ours** | 2.50 s | 2.40 to 2.60 | 6.80 | 548,000 | 33.6 | 10.0 MiB |",
		"| **ours** | 2.50 s | 2.50 to 2.50 | 3.20 | 548,000 | 23.2 | 10.0 MiB |",
		"| **ours, jobs: 2** | 2.20 s | 2.20 to 2.20 | 3.64 | 622,727 | 26.4 | 10.0 MiB |",
		"| **ours, the last row is no number** | 3.50 s | 3.50 to 3.50 | 1.40 as ours | 9.00 s |",
		"| **ours** | 47.5 ms | 45.0 to 50.0 | 12.5 ms |",
		"| 1,370,000 | 84.0 | 17.00 s | 2.50 s | 6.80 | 1.82 | 10.0 MiB |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if readme := r.readme(); !strings.HasPrefix(readme, "<!-- bench -->\n| way |") || !strings.HasSuffix(readme, "|\n<!-- /bench -->\n") {
		t.Errorf("the README's table is\n%s", readme)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ list, want string }{
		{"ours", "psql-1 ours"},
		{"floor, copies-ours", "psql-1 floor copies-psql-1 copies-ours"},
		{"", strings.Join(names(allWays()), " ")},
	} {
		ways, err := choose(c.list)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(names(ways), " "); got != c.want {
			t.Errorf("-ways %q gives %s, not %s", c.list, got, c.want)
		}
	}
	if _, err := choose("ours,fastest"); err == nil || !strings.Contains(err.Error(), `"fastest"`) {
		t.Errorf("an unknown way gives %v", err)
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"tiny": 10, "even-standard": 1_202_000, "even-small": 120_200, "small": 137_000, "standard": 1_370_000, "large": 13_700_000, "huge": 137_000_000} {
		if got := rows(name).Total(); got != want {
			t.Errorf("%s has %d rows, not %d", name, got, want)
		}
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-size", "wide"}, {"-runs", "0"}, {"-tiny", "0"}, {"extra"}, {"-whole", "5"}, {"-grow", "standard,wide"}, {"-pairs", "0"}, {"-accelerations", "("}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}

func TestHighWater(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]int64{
		"Name:\tpsql\nVmPeak:\t  900 kB\nVmHWM:\t    8504 kB\nVmRSS:\t 800 kB\n": 8504 << 10,
		"Name:\tpsql\nState:\tZ (zombie)\n":                                      0,
		"":                                                                       0,
	} {
		if got := highWater([]byte(status)); got != want {
			t.Errorf("of %q it is %d, not %d", status, got, want)
		}
	}
}

// TestMemoryOfSmallProcess sees to it that a process that needs less than this one is not told this one's peak.
func TestMemoryOfSmallProcess(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("only Linux lets a process begin with the peak of another")
	}
	ballast := make([]byte, 64<<20)
	for i := 0; i < len(ballast); i += 4096 {
		ballast[i] = 1
	}
	small := exec.CommandContext(t.Context(), "sleep", "0.3")
	if err := small.Start(); err != nil {
		t.Fatal(err)
	}
	watched := watchMemory(small.Process.Pid)
	if err := small.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := watched.end(small.ProcessState); got <= 0 || got > 32<<20 {
		t.Errorf("sleep had %d bytes, beside %d of its parent", got, len(ballast))
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	size := rows("tiny")
	right := func() *content {
		c := &content{rows: map[string]int{}, sums: map[string]string{}, indexes: "an index"}
		for _, table := range shop.Tables() {
			c.rows[table], c.sums[table] = size.Table(table), "12345"
		}
		return c
	}
	for _, c := range []struct {
		name   string
		change func(*content)
		from   template
		want   string // "" means no difference
	}{
		{"same", func(*content) {}, schema, ""},
		{"a row less", func(c *content) { c.rows["users"]-- }, schema, "users has"},
		{"another value", func(c *content) { c.sums["orders"] = "12346" }, schema, "rows differ"},
		{"an index less", func(c *content) { c.indexes = "" }, schema, "indexes or constraints"},
		{"no index, as meant", func(c *content) { c.indexes = "" }, keyless, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x := &export{size: size, right: right()}
			got := right()
			c.change(got)
			wrong := strings.Join(x.differences(got, c.from), "; ")
			if c.want == "" && wrong != "" || !strings.Contains(wrong, c.want) {
				t.Errorf("differences are %q, which should be about %q", wrong, c.want)
			}
		})
	}
}

// TestApart holds that every way has its turn, the base first.
func TestApart(t *testing.T) {
	t.Parallel()
	for n := 1; n < 40; n++ {
		seen := make([]bool, n)
		for i := range n {
			seen[apart(i, n)] = true
		}
		if apart(0, n) != 0 || slices.Contains(seen, false) {
			t.Errorf("of %d not every one comes, or the first not first", n)
		}
	}
}

func TestMegabytesAreThoseOfTheWay(t *testing.T) {
	t.Parallel()
	cells := sample(good(), 1).main.table(files).cells
	got := map[string]string{}
	for _, row := range cells[1:] {
		got[row[0]] = row[5]
	}
	if got["ours, csv"] != "21.2" || got["ours, jsonl"] != "33.0" {
		t.Errorf("70 MB in 3.3 s and 155 MB in 4.7 s are %v MB/s", got)
	}
}

// TestLink holds that a link changes no byte, in either direction, and takes the time that its network does.
func TestLink(t *testing.T) {
	t.Parallel()
	echo, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = echo.Close() }()
	go func() {
		if conn, err := echo.Accept(); err == nil {
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}
	}()
	l, err := linkTo(echo.Addr().String(), network{bits: 20e6, delay: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	sent := make([]byte, 250_000)
	for i := range sent {
		sent[i] = byte(i >> 3)
	}
	start := time.Now() // the first delay is that of the connection
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.address())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = conn.Write(sent)
		if tcp, is := conn.(*net.TCPConn); is {
			_ = tcp.CloseWrite()
		}
	}()
	got, err := io.ReadAll(conn)
	if took, least := time.Since(start), 140*time.Millisecond; err != nil || !bytes.Equal(got, sent) || took < least { // 0.1 s for the bytes, twice the delay
		t.Errorf("%d of %d bytes, %v after %s, not %s", len(got), len(sent), err, took, least)
	}
	if err := errors.Join(conn.Close(), l.close()); err != nil {
		t.Error(err)
	}
}

func TestStampPhases(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"── Generate\n10%\n── Download\n── Connect\n── Load\n── Verify\n": 3,
		"── Download\n── Load\n":                 3,
		"── Generate\n── Download\ncurl: (22)\n": 2,
		"── Load\n": 1,
	} {
		moments := []time.Time{time.Now()}
		if got := stampPhases(strings.NewReader(text), &moments); got != text || len(moments) != want {
			t.Errorf("of %q there are %d moments, not %d; the text is %q", text, len(moments), want, got)
		}
	}
}

func TestJourney(t *testing.T) {
	t.Parallel()
	j := journey{task: 5 * time.Second, rows: 10_000, network: far, ways: []travelled{
		{label: "by hand", whole: []float64{8, 9, 10}, parts: [phases][]float64{{6, 6, 6}, {1, 1, 1}, {1, 2, 3}, {0.1, 0.1, 0.1}}},
		{label: "ours", whole: []float64{6}, parts: [phases][]float64{{5}, {0.5}, {0.4}, {0.1}}},
	}}
	want := []string{"ours", "5 s", "10,000", "50 Mbit/s, 30 ms", "6.00 s", "6.00 to 6.00", "5.00 s", "0.50 s", "0.40 s", "0.10 s", "1.50"}
	if got := j.cells()[1]; !slices.Equal(got, want) {
		t.Errorf("the row is %q, not %q", got, want)
	}
}

func TestGrown(t *testing.T) {
	t.Parallel()
	small, large := sample(good(), 10<<20).main, sample(map[string][]float64{"ours": {27.5}}, 20<<20).main
	large.export.size = rows("large")
	want := []string{"13,700,000", "84", "27.50 s", "27.50 to 27.50", "2.01", "1.10 times", "20.0 MiB"}
	if got := grown([]round{small, large}).cells[2]; !slices.Equal(got, want) {
		t.Errorf("the row is %q, not %q", got, want)
	}
}

func TestComplaints(t *testing.T) {
	t.Parallel()
	c := &complaints{awaited: "22P02"}
	for i, text := range []string{"── Load\n", "error: invalid (SQLSTATE 22", "P02)\n", "more, 22P02"} {
		before := c.at
		if _, err := io.WriteString(c, text); err != nil || c.at.IsZero() != (i < 2) || i == 3 && c.at != before {
			t.Errorf("after %q it was told at %v, %v", text, c.at, err)
		}
	}
}
