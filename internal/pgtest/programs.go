package pgtest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// programs is the folder of one installed PostgreSQL.
type programs string

// folders gives the places, besides PATH, where distributions put the server's programs.
func folders() []string {
	return []string{
		"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
		"/usr/pgsql-*/bin",                  // the PostgreSQL project's own RPMs
		"/usr/lib/postgresql*/bin",          // SUSE, Gentoo
		"/usr/libexec/postgresql*",          // Alpine
		"/opt/homebrew/opt/postgresql*/bin", // Homebrew, Apple silicon
		"/usr/local/opt/postgresql*/bin",    // Homebrew, Intel
		"/opt/local/lib/postgresql*/bin",    // MacPorts
		"/Applications/Postgres.app/Contents/Versions/*/bin",
		"/usr/local/pgsql/bin", // built from source
	}
}

// findPrograms gives the server on PATH if there is one, else the newest in the distributions' folders. A server is a
// folder with both postgres and initdb.
func findPrograms() (programs, error) {
	if found, err := exec.LookPath("postgres"); err == nil {
		if path, err := filepath.EvalSymlinks(found); err == nil && isServer(filepath.Dir(path)) {
			return programs(filepath.Dir(path)), nil
		}
	}
	var all []string
	for _, pattern := range folders() {
		matches, _ := filepath.Glob(pattern) // the patterns are well-formed
		all = append(all, matches...)
	}
	all = slices.DeleteFunc(all, func(dir string) bool { return !isServer(dir) })
	if len(all) == 0 {
		return "", notInstalled("no PostgreSQL server is installed")
	}
	return programs(slices.MaxFunc(all, func(a, b string) int { return cmp.Compare(version(a), version(b)) })), nil
}

// version gives the last number in a path, such as 17 for /usr/lib/postgresql/17/bin, or 0.
func version(dir string) float64 {
	numbers := regexp.MustCompile(`\d+(\.\d+)?`).FindAllString(dir, -1)
	if len(numbers) == 0 {
		return 0
	}
	v, _ := strconv.ParseFloat(numbers[len(numbers)-1], 64)
	return v
}

func isServer(dir string) bool {
	return isProgram(filepath.Join(dir, "postgres")) && isProgram(filepath.Join(dir, "initdb"))
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func (p programs) path(name string) string { return filepath.Join(string(p), name) }

// client gives the path of a client program beside the server's own.
func (p programs) client(name string) (string, error) {
	if path := p.path(name); isProgram(path) {
		return path, nil
	}
	return "", notInstalled(fmt.Sprintf("there is a PostgreSQL server in %s, but no %s beside it", string(p), name))
}

// majorVersion asks the server's program for its version.
func (p programs) majorVersion(ctx context.Context) (major int, err error) {
	said, err := exec.CommandContext(ctx, p.path("postgres"), "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.path("postgres"), err)
	}
	if _, err := fmt.Sscanf(string(said), "postgres (PostgreSQL) %d", &major); err != nil {
		return 0, fmt.Errorf("%s does not say its version: %q", p.path("postgres"), said)
	}
	return major, nil
}

func notInstalled(what string) error {
	return &problem.Error{
		Code: problem.Database,
		What: what,
		Remedy: "Install it: on Debian or Ubuntu `apt-get install postgresql`, on macOS `brew install postgresql@17`, " +
			"on Fedora `dnf install postgresql-server postgresql`; or put the folder with postgres and initdb on PATH.",
	}
}
