package simulator

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// dataPath is where the data is, on whichever origin; redirectPath is where the vendor's API sends there from.
const (
	dataPath     = "/data/"
	redirectPath = "/rails/active_storage/blobs/redirect/"
)

// object is one piece of data, generated once into a temporary file, so that ranges and repeats are of the same bytes.
type object struct {
	once        sync.Once
	err         error
	file        *os.File
	size        int64
	etag        string
	name        string
	contentType string
}

// objectOf gives a task's data in the present version; it is generated on first use.
func (s *Server) objectOf(t *task) (*object, error) {
	s.mu.Lock()
	export := t.export
	export.Seed += uint64(s.version)
	key := fmt.Sprintf("%+v %s %d", export, t.entity, s.version)
	o := s.objects[key]
	if s.ctx.Err() != nil {
		s.mu.Unlock()
		return nil, errClosed
	}
	if o == nil {
		o = &object{}
		s.objects[key] = o
	}
	version := s.version
	s.mu.Unlock()
	o.once.Do(func() { o.err = o.make(s.ctx, s.options, export, t.entity, version) })
	return o, o.err
}

// make generates the data: what Options has, one table as plain text, or a zip.
func (o *object) make(ctx context.Context, options Options, export shop.Export, entity string, version int) error {
	o.name, o.contentType = "export.zip", "application/zip"
	write := func(w io.Writer) error { return shop.Zip(w, export, options.Zip) }
	switch {
	case options.Data != nil:
		o.name, o.contentType = options.Data.Name, options.Data.ContentType
		write = func(w io.Writer) error {
			_, err := w.Write(append(options.Data.Body[:len(options.Data.Body):len(options.Data.Body)],
				strings.Repeat("\n", version)...)) // another version is another object
			return err
		}
	case options.DataAgent && export.Format == shop.Postgres:
		o.name, o.contentType, write = "shop.sql", "application/sql", export.Write
	case entity != "":
		file, err := export.Table(entity)
		if err != nil {
			return err
		}
		o.name, write = file.Name, file.Write
		o.contentType = map[string]string{
			".csv": "text/csv; charset=utf-8", ".jsonl": "application/x-ndjson", ".sql": "application/sql",
		}[path.Ext(file.Name)]
	}
	file, err := os.CreateTemp(options.TempDir, "simulator-data-")
	if err != nil {
		return err
	}
	o.file = file
	_ = os.Remove(file.Name()) // gone even if this process is killed; where open files stay (Windows), remove does it
	sum := &summing{ctx: ctx, w: bufio.NewWriterSize(file, 256<<10), hash: sha256.New()}
	if err := write(sum); err != nil {
		return err
	}
	o.size = sum.size
	o.etag = `"` + hex.EncodeToString(sum.hash.Sum(nil))[:32] + `"`
	return sum.w.Flush()
}

// remove removes the temporary file.
func (o *object) remove() error {
	o.once.Do(func() {}) // waits for the one who makes it
	if o.file == nil {
		return nil
	}
	_ = o.file.Close()
	if err := os.Remove(o.file.Name()); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// summing writes, counts and sums.
type summing struct {
	ctx  context.Context // ends the writing; an io.Writer is given none
	w    *bufio.Writer
	hash hash.Hash
	size int64
}

func (s *summing) Write(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.w.Write(b)
	s.hash.Write(b[:n])
	s.size += int64(n)
	return n, err
}

// dataURL gives the signed address of a task's data, on the origin of the request or on one of its own.
func (s *Server) dataURL(r *http.Request, t *task) (address, contentType string, err error) {
	o, err := s.objectOf(t)
	if err != nil {
		return "", "", err
	}
	if s.options.Vendor && !strings.HasPrefix(r.URL.Path, redirectPath) {
		u := url.URL{Scheme: "http", Host: r.Host, Path: redirectPath + s.signedID(t.id) + "/CREATED_FROM_API" + path.Ext(o.name)}
		return u.String(), o.contentType, nil
	}
	u := url.URL{Scheme: "http", Host: r.Host, Path: dataPath + t.id + "/" + cmp.Or(o.name, "data")}
	if r.TLS != nil {
		u.Scheme = "https"
	}
	if s.options.OtherOrigin || s.options.Vendor {
		u.Scheme = "http"
		if s.options.TLS != nil {
			u.Scheme = "https"
		}
		if u.Host, err = s.dataOrigin(); err != nil {
			return "", "", err
		}
	}
	s.mu.Lock()
	signature := s.signature(t.id)
	s.mu.Unlock()
	u.RawQuery = url.Values{"expires": {"900"}, "signature": {signature}}.Encode()
	return u.String(), o.contentType, nil
}

// signedID names a task's data in a path, as Rails does: what it is, and a signature.
func (s *Server) signedID(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return base64.RawURLEncoding.EncodeToString([]byte(id)) + "--" + s.signature(id)
}

// redirect sends from the address that the vendor shows to the next one: over http to the same over https, and from there to the
// store.
func (s *Server) redirect(w http.ResponseWriter, r *http.Request, signed string) {
	text, _, _ := strings.Cut(signed, "--")
	id, err := base64.RawURLEncoding.DecodeString(text)
	s.mu.Lock()
	t := s.tasks[string(id)]
	s.mu.Unlock()
	if err != nil || t == nil || signed != s.signedID(t.id) {
		writeError(w, http.StatusNotFound, "Not found")
		return
	}
	if r.TLS == nil && s.options.TLS != nil {
		http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusMovedPermanently)
		return
	}
	address, _, err := s.dataURL(r, t)
	if err != nil {
		writeError(w, http.StatusInternalServerError, err.Error())
		return
	}
	http.Redirect(w, r, address, http.StatusFound)
}

// dataOrigin gives host and port of the data's own origin, which begins to listen on first use.
func (s *Server) dataOrigin() (string, error) {
	s.mu.Lock()
	host := s.dataHost
	s.mu.Unlock()
	if host != "" {
		return host, nil
	}
	host, err := s.listen("127.0.0.1:0", s.options.TLS, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, true)
	}))
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dataHost == "" { // another request may have been as fast: then its address stays
		s.dataHost = host
	}
	return s.dataHost, nil
}

// signature gives the present signature of a task's address. The caller holds the lock.
func (s *Server) signature(id string) string {
	mac := hmac.New(sha256.New, []byte(s.secret))
	_, _ = fmt.Fprintf(mac, "%s %d", id, s.generation)
	return hex.EncodeToString(mac.Sum(nil))
}

// serveData serves a task's data: GET and HEAD, with ETag, Range and If-Range. No key is asked for, only the signature.
func (s *Server) serveData(w http.ResponseWriter, r *http.Request, id string, fault *Fault) {
	s.mu.Lock()
	t, want := s.tasks[id], s.signature(id)
	s.mu.Unlock()
	if t == nil || r.URL.Query().Get("signature") != want || r.Method != http.MethodGet && r.Method != http.MethodHead {
		writeDenied(w)
		return
	}
	o, err := s.objectOf(t)
	if err != nil {
		writeError(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", o.contentType)
	w.Header().Set("ETag", o.etag)
	if o.name != "" {
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": o.name}))
	}
	content := io.NewSectionReader(o.file, 0, o.size)
	if fault != nil && fault.Gzip {
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		_, _ = io.Copy(packed, content) // the client may have left
		_ = packed.Close()
		return
	}
	if fault != nil && fault.IgnoreRange {
		r.Header.Del("Range")
		w.Header().Set("Accept-Ranges", "none")
	}
	http.ServeContent(w, r, "", time.Time{}, content)
}

// writeDenied answers as object stores do.
func writeDenied(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusForbidden)
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+
		`<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>`)
}
