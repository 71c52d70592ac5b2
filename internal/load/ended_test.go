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
