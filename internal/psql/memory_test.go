package psql

import (
	"io"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"time"
)

// huge is a script that is made as it is read: a beginning, a piece many times over, an end. It notes how much memory is live
// while it is read.
type huge struct {
	begin, piece, end string
	size              int // bytes of all pieces
	pieces            int // left

	rest []byte // of the piece in hand
	live int64  // bytes
	next int    // pieces left when to look again
}

const hugeSize = 200 << 20 // bytes of pieces

func (h *huge) Open(string) (fs.File, error) {
	h.rest, h.pieces = []byte(h.begin), h.size/len(h.piece)
	h.next = h.pieces
	return h, nil
}

func (h *huge) Stat() (fs.FileInfo, error) { return hugeInfo{}, nil }
func (h *huge) Close() error               { return nil }

func (h *huge) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(h.rest) == 0 {
			switch {
			case h.pieces > 0:
				h.rest = []byte(h.piece)
			case h.pieces == 0:
				h.rest = []byte(h.end)
			default:
				return n, io.EOF
			}
			h.pieces--
			if h.pieces <= h.next {
				h.next = h.pieces - (16<<20)/len(h.piece)
				h.live = max(h.live, live())
			}
		}
		k := copy(p[n:], h.rest)
		h.rest = h.rest[k:]
		n += k
	}
	return n, nil
}

type hugeInfo struct{}

func (hugeInfo) Name() string       { return "load.sql" }
func (hugeInfo) Size() int64        { return hugeSize }
func (hugeInfo) Mode() fs.FileMode  { return 0 }
func (hugeInfo) ModTime() time.Time { return time.Time{} }
func (hugeInfo) IsDir() bool        { return false }
func (hugeInfo) Sys() any           { return nil }

// TestHuge reads lines, literals, bodies, comments and rows of 200 MiB, and many small ones. What goes to the server in pieces takes no memory that
// grows with it. A single statement, or a single row of an INSERT, is one message to the server and is held once, beside the heap, and is
// gone when the statement after it is read.
func TestHuge(t *testing.T) {
	if testing.Short() {
		t.Skip("reads gigabytes")
	}
	const small = 16 << 20 // bytes, of which the fragments take most
	block := strings.Repeat("x", 1<<16)
	for _, tt := range []struct{ name, begin, piece, end string }{
		{"rows", "copy t from stdin;\n", "1\tsome text\n", "\\.\n"},
		{"one row", "copy t from stdin;\n", block, "\n\\.\n"},
		{"\\copy, one row", "\\copy t from stdin csv\n\"", block, "\"\n\\.\n"},
		{"insert, one line", "insert into t values ", "(1, 'some text'), ", "(2, 'b');"},
		{"insert, rows", "insert into t values\n", "(1, 'some text'),\n", "(2, 'b');"},
		{"statements, one line", "", "insert into t values (1, 'some text'), (2, 'more of it'), (3, 'and so on'); ", ""},
		{"dashes", "-- ", block, "\n"},
		{"blank lines", "select 1", strings.Repeat("\n", 1<<16), ";"},
		{"skipped", "\\if false\n", "select 'some text', 'more of it', 'and so on';\n", "\\endif\n"},
		{"literal", "select '", block, "';"},
		{"body", "do $body$ ", block, "$body$;"},
		{"comment", "select /* ", block, "*/ 1;"},
		{"insert, one value", "insert into t values (1, 'a'), (2, '", block, "');"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &huge{begin: tt.begin, piece: tt.piece, end: tt.end + "select 'one';select 'two';", size: hugeSize}
			if len(tt.piece) < 100 && tt.name != "insert, one line" {
				h.size = 48 << 20 // reading small pieces takes its time with the race detector
			}
			before := live()
			s, err := Open(h, "load.sql", NewVars(), Options{FragmentSize: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			var size int64
			for last := ""; last != "select 'two';"; {
				item, err := s.Next()
				if err != nil {
					t.Fatal(err)
				}
				st, ok := item.(*Statement)
				if ok {
					size += int64(len(st.Text))
					last = string(st.Text[:min(len(st.Text), 20)])
				}
				if !ok || st.First == "copy" {
					r, err := s.CopyData()
					if err != nil {
						t.Fatal(err)
					}
					n, err := r.WriteTo(io.Discard)
					if err != nil {
						t.Fatal(err)
					}
					size += n
				}
			}
			most, after := h.live-before, live()-before
			t.Logf("%d MiB came out; %d KiB were live at most, %d KiB after it", size>>20, most>>10, after>>10)
			if most > small {
				t.Errorf("%d MiB were live, more than %d", most>>20, small>>20)
			}
			if after > small || len(s.large.mapped) > 0 {
				t.Errorf("%d MiB are kept, and %d texts beside the heap", after>>20, len(s.large.mapped))
			}
		})
	}
}

// live is how many bytes of memory are in use.
func live() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
