package fabricate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/nearest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

const (
	namesWait = 2 * time.Second // in all, for answers that may not come: asking is a courtesy
	mostNames = 10              // in one message
)

// CheckNames asks the API for the names of a workspace's databases before a task is spent on a wrong one. The error has the code
// API, and names what is like the name.
//
// It is given only where both ways of asking agree: the list does not hold the name and shows no sign of being a part, and the API does
// not know the database by itself. Everything else is no error, an API that does not know the calls included: each is made once, and
// all of them together have two seconds.
func (c *Client) CheckNames(ctx context.Context, workspace, database string) error {
	ctx, cancel := context.WithTimeout(ctx, namesWait)
	defer cancel()
	databases := "workspaces/" + url.PathEscape(workspace) + "/databases"
	answer, f := c.call(ctx, "GET", databases, nil)
	if f != nil {
		if f.status == 404 {
			return c.checkWorkspace(ctx, workspace, f)
		}
		return nil
	}
	names, whole := namesIn(answer)
	if !whole || slices.ContainsFunc(names, func(n named) bool { return n.is(database) }) {
		return nil
	}
	if _, f := c.call(ctx, "GET", databases+"/"+url.PathEscape(database), nil); f == nil || f.status != 404 {
		return nil
	}
	return c.noSuch("database", database, fmt.Sprintf("in the workspace %q", workspace), names)
}

// checkWorkspace tells a wrong workspace from a call that the API does not know.
func (c *Client) checkWorkspace(ctx context.Context, workspace string, unknown *fault) error {
	answer, f := c.call(ctx, "GET", "workspaces", nil)
	if f == nil {
		names, whole := namesIn(answer)
		if whole && !slices.ContainsFunc(names, func(n named) bool { return n.is(workspace) }) {
			return c.noSuch("workspace", workspace, "for this key", names)
		}
		return nil
	}
	if workspaceUnknown.MatchString(headlineWhat(unknown.err)) {
		return c.noSuch("workspace", workspace, "for this key", nil)
	}
	return nil
}

// workspaceUnknown is how an API says that it does not know a workspace, and not that it does not know a call.
var workspaceUnknown = regexp.MustCompile(`(?i)^(the )?workspace( \S+)? (is |was )?(not found|unknown|does not exist)\W*$|^(could not|couldn't) find workspace\b`)

func headlineWhat(err error) string {
	if p, ok := err.(*problem.Error); ok { //nolint:errorlint // made by call, never wrapped
		return p.What
	}
	return ""
}

func (c *Client) noSuch(kind, name, where string, names []named) error {
	p := &problem.Error{
		Code:   problem.API,
		Where:  "setting " + kind,
		What:   fmt.Sprintf("there is no %s %q %s", kind, name, where),
		Remedy: "No task was started. Check the settings workspace, api-key and api-url.",
	}
	var all []string
	for _, n := range names {
		all = append(all, c.safeText(n.name))
	}
	slices.Sort(all)
	if word := nearest.Word(name, all); word != "" {
		p.Remedy = fmt.Sprintf("Did you mean %q? No task was started.", word)
	}
	if more := len(all) - mostNames; more > 0 {
		all = append(all[:mostNames], fmt.Sprintf("and %d more", more))
	}
	if len(all) > 0 {
		p.Remedy += " There are: " + strings.Join(all, ", ") + "."
	}
	return p
}

// named is something that has a name, and other ways to be called.
type named struct{ name, id, slug string }

func (n named) is(text string) bool {
	return text != "" && (text == n.name || text == n.id || text == n.slug)
}

// namesIn reads a list of objects with names, or of names, by itself or as the only list of an object. It is whole when it is not empty,
// everything in it has a name, and nothing beside it speaks of pages.
func namesIn(answer []byte) (names []named, whole bool) {
	var list []json.RawMessage
	if json.Unmarshal(answer, &list) != nil {
		var object map[string]json.RawMessage
		if json.Unmarshal(answer, &object) != nil {
			return nil, false
		}
		for name, value := range object {
			var inner []json.RawMessage
			if bytes.HasPrefix(bytes.TrimSpace(value), []byte("[")) && list == nil && json.Unmarshal(value, &inner) == nil {
				list = inner
			} else if name != "workspace" && name != "success" {
				return nil, false // a number of pages, a way to the next one, or another list
			}
		}
	}
	for _, one := range list {
		var fields map[string]json.RawMessage
		n := named{name: scalar(one)}
		if n.name == "" && json.Unmarshal(one, &fields) == nil {
			n = named{name: scalar(fields["name"]), id: scalar(fields["id"]), slug: scalar(fields["slug"])}
		}
		if n.name == "" {
			return nil, false
		}
		names = append(names, n)
	}
	return names, len(names) > 0
}
