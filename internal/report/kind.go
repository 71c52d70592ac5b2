package report

import (
	"errors"
	"regexp"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// kind is what kind of failure it was.
type kind struct {
	name    string // for programs: a word that stays
	words   string // for whoever knows no exit codes
	section string // of the documents, on what to do about it; empty where it is to be reported
}

// The kinds of failure, by the exit code and what is known beyond it.
var (
	unexpected   = kind{"unexpected", "something unexpected; please report it", ""}
	ofSettings   = kind{"settings", "the settings cannot be meant so; nothing was sent anywhere", "docs/settings.md"}
	ofAPI        = kind{"api", "Fabricate said no, or its task failed", "docs/reliability.md#the-task"}
	ofTime       = kind{"timeout", "a limit on waiting was reached", "docs/reliability.md"}
	ofTask       = kind{"timeout", "the task was not complete in time", "docs/reliability.md#the-task"}
	ofLock       = kind{"timeout", "another session's lock was waited for in vain", "docs/reliability.md#the-database"}
	lateDownload = kind{"timeout", "the download was not complete in time", "docs/reliability.md#the-download"}
	ofData       = kind{"data", "what came cannot be loaded", "docs/reliability.md#what-came"}
	ofDownload   = kind{"download", "the download failed", "docs/reliability.md#the-download"}
	ofArchive    = kind{"archive", "the archive cannot be read", "docs/reliability.md#the-archive"}
	ofScript     = kind{"script", "the script was refused", "docs/security.md#what-a-script-may-say"}
	noConnect    = kind{"connection", "the database could not be connected to", "docs/databases.md#reaching-the-database"}
	lost         = kind{"lost", "the connection to the database was lost", "docs/reliability.md#the-database"}
	ofDatabase   = kind{"database", "the database does not take the load", "docs/databases.md#before-the-first-change"}
	ofRow        = kind{"row", "the database refused a row", "docs/errors.md"}
	ofRights     = kind{"rights", "the role may not do what the load needs", "docs/databases.md#roles"}
	ofStatement  = kind{"statement", "the database does not take a statement", "docs/errors.md"}
	interrupted  = kind{"interrupted", "interrupted", "docs/reliability.md#interruptions"}
)

// kindOf gives the kind of a failure.
func kindOf(failure error) kind {
	var p *problem.Error
	topic := problem.Topic(0)
	if errors.As(failure, &p) {
		topic = p.Topic
	}
	switch problem.CodeOf(failure) {
	case problem.Settings:
		return ofSettings
	case problem.API:
		return ofAPI
	case problem.Timeout:
		return of(topic, ofTime, map[problem.Topic]kind{problem.Task: ofTask, problem.Lock: ofLock, problem.Download: lateDownload})
	case problem.Data:
		return of(topic, ofData, map[problem.Topic]kind{problem.Download: ofDownload, problem.Archive: ofArchive, problem.Script: ofScript})
	case problem.Database:
		return ofServer(topic, state(failure))
	case problem.Interrupted:
		return interrupted
	case problem.OK, problem.Unexpected:
	}
	return unexpected
}

// of gives the kind of a topic, or else another.
func of(topic problem.Topic, other kind, kinds map[problem.Topic]kind) kind {
	if k, known := kinds[topic]; known {
		return k
	}
	return other
}

// at gives the kind with a place in its section.
func (k kind) at(anchor string) kind {
	k.section += "#" + anchor
	return k
}

// ofServer gives the kind of a failure of the database.
func ofServer(topic problem.Topic, state string) kind {
	switch {
	case topic == problem.Connection:
		return noConnect
	case topic == problem.Lost:
		return lost
	case state == "42501":
		return ofRights
	case strings.HasPrefix(state, "22"), strings.HasPrefix(state, "23"):
		return ofRow.at(state)
	case state != "":
		line := state
		switch state {
		case "42P01":
			line = "no-table"
		case "42703":
			line = "no-column"
		}
		return ofStatement.at(line)
	}
	return ofDatabase
}

// stated matches the server's code behind what was found out without asking it to try.
var stated = regexp.MustCompile(`\(SQLSTATE ([0-9A-Z]{5})\)$`)

// state gives the server's code, "" if it is not the server that complained, or would.
func state(failure error) string {
	var server interface{ SQLState() string }
	if errors.As(failure, &server) {
		return server.SQLState()
	}
	var p *problem.Error
	if errors.As(failure, &p) {
		if m := stated.FindStringSubmatch(p.What); m != nil {
			return m[1]
		}
	}
	return ""
}
