package fabricate

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

var (
	addressPattern   = regexp.MustCompile(`(?i)\b(https?:(?:\\?/){2})([^\s"'<>]*)`)
	parameterPattern = regexp.MustCompile(
		`(?i)\b([\w.-]*(?:signature|sig|token|credential|secret|password|api[_-]?key|policy)[\w.-]*)=[^\s&"'<>]+`)
	uuid          = regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	bearerPattern = regexp.MustCompile(`(?i)\bbearer\s+[^\s"',;]+`)
)

// Redact takes what may be secret out of a text that comes from outside: of every http address only scheme, host and
// port are left, since some stores sign in the query and others in the path; parameters that look like a signature
// lose their value, and so does a bearer token.
func Redact(text string) string {
	text = addressPattern.ReplaceAllStringFunc(text, func(address string) string {
		scheme, rest, _ := strings.Cut(address, ":")
		rest = strings.TrimLeft(rest, `/\`)
		end := strings.IndexAny(rest, `/\?#`)
		tail := ""
		if end >= 0 {
			if len(rest) > end+1 {
				tail = "/…"
			}
			rest = rest[:end]
		}
		if at := strings.LastIndex(rest, "@"); at >= 0 {
			rest = rest[at+1:]
		}
		return scheme + "://" + rest + tail
	})
	text = parameterPattern.ReplaceAllString(text, "$1=***")
	return bearerPattern.ReplaceAllString(text, "Bearer ***")
}

// signed gives what must not be told of a signed address: all of it, its path with its query, and each long value in the query
// and long part of the path, for these are the signature, the credential, the token. A UUID in a path is the name of a task or
// an object, and a short last part that of a file.
func signed(address *url.URL) []string {
	const long, longPart = 16, 32 // bytes
	secrets := []string{address.String(), address.RequestURI()}
	for _, values := range address.Query() {
		for _, value := range values {
			if len(value) >= long {
				secrets = append(secrets, value, url.QueryEscape(value))
			}
		}
	}
	for part := range strings.SplitSeq(address.EscapedPath(), "/") {
		if len(part) >= longPart && !uuid.MatchString(part) {
			secrets = append(secrets, part)
			if plain, err := url.PathUnescape(part); err == nil {
				secrets = append(secrets, plain)
			}
		}
	}
	if password, given := address.User.Password(); given {
		secrets = append(secrets, password)
	}
	slices.Sort(secrets)
	return slices.Compact(secrets)
}

// bare takes off the *url.Error that net/http puts around every error: it holds the whole address.
func bare(err error) error {
	var withAddress *url.Error
	if errors.As(err, &withAddress) && withAddress.Err != nil {
		return withAddress.Err
	}
	return err
}

// safe gives the text of an error without its address, without anything secret, and on one line.
func (c *Fetcher) safe(err error) string { return c.safeText(bare(err).Error()) }

// safeText is the same for a text that the API has sent. The length is limited, for it goes into one line.
func (c *Fetcher) safeText(text string) string {
	const limit = 500 // runes
	if c.hidden != "" {
		text = strings.ReplaceAll(text, c.hidden, "***")
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	text = Redact(strings.ToValidUTF8(text, "�"))
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit]) + "…"
	}
	return text
}
