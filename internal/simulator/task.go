package simulator

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// task is one generation task.
type task struct {
	id, databaseID string
	created        time.Time
	polls          int
	completed      int // GETs that were answered with it completed
	export         shop.Export
	entity         string
	connection     json.RawMessage // of a task that pushes
	overrides      json.RawMessage
	ready          chan struct{} // closed when the data is there, or has been pushed
	err            error         // of generating or pushing; to be read after ready
}

// order is the body of a POST.
type order struct {
	Workspace, Database, Format, Entity string
	Connection, Overrides               json.RawMessage
}

// create answers a POST: it checks the order and starts a task.
func (s *Server) create(w http.ResponseWriter, r *http.Request, body []byte, fault *Fault) {
	if !s.authorised(w, r) {
		return
	}
	t, status, err := s.newTask(r.Header.Get("Content-Type"), body)
	if err != nil {
		writeError(w, status, err.Error())
		return
	}
	err = s.begin(func() {
		defer close(t.ready)
		t.err = s.carryOut(t)
	})
	if err != nil {
		writeError(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	s.mu.Lock()
	s.tasks[t.id] = t
	s.started++
	s.mu.Unlock()
	s.answer(w, r, t, fault)
}

// poll answers a GET of a task.
func (s *Server) poll(w http.ResponseWriter, r *http.Request, id string, fault *Fault) {
	if !s.authorised(w, r) {
		return
	}
	s.mu.Lock()
	t := s.tasks[id]
	if t != nil {
		t.polls++
	}
	late := t != nil && t.polls <= s.options.LateTask
	s.mu.Unlock()
	if t == nil || late {
		writeError(w, http.StatusNotFound, "Generate task not found")
		return
	}
	s.answer(w, r, t, fault)
}

// newTask makes a task of a POST's body; otherwise it gives the HTTP status and the API's words.
func (s *Server) newTask(contentType string, body []byte) (*task, int, error) {
	if contentType != "application/json" {
		return nil, http.StatusUnsupportedMediaType, errors.New("Content-Type must be application/json")
	}
	var fields map[string]json.RawMessage
	var o order
	if err := errors.Join(json.Unmarshal(body, &fields), json.Unmarshal(body, &o)); err != nil {
		return nil, http.StatusBadRequest, errors.New("body is not a valid JSON object")
	}
	for name, value := range fields {
		if !slices.Contains([]string{"workspace", "database", "format", "connection", "entity", "overrides"}, name) {
			return nil, http.StatusUnprocessableEntity, fmt.Errorf("unknown parameter: %s", name)
		}
		if string(value) == "null" || string(value) == `""` {
			return nil, http.StatusUnprocessableEntity, fmt.Errorf("%s must not be empty", name)
		}
	}
	switch {
	case o.Workspace == "":
		return nil, http.StatusUnprocessableEntity, errors.New("workspace is required")
	case o.Database == "":
		return nil, http.StatusUnprocessableEntity, errors.New("database is required")
	case s.options.Workspace != "" && o.Workspace != s.options.Workspace:
		return nil, http.StatusNotFound, errors.New("Workspace not found")
	case s.options.Database != "" && o.Database != s.options.Database:
		return nil, http.StatusNotFound, errors.New("Database not found")
	case s.options.DataAgent && (o.Connection != nil || o.Overrides != nil):
		return nil, http.StatusUnprocessableEntity, errors.New("Data Agent databases take neither connection nor overrides")
	case (o.Format == "") == (o.Connection == nil):
		return nil, http.StatusUnprocessableEntity, errors.New("exactly one of format and connection is required")
	}
	t := &task{
		id: newUUID(), databaseID: newUUID(), created: s.options.Now(), export: s.options.Export, entity: o.Entity,
		overrides: o.Overrides, ready: make(chan struct{}),
	}
	if err := s.complete(t, o); err != nil {
		return nil, http.StatusUnprocessableEntity, err
	}
	return t, 0, nil
}

// complete checks and takes over what an order says about format, connection, entity and overrides.
func (s *Server) complete(t *task, o order) error {
	if o.Connection != nil {
		var err error
		if t.connection, err = s.connection(o.Connection); err != nil {
			return err
		}
	} else {
		t.export.Format = shop.Format(o.Format)
		if o.Format == "postgres" && !s.options.DataAgent { // the newer name
			t.export.Format = shop.SQL
		}
		if !slices.Contains(shop.Formats(), t.export.Format) {
			return fmt.Errorf("unknown format: %s", o.Format)
		}
	}
	if o.Entity != "" && !slices.Contains(shop.Tables(), o.Entity) {
		return fmt.Errorf("entity not found: %s", o.Entity)
	}
	if o.Overrides == nil {
		return nil
	}
	var overrides struct {
		Variables map[string]any
		Entities  map[string]struct {
			RecordCount *int `json:"record_count"`
			Fields      map[string]any
		}
	}
	if err := json.Unmarshal(o.Overrides, &overrides); err != nil {
		return errors.New("overrides must be an object with variables and entities")
	}
	for name, entity := range overrides.Entities {
		if !slices.Contains(shop.Tables(), name) {
			return fmt.Errorf("overrides: entity not found: %s", name)
		}
		if entity.RecordCount != nil {
			if *entity.RecordCount < 0 {
				return fmt.Errorf("overrides: record_count of %s must not be negative", name)
			}
			t.export.Size = t.export.Size.With(name, *entity.RecordCount)
		}
	}
	return nil
}

// connection gives the connection object that an order asks for, by name or as the object itself.
func (s *Server) connection(asked json.RawMessage) (json.RawMessage, error) {
	var name string
	if json.Unmarshal(asked, &name) == nil {
		stored, found := s.options.Connections[name]
		if !found {
			return nil, fmt.Errorf("connection not found: %s", name)
		}
		return stored, nil
	}
	var object struct {
		Host, Username, Password string
		Port                     json.Number
		DatabaseName             string `json:"database_name"`
		TLS                      bool
	}
	if err := json.Unmarshal(asked, &object); err != nil || !bytes.HasPrefix(bytes.TrimSpace(asked), []byte("{")) {
		return nil, errors.New("connection must be a name or an object")
	}
	if object.Host == "" || object.DatabaseName == "" {
		return nil, errors.New("connection needs host and database_name")
	}
	return asked, nil
}

// carryOut generates a task's data, or pushes it.
func (s *Server) carryOut(t *task) error {
	if t.connection == nil {
		_, err := s.objectOf(t)
		return err
	}
	if s.options.Push == nil {
		return nil
	}
	return s.options.Push(s.ctx, t.connection)
}

// progress gives how far a task is, from 0 to 1. It is 1 only when its data is there.
func (s *Server) progress(ctx context.Context, t *task) float64 {
	var done float64
	if s.options.Duration > 0 {
		done = float64(s.options.Now().Sub(t.created)) / float64(s.options.Duration)
		select {
		case <-t.ready:
		default:
			done = min(done, 0.99)
		}
	} else {
		s.mu.Lock()
		done = float64(t.polls) / float64(max(s.options.Polls, 1))
		s.mu.Unlock()
		if s.options.Polls < 0 {
			done = 1
		}
		if done >= 1 { // so that the number of polls does not depend on how fast this machine generates
			select {
			case <-t.ready:
			case <-ctx.Done():
				done = 0.99
			}
		}
	}
	return min(max(done, 0), 1)
}

// answer writes a task as it is now.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, t *task, fault *Fault) {
	progress := s.progress(r.Context(), t)
	fields := map[string]any{
		"id": t.id, "database_id": t.databaseID, "completed": false, "error": nil, "progress": progress,
		"created_at": t.created.UTC().Format(time.RFC3339Nano), "updated_at": s.options.Now().UTC().Format(time.RFC3339Nano),
		"data_url": nil, "content_type": nil,
	}
	if s.options.Percent {
		fields["progress"] = progress * 100
	}
	if t.overrides != nil {
		fields["overrides"] = t.overrides
	}
	fields["phase"], fields["context"] = phase(t, progress)
	if progress >= 1 {
		s.finish(r, t, fields)
	}
	for _, edit := range []func(map[string]any){s.options.Edit, fault.edit()} {
		if edit != nil {
			edit(fields)
		}
	}
	if s.options.Status {
		fields["status"] = map[bool]string{true: "completed", false: "in_progress"}[fields["completed"] == true]
		if fields["error"] != nil {
			fields["status"] = "failed"
		}
		delete(fields, "completed")
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	var out io.Writer = w
	if s.options.Gzip {
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		defer func() { _ = packed.Close() }() // the client may have left
		out = packed
	}
	if r.Method == http.MethodPost {
		w.WriteHeader(http.StatusCreated)
	}
	if s.options.Mark {
		_, _ = io.WriteString(out, "\ufeff") // as below
	}
	_ = json.NewEncoder(out).Encode(fields) // the client may have left
}

// phase gives the phase and its context at some progress: the table in hand, or nothing.
func phase(t *task, progress float64) (name string, context any) {
	tables := shop.Tables()
	switch {
	case progress >= 1:
		return "Completed", nil
	case progress >= 0.9 && t.connection != nil:
		return "Pushing", nil
	case progress >= 0.9:
		return "Packaging", nil
	case progress <= 0:
		return "Queued", nil
	}
	return "Generating", tables[int(progress/0.9*float64(len(tables)))]
}

// finish adds to a task's fields how it ended.
func (s *Server) finish(r *http.Request, t *task, fields map[string]any) {
	fail := func(message string) { fields["error"], fields["completed"] = message, false }
	if s.options.TaskError != "" {
		fail(s.options.TaskError)
		return
	}
	if t.err != nil { // progress is 1, so ready is closed
		fail(t.err.Error())
		return
	}
	fields["completed"] = true
	if t.connection != nil {
		return
	}
	s.mu.Lock()
	t.completed++
	late := t.completed <= s.options.LateData
	s.mu.Unlock()
	if late {
		return
	}
	address, contentType, err := s.dataURL(r, t)
	if err != nil {
		fail(err.Error())
		return
	}
	fields["content_type"] = contentType
	if s.options.DownloadURL {
		delete(fields, "data_url")
		fields["download_url"] = address
	} else {
		fields["data_url"] = address
	}
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0F|0x40, b[8]&0x3F|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
