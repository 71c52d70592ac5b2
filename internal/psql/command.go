package psql

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Print is what a script wants shown: \echo, \qecho (both standard output here) and \warn.
type Print struct {
	Pos  Position
	Text string // with its newline, if it has one
	Warn bool   // \warn: standard error
}

// Connect is \connect. Fields that the script left out, or gave as "-", are empty.
type Connect struct {
	Pos                        Position
	Database, User, Host, Port string // Database may be a connection string
	ReusePrevious              string // the value of -reuse-previous=, "" if not given
}

// Encoding is \encoding with a name.
type Encoding struct {
	Pos  Position
	Name string
}

// LargeObject is \lo_import (File is set) or \lo_unlink (OID is set).
type LargeObject struct {
	Pos                Position
	File, Comment, OID string
}

// Ignored is a meta-command that changes nothing in the database: display, formatting, timing.
type Ignored struct {
	Pos     Position
	Command string // with its backslash
}

// commandKind is what becomes of a meta-command here.
type commandKind uint8

const (
	ignored commandKind = iota
	ignoredLine
	refused
	refusedLine
	pipeline
	handled
)

// commands are psql's meta-commands by name, but for those of describes. psql compares all of them letter by letter, save for one:
// \copy is known in any case.
var commands = map[string]commandKind{
	"a": ignored, "C": ignored, "conninfo": ignored, "copyright": ignored, "encoding": handled, "errverbose": ignored,
	"f": ignored, "h": ignoredLine, "help": ignoredLine, "H": ignored, "html": ignored, "l": ignored, "list": ignored,
	"l+": ignored, "list+": ignored, "lx": ignored, "lx+": ignored, "l+x": ignored, "listx": ignored, "listx+": ignored, "list+x": ignored, "lo_list": ignored, "lo_list+": ignored, "p": ignored, "print": ignored, "pset": ignored, "s": ignored,
	"sf": ignoredLine, "sf+": ignoredLine, "sv": ignoredLine, "sv+": ignoredLine, "t": ignored, "T": ignored, "timing": ignored,
	"x": ignored, "z": ignored, "zS": ignored, "zx": ignored, "zSx": ignored, "zxS": ignored, "?": ignored, "restrict": handled, "unrestrict": handled,

	"startpipeline": pipeline, "syncpipeline": pipeline, "sendpipeline": pipeline, "endpipeline": pipeline, "flush": pipeline,
	"flushrequest": pipeline, "getresults": pipeline,

	"!": refusedLine, "e": refused, "edit": refused, "ef": refusedLine, "ev": refusedLine, "getenv": refused, "setenv": refused,
	"lo_export": refused, "o": handled, "out": handled, "password": refused, "prompt": refused, "w": refused, "write": refused,

	"bind": handled, "bind_named": handled, "close_prepared": handled, "parse": handled, "c": handled, "connect": handled, "cd": handled, "copy": handled, "crosstabview": handled, "echo": handled,
	"elif": handled, "else": handled, "endif": handled, "g": handled, "gdesc": handled, "gexec": handled, "gset": handled,
	"gx": handled, "i": handled, "if": handled, "include": handled, "include_relative": handled, "ir": handled,
	"lo_import": handled, "lo_unlink": handled, "q": handled, "qecho": handled, "quit": handled, "r": handled, "reset": handled,
	"set": handled, "unset": handled, "warn": handled, "watch": handled,
}

// describes tells whether a command that begins with \d is one of psql's, which looks no further than this into its name. The
// letters of newer psqls are among them.
func describes(name string) bool {
	rest, ok := strings.CutPrefix(name, "d")
	if !ok || rest == "" {
		return ok
	}
	next := func(letters string) bool { return len(rest) == 1 || strings.IndexByte(letters, rest[1]) >= 0 }
	switch rest[0] {
	case 'A':
		return next("+xcfop")
	case 'P':
		return next("+xtin")
	case 'F':
		return next("+xpdt")
	case 'f':
		return next("+Sxanptw")
	case 'R':
		return len(rest) > 1 && next("ps")
	case 'e':
		return len(rest) > 1 && next("suwt")
	case 'r':
		return strings.HasPrefix(rest, "rds") || strings.HasPrefix(rest, "rg")
	}
	return strings.IndexByte("+SxabcCdDglLnpOoTtvmisEuXy", rest[0]) >= 0
}

// equalFold compares without regard to the case of ASCII letters, as psql does. strings.EqualFold knows more of them: it takes
// a long s for an s.
func equalFold[A, B string | []byte](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x != y && (x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z') {
			return false
		}
	}
	return true
}

// why says of each refused command what psql would do.
var why = map[string]string{
	"!": "runs a shell command", "e": "starts an editor", "edit": "starts an editor", "ef": "starts an editor",
	"ev": "starts an editor", "getenv": "reads the environment", "setenv": "changes the environment",
	"lo_export": "writes a file", "password": "asks a person", "prompt": "asks a person", "w": "writes a file or runs a shell command",
	"write": "writes a file or runs a shell command",
}

// arguments reads what follows a meta-command's name.
type arguments struct {
	s    *Script
	rest lineText
	eval bool
	n    int   // arguments read
	err  error // a shell command in backquotes, or a limit
}

// next gives the next argument; ok is false at the end of the command.
func (a *arguments) next(kind argKind) (arg argument, ok bool) {
	if a.err != nil {
		return arg, false
	}
	arg, a.rest, ok = a.s.readArgument(a.rest, kind, a.eval)
	a.n++
	switch {
	case a.n > maxArguments:
		a.err = limit("more than %d arguments", maxArguments)
	case arg.err != nil:
		a.err = arg.err
	case arg.unterminated:
		a.s.warn("unterminated quoted string")
	case arg.shell && a.eval:
		a.err = errShell
	}
	return arg, ok && a.err == nil
}

func (a *arguments) text(kind argKind) string {
	arg, _ := a.next(kind)
	return arg.text
}

// all gives the remaining arguments.
func (a *arguments) all(kind argKind) []argument {
	var args []argument
	for {
		arg, ok := a.next(kind)
		if !ok {
			return args
		}
		args = append(args, arg)
	}
}

var errShell = errors.New("backquotes run a shell command")

// refusal is an error that ends the script whatever ON_ERROR_STOP says.
type refusal struct{ error }

// command reads and carries out one meta-command. The scanner stands just after its backslash.
func (s *Script) command(lv *level) (item any, err error) {
	s.commands++
	lv.parted = lv.parted || len(lv.text) > 0
	src := lv.source()
	pos := src.position(src.r)
	pos.Column--
	pos.Offset--
	pos.Via = lv.via
	line, err := lv.restOfLine()
	if err != nil {
		return nil, s.fatal(pos, err)
	}
	lv.expansion = 0
	if src.variable != "" { // each command in a value looks at all of it
		if err := s.spend(lv, len(line.masked)); err != nil {
			s.end = s.limited(pos, err)
			return nil, s.end
		}
	}
	s.at = pos
	n := 0
	for n < len(line.masked) && class[line.masked[n]] != space && line.masked[n] != '\n' && line.masked[n] != '\\' {
		n++
	}
	name := string(line.raw[:n])
	if equalFold(name, "copy") {
		name = "copy"
	}
	args := &arguments{s: s, rest: line.from(n), eval: lv.active()}
	item, include, err := s.carryOut(lv, pos, name, args)
	if err == nil {
		for _, extra := range args.all(normalArg) {
			if lv.active() {
				s.warn(fmt.Sprintf(`\%s: extra argument %q ignored`, name, extra.text))
			}
		}
		err = args.err
	}
	if err != nil {
		args.rest = args.rest.from(len(args.rest.masked)) // psql throws the rest of the line away
		err = s.commandError(pos, name, err)
		item = nil
	} else if bytes.HasPrefix(args.rest.masked, []byte(`\\`)) {
		args.rest = args.rest.from(2)
	}
	lv.consume(len(line.masked) - len(args.rest.masked))
	if err == nil && include != "" {
		return nil, s.include(lv, pos, include)
	}
	return item, err
}

func (s *Script) commandError(pos Position, name string, err error) error {
	var e *Error
	var over *limitError
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &over):
		return s.limited(pos, fmt.Errorf(`\%s: %w`, name, err))
	}
	e = &Error{Pos: pos, Message: fmt.Sprintf(`\%s: %s`, name, err), Err: err}
	if strings.HasPrefix(err.Error(), `\`) || strings.HasPrefix(err.Error(), "invalid command") {
		e.Message = err.Error()
	}
	var r refusal
	if errors.Is(err, errShell) || errors.As(err, &r) {
		e.Refused = true
		e.Message += ", which is never done for a script from outside"
		e.Remedy = "Remove the command from the script, or load a script without it."
	}
	return e
}

// restOfLine gives what the scanner has not read of the line in hand, values of variables included. It is valid until more is read.
func (lv *level) restOfLine() (line lineText, err error) {
	if n := len(lv.over); n == 0 {
		end, err := lv.file.fillLine()
		if f := lv.file; err == nil {
			line = lineText{f.buf[f.r:end], f.raw()[f.r:end]}
			if f.nul < end {
				err = errNUL
			}
		}
		return line, err
	} else if o := lv.over[n-1]; o.rest {
		return lineText{o.buf[o.r:o.w], o.raw()[o.r:o.w]}, nil
	}
	add := func(src *source, end int) {
		line.masked = append(line.masked, src.buf[src.r:end]...)
		line.raw = append(line.raw, src.raw()[src.r:end]...)
	}
	for i := len(lv.over) - 1; i >= 0; i-- {
		add(lv.over[i], lv.over[i].w)
		if lv.over[i].rest {
			return line, nil
		}
	}
	end, err := lv.file.fillLine()
	if err == nil {
		add(lv.file, end)
	}
	if err == nil && bytes.IndexByte(line.raw, 0) >= 0 {
		err = errNUL
	}
	return line, err
}

// consume moves past n bytes of what restOfLine gave.
func (lv *level) consume(n int) {
	for i := len(lv.over) - 1; i >= 0; i-- {
		o := lv.over[i]
		k := min(n, o.w-o.r)
		o.r += k
		n -= k
		if o.rest {
			return
		}
	}
	lv.file.r += n
}

// carryOut does what the command says. include is a file to be read next.
func (s *Script) carryOut(lv *level, pos Position, name string, args *arguments) (item any, include string, err error) {
	if s.restrictKey != "" && name != "unrestrict" {
		return nil, "", errors.New(`backslash commands are restricted; only \unrestrict is allowed`)
	}
	kind, known := commands[name]
	if !known && describes(name) {
		kind, known = ignored, true
	}
	if !known {
		return nil, "", fmt.Errorf("invalid command \\%s", name)
	}
	switch name {
	case "if", "elif", "else", "endif":
		return nil, "", s.branch(lv, name, args)
	}
	if !lv.active() {
		switch {
		case kind == ignoredLine, kind == refusedLine, name == "copy":
			args.text(lineArg)
		default:
			args.all(filePipeArg)
		}
		return nil, "", args.err
	}
	switch kind {
	case ignoredLine:
		args.text(lineArg)
		return &Ignored{pos, `\` + name}, "", nil
	case ignored:
		args.all(normalArg)
		return &Ignored{pos, `\` + name}, "", nil
	case refused, refusedLine:
		return nil, "", refusal{fmt.Errorf(`\%s %s`, name, why[name])}
	case pipeline:
		return nil, "", &Error{Pos: pos, Refused: true,
			Message: fmt.Sprintf(`\%s is of the pipelines that psql 18 brought, which are not supported here`, name),
			Remedy:  `Take the pipeline's commands out of the script: end each statement with a semicolon, or with \g after a \bind.`}
	}
	switch name {
	case "i", "include", "ir", "include_relative":
		file, ok := args.next(nameArg)
		if !ok {
			return nil, "", firstErr(args.err, errors.New("missing required argument"))
		}
		given := file.text
		if (name == "ir" || name == "include_relative") && !path.IsAbs(given) {
			given = path.Join(path.Dir(lv.given), given) // relative to the folder that psql is in by now, all the same
		}
		if _, err := s.resolve(pos, s.cwd, given); err != nil {
			return nil, "", err
		}
		return nil, given, nil
	case "copy":
		s.bind = nil
		item, err = s.parseCopy(pos, args.text(lineArg))
		return item, "", err
	case "g", "gx", "gset", "gexec", "gdesc", "crosstabview", "watch", "parse", "close_prepared":
		item, err = s.send(lv, pos, name, args)
		return item, "", err
	case "bind", "bind_named":
		return nil, "", s.bindTo(name == "bind_named", args)
	}
	item, err = s.simple(lv, pos, name, args)
	return item, "", err
}

// bindTo carries out \bind and \bind_named.
func (s *Script) bindTo(prepared bool, args *arguments) error {
	s.bind = nil
	bind := &Bind{Prepared: prepared}
	if prepared {
		name, ok := args.next(normalArg)
		if !ok {
			return firstErr(args.err, errors.New("missing required argument"))
		}
		bind.Name = name.text
	}
	for _, a := range args.all(normalArg) {
		bind.Params = append(bind.Params, a.text)
	}
	if args.err == nil {
		s.bind = bind
	}
	return args.err
}

// simple carries out the commands that neither read a file nor send the query buffer.
func (s *Script) simple(lv *level, pos Position, name string, args *arguments) (any, error) {
	switch name {
	case "set":
		return s.set(pos, args)
	case "unset":
		v, ok := args.next(normalArg)
		if !ok {
			return nil, firstErr(args.err, errors.New("missing required argument"))
		}
		return nil, firstErr(s.vars.Unset(v.text))
	case "echo", "qecho", "warn":
		return s.echo(pos, name, args)
	case "q", "quit":
		lv.ended, lv.quit = true, true
		return nil, nil
	case "r", "reset":
		lv.clear()
		lv.reset()
		return nil, nil
	case "cd":
		given, ok := args.next(nameArg)
		if !ok {
			return nil, firstErr(args.err, refusal{errors.New(`\cd without a folder leaves the archive`)})
		}
		dir, err := s.resolve(pos, s.cwd, given.text)
		if err == nil {
			if info, serr := fs.Stat(s.fsys, dir); serr != nil || !info.IsDir() {
				return nil, fmt.Errorf("could not change directory to %q: No such file or directory", given.text)
			}
			s.cwd = dir
		}
		return nil, firstErr(args.err, err)
	case "o", "out":
		file, _ := args.next(filePipeArg)
		if strings.HasPrefix(file.text, "|") {
			return nil, refusal{fmt.Errorf(`\%s | runs a shell command`, name)}
		}
		return &Ignored{pos, `\` + name}, args.err
	case "encoding":
		if e, ok := args.next(normalArg); ok {
			return &Encoding{pos, e.text}, nil
		}
		return &Ignored{pos, `\` + name}, args.err
	case "connect", "c":
		return s.connect(pos, args)
	case "lo_import":
		file, ok := args.next(nameArg)
		if !ok {
			return nil, firstErr(args.err, errors.New("missing required argument"))
		}
		return &LargeObject{Pos: pos, File: file.text, Comment: args.text(nameArg)}, args.err
	case "lo_unlink":
		oid, ok := args.next(nameArg)
		if !ok {
			return nil, firstErr(args.err, errors.New("missing required argument"))
		}
		return &LargeObject{Pos: pos, OID: oid.text}, args.err
	case "restrict":
		key, ok := args.next(normalArg)
		if !ok || key.text == "" {
			return nil, firstErr(args.err, errors.New("missing required argument"))
		}
		s.restrictKey = key.text
		return nil, nil
	case "unrestrict":
		key, ok := args.next(normalArg)
		switch {
		case !ok || key.text == "":
			return nil, firstErr(args.err, errors.New("missing required argument"))
		case s.restrictKey == "":
			return nil, errors.New("not currently in restricted mode")
		case key.text != s.restrictKey:
			return nil, errors.New("wrong key")
		}
		s.restrictKey = ""
		return nil, nil
	}
	return nil, fmt.Errorf("invalid command \\%s", name)
}

func (s *Script) branch(lv *level, name string, args *arguments) error {
	ignore := func() error {
		args.eval = false
		args.all(normalArg)
		return args.err
	}
	return lv.branch(name, func() (bool, error) {
		args.eval = true
		var words []string
		for _, a := range args.all(normalArg) {
			words = append(words, a.text)
		}
		if args.err != nil {
			return false, args.err
		}
		value, ok := condition(words)
		if !ok {
			s.warn(fmt.Sprintf(`unrecognized value "%s" for "\%s expression": Boolean expected; it counts as false`, strings.Join(words, " "), name))
		}
		return value, nil
	}, ignore)
}

func (s *Script) set(pos Position, args *arguments) (any, error) {
	name, ok := args.next(normalArg)
	if !ok {
		return &Ignored{pos, `\set`}, args.err
	}
	var value strings.Builder
	for _, a := range args.all(normalArg) {
		value.WriteString(a.text)
	}
	if args.err != nil {
		return nil, args.err
	}
	return nil, s.vars.Set(name.text, value.String())
}

func (s *Script) echo(pos Position, name string, args *arguments) (any, error) {
	words := args.all(normalArg)
	var text strings.Builder
	end := "\n"
	if len(words) > 0 && words[0].text == "-n" && !words[0].quoted {
		words, end = words[1:], ""
	}
	for i, w := range words {
		if i > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(w.text)
	}
	text.WriteString(end)
	return &Print{Pos: pos, Text: text.String(), Warn: name == "warn"}, args.err
}

func (s *Script) connect(pos Position, args *arguments) (any, error) {
	c := &Connect{Pos: pos}
	fields := []*string{&c.Database, &c.User, &c.Host, &c.Port}
	for i := 0; i < len(fields); {
		a, ok := args.next(connectArg)
		if !ok {
			break
		}
		if i == 0 && c.ReusePrevious == "" && strings.HasPrefix(a.text, "-reuse-previous=") {
			c.ReusePrevious = strings.TrimPrefix(a.text, "-reuse-previous=")
			if _, ok := parseBool(c.ReusePrevious); !ok {
				return nil, fmt.Errorf("unrecognized value %q for \"-reuse-previous\": Boolean expected", c.ReusePrevious)
			}
			continue
		}
		if a.text != "-" {
			*fields[i] = a.text
		}
		i++
	}
	return c, args.err
}

// send makes a statement of the query buffer, or of the one before if it is empty.
func (s *Script) send(lv *level, pos Position, name string, args *arguments) (any, error) {
	send := &Send{Pos: pos}
	switch name {
	case "g", "gx":
		file, ok := args.next(filePipeArg)
		if ok && strings.HasPrefix(file.text, "(") { // display options, up to a word that ends with a parenthesis
			for ok && !strings.HasSuffix(file.text, ")") {
				file, ok = args.next(normalArg)
			}
			if !ok {
				return nil, firstErr(args.err, errors.New("missing right parenthesis"))
			}
			file, ok = args.next(filePipeArg)
		}
		switch {
		case ok && strings.HasPrefix(file.text, "|"):
			return nil, refusal{fmt.Errorf(`\%s | runs a shell command`, name)}
		case ok:
			return nil, refusal{fmt.Errorf(`\%s %s writes a file`, name, file.text)}
		}
	case "gset":
		send.Kind, send.Prefix = SendGset, args.text(normalArg)
	case "gexec":
		send.Kind = SendGexec
	case "gdesc":
		send.Kind = SendGdesc
	case "parse", "close_prepared":
		s.bind = nil
		statement, ok := args.next(normalArg)
		if !ok {
			return nil, firstErr(args.err, errors.New("missing required argument"))
		}
		send.Kind, s.bind = SendParse, &Bind{Name: statement.text}
		if name == "close_prepared" {
			send.Kind = SendClose
		}
	default:
		args.all(normalArg)
	}
	if args.err != nil {
		return nil, args.err
	}
	send.Bind, s.bind = s.bind, nil
	again := len(lv.text) == 0
	if again && lv.forgot && (send.Bind == nil || !send.Bind.Prepared) && send.Kind != SendClose {
		return nil, limit("the statement before is too long to be kept for another time")
	}
	if again {
		lv.text = append(lv.text, lv.prev...)
		lv.anchors = append(lv.anchors[:0], anchor{0, pos})
	}
	lv.reset()
	st := s.give(lv, false, send)
	st.again = again
	return st, nil
}

// include begins to read another file. given is its name as the script has it.
func (s *Script) include(lv *level, pos Position, given string) error {
	name := path.Join(s.cwd, given)
	s.includes++
	lv.setAside()
	switch {
	case len(s.levels) > maxIncludes:
		return &Error{Pos: pos, Refused: true, Message: fmt.Sprintf("more than %d files include one another", maxIncludes),
			Remedy: "A script probably includes itself."}
	case s.includes > maxIncluded:
		return s.limited(pos, limit("files are included more than %d times", maxIncluded))
	case s.repeated > maxRepeated:
		return s.limited(pos, limit("more than %d GiB of files are read that had been included before", maxRepeated>>30))
	case s.held() > maxHeld:
		return s.limited(pos, limit("the files that include this one have more than %d MiB of lines and statements begun", maxHeld>>20))
	}
	f, err := s.fsys.Open(name)
	if err == nil {
		if info, serr := f.Stat(); serr == nil && info.IsDir() {
			_ = f.Close()
			err = errors.New("Is a directory")
		}
	}
	if err != nil {
		return &Error{Pos: pos, Message: fmt.Sprintf("%s: %s", given, reason(err)), Remedy: remedyOf(err), Err: err}
	}
	again := s.included[name]
	if s.included == nil {
		s.included = map[string]bool{}
	}
	s.included[name] = true
	s.push(name, given, f, append(append([]Position(nil), lv.via...), Position{File: pos.File, Line: pos.Line, Column: pos.Column, Offset: pos.Offset}))
	s.top().again = again
	return nil
}

func firstErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
