package fabricate

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// The faults of an address on the way to the data, which are the same however often it is tried.
var (
	errTooManyRedirects = errors.New("too many redirects")
	errDowngrade        = errors.New("the data is offered over http")
	errScheme           = errors.New("the data is offered by a way that is not http")
	errAddress          = errors.New("an address on the way to the data cannot be read")
)

// ask makes one request for the data, over as many redirects as it takes, and gives the answer at their end. It follows them
// itself, because net/http quotes an address that it cannot read. Each address is a secret from the moment that it is known.
func (t *transfer) ask(ctx context.Context) (*http.Response, *fault) {
	told := t.from.address
	secure := t.from.api == nil || t.from.api.Scheme == "https"
	for hops := 0; ; hops++ {
		t.secret(signed(told)...)
		address, err := t.over(told, secure)
		if err != nil {
			return nil, t.wrongWay(err, told)
		}
		t.secret(signed(address)...)
		secure = secure || address.Scheme == "https"
		response, err := t.send(ctx, address)
		if err != nil {
			return nil, t.lost(ctx, address, err)
		}
		location := response.Header.Get("Location")
		if !redirects(response.StatusCode) || location == "" {
			return response, nil
		}
		discardBody(response)
		if hops == maxRedirects {
			return nil, t.wrongWay(errTooManyRedirects, address)
		}
		if told, err = address.Parse(location); err != nil {
			t.secret(location)
			return nil, t.wrongWay(errAddress, address)
		}
	}
}

// over gives an address as it is asked for. The API, and what answers in its name, may call itself http though it is reached
// over https: then it is asked over https, where the API is. Otherwise nothing goes from https to http, unless the user says so.
func (t *transfer) over(told *url.URL, secure bool) (*url.URL, error) {
	if told.Hostname() == "" && (told.Scheme == "http" || told.Scheme == "https") {
		return nil, errAddress
	}
	switch {
	case told.Scheme == "https":
		return told, nil
	case told.Scheme != "http":
		return nil, errScheme
	case t.isAPI(told):
		if port(told) != "80" && port(told) != port(t.from.api) {
			t.store = told.Host
		}
		address := *told
		address.Scheme, address.Host = t.from.api.Scheme, t.from.api.Host
		return &address, nil
	case secure && !t.allowHTTP:
		return nil, errDowngrade
	}
	return told, nil
}

// isAPI tells whether an http address is one of the API's own host, which is reached over https. Another port there may be
// that of a store, if the user allows one over http.
func (t *transfer) isAPI(told *url.URL) bool {
	api := t.from.api
	if api == nil || api.Scheme != "https" || !strings.EqualFold(strings.TrimSuffix(told.Hostname(), "."), strings.TrimSuffix(api.Hostname(), ".")) {
		return false
	}
	return port(told) == "80" || port(told) == port(api) || !t.allowHTTP
}

// send sends one request, without any key.
func (t *transfer) send(ctx context.Context, address *url.URL) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", t.userAgent)
	request.Header.Set("Accept-Encoding", "identity")
	if address.User != nil {
		password, _ := address.User.Password()
		request.SetBasicAuth(address.User.Username(), password)
	}
	if t.got > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", t.got))
		request.Header.Set("If-Range", t.validator)
	}
	return t.transport.RoundTrip(request)
}

// wrongWay gives the fault for an address that is not gone to.
func (t *transfer) wrongWay(err error, address *url.URL) *fault {
	f := t.broken(err.Error(), err, false)
	if errors.Is(err, errDowngrade) {
		f = t.broken(fmt.Sprintf("%s by %s, though https was asked for", err, address.Host), err, false)
		f.remedy("If that is the store of your own installation, set allow-http to true: then the data can be read and changed on its way.")
	}
	return f
}

// remedy says what to do about a fault.
func (f *fault) remedy(text string) {
	var p *problem.Error
	if errors.As(f.err, &p) {
		p.Remedy = text
	}
}

// nameOf gives the name of the file that an answer holds: as its header says, or else as the address ends. It is for people
// and for what follows from its ending, and has nothing in it that a path could be made of.
func nameOf(response *http.Response, address *url.URL) string {
	const longest = 200 // bytes
	_, parameters, _ := mime.ParseMediaType(response.Header.Get("Content-Disposition"))
	name := parameters["filename"]
	if name == "" {
		name = address.Path
	}
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if name == "." || name == "/" || name == ".." || len(name) > longest || strings.ContainsFunc(name, unicode.IsControl) {
		return ""
	}
	return name
}
