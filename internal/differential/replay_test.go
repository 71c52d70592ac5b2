package differential

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

var record = flag.Bool("record", false, "TestReplay: load once more by a real server, and write down what is said")

// TestReplay loads cases without a server: what one has answered was written down, and is answered again as long as exactly the
// same is asked for. What goes to the server, in which order, and what is told in the end is so held to the letter. A change that
// is meant is written down by
//
//	go test ./internal/differential -run TestReplay -record
//
// and looked at in the difference: a line that begins with > is what we say, one with < what the server says.
func TestReplay(t *testing.T) {
	t.Parallel()
	own := filepath.Join("testdata", "replay")
	all := map[string]testCase{}
	for _, c := range readCases(t, "load", "psql") {
		all[c.name] = c
	}
	cases := readCases(t, "replay") // what psql would do about them is not asked
	for _, fields := range readTable(t, filepath.Join(own, "borrowed.tsv"), 1) {
		c, known := all[fields[0]]
		if !known {
			t.Errorf("there is no case %s", fields[0])
			continue
		}
		cases = append(cases, c)
	}
	for _, c := range cases {
		c.options = append(slices.Clone(c.options), "--explain")
		name := c.name
		path := filepath.Join(own, name+".txt")
		if *record {
			t.Run(name, func(t *testing.T) { c.record(t, path) })
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.replay(t, path)
		})
	}
}

// said is a message: its kind as the protocol has it, and what is in it.
type said struct {
	ours bool
	kind byte
	body []byte
}

// longest is how much of a message of ours is written down; of more than that the sum.
const longest = 400

// String gives the line by which the message is written down.
func (m said) String() string {
	switch {
	case m.ours && len(m.body) > longest:
		return fmt.Sprintf("> %c %s %d bytes, sum %x", m.kind, quote(m.body[:longest/4]), len(m.body), sha256.Sum256(m.body))
	case m.ours:
		return fmt.Sprintf("> %c %s", m.kind, quote(m.body))
	case m.kind == 'T':
		return "< T " + quote(described(m.body))
	}
	return fmt.Sprintf("< %c %s", m.kind, quote(m.body))
}

// quote writes a message's text in one line, in which a NUL is short: there are many.
func quote(body []byte) string {
	return strings.ReplaceAll(strconv.Quote(string(body)), `\x00`, "\u2400")
}

func unquote(line string) ([]byte, error) {
	text, err := strconv.Unquote(strings.ReplaceAll(line, "\u2400", `\x00`))
	return []byte(text), err
}

// described is the description of rows without what nobody reads: of which table a column is, and how long.
func described(body []byte) []byte {
	all := bytes.Clone(body[:2])
	rest := body[2:]
	for len(rest) > 0 {
		n := bytes.IndexByte(rest, 0) + 1
		all = append(all, rest[:n]...)
		all = append(all, make([]byte, 6)...)
		all = append(all, rest[n+6:n+10]...)
		all = append(all, make([]byte, 6)...)
		all = append(all, rest[n+16:n+18]...)
		rest = rest[n+18:]
	}
	return all
}

// conversation is what is said over a connection: each side in its own order.
type conversation struct {
	mu           sync.Mutex
	ours, theirs []said
}

func (c *conversation) add(m said) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch last := len(c.ours) - 1; {
	case m.ours && m.kind == 'X': // goodbye, which may be too late
	case !m.ours:
		c.theirs = append(c.theirs, m)
	case m.kind == 'd' && last >= 0 && c.ours[last].kind == 'd':
		c.ours[last].body = append(c.ours[last].body, m.body...) // where rows are cut means nothing
	default:
		c.ours = append(c.ours, m)
	}
}

// readMessages calls got for each message of a connection, as it is.
func readMessages(r io.Reader, got func(whole []byte) error) error {
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(r, head); err != nil {
			return err
		}
		whole, err := readRest(r, head, binary.BigEndian.Uint32(head[1:])-4)
		if err != nil {
			return err
		}
		if err := got(whole); err != nil {
			return err
		}
	}
}

// readStartup reads a connection's first message, which has no kind.
func readStartup(r io.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	return readRest(r, head, binary.BigEndian.Uint32(head)-4)
}

func readRest(r io.Reader, head []byte, n uint32) ([]byte, error) {
	rest := make([]byte, n)
	_, err := io.ReadFull(r, rest)
	return slices.Concat(head, rest), err
}

// What is written down of a load: the database's name, each connection's conversation, and what is told in the end.
const databaseLine, connectionLine, endLine = "= database ", "= connection", "= the end"

func (c *conversation) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, connectionLine)
	theirs := c.theirs
	answer := func() { // to the end of a turn
		for len(theirs) > 0 {
			m := theirs[0]
			theirs = theirs[1:]
			fmt.Fprintln(&b, m)
			if m.kind == 'Z' || m.kind == 'G' {
				return
			}
		}
	}
	answer()
	for _, m := range c.ours {
		fmt.Fprintln(&b, m)
		if answered(m.kind) {
			answer()
		}
	}
	for len(theirs) > 0 {
		answer()
	}
	return b.String()
}

// answered reports whether the server answers a message with a turn, which ends as it is ready, or wants rows.
func answered(kind byte) bool { return bytes.IndexByte([]byte("QScf"), kind) >= 0 }

// record loads by a real server.
func (c testCase) record(t *testing.T, path string) {
	databaseURL := server.NewDatabase(t)
	pgtest.Exec(t, databaseURL, reset)
	pgtest.Exec(t, databaseURL, c.read(t, c.name+".setup.sql"))
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	database := strings.TrimPrefix(u.Path, "/")
	var mu sync.Mutex
	var all []*conversation
	var open sync.WaitGroup
	proxy := serve(t, func(conn net.Conn) {
		open.Add(1) // before the load has any answer
		defer open.Done()
		to, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", u.Host)
		if err != nil {
			t.Error(err)
			return
		}
		defer to.Close()
		c := &conversation{}
		mu.Lock()
		all = append(all, c)
		mu.Unlock()
		write := func(ours bool, whole []byte) { c.add(said{ours, whole[0], bytes.Clone(whole[5:])}) }
		start, err := readStartup(conn)
		if err != nil {
			return
		}
		if _, err := to.Write(start); err != nil {
			return
		}
		var work sync.WaitGroup
		rows := make(chan struct{}, 1) // all of a COPY have been sent
		work.Go(func() {
			copies := false
			_ = readMessages(to, func(whole []byte) error {
				if copies { // that a row is refused is told behind the last one, as when it is answered again: how many were sent by then is chance
					<-rows
				}
				copies = whole[0] == 'G'
				write(false, whole)
				_, err := conn.Write(whole)
				return err
			})
			_ = conn.Close()
		})
		_ = readMessages(conn, func(whole []byte) error {
			write(true, whole)
			_, err := to.Write(whole)
			if whole[0] == 'c' || whole[0] == 'f' {
				rows <- struct{}{}
			}
			return err
		})
		close(rows)
		_ = to.Close()
		work.Wait()
	})
	dir, _ := c.files(t)
	end := ended(c.ours(t, c.address(proxy, database), dir))
	open.Wait()
	text := databaseLine + database + "\n"
	for _, c := range all {
		text += c.String()
	}
	text += endLine + "\n" + end
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// address is where a case connects to.
func (c testCase) address(host, database string) string {
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", c.role, host, database)
}

// serve accepts connections until the test ends.
func serve(t *testing.T, do func(net.Conn)) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer conn.Close()
				do(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		work.Wait()
	})
	return listener.Addr().String()
}

var (
	progress  = regexp.MustCompile(`(?m)^ *\d+%.*\n`)
	port      = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	durations = regexp.MustCompile(`\b\d+(\.\d+)? ?(ms|s|µs)\b`)
)

// ended is what is told of a load, without times and ports.
func ended(l loaded) string {
	text := fmt.Sprintf("failed: %v\n%s", l.failed, l.text)
	text = port.ReplaceAllString(progress.ReplaceAllString(text, ""), "the server")
	return durations.ReplaceAllString(text, "some time")
}

// replay loads without a server.
func (c testCase) replay(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	conversations, end, found := strings.Cut(string(text), endLine+"\n")
	parts := strings.Split(conversations, connectionLine+"\n")
	database, found2 := strings.CutPrefix(parts[0], databaseLine)
	if !found || !found2 {
		t.Fatalf("%s is not as it was written", path)
	}
	var mu sync.Mutex // a lost connection may end after the next has begun
	var differ []string
	next := 1
	address := serve(t, func(conn net.Conn) {
		mu.Lock()
		n := next
		next++
		mu.Unlock()
		differs, looks := answerAgain(conn, strings.Split(strings.TrimSuffix(parts[min(n, len(parts)-1)], "\n"), "\n"))
		if n >= len(parts) {
			differs = "we connect once more"
		}
		if differs != "" {
			_, _ = conn.Write(refusal) // of which nobody thinks that another try may help
			mu.Lock()
			defer mu.Unlock()
			if looks { // on a busy machine, where an answer takes seconds
				next--
				return
			}
			differ = append(differ, differs)
		}
	})
	dir, _ := c.files(t)
	got := ended(c.ours(t, c.address(address, strings.TrimSpace(database)), dir))
	mu.Lock()
	defer mu.Unlock()
	switch {
	case len(differ) > 0:
		t.Errorf("%s\nit ended with:\n%s", differ[0], got)
	case next < len(parts):
		t.Errorf("we connect %d times, not %d", next-1, len(parts)-1)
	case got != end:
		t.Errorf("told:\n%s\nwritten down was:\n%s", got, end)
	}
}

// message gives a message as it goes over a connection.
func message(kind byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4)), body...)
}

// refusal is the answer to what was not written down.
var refusal = message('E', []byte("SFATAL\x00VFATAL\x00C28000\x00Mthis was not written down\x00\x00"))

// answerAgain is the server of a connection. It gives where something else was said, and whether that only looks after another connection
// which has been silent: session's watcher.
func answerAgain(conn net.Conn, lines []string) (differs string, looks bool) {
	answer := func() {
		var turn []byte
		for len(lines) > 0 && strings.HasPrefix(lines[0], "<") {
			body, err := unquote(lines[0][4:])
			if err != nil {
				differs = fmt.Sprintf("%v in %s", err, lines[0])
				return
			}
			turn = append(turn, message(lines[0][2], body)...)
			lines = lines[1:]
		}
		_, _ = conn.Write(turn)
	}
	if _, err := readStartup(conn); err != nil {
		return err.Error(), false
	}
	answer()
	errOther := errors.New("something else")
	messages := 0
	compare := func(m said) error {
		messages++
		if differs != "" || len(lines) == 0 || lines[0] != m.String() {
			was := "nothing more"
			if len(lines) > 0 {
				was = lines[0]
			}
			differs = cmp.Or(differs, fmt.Sprintf("we say\n%s\nwhere written down was\n%s\n(%.2000s)", m, was, m.body))
			looks = m.kind == 'P' && bytes.Contains(m.body, []byte("pg_blocking_pids("))
			if messages == 1 && m.kind == 'Q' { // the question follows
				return nil
			}
			return errOther
		}
		lines = lines[1:]
		if answered(m.kind) {
			answer()
		}
		return nil
	}
	var rows *said // of a COPY, as they come
	err := readMessages(conn, func(whole []byte) error {
		m := said{true, whole[0], whole[5:]}
		if m.kind == 'd' {
			if rows == nil {
				rows = &said{ours: true, kind: 'd'}
			}
			rows.body = append(rows.body, m.body...)
			return nil
		}
		if m.kind == 'X' {
			return nil
		}
		if rows != nil {
			all := *rows
			rows = nil
			if err := compare(all); err != nil {
				return err
			}
		}
		return compare(m)
	})
	if differs == "" && len(lines) > 0 && !errors.Is(err, errOther) {
		differs = "we end before\n" + lines[0]
	}
	return differs, looks
}
