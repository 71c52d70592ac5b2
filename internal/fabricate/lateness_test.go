package fabricate

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
)

var latenessTable = flag.Bool("table", false, "measure every task, and print the table of docs/performance.md")

// answersIn is how long the simulated API takes to answer.
const answersIn = 50 * time.Millisecond

// courses are how progress can go: what is told after a share of the time, nil for nothing.
var courses = []struct {
	name   string
	honest bool // it tells when the end is
	at     func(share float64) any
}{
	{"linear", true, func(share float64) any { return share }},
	{"slows down", true, func(share float64) any { return 1 - (1-share)*(1-share) }},
	{"jumps", false, func(share float64) any { return math.Floor(4*share) / 5 }},
	{"stands still", false, func(share float64) any { return min(share, 0.3) }},
	{"ends early", false, func(share float64) any { return share / 2 }},
	{"goes backwards", false, func(share float64) any { return 0.9 - 0.8*share }},
	{"absent", false, func(float64) any { return nil }},
}

// inMemory lets a client and a server talk without a network, by the clock of a synctest bubble.
type inMemory struct{ connections chan net.Conn }

func (m inMemory) Accept() (net.Conn, error) {
	if c, open := <-m.connections; open {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (m inMemory) Close() error   { close(m.connections); return nil }
func (m inMemory) Addr() net.Addr { return &net.TCPAddr{} }

// bubble gives a client, with the settings' defaults, of an API in a synctest bubble.
func bubble(t *testing.T, handler http.Handler) *Client {
	t.Helper()
	c, err := New(Options{BaseURL: "http://api" + simulator.Path, Key: simulator.DefaultKey})
	if err != nil {
		t.Fatal(err)
	}
	c.proxy = func(*http.Request) (*url.URL, error) { return nil, nil } //nolint:nilnil // none
	listener := inMemory{make(chan net.Conn)}
	c.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		listener.connections <- theirs
		return ours, nil
	}
	server := &http.Server{Handler: handler}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		c.Close()
		_ = server.Close()
		serving.Wait()
	})
	return c
}

// measured is what one task came to.
type measured struct {
	questions int
	late      time.Duration
}

// ask runs one task of a length; everySecond asks as the vendor's clients do, otherwise it is Wait that asks.
func ask(t *testing.T, length time.Duration, at func(float64) any, everySecond bool) (m measured) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		api := simulator.New(simulator.Options{
			Duration: length, TempDir: t.TempDir(), Data: &simulator.Data{Body: []byte("x"), ContentType: "text/plain"},
			Edit: func(task map[string]any) {
				if share, _ := task["progress"].(float64); share < 1 {
					task["progress"] = at(share)
				}
			},
			Faults: []simulator.Fault{{Delay: answersIn, Times: simulator.Always}},
		})
		t.Cleanup(func() { _ = api.Close() })
		c := bubble(t, api)
		task, err := c.Create(t.Context(), Request{Workspace: "w", Database: "d", Format: "sql"})
		if err != nil {
			t.Fatal(err)
		}
		created := time.Now()
		for everySecond && !task.Completed {
			time.Sleep(time.Second)
			if task, err = c.Get(t.Context(), task.ID); err != nil {
				t.Fatal(err)
			}
		}
		shown := 0.0
		if _, err := c.Wait(t.Context(), task, func(task Task) {
			if task.Progress < shown || task.Progress == 1 != task.Completed {
				t.Errorf("progress %v after %v, completed: %t", task.Progress, shown, task.Completed)
			}
			shown = task.Progress
		}); err != nil {
			t.Fatal(err)
		}
		m = measured{len(api.Requests(simulator.Poll)), time.Since(created) - length}
	})
	return m
}

// How late the end of a task is noticed, and after how many questions, beside a client that asks every second. Each length
// stands for lengths a little above and below, because where in a gap a task ends is chance. make lateness measures it finely, and
// prints the table for docs/performance.md; without it a few lengths are enough, and chance is allowed for.
func TestLateness(t *testing.T) {
	t.Parallel()
	around, chance, lengths := 3, 1.8, []time.Duration{2 * time.Second, 20 * time.Second, time.Minute}
	if *latenessTable {
		around, chance, lengths = 51, 1, []time.Duration{2 * time.Second, 5 * time.Second, 20 * time.Second, time.Minute, 3 * time.Minute}
		fmt.Println("| task | progress | late, on average | at most | polls | polling every second: late | polls |")
		fmt.Println("| --- | --- | --- | --- | --- | --- | --- |")
	}
	var asked, askedEverySecond int
	for _, length := range lengths {
		for _, course := range courses {
			var late, most, lateEverySecond time.Duration
			var questions, everySecond int
			for i := range around {
				spread := min(length/2, 2*time.Second)
				near := length + time.Duration(float64(spread)*(float64(i)/float64(around-1)-0.5))
				m, other := ask(t, near, course.at, false), ask(t, near, course.at, true)
				late, most, lateEverySecond = late+m.late, max(most, m.late), lateEverySecond+other.late
				questions, everySecond = questions+m.questions, everySecond+other.questions
			}
			n := time.Duration(around)
			if *latenessTable {
				fmt.Printf("| %.0f s | %s | %.2f s | %.2f s | %.1f | %.2f s | %.1f |\n", length.Seconds(), course.name, (late / n).Seconds(), most.Seconds(),
					float64(questions)/float64(around), (lateEverySecond / n).Seconds(), float64(everySecond)/float64(around))
			}
			limit := 1500 * time.Millisecond
			switch {
			case length > time.Minute:
				limit = length / 50
			case course.honest:
				limit = time.Second
			}
			if float64(late/n) > chance*float64(limit) {
				t.Errorf("%s, %s: %s late on average", length, course.name, late/n)
			}
			// Half as many; the first comes after 1 s and the second before 3.5 s, which short tasks cannot do without.
			half := 0.5 * float64(everySecond)
			if length < time.Minute {
				half += 1.5 * float64(around)
			}
			if float64(questions) > min(chance, 1.2)*half {
				t.Errorf("%s, %s: %d questions, %d every second", length, course.name, questions, everySecond)
			}
			asked, askedEverySecond = asked+questions, askedEverySecond+everySecond
		}
	}
	if share := float64(asked) / float64(askedEverySecond); share > 0.5 && *latenessTable || share > 0.6 {
		t.Errorf("%d questions in all, %d every second", asked, askedEverySecond)
	}
}

// What the parts of the API do not agree on is asked about for a while, and then it is an error with the API's code, even if the
// time limit is what ends it.
func TestUnsettled(t *testing.T) {
	t.Parallel()
	const created = `{"id":"` + taskID + `"}`
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		limit  time.Duration
		says   []string
	}{
		"not known":                 {answer(404, `{"error":"Not found"}`), time.Hour, []string{"HTTP 404", "may go on", "task-id: " + taskID}},
		"not known, time limit":     {answer(404, `{"error":"Not found"}`), 5 * time.Second, []string{"may go on", "task-id: " + taskID}},
		"without data":              {answer(200, `{"completed":true}`), time.Hour, []string{"no data to download", "setting connection", "task-id: " + taskID}},
		"without data, time limit":  {answer(200, `{"completed":true}`), 5 * time.Second, []string{"no data to download", "task-id: " + taskID}},
		"with an empty address":     {answer(200, `{"completed":true,"data_url":""}`), time.Hour, []string{"no data to download"}},
		"complete, and then it not": {answer(200, `{"completed":true,"data_url":[]}`), time.Hour, []string{"no data to download"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int64
				c := bubble(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodPost {
						_, _ = io.WriteString(w, created)
						return
					}
					asked.Add(1)
					tc.answer(w, r)
				}))
				ctx, cancel := context.WithTimeout(t.Context(), tc.limit)
				defer cancel()
				task, err := c.Create(ctx, Request{Workspace: "w", Database: "d", Format: "sql"})
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				_, err = c.Wait(ctx, task, nil)
				check(t, err, problem.API, tc.says...)
				if took := time.Since(began); took > min(tc.limit, settleWithin+3*time.Second) {
					t.Errorf("given up after %s", took)
				}
				if n := asked.Load(); n < 4 || n > 14 {
					t.Errorf("asked %d times", n)
				}
			})
		})
	}
}

// The progress that is shown moves between the answers of the API, never back, and never to the end.
func TestProgressMovesBetweenAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answers := []string{`{"progress":0.1}`, `{"progress":0.4}`, `{"progress":0.5}`, `{"progress":0.99}`, `{"completed":true,"data_url":"/d"}`}
		asked := 0
		c := bubble(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, answers[min(asked, len(answers)-1)])
			asked++
		}))
		seen := map[string]bool{}
		last := 0.0
		_, err := c.Wait(t.Context(), Task{ID: taskID}, func(task Task) {
			if task.Progress < last || task.Progress == 1 != task.Completed {
				t.Errorf("progress %v after %v", task.Progress, last)
			}
			last = task.Progress
			seen[fmt.Sprintf("%.3f", task.Progress)] = true
		})
		check(t, err, problem.OK)
		if len(seen) < 2*len(answers) {
			t.Errorf("only %v were shown", seen)
		}
		text, err := json.Marshal(seen)
		if err != nil || !strings.Contains(string(text), "0.4") {
			t.Errorf("%s %v", text, err)
		}
	})
}
