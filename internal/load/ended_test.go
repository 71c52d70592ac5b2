//go:build unix

package load

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// TestHasEnded holds by what is seen that a transaction has ended, and whether it was committed.
func TestHasEnded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text             string // as it was read
		status           byte
		commands         string // as they were completed
		ended, committed bool
	}{
		{"INSERT INTO t VALUES (1)", 'T', "INSERT", false, false},
		{"INSERT INTO t VALUES (1)", 'E', "", false, false},
		{"INSERT INTO t VALUES (1)", 'I', "", true, false},
		{"COMMIT", 'I', "COMMIT", true, true},
		{"COMMIT", 'T', "COMMIT BEGIN", true, true},
		{"ROLLBACK", 'I', "ROLLBACK", true, false},
		{"ROLLBACK", 'T', "ROLLBACK BEGIN INSERT", true, false},
		{"ROLLBACK; SELECT 1", 'E', "ROLLBACK BEGIN", true, false},
		{"ROLLBACK TO a", 'T', "ROLLBACK", false, false},
		{"ROLLBACK TO a; ROLLBACK TO b", 'T', "ROLLBACK ROLLBACK", false, false},
		{"ROLLBACK TO a; SELECT 1", 'T', "ROLLBACK ROLLBACK BEGIN", true, false},
		{"ROLLBACK TO a; COMMIT", 'T', "ROLLBACK COMMIT BEGIN", true, true},
	} {
		ended, committed := hasEnded(tt.status, strings.Fields(tt.commands), sqltext.Parse([]byte(tt.text), sqltext.Options{Compound: true}))
		if says := whatStays(committed); strings.Contains(says, "stays") != tt.committed || strings.Contains(says, "rolled back") == tt.committed {
			t.Errorf("%s: %s", tt.text, says)
		}
		if ended != tt.ended || committed != tt.committed {
			t.Errorf("%s, after %s in state %c: ended %t, committed %t", tt.text, tt.commands, tt.status, ended, committed)
		}
	}
}

// TestStillOne has the server itself end the transaction in ways that no text shows: it is told by state and commands, and what is
// still open is rolled back.
func TestStillOne(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"INSERT INTO t VALUES (1); COMMIT; BEGIN; INSERT INTO t VALUES (2)": "committed and stays",
		"INSERT INTO t VALUES (1); COMMIT":                                  "committed and stays",
		"INSERT INTO t VALUES (1); COMMIT; SELECT 1/0":                      "committed and stays",
		"INSERT INTO t VALUES (1); COMMIT AND CHAIN":                        "committed and stays",
		"INSERT INTO t VALUES (1); ROLLBACK; BEGIN":                         "rolled back",
		"INSERT INTO t VALUES (1); ROLLBACK":                                "rolled back",
		"SAVEPOINT a; INSERT INTO t VALUES (1); ROLLBACK TO a; RELEASE a":   "",
		"SAVEPOINT a; ROLLBACK TO a; ROLLBACK TO a; ROLLBACK; BEGIN":        "rolled back",
		"INSERT INTO t VALUES (1)":                                          "",
		"SELECT 1/0":                                                        "",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			r := openRun(t, "CREATE TABLE t (a int)")
			must(t, r.begin(ctx, &survey{}))
			r.began = true
			_ = r.session.Do(ctx, []byte(text), session.Handlers{})
			err := r.stillOne(ctx, sqltext.Parse([]byte(strings.ReplaceAll(text, "ROLLBACK;", "SELECT 1;")), sqltext.Options{Compound: true}))
			if want == "" {
				if err != nil || !r.began {
					t.Errorf("the transaction is said to have ended: %v", err)
				}
				return
			}
			var p *problem.Error
			if !errors.As(err, &p) || !strings.Contains(p.What, want) || p.State != problem.Partly {
				t.Errorf("said %v", err)
			}
			if r.began || r.session.TxStatus() != 'I' {
				t.Errorf("a transaction is open: %t, %c", r.began, r.session.TxStatus())
			}
			if told := r.abandon(ctx, errors.New("something else")); !errors.Is(told, err) {
				t.Errorf("at the end it is said: %v", told)
			}
		})
	}
}
