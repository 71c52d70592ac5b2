package fabricate

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// api answers each path, and 404 with the framework's words for all others.
type api map[string]http.HandlerFunc

func (a api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if handler := a[r.URL.EscapedPath()]; handler != nil {
		handler(w, r)
		return
	}
	answer(404, `{"error":"No route matches [GET] \"`+r.URL.Path+`\""}`)(w, r)
}

func TestCheckNames(t *testing.T) {
	t.Parallel()
	const (
		list    = "/workspaces/acme/databases"
		there   = `[{"name":"shop","id":"17","last_generated":null,"data_url":"https://x/?sig=hunter22"},{"name":"Ware House","id":"18"}]`
		missing = `{"error":"Database not found"}`
	)
	many := `[{"name":"a1"},{"name":"a2"},{"name":"a3"},{"name":"a4"},{"name":"a5"},{"name":"a6"},{"name":"a7"},{"name":"a8"},{"name":"a9"},{"name":"b0"},{"name":"b1"}]`
	for name, test := range map[string]struct {
		api      api
		database string
		want     string // in the error; empty for none
	}{
		"there":           {api{list: answer(200, there)}, "shop", ""},
		"by id":           {api{list: answer(200, there)}, "17", ""},
		"with a space":    {api{list: answer(200, there)}, "Ware House", ""},
		"a letter off":    {api{list: answer(200, there)}, "shpo", `there is no database "shpo" in the workspace "acme"` + "\n" + `Did you mean "shop"? No task was started. There are: Ware House, shop.`},
		"in another case": {api{list: answer(200, there)}, "Shop", `Did you mean "shop"?`},
		"like none":       {api{list: answer(200, there)}, "telescopes", "There are: Ware House, shop."},
		"in an object":    {api{list: answer(200, `{"databases":`+there+`}`)}, "shpo", `Did you mean "shop"?`},
		"names alone":     {api{list: answer(200, `["shop","other"]`)}, "shpo", `Did you mean "shop"?`},
		"of many":         {api{list: answer(200, many)}, "x", "a9, b0, and 1 more."},

		// What is not certain is no error.
		"not listed, but known":  {api{list: answer(200, there), list + "/hidden": answer(200, `{"name":"hidden"}`)}, "hidden", ""},
		"not listed, and broken": {api{list: answer(200, there), list + "/hidden": answer(502, "")}, "hidden", ""},
		"nothing listed":         {api{list: answer(200, `[]`)}, "shop", ""},
		"a page":                 {api{list: answer(200, `{"databases":`+there+`,"meta":{"total":40}}`)}, "shpo", ""},
		"next":                   {api{list: answer(200, `{"next":"/x","databases":`+there+`}`)}, "shpo", ""},
		"without names":          {api{list: answer(200, `[{"id":1}]`)}, "shop", ""},
		"no JSON":                {api{list: answer(200, `<html>log in</html>`)}, "shop", ""},
		"null":                   {api{list: answer(200, `null`)}, "shop", ""},
		"key refused":            {api{list: answer(401, `{"error":"Invalid API key"}`)}, "shop", ""},
		"may not":                {api{list: answer(403, `{"error":"Forbidden"}`)}, "shop", ""},
		"fails":                  {api{list: answer(500, missing)}, "shop", ""},
		"busy":                   {api{list: answer(429, "", "Retry-After", "60")}, "shop", ""},
		"call unknown":           {api{}, "shop", ""},
		"call unknown, html":     {api{list: answer(404, "<title>Not found</title>")}, "shop", ""},

		"workspace unknown":            {api{list: answer(404, `{"error":"Workspace not found"}`)}, "shop", `there is no workspace "acme" for this key`},
		"workspace unknown, and named": {api{list: answer(404, missing), "/workspaces": answer(200, `[{"name":"acne"}]`)}, "shop", `Did you mean "acne"?`},
		"workspace listed":             {api{list: answer(404, missing), "/workspaces": answer(200, `[{"name":"acme"}]`)}, "shop", ""},
		"some 404":                     {api{list: answer(404, missing)}, "shop", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, test.api)
			client, err := New(Options{BaseURL: server.URL, Key: testKey})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			start := time.Now()
			err = client.CheckNames(t.Context(), "acme", test.database)
			if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err != nil && (problem.CodeOf(err) != problem.API || strings.Contains(err.Error(), "hunter22")) {
				t.Errorf("got %v", err)
			}
			if time.Since(start) > namesWait {
				t.Errorf("it took %s", time.Since(start))
			}
		})
	}
}

// An API that says nothing is waited for briefly, and once; an interruption is not taken for an answer.
func TestCheckNamesWaitsBriefly(t *testing.T) {
	t.Parallel()
	silent := &script{steps: []http.HandlerFunc{hang}}
	client, err := New(Options{BaseURL: serve(t, silent).URL, Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	start := time.Now()
	if err := client.CheckNames(t.Context(), "acme", "shop"); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took < namesWait || took > namesWait+10*time.Second || silent.count() != 1 {
		t.Errorf("it took %s and %d requests", took, silent.count())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.CheckNames(ctx, "acme", "shop"); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
