package fabricate

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

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
	var task Task
	f := c.again(ctx, func() *fault {
		answer, f := c.call(ctx, "GET", "generate_tasks/"+url.PathEscape(id), nil)
		if f == nil {
			task, f = c.readTask("GET /generate_tasks/"+id, answer)
		}
		return f
	})
	if f != nil {
		var p *problem.Error
		if f.status == 404 && errors.As(f.err, &p) {
			p.Remedy = fmt.Sprintf("The API does not know the task %s: it is of another account, or gone. "+
				"Check the settings task-id, api-key and api-url.", id)
		}
		return Task{}, f.err
	}
	task.ID = id
	return task, nil
}

// validID says whether an id can stand in a path.
func validID(id string) bool {
	const maxLength = 200 // bytes; real ones are UUIDs
	return id != "" && id != "." && id != ".." && len(id) <= maxLength &&
		!strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// Wait polls until the task is complete and gives its last state. It tells progress of every state that it sees, the
// given one first if the API has told it; what it tells never goes backwards. The limit is ctx's.
//
// Errors: API when the task fails, or as Get; Timeout when ctx's deadline passes; a bare context error when it was
// cancelled. With an error, the last known state is given.
func (c *Client) Wait(ctx context.Context, task Task, progress func(Task)) (Task, error) {
	intervals := c.pauses()
	intervals.Multiplier = 1.2 // a task takes seconds to minutes: be prompt with the short ones
	best := 0.0
	for {
		if task.told {
			task.Progress = onward(task, best)
			best = task.Progress
			if progress != nil {
				progress(task)
			}
			if task.Failure != "" {
				return task, c.taskFailed(task)
			}
			if task.Completed {
				return task, nil
			}
			if sleep(ctx, intervals.NextBackOff()) != nil {
				return task, unfinished(ctx, task)
			}
		}
		next, err := c.Get(ctx, task.ID)
		if err != nil {
			if ctx.Err() != nil {
				return task, unfinished(ctx, task)
			}
			return task, addRemedy(err, "The task goes on in Fabricate: join it with the setting task-id: "+task.ID+".")
		}
		task = next
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
	return stopped(ctx, "generation task "+task.ID, "not complete within the time limit: "+state,
		fmt.Sprintf("It goes on in Fabricate: raise the setting timeout, and join it with the setting task-id: %s "+
			"instead of starting another.", task.ID))
}

// addRemedy adds to an error how to come back to the task, unless it is the task's id that is refused.
func addRemedy(err error, remedy string) error {
	var p *problem.Error
	if errors.As(err, &p) && p.Code != problem.Settings && !strings.Contains(p.Remedy, "task-id") {
		p.Remedy = strings.TrimSpace(p.Remedy + " " + remedy)
	}
	return err
}
