// Command licenses writes the licence texts of everything that is in the binary: this program, Go's library and the modules, for every
// system that is released. Their licences ask for it. It fails where a module brings none.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func write() error {
	modules, err := modules()
	if err != nil {
		return err
	}
	root, err := goCommand("env", "GOROOT")
	if err != nil {
		return err
	}
	modules = append([]string{"fabricate-seed\t.", "Go " + strings.TrimPrefix(runtime.Version(), "go") + "\t" + strings.TrimSpace(root)}, modules...)
	for _, module := range modules {
		name, dir, _ := strings.Cut(module, "\t")
		texts, err := texts(dir)
		if err != nil {
			return err
		}
		if len(texts) == 0 {
			return fmt.Errorf("%s has no licence text in %s", name, dir)
		}
		fmt.Printf("%s\n%s\n\n", name, strings.Repeat("=", len(name)))
		for _, text := range texts {
			fmt.Printf("%s\n\n\n", bytes.TrimSpace(text))
		}
	}
	return nil
}

// modules gives the modules that the binary is made of, each as name, version, tab and folder.
func modules() ([]string, error) {
	var all []string
	for _, system := range []string{"linux", "darwin", "windows"} {
		out, err := goCommand("list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", ".", "GOOS="+system, "CGO_ENABLED=0")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			if line = strings.TrimSpace(line); line != "" {
				all = append(all, line)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// goCommand runs go; arguments like NAME=value are environment.
func goCommand(args ...string) (string, error) {
	isEnv := func(arg string) bool { return strings.Contains(arg, "=") }
	cmd := exec.CommandContext(context.Background(), "go", slices.DeleteFunc(slices.Clone(args), isEnv)...)
	cmd.Env = append(os.Environ(), slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return !isEnv(arg) })...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return string(out), err
}

// texts gives the licences and notices in a folder.
func texts(dir string) ([][]byte, error) {
	var all [][]byte
	for _, pattern := range []string{"LICEN[CS]E*", "COPYING*", "NOTICE*", "PATENTS*"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			if info, err := os.Stat(path); err != nil || info.IsDir() || strings.HasSuffix(path, ".go") {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			all = append(all, text)
		}
	}
	return all, nil
}
