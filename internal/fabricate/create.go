package fabricate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// Request says what to generate. Absent fields are left out of what is sent; the API decides what is valid.
type Request struct {
	Workspace      string
	Database       string
	Format         string          // exclusive with the two below
	ConnectionName string          // a connection stored in Fabricate
	Connection     json.RawMessage // or one as an object
	Entity         string          // one table only; may be empty
	Overrides      json.RawMessage // passed as it is; may be empty
}

// body gives what is sent. It does not use json.Marshal, which would write & < > differently in what is passed on.
func (r Request) body() ([]byte, error) {
	connection := r.Connection
	if len(connection) == 0 && r.ConnectionName != "" {
		name, err := json.Marshal(r.ConnectionName)
		if err != nil {
			return nil, err
		}
		connection = name
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(struct {
		Workspace  string          `json:"workspace"`
		Database   string          `json:"database"`
		Format     string          `json:"format,omitempty"`
		Connection json.RawMessage `json:"connection,omitempty"`
		Entity     string          `json:"entity,omitempty"`
		Overrides  json.RawMessage `json:"overrides,omitempty"`
	}{r.Workspace, r.Database, r.Format, connection, r.Entity, r.Overrides})
	return b.Bytes(), err
}

const unknownFate = "A task may have been started, and counts against the daily limit on generated data: look in " +
	"Fabricate before you start another, and join a running one with the setting task-id."

// Create starts a task. The task can already be complete. One that has failed already is given together with the error.
//
// Errors: Settings for a request that is not JSON; API when the API says no or cannot be reached; Timeout; a bare
// context error when ctx was cancelled before anything was sent. When a task may have been started all the same, the
// error says so.
func (c *Client) Create(ctx context.Context, r Request) (Task, error) {
	body, err := r.body()
	if err != nil {
		return Task{}, &problem.Error{
			Code:   problem.Settings,
			Where:  "settings connection and overrides",
			What:   "this is not JSON: " + c.safe(err),
			Remedy: "Check brackets, quotes and commas.",
			Err:    err,
		}
	}
	pushes := r.ConnectionName != "" || len(r.Connection) > 0
	var task Task
	f := c.again(ctx, func() *fault {
		answer, f := c.call(ctx, "POST", "generate_tasks", body)
		if f == nil {
			task, f = c.readTask("POST /generate_tasks", answer)
		}
		if f != nil && f.sent {
			f.passing = false
		}
		return f
	})
	if f != nil {
		return Task{}, c.notStarted(r, f)
	}
	task.Pushes, task.started = pushes, time.Now()
	if task.Failure != "" {
		return task, c.taskFailed(task)
	}
	if !validID(task.ID) {
		what := "the answer names no task"
		if task.ID != "" {
			what = fmt.Sprintf("the answer names a task %.40q, which can be the id of none", task.ID)
		}
		return Task{}, &problem.Error{
			Code:   problem.API,
			Where:  "POST /generate_tasks",
			What:   what,
			Remedy: unknownFate,
		}
	}
	return task, nil
}

// notStarted completes the error of a POST: what was not found, and what is not known.
func (c *Client) notStarted(r Request, f *fault) error {
	var p *problem.Error
	switch {
	case f.sent && errors.As(f.err, &p):
		p.What += "; whether a task was started is not known"
		p.Remedy = unknownFate
	case f.sent: // cancelled in the middle
		return &problem.Error{
			Code:   problem.CodeOf(f.err),
			Where:  "POST /generate_tasks",
			What:   "interrupted while a task was being started; whether it was is not known",
			Remedy: unknownFate,
			Err:    f.err,
		}
	case errors.As(f.err, &p) && f.status == 404:
		p.Remedy = fmt.Sprintf("Check the settings workspace (%q) and database (%q) for their exact names, "+
			"whether the key belongs to that workspace, and the path in the setting api-url.", r.Workspace, r.Database)
	}
	return f.err
}

// readTask decodes an answer with status 2xx.
func (c *Client) readTask(where string, answer []byte) (Task, *fault) {
	task, err := decodeTask(answer, c.base)
	var bad *addressError
	if errors.As(err, &bad) {
		c.secret(bad.secret)
	}
	if err != nil {
		what := "the answer cannot be read: " + err.Error()
		if title := c.messageIn("", answer); title != "" {
			what += fmt.Sprintf(" (%s)", title)
		}
		f := &fault{passing: bad == nil, sent: true, err: &problem.Error{
			Code:   problem.API,
			Where:  where,
			What:   what,
			Remedy: "Check the setting api-url, and whether a proxy or a login page answers in the API's place.",
		}}
		if bad != nil { // the same however often it is asked for
			f.remedy("Fabricate has to mend the address: tell whoever runs it.")
		}
		return Task{}, f
	}
	task.Failure = c.safeText(task.Failure)
	task.Phase, task.Context = c.safeText(task.Phase), c.safeText(task.Context)
	return task, nil
}

func (c *Client) taskFailed(task Task) error {
	where := "generation task"
	if task.ID != "" {
		where += " " + task.ID
	}
	return &problem.Error{
		Code:   problem.API,
		Where:  where,
		What:   "Fabricate could not generate the data: " + task.Failure,
		Remedy: "Check the settings format, entity, connection and overrides against the database in Fabricate.",
	}
}
