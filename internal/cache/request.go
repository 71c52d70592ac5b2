package cache

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"strings"
)

// Request is all that decides what is generated, and nothing secret.
type Request struct {
	APIURL    string
	Workspace string
	Database  string
	Format    string
	Entity    string          // empty for all
	Overrides json.RawMessage // a JSON object; empty for none
}

// Key is what stands for a request in names of files: 32 hexadecimal digits.
type Key string

const keyLength = 32 // of the 64 digits that SHA-256 has; 128 bits never meet by chance

// described is a request as it is hashed, and as it is kept beside an archive. Of overrides there is only a hash: they can be long, and
// are the user's own affair.
type described struct {
	APIURL    string `json:"api_url"`
	Workspace string `json:"workspace"`
	Database  string `json:"database"`
	Format    string `json:"format"`
	Entity    string `json:"entity,omitempty"`
	Overrides string `json:"overrides_sha256,omitempty"`
}

func (d described) key() Key {
	text, err := json.Marshal(d)
	if err != nil { // strings can always be encoded
		panic(err)
	}
	return Key(digest(append([]byte(layout+"\n"), text...))[:keyLength])
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Key gives the same key for requests that mean the same, and another one for every other. The error is that of overrides which are
// no JSON.
//
// The same are: an address with and without its default port, in any case of scheme and host; a format in any case; overrides with
// their names in another order, with other white space, with characters written as themselves or escaped, and with decimals such as
// 1.50 and 15e-1. A whole number and a decimal of the same value are not, since a generator can show the difference: 1 and 1.0. No
// overrides and empty ones are the same.
func (r Request) Key() (Key, error) {
	d, err := r.described()
	return d.key(), err
}

func (r Request) described() (described, error) {
	d := described{
		APIURL: canonicalAddress(r.APIURL), Workspace: r.Workspace, Database: r.Database, Format: strings.ToLower(r.Format), Entity: r.Entity,
	}
	overrides, err := canonicalOverrides(r.Overrides)
	if err != nil {
		return d, fmt.Errorf("overrides: %w", err)
	}
	if overrides != "" {
		d.Overrides = digest([]byte(overrides))
	}
	return d, nil
}

func canonicalAddress(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u.String()
}

// canonicalOverrides writes overrides in one way: nothing for those that override nothing, otherwise JSON with sorted names, no white
// space, and numbers as [canonicalNumber] has them.
func canonicalOverrides(text json.RawMessage) (string, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return "", nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("there is more than one JSON value")
	}
	if object, ok := value.(map[string]any); ok {
		for _, name := range []string{"variables", "entities"} { // an empty one overrides nothing
			if inner, ok := object[name].(map[string]any); ok && len(inner) == 0 {
				delete(object, name)
			}
		}
		if len(object) == 0 {
			return "", nil
		}
	}
	canonical, err := json.Marshal(withCanonicalNumbers(value)) // sorts names
	return string(canonical), err
}

func withCanonicalNumbers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			value[name] = withCanonicalNumbers(inner)
		}
	case []any:
		for i, inner := range value {
			value[i] = withCanonicalNumbers(inner)
		}
	case json.Number:
		return json.Number(canonicalNumber(value.String()))
	}
	return value
}

// canonicalNumber leaves whole numbers as they are, and writes decimals, which have a point or an exponent, as digits without zeros at
// either end and an exponent: 1.50 and 15e-1 are 15e-1. No digit is lost.
func canonicalNumber(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		if text == "-0" {
			return "0"
		}
		return text
	}
	sign := ""
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		sign, text = "-", rest
	}
	mantissa, power, _ := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	exponent, _ := new(big.Int).SetString(cmp.Or(power, "0"), 10) // of JSON's grammar, so that it is a number
	exponent.Sub(exponent, big.NewInt(int64(len(fraction))))
	trimmed := strings.TrimRight(digits, "0")
	exponent.Add(exponent, big.NewInt(int64(len(digits)-len(trimmed))))
	if trimmed = strings.TrimLeft(trimmed, "0"); trimmed == "" {
		return "0e0"
	}
	return sign + trimmed + "e" + exponent.String()
}
