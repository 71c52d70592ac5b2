package report

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	minSecret     = 3 // bytes; a shorter secret would blot out half of every line and still be guessed
	minSecretLine = 8 // bytes; for one line of a secret of several lines
	blot          = "***"
)

// redactor replaces secrets, in the spellings in which text of ours could hold them, with ***.
type redactor struct {
	secrets  []string // as they are
	forms    []string // longest first
	replacer *strings.Replacer
}

// add takes more secrets. Secrets shorter than minSecret are left out.
func (r *redactor) add(secrets ...string) {
	for _, secret := range secrets {
		if len(secret) >= minSecret {
			r.secrets = append(r.secrets, secret)
		}
		r.forms = append(r.forms, spellings(secret)...)
		if lines := strings.Split(secret, "\n"); len(lines) > 1 {
			for _, line := range lines {
				if line = strings.TrimSpace(line); len(line) >= minSecretLine {
					r.forms = append(r.forms, spellings(line)...)
				}
			}
		}
	}
	slices.SortFunc(r.forms, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	r.forms = slices.Compact(r.forms)
	pairs := make([]string, 0, 2*len(r.forms))
	for _, form := range r.forms {
		pairs = append(pairs, form, blot)
	}
	r.replacer = strings.NewReplacer(pairs...) // at one place the first pair that matches wins: the longest
}

// text gives s without secrets.
func (r *redactor) text(s string) string {
	if r.replacer == nil {
		return s
	}
	return r.ended(r.escaped(r.replacer.Replace(s)))
}

// escaped takes out secrets that are written with escapes which nobody needs: any character of a JSON text may be \u and four digits, any
// byte of an address % and two; and JSON may stand in JSON.
func (r *redactor) escaped(s string) string {
	const within = 3 // in one another
	for plain, at, n := s, []int(nil), 0; n < within && strings.ContainsAny(plain, `\%`); n++ {
		plain, at = unescape(plain, at)
		for _, secret := range r.secrets {
			i := strings.Index(plain, secret)
			if i < 0 {
				continue
			}
			from, to := at[i], at[i+len(secret)]
			return s[:from] + blot + r.escaped(s[to:])
		}
	}
	return s
}

// unescape gives a text with the escapes of JSON and of addresses undone, and for each byte of it, and its end, where it was: in the text
// that at was made for, if it is not nil.
func unescape(s string, at []int) (plain string, from []int) {
	out := make([]byte, 0, len(s))
	from = make([]int, 0, len(s)+1)
	place := func(i int) int {
		if at != nil {
			return at[i]
		}
		return i
	}
	for i := 0; i < len(s); {
		text, n := s[i:i+1], 1
		switch m := anyEscape.FindStringSubmatch(s[i:min(len(s), i+12)]); {
		case s[i] != '\\' && s[i] != '%', m == nil:
		case m[1] != "": // \uXXXX, or two of them that are one character
			n = len(m[1])
			if unquoted, err := strconv.Unquote(`"` + m[1] + `"`); err == nil {
				text = unquoted
			} else if json.Unmarshal([]byte(`"`+m[1]+`"`), &text) != nil {
				n = 1
			}
		case m[2] != "":
			n, text = 2, string(shortEscapes[m[2][0]])
		case m[3] != "":
			v, _ := strconv.ParseUint(m[3], 16, 8)
			n, text = 3, string([]byte{byte(v)})
		}
		for range len(text) {
			from = append(from, place(i))
		}
		out = append(out, text...)
		i += n
	}
	return string(out), append(from, place(len(s)))
}

var (
	anyEscape    = regexp.MustCompile(`^(?:((?:\\u[dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[0-9a-fA-F]{4})|\\(["\\/bfnrt])|%([0-9a-fA-F]{2}))`)
	shortEscapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
)

// ended takes out the beginning of a secret where a text was cut.
func (r *redactor) ended(s string) string {
	const cut, least = "…", 4 // bytes
	head, rest, found := strings.Cut(s, cut)
	if !found {
		return s
	}
	for _, secret := range r.secrets {
		for n := min(len(secret)-1, len(head)); n >= least; n-- {
			if strings.HasSuffix(head, secret[:n]) {
				head = head[:len(head)-n] + blot
				break
			}
		}
	}
	return head + cut + r.ended(rest)
}

var percentEncoded = regexp.MustCompile(`%[0-9A-F]{2}`)

// spellings gives a secret as it is, and as it looks in a URL, in JSON, in SQL, in Go's %q and in base64.
func spellings(secret string) []string {
	if len(secret) < minSecret {
		return nil
	}
	query, path := url.QueryEscape(secret), url.PathEscape(secret)
	user := strings.TrimPrefix(url.UserPassword("", secret).String(), ":")
	inJSON, _ := json.Marshal(secret) // a string can always be marshalled
	var plainJSON strings.Builder
	encoder := json.NewEncoder(&plainJSON)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(secret)
	all := []string{
		secret, query, path, user,
		percentEncoded.ReplaceAllStringFunc(query, strings.ToLower),
		percentEncoded.ReplaceAllStringFunc(path, strings.ToLower),
		percentEncoded.ReplaceAllStringFunc(user, strings.ToLower),
		strings.Trim(string(inJSON), `"`),
		strings.Trim(strings.TrimSpace(plainJSON.String()), `"`),
		strings.ReplaceAll(secret, "'", "''"),
		strings.ReplaceAll(strings.ReplaceAll(secret, `\`, `\\`), `'`, `\'`),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawStdEncoding.EncodeToString([]byte(secret)),
		base64.URLEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
	return slices.DeleteFunc(all, func(form string) bool { return len(form) < minSecret })
}
