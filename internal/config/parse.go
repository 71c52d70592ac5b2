package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// Parse reads the settings from the arguments (without the program's name) and the environment (as os.Environ gives
// it). A flag beats an action input, that beats a FABRICATE_ variable, and that beats the default; an empty value is an
// absent one in every spelling.
//
// Everything that is wrong is found before anything is done, and told at once: the error is a *problem.Error with code
// Settings. The Settings that come with it are good for Secrets, JSON and Summary only. The PG* variables and the files
// that they name are read by pgx from the process's own environment.
func Parse(args, environ []string) (Settings, error) {
	p := parser{env: environment(environ), values: map[string]value{}}
	p.settings = Settings{
		Command:  Run,
		Base:     base(p.env),
		spelling: map[string]string{},
		workflow: p.env["GITHUB_ACTIONS"] == "true",
		getenv:   func(name string) string { return p.env[name] },
	}
	if p.flags(args) {
		return p.settings, p.err()
	}
	p.inputs()
	p.unknownVariables()
	p.assign()
	p.target()
	p.contradictions()
	p.finish()
	return p.settings, p.err()
}

// value is one setting as the user gave it.
type value struct {
	text     string
	spelling string
}

// parser collects values and findings on the way to Settings.
type parser struct {
	env      map[string]string
	values   map[string]value // by setting; absent ones are missing
	settings Settings

	targetFaulty bool // the PG* variables name a database, but wrongly: that has its own finding

	word     bool     // a command stands on the command line
	findings []string // each one sentence that names the setting as the user wrote it
}

func (p *parser) find(format string, args ...any) {
	p.findings = append(p.findings, fmt.Sprintf(format, args...))
}

// given says whether the user set this setting, in whatever spelling.
func (p *parser) given(name string) bool { return p.values[name].text != "" }

// spell gives a setting as the user wrote it, or as an input or flag for one that is absent.
func (p *parser) spell(name string) string {
	if v, ok := p.values[name]; ok {
		return v.spelling
	}
	if p.env["GITHUB_ACTIONS"] == "true" {
		return "input " + name
	}
	return "--" + name
}

// put keeps the first value of a setting that is not empty: callers go from the spelling that wins to the one that loses.
func (p *parser) put(name, text, spelling string) {
	if strings.TrimSpace(text) != "" && !p.given(name) {
		p.values[name] = value{text, spelling}
	}
}

// environment makes a map of "NAME=value" lines; the last one of a name wins, as in os/exec.
func environment(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, line := range environ {
		if name, text, ok := strings.Cut(line, "="); ok {
			env[name] = text
		}
	}
	return env
}

// base is the folder that relative paths start from: the workspace of a GitHub job where there is one, otherwise the
// current folder. A GITHUB_WORKSPACE that is not here (handed into some other container) does not count.
func base(env map[string]string) string {
	if dir := env["GITHUB_WORKSPACE"]; dir != "" {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	return dir
}

// flagValue holds what a flag was given. A flag that takes a list can be repeated.
type flagValue struct {
	text string
	list bool
}

func (v *flagValue) String() string { return v.text }
func (v *flagValue) Type() string   { return "text" }
func (v *flagValue) Set(text string) error {
	if v.list && v.text != "" {
		text = v.text + "\n" + text
	}
	v.text = text
	return nil
}

// joined puts a boolean flag and the true or false behind it together: pflag takes the value of one only with =.
func joined(args []string) []string {
	var all []string
	for i := 0; i < len(args); i++ {
		name, isFlag := strings.CutPrefix(args[i], "--")
		if args[i] == "--" {
			return append(all, args[i:]...)
		}
		boolean := slices.ContainsFunc(List(), func(d Setting) bool { return d.Name == name && d.Values == trueOrFalse })
		if isFlag && boolean && i+1 < len(args) {
			if _, ok := truth(args[i+1]); ok {
				all = append(all, args[i]+"="+args[i+1])
				i++
				continue
			}
		}
		all = append(all, args[i])
	}
	return all
}

// flags reads the command line. It reports true when that is all there is to do: help or version was asked for, or a command that
// is not there.
func (p *parser) flags(args []string) (done bool) {
	set := pflag.NewFlagSet("fabricate-seed", pflag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.ParseErrorsAllowlist.UnknownFlagsHandling = pflag.PassUnknownFlagToArgs
	given := map[string]*flagValue{}
	names := []string{"--help", "--version", "--output"}
	for _, d := range List() {
		if d.input {
			continue
		}
		v := &flagValue{list: d.list}
		flag := set.VarPF(v, d.Name, "", d.Help)
		if d.Values == trueOrFalse {
			flag.NoOptDefVal = "true"
		}
		given[d.Name] = v
		names = append(names, "--"+d.Name)
	}
	help := set.BoolP("help", "h", false, "")
	version := set.BoolP("version", "v", false, "")
	output := set.String("output", "text", "")

	if err := set.Parse(joined(args)); err != nil {
		p.find("%s", flagError(err))
	}
	for name, v := range given {
		p.put(name, v.text, "--"+name)
	}
	switch *output {
	case "text", "":
	case "json":
		p.settings.JSON = true
	default:
		p.find("--output %q is neither text nor json", *output)
	}

	words := set.Args()
	for i, word := range slices.Clone(words) {
		if afterDash := set.ArgsLenAtDash(); strings.HasPrefix(word, "-") && word != "-" && (afterDash < 0 || i < afterDash) {
			name, _, _ := strings.Cut(word, "=")
			p.find("unknown flag %s%s", name, didYouMean(name, names))
			words = slices.DeleteFunc(words, func(w string) bool { return w == word })
		}
	}
	return p.command(words, *help, *version)
}

// flagError words pflag's error without the value, which may be secret.
func flagError(err error) string {
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	var syntax *pflag.InvalidSyntaxError
	switch {
	case errors.As(err, &missing):
		return "--" + missing.GetFlag().Name + " needs a value: write --" + missing.GetFlag().Name + " VALUE"
	case errors.As(err, &invalid):
		return "--" + invalid.GetFlag().Name + " has a value it cannot take"
	case errors.As(err, &syntax):
		return "the command line has a flag without a name; flags are written --name or --name=value"
	}
	return "the command line cannot be read"
}

// command reads what is left of the command line: the command and, for load, its path. It reports true as flags does.
func (p *parser) command(words []string, help, version bool) (done bool) {
	commands := []string{Run, Load, Check, Create, Drop, Cache, Demo, Version, Help}
	unknownFlags := len(p.findings) > 0
	var rest []string
	if len(words) > 0 {
		p.settings.Command, rest, p.word = words[0], words[1:], true
	}
	switch {
	case help: // whatever else is wrong
		if len(words) > 0 && slices.Contains(commands, words[0]) {
			p.settings.Topic = words[0]
		}
		p.settings.Command, p.findings = Help, nil
		return true
	case version:
		p.settings.Command = Version
		return !unknownFlags
	}
	switch p.settings.Command {
	case Help:
		p.findings = nil
		if len(rest) > 0 {
			p.settings.Topic = rest[0]
			if !slices.Contains(commands, rest[0]) {
				p.find("unknown command %s%s", rest[0], didYouMean(rest[0], commands))
			}
		}
		return true
	case Check:
		if len(rest) == 0 {
			break
		}
		if p.given("archive") {
			p.find("check %s and %s both name what to compare; give one", rest[0], p.spell("archive"))
		}
		p.values["archive"] = value{rest[0], "check"}
		rest = rest[1:]
	case Load:
		if len(rest) == 0 {
			p.find("load needs a path: fabricate-seed load PATH, where PATH is a zip, a folder or a .sql file")
			return false
		}
		if p.given("archive") {
			p.find("load %s and %s both name what to load; give one", rest[0], p.spell("archive"))
		}
		p.values["archive"] = value{rest[0], "load"}
		rest = rest[1:]
	case Cache:
		actions := []string{CacheList, CachePrune}
		if len(rest) == 0 || !slices.Contains(actions, rest[0]) {
			p.find("cache needs to be told what to do: fabricate-seed cache list, or fabricate-seed cache prune%s",
				didYouMean(strings.Join(rest[:min(1, len(rest))], ""), actions))
			return false
		}
		p.settings.Action, rest = rest[0], rest[1:]
	case Run, Create, Drop, Demo, Version:
	default:
		unknown := p.settings.Command
		p.settings.Command = Run
		if unknownFlags { // it may well be the value of one of them
			return false
		}
		p.find("unknown command %s%s", unknown, didYouMean(unknown, commands))
		return true
	}
	if len(rest) > 0 && !unknownFlags {
		p.find("unexpected argument %s", rest[0])
	}
	return p.settings.Command == Version && len(p.findings) == 0
}

// inputs reads the action's inputs. GitHub makes INPUT_POLL-INTERVAL of poll-interval: upper case, spaces become
// underscores, hyphens stay. Shells cannot set such a name, so INPUT_POLL_INTERVAL is read as well.
func (p *parser) inputs() {
	known := []string{"args", "entrypoint"} // GitHub's own, for every container action
	for _, d := range List() {
		upper := strings.ToUpper(d.Name)
		p.put(d.Name, p.env["INPUT_"+upper], "input "+d.Name)
		p.put(d.Name, p.env["INPUT_"+screaming(d.Name)], "input "+d.Name)
		known = append(known, d.Name)
	}
	if p.env["GITHUB_ACTIONS"] != "true" {
		return
	}
	for _, name := range sortedKeys(p.env) {
		input, ok := strings.CutPrefix(name, "INPUT_")
		if !ok || p.env[name] == "" {
			continue
		}
		input = strings.ToLower(input)
		if !slices.Contains(known, input) && !slices.Contains(known, strings.ReplaceAll(input, "_", "-")) {
			p.find("unknown input %s%s", input, didYouMean(strings.ReplaceAll(input, "_", "-"), known[2:]))
		}
	}
}

// kubernetes matches the variables that a cluster sets in every pod for a service whose name begins with fabricate:
// FABRICATE_SERVICE_HOST, FABRICATE_SEED_PORT_80_TCP_ADDR and so on.
var kubernetes = regexp.MustCompile(
	`^FABRICATE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// unknownVariables finds FABRICATE_ variables that are no setting. The known ones are read by assign.
func (p *parser) unknownVariables() {
	known := []string{}
	for _, d := range List() {
		if !d.input {
			known = append(known, d.Env())
		}
	}
	for _, name := range sortedKeys(p.env) {
		if !strings.HasPrefix(name, "FABRICATE_") || p.env[name] == "" || slices.Contains(known, name) ||
			kubernetes.MatchString(name) {
			continue
		}
		p.find("unknown environment variable %s%s", name, didYouMean(name, known))
	}
}

// screaming makes POLL_INTERVAL of poll-interval.
func screaming(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }

// assign puts every value, or the default, in its place in Settings.
func (p *parser) assign() {
	for _, d := range List() {
		switch {
		case !d.input:
			p.put(d.Name, p.env[d.Env()], d.Env())
		case p.word: // a command on the command line beats the input
			continue
		}
		if d.Name == "database-url" {
			p.put(d.Name, p.env["DATABASE_URL"], "DATABASE_URL")
		}
		v, given := p.values[d.Name]
		if !given {
			if d.Default != "" {
				if err := d.set(&p.settings, d.Default); err != nil {
					p.find("the default of %s %v", d.Name, err)
				}
			}
			continue
		}
		text := strings.TrimSpace(v.text)
		p.settings.spelling[d.Name] = v.spelling
		p.settings.Used = append(p.settings.Used, Used{Name: d.Name, Value: d.shown(text), Spelling: v.spelling})
		if d.secret && strings.HasPrefix(v.spelling, "--") && (d.Name == "api-key" || holdsPassword(text)) {
			p.settings.Warnings = append(p.settings.Warnings, fmt.Sprintf(
				"%s can be read in the process list while this runs; set %s in the environment instead", v.spelling, d.Env()))
		}
		if literal(text) && !d.list && d.Name != "database-url" { // that one says so itself
			p.find("%s begins with a literal ${{: only GitHub puts something in its place, and only in a workflow's or an action's file", v.spelling)
			continue
		}
		value := text
		if d.whole {
			value = v.text
		}
		for _, err := range each(d.set(&p.settings, value)) {
			if d.quotable(text) {
				p.find("%s %q %v", v.spelling, text, err)
			} else {
				p.find("%s %v", v.spelling, err)
			}
		}
	}
}

// literal says whether a value is an expression of GitHub's that nobody has evaluated.
func literal(text string) bool { return strings.HasPrefix(text, "${{") }

// quotable says whether a value may be repeated in an error: it is short, and it cannot hold a secret.
func (d Setting) quotable(text string) bool {
	const long = 100 // bytes
	return !d.secret && !d.list && !holdsPassword(text) && !(d.Name == "archive" && isAddress(text)) && len(text) <= long && !strings.ContainsAny(text, "{\n?") &&
		!strings.Contains(text[min(1, len(text)):], "@")
}

// shown gives a value for the job summary: nothing that could be a secret.
func (d Setting) shown(text string) string {
	switch {
	case d.secret:
		return "***"
	case d.Name == "variables":
		var names []string
		for line := range strings.Lines(text) {
			if name, _, ok := strings.Cut(line, "="); ok {
				names = append(names, strings.TrimSpace(name))
			}
		}
		return strings.Join(names, ", ")
	case d.list:
		return strings.Join(strings.Fields(strings.ReplaceAll(text, "\n", " ")), " ")
	case d.quotable(text):
		return text
	case d.Name == "archive" && isAddress(text):
		return hostOf(text)
	}
	return fmt.Sprintf("(%d bytes)", len(text))
}

// err gives all findings as one error, or nil.
func (p *parser) err() error {
	remedy := "fabricate-seed --help lists every setting."
	switch len(p.findings) {
	case 0:
		return nil
	case 1:
		return &problem.Error{Code: problem.Settings, What: p.findings[0], Remedy: remedy}
	}
	return &problem.Error{
		Code:    problem.Settings,
		What:    fmt.Sprintf("%d things are wrong with the settings", len(p.findings)),
		Excerpt: "- " + strings.Join(p.findings, "\n- "),
		Remedy:  remedy,
	}
}
