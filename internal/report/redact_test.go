package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Secrets are taken out however they are escaped, and where the text was cut in the middle of one.
func TestSecretsEscaped(t *testing.T) {
	t.Parallel()
	const secret = `pä"ss/wo\rd😀x`
	var r redactor
	r.add(secret, "12345678")
	all := func(format string) (s string) {
		for _, c := range []byte(secret) {
			s += fmt.Sprintf(format, c)
		}
		return s
	}
	unicode := ""
	for _, c := range secret {
		if c > 0xffff {
			c -= 0x10000
			unicode += fmt.Sprintf(`\u%04x\u%04X`, 0xd800+c>>10, 0xdc00+c&0x3ff)
			continue
		}
		unicode += fmt.Sprintf(`\u%04x`, c)
	}
	inJSON, _ := json.Marshal(unicode)
	twice, _ := json.Marshal(string(inJSON))
	for _, text := range []string{secret, unicode, string(inJSON), string(twice), all("%%%02x"), all("%%%02X"),
		`pä\"ss\/wo\\rd😀x`, `p\u00e4\"ss/wo\\rd😀x`, `p%C3%A4%22ss%2Fwo%5Crd%F0%9F%98%80x`, `[1234` + `\u0035678, "x"]`, `12345678`, `12345…`, `pä"ss/…`} {
		got := r.text("before " + text + " behind " + text)
		if strings.Count(got, blot) != 2 || !strings.HasPrefix(got, "before ") || !strings.Contains(got, " behind ") {
			t.Errorf("%s is %s", text, got)
		}
	}
	for _, text := range []string{`\`, `%`, `\u12`, `\ud800`, "%zz", `\q \n \t`, "100 % of it…", "1…", `C:\temp`} {
		if got := r.text(text); got != text {
			t.Errorf("%s is %s", text, got)
		}
	}
}
