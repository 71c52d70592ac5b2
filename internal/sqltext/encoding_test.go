package sqltext

import (
	"strings"
	"testing"
)

func TestToUTF8(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text, encoding, want string
		ok                   bool
	}{
		{"plain", "EUC_TW", "plain", true},
		{"é", "UTF8", "é", true},
		{"\xe9", "UTF8", "\xe9", false},
		{"\xe9", "LATIN1", "é", true},
		{"\xa4", "LATIN9", "€", true},
		{"\x80", "WIN1252", "€", true},
		{"\x95\\", "SJIS", "表", true},
		{"\x95", "SJIS", "", false},
		{"\xa1\xa1", "EUC_TW", "", false},
		{"\xe9", "SQL_ASCII", "", false},
	} {
		got, ok := ToUTF8(tt.text, tt.encoding)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%q in %s: %q %v", tt.text, tt.encoding, got, ok)
		}
	}
}

func TestClipName(t *testing.T) {
	t.Parallel()
	u := func(n int) string { return strings.Repeat("ü", n) }
	for _, tt := range []struct{ name, encoding, want string }{
		{strings.Repeat("x", 70), "UTF8", strings.Repeat("x", 63)},
		{u(70), "UTF8", u(31)},
		{"x" + u(31), "UTF8", "x" + u(31)},
		{u(70), "", u(31)},
		{u(63), "LATIN1", u(63)},
		{u(70), "LATIN1", u(63)},
		{u(70), "WIN1252", u(63)},
		{u(70), "SQL_ASCII", u(31) + "\xc3"},
	} {
		if got := ClipName(tt.name, tt.encoding); got != tt.want {
			t.Errorf("%s in %s: %q", tt.name, tt.encoding, got)
		}
	}
}
