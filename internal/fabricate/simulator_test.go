package fabricate_test

import (
	"os"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/archive"
	"github.com/fabricate-seed/fabricate-seed/internal/fabricate"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
)

// The whole way against the simulated API, from settings to an archive that opens, with a fault at each station. Never
// is more than one task started.
func TestWholeWay(t *testing.T) {
	t.Parallel()
	const unreached = 0
	for name, tc := range map[string]struct {
		options simulator.Options
		code    problem.Code
		started int
	}{
		"all well":        {simulator.Options{}, problem.OK, 1},
		"percentages":     {simulator.Options{Percent: true, DownloadURL: true}, problem.OK, 1},
		"done at once":    {simulator.Options{Polls: -1}, problem.OK, 1},
		"another origin":  {simulator.Options{OtherOrigin: true}, problem.OK, 1},
		"the task fails":  {simulator.Options{TaskError: "no rows"}, problem.API, 1},
		"another key":     {simulator.Options{Key: "another"}, problem.API, unreached},
		"busy at first":   {faults(simulator.Fault{Route: simulator.Create, Status: 429, Times: 2}), problem.OK, 1},
		"reset at first":  {faults(simulator.Fault{Route: simulator.Create, Break: simulator.Reset}), problem.API, unreached},
		"answer lost":     {faults(lost(simulator.Create)), problem.API, 1},
		"poll lost":       {faults(lost(simulator.Poll)), problem.OK, 1},
		"gateway fails":   {faults(simulator.Fault{Route: simulator.Poll, Status: 502, Body: "<html>", Times: 3}), problem.OK, 1},
		"enormous answer": {faults(simulator.Fault{Route: simulator.Poll, Pad: 2 << 20}), problem.API, 1},
		"download cut":    {faults(broken(simulator.Reset, 1)), problem.OK, 1},
		"cut thrice":      {faults(broken(simulator.Close, 3)), problem.OK, 1},
		"stalled":         {faults(broken(simulator.Stall, 1)), problem.OK, 1},
		"not resumed":     {faults(broken(simulator.Close, 1), ranges()), problem.OK, 1},
		"changed": {faults(broken(simulator.Close, 1),
			simulator.Fault{Route: simulator.Download, Nth: 2, NewObject: true}), problem.OK, 1},
		"expired": {faults(broken(simulator.Close, 1),
			simulator.Fault{Route: simulator.Download, Nth: 2, ExpireURLs: true}), problem.OK, 1},
		"gzip": {faults(simulator.Fault{Route: simulator.Download, Gzip: true}), problem.OK, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := simulator.New(tc.options)
			base, err := server.Listen("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = server.Close() })
			client, err := fabricate.New(fabricate.Options{
				BaseURL: base, Key: simulator.DefaultKey, PollInterval: 2 * time.Millisecond, RequestTimeout: 3 * time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			dir := t.TempDir()
			err = wholeWay(t, client, dir)
			if problem.CodeOf(err) != tc.code {
				t.Errorf("code %d, want %d: %v", problem.CodeOf(err), tc.code, err)
			}
			if server.Started() != tc.started {
				t.Errorf("%d tasks started, want %d", server.Started(), tc.started)
			}
			for _, request := range server.Requests(simulator.Download) {
				if request.Header.Get("Authorization") != "" {
					t.Error("the key was sent to the server of the data")
				}
			}
			if left, _ := os.ReadDir(dir); err != nil && len(left) > 0 {
				t.Errorf("left over: %v", left)
			}
		})
	}
}

func wholeWay(t *testing.T, client *fabricate.Client, dir string) error {
	t.Helper()
	task, err := client.Create(t.Context(), fabricate.Request{Workspace: "w", Database: "d", Format: "sql"})
	if err != nil {
		return err
	}
	if task, err = client.Wait(t.Context(), task, nil); err != nil {
		return err
	}
	file, err := client.Download(t.Context(), task, dir, nil)
	if err != nil {
		return err
	}
	files, err := archive.Open(file.Path, archive.Limits{})
	if err != nil {
		return err
	}
	defer files.Close()
	_, err = files.Entry("")
	return err
}

func faults(list ...simulator.Fault) simulator.Options { return simulator.Options{Faults: list} }

func lost(route simulator.Route) simulator.Fault {
	return simulator.Fault{Route: route, Break: simulator.Close, Moment: simulator.AfterActing}
}

func broken(how simulator.Break, times int) simulator.Fault {
	return simulator.Fault{Route: simulator.Download, Break: how, Moment: simulator.InBody, At: 2000, Times: times}
}

func ranges() simulator.Fault {
	return simulator.Fault{Route: simulator.Download, Nth: 2, IgnoreRange: true}
}
