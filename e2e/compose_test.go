//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// compose does what the example says: one command, and there is a database with rows in it.
func (w *world) compose(t *testing.T) {
	command, err := output(`if docker compose version >/dev/null 2>&1; then echo docker compose; else command -v docker-compose; fi`)
	if err != nil {
		t.Skip("neither docker compose nor docker-compose is installed")
	}
	command += fmt.Sprintf(" -p fabricate-seed-e2e -f %s --project-directory %s", filepath.Join(w.root, "examples/compose.yml"), w.user)
	env := "FABRICATE_API_KEY=" + apiKey + " FABRICATE_API_URL=http://" + w.api + "/api/v1 "
	defer func() { shell(t, ".", env+command+" down -v --timeout 1 2>/dev/null") }()
	log := shell(t, ".", `chmod -R a+rX "$1"; `+env+command+" run --rm seed 2>&1", w.user)
	contains(t, "log", log, []string{"rows in 8 tables loaded into app on postgres:5432"})
	if strings.Contains(log, apiKey) {
		t.Error("the log tells the key")
	}
	if users := shell(t, ".", env+command+" exec -T postgres psql -U postgres -AtXc 'SELECT count(*) > 0 FROM users' app 2>/dev/null"); users != "t" {
		t.Errorf("users in the database: %s", users)
	}
}
