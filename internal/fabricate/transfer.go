package fabricate

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// transfer is one download, over as many requests as it takes.
type transfer struct {
	*Fetcher
	from     source
	progress func(done, total int64)
	file     *os.File
	sum      hash.Hash

	got         int64  // bytes in the file, and in sum
	head        []byte // the first four of them
	total       int64  // bytes of the whole; 0 when not known
	validator   string // for If-Range: by it the server can tell that the object is the same; empty when it cannot
	contentType string // as the server of the data says
	name        string // as the server of the data calls it
	received    int64  // bytes ever received, those thrown away included
	pace        pace
	restarts    int
	store       string // host:port that offered the data over http, where the API was asked instead; mostly empty
}

// pace is how fast data comes, over requests of all kinds.
type pace struct {
	spent    time.Duration // in requests that have ended, since the last mark
	began    time.Time     // of the request under way
	received int64         // at the last mark
}

// tooSlow tells whether less came than a download must bring.
func (t *transfer) tooSlow() bool {
	span := t.pace.spent + time.Since(t.pace.began)
	if span < slowTimeouts*t.requestTimeout {
		return false
	}
	slow := float64(t.received-t.pace.received) < slowRate*span.Seconds()
	t.pace = pace{began: time.Now(), received: t.received}
	return slow
}

// run makes requests until all is there, the fault lasts, or a limit is reached.
func (t *transfer) run(ctx context.Context) error {
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, longestDownload)
	defer cancel()
	pauses := t.pauses()
	tries, refreshes := 0, 0
	for requests := 1; ; requests++ {
		before := t.received
		t.pace.began = time.Now()
		f := t.fetch(ctx)
		t.pace.spent += time.Since(t.pace.began)
		if f == nil {
			return nil
		}
		if ctx.Err() != nil {
			what := fmt.Sprintf("the time limit ended after %d bytes", t.got)
			if outer.Err() == nil {
				what = fmt.Sprintf("not complete within %s: %d bytes came", longestDownload, t.got)
			}
			return stopped(ctx, t.from.what, what, t.from.again)
		}
		if t.received > before {
			tries = 0
			pauses.Reset()
		}
		tries++
		switch {
		case f.expired && t.from.fresh != nil && refreshes < maxRefreshes:
			refreshes++
			t.notice("Asking for a fresh address: " + headline(f.err))
			address, err := t.from.fresh(ctx)
			if err != nil {
				return err
			}
			t.from.address = address
			if refreshes == 1 {
				continue // an address that is too old needs no pause
			}
		case !f.passing, tries >= t.tries, f.tries > 0 && tries >= f.tries, requests >= maxRequests:
			return t.givenUp(f, requests)
		}
		if stop := t.pause(ctx, pauses, f); stop != nil {
			return stop.err
		}
	}
}

// restart forgets what has come so far.
func (t *transfer) restart(why string) *fault {
	if t.restarts++; t.restarts > maxRestarts {
		return t.broken("the download cannot be resumed, and beginning anew did not help: "+why, nil, false)
	}
	t.notice("Downloading from the start again: " + why)
	if err := t.file.Truncate(0); err != nil {
		return &fault{err: cannotWrite(t.file.Name(), err)}
	}
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		return &fault{err: cannotWrite(t.file.Name(), err)}
	}
	t.sum.Reset()
	t.got, t.head, t.total, t.validator = 0, nil, 0, ""
	return nil
}

var errSilence = errors.New("silence")

// fetch makes one request and takes what it gives; nil when the data is complete.
func (t *transfer) fetch(ctx context.Context) *fault {
	if t.got > 0 && t.validator == "" {
		if f := t.restart("the server does not tell whether the data is still the same"); f != nil {
			return f
		}
	}

	// The longest silence is limited, not the whole: the timer starts again with every byte.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(t.requestTimeout, func() { cancel(errSilence) })
	defer silence.Stop()

	response, f := t.ask(ctx)
	if f != nil {
		return f
	}
	defer response.Body.Close()
	body, f := t.begin(response)
	if f != nil {
		return f
	}
	return t.take(ctx, body, silence)
}

// begin looks at the head of an answer and gives the body to append to what is there.
func (t *transfer) begin(response *http.Response) (io.Reader, *fault) {
	switch status := response.StatusCode; status {
	case http.StatusOK:
		if t.got > 0 {
			if f := t.restart("the data has changed, or the server cannot resume"); f != nil {
				return nil, f
			}
		}
	case http.StatusPartialContent:
		if why := t.mismatch(response); why != "" {
			if f := t.restart(why); f != nil {
				return nil, f
			}
			return nil, t.broken(why, nil, true)
		}
		return response.Body, nil
	case http.StatusRequestedRangeNotSatisfiable:
		if f := t.restart("the data is shorter than before"); f != nil {
			return nil, f
		}
		return nil, t.broken("the data has changed", nil, true)
	default:
		// Without the body: stores repeat parts of what was signed in it.
		return nil, t.refusedData(t.refused(t.from.what, response, nil), status)
	}
	t.contentType = response.Header.Get("Content-Type")
	t.name = nameOf(response, t.from.address)
	t.total = max(0, response.ContentLength)
	t.validator = validatorOf(response.Header)
	return t.decoded(response)
}

// refusedData turns an API's refusal into one of the server of the data.
func (t *transfer) refusedData(f *fault, status int) *fault {
	var p *problem.Error
	if !errors.As(f.err, &p) {
		return f
	}
	p.Code, p.Topic = problem.Data, problem.Download
	switch status {
	case http.StatusProxyAuthRequired:
		return f
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		f.expired, f.passing = true, false
		p.What = "the address of the data is not valid (any more): " + p.What
		p.Remedy = t.from.gone
	default:
		p.Remedy = "The fault is on the side of the server of the data. Try again later."
	}
	return f
}

// decoded undoes a gzip that was not asked for. Its bytes cannot be resumed, because what is in the file is not what
// the server counts. Some say gzip, and send it plain.
func (t *transfer) decoded(response *http.Response) (io.Reader, *fault) {
	switch encoding := strings.ToLower(response.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
		return response.Body, nil
	case "gzip", "x-gzip":
		body := bufio.NewReader(response.Body)
		if head, err := body.Peek(len(gzipMagic)); err == nil && string(head) != gzipMagic {
			return body, nil
		}
		t.total, t.validator = 0, ""
		plain, err := gzip.NewReader(body)
		if err != nil {
			return nil, t.broken("the server's gzip encoding cannot be read: "+t.safe(err), err, true)
		}
		return plain, nil
	default:
		f := t.broken(fmt.Sprintf("the server sends the data in the encoding %.20q, which was not asked for", encoding), nil, false)
		f.remedy("The store, or what stands before it, has to send the data as it is (Content-Encoding).")
		return nil, f
	}
}

// mismatch says why a partial answer does not continue what is there; empty when it does.
func (t *transfer) mismatch(response *http.Response) string {
	first, last, total, ok := parseContentRange(response.Header.Get("Content-Range"))
	tag := response.Header.Get("ETag")
	switch {
	case t.got == 0:
		return "the server sends a part where all was asked for"
	case !ok || first != t.got || last < first:
		return "the server sends another part than was asked for"
	case total > 0 && (last >= total || t.total > 0 && total != t.total):
		return "the data has another length than before"
	case tag != "" && strings.HasPrefix(t.validator, `"`) && tag != t.validator:
		return "the data has changed"
	}
	return ""
}

// parseContentRange reads "bytes first-last/total"; total is 0 when it is "*" (RFC 9110, 14.4).
func parseContentRange(header string) (first, last, total int64, ok bool) {
	unit, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	span, size, hasSize := strings.Cut(rest, "/")
	from, to, hasSpan := strings.Cut(span, "-")
	if !strings.EqualFold(unit, "bytes") || !hasSize || !hasSpan {
		return 0, 0, 0, false
	}
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	if size != "*" {
		var err error
		if total, err = strconv.ParseInt(size, 10, 64); err != nil {
			return 0, 0, 0, false
		}
	}
	return first, last, total, err1 == nil && err2 == nil
}

// validatorOf gives what If-Range needs to prove that an object is the same: a strong entity tag, or a modification
// date that is strong because it was over by the time of the answer (RFC 9110, 8.8.2.2 and 13.1.5).
func validatorOf(header http.Header) string {
	if strings.EqualFold(header.Get("Accept-Ranges"), "none") {
		return ""
	}
	if tag := header.Get("ETag"); strings.HasPrefix(tag, `"`) {
		return tag
	}
	modified, err := http.ParseTime(header.Get("Last-Modified"))
	if err != nil {
		return ""
	}
	if date, err := http.ParseTime(header.Get("Date")); err != nil || date.Sub(modified) < time.Second {
		return ""
	}
	return header.Get("Last-Modified")
}

// take appends the body to the file, and to the sum.
func (t *transfer) take(ctx context.Context, body io.Reader, silence *time.Timer) *fault {
	buffer := make([]byte, 64<<10)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			silence.Reset(t.requestTimeout)
			if _, err := t.file.Write(buffer[:n]); err != nil {
				return &fault{err: cannotWrite(t.file.Name(), err)}
			}
			t.sum.Write(buffer[:n])
			t.head = append(t.head, buffer[:min(n, 4-len(t.head))]...)
			t.got += int64(n)
			t.received += int64(n)
			if t.got > t.maxSize || t.total > t.maxSize {
				return t.tooLarge()
			}
			t.progress(t.got, t.total)
			if t.got != t.total && t.tooSlow() {
				return &fault{err: &problem.Error{
					Code:   problem.Timeout,
					Where:  t.from.what,
					What:   fmt.Sprintf("less than %d bytes came in a second, over %s", slowRate, slowTimeouts*t.requestTimeout),
					Remedy: "If the network is only slow, raise the setting request-timeout.",
				}}
			}
		}
		switch {
		case t.total > 0 && t.got == t.total:
			return nil
		case t.total > 0 && t.got > t.total: // only a part without a length can do that
			if f := t.restart("the server sends more than it announced"); f != nil {
				return f
			}
			return t.broken("the server sends more than it announced", nil, true)
		case errors.Is(err, io.EOF) && t.total == 0:
			return nil
		case errors.Is(err, io.EOF):
			return t.lost(ctx, t.from.address, io.ErrUnexpectedEOF) // the part that was sent did not reach the end
		case err != nil:
			return t.lost(ctx, t.from.address, err)
		}
	}
}

func (t *transfer) tooLarge() *fault {
	what := fmt.Sprintf("the download is larger than %d bytes", t.maxSize)
	if t.total > t.maxSize {
		what = fmt.Sprintf("the download has %d bytes, and %d are allowed", t.total, t.maxSize)
	}
	f := t.broken(what, nil, false)
	f.remedy("If that is right, raise the setting max-size.")
	return f
}

// lost gives the fault for a connection that could not be made, was cut, or fell silent.
func (t *transfer) lost(ctx context.Context, address *url.URL, err error) *fault {
	switch {
	case errors.Is(context.Cause(ctx), errSilence):
		return &fault{passing: true, err: &problem.Error{
			Code:   problem.Timeout,
			Topic:  problem.Download,
			Where:  t.from.what,
			What:   fmt.Sprintf("the server sent nothing for %s", t.requestTimeout),
			Remedy: "If the network is only slow, raise the setting request-timeout.",
			Err:    bare(err),
		}}
	case t.got > 0 && errors.Is(err, io.ErrUnexpectedEOF):
		return t.broken("the connection was cut", err, true)
	}
	f := t.unreachable(address, t.from.what, err)
	var p *problem.Error
	if errors.As(f.err, &p) {
		p.Code, p.Topic = problem.Data, problem.Download
		p.Remedy = strings.ReplaceAll(p.Remedy, "the setting api-url", "the address of the data")
	}
	return f
}

func (t *transfer) broken(what string, cause error, passing bool) *fault {
	return &fault{passing: passing, err: &problem.Error{
		Code:  problem.Data,
		Topic: problem.Download,
		Where: t.from.what,
		What:  what,
		Err:   bare(cause),
	}}
}
