package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// byHand is what people write who have no program for it. It says on standard error when it begins to download, and to load.
const byHand = `
ask() { curl -sS --fail -H "Authorization: Bearer $FABRICATE_API_KEY" -H 'Content-Type: application/json' "$@"; }
field() { printf %s "$task" | jq -r ".$1"; }
set -eu
task=$(ask -d '{"workspace":"w","database":"shop","format":"sql"}' "$FABRICATE_API_URL/generate_tasks")
id=$(field id)
until [ "$(field completed)" = true ]; do
	[ "$(field error)" = null ]
	sleep 1
	task=$(ask "$FABRICATE_API_URL/generate_tasks/$id")
done
echo '── Download' >&2
mkdir by-hand
cd by-hand
curl -sS --fail -L -o data.zip "$(field data_url)"
unzip -q data.zip
echo '── Load' >&2
psql -X -q -v ON_ERROR_STOP=1 -1 -f load.sql
`

// firstQuery is what is asked first of the database that was loaded.
const firstQuery = `SELECT u.name, count(*), sum(o.total) FROM users u JOIN orders o ON o.user_id = u.id WHERE u.id = 4 GROUP BY u.id`

// phases are the parts of the whole way, in order: until the download begins, until it is there, until the program ends, until the
// first query is answered.
const phases = 4

// journey is how long the whole way takes, from the start of a program to the first query's answer.
type journey struct {
	task    time.Duration
	rows    int
	network network
	ways    []travelled
}

type travelled struct {
	label   string
	whole   []float64         // seconds of each run
	parts   [phases][]float64 // of these
	command func() *exec.Cmd
}

// far is the network that is slow.
var far = network{bits: 50e6, delay: 30 * time.Millisecond} //nolint:gochecknoglobals // a constant

// whole measures the whole way against a simulated API, on this machine and over a slow network.
func (b *bench) whole(ctx context.Context, tasks []time.Duration, size string, runs int) (t table, err error) {
	t = table{title: "From start to the first query answered, " + medians(runs), cells: [][]string{{"way", "task", "rows", "network", "whole", "min to max",
		"until the download", "download", "load", "first query", "times as fast"}}}
	sizes, networks := []shop.Size{shop.Rows(10_000), rows(size)}, []network{{}, far}
	if size == "small" { // that it works
		sizes, networks = sizes[:1], networks[:1]
	}
	for _, task := range tasks {
		for _, rows := range sizes {
			for _, n := range networks {
				j := journey{task: task, rows: rows.Total(), network: n}
				if err := b.travel(ctx, &j, rows, runs); err != nil {
					return t, err
				}
				t.cells = append(t.cells, j.cells()...)
			}
		}
	}
	return t, nil
}

// lacking gives the first of some programs that is not installed.
func lacking(programs ...string) string {
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			return name
		}
	}
	return ""
}

// travel measures one journey, by hand and with ours in turns.
func (b *bench) travel(ctx context.Context, j *journey, size shop.Size, runs int) (err error) {
	api := simulator.New(simulator.Options{Duration: j.task, Export: shop.Export{Size: size}, TempDir: b.dir})
	defer func() { err = errors.Join(err, api.Close()) }()
	address, err := api.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	server := net.JoinHostPort("127.0.0.1", strconv.Itoa(b.server.Port()))
	if j.network != (network{}) {
		host, path, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
		for _, end := range []*string{&host, &server} {
			l, err := linkTo(*end, j.network)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, l.close()) }()
			*end = l.address()
		}
		address = "http://" + host + "/" + path
	}
	psql, err := b.server.Bin("psql")
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(server)
	command := func(name string, args ...string) *exec.Cmd {
		cmd := b.command(ctx, b.dir, name, args)
		cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(psql)+string(os.PathListSeparator)+os.Getenv("PATH"), "PGPORT="+port,
			"FABRICATE_API_URL="+address, "FABRICATE_API_KEY="+api.Key())
		return cmd
	}
	if missing := lacking("sh", "curl", "jq", "unzip"); missing != "" {
		b.tell("there is no %s: only ours is measured", missing)
	} else {
		j.ways = []travelled{{label: "curl each second, unzip, psql -1", command: func() *exec.Cmd { return command("/bin/sh", "-c", byHand) }}}
	}
	j.ways = append(j.ways, travelled{label: "ours", command: func() *exec.Cmd { return command(b.ours(), "--workspace=w", "--database=shop") }})
	config, err := pgx.ParseConfig(b.server.URL(target))
	if err != nil {
		return err
	}
	at, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return err
	}
	config.Port = uint16(at)
	for run := range runs {
		for i := range j.ways {
			w := &j.ways[(i+run)%len(j.ways)]
			if err := errors.Join(b.fresh(ctx, schema), os.RemoveAll(filepath.Join(b.dir, "by-hand"))); err != nil {
				return err
			}
			syncDisks()
			time.Sleep(settle)
			if err := w.travel(ctx, config); err != nil {
				return fmt.Errorf("%s: %w", w.label, err)
			}
			b.tell("task of %s, %d rows, %s, run %d of %d: %s, %.2f s", j.task, j.rows, j.network, run+1, runs, w.label, w.whole[run])
		}
	}
	return nil
}

// travel runs a way once, and asks the first query.
func (w *travelled) travel(ctx context.Context, config *pgx.ConnConfig) error {
	cmd := w.command()
	said, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	moments := []time.Time{time.Now()}
	if err := cmd.Start(); err != nil {
		return err
	}
	text := stampPhases(said, &moments)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w\n%s", err, lastLines(text, 20))
	}
	moments = append(moments, time.Now())
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, firstQuery); err != nil {
		return err
	}
	moments = append(moments, time.Now())
	if len(moments) != phases+1 {
		return fmt.Errorf("it told of %d phases, not %d:\n%s", len(moments)-1, phases, lastLines(text, 20))
	}
	for i := range phases {
		w.parts[i] = append(w.parts[i], moments[i+1].Sub(moments[i]).Seconds())
	}
	w.whole = append(w.whole, moments[phases].Sub(moments[0]).Seconds())
	return nil
}

// stampPhases reads what a program says to its end, and notes when it begins to download, and when with what comes after that.
func stampPhases(said io.Reader, moments *[]time.Time) (text string) {
	var b strings.Builder
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if name, heading := strings.CutPrefix(lines.Text(), "── "); heading && (len(*moments) == 1 && name == "Download" || len(*moments) == 2) {
			*moments = append(*moments, time.Now())
		}
		b.WriteString(lines.Text() + "\n")
	}
	return b.String()
}

func (n network) String() string {
	if n == (network{}) {
		return "this machine"
	}
	return fmt.Sprintf("%.0f Mbit/s, %d ms", n.bits/1e6, n.delay.Milliseconds())
}

// cells gives a row for each way.
func (j journey) cells() (all [][]string) {
	for _, w := range j.ways {
		row := []string{w.label, fmt.Sprintf("%g s", j.task.Seconds()), thousands(j.rows), j.network.String(), fmt.Sprintf("%.2f s", median(w.whole)),
			fmt.Sprintf("%.2f to %.2f", slices.Min(w.whole), slices.Max(w.whole))}
		for _, part := range w.parts {
			row = append(row, fmt.Sprintf("%.2f s", median(part)))
		}
		all = append(all, append(row, fmt.Sprintf("%.2f", median(j.ways[0].whole)/median(w.whole))))
	}
	return all
}
