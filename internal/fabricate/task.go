package fabricate

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Task is one generation, as the API tells of it. A Task with nothing but an ID can be given to Wait, to join a task
// that was started before.
type Task struct {
	ID          string
	DatabaseID  string
	Completed   bool
	Failure     string  // the API's word on why it failed; empty when it has not
	Progress    float64 // 0 to 1; 0 when not told
	Phase       string  // what it is doing, as in "Generating"; may be empty
	Context     string  // what it is doing it to, as in "orders"; may be empty
	ContentType string  // of the data; may be empty

	// Pushes says that the task pushes its rows through a connection, so that it has no data to download. It is not in the
	// API's answers: Create sets it by the request, and who joins a task has to know.
	Pushes bool

	told    bool      // by an answer of the API, not made from an ID alone
	percent bool      // the API counts progress to 100
	started time.Time // when our own POST was answered; zero for a task that is joined
	data    *address  // a secret
}

// address keeps an address out of what package fmt prints of a Task, which follows no second pointer.
type address struct{ url *url.URL }

// HasData says whether there is something to download. A task that pushes to a connection has nothing.
func (t Task) HasData() bool { return t.data != nil }

var errNotATask = errors.New("it is not a JSON object that describes a task")

// addressError is a data address that cannot be read. It may hold a signature all the same.
type addressError struct{ secret string }

func (*addressError) Error() string { return "its data address cannot be read" }

// decodeTask reads a task leniently: any field may be missing, unknown ones are passed over, and a field of the wrong
// type counts as missing, except that numbers, booleans and identifiers may come as strings and the other way round.
// Base is what a relative data address is relative to.
func decodeTask(answer []byte, base *url.URL) (Task, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(answer, &fields); err != nil || fields == nil {
		return Task{}, errNotATask // without the cause, which would quote the answer
	}
	t := Task{
		ID:          scalar(fields["id"]),
		DatabaseID:  scalar(fields["database_id"]),
		Completed:   scalar(fields["completed"]) == "true",
		Failure:     messageOf(fields["error"]),
		Phase:       scalar(fields["phase"]),
		Context:     scalar(fields["context"]),
		ContentType: scalar(fields["content_type"]),
		told:        true,
	}
	t.readStatus(scalar(fields["status"]))
	t.Progress, t.percent = progressOf(scalar(fields["progress"]))
	text := scalar(fields["data_url"])
	if text == "" {
		text = scalar(fields["download_url"])
	}
	if text != "" {
		data, err := base.Parse(strings.TrimSpace(text))
		if err != nil || data.Host == "" && (data.Scheme == "http" || data.Scheme == "https") { // other schemes are refused on the way to the data
			return Task{}, &addressError{text}
		}
		t.data = &address{data}
	}
	return t, nil
}

// readStatus takes the one word that some answers have for how a task stands. What completed and error say stays.
func (t *Task) readStatus(status string) {
	switch strings.ToLower(strings.TrimSpace(status)) {
	case "completed", "complete", "succeeded", "success":
		t.Completed = true
	case "failed", "failure", "errored", "error", "canceled", "cancelled":
		if t.Failure == "" {
			t.Failure = "its status is " + status
		}
	}
}

// scalar gives a JSON string, number or boolean as text; empty for anything else.
func scalar(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) || raw[0] == '{' || raw[0] == '[' {
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// progressOf reads progress in both scales: the API's page says 0 to 1, its clients show a percentage. Above 1 it is a
// percentage.
func progressOf(text string) (progress float64, percent bool) {
	p, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "%")), 64)
	if err != nil || math.IsNaN(p) || p <= 0 {
		return 0, false
	}
	if p > 1 || strings.HasSuffix(text, "%") {
		return min(p/100, 1), true
	}
	return p, false
}

// messageOf gives the text of an error field: a string, an object with a message in it, or a list of either. Null,
// false and anything empty mean that there is no error.
func messageOf(raw json.RawMessage) string { return messageWithin(raw, 0) }

func messageWithin(raw json.RawMessage, depth int) string {
	const maxDepth = 4 // levels of lists and objects
	if text := scalar(raw); text != "" || depth == maxDepth {
		if text == "false" {
			return ""
		}
		return text
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		var texts []string
		for _, item := range list {
			if text := messageWithin(item, depth+1); text != "" {
				texts = append(texts, text)
			}
		}
		return strings.Join(texts, "; ")
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil || len(object) == 0 {
		return ""
	}
	for _, name := range []string{"message", "error", "detail"} {
		if text := messageWithin(object[name], depth+1); text != "" {
			return text
		}
	}
	var short bytes.Buffer
	if json.Compact(&short, raw) != nil {
		return ""
	}
	return short.String()
}
