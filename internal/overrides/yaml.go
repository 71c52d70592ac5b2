package overrides

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// mostBytes is how large the JSON of a YAML text may become: a few aliases of aliases make any size.
const mostBytes = 8 << 20

// What YAML has and JSON has not.
const (
	noTag  = "a tag (!…) other than !!str has no meaning in JSON: leave it out"
	unseen = "an invisible character begins or ends this: take it out, or put the text into quotes if it is meant"
	stray  = "a brace or bracket in here belongs to no other: put the text into quotes if it is meant"
)

// readYAML reads one YAML document. The package tells structure and places; what plain words mean is decided here, by YAML 1.2's
// core schema (chapter 10.3), because the package follows 1.1 in part.
func readYAML(text string) (json.RawMessage, error) {
	if at := strings.IndexAny(text, "\u0085\u2028\u2029"); at >= 0 { // a line's end in 1.1, a character like others in 1.2
		return nil, errorAt(text, at, `some take this character for the end of a line: write it as an escape, such as "\u2028"`)
	}
	if at := strings.IndexFunc(text, unprintable); at >= 0 {
		what := "this character cannot stand in YAML as it is: take it out, or write it as an escape in double quotes"
		if text[at] == 0 {
			what = "this looks like UTF-16: save it as UTF-8"
		}
		return nil, errorAt(text, at, what)
	}
	if at := directive(text); at >= 0 {
		return nil, errorAt(text, at, "leave out the line that begins with %: all is read as YAML 1.2")
	}
	var document yaml.Node
	err := yaml.Load([]byte(text), &document)
	var load *yaml.LoadError
	switch {
	case errors.As(err, &load) && load.Mark.Line > 0:
		return nil, &Error{load.Mark.Line, max(1, load.Mark.Column), "this is not YAML"}
	case err != nil:
		return nil, documents(text)
	}
	w := &yamlWriter{}
	if err := w.node(&document, 0); err != nil {
		return nil, err
	}
	return w.b.Bytes(), nil
}

// unprintable reports whether YAML has no such character but as an escape (chapter 5.1).
func unprintable(c rune) bool {
	return c < ' ' && c != '\t' && c != '\n' && c != '\r' || c >= 0x7f && c < 0xa0 || c == 0xfffe || c == 0xffff
}

// directive gives the offset of a directive (%YAML, %TAG), or -1. They stand before the document.
func directive(text string) int {
	at := 0
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "%"):
			return at
		case strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#"):
			return -1
		}
		at += len(line)
	}
	return -1
}

// documents says where the second document begins, or that there is none at all.
func documents(text string) error {
	loader, err := yaml.NewLoader(strings.NewReader(text))
	if err != nil {
		return &Error{1, 1, "this is not YAML"}
	}
	var first, second yaml.Node
	if loader.Load(&first) != nil {
		return &Error{1, 1, "there is nothing, or nothing but comments"}
	}
	if err := loader.Load(&second); err != nil || second.Line == 0 {
		return &Error{1, 1, "this is not one YAML document"}
	}
	return &Error{second.Line, max(1, second.Column), "a second YAML document begins here"}
}

// yamlWriter writes nodes as JSON.
type yamlWriter struct{ b bytes.Buffer }

func refuse(n *yaml.Node, what string) error { return &Error{n.Line, n.Column, what} }

func (w *yamlWriter) node(n *yaml.Node, depth int) error {
	switch {
	case depth > deepest:
		return refuse(n, tooDeep)
	case w.b.Len() > mostBytes:
		return refuse(n, fmt.Sprintf("with its aliases this becomes more than %d MiB", mostBytes>>20))
	case n.Kind != yaml.ScalarNode && tagged(n):
		return refuse(n, noTag)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return w.node(n.Content[0], depth)
	case yaml.AliasNode:
		return w.node(n.Alias, depth+1)
	case yaml.SequenceNode:
		return w.list(n, depth)
	case yaml.MappingNode:
		return w.object(n, depth)
	case yaml.ScalarNode:
		value, err := scalar(n)
		w.b.WriteString(value)
		return err
	default:
		return refuse(n, "JSON has nothing like this")
	}
}

func (w *yamlWriter) list(n *yaml.Node, depth int) error {
	w.b.WriteByte('[')
	for i, element := range n.Content {
		if i > 0 {
			w.b.WriteByte(',')
		}
		if err := w.node(element, depth+1); err != nil {
			return err
		}
	}
	w.b.WriteByte(']')
	return nil
}

func (w *yamlWriter) object(n *yaml.Node, depth int) error {
	w.b.WriteByte('{')
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name, err := name(key)
		switch {
		case err != nil:
			return err
		case seen[name]:
			return refuse(key, twiceInOne)
		case n.Style&yaml.FlowStyle != 0 && value.Kind == yaml.ScalarNode && value.Value == "" && plain(value):
			return refuse(key, "this name within braces has no value")
		}
		seen[name] = true
		if i > 0 {
			w.b.WriteByte(',')
		}
		w.b.WriteString(jsonText(name) + ":")
		if err := w.node(value, depth+1); err != nil {
			return err
		}
	}
	w.b.WriteByte('}')
	return nil
}

// name gives the name that a key means: a text, also where it looks like a number or a boolean, for JSON has no others.
func name(key *yaml.Node) (string, error) {
	switch {
	case key.Kind != yaml.ScalarNode:
		return "", refuse(key, "this name is no text")
	case plain(key) && key.Value == "<<":
		return "", refuse(key, "<< merges in YAML 1.1 and is a name in 1.2: write the values out")
	case plain(key) && null(key.Value):
		return "", refuse(key, "this name is empty")
	case tagged(key) && !text(key):
		return "", refuse(key, noTag)
	case plain(key) && unbalanced(key.Value):
		return "", refuse(key, stray)
	case plain(key) && edged(key.Value):
		return "", refuse(key, unseen)
	}
	return key.Value, nil
}

// plain says whether a scalar has neither quotes nor a tag, so that it may be something else than text.
func plain(n *yaml.Node) bool {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	return n.Style&quoted == 0 && !tagged(n)
}

// tagged says whether a tag is written.
func tagged(n *yaml.Node) bool {
	return n.Style&yaml.TaggedStyle != 0 || strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!")
}

// text says whether the tag makes a text of the scalar.
func text(n *yaml.Node) bool { return n.Tag == "!" || n.ShortTag() == "!!str" }

// YAML 1.2's core schema.
var (
	integer = regexp.MustCompile(`^[-+]?[0-9]+$`)
	other   = regexp.MustCompile(`^0o[0-7]+$|^0x[0-9a-fA-F]+$`)
	float   = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	special = regexp.MustCompile(`^([-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN)$`)
	leading = regexp.MustCompile(`^[-+]?0[0-9]`)
)

func null(value string) bool {
	return value == "" || value == "~" || value == "null" || value == "Null" || value == "NULL"
}

// scalar gives the JSON of a scalar.
func scalar(n *yaml.Node) (string, error) {
	v := n.Value
	switch {
	case tagged(n) && !text(n):
		return "", refuse(n, noTag)
	case !plain(n):
		return jsonText(v), nil
	case null(v):
		return "null", nil
	case v == "true" || v == "True" || v == "TRUE":
		return "true", nil
	case v == "false" || v == "False" || v == "FALSE":
		return "false", nil
	case special.MatchString(v):
		return "", refuse(n, "JSON has no such number: put it into quotes if text is meant")
	case other.MatchString(v):
		number, _ := new(big.Int).SetString(v, 0)
		return number.String(), nil
	case leading.MatchString(v) && float.MatchString(v):
		return "", refuse(n, "a number that begins with 0 is read in three ways: put it into quotes if text is meant, or leave out the 0")
	case integer.MatchString(v):
		return strings.TrimPrefix(v, "+"), nil
	case float.MatchString(v):
		return number(v), nil
	case unbalanced(v):
		return "", refuse(n, stray)
	case edged(v):
		return "", refuse(n, unseen)
	}
	return jsonText(v), nil
}

// number writes a decimal number of YAML as JSON has it: with a digit before and behind the point, and without a plus.
func number(v string) string {
	v = strings.TrimPrefix(v, "+")
	sign := ""
	if strings.HasPrefix(v, "-") {
		sign, v = "-", v[1:]
	}
	if strings.HasPrefix(v, ".") {
		v = "0" + v
	}
	for _, after := range []string{"e", "E", ""} {
		if whole, rest, ok := strings.Cut(v, "."+after); ok && (rest == "" || after != "") {
			v = whole + after + rest
			break
		}
	}
	return sign + v
}

// unbalanced says whether braces or brackets are open or closed that belong to no other: left over from something else.
func unbalanced(v string) bool {
	var open []rune
	for _, r := range v {
		switch r {
		case '{', '[':
			open = append(open, r+2) // its closing one, in ASCII
		case '}', ']':
			if len(open) == 0 || open[len(open)-1] != r {
				return true
			}
			open = open[:len(open)-1]
		}
	}
	return len(open) > 0
}

// edged says whether a plain word begins or ends with a blank, or with a character without a shape, that is none to YAML: 5 is a text then.
func edged(v string) bool {
	first, _ := utf8.DecodeRuneInString(v)
	last, _ := utf8.DecodeLastRuneInString(v)
	return unicode.In(first, unicode.Zs, unicode.Cf) || unicode.In(last, unicode.Zs, unicode.Cf)
}

func jsonText(v string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // of a string there is no error
	return strings.TrimSuffix(b.String(), "\n")
}
