package harm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A database server that means harm is either one that speaks for itself, or stands before a true one and changes what that says.

const byServer = "server"

// hostile is such a server: it has one conversation after the other.
type hostile struct {
	net.Listener
	mu    sync.Mutex
	heard bytes.Buffer // what was sent to it
	open  []net.Conn
	hit   []string // what was answered otherwise than a true server would have
}

// struck gives what was answered otherwise than the true server would have.
func (h *hostile) struck() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.hit)
}

// listen begins a hostile server, which ends with the test.
func listen(t *testing.T, talk func(h *hostile, conn net.Conn)) *hostile {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{Listener: l}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.open = append(h.open, conn)
			h.mu.Unlock()
			work.Go(func() {
				defer func() { _ = conn.Close() }()
				talk(h, conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		h.mu.Lock()
		for _, conn := range h.open {
			_ = conn.Close()
		}
		h.mu.Unlock()
		work.Wait()
	})
	return h
}

// hear notes what a client has sent.
func (h *hostile) hear(p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.heard.Len() < 1<<20 {
		h.heard.Write(p)
	}
}

// startup reads what a client begins with, declining TLS; it gives the packet.
func (h *hostile) startup(conn net.Conn) []byte {
	for {
		head := make([]byte, 8)
		if _, err := io.ReadFull(conn, head); err != nil {
			return nil
		}
		size, code := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
		if size < 8 || size > 1<<16 {
			return nil
		}
		rest := make([]byte, size-8)
		if _, err := io.ReadFull(conn, rest); err != nil {
			return nil
		}
		if code == 80877103 || code == 80877104 { // TLS, GSS
			_, _ = conn.Write([]byte("N"))
			continue
		}
		return append(head, rest...)
	}
}

// frame is one message of the protocol.
func frame(typ byte, body []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{typ}, uint32(len(body)+4))
	return append(b, body...)
}

func encoded(m pgproto3.BackendMessage) []byte {
	b, err := m.Encode(nil)
	if err != nil {
		panic(err)
	}
	return b
}

// withoutEnd writes a message until nobody reads it any more, many at a time.
func withoutEnd(conn net.Conn, p []byte) { endless(conn, bytes.Repeat(p, max(1, 64<<10/len(p)))) }

// says makes a server that takes the startup packet, says this, and is silent.
func says(all ...[]byte) func(*hostile, net.Conn) {
	return func(h *hostile, conn net.Conn) {
		if h.startup(conn) == nil {
			return
		}
		for _, p := range all {
			if _, err := conn.Write(p); err != nil {
				return
			}
		}
		_, _ = io.Copy(heard{h}, conn)
	}
}

type heard struct{ *hostile }

func (h heard) Write(p []byte) (int, error) {
	h.hear(p)
	return len(p), nil
}

// saysOn makes one that says this again and again.
func saysOn(first []byte, again func(i int) []byte) func(*hostile, net.Conn) {
	return func(h *hostile, conn net.Conn) {
		if h.startup(conn) == nil {
			return
		}
		_, _ = conn.Write(first)
		for i := 0; ; i++ {
			if _, err := conn.Write(again(i)); err != nil {
				return
			}
		}
	}
}

// middle is one conversation through a server that stands before a true one.
type middle struct {
	h    *hostile
	conn net.Conn // the client
	mu   sync.Mutex
	sent []string // queries that are not answered, in turn
	n    int      // messages from the server
}

// query gives the query that is being answered.
func (m *middle) query() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.sent) == 0 {
		return ""
	}
	return m.sent[0]
}

// strike notes that a message is not what the true server said.
func (m *middle) strike(typ byte) {
	what := string(typ) + " " + m.query()
	m.h.mu.Lock()
	defer m.h.mu.Unlock()
	m.h.hit = append(m.h.hit, what)
}

// between makes a server that stands before another, and has change say what becomes of each message of that one: nothing, the same, others.
func between(behind string, change func(m *middle, typ byte, body []byte) []byte) func(*hostile, net.Conn) {
	return func(h *hostile, conn net.Conn) {
		start := h.startup(conn)
		server, err := net.Dial("tcp", behind)
		if start == nil || err != nil {
			return
		}
		defer func() { _ = server.Close() }()
		if _, err := server.Write(start); err != nil {
			return
		}
		m := &middle{h: h, conn: conn}
		go func() {
			defer func() { _ = server.Close() }()
			parsed := ""
			for {
				typ, body, err := message(conn)
				if err != nil {
					return
				}
				m.mu.Lock()
				switch typ {
				case 'P':
					parsed = string(body)
				case 'S':
					m.sent = append(m.sent, parsed)
				case 'Q':
					m.sent = append(m.sent, string(body))
				}
				m.mu.Unlock()
				if _, err := server.Write(frame(typ, body)); err != nil {
					return
				}
			}
		}()
		for {
			typ, body, err := message(server)
			if err != nil {
				return
			}
			m.n++
			p, same := change(m, typ, body), frame(typ, body)
			if !bytes.Equal(p, same) {
				m.strike(typ)
			}
			if _, err := conn.Write(p); err != nil {
				return
			}
			if typ == 'Z' {
				m.mu.Lock()
				if len(m.sent) > 0 {
					m.sent = m.sent[1:]
				}
				m.mu.Unlock()
			}
		}
	}
}

func message(r io.Reader) (typ byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	body = make([]byte, binary.BigEndian.Uint32(head[1:])-4)
	_, err = io.ReadFull(r, body)
	return head[0], body, err
}

// on makes a change of messages of one type, or of all for 0, that answer a query with this text in it.
func on(text string, typ byte, change func(m *middle, body []byte) []byte) func(*middle, byte, []byte) []byte {
	return func(m *middle, got byte, body []byte) []byte {
		if (typ == 0 || got == typ) && m.n > 1 && strings.Contains(m.query(), text) {
			if typ == 0 {
				body = frame(got, body)
			}
			m.strike(got)
			return change(m, body)
		}
		return frame(got, body)
	}
}

// instead makes a change to one message in place of another.
func instead(p []byte) func(*middle, []byte) []byte {
	return func(*middle, []byte) []byte { return p }
}

// flood makes a change to messages without an end.
func flood(p []byte) func(*middle, []byte) []byte {
	return func(m *middle, _ []byte) []byte {
		withoutEnd(m.conn, p)
		return nil
	}
}

// What the script says, and a word of questions about the catalog. No question has the one, and no statement the other.
const (
	statement = "INSERT INTO t VALUES ('new')"
	question  = "pg_class"
)

const (
	password   = "hunter2-that-nobody-may-read"
	secretText = "the-secret-of-the-server"
)

// serverAttempts are those of database servers.
func serverAttempts() (all []attempt) {
	const script = "TRUNCATE t;\nINSERT INTO t VALUES ('new');\nCOPY t FROM stdin;\nmore\n\\.\n"
	limits := []string{"--connect-timeout=3s", "--lock-timeout=3s"}
	// One that speaks for itself: nothing was loaded, and it has no password in clear.
	alone := func(name string, talk func(*hostile, net.Conn), says string) {
		all = append(all, attempt{role: byServer, name: name, files: map[string]string{"load.sql": script}, code: 6, says: says, args: limits, own: true,
			server: func(t *testing.T, _ string) *hostile { t.Helper(); return listen(t, talk) }})
	}
	ok := encoded(&pgproto3.AuthenticationOk{})
	ready := encoded(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	notice := encoded(&pgproto3.NoticeResponse{Severity: "NOTICE", Code: "00000", Message: "x"})
	alone("accepts and is silent", func(h *hostile, conn net.Conn) { _, _ = io.Copy(heard{h}, conn) }, "")
	alone("closes at once", func(*hostile, net.Conn) {}, "")
	alone("answers the wish for TLS with rubbish", func(h *hostile, conn net.Conn) {
		withoutEnd(conn, []byte("rubbish"))
	}, "")
	alone("answers in HTTP", says([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 100000000000\r\n\r\n")), "")
	alone("lets in and is silent", says(ok), "")
	alone("lets in, and answers nothing", says(ok, ready), "")
	alone("asks for the password in clear", says(encoded(&pgproto3.AuthenticationCleartextPassword{})), "require_auth=password")
	alone("asks for it in clear, again and again", saysOn(nil, func(int) []byte { return encoded(&pgproto3.AuthenticationCleartextPassword{}) }), "")
	alone("asks for what nobody knows", says(frame('R', []byte{0, 0, 0, 99})), "")
	alone("asks for SASL of its own kind", says(encoded(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"PLAIN", "X\x1b[2J"}})), "")
	alone("lets SCRAM count for a year", func(h *hostile, conn net.Conn) {
		if h.startup(conn) == nil {
			return
		}
		_, _ = conn.Write(encoded(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}}))
		_, body, err := message(conn)
		if err != nil {
			return
		}
		_, nonce, _ := strings.Cut(string(body), ",r=")
		_, _ = conn.Write(encoded(&pgproto3.AuthenticationSASLContinue{Data: []byte("r=" + nonce + "server,s=c2FsdA==,i=2147483647")}))
		_, _ = io.Copy(heard{h}, conn)
	}, "")
	alone("SCRAM with another's nonce", func(h *hostile, conn net.Conn) {
		if h.startup(conn) == nil {
			return
		}
		_, _ = conn.Write(encoded(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}}))
		_, _, _ = message(conn)
		_, _ = conn.Write(encoded(&pgproto3.AuthenticationSASLContinue{Data: []byte("r=other,s=c2FsdA==,i=4096")}))
		_, _ = io.Copy(heard{h}, conn)
	}, "")
	alone("greets with notices without an end", saysOn(ok, func(int) []byte { return notice }), "")
	alone("greets with settings without an end", saysOn(ok, func(i int) []byte {
		return encoded(&pgproto3.ParameterStatus{Name: fmt.Sprint("x.", i), Value: strings.Repeat("v", 1000)})
	}), "")
	alone("greets with a message of 2 GiB", says([]byte{'E', 0x7f, 0xff, 0xff, 0xff}), "")
	alone("greets with a message of less than nothing", says([]byte{'E', 0xff, 0xff, 0xff, 0xff}, []byte(strings.Repeat("x", 100))), "")
	alone("refuses with a command for the runner", says(encoded(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28000", Message: "x\n::error file=/etc/passwd::taken\n##[error]x", File: "/etc/passwd"})), "")
	all[len(all)-1].env = []string{"GITHUB_ACTIONS=true"}
	alone("refuses with signs that a terminal obeys", says(encoded(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28000", Message: "\x1b]0;x\x07\x1b[2J\u202egnp.exe"})), "")
	all[len(all)-1].never = "\x1b|\u202e"
	alone("answers every question with rubbish", func(h *hostile, conn net.Conn) {
		if h.startup(conn) == nil {
			return
		}
		_, _ = conn.Write(append(slices.Clone(ok), ready...))
		for {
			if _, _, err := message(conn); err != nil {
				return
			}
			if _, err := conn.Write([]byte("\x00\x01\x02 rubbish and more of it")); err != nil {
				return
			}
		}
	}, "")

	// One that stands before the true one.
	through := func(name string, code int, says string, change func(m *middle, typ byte, body []byte) []byte) {
		all = append(all, attempt{role: byServer, name: name, files: map[string]string{"load.sql": script}, code: code, says: says, args: limits, leaves: "new,more", strikes: true,
			server: func(t *testing.T, behind string) *hostile { t.Helper(); return listen(t, between(behind, change)) }})
	}
	// both has the same become of the answer to the script's statement, and of that to a question of ours.
	both := func(name string, code int, says string, typ byte, change func(m *middle, body []byte) []byte, env ...string) {
		for _, to := range []string{statement, question} {
			as := name
			if to == question {
				as += ", to a question"
			}
			through(as, code, says, on(to, typ, change))
			all[len(all)-1].env = env
		}
	}
	row := encoded(&pgproto3.DataRow{Values: [][]byte{[]byte(strings.Repeat("x", 1000))}})
	both("notices without an end", 6, "notices and the like", 'C', flood(notice))
	both("answers that bring nothing, without an end", 6, "notices and the like", 'C', flood(encoded(&pgproto3.EmptyQueryResponse{})))
	both("commands without an end", 6, "answered with more than 1000000 commands", 'C', flood(encoded(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})))
	both("notifications without an end", 6, "notices and the like", 'C', flood(encoded(&pgproto3.NotificationResponse{PID: 1, Channel: "c", Payload: strings.Repeat("x", 100)})))
	both("one setting, without an end", 6, "notices and the like", 'C', flood(encoded(&pgproto3.ParameterStatus{Name: "application_name", Value: "x"})))
	both("settings without an end", 6, "1000 settings", 'C', func(m *middle, _ []byte) []byte {
		for i := 0; ; i++ {
			if _, err := m.conn.Write(encoded(&pgproto3.ParameterStatus{Name: fmt.Sprint("x.", i), Value: "v"})); err != nil {
				return nil
			}
		}
	})
	through("rows without an end, to the script", 6, "1024 MiB of rows", on(statement, 'C', flood(row)))
	through("rows without an end, to a question", 6, "a question about its catalog", on(question, 'D', func(m *middle, body []byte) []byte {
		withoutEnd(m.conn, frame('D', body))
		return nil
	}))
	both("a notice of 15 MiB", 0, "bytes more", 'C', func(_ *middle, body []byte) []byte {
		return append(encoded(&pgproto3.NoticeResponse{Severity: "NOTICE", Code: "00000", Message: strings.Repeat("x", 15<<20)}), frame('C', body)...)
	})
	both("a row of a GiB", 6, "16 MiB is the most", 'C', instead([]byte{'D', 0x40, 0, 0, 0}))
	both("an error of 15 MiB", 6, "bytes more", 'C', instead(encoded(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "P0001", Message: strings.Repeat("x", 15<<20)})))
	both("no answer", 6, "", 0, instead(nil))
	through("COPY is not answered", 6, "", on("COPY t", 0, instead(nil)))
	through("COMMIT is not answered", 0, "the server says that it did commit", on("COMMIT", 0, instead(nil)))
	tag := func(s string) func(*middle, []byte) []byte { return instead(frame('C', append([]byte(s), 0))) }
	both("a row count beyond all numbers", 0, "", 'C', tag("INSERT 0 184467440737095516160"))
	both("a row count below nothing", 0, "", 'C', tag("INSERT 0 -5"))
	both("a command for the runner as what was done", 0, "", 'C', tag("\u00a0::error::x"), "GITHUB_ACTIONS=true")
	both("no word of what was done", 6, "", 'C', instead(frame('C', nil)))
	through("COMMIT, where a row was to go in", 6, "", on(statement, 'C', tag("COMMIT")))
	through("ROLLBACK, where all was to be committed", 0, "the server says that it did commit", on("COMMIT", 'C', tag("ROLLBACK")))
	through("an error, where all was committed", 6, "", on("COMMIT", 'C', instead(encoded(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "40001", Message: "no"}))))
	all[len(all)-1].liar = true
	through("COMMIT, and an error behind it", 0, "COMMIT with COMMIT and an error; the server says that it did commit", on("COMMIT", 'C', func(_ *middle, body []byte) []byte {
		return append(frame('C', body), encoded(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "40001", Message: "no"})...)
	}))
	state := func(s string) func(*middle, []byte) []byte { return instead(frame('Z', []byte(s))) }
	both("no transaction, where one is open", 6, "", 'Z', state("I"))
	both("a failed transaction, where one is open", 6, "", 'Z', state("E"))
	both("a state of its own", 6, "", 'Z', state("X"))
	both("no state at all", 6, "", 'Z', state(""))
	through("no transaction after BEGIN", 6, "after BEGIN", on("BEGIN", 'Z', state("I")))
	through("a transaction still open after COMMIT", 0, "the server says that it did commit", on("COMMIT", 'Z', state("T")))
	both("an error that means what it likes", 6, "", 'C', instead(encoded(&pgproto3.ErrorResponse{Severity: "\u2028::error::", Code: "::x\n:", Message: "a\r::set-output name=rows::9\n\u3000::stop-commands::x",
		Detail: "##[group]x", Hint: "[click](https://example.org)", Where: "::add-mask::y", File: "../../etc/passwd", Line: -1})), "GITHUB_ACTIONS=true")
	both("an error of nothing", 6, "", 'C', instead(frame('E', []byte{0})))
	both("an error cut short", 6, "", 'C', instead(frame('E', []byte("SERROR"))))
	both("an error at another place", 6, "", 'C', instead(encoded(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "42601", Message: "no", Position: 2147483647, InternalPosition: -2147483648})))
	both("a fatal error, and it goes on", 6, "", 'C', func(_ *middle, body []byte) []byte {
		return append(encoded(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "57P01", Message: "bye"}), frame('C', body)...)
	})
	both("rows to be sent that nobody asked for", 5, "no rows follow", 'C', func(_ *middle, body []byte) []byte {
		return append(encoded(&pgproto3.CopyInResponse{ColumnFormatCodes: []uint16{0}}), frame('C', body)...)
	})
	through("rows come where rows were to go", 6, "", on("COPY t", 'G', instead(encoded(&pgproto3.CopyOutResponse{ColumnFormatCodes: []uint16{0}}))))
	through("rows both ways", 6, "", on("COPY t", 'G', instead(encoded(&pgproto3.CopyBothResponse{ColumnFormatCodes: []uint16{0}}))))
	through("rows of 65,535 columns", -1, "", on("COPY t", 'G', instead(frame('G', append([]byte{0, 0xff, 0xff}, make([]byte, 2*0xffff)...)))))
	both("a message of no kind", 6, "", 'C', instead(frame('?', []byte("x"))))
	both("a message below nothing", 6, "", 'C', instead([]byte{'C', 0xff, 0xff, 0xff, 0xf0}))
	both("half a message", 6, "", 'C', func(m *middle, _ []byte) []byte {
		_, _ = m.conn.Write([]byte{'C', 0, 0, 0, 50, 'I'})
		_ = m.conn.Close()
		return nil
	})
	through("everything twice", 6, "", func(_ *middle, typ byte, body []byte) []byte {
		if p := frame(typ, body); typ == 'C' || typ == 'Z' {
			return append(p, p...)
		} else {
			return p
		}
	})
	facts := func(change func(m *middle, body []byte) []byte) func(*middle, byte, []byte) []byte {
		return on(question, 'D', change)
	}
	through("facts of NULL", 6, "", facts(func(_ *middle, body []byte) []byte {
		n := binary.BigEndian.Uint16(body)
		return encoded(&pgproto3.DataRow{Values: make([][]byte, n)})
	}))
	through("facts of too many columns", 6, "", facts(instead(encoded(&pgproto3.DataRow{Values: make([][]byte, 300)}))))
	through("facts of rubbish", 6, "", facts(func(_ *middle, body []byte) []byte {
		values := make([][]byte, binary.BigEndian.Uint16(body))
		for i := range values {
			values[i] = []byte("\u00a0::error::{x,\"")
		}
		return encoded(&pgproto3.DataRow{Values: values})
	}))
	through("facts cut short", 6, "", facts(func(_ *middle, body []byte) []byte { return frame('D', body[:len(body)/2]) }))
	through("facts of other types", -1, "", func(m *middle, typ byte, body []byte) []byte {
		if typ == 'T' && strings.Contains(m.query(), "pg_class") {
			body = bytes.ReplaceAll(body, []byte{0, 0, 0, 25}, []byte{0, 0, 4, 0x59}) // text as something else
		}
		return frame(typ, body)
	})
	through("nothing that was asked about is there", -1, "", func(m *middle, typ byte, body []byte) []byte {
		if typ == 'D' && strings.Contains(m.query(), "pg_class") {
			return nil
		}
		return frame(typ, body)
	})
	told := func(name, value string) func(*middle, byte, []byte) []byte {
		return func(_ *middle, typ byte, body []byte) []byte {
			if typ == 'S' && bytes.HasPrefix(body, append([]byte(name), 0)) {
				return encoded(&pgproto3.ParameterStatus{Name: name, Value: value})
			}
			return frame(typ, body)
		}
	}
	through("a version of its own", -1, "", told("server_version", "99999999999999999999.\u00a0::error::x"))
	all[len(all)-1].env = []string{"GITHUB_ACTIONS=true"}
	through("strings otherwise than they are", -1, "", told("standard_conforming_strings", "off"))
	through("an encoding of its own", -1, "", told("client_encoding", "SJIS\x1b[2J"))
	through("a superuser who is none", -1, "", told("is_superuser", "off"))
	through("somebody else's process", 0, "", func(_ *middle, typ byte, body []byte) []byte {
		if typ == 'K' {
			return encoded(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}})
		}
		return frame(typ, body)
	})
	return all
}

// at gives the address of a database with a hostile server's in place of its own.
func (h *hostile) at(t *testing.T, database string, own bool) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = h.Addr().String()
	if own {
		u.User = url.UserPassword("somebody", password)
		u.RawQuery = ""
	}
	return u.String()
}
