package psql

import "testing"

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
