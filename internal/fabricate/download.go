package fabricate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// Limits of one download.
const (
	maxRestarts  = 3    // times that it begins again at the first byte
	maxRefreshes = 3    // times that a fresh address is asked for
	maxRequests  = 1000 // requests in all; a proxy may cut each after some megabytes

	// A server that sends a byte now and then is never silent. Over so many request timeouts at least so many bytes a second are
	// to come, the time between requests not counted.
	slowTimeouts = 10
	slowRate     = 1 << 10
)

// File is what was downloaded.
type File struct {
	Path        string // in the folder given; the caller's to remove
	Size        int64  // bytes
	SHA256      string // hexadecimal
	ContentType string // as the API says, else the server of the data; application/zip by its first bytes
	IsZip       bool   // by content type or by its first bytes
}

// Download streams the data of a completed task to a new file in the folder dir, readable by its owner only. Progress
// is told often, with total 0 while it is not known; done falls back when the download has to start anew. On any error
// no file is left.
//
// Errors: API when the task has no data, or is gone when it is asked for a fresh address; Data when the download fails
// or cannot be written; Timeout when the server stays silent, or ctx's deadline passes; a bare context error when ctx
// was cancelled.
func (c *Client) Download(
	ctx context.Context, task Task, dir string, progress func(done, total int64),
) (_ File, err error) {
	if !task.HasData() {
		return File{}, &problem.Error{
			Code:   problem.API,
			Where:  "generation task " + task.ID,
			What:   "the task has no data to download",
			Remedy: "A task with a connection pushes its rows itself; for a file use the setting format instead.",
		}
	}
	temp, err := os.CreateTemp(dir, "fabricate-*.part") // mode 0600
	if err != nil {
		return File{}, cannotWrite(dir, err)
	}
	defer func() {
		temp.Close() // a second time after success, which is harmless
		if err != nil {
			os.Remove(temp.Name())
		}
	}()
	if progress == nil {
		progress = func(_, _ int64) {}
	}
	t := &transfer{client: c, task: task, progress: progress, file: temp, sum: sha256.New()}
	if err := t.run(ctx); err != nil {
		return File{}, err
	}
	if err := temp.Close(); err != nil {
		return File{}, cannotWrite(dir, err)
	}
	contentType := t.contentTypeOfData()
	return File{
		Path:        temp.Name(),
		Size:        t.got,
		SHA256:      hex.EncodeToString(t.sum.Sum(nil)),
		ContentType: contentType,
		IsZip:       isZipType(contentType) || t.hasZipMagic(),
	}, nil
}

func cannotWrite(dir string, err error) error {
	p := &problem.Error{
		Code:   problem.Data,
		Where:  dir,
		What:   "the download cannot be written here: " + withoutPath(err),
		Remedy: "Point TMPDIR, or the setting data-dir, at a folder that exists and may be written.",
		Err:    err,
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		p.What = "there is no space left for the download"
		p.Remedy = "Free some space, or point TMPDIR, or the setting data-dir, at a larger disk."
	}
	return p
}

func withoutPath(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

func isZipType(contentType string) bool {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	return mediaType == "application/zip" || mediaType == "application/x-zip-compressed"
}

// checkDataRedirect follows redirects anywhere but from https to http. It takes away the Referer, in which net/http
// would tell the next host the signed address of this one.
func (c *Client) checkDataRedirect(next *http.Request, before []*http.Request) error {
	next.Header.Del("Referer")
	if len(before) > maxRedirects {
		return errTooManyRedirects
	}
	return c.checkDataURL(next.URL, before[0].URL.Scheme == "https")
}

// checkDataURL refuses what is not http, and http where https was given before.
func (c *Client) checkDataURL(address *url.URL, secure bool) error {
	switch {
	case address.Scheme == "https", address.Scheme == "http" && !secure:
		return nil
	case address.Scheme == "http":
		return errDowngrade
	}
	return errScheme
}

var (
	errTooManyRedirects = errors.New("too many redirects")
	errDowngrade        = errors.New("the data is offered over http, though the API is reached over https")
	errScheme           = errors.New("the data is offered by a way that is not http")
)

// stays gives the error of a refused redirect or address, which is the same however often it is tried; nil otherwise.
func stays(err error) error {
	for _, lasting := range []error{errTooManyRedirects, errDowngrade, errScheme} {
		if errors.Is(err, lasting) {
			return lasting
		}
	}
	return nil
}

// where says what is downloaded, without its address.
func (t *transfer) where() string { return "download of task " + t.task.ID }

func (t *transfer) contentTypeOfData() string {
	if t.task.ContentType != "" {
		return t.task.ContentType
	}
	if t.contentType == "" || strings.HasPrefix(t.contentType, "application/octet-stream") ||
		strings.HasPrefix(t.contentType, "binary/octet-stream") {
		if t.hasZipMagic() {
			return "application/zip"
		}
	}
	return t.contentType
}

// hasZipMagic says whether the data begins as a zip does: with a local file, or with the end of an empty one.
func (t *transfer) hasZipMagic() bool {
	return string(t.head) == "PK\x03\x04" || string(t.head) == "PK\x05\x06"
}

// givenUp gives the last word on a download that was given up.
func (t *transfer) givenUp(f *fault, requests int) error {
	var p *problem.Error
	if !errors.As(f.err, &p) {
		return f.err
	}
	p.What = fmt.Sprintf("%s (after %d bytes, %d requests)", p.What, t.got, requests)
	if p.Remedy == "" {
		p.Remedy = "Check that this machine may reach the server of the data (firewall, HTTPS_PROXY)."
	}
	return addRemedy(p, "The data is still there: download it with the setting task-id: "+t.task.ID+".")
}
