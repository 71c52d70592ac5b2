// Command screenshots makes pictures of the job summary as GitHub shows it, in light and in dark: of a run that succeeded, of one with
// warnings and of one that failed.
//
// All are real runs against the simulator and a throwaway PostgreSQL server. Their Markdown becomes HTML by goldmark, the chart
// by mermaid's own script (which the module go.abhg.dev/goldmark/mermaid has among its test data), the picture by Chromium.
//
// Usage: screenshots [-markdown] FOLDER
package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
	"go.abhg.dev/goldmark/mermaid"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/seed"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

const (
	width  = 900  // of the page, in CSS pixels
	height = 3000 // more than any summary of these has; what is empty is cut off
	margin = 16   // left below
)

func main() {
	markdown := flag.Bool("markdown", false, "write the Markdown beside the pictures")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: screenshots [-markdown] FOLDER")
		os.Exit(2)
	}
	if err := run(context.Background(), flag.Arg(0), *markdown); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

// pictured is one run to take a picture of.
type pictured struct {
	name    string
	migrate string // SQL, after the shop's schema
	broken  int    // rows that break a foreign key
	want    problem.Code
}

// themes are GitHub's.
var themes = []string{"light", "dark"}

func run(ctx context.Context, folder string, markdown bool) (err error) {
	browser, err := chromium()
	if err != nil {
		return err
	}
	script, err := mermaidScript(ctx)
	if err != nil {
		return err
	}
	server, err := pgtest.Start(ctx, pgtest.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	for _, p := range []pictured{
		{name: "summary-success", want: problem.OK},
		{name: "summary-warnings", broken: 3, want: problem.OK},
		{
			name: "summary-failure", want: problem.Database,
			migrate: "ALTER TABLE users DROP COLUMN bio",
		},
	} {
		text, err := summary(ctx, server, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if markdown {
			if err := os.WriteFile(filepath.Join(folder, p.name+".md"), text, 0o600); err != nil {
				return err
			}
		}
		for _, theme := range themes {
			page, err := page(text, script, theme)
			if err != nil {
				return err
			}
			picture, err := shoot(ctx, browser, page)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			file := p.name + "-" + theme + ".png"
			if err := os.WriteFile(filepath.Join(folder, file), picture, 0o644); err != nil {
				return err
			}
			fmt.Printf("%s: %d KiB\n", file, len(picture)/1024)
		}
	}
	return nil
}

// summary makes a database with the shop's tables, runs the whole path into it as a step of a workflow would, and gives the
// job summary.
func summary(ctx context.Context, server *pgtest.Server, p pictured) (text []byte, err error) {
	database := strings.ReplaceAll(p.name, "-", "_")
	if err := execute(ctx, server.URL("postgres"), "CREATE DATABASE "+database); err != nil {
		return nil, err
	}
	if err := execute(ctx, server.URL(database), shop.Schema()+"\n"+p.migrate); err != nil {
		return nil, err
	}
	api := simulator.New(simulator.Options{Export: shop.Export{Size: shop.Rows(200_000), BrokenKeys: p.broken}, Polls: 6})
	defer func() { err = errors.Join(err, api.Close()) }()
	address, err := api.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "screenshots-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "summary.md")
	var log bytes.Buffer
	code := seed.Main(ctx, seed.Process{
		Environ: []string{
			"GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY=" + file, "GITHUB_WORKSPACE=" + dir, "RUNNER_TEMP=" + dir,
			"INPUT_API-URL=" + address, "INPUT_API-KEY=" + api.Key(), "INPUT_WORKSPACE=shop", "INPUT_DATABASE=shop",
			"INPUT_DATABASE-URL=" + server.URL(database), "INPUT_POLL-INTERVAL=300ms",
		},
		Stdout: &log, Stderr: &log, Version: "v1.0.0",
	})
	if code != p.want {
		return nil, fmt.Errorf("exit code %d, want %d:\n%s", code, p.want, log.Bytes())
	}
	text, err = os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	// As it looks in a workflow: the service's label, its usual port.
	u, err := url.Parse(server.URL(database))
	if err != nil {
		return nil, err
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(text, []byte(u.Host), []byte("postgres:5432")),
		[]byte(strings.ReplaceAll(database, "_", `\_`)), []byte("app")), nil
}

func execute(ctx context.Context, databaseURL, text string) error {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	_, err = conn.PgConn().Exec(ctx, text).ReadAll()
	return errors.Join(err, conn.Close(ctx))
}

// alert matches GitHub's alerts, which goldmark does not know, as goldmark gives them.
var alert = regexp.MustCompile(`<blockquote>\s*<p>\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\s*`)

//go:embed page.html
var frame string

// page gives the HTML page of a summary in a theme.
func page(text, script []byte, theme string) ([]byte, error) {
	converter := goldmark.New(
		goldmark.WithExtensions(extension.GFM, &mermaid.Extender{RenderMode: mermaid.RenderModeClient, NoScript: true}),
		goldmark.WithRendererOptions(html.WithUnsafe()), // details and summary, which GitHub lets through
	)
	var body bytes.Buffer
	if err := converter.Convert(text, &body); err != nil {
		return nil, err
	}
	named := alert.ReplaceAllStringFunc(body.String(), func(s string) string {
		kind := strings.ToLower(alert.FindStringSubmatch(s)[1])
		return `<blockquote class="alert ` + kind + `"><p class="kind">` + strings.ToUpper(kind[:1]) + kind[1:] + `</p><p>`
	})
	parsed, err := template.New("page").Parse(frame)
	if err != nil {
		return nil, err
	}
	var whole bytes.Buffer
	err = parsed.Execute(&whole, struct {
		Theme  string
		Body   template.HTML
		Script template.JS
	}{theme, template.HTML(named), template.JS(script)})
	return whole.Bytes(), err
}

// shoot has Chromium draw a page, and cuts off what is empty below.
func shoot(ctx context.Context, browser string, page []byte) ([]byte, error) {
	dir, err := os.MkdirTemp("", "screenshots-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	source, target := filepath.Join(dir, "page.html"), filepath.Join(dir, "page.png")
	if err := os.WriteFile(source, page, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--virtual-time-budget=20000",
		fmt.Sprintf("--window-size=%d,%d", width, height), "--screenshot="+target, "file://"+source)
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", browser, err, said)
	}
	f, err := os.Open(target)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return cut(f)
}

// cut leaves margin below the last line that is not of one colour, and stores few colours, which is small.
func cut(r io.Reader) ([]byte, error) {
	whole, err := png.Decode(r)
	if err != nil {
		return nil, err
	}
	bounds := whole.Bounds()
	last := bounds.Min.Y
	counts := map[color.Color]int{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := whole.At(x, y)
			counts[c]++
			if c != whole.At(bounds.Min.X, y) {
				last = y
			}
		}
	}
	bounds.Max.Y = min(bounds.Max.Y, last+margin)
	small := image.NewPaletted(bounds, palette(counts))
	draw.Draw(small, bounds, whole, bounds.Min, draw.Src)
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	err = encoder.Encode(&out, small)
	return out.Bytes(), err
}

// palette gives the colours that are most used.
func palette(counts map[color.Color]int) color.Palette {
	all := slices.SortedFunc(maps.Keys(counts), func(a, b color.Color) int { return cmp.Compare(counts[b], counts[a]) })
	return all[:min(len(all), 256)]
}

// chromium finds the browser.
func chromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("needs Chromium: on Debian and Ubuntu, apt-get install chromium")
}

// mermaidScript gives mermaid's own script.
func mermaidScript(ctx context.Context) ([]byte, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "go.abhg.dev/goldmark/mermaid").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	found, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "internal", "testdata", "mermaid-*.js"))
	if err != nil || len(found) == 0 {
		return nil, cmp.Or(err, errors.New("the module go.abhg.dev/goldmark/mermaid has no mermaid-*.js any more"))
	}
	return os.ReadFile(found[0])
}
