package report

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What is written comes from scripts, servers, hosts and settings, which may want a reader, or the runner that reads first, to take it
// for something that it is not.

// maxMessage is how many bytes one message may have: one of a server may have a gigabyte.
const maxMessage = 64 << 10

// message gives a text without secrets, and cut, which it says.
func (r *Report) message(text string) string {
	const looked = 4 * maxMessage // so far secrets are looked for
	whole := len(text)
	text = r.redactor.text(text[:min(whole, looked)])
	if whole <= looked && len(text) <= maxMessage {
		return text
	}
	text = text[:min(len(text), maxMessage)]
	return fmt.Sprintf("%s… (and %d bytes more)", strings.ToValidUTF8(text, ""), whole-len(text))
}

// noCommand keeps a line from being a command to GitHub's runner, which takes lines that begin with :: after blanks, and ##[ anywhere.
// What it takes for a blank is what Unicode does, and it may compare as a language does, to which characters that are not seen are not
// there.
func noCommand(line string) string {
	for i, c := range line {
		if unicode.IsSpace(c) || unseen(c) {
			continue
		}
		if c == ':' {
			if _, ok := afterUnseen(line[i+1:], ":"); ok {
				line = line[:i] + ": " + line[i+1:]
			}
		}
		break
	}
	for from := 0; ; {
		i := strings.IndexByte(line[from:], '#')
		if i < 0 {
			return line
		}
		from += i + 1
		if rest, ok := afterUnseen(line[from:], "#"); ok {
			if _, ok := afterUnseen(rest, "["); ok {
				line = line[:from] + " " + line[from:]
			}
		}
	}
}

// afterUnseen gives what follows a mark that text begins with, but for characters that are not seen.
func afterUnseen(text, mark string) (rest string, ok bool) {
	return strings.CutPrefix(strings.TrimLeftFunc(text, unseen), mark)
}

// unseen tells whether a character takes no room on the screen.
func unseen(c rune) bool {
	return unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Mn, unicode.Me, unicode.Other_Default_Ignorable_Code_Point)
}

// printable replaces control characters other than tab and newline, which could move the cursor or change its colour, characters that
// turn the direction of writing, so that text reads as something else, and Unicode's own ends of lines. The colours of this package are
// put back.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\t' || c == '\n' || c == escape:
			return c
		case unicode.IsControl(c), unicode.Is(unicode.Bidi_Control, c), c == '\u2028', c == '\u2029':
			return utf8.RuneError
		}
		return c
	}, ownColours(text))
}

// link is what is shown as one where text is read.
var link = regexp.MustCompile(`(?i)([a-z]:)(//)|(www)(\.)|(@)`)

// unseenSpace takes no room.
const unseenSpace = "\u200b"

// unlinked puts a character that is not seen into what would be shown as a link, or name somebody.
func unlinked(text string) string {
	return link.ReplaceAllString(text, "$1$3$5"+unseenSpace+"$2$4")
}

const maxName = 300 // characters of a name: two of PostgreSQL's, and some quotes

// name gives a name that others have chosen as it is shown in the log: on one line, and no link.
func name(text string) string {
	return unlinked(cut(oneLine(text[:min(len(text), maxMessage)]), maxName))
}
