package report

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// asCommands gives the commands that GitHub's runner could find in a log: by the plainest reading, and by one that looks through
// characters that are not seen.
func asCommands(log string) (commands []string) {
	for line := range strings.SplitSeq(log, "\n") {
		for _, read := range []string{line, strings.Map(func(c rune) rune {
			if unseen(c) {
				return -1
			}
			return c
		}, line)} {
			if read = strings.TrimFunc(read, unicode.IsSpace); strings.HasPrefix(read, "::") || strings.Contains(read, "##[") {
				commands = append(commands, read)
				break
			}
		}
	}
	return commands
}

// ours are the commands that the program writes itself.
var ours = regexp.MustCompile(`^::(group::|endgroup::|add-mask::|(warning|error) ([a-z]+=[^:,]*,?)+::)`)

func checkCommands(t *testing.T, log string, attack string) {
	t.Helper()
	for _, command := range asCommands(log) {
		if !ours.MatchString(command) {
			t.Errorf("%q becomes the command %q", attack, command)
		}
	}
	for _, c := range log {
		if unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029' || unicode.IsControl(c) && c != '\t' && c != '\n' && c != escape {
			t.Errorf("%q leaves %U in the log", attack, c)
			break
		}
	}
}

// sayAll says a text in every way that there is.
func sayAll(s *stage, text string) {
	s.Phase(text)
	s.Info("%s", text)
	s.Info("x\n%s", text)
	s.Warn(text)
	s.Generation(0.5, text, text)
	s.wait(10e9)
	s.Generation(0.6, text, text)
	s.Load(text, 1, 2, 3)
	s.wait(10e9)
	s.Load(text, 2, 2, 3)
	finding := fit.Finding{Kind: fit.TooLong, Table: text, Column: text, What: text, Rows: 2, Examples: []fit.Example{{File: text, Line: 1, Value: text}}, Remedy: text}
	does := fit.Report{Findings: []fit.Finding{finding, finding}, Unfilled: []string{text}}
	s.Finish(Outcome{Fit: does, Headline: text, TaskID: text, DataPath: text, ContentType: text, SHA256: text,
		Tables: []Table{{Name: text, Rows: 1}}, Facts: []Fact{{text, text}}, Settings: []Fact{{text, text}}}, nil)
	s.fail(Outcome{}, &problem.Error{Code: problem.Database, At: problem.Place{File: text, Line: 1, Column: 2, Via: text}, What: text, Excerpt: text, Remedy: text})
	s.fail(Outcome{Fit: does}, errors.New(text))
}

var attacks = []string{
	"::error::injected", " ::error::x", "\t::x::", "\u00a0::error::injected", "\u3000::set-output name=rows::999", "\u2003\u205f::add-mask::e",
	"\u0085::x::y", "\u2028::x::y", "a\n\u00a0::warning::w", "a\r::warning::w", "\ufeff::x::y", "\u200b::x::y", ":\u200b:x::y", ":\u2060\u200d:x::y",
	":\ufe0f:x::y", "\u180e::x::y", "##[error]x", "a ##[group]x", "#\u200b#[error]x", "##\u2060[error]x", "###[x", "\u202e::x::y", "\x1b[31m::x::y",
	":::x::y", "%0A::x::y", "::stop-commands::x", "\x00::x::y", "\u0301::x::y", "\U000e0001::x::y",
}

// No text becomes a command to the runner that reads the log, whoever wrote it.
func TestNoCommands(t *testing.T) {
	t.Parallel()
	for _, attack := range attacks {
		s := newStage(t, staging{github: true})
		sayAll(s, attack)
		checkCommands(t, s.stdout.String()+s.stderr.String(), attack)
	}
}

// outputs reads GITHUB_OUTPUT as the runner does.
func outputs(t *testing.T, s *stage) map[string]string {
	t.Helper()
	text, err := os.ReadFile(s.env["GITHUB_OUTPUT"])
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for len(lines) > 0 {
		name, end, ok := strings.Cut(lines[0], "<<")
		stop := slices.Index(lines[1:], end)
		if !ok || strings.Contains(name, "=") || stop < 0 {
			t.Fatalf("the runner cannot read %q", lines[0])
		}
		if _, twice := found[name]; twice {
			t.Errorf("the output %s is set twice", name)
		}
		found[name] = strings.Join(lines[1:1+stop], "\n")
		lines = lines[stop+2:]
	}
	return found
}

var outputNames = []string{"broken-foreign-keys", "cache-hit", "clones", "content-type", "data-path", "dry-run", "duration-ms", "error-kind", "rows", "sha256", "skipped", "tables", "task-id", "warnings"}

func checkOutputs(t *testing.T, s *stage, attack string) {
	t.Helper()
	var names []string
	for name, value := range outputs(t, s) {
		names = append(names, name)
		if name == "rows" && value != "0" || name == "skipped" && value != "false" {
			t.Errorf("%q makes %s %q", attack, name, value)
		}
	}
	if slices.Sort(names); !slices.Equal(names, outputNames) {
		t.Errorf("%q: outputs %q", attack, names)
	}
}

func TestOutputsCannotBeForged(t *testing.T) {
	t.Parallel()
	for _, attack := range append(attacks, endOfValue, " "+endOfValue+" ", "x\n"+endOfValue+"\nrows<<x\n9\nx", "\r"+endOfValue+"\r\nrows=9") {
		s := newStage(t, staging{github: true})
		sayAll(s, attack)
		checkOutputs(t, s, attack)
	}
}

// Names that others have chosen are no links, name nobody, and do not turn the direction of writing.
func TestNamesAreHarmless(t *testing.T) {
	t.Parallel()
	for _, attack := range []string{"https://evil.example/x", "HTTP://evil.example", "www.evil.example", "a.b@evil.example", "@someone", "xmpp:a@b.c/d",
		"ftp://evil.example", "[x](https://evil.example)", "<a href=x>", "\u202egpj.exe", "\u2066x\u2069", "a\u200f", "`x`", "![x](y)", "<img src=x>"} {
		s := newStage(t, staging{github: true})
		s.Phase("Load")
		s.Generation(0.5, attack, attack)
		s.wait(10e9)
		s.Generation(0.6, attack, attack)
		s.Load(attack, 1, 2, 3)
		s.Finish(Outcome{Headline: attack, Tables: []Table{{Name: attack, Rows: 1}}, Facts: []Fact{{attack, attack}}, Settings: []Fact{{attack, attack}}}, nil)
		summary, err := os.ReadFile(s.env["GITHUB_STEP_SUMMARY"])
		if err != nil {
			t.Fatal(err)
		}
		log, _, _ := strings.Cut(s.stdout.String(), " in 20") // the headline is ours
		for where, text := range map[string]string{"log": log, "summary": string(summary)} {
			if found := regexp.MustCompile(`(?i)[a-z]://|www\.|@[a-z]|[\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]`).FindString(strings.ReplaceAll(text, "&#8203;", unseenSpace)); found != "" && where == "summary" {
				t.Errorf("%q is %q in the %s", attack, found, where)
			}
		}
		if strings.Contains(string(summary), "<a") || strings.Contains(string(summary), "<img") || regexp.MustCompile(`[^\\][\[\]]`+"|[^\\\\]`x").MatchString(string(summary)) {
			t.Errorf("%q is markup:\n%s", attack, summary)
		}
	}
}

// One message has a limit, wherever it is written.
func TestMessagesHaveALimit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä long message ", 1<<20)
	s := newStage(t, staging{github: true, json: true})
	sayAll(s, long)
	if n := s.stdout.Len() + s.stderr.Len(); n > 30*maxMessage {
		t.Errorf("%d bytes were written", n)
	}
	if out := outputs(t, s); len(out["task-id"]) > 4*maxValue {
		t.Errorf("the task's id has %d bytes", len(out["task-id"]))
	}
	if got := s.message(long); !utf8.ValidString(got) || !strings.HasSuffix(got, "bytes more)") || len(got) > maxMessage+100 {
		t.Errorf("%d bytes: …%s", len(got), got[len(got)-40:])
	}
}

// FuzzWriters looks that no text is a command to the runner or forges an output.
func FuzzWriters(f *testing.F) {
	for _, attack := range append(attacks, endOfValue, "x\n"+endOfValue) {
		f.Add(attack)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := newStage(t, staging{github: true})
		sayAll(s, text)
		checkCommands(t, s.stdout.String()+s.stderr.String(), text)
		checkOutputs(t, s, text)
	})
}
