package psql

import (
	"strings"
	"testing"
)

func TestEncodingName(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"utf-8": "UTF8", "UTF8": "UTF8", "unicode": "UTF8", "latin1": "LATIN1", "ISO-8859-1": "LATIN1", "iso_8859_15": "LATIN9", "windows-1252": "WIN1252",
		"WIN1251": "WIN1251", "Shift_JIS": "SJIS", "sjis": "SJIS", "euc_jp": "EUC_JP", "EUC_JIS_2004": "EUC_JIS_2004", "SQL_ASCII": "SQL_ASCII", "koi8": "KOI8R",
	} {
		if got := EncodingName(written); got != want {
			t.Errorf("%s: %s, not %s", written, got, want)
		}
	}
}

// Characters that stand across two reads of the file stay whole, in quotes too: their later bytes look like backslashes.
func TestCharactersAcrossWindows(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: what it reads is large")
	}
	t.Parallel()
	for shift := range longestCharacter {
		for _, begin := range []string{"select '", "select E'", `select "`, "/* ", "do $a$", "-- "} {
			end := map[string]string{"/* ": "*/ select 1", "do $a$": "$a$", "-- ": "\nselect 1", `select "`: `"`}[begin]
			if end == "" {
				end = "'"
			}
			want := begin + strings.Repeat("x", shift) + strings.Repeat("\x83\x5c", 3*windowSize) + end + ";"
			got := read(t, want+"\nselect 2;", Options{Encoding: "SJIS", Escapes: true})
			if strings.HasPrefix(want, "--") {
				want = "select 1;"
			}
			if len(got) != 2 || got[0] != want || got[1] != "select 2;" {
				t.Errorf("%s, shifted by %d: %d statements, %.100q", begin, shift, len(got), got)
			}
		}
	}
}
