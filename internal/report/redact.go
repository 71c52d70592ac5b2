package report

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

const (
	minSecret     = 3 // bytes; a shorter secret would blot out half of every line and still be guessed
	minSecretLine = 8 // bytes; for one line of a secret of several lines
	blot          = "***"
)

// redactor replaces secrets, in the spellings in which text of ours could hold them, with ***.
type redactor struct {
	forms    []string // longest first
	replacer *strings.Replacer
}

// add takes more secrets. Secrets shorter than minSecret are left out.
func (r *redactor) add(secrets ...string) {
	for _, secret := range secrets {
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
	return r.replacer.Replace(s)
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
