package simulator

import (
	"encoding/json"
	"net/http"
	"strings"
)

// databases answers a GET of a workspace's databases, of which there is one, or of one of them.
func (s *Server) databases(w http.ResponseWriter, r *http.Request) {
	if !s.authorised(w, r) {
		return
	}
	workspace, database, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, Path+"/workspaces/"), "/databases")
	database = strings.TrimPrefix(database, "/")
	one := map[string]any{"name": s.options.Database, "id": "4c6f1f9e-0000-4000-8000-000000000001", "last_generated": nil, "data_url": nil}
	var answer any = one
	switch {
	case !ok:
		writeError(w, http.StatusNotFound, "Not found")
		return
	case s.options.Workspace != "" && workspace != s.options.Workspace:
		writeError(w, http.StatusNotFound, "Workspace not found")
		return
	case database == "":
		answer = []any{one}
	case database != s.options.Database:
		writeError(w, http.StatusNotFound, "Database not found")
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(answer) // the client may have left
}
