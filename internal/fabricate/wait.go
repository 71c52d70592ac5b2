package fabricate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// Get asks for a task once, and again after faults that pass. A task that has failed is no error here: see Failure.
//
// Errors: Settings for an id that cannot be one; API when the API says no, does not know the task, or cannot be
// reached; Timeout; a bare context error when ctx was cancelled.
func (c *Client) Get(ctx context.Context, id string) (Task, error) {
	if !validID(id) {
		return Task{}, &problem.Error{
			Code:   problem.Settings,
			Where:  "setting task-id",
			What:   fmt.Sprintf("%.40q is not the id of a task", id),
			Remedy: "Give the id as it was printed when the task was started, as in 5d7c1a52-0a3e-4a5f-9d55-1f0c2a0f7a11.",
		}
	}
	task, f := c.get(ctx, id)
	if f != nil {
		return Task{}, f.err
	}
	return task, nil
}

func (c *Client) get(ctx context.Context, id string) (task Task, f *fault) {
	f = c.again(ctx, func() *fault {
		answer, f := c.call(ctx, "GET", "generate_tasks/"+url.PathEscape(id), nil)
		if f == nil {
			task, f = c.readTask("GET /generate_tasks/"+id, answer)
		}
		return f
	})
	if f != nil && f.status == http.StatusNotFound {
		f.remedy(fmt.Sprintf("The API does not know the task %s: it is of another account, or gone. "+
			"Check the settings task-id, api-key and api-url.", id))
	}
	task.ID = id
	return task, f
}

// validID says whether an id can stand in a path.
func validID(id string) bool {
	const maxLength = 200 // bytes; real ones are UUIDs
	return id != "" && id != "." && id != ".." && len(id) <= maxLength &&
		!strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// settleWithin is how long the parts of the API may take to agree: a task that was just started may not be known yet, and
// the data of one that is complete may not have an address yet.
const settleWithin = 10 * time.Second

// barInterval is the time between two pictures of the progress while no answer comes.
const barInterval = 250 * time.Millisecond

// Wait asks about a task until it is complete and gives its last state. A task that does not push is complete when its data
// is there. It tells progress of every state that it sees, the given one first if the API has told it, and between the answers
// what it would be by now; what it tells never goes backwards. The limit is ctx's.
//
// Errors: API when the task fails, has no data, or as Get; Settings as Get; Timeout when ctx's deadline passes; a bare context
// error when it was cancelled. With an error, the last known state is given.
func (c *Client) Wait(ctx context.Context, task Task, progress func(Task)) (Task, error) {
	if progress == nil {
		progress = func(Task) {}
	}
	if !validID(task.ID) {
		_, err := c.Get(ctx, task.ID)
		return task, err
	}
	w := &wait{Client: c, task: task, progress: progress, began: time.Now(), schedule: schedule{first: c.pollInterval}}
	if task.told {
		w.take(task)
	}
	err := w.run(ctx)
	return w.task, err
}

// wait is one Wait on its way.
type wait struct {
	*Client
	task     Task
	progress func(Task)
	schedule schedule
	began    time.Time
	shown    float64       // progress told last
	unknown  *fault        // the API does not know the task that it has just started; nil when it does
	settling time.Duration // the last gap between questions while the API does not agree with itself
	complete time.Time     // when the task was first seen complete without its data; zero before that
}

func (w *wait) run(ctx context.Context) error {
	for {
		switch {
		case w.task.Failure != "":
			return w.taskFailed(w.task)
		case w.task.Completed && w.complete.IsZero():
			return nil
		case !w.task.told && w.unknown == nil: // it is joined, and asked about at once
		case w.sleep(ctx, w.gap()) != nil:
			return w.outOfTime(ctx)
		}
		next, f := w.get(ctx, w.task.ID)
		switch {
		case f == nil:
			w.take(next)
		case ctx.Err() != nil:
			return w.outOfTime(ctx)
		case f.status == http.StatusNotFound && !w.task.started.IsZero() && time.Since(w.task.started) < settleWithin:
			if w.unknown == nil {
				w.notice("The API does not know the task yet that it has just started: asking again")
			}
			w.unknown = f
		default:
			return addRemedy(w.outcome(f), "The task goes on in Fabricate: join it with the setting task-id: "+w.task.ID+".")
		}
		if !w.complete.IsZero() && time.Since(w.complete) >= settleWithin {
			return w.noData()
		}
	}
}

// take looks at a state of the task.
func (w *wait) take(next Task) {
	next.Pushes, next.started = w.task.Pushes, w.task.started
	w.task, w.unknown = next, nil
	w.schedule.answered(time.Since(w.began), onward(next, w.schedule.done))
	w.show(onward(next, w.shown))
	switch {
	case !next.Completed || next.Pushes || next.HasData() || next.Failure != "":
		w.complete = time.Time{}
	case w.complete.IsZero():
		w.complete = time.Now()
		w.notice("The task is complete, but tells no address of its data yet: asking again")
	}
}

// show tells progress.
func (w *wait) show(progress float64) {
	w.shown = progress
	seen := w.task
	seen.Progress = progress
	w.progress(seen)
}

// gap gives the time until the next question.
func (w *wait) gap() time.Duration {
	if w.unknown != nil || !w.complete.IsZero() {
		w.settling = min(max(w.pollInterval, 2*w.settling), time.Second)
		return w.settling
	}
	w.settling = 0
	return w.schedule.next(time.Since(w.began))
}

// sleep waits, and tells meanwhile how far the task may be.
func (w *wait) sleep(ctx context.Context, d time.Duration) error {
	end := time.Now().Add(d)
	for left := d; left > 0; left = time.Until(end) {
		if err := sleep(ctx, min(left, barInterval)); err != nil {
			return err
		}
		if w.task.told && time.Until(end) > 0 {
			w.show(max(w.shown, w.schedule.expected(time.Since(w.began))))
		}
	}
	return nil
}

// outOfTime gives the error for the end of ctx. What the API has answered is more than that the time is over.
func (w *wait) outOfTime(ctx context.Context) error {
	switch {
	case !errors.Is(ctx.Err(), context.DeadlineExceeded):
	case w.unknown != nil:
		return w.outcome(w.unknown)
	case !w.complete.IsZero():
		return w.noData()
	}
	return unfinished(ctx, w.task)
}

// outcome gives the error of a question that is not asked again.
func (w *wait) outcome(f *fault) error {
	if f.status == http.StatusNotFound && !w.task.started.IsZero() {
		f.remedy(fmt.Sprintf("The API does not know the task that it has just started. It may go on all the same: look in Fabricate, "+
			"and join it with the setting task-id: %s instead of starting another.", w.task.ID))
	}
	return f.err
}

func (w *wait) noData() error {
	return &problem.Error{
		Code:  problem.API,
		Where: "generation task " + w.task.ID,
		What:  "the task is complete, but has no data to download",
		Remedy: "If it pushes its rows through a connection, say so with the setting connection; otherwise look at it in Fabricate, and " +
			"join it again with the setting task-id: " + w.task.ID + ".",
	}
}

// onward gives the progress to report: never less than before. Exactly 1 of a task that is not complete says nothing,
// because it is all in one scale and a hundredth in the other.
func onward(task Task, best float64) float64 {
	switch {
	case task.Completed && task.Failure == "":
		return 1
	case task.Progress == 1 && !task.percent:
		return best
	}
	return max(best, task.Progress)
}

func unfinished(ctx context.Context, task Task) error {
	state := "its state is not known"
	if task.told {
		state = fmt.Sprintf("it is at %.0f%%", 100*task.Progress)
		if what := strings.TrimSpace(task.Phase + " " + task.Context); what != "" {
			state += " (" + what + ")"
		}
	}
	err := stopped(ctx, "generation task "+task.ID, "not complete within the time limit: "+state,
		fmt.Sprintf("It goes on in Fabricate: raise the setting timeout, and join it with the setting task-id: %s "+
			"instead of starting another.", task.ID))
	var p *problem.Error
	if errors.As(err, &p) {
		p.Topic = problem.Task
	}
	return err
}

// addRemedy adds to an error how to come back to the task, unless it is the task's id that is refused.
func addRemedy(err error, remedy string) error {
	var p *problem.Error
	if errors.As(err, &p) && p.Code != problem.Settings && !strings.Contains(p.Remedy, "task-id") {
		p.Remedy = strings.TrimSpace(p.Remedy + " " + remedy)
	}
	return err
}
