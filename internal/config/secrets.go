package config

import (
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
)

// rawPassword finds passwords in a connection string as they are written there: percent-encoded in a URL, with
// backslashes in a keyword string, after a semicolon in one of .NET's. The decoded forms come from the reader.
var rawPassword = regexp.MustCompile(`(?is)(?:^|[\s?&;])(?:ssl ?)?(?:password|pwd)\s*=\s*('(?:[^'\\]|\\.)*'|"[^"]*"|(?:\\.|[^\s&;])+)`)

// Secrets gives every secret in the settings in every spelling that they or a driver could show: the API key, the
// connection string, its password plain and encoded, and the password of a connection object. Longest first.
//
// A database password that equals the user, host or database beside it (postgres, in most service containers) is no
// secret by itself: hiding it would hide the host's name in every message. The connection string as a whole still is.
func (s *Settings) Secrets() []string {
	secrets := append([]string{s.APIKey, s.targetText}, s.secrets...)
	var open []string // names that are shown, whatever the password is
	if t := s.Target; t != nil {
		open = []string{t.User, t.Host, t.Database}
		secrets = append(secrets, t.Password, os.Getenv("PGSSLPASSWORD"))
		for _, fallback := range t.Fallbacks {
			open = append(open, fallback.Host)
		}
	}
	for _, m := range rawPassword.FindAllStringSubmatch(s.targetText, -1) {
		secrets = append(secrets, m[1], strings.Trim(m[1], `'"`))
	}
	if userinfo, ok := userinfo(s.targetText); ok {
		if _, password, ok := strings.Cut(userinfo, ":"); ok {
			secrets = append(secrets, password)
		}
	}
	var all []string
	for _, secret := range secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), url.UserPassword("", secret).String()} {
			form = strings.TrimPrefix(form, ":")
			if form != "" && !slices.Contains(open, form) {
				all = append(all, form)
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(all)
}

// userinfo gives what stands before the last @ of a URL's authority, even where the URL cannot be parsed.
func userinfo(text string) (string, bool) {
	_, rest, ok := strings.Cut(text, "://")
	if !ok {
		return "", false
	}
	at := strings.LastIndex(rest, "@")
	if at < 0 {
		return "", false
	}
	return rest[:at], true
}

// holdsPassword says whether a connection string has a password in it, in either form.
func holdsPassword(text string) bool {
	userinfo, _ := userinfo(text)
	return strings.Contains(userinfo, ":") || rawPassword.MatchString(text)
}
